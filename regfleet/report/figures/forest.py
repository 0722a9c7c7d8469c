"""Paired differences from the control: a dot per seed, the interval that decides, the zone too small to matter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.analysis.summary import AcrossComparison, DatasetSummary, Summary
from regfleet.analysis.variant import Comparison, Interval, Word
from regfleet.numbers import Scale
from regfleet.report.figures.style import NARROW, WIDE, Plate, rows, styled, thin
from regfleet.report.tokens import LIGHT
from regfleet.report.verdicts import verdict_chip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DOTS = 200
MARKER: dict[Word, str] = {"better": "^", "worse": "v", "equivalent": "s", "undecided": "o"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plot; ``against`` names the control where it is not everybody's."""

    label: str
    against: str
    comparison: Comparison | AcrossComparison


def forest(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The forest plot of a data set, for a wide page and for a phone; nothing where nothing could be compared."""
    labels, usual = dataset.labels, next(iter(dataset.controls), None)
    lines = [
        Line(
            row.label,
            "" if row.control == usual else f"against {labels.get(row.control or '', '')}",
            row.comparison,
        )
        for row in dataset.shown
        if row.comparison and row.comparison.seeds
    ]
    yield from _both(lines, Scale(summary.metric), "forest")


def across(summary: Summary) -> Iterator[Plate]:
    """The same over data sets: a dot per data set; nothing below five of them."""
    lines = [Line(one.label, "", one) for one in summary.across.comparisons] if summary.across else []
    yield from _both(lines, Scale(summary.metric), "across")


def _both(lines: list[Line], unit: Scale, name: str) -> Iterator[Plate]:
    lines.sort(key=lambda line: -line.comparison.difference.mean)
    for width in (WIDE, NARROW) if lines else ():
        yield draw(lines, unit, width, name)


@styled
def draw(lines: Sequence[Line], unit: Scale, width: int, name: str) -> Plate:
    """One forest plot, ``width`` CSS pixels wide."""
    texts = [numbers(verdict_chip(line.comparison).symbol, line.comparison.difference, unit) for line in lines]
    plot = rows(len(lines), width, max(map(len, texts)))
    axes = plot.axes
    axes.set_xlim(*_limits(lines, unit.factor))
    axes.axvline(0, color=LIGHT["fg"], linewidth=1.2, zorder=1)
    for index, (line, text) in enumerate(zip(lines, texts, strict=True)):
        verdict, y = line.comparison.verdict, plot.middle(index)
        zone(axes, y, 1.0 if plot.wide else 0.56, unit.factor * line.comparison.rope)
        _dots(
            axes, y - 0.1, 0.32 if plot.wide else 0.22, [unit.factor * value for value in line.comparison.differences]
        )
        bar(axes, y + 0.12, unit.factor, line.comparison.difference, verdict)
        plot.words(index, line.label, text, LIGHT[verdict] if verdict in LIGHT else LIGHT["muted"], line.against)
    what = f"test {unit.metric.title} minus control, percentage points" if unit.unit else f"test {unit.metric.title}"
    plot.describe_axis(f"← worse  ·  {what if plot.wide else unit.points or unit.metric.title}  ·  better →")
    spoken = (
        f"{line.label}: {text}, {verdict_chip(line.comparison).word.lower()}"
        for line, text in zip(lines, texts, strict=True)
    )
    title = f"Difference in test {unit.metric.title} from the control, per variant"
    return Plate(f"{name}-{width}", title, "; ".join(spoken), plot.figure)


def _limits(lines: Sequence[Line], factor: float) -> tuple[float, float]:
    ends = [0.0]
    for line in lines:
        one = line.comparison
        ends += [value for value in (one.difference.low, one.difference.high, *one.differences) if math.isfinite(value)]
        ends += [-one.rope, one.rope]
    return span(ends, factor)


def span(ends: Sequence[float], factor: float) -> tuple[float, float]:
    """Where an axis begins and ends that shows all of ``ends``."""
    margin = 0.04 * (max(ends) - min(ends)) or 0.01
    return factor * (min(ends) - margin), factor * (max(ends) + margin)


def numbers(symbol: str, of: Interval, unit: Scale) -> str:
    """The symbol of a verdict, the difference that it is about, and its interval."""
    text = f"{symbol} {unit.difference(of.mean)}"
    if math.isfinite(of.low) and math.isfinite(of.high):
        text += f" [{unit.difference(of.low)}, {unit.difference(of.high)}]"
    return text


def zone(axes: Axes, y: float, height: float, rope: float) -> None:
    """The zone too small to matter."""
    from matplotlib.patches import Rectangle

    corner = (-rope, y - height / 2)
    axes.add_patch(Rectangle(corner, 2 * rope, height, facecolor=LIGHT["neutral-bg"], linewidth=0, zorder=0))


def _dots(axes: Axes, y: float, height: float, differences: Sequence[float]) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    # A dot is a line of no length with round ends: eleven bytes in the page, where a marker takes eighty.
    low, high = axes.get_xlim()
    points = [(x, y - height * up) for x, up in swarm(differences, (high - low) / 90)]
    path = Path([point for point in points for _ in (0, 1)], [Path.MOVETO, Path.LINETO] * len(points))
    dots = PathPatch(path, fill=False, edgecolor=LIGHT["neutral-mark"], linewidth=3.4, capstyle="round", alpha=0.9)
    dots.set(zorder=2, clip_on=False)
    axes.add_patch(dots)


def bar(axes: Axes, y: float, factor: float, of: Interval, verdict: Word) -> None:
    """The interval and the mean of a difference."""
    colour = LIGHT.get(verdict, LIGHT["neutral-mark"])
    if math.isfinite(of.low) and math.isfinite(of.high):
        ends = [factor * of.low, factor * of.high]
        axes.plot(ends, [y, y], color=colour, linewidth=3.5, solid_capstyle="butt", zorder=3, clip_on=False)
    (mark,) = axes.plot([factor * of.mean], [y], color=colour, marker=MARKER[verdict], markersize=8)
    mark.set(markeredgecolor=LIGHT["bg"], zorder=4, clip_on=False)


def swarm(differences: Sequence[float], size: float) -> list[tuple[float, float]]:
    """(place, height in [0, 1]) per dot ``size`` wide: dots at one place are stacked, at most about 200 in all.

    A stack of more than four grows sideways where its neighbours leave room, as they do where scores count few rows.
    """
    values = sorted(value for value in differences if math.isfinite(value))
    values = [values[index] for index in thin(len(values), MOST_DOTS)]
    stacks: dict[int, list[float]] = {}
    for value in values:
        stacks.setdefault(round(value / size), []).append(value)
    keys = [-math.inf, *stacks, math.inf]
    columns = {
        key: int(min(-(-len(stacks[key]) // 4), key - keys[i], keys[i + 2] - key)) for i, key in enumerate(stacks)
    }
    tallest = max((-(-len(stack) // columns[key]) for key, stack in stacks.items()), default=1)
    step = min(0.34, 1 / max(tallest - 1, 1))
    dots = []
    for key, stack in stacks.items():
        for i, value in enumerate(stack):
            level, column = divmod(i, columns[key])
            wide = min(columns[key], len(stack) - level * columns[key])
            dots.append((value + (column - (wide - 1) / 2) * size, level * step))
    return dots
