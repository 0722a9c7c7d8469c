"""Seeds until the answer is clear: looks fixed beforehand, each spending its share of alpha.

Seeds go where they settle something: a variant that has its verdict gets no more, nor one that the last look would
hardly settle. What stops keeps the verdict of its own seeds, by the share of its own look (`Question.alpha_at`), so
that by the union bound over looks and comparisons the chance of any false claim is alpha, whatever stops when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from regfleet.analysis.intervals import NOT_YET
from regfleet.analysis.power import ROUND, resolution_floor, useful_seeds
from regfleet.analysis.prospects import LIKELY, Ahead, chance_of_verdict
from regfleet.analysis.question import Question
from regfleet.analysis.summary import DatasetSummary, Look
from regfleet.analysis.variant import Comparison, VariantSummary
from regfleet.numbers import count

LOOKS = (10, 20, 40, 80, 160)
GLANCE = 5
"""Seeds after which what the last look would hardly settle stops already; nothing is claimed of them."""


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


def going_on(
    dataset: DatasetSummary, question: Question, looks: Sequence[int], there: Mapping[str, int]
) -> tuple[str, ...]:
    """The variants that go on to the first look, by their first `GLANCE` seeds; the arguments are those of `take_look`.

    It spends no alpha, for it claims nothing.
    """
    ahead = _ahead(dataset, question, looks)
    wanted = []
    for row in dataset.shown:
        one = row.comparison
        if one is not None and (
            one.note == NOT_YET
            or chance_of_verdict(one, ahead) >= LIKELY
            or _trained(row.name, one.control, dataset, there, looks[0])
        ):
            wanted.append(row.name)
    return _running(dataset, wanted)


def _ahead(dataset: DatasetSummary, question: Question, looks: Sequence[int]) -> Ahead:
    return Ahead(looks[-1], question.alpha_last, dataset.comparisons, dataset.ratio, dataset.n_test, dataset.rows)


def _trained(name: str, control: str, dataset: DatasetSummary, there: Mapping[str, int], seeds: int) -> bool:
    """Whether so many ``seeds`` of a variant, or of the members of a sweep, and of its control are ``there``."""
    members = next((family.members for family in dataset.families if family.family == name), (name,))
    return all(there.get(one, 0) >= seeds for one in (*members, control))


def take_look(
    dataset: DatasetSummary,
    question: Question,
    looks: Sequence[int],
    *,
    there: Mapping[str, int] | None = None,
    racing: bool = True,
) -> Look:
    """What look ``question.look`` settles on one data set, and whether to go on.

    Args:
        dataset: the summary that answers ``question``.
        question: with ``look`` from 1 and ``looks`` = len(looks).
        looks: seeds at each look, as `planned_looks` gave them before the first run.
        there: variant → the seeds that were trained already: one that the last look would hardly settle still goes on
            to the next where its seeds are there, as in the results of a version that went on.
        racing: whether what the last look would hardly settle stops; else only what no number of seeds can settle.

    Returns:
        which variants are settled, undecided and hopeless; the seeds to go on to or None, the reason, and the
        variants to train on them.
    """
    settled, undecided, hopeless = [], [], []
    last, never = question.alpha_last, 0
    ahead = _ahead(dataset, question, looks)
    following = looks[question.look] if question.look < len(looks) else None
    for variant in dataset.shown:
        comparison = variant.comparison
        if comparison is None:
            continue
        can = decidable(comparison, dataset.ratio, last, dataset.comparisons)
        last_look = len(comparison.seeds) + comparison.dropped >= looks[-1]
        likely = last_look or not racing or chance_of_verdict(comparison, ahead) >= LIKELY
        if comparison.verdict != "undecided":
            settled.append(variant.name)
        elif (can and likely) or (
            following is not None and _trained(variant.name, comparison.control, dataset, there or {}, following)
        ):
            undecided.append(variant.name)
        else:
            hopeless.append(variant.name)
            never += not can
    following = following if undecided else None
    # Where all stopped before the first look, it sees what there is.
    seeds = min(looks[question.look - 1], max(len(row.seeds) + row.failed + row.diverged for row in dataset.variants))
    return Look(
        dataset=dataset.dataset,
        number=question.look,
        looks=len(looks),
        seeds=seeds,
        alpha=question.alpha_now,
        settled=tuple(settled),
        undecided=tuple(undecided),
        hopeless=tuple(hopeless),
        next_seeds=following,
        reason=_reason(dataset, looks, (question.look, seeds), len(undecided), len(hopeless), never),
        running=_running(dataset, undecided) if following is not None else (),
    )


def stopped(row: VariantSummary, looks: Sequence[Look]) -> str:
    """How many seeds a variant had and why no more, in a few words; empty for a control or without ``looks`` at it."""
    if not looks or row.comparison is None:
        return ""
    last, seeds = looks[-1], count(len(row.seeds) + row.failed + row.diverged, "seed")
    if row.name in last.settled:
        return f"settled after {seeds}"
    if row.name in last.hopeless:
        return f"left after {seeds}"
    return f"open after {seeds}"


def _running(dataset: DatasetSummary, undecided: Sequence[str]) -> tuple[str, ...]:
    """The undecided variants, the members of undecided sweeps, and their controls, best rank first."""
    wanted = set(undecided)
    for family in dataset.families:
        if family.family in wanted:
            wanted.update(family.members)
    wanted.update([row.control for row in dataset.variants if row.name in wanted and row.control is not None])
    return tuple(row.name for row in dataset.variants if row.name in wanted)


def _reason(
    dataset: DatasetSummary, looks: Sequence[int], at: tuple[int, int], undecided: int, hopeless: int, never: int
) -> str:
    name, (number, seeds), last = dataset.dataset, at, looks[-1]
    if undecided and number < len(looks):
        left = f"; {hopeless} stopped, which {last} would hardly settle" if hopeless else ""
        return f"On to {looks[number]} seeds on {name}: {undecided} undecided after {seeds}{left}."
    if undecided:
        return f"Stopped on {name} at the last look, {seeds} seeds, with {undecided + hopeless} undecided."
    if hopeless:
        more = "more rows or more data sets could" if dataset.ratio else "more could"
        no = "no number of seeds will" if hopeless == never else f"{last} seeds would hardly"
        return f"Stopped on {name} after {seeds} seeds: {no} decide the {hopeless} still undecided; {more}."
    return f"Stopped on {name} after {seeds} seeds: every comparison is settled."
