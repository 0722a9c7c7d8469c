"""Which variants are shown, in which order, and against which controls."""

from __future__ import annotations

import math
from collections import Counter

from regfleet.analysis.summary import Curve, DatasetSummary, VariantSummary


def shown(dataset: DatasetSummary) -> tuple[VariantSummary, ...]:
    """The variants and, for each sweep, the one tuned on validation; their places here number their anchors."""
    return (*dataset.variants, *(family.tuned for family in dataset.families))


def ordered(dataset: DatasetSummary, *, higher_is_better: bool) -> list[tuple[int, VariantSummary]]:
    """(place, variant), best mean first; those without a score last."""
    sign = -1 if higher_is_better else 1

    def key(pair: tuple[int, VariantSummary]) -> float:
        mean = pair[1].score.mean
        return sign * mean if math.isfinite(mean) else math.inf

    return sorted(enumerate(shown(dataset)), key=key)


def chosen(dataset: DatasetSummary, *, higher_is_better: bool) -> VariantSummary | None:
    """The variant that the verdict is about: the best of those that are better, else the best mean."""
    scored = [row for _, row in ordered(dataset, higher_is_better=higher_is_better) if math.isfinite(row.score.mean)]
    better = [row for row in scored if row.comparison and row.comparison.verdict == "better"]
    return next(iter(better or scored), None)


def controls(dataset: DatasetSummary) -> tuple[str, ...]:
    """The controls that variants are compared with, the most frequent first."""
    return tuple(name for name, _ in Counter(row.control for row in shown(dataset) if row.control).most_common())


def curve(row: VariantSummary, column: str) -> Curve | None:
    """A variant's curve of a history column; None where no epoch was recorded."""
    found = row.curves.get(column)
    return found if found and found.epochs else None
