"""A family of variants that differ in one number: the difference from the control against it, with its intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator

from regfleet.analysis.summary import DatasetSummary, FamilySummary, Summary
from regfleet.analysis.variant import VariantSummary
from regfleet.numbers import Scale, count, short
from regfleet.report.figures.forest import MARKER
from regfleet.report.figures.style import NARROW, SMALL, WIDE, Plate, canvas, grid, room, styled, write
from regfleet.report.tokens import LIGHT
from regfleet.text import elide

LOG_RATIO = 8
Point = tuple[float, VariantSummary]


def sweep(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """One figure per sweep of a single number, for a wide page and for a phone."""
    rows = {row.name: row for row in dataset.variants}
    for index, family in enumerate(dataset.families):
        points = points_of(family, rows)
        for width in (WIDE, NARROW) if len(points) > 1 else ():
            yield draw(family, points, Scale(summary.metric), f"sweep-{index}-{width}", width)


def points_of(family: FamilySummary, rows: dict[str, VariantSummary]) -> list[Point]:
    """(value, variant) of the members that have a difference, ascending; none where several numbers vary."""
    pairs = [(value, rows[name]) for value, name in zip(family.values, family.members, strict=True) if name in rows]
    return sorted(
        (
            (value, row)
            for value, row in pairs
            if math.isfinite(value) and row.comparison and math.isfinite(row.comparison.difference.mean)
        ),
        key=lambda pair: pair[0],
    )


@styled
def draw(family: FamilySummary, points: list[Point], unit: Scale, name: str, width: int) -> Plate:
    """Each member's paired difference from the control, the interval that decides, the zone too small to matter."""
    values, compared = [value for value, _ in points], [row.comparison for _, row in points if row.comparison]
    mean, low, high = ([getattr(one.difference, side) for one in compared] for side in ("mean", "low", "high"))
    rope = max(one.rope for one in compared)
    ends = [end for end in (*mean, *low, *high, 0.0, rope, -rope) if math.isfinite(end)]
    left = room(min(ends), max(ends), unit, 6, 54)
    figure, axes = canvas(width, 300 if width == WIDE else 260, left=left, right=76, top=30, bottom=50)
    if values[0] > 0 and values[-1] / values[0] >= LOG_RATIO:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.margins(x=0.06)
    axes.locator_params(axis="y", nbins=6)
    grid(axes, "y")
    axes.axhspan(-rope, rope, color=LIGHT["neutral-bg"], linewidth=0, zorder=0)
    axes.axhline(0, color=LIGHT["ghost"], linewidth=1.2, zorder=1)
    write(axes, 1, 0, "control", colour=LIGHT["muted"], shift=5)
    for value, row in points:
        one = row.comparison
        if one is None:
            continue
        colour = LIGHT.get(one.verdict, LIGHT["neutral-mark"])
        if math.isfinite(one.difference.low) and math.isfinite(one.difference.high):
            axes.vlines([value], [one.difference.low], [one.difference.high], color=colour, linewidth=2.4)
        axes.plot([value], [one.difference.mean], color=colour, marker=MARKER[one.verdict], markersize=8, zorder=3)
    axes.plot(values, mean, color=LIGHT["neutral-mark"], linewidth=1.2, zorder=2)
    what = f"test {unit.metric.title} minus control{', points' if unit.points else ''}, above is better"
    axes.text(0, 1.03, what, transform=axes.transAxes, fontsize=SMALL, color=LIGHT["muted"], va="bottom", ha="left")
    axes.set_xlabel(
        elide(family.title, 60 if width == WIDE else 34),
        fontsize=SMALL,
        color=LIGHT["muted"],
        labelpad=6,
    )
    axes.yaxis.set_major_formatter(lambda value, _: short(value * unit.factor, 4))
    return Plate(
        name,
        f"Difference in test {unit.metric.title} from the control along the sweep {family.title}",
        "; ".join(
            f"{value:g}: {unit.change(one.difference.mean)}, {one.verdict}, over {count(len(one.seeds), 'seed')}"
            for value, one in zip(values, compared, strict=True)
        ),
        figure,
    )
