"""Who memorizes: training beside validation score on equal weights, sorted by the gap between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.analysis.variant import Curve, VariantSummary
from regfleet.numbers import Scale, gap_scale
from regfleet.report.figures.style import NARROW, WIDE, Plate, rows, styled
from regfleet.report.tokens import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ends = tuple[VariantSummary, float, float]


def gap(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The dumbbells, once for a wide page and once for a phone; nothing without a gap to show."""
    unit = gap_scale(dataset.task)
    with_test = summary.metric.name == unit.metric.name
    ends = [(row, *_ends(row, unit, with_test=with_test)) for row in dataset.shown if row.finished]
    ends = [end for end in ends if all(math.isfinite(value) for value in (end[0].gap.mean, end[1]))]
    ends.sort(key=lambda end: end[0].gap.mean)
    for width in (WIDE, NARROW) if ends else ():
        yield draw(ends, unit, width, with_test=with_test)


def _ends(row: VariantSummary, unit: Scale, *, with_test: bool) -> tuple[float, float]:
    """Training and validation score; their difference is the gap that the tables print."""
    if with_test:
        train = row.train_score
    elif unit.metric.name == "accuracy":
        train = _last(row.curve("train_accuracy"))
    else:  # R² of the training rows, whose standardised target has a variance of 1
        train = 1 - _last(row.curve("train_mse"))
    return train, train - row.gap.mean


def _last(one: Curve | None) -> float:
    return one.mean[-1] if one else math.nan


@styled
def draw(ends: Sequence[Ends], unit: Scale, width: int, *, with_test: bool) -> Plate:
    """One dumbbell figure, ``width`` CSS pixels wide."""
    plot = rows(len(ends), width, 13)
    for index, (row, train, validation) in enumerate(ends):
        y = plot.middle(index)
        _dumbbell(plot.axes, y, unit.factor * train, unit.factor * validation)
        if with_test:
            reach = 0.26 if plot.wide else 0.2
            test = [unit.factor * row.score.mean] * 2
            plot.axes.plot(test, [y - reach, y + reach], color=LIGHT["fg"], linewidth=2, zorder=4)
        plot.words(index, row.label, unit.change(row.gap.mean), LIGHT["muted"])
    plot.describe_axis(f"{unit.metric.title}{', %' if unit.unit else ''}")
    spoken = (
        f"{row.label}: training {unit.score(train)}, validation {unit.score(validation)}, "
        f"gap {unit.score(row.gap.mean)} {unit.points}".rstrip()
        for row, train, validation in ends
    )
    title = f"Training and validation {unit.metric.title} per variant, sorted by the gap between them"
    return Plate(f"gap-{width}", title, "; ".join(spoken), plot.figure)


def _dumbbell(axes: Axes, y: float, train: float, validation: float) -> None:
    axes.plot([validation, train], [y, y], color=LIGHT["line-strong"], linewidth=1.8, zorder=1)
    axes.plot([validation], [y], "o", color=LIGHT["validation"], markersize=7.5, zorder=3)
    (mark,) = axes.plot([train], [y], "o", color=LIGHT["train"], markersize=7, zorder=2)
    mark.set(markerfacecolor=LIGHT["bg"], markeredgewidth=2)
