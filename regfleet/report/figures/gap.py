"""Who memorizes: training beside validation accuracy on equal weights, sorted by the gap between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regfleet.records import DatasetSummary, Summary, VariantSummary
from regfleet.report.figures.rows import rows
from regfleet.report.figures.style import NARROW, WIDE, Plate, styled
from regfleet.report.shown import curve, shown
from regfleet.report.text import number
from regfleet.report.tokens import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ends = tuple[VariantSummary, float, float]


def gap(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The dumbbells, once for a wide page and once for a phone; nothing without a gap to show."""
    with_test = summary.settings.metric == "accuracy"
    ends = [(row, *_ends(row, with_test=with_test)) for row in shown(dataset) if row.finished]
    ends = [end for end in ends if all(math.isfinite(value) for value in (end[0].gap.mean, end[1]))]
    ends.sort(key=lambda end: end[0].gap.mean)
    for width in (WIDE, NARROW) if ends else ():
        yield draw(ends, width, with_test=with_test)


def _ends(row: VariantSummary, *, with_test: bool) -> tuple[float, float]:
    """Training and validation accuracy; their difference is the gap that the tables print."""
    one = curve(row, "train_accuracy")
    train = row.train_score if with_test else one.mean[-1] if one else math.nan
    return train, train - row.gap.mean


@styled
def draw(ends: Sequence[Ends], width: int, *, with_test: bool) -> Plate:
    """One dumbbell figure, ``width`` CSS pixels wide."""
    plot = rows(len(ends), width, 13)
    for index, (row, train, validation) in enumerate(ends):
        y = plot.middle(index)
        _dumbbell(plot.axes, y, 100 * train, 100 * validation)
        if with_test:
            reach = 0.26 if plot.wide else 0.2
            test = [100 * row.score.mean] * 2
            plot.axes.plot(test, [y - reach, y + reach], color=LIGHT["fg"], linewidth=2, zorder=4)
        plot.words(index, row.label, f"{number(100 * row.gap.mean, signed=True)} points", LIGHT["muted"])
    plot.describe_axis("accuracy, %")
    told = (
        f"{row.label}: training {number(100 * train)}, validation {number(100 * validation)}, "
        f"gap {number(100 * row.gap.mean)} points"
        for row, train, validation in ends
    )
    title = "Training and validation accuracy per variant, sorted by the gap between them"
    return Plate(f"gap-{width}", title, "; ".join(told), plot.figure)


def _dumbbell(axes: Axes, y: float, train: float, validation: float) -> None:
    axes.plot([validation, train], [y, y], color=LIGHT["line-strong"], linewidth=1.8, zorder=1)
    axes.plot([validation], [y], "o", color=LIGHT["validation"], markersize=7.5, zorder=3)
    (mark,) = axes.plot([train], [y], "o", color=LIGHT["train"], markersize=7, zorder=2)
    mark.set(markerfacecolor=LIGHT["bg"], markeredgewidth=2)
