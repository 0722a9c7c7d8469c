"""`--greedy`: the steps of a study, taken again from its trials whenever they are needed.

Nothing about a step is stored: the same trials give the same steps, so a study can be stopped and resumed anywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis import Histories, PredictionsOf, ScoreOf, ask
from regfleet.analysis.across import over_datasets
from regfleet.analysis.gains import Step
from regfleet.analysis.runs import runs_of
from regfleet.analysis.stepwise import Walk, take_step
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.concluding.looks import analysed
from regfleet.planning.combining import after, choosing_seeds, factors_of, labels_of
from regfleet.planning.variants import resolve_variants
from regfleet.results import DataFacts
from regfleet.settings import VariantEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from regfleet.planning.resolved import Resolved
    from regfleet.settings import Study
    from regfleet.settings.values import Variant


def variants_with(study: Study, names: Iterable[str]) -> tuple[Variant, ...]:
    """The variants that a study names beside those to be combined, and those called ``names``."""
    more = (VariantEntry(technique=name) for name in names)
    plain = study.model_copy(update={"combine": (), "greedy": False, "variant": (*study.variant, *more)})
    return resolve_variants(plain)


def followed(resolved: Resolved, trials: pd.DataFrame) -> Resolved:
    """The study with the steps that its ``trials`` allow, and with the variants that are judged on account of them."""
    if not resolved.study.greedy:
        return resolved
    walks = {name: walk(resolved, name, trials[trials["dataset"] == name]) for name in resolved.study.names}
    judged = dict.fromkeys(name for one in walks.values() for name in one.judged)
    return replace(resolved, walks=walks, variants=variants_with(resolved.study, judged))


def walk(resolved: Resolved, dataset: str, trials: pd.DataFrame) -> Walk:
    """The steps that the trials of one data set allow; one that is missing there is one that has to run."""
    study, model = resolved.study, resolved.model
    factors, seeds = factors_of(study, model), choosing_seeds(study)
    labels, question = labels_of(factors, model), ask(study.analysis)
    facts = resolved.data.get(dataset, DataFacts())
    rows = {str(name): of for name, of in trials[trials["seed"].isin(seeds)].groupby("variant")}
    current: list[int] = []
    steps: list[Step] = []
    base, single = "none", ""
    asked = dict.fromkeys([base])
    while True:
        further = after(current, factors, model)
        asked |= dict.fromkeys(further.values())
        if any(len(rows.get(name, ())) < len(seeds) for name in asked):
            return Walk(tuple(steps), tuple(asked), done=False)
        if not further:
            break
        runs = {
            name: runs_of(rows[name], question.metric, question.at, facts.task) for name in (base, *further.values())
        }
        step = take_step(
            runs[base],
            {name: (labels[number], runs[name]) for number, name in further.items()},
            question,
            (facts.training_rows, facts.validation_rows),
            fixed=question.scope == "this_dataset",
        )
        steps.append(step)
        single = single or step.name
        if not step.clear:
            break
        current.append(next(number for number, name in further.items() if name == step.name))
        base = step.name
    return Walk(tuple(steps), tuple(asked), done=True, single=single, final=base)


def due(resolved: Resolved, trials: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows of ``trials`` that choose or judge as far as steps have come; how many each variant has to have."""
    study, planned = resolved.study, Counter[str]()
    choosing, mine = choosing_seeds(study), np.zeros(len(trials), bool)
    for name, found in (resolved.walks or {}).items():
        judged = [one.name for one in judged_on(resolved, name).variants] if found.done else []
        for variants, seeds in ((found.asked, choosing), (judged, study.seeds)):
            planned.update(dict.fromkeys(variants, len(seeds)))
            of = (trials["dataset"] == name) & trials["variant"].isin(variants) & trials["seed"].isin(seeds)
            mine |= of.to_numpy()
    return trials[mine], planned


def judged_on(resolved: Resolved, dataset: str) -> Resolved:
    """The study as it is judged on ``dataset``: by the variants that its own steps came to."""
    found = (resolved.walks or {})[dataset]
    return replace(resolved, variants=variants_with(resolved.study, found.judged), walks={dataset: found})


def summarize_walks(
    resolved: Resolved,
    trials: pd.DataFrame,
    histories: Histories,
    predictions: PredictionsOf | None,
    score: ScoreOf | None,
) -> Summary:
    """The Summary of a study whose techniques are added one by one: each data set with what its steps came to.

    Over data sets only those variants are compared that all of them have.
    """
    datasets: list[DatasetSummary] = []
    common = dict.fromkeys(resolved.names)
    for name in sorted({*resolved.study.names} & {*trials["dataset"]}):
        of = judged_on(resolved, name)
        common = {one: None for one in common if one in of.names}
        rows = trials[(trials["dataset"] == name) & trials["variant"].isin(of.names)]
        datasets += analysed(of, rows, histories, predictions, score=score).datasets
    across = over_datasets(tuple(datasets), [*common], resolved.question)
    return Summary(resolved.question, tuple(datasets), across=across)
