"""What steps that add techniques one by one came to on a data set, judged on other seeds, and in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from regfleet.analysis.comparing import Terms
from regfleet.analysis.effects import minus
from regfleet.analysis.gains import Step, Stepwise
from regfleet.analysis.intervals import MINIMUM_PAIRS
from regfleet.analysis.runs import Runs
from regfleet.analysis.stepwise import Walk
from regfleet.analysis.summary import DatasetSummary
from regfleet.metrics import Metric
from regfleet.numbers import Scale, number_word

CLAIMS = 2
"""The set against its control, and against the best single technique."""


def stepped(walk: Walk, choosing: int, runs: Mapping[str, Runs], dataset: DatasetSummary, terms: Terms) -> Stepwise:
    """The steps with what is said of them, and the lead of what they came to over the best single technique."""
    found = Stepwise(walk.steps, choosing, walk.single, walk.final)
    unit = Scale(terms.metric)
    said = step_words(walk, terms.metric, choosing)
    if not walk.done:
        return replace(found, said=(*said, "The steps are not finished: the same command goes on with them."))
    labels = dataset.labels
    final, single = labels.get(walk.final, walk.final), labels.get(walk.single, walk.single)
    others = "judged on other seeds, by test scores that no step saw"
    if walk.final in ("none", walk.single):
        what = "no technique" if walk.final == "none" else f"{final} alone"
        return replace(found, said=(*said, f"Added one by one, techniques came to {what}; {single} is {others}."))
    pair = [runs[walk.final], runs[walk.single]]
    lead, enough = minus(pair, terms, CLAIMS)
    reach = unit.from_to(lead.low, lead.high)
    if not enough or math.isnan(lead.low):
        tail = "on too few seeds to say whether it is ahead of the best single technique"
    elif lead.low > 0:
        tail = f"it is clearly ahead of the best single technique, {single}: by {unit.amount(lead.mean)} ({reach})"
    elif lead.high < 0:
        tail = f"it is clearly behind the best single technique, {single}: by {unit.amount(lead.mean)} ({reach})"
    else:
        tail = (
            f"whether it is ahead of the best single technique, {single}, is not clear ({reach}): that one is simpler"
        )
    return replace(found, lead=lead, said=(*said, f"Added one by one, techniques came to {final}; {others}, {tail}."))


def step_words(walk: Walk, metric: Metric, choosing: int) -> tuple[str, ...]:
    """What each step found, on so many seeds."""
    return tuple(_step(number, one, Scale(metric), choosing) for number, one in enumerate(walk.steps, 1))


def _step(number: int, step: Step, unit: Scale, choosing: int) -> str:
    best = next(one for one in step.candidates if one.name == step.name)
    if best.seeds < MINIMUM_PAIRS:
        few = f"{best.seeds} of {choosing} seeds finished, too few to choose"
        return f"Step {number}: {few}; {number_word(MINIMUM_PAIRS)} are the least."
    reach = unit.from_to(best.difference.low, best.difference.high)
    of = f"{unit.change(best.difference.mean)} on validation rows, {reach}"
    if step.clear:
        return f"Step {number}: {step.label} helps most ({of}) and is added."
    nothing = "nothing more is" if number > 1 else "nothing is"
    return f"Step {number}: {step.label} would help most, and not clearly ({of}): {nothing} added."
