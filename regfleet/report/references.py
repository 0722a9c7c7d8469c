"""Reference rows as they are shown: a table of their own under the leaderboard, without ranks."""

from __future__ import annotations

from dataclasses import dataclass

from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Interval, VariantSummary
from regfleet.numbers import DASH, Scale, number
from regfleet.report.verdicts import Chip, chip, note

ABOUT = (
    "References are no networks: they have no rank, and were trained on the same rows of the same splits. Each is "
    "compared with the network of the best mean"
)


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A reference, written out; ``difference`` is that from the best network, above zero where the reference leads."""

    label: str
    score: str
    score_interval: str
    difference: str
    difference_interval: str
    chip: Chip
    note: str
    won: str
    seconds: str
    lost: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Shown:
    """The references of a data set; ``best`` is the label of the network that they are compared with."""

    rows: tuple[ReferenceRow, ...]
    best: str
    about: str


def shown(dataset: DatasetSummary, unit: Scale) -> Shown | None:
    """The references of ``dataset``, best mean first; None where it has none."""
    found = dataset.references
    if found is None:
        return None
    return Shown(tuple(_row(row, unit) for row in found.rows), dataset.labels.get(found.best, ""), f"{about(dataset)}.")


def about(dataset: DatasetSummary) -> str:
    """What references are, what they are compared with, and how sure the intervals are."""
    found = dataset.references
    best = dataset.labels.get(found.best, "") if found else ""
    if found is None or not best:
        return ABOUT
    pairs = f"; the intervals hold for all {found.comparisons} pairs of a reference and a network at once"
    first = dataset.variant(found.best)
    if first is not None and first.rank != 1:
        best += ", of those that came to the first look"
    return f"{ABOUT}, {best}{pairs if found.comparisons > 1 else ''}"


def _row(row: VariantSummary, unit: Scale) -> ReferenceRow:
    one, lost = row.comparison, row.failed + row.diverged
    difference = one.difference if one else Interval(float("nan"), float("nan"), float("nan"))
    return ReferenceRow(
        label=row.label,
        score=unit.score(row.score.mean),
        score_interval=unit.between(row.score.low, row.score.high),
        difference=unit.difference(difference.mean) if one else DASH,
        difference_interval=unit.from_to(difference.low, difference.high),
        chip=chip(row),
        note=note(one) if one and row.finished else "",
        won=f"{one.wins}/{len(one.seeds)}" if one else DASH,
        seconds=number(row.seconds, 0 if row.seconds >= 10 else 2),
        lost=f"{lost} of {lost + row.finished}" if lost else "",
        sentence=one.sentence if one else "",
    )
