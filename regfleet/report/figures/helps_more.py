"""The test score along the number of training rows, and what each column adds to the control."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from regfleet.analysis.gains import Ablation, LearningCurve
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.numbers import Scale
from regfleet.report.figures.effects import limits, line
from regfleet.report.figures.forest import numbers
from regfleet.report.figures.style import (
    NARROW,
    SMALL,
    WIDE,
    Plate,
    canvas,
    grid,
    room,
    rows,
    spread_apart,
    styled,
    tick,
    write,
)
from regfleet.report.helps_more import ablated, drawn
from regfleet.report.tokens import LIGHT
from regfleet.report.verdicts import effect_chip
from regfleet.text import elide

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The learning curve of a data set, for a wide page and for a phone; nothing where there is none."""
    found = drawn(dataset)
    for width in (WIDE, NARROW) if found else ():
        if found:
            yield draw_learning(found, Scale(summary.metric), width)


@styled
def draw_learning(found: LearningCurve, unit: Scale, width: int) -> Plate:
    """The control with its intervals, the best technique, and faintly all the others."""
    wide, places = width == WIDE, [share.rows for share in found.shares]
    lines = {
        one.name: (one.label, [share.variants[place].score.mean for share in found.shares])
        for place, one in enumerate(found.shares[-1].variants)
    }
    control = next(name for name, (label, _) in lines.items() if label == found.control)
    around = [next(one.score for one in share.variants if one.name == control) for share in found.shares]
    ends = [value for _, means in lines.values() for value in means]
    ends += [value for one in around for value in (one.low, one.high)]
    ends = [value for value in ends if math.isfinite(value)]
    left, right = room(min(ends), max(ends), unit, 6, 54), 190.0 if wide else 14.0
    figure, axes = canvas(width, 320 if wide else 300, left=left, right=right, top=30 if wide else 50, bottom=50)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(places, [f"{one:,}" for one in places])
    axes.margins(x=0.05, y=0.08)
    axes.locator_params(axis="y", nbins=6)
    grid(axes, "y")
    for name, (_, means) in lines.items():
        if name not in (control, found.best):
            axes.plot(places, means, color=LIGHT["neutral-mark"], linewidth=1, alpha=0.5, zorder=1)
    shown = {control: LIGHT["fg"]} | ({found.best: LIGHT["c1"]} if found.best else {})
    for name, colour in reversed(shown.items()):
        axes.plot(places, lines[name][1], color=colour, linewidth=2, marker="o", markersize=6, zorder=3)
    low, high = ([getattr(one, side) for one in around] for side in ("low", "high"))
    known = [place for place, value in enumerate(low) if math.isfinite(value)]
    at = [places[place] for place in known]
    axes.vlines(at, [low[i] for i in known], [high[i] for i in known], color=LIGHT["fg"], linewidth=1.2, zorder=2)
    _name(axes, {lines[name][0]: (lines[name][1][-1], colour) for name, colour in shown.items()}, wide=wide)
    what = f"test {unit.metric.title}, {'above' if unit.metric.higher_is_better else 'below'} is better"
    axes.text(0, 1.03, what, transform=axes.transAxes, fontsize=SMALL, color=LIGHT["muted"], va="bottom", ha="left")
    axes.set_xlabel("training rows of a seed", fontsize=SMALL, color=LIGHT["muted"], labelpad=6)
    axes.yaxis.set_major_formatter(lambda value, _: tick(value, unit))
    spoken = "; ".join(
        f"{label}: {', '.join(f'{unit.full(mean)} of {of:,} rows' for mean, of in zip(means, places, strict=True))}"
        for label, means in lines.values()
    )
    return Plate(f"learning-{width}", f"Test {unit.metric.title} by the number of training rows", spoken, figure)


def _name(axes: Axes, ends: dict[str, tuple[float, str]], *, wide: bool) -> None:
    """The labels of lines: at their ends, or on a phone above the figure."""
    low, high = axes.get_ylim()
    if not wide:
        for place, (label, (_, colour)) in enumerate(ends.items()):
            axes.text(
                0, 1.1 + 0.07 * place, elide(f"● {label}", 44), transform=axes.transAxes, fontsize=SMALL, color=colour
            )
        return
    finite = {label: (y, colour) for label, (y, colour) in ends.items() if math.isfinite(y)}
    places = spread_apart([y for y, _ in finite.values()], 0.07 * (high - low), low, high)
    for (label, (_, colour)), y in zip(finite.items(), places, strict=True):
        write(axes, 1, y, elide(label, 28), colour=colour, shift=6)


def columns(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """What each column adds, for a wide page and for a phone; nothing where none was left out."""
    found = ablated(dataset)
    for width in (WIDE, NARROW) if found else ():
        if found:
            yield draw_columns(found, Scale(summary.metric), width)


MOST_DRAWN = 40
"""Columns that are drawn, those that add most and least; the table has all."""


@styled
def draw_columns(found: Ablation, unit: Scale, width: int) -> Plate:
    """The columns in order of what they add, each with its interval and the zone too small to matter."""
    shown = found.columns
    if len(shown) > MOST_DRAWN:
        shown = (*shown[: MOST_DRAWN // 2], *shown[-MOST_DRAWN // 2 :])
    texts = [numbers(effect_chip(one).symbol, one.difference, unit) for one in shown]
    plot = rows(len(shown), width, max(map(len, texts)))
    plot.axes.set_xlim(*limits(shown, found.rope, unit.factor))
    plot.axes.axvline(0, color=LIGHT["fg"], linewidth=1.2, zorder=1)
    for index, (one, text) in enumerate(zip(shown, texts, strict=True)):
        line(plot, index, one, found.rope, unit.factor)
        plot.words(index, one.label, text, LIGHT[one.verdict] if one.verdict in LIGHT else LIGHT["muted"])
    counted = unit.points or unit.metric.title
    plot.describe_axis(
        f"← better without it  ·  test {unit.metric.title}, {counted}  ·  needed →"
        if plot.wide
        else f"← better without  ·  {counted}  ·  needed →"
    )
    spoken = "; ".join(
        f"{one.label}: {text}, {effect_chip(one).word.lower()}" for one, text in zip(shown, texts, strict=True)
    )
    return Plate(f"columns-{width}", f"What each column adds to the test {unit.metric.title}", spoken, plot.figure)
