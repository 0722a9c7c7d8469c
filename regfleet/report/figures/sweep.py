"""A family of variants that differ in one number: the metric against that number, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator

from regfleet.analysis.summary import DatasetSummary, FamilySummary, Summary, VariantSummary
from regfleet.numbers import Scale, count, short
from regfleet.report.figures.style import BAND, NARROW, SMALL, WIDE, Plate, canvas, grid, styled, write
from regfleet.report.tokens import LIGHT
from regfleet.text import elide

LOG_RATIO = 8
Point = tuple[float, VariantSummary]


def sweep(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:
    """One figure per sweep of a single number, for a wide page and for a phone."""
    rows = {row.name: row for row in dataset.variants}
    for index, family in enumerate(dataset.families):
        points = points_of(family, rows)
        control = rows.get(points[0][1].control or "") if points else None
        for width in (WIDE, NARROW) if len(points) > 1 else ():
            yield draw(family, points, control, Scale(summary.metric), f"sweep-{index}-{width}", width)


def points_of(family: FamilySummary, rows: dict[str, VariantSummary]) -> list[Point]:
    """(value, variant) of the members that have a score, ascending; none where several numbers vary."""
    pairs = [(value, rows[name]) for value, name in zip(family.values, family.members, strict=True) if name in rows]
    return sorted(
        (pair for pair in pairs if math.isfinite(pair[0]) and math.isfinite(pair[1].score.mean)),
        key=lambda pair: pair[0],
    )


@styled
def draw(
    family: FamilySummary, points: list[Point], control: VariantSummary | None, unit: Scale, name: str, width: int
) -> Plate:
    """The score of each member with its interval, the control's score as a grey line."""
    figure, axes = canvas(width, 280 if width == WIDE else 240, left=54, right=76, top=10, bottom=50)
    values = [value for value, _ in points]
    mean, low, high = (
        [unit.factor * getattr(row.score, side) for _, row in points] for side in ("mean", "low", "high")
    )
    if values[0] > 0 and values[-1] / values[0] >= LOG_RATIO:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.margins(x=0.06)
    axes.locator_params(axis="y", nbins=6)
    grid(axes, "y")
    axes.fill_between(values, low, high, color=LIGHT["validation"], alpha=BAND, linewidth=0)
    axes.vlines(values, low, high, color=LIGHT["validation"], linewidth=1.6)
    axes.plot(values, mean, color=LIGHT["validation"], linewidth=1.6, marker="o", markersize=6)
    if control and math.isfinite(control.score.mean):
        level = unit.factor * control.score.mean
        axes.axhline(level, color=LIGHT["ghost"], linewidth=1.2, zorder=1)
        write(axes, 1, level, "control", colour=LIGHT["muted"], shift=5)
    axes.set_xlabel(
        elide(family.title, 60 if width == WIDE else 34),
        fontsize=SMALL,
        color=LIGHT["muted"],
        labelpad=6,
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{short(value, 4)}{unit.unit}")
    return Plate(
        name,
        f"Test {unit.metric.title} along the sweep {family.title}",
        "; ".join(
            f"{value:g}: {unit.full(row.score.mean)} over {count(row.finished, 'seed')}" for value, row in points
        ),
        figure,
    )
