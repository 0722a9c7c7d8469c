"""A variant over the runs of a study: its score in each with its interval, its control behind, changes marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.numbers import Scale
from regfleet.report.figures.forest import MARKER
from regfleet.report.figures.style import (
    BAND,
    GHOST,
    LINE,
    SMALL,
    TINY,
    Plate,
    canvas,
    grid,
    room,
    spread_apart,
    styled,
    tick,
    write,
)
from regfleet.report.tokens import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, TOP, BOTTOM = 350, 176, 20, 26
CROWD, TICKS = 40, 4
"""Runs up to which each has a bar and a mark of its own, and numbers of the y axis."""
APART = 14.0
"""CSS pixels between the letters of two changes."""


@dataclass(frozen=True, slots=True)
class Point:
    """A variant in a run, in units of the metric; NaN where there is no number."""

    mean: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Line:
    """A variant over all runs, the oldest first; ``control`` has the means of its control, none for a control."""

    label: str
    points: Sequence[Point]
    control: Sequence[float]


@dataclass(frozen=True, slots=True)
class Times:
    """The runs: the ``days`` of each, and letters for what ``changed`` before it, empty for nothing."""

    days: Sequence[str]
    changed: Sequence[str]


@styled
def over_time(name: str, line: Line, times: Times, unit: Scale, described: str) -> Plate:
    """One card; runs stand at equal distances, however much time lies between them."""
    low, high = _limits(line)
    left = room(low, high, unit, TICKS)
    figure, axes = canvas(WIDTH, HEIGHT, left=left, right=66, top=TOP, bottom=BOTTOM)
    last = len(line.points) - 1
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_ylim(low, high)
    axes.locator_params(axis="y", nbins=TICKS)
    axes.yaxis.set_major_formatter(lambda value, _: tick(value, unit))
    axes.set_xticks([0, last], [times.days[0], times.days[-1]])
    grid(axes, "y")
    _mark(axes, times.changed, (WIDTH - left - 66) / (last + 1))
    ends = []
    if line.control:
        axes.plot(range(last + 1), line.control, color=LIGHT["ghost"], linewidth=GHOST, linestyle=(0, (2, 1.5)))
        ends.append((line.control[-1], "control", LIGHT["muted"]))
    _draw(axes, line.points)
    now = line.points[-1]
    ends.append((now.mean, unit.full(now.mean), LIGHT.get(now.verdict, LIGHT["fg"])))
    _end_labels(axes, ends, low, high)
    return Plate(name, f"{line.label}: test {unit.metric.title} in each run", described, figure)


def _limits(line: Line) -> tuple[float, float]:
    values = [value for one in line.points for value in (one.mean, one.low, one.high)]
    finite = [value for value in (*values, *line.control) if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def _mark(axes: Axes, changed: Sequence[str], pixels: float) -> None:
    """A dashed line before each run that something changed for; its letters where there is room for them."""
    free = -math.inf
    for index, letters in enumerate(changed):
        if not letters:
            continue
        axes.axvline(index - 0.5, color=LIGHT["line-strong"], linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        if index * pixels >= free:
            axes.text(
                index - 0.5,
                1.02,
                letters,
                transform=axes.get_xaxis_transform(),
                fontsize=TINY,
                color=LIGHT["muted"],
                ha="center",
                va="bottom",
            )
            free = index * pixels + APART + 7 * (len(letters) - 1)


def _draw(axes: Axes, points: Sequence[Point]) -> None:
    places = range(len(points))
    lows, highs, means = ([getattr(one, side) for one in points] for side in ("low", "high", "mean"))
    if len(points) > CROWD:
        axes.fill_between(places, lows, highs, color=LIGHT["validation"], alpha=BAND, linewidth=0)
        axes.plot(places, means, color=LIGHT["validation"], linewidth=LINE)
        return
    axes.plot(places, means, color=LIGHT["muted"], linewidth=GHOST, zorder=2)
    for place, one in enumerate(points):
        colour = _colour(one)
        if math.isfinite(one.low) and math.isfinite(one.high):
            axes.plot([place, place], [one.low, one.high], color=colour, linewidth=2, solid_capstyle="butt")
        if math.isfinite(one.mean):
            marker = next((mark for word, mark in MARKER.items() if word == one.verdict), "D")
            axes.plot([place], [one.mean], color=colour, marker=marker, markersize=6, zorder=3)


def _colour(one: Point) -> str:
    if one.verdict == "control":
        return LIGHT["validation"]
    return LIGHT[one.verdict] if one.verdict in {"better", "worse"} else LIGHT["muted"]


def _end_labels(axes: Axes, ends: Sequence[tuple[float, str, str]], low: float, high: float) -> None:
    ends = [end for end in ends if math.isfinite(end[0])]
    pixel = (high - low) / (HEIGHT - TOP - BOTTOM)
    for place, (_, word, colour) in zip(
        spread_apart([value for value, _, _ in ends], 13 * pixel, low, high), ends, strict=True
    ):
        write(axes, 1, place, word, colour=colour, size=SMALL, shift=5)


def described(days: Sequence[str], points: Sequence[Point], unit: Scale) -> Iterator[str]:
    """The numbers of a line in words: of many runs the first, the lowest, the highest and the last."""
    known = [index for index, one in enumerate(points) if math.isfinite(one.mean)]
    if len(known) > 8:
        by_mean = sorted(known, key=lambda index: points[index].mean)
        known = sorted({known[0], by_mean[0], by_mean[-1], known[-1]})
    for index in known:
        one = points[index]
        interval = unit.between(one.low, one.high)
        yield f"{days[index]}: {unit.full(one.mean)}{f' ({interval})' if interval else ''}, {one.verdict}"
