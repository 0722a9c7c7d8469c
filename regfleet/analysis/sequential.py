"""Seeds until the answer is clear: looks fixed beforehand, each spending its share of alpha."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regfleet.analysis.power import ROUND, resolution_floor, useful_seeds
from regfleet.analysis.question import Question
from regfleet.analysis.summary import Comparison, DatasetSummary, Look

LOOKS = (10, 20, 40, 80, 160)


def planned_looks(ratio: float) -> tuple[int, ...]:
    """The numbers of seeds to look at, in fives; capped where more add next to nothing for ``ratio`` = n_test/n_train.

    Whole rounds of a balanced split test all rows equally often.
    """
    useful = useful_seeds(ratio)
    cap = LOOKS[-1] if useful is None else min(LOOKS[-1], max(ROUND * math.ceil(useful / ROUND), LOOKS[0]))
    return (*(seeds for seeds in LOOKS if seeds < cap), cap)


def decidable(comparison: Comparison, ratio: float, alpha: float, comparisons: int) -> bool:
    """Whether more seeds could end this comparison: the long-run mean that these rows allow may clear the floor.

    Args:
        comparison: with its ``this_dataset`` interval, where unlimited seeds would put the mean.
        ratio, alpha, comparisons: of the interval at the last look.
    """
    reach = comparison.this_dataset
    if ratio == 0 or reach is None or reach.low != reach.low:
        return True
    if comparison.outlook is not None:
        floor = comparison.outlook.limit(alpha, comparisons)
    else:
        floor = resolution_floor(comparison.sd, ratio, alpha, comparisons)
    nearest = max(0.0, reach.low, -reach.high)
    farthest = max(-reach.low, reach.high)
    return farthest > floor or nearest + floor < comparison.rope


def take_look(dataset: DatasetSummary, question: Question, looks: Sequence[int]) -> Look:
    """What look ``question.look`` settles on one data set, and whether to go on.

    Args:
        dataset: the summary that answers ``question``.
        question: with ``look`` from 1 and ``looks`` = len(looks).
        looks: seeds at each look, as `planned_looks` gave them before the first run.

    Returns:
        which variants are settled, undecided and hopeless; the seeds to go on to or None, the reason, and the
        variants to train on them.
    """
    settled, undecided, hopeless = [], [], []
    for variant in dataset.shown:
        comparison = variant.comparison
        if comparison is None:
            continue
        if comparison.verdict != "undecided":
            settled.append(variant.name)
        elif decidable(comparison, dataset.ratio, question.alpha_last, dataset.comparisons):
            undecided.append(variant.name)
        else:
            hopeless.append(variant.name)
    following = looks[question.look] if undecided and question.look < len(looks) else None
    return Look(
        dataset=dataset.dataset,
        number=question.look,
        looks=len(looks),
        seeds=looks[question.look - 1],
        alpha=question.alpha_now,
        settled=tuple(settled),
        undecided=tuple(undecided),
        hopeless=tuple(hopeless),
        next_seeds=following,
        reason=_reason(dataset.dataset, looks, question.look, len(undecided), len(hopeless)),
        running=_running(dataset, undecided) if following is not None else (),
    )


def _running(dataset: DatasetSummary, undecided: Sequence[str]) -> tuple[str, ...]:
    """The undecided variants, the members of undecided sweeps, and their controls, best rank first."""
    wanted = set(undecided)
    for family in dataset.families:
        if family.family in wanted:
            wanted.update(family.members)
    wanted.update([row.control for row in dataset.variants if row.name in wanted and row.control is not None])
    return tuple(row.name for row in dataset.variants if row.name in wanted)


def _reason(dataset: str, looks: Sequence[int], number: int, undecided: int, hopeless: int) -> str:
    seeds = looks[number - 1]
    if undecided and number < len(looks):
        return f"On to {looks[number]} seeds on {dataset}: {undecided} undecided after {seeds}."
    if undecided:
        return f"Stopped on {dataset} at the last look, {seeds} seeds, with {undecided + hopeless} undecided."
    if hopeless:
        return (
            f"Stopped on {dataset} after {seeds} seeds: no number of seeds will decide the {hopeless} still undecided; "
            "more rows or more data sets could."
        )
    return f"Stopped on {dataset} after {seeds} seeds: every comparison is settled."
