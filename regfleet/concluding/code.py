"""The plain Keras code of variants: of those of a results directory with the settings that tuning chose."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.models.keras_code import Wanted, keras_code
from regfleet.report.pasted import Pasted

if TYPE_CHECKING:
    from regfleet.analysis.summary import Summary
    from regfleet.planning.resolved import Resolved
    from regfleet.results import Stored
    from regfleet.settings.values import Candidate, ModelSpec, Variant

MANY = 12
"""Data sets above which a report has no code."""
SHOWN, SHOWN_OF_SEVERAL = 6, 1
"""Variants whose code a report has, the best ones and the control: of one data set, of each of several."""


def code_of(variant: Variant, model: ModelSpec, wanted: Wanted, chosen: Candidate | None = None) -> str:
    """The code of a variant, with the setting that was ``chosen`` where it was tuned."""
    training, techniques = variant.training, variant.techniques
    if chosen is not None:
        training = training.model_copy(update={"learning_rate": chosen.learning_rate})
        techniques = chosen.techniques
    spelled = "+".join(map(str, techniques)) or "none"
    command = f"regfleet compare -t {shlex.quote(spelled)}"
    try:
        return keras_code(model, training, techniques, replace(wanted, command=command))
    except InputError as problem:  # of the code of someone's own technique
        return f"# {problem}\n# {command} trains it.\n"


def chosen_in(resolved: Resolved, results: Stored) -> dict[tuple[str, str], Candidate]:
    """By data set and variant, the setting that most seeds chose, of those alike the first one."""
    from regfleet.analysis.tuning import tuning_of

    found: dict[tuple[str, str], Candidate] = {}
    for dataset in resolved.study.names if resolved.study.tune > 1 else ():
        rows = results.trials[results.trials["dataset"] == dataset]
        by_variant = {str(name): each for name, each in rows.groupby("variant")}
        picks = {one.name: one.picks for one in tuning_of(resolved.variants, by_variant)}
        found |= {(dataset, name): _picked(resolved, name, each) for name, each in picks.items()}
    return found


def _picked(resolved: Resolved, name: str, picks: tuple[int, ...]) -> Candidate:
    (variant,) = (one for one in resolved.variants if one.name == name)
    assert variant.tuning is not None  # noqa: S101 - as it was tuned
    return variant.tuning.candidates[picks.index(max(picks))]


def pasted(resolved: Resolved, results: Stored, summary: Summary) -> Mapping[str, tuple[Pasted, ...]]:
    """By data set, the code that its section of a report has: of its best variants and their control.

    None for very many data sets, and the command alone for a model of the user's own, whose graph is not at hand.
    """
    if len(summary.datasets) > MANY:
        return {}
    if resolved.model.source:
        patch = Pasted(f"What puts techniques into {resolved.model.source}", "regfleet show-model DIR --code\n")
        return {one.dataset: (patch,) for one in summary.datasets}
    chosen, variants = chosen_in(resolved, results), {one.name: one for one in resolved.variants}
    found = {}
    for dataset in summary.datasets:
        facts = resolved.data.get(dataset.dataset)
        order = [row.name for row in dataset.ordered(summary.metric) if row.name in variants]
        most = SHOWN if len(summary.datasets) == 1 else SHOWN_OF_SEVERAL
        control = [name for name in dataset.controls if name in order and most > 1][:1]
        names = [name for name in order if name in {*order[: most - len(control)], *control}]
        wanted = Wanted(
            dataset.task,
            len(facts.classes) if facts and dataset.task == "classification" else 1,
            facts.axes if facts else 1,
            seed=resolved.study.seeds[0] if resolved.study.seeds else 0,
            best=resolved.question.at == "best",
            scaling=facts.scaling if facts else "",
        )
        if dataset.task == "classification" and wanted.outputs < 2:
            continue  # results of a version that kept no classes
        found[dataset.dataset] = tuple(
            Pasted(
                variants[name].label,
                code_of(variants[name], resolved.model, wanted, chosen.get((dataset.dataset, name))),
            )
            for name in names
        )
    return found
