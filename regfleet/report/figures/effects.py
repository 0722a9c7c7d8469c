"""What each technique adds in combination, and which pairs give more or less together than apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regfleet.analysis.gains import Combined, Effect
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.numbers import Scale
from regfleet.report.figures.forest import MARKER
from regfleet.report.figures.style import NARROW, WIDE, Plate, Rows, rows, styled
from regfleet.report.tokens import LIGHT
from regfleet.report.verdicts import effect_chip

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def effects(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """The effects of a data set, for a wide page and for a phone; nothing where there are none."""
    found = dataset.combined
    if found is None or not any(math.isfinite(one.difference.mean) for one in found.effects):
        return
    for width in (WIDE, NARROW):
        yield draw(found, Scale(summary.metric), width)


@styled
def draw(found: Combined, unit: Scale, width: int) -> Plate:
    """Main effects above, interactions below a line, ``width`` CSS pixels wide."""
    texts = [numbers(one, unit) for one in found.effects]
    plot = rows(len(texts), width, max(map(len, texts)))
    plot.axes.set_xlim(*limits(found.effects, found.rope, unit.factor))
    plot.axes.axvline(0, color=LIGHT["fg"], linewidth=1.2, zorder=1)
    mains = sum(one.is_main for one in found.effects)
    plot.axes.axhline(mains - 0.5, color=LIGHT["line-strong"], linewidth=1, zorder=1)
    for index, (one, text) in enumerate(zip(found.effects, texts, strict=True)):
        line(plot, index, one, found.rope, unit.factor)
        colour = LIGHT[one.verdict] if one.verdict in LIGHT else LIGHT["muted"]
        plot.words(index, one.label, text, colour, "" if one.is_main else "beyond what each adds alone")
    counted = unit.points or unit.metric.title
    wide = f"← worse, or less together  ·  test {unit.metric.title}, {counted}  ·  better, or more together →"
    plot.describe_axis(wide if plot.wide else f"← less  ·  {counted}  ·  more →")
    spoken = "; ".join(
        f"{one.label}: {text}, {effect_chip(one).word.lower()}" for one, text in zip(found.effects, texts, strict=True)
    )
    title = f"What each technique adds to test {unit.metric.title} in combination, and each pair beyond that"
    return Plate(f"effects-{width}", title, spoken, plot.figure)


def line(plot: Rows, index: int, one: Effect, rope: float, factor: float) -> None:
    """The zone too small to matter, the interval and the mean of an effect."""
    y, of, colour = plot.middle(index), one.difference, LIGHT.get(one.verdict, LIGHT["neutral-mark"])
    _zone(plot.axes, y, 1.0 if plot.wide else 0.56, factor * rope)
    if math.isfinite(of.low) and math.isfinite(of.high):
        ends = [factor * of.low, factor * of.high]
        plot.axes.plot(ends, [y, y], color=colour, linewidth=3.5, solid_capstyle="butt", zorder=3, clip_on=False)
    (mark,) = plot.axes.plot([factor * of.mean], [y], color=colour, marker=MARKER[one.verdict], markersize=8)
    mark.set(markeredgecolor=LIGHT["bg"], zorder=4, clip_on=False)


def _zone(axes: Axes, y: float, height: float, rope: float) -> None:
    from matplotlib.patches import Rectangle

    corner = (-rope, y - height / 2)
    axes.add_patch(Rectangle(corner, 2 * rope, height, facecolor=LIGHT["neutral-bg"], linewidth=0, zorder=0))


def limits(effects: Sequence[Effect], rope: float, factor: float) -> tuple[float, float]:
    """Where the axis of effects begins and ends."""
    of = [value for one in effects for value in (one.difference.low, one.difference.mean, one.difference.high)]
    ends = [0.0, -rope, rope, *filter(math.isfinite, of)]
    margin = 0.04 * (max(ends) - min(ends)) or 0.01
    return factor * (min(ends) - margin), factor * (max(ends) + margin)


def numbers(one: Effect, unit: Scale) -> str:
    """The symbol of an effect, its size and its interval."""
    text = f"{effect_chip(one).symbol} {unit.difference(one.difference.mean)}"
    if math.isfinite(one.difference.low) and math.isfinite(one.difference.high):
        text += f" [{unit.difference(one.difference.low)}, {unit.difference(one.difference.high)}]"
    return text
