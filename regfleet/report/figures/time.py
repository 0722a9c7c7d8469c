"""What a score costs: the mean score of each variant against the seconds that a trial of it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.analysis.variant import VariantSummary
from regfleet.numbers import DASH, Scale, number, short
from regfleet.report.figures.style import NARROW, SMALL, WIDE, Plate, canvas, grid, spread_apart, styled
from regfleet.report.tokens import LIGHT
from regfleet.report.verdicts import chip
from regfleet.text import elide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_RATIO = 4
"""Times between the longest and the shortest trial from which the axis is logarithmic."""
LINE_HEIGHT = 16.0
Point = tuple[float, VariantSummary]
"""Seconds a trial, and whose."""


def time(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The figure, for a wide page and for a phone; nothing below two variants whose odds and seconds are known."""
    rows = {row.name: row for row in dataset.variants}
    points = [(one.seconds, rows[one.name]) for one in dataset.odds if one.seconds > 0]
    points = [point for point in points if math.isfinite(point[1].score.mean)]
    for width in (WIDE, NARROW) if len(points) > 1 else ():
        yield draw(points, Scale(summary.metric), width)


@styled
def draw(points: Sequence[Point], unit: Scale, width: int) -> Plate:
    """A mark per variant with the interval of its score, and its name, on a phone its rank, at the right edge."""
    from matplotlib.ticker import LogLocator

    wide = width == WIDE
    height = max(300.0 if wide else 260.0, LINE_HEIGHT * len(points) + 70)
    figure, axes = canvas(width, height, left=54, right=260 if wide else 44, top=10, bottom=50)
    seconds = [value for value, _ in points]
    if max(seconds) / min(seconds) >= LOG_RATIO:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.minorticks_off()
    for value, row in points:
        _mark(axes, value, row, unit)
    axes.margins(x=0.08, y=0.08)
    axes.locator_params(axis="y", nbins=6)
    if axes.get_xscale() == "linear":
        axes.locator_params(axis="x", nbins=6 if wide else 4)
    grid(axes, "y")
    _names(axes, points, unit, height - 60, wide=wide)
    axes.xaxis.set_major_formatter(lambda value, _: short(value, 3))
    axes.yaxis.set_major_formatter(lambda value, _: f"{short(value, 4)}{unit.unit}")
    axes.set_xlabel("seconds a trial", fontsize=SMALL, color=LIGHT["muted"], labelpad=6)
    spoken = "; ".join(
        f"{row.label}: {unit.full(row.score.mean)} in {number(value)} s, {chip(row).word.lower()}"
        for value, row in points
    )
    return Plate(f"time-{width}", f"Test {unit.metric.title} against seconds a trial", spoken, figure)


def _colour(row: VariantSummary) -> str:
    word = row.comparison.verdict if row.comparison else ""
    return LIGHT[word] if word in LIGHT else LIGHT["neutral-mark"]


def _mark(axes: Axes, value: float, row: VariantSummary, unit: Scale) -> None:
    score, colour = row.score, _colour(row)
    if math.isfinite(score.low) and math.isfinite(score.high):
        ends = [unit.factor * score.low, unit.factor * score.high]
        axes.plot([value, value], ends, color=colour, linewidth=1.6, alpha=0.6, zorder=2)
    (mark,) = axes.plot([value], [unit.factor * score.mean], color=colour, marker="o", markersize=8, zorder=3)
    mark.set(markeredgecolor=LIGHT["bg"])
    if row.control is None:
        mark.set(markerfacecolor=LIGHT["bg"], markeredgecolor=colour, markeredgewidth=2)


def _names(axes: Axes, points: Sequence[Point], unit: Scale, pixels: float, *, wide: bool) -> None:
    """Who is who, at the right edge, each with a faint line from its mark."""
    low, high = axes.get_ylim()
    end = axes.get_xlim()[1]
    apart = LINE_HEIGHT * (high - low) / pixels
    heights = [unit.factor * row.score.mean for _, row in points]
    for (value, row), height, place in zip(points, heights, spread_apart(heights, apart, low, high), strict=True):
        rank = str(row.rank or DASH)
        axes.plot([value, end], [height, place], color=LIGHT["line"], linewidth=1, zorder=1, clip_on=False)
        axes.annotate(
            f"{rank}  {elide(row.label, 34)}" if wide else rank,
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center_baseline",
            color=LIGHT["fg"],
            fontsize=SMALL,
            annotation_clip=False,
        )
    axes.set_xlim(right=end)
    axes.set_ylim(low, high)
