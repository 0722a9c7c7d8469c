"""Who memorizes: training beside validation accuracy on equal weights, sorted by the gap between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from regfleet.records import DatasetSummary, Summary, VariantSummary
from regfleet.report.figures.style import BODY, NARROW, SMALL, WIDE, Plate, canvas, grid, styled
from regfleet.report.shown import curve, shown
from regfleet.report.text import elide, number
from regfleet.report.tokens import LIGHT

Ends = tuple[VariantSummary, float, float]


def gap(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The dumbbells, once for a wide page and once for a phone; nothing without a gap to show."""
    with_test = summary.settings.metric == "accuracy"
    ends = [(row, *_ends(row, with_test=with_test)) for row in shown(dataset) if row.finished]
    ends = [end for end in ends if all(math.isfinite(value) for value in (end[0].gap.mean, end[1]))]
    ends.sort(key=lambda end: end[0].gap.mean)
    if ends:
        for width in (WIDE, NARROW):
            yield draw(ends, width, with_test=with_test)


def _ends(row: VariantSummary, *, with_test: bool) -> tuple[float, float]:
    """Training and validation accuracy; their difference is the gap that the tables print."""
    one = curve(row, "train_accuracy")
    train = row.train_score if with_test else one.mean[-1] if one else math.nan
    return train, train - row.gap.mean


@styled
def draw(ends: Sequence[Ends], width: int, *, with_test: bool) -> Plate:
    """One dumbbell figure, ``width`` CSS pixels wide."""
    from matplotlib.transforms import offset_copy

    wide = width == WIDE
    margins = {"left": 262.0, "right": 110.0} if wide else {"left": 10.0, "right": 14.0}
    figure, axes = canvas(width, (28 if wide else 44) * len(ends) + 54, top=6, bottom=48, **margins)
    axes.set_ylim(len(ends) - 0.5, -0.5)
    axes.set_yticks([])
    grid(axes, "x")
    axes.locator_params(axis="x", nbins=8 if wide else 5)
    edge = axes.get_yaxis_transform()
    left, right = (offset_copy(edge, axes.figure, x=x, units="points") for x in (-12, 12))
    for index, (row, train, validation) in enumerate(ends):
        y = index if wide else index + 0.2
        axes.plot([100 * validation, 100 * train], [y, y], color=LIGHT["line-strong"], linewidth=1.8, zorder=1)
        axes.plot([100 * validation], [y], "o", color=LIGHT["validation"], markersize=7.5, zorder=3)
        open_mark = {"markerfacecolor": LIGHT["bg"], "markeredgecolor": LIGHT["train"], "markeredgewidth": 2}
        axes.plot([100 * train], [y], "o", markersize=7, zorder=2, **open_mark)
        if with_test:
            tick = 0.3 if wide else 0.2
            axes.plot([100 * row.score.mean] * 2, [y - tick, y + tick], color=LIGHT["fg"], linewidth=2, zorder=4)
        points = f"{number(100 * row.gap.mean, signed=True)} points"
        options = {"color": LIGHT["fg"], "va": "center_baseline"}
        if wide:
            axes.text(0, index, elide(row.label, 32), ha="right", fontsize=BODY, transform=left, **options)
            options["color"] = LIGHT["muted"]
            axes.text(1, index, points, fontsize=SMALL, transform=right, **options)
        else:
            axes.text(0, index - 0.2, elide(row.label, 34), fontsize=SMALL, transform=edge, **options)
            options["color"] = LIGHT["muted"]
            axes.text(1, index - 0.2, points, fontsize=SMALL, ha="right", transform=edge, **options)
    axes.set_xlabel("accuracy, %", fontsize=SMALL, color=LIGHT["muted"], labelpad=6)
    return Plate(
        f"gap-{width}",
        "Training and validation accuracy per variant, sorted by the gap between them",
        "; ".join(
            f"{row.label}: training {number(100 * train)}, validation {number(100 * validation)}, "
            f"gap {number(100 * row.gap.mean)} points"
            for row, train, validation in ends
        ),
        figure,
    )
