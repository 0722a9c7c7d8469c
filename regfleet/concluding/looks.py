"""Seeds until the answer is clear: the looks of a study, taken again from its trials whenever they are needed.

Nothing about a look is stored: the same trials give the same looks, so a study can be stopped and resumed anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis import (
    GLANCE,
    Histories,
    PredictionsOf,
    Question,
    ScoreOf,
    going_on,
    summarize,
    take_look,
)
from regfleet.analysis.across import over_datasets
from regfleet.analysis.effects_across import with_effects
from regfleet.analysis.rows import sweeps
from regfleet.analysis.stepwise import Walk
from regfleet.analysis.summary import DatasetSummary, Look, Summary
from regfleet.results import DataFacts
from regfleet.settings.values import PAIRS, half_name, whole_name

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.planning.resolved import Resolved

Seeds = Mapping[str, int]
"""Variant → the number of its seeds, from 0."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a data set has come: ``looks`` taken, and the seeds that each variant needs.

    ``asked`` counts the seeds up to the look that is due or was the last, ``analysed`` those up to the last look whose
    trials are all there; before the first they are the same. ``question`` belongs to ``analysed``. ``glanced`` says
    what stopped before the first look, if anything did.
    """

    question: Question
    looks: tuple[Look, ...]
    asked: Seeds
    analysed: Seeds
    glanced: str = ""


def analysed(
    resolved: Resolved,
    trials: pd.DataFrame,
    histories: Histories,
    predictions: PredictionsOf | None,
    question: Question | None = None,
    score: ScoreOf | None = None,
    *,
    choosing: bool = True,
) -> Summary:
    """The Summary of a study's ``trials``, which answers ``question``, by default the study's own.

    ``score``, of networks taken together, is None where only the comparisons are wanted; ``choosing``: whether what
    speaks for choosing each variant is wanted, which takes longer than they do.
    """
    if resolved.question.halves:
        numbers = {half_name(name, half): half for name in resolved.study.names for half in range(2 * PAIRS)}
        of_half = [numbers.get(name, -1) for name in trials["dataset"]]
        trials = trials.assign(dataset=[whole_name(name) for name in trials["dataset"]], half=of_half)
    facts = {name: resolved.data.get(name, DataFacts()) for name in trials["dataset"].unique()}
    marks = {"fixed_test": "fixed_test", "grouped": "grouped", "n_rows": "rows", "n_columns": "columns"}
    marked = {
        column: trials["dataset"].map({name: getattr(one, field) for name, one in facts.items()})
        for column, field in marks.items()
    }
    return summarize(
        trials.assign(**marked, test_validates=resolved.split.test_is_validation),
        histories,
        resolved.variants,
        question or resolved.question,
        resolved.class_shares,
        resolved.test_shares,
        predictions,
        score=score,
        references=resolved.references,
        combining=resolved.factorial or _steps(resolved),
        choosing=choosing,
    )


def _steps(resolved: Resolved) -> tuple[Walk, int] | None:
    """The steps of the one data set that is judged by what they came to, and their seeds; None without any."""
    return next(((one, len(resolved.study.seeds)) for one in (resolved.walks or {}).values()), None)


def standings(
    resolved: Resolved,
    trials: pd.DataFrame,
    predictions: PredictionsOf | None = None,
    everything: pd.DataFrame | None = None,
) -> dict[str, Standing]:
    """How far each data set of a study that adds seeds has come with its ``trials`` and the ``predictions`` of them.

    ``everything`` has the trials that are to be run again too, where those are missing in ``trials``.

    Raises ResultsError when the rows of a data set, which say when to look, are not known.
    """
    everything = trials if everything is None else everything
    return {
        name: take_looks(
            resolved,
            trials[trials["dataset"] == name],
            resolved.looks_at(name),
            predictions,
            everything[everything["dataset"] == name],
        )
        for name in resolved.study.names
    }


def take_looks(
    resolved: Resolved,
    trials: pd.DataFrame,
    planned: tuple[int, ...],
    predictions: PredictionsOf | None = None,
    everything: pd.DataFrame | None = None,
) -> Standing:
    """The looks that the trials of one data set allow.

    Args:
        resolved: the study.
        trials: the data set's rows of the trials frame; a trial that is missing here is one that has to run.
        planned: seeds at each look.
        predictions: of test rows, as `summarize` takes them.
        everything: the rows of all of its trials, by default ``trials``.
    """
    there = _in_a_row(trials if everything is None else everything)
    asking = replace(resolved.question, looks=len(planned), planned=planned)
    asked, glanced = _glanced(resolved, trials, asking, predictions, there)
    standing = Standing(asking, (), asked, asked, glanced)
    for number in range(1, len(planned) + 1):
        rows = within(trials, asked)
        if len(rows) < sum(asked.values()):
            break
        now = replace(asking, look=number)
        (dataset,) = analysed(resolved, rows, None, predictions, now, choosing=False).datasets
        look = take_look(dataset, now, planned, there=there, racing=resolved.factorial is None)
        if resolved.factorial and look.next_seeds:
            asked_for = {*look.running, *resolved.factorial.variants, *resolved.factorial.singles}
            look = replace(look, running=tuple(name for name in resolved.names if name in asked_for))
        following = {**asked, **dict.fromkeys(look.running, look.next_seeds or 0)}
        standing = Standing(now, (*standing.looks, look), following, asked, glanced)
        if look.next_seeds is None:
            break
        asked = following
    return standing


def _glanced(
    resolved: Resolved,
    trials: pd.DataFrame,
    question: Question,
    predictions: PredictionsOf | None,
    there: Mapping[str, int],
) -> tuple[Seeds, str]:
    """The seeds up to the first look, which not all variants may come to, and a sentence on those that do not."""
    every = dict.fromkeys(resolved.names, question.planned[0])
    few = dict.fromkeys(resolved.names, GLANCE)
    if resolved.factorial:  # its effects are over the seeds that all of its runs have
        return every, ""
    rows = within(trials, few)
    if len(rows) < sum(few.values()):
        return few, ""
    (dataset,) = analysed(resolved, rows, None, predictions, question, choosing=False).datasets
    compared = [row for row in dataset.shown if row.comparison is not None]
    going = going_on(dataset, question, question.planned, there) if compared else resolved.names
    left = sum(row.name not in going for row in dataset.variants if row.comparison is not None)
    if not left:
        return every, ""
    first, last = question.planned[0], question.planned[-1]
    controls = [row.name for row in dataset.variants if row.comparison is None]  # references are judged beside them
    return few | dict.fromkeys((*going, *controls), first), (
        f"On to {first} seeds on {dataset.dataset}, without {left} that {last} would hardly settle, by the first "
        f"{GLANCE}."
    )


def _in_a_row(trials: pd.DataFrame) -> dict[str, int]:
    """Variant → how many of its seeds are there, from 0 on without a gap."""
    found = {}
    for name, seeds in trials.groupby("variant")["seed"]:
        there = np.unique(seeds)
        found[str(name)] = int(np.sum(there == np.arange(len(there))))
    return found


def asked_of(resolved: Resolved, reached: Mapping[str, Standing]) -> dict[str, Seeds]:
    """Data set → the seeds that are asked for there, of reference rows as many as of any variant."""
    return {name: _with_references(resolved, name, standing.asked) for name, standing in reached.items()}


def analysed_of(resolved: Resolved, reached: Mapping[str, Standing]) -> dict[str, Seeds]:
    """The same of the seeds that are analysed."""
    return {name: _with_references(resolved, name, standing.analysed) for name, standing in reached.items()}


def _with_references(resolved: Resolved, dataset: str, seeds: Seeds) -> Seeds:
    """``seeds`` with those of the reference rows, which no look depends on."""
    return {**seeds, **dict.fromkeys((one.name for one in resolved.references_on(dataset)), max(seeds.values()))}


def within(trials: pd.DataFrame, seeds: Seeds) -> pd.DataFrame:
    """The rows of ``trials`` whose seed is below ``seeds`` of its variant."""
    asked = [seed < seeds.get(name, 0) for seed, name in zip(trials["seed"], trials["variant"], strict=True)]
    return trials[np.array(asked, dtype=bool)]


def within_each(trials: pd.DataFrame, seeds: Mapping[str, Seeds]) -> pd.DataFrame:
    """`within` for each data set of ``seeds``."""
    import pandas as pd

    return pd.concat([within(trials[trials["dataset"] == name], limits) for name, limits in seeds.items()])


def summarize_standings(
    resolved: Resolved,
    reached: Mapping[str, Standing],
    trials: pd.DataFrame,
    histories: Histories,
    predictions: PredictionsOf | None = None,
    score: ScoreOf | None = None,
) -> Summary:
    """The Summary of a study that adds seeds: each data set as its last look saw it.

    The comparison over data sets is made once, at the end, with all of alpha: no look depended on it.
    """
    variants, question = resolved.variants, resolved.question
    whole = summarize(trials.iloc[:0], None, variants, question)
    datasets: list[DatasetSummary] = []
    wanted = analysed_of(resolved, reached)
    for name, standing in sorted(reached.items()):
        rows = within(trials[trials["dataset"] == name], wanted[name])
        datasets += analysed(resolved, rows, histories, predictions, standing.question, score).datasets
    order = [*resolved.names, *(family.name for family in sweeps(variants))]
    looks = tuple(look for _, standing in sorted(reached.items()) for look in standing.looks)
    across = with_effects(over_datasets(tuple(datasets), order, question), datasets, question)
    return replace(whole, datasets=tuple(datasets), across=across, looks=looks)
