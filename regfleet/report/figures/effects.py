"""What each technique adds in combination, and which pairs give more or less together than apart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from regfleet.analysis.gains import Combined, Effect
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.numbers import Scale
from regfleet.report.figures.forest import bar, numbers, span, zone
from regfleet.report.figures.style import NARROW, WIDE, Plate, Rows, rows, styled
from regfleet.report.tokens import LIGHT
from regfleet.report.verdicts import effect_chip


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
    texts = [numbers(effect_chip(one).symbol, one.difference, unit) for one in found.effects]
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
    y = plot.middle(index)
    zone(plot.axes, y, 1.0 if plot.wide else 0.56, factor * rope)
    bar(plot.axes, y, factor, one.difference, one.verdict)


def limits(effects: Sequence[Effect], rope: float, factor: float) -> tuple[float, float]:
    """Where the axis of effects begins and ends."""
    of = [value for one in effects for value in (one.difference.low, one.difference.mean, one.difference.high)]
    return span([0.0, -rope, rope, *filter(math.isfinite, of)], factor)
