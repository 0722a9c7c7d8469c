"""Mean ranks over data sets with the critical difference (Demšar 2006): bars that overlap cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from regfleet.records import RankTest, Summary
from regfleet.report.figures.style import BODY, NARROW, SMALL, WIDE, Plate, canvas, grid, styled
from regfleet.report.shown import shown
from regfleet.report.text import elide, number
from regfleet.report.tokens import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Place = tuple[float, str]


def ranks(summary: Summary) -> Iterator[Plate]:
    """The rank diagram; nothing below ten data sets or where Friedman's test finds no difference."""
    test = summary.across.ranks if summary.across else None
    if test and test.diagram:
        labels = {row.name: row.label for dataset in summary.datasets for row in shown(dataset)}
        places = sorted(zip(test.mean_ranks, (labels.get(name, name) for name in test.variants), strict=True))
        for width in (WIDE, NARROW):
            yield draw(test, places, width)


@styled
def draw(test: RankTest, places: Sequence[Place], width: int) -> Plate:
    """A dot per variant, best on top, with a bar of half the critical difference to either side."""
    wide, reach = width == WIDE, test.critical_difference / 2
    margins = {"left": 262.0, "right": 60.0} if wide else {"left": 10.0, "right": 14.0}
    figure, axes = canvas(width, (28 if wide else 44) * len(places) + 54, top=6, bottom=48, **margins)
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlim(places[0][0] - 1.1 * reach, places[-1][0] + 1.1 * reach)
    grid(axes, "x")
    axes.axvspan(places[0][0] - reach, places[0][0] + reach, color=LIGHT["neutral-bg"], linewidth=0, zorder=0)
    for index, (rank, label) in enumerate(places):
        y = index if wide else index + 0.2
        axes.plot([rank - reach, rank + reach], [y, y], color=LIGHT["validation"], linewidth=2.4, zorder=2)
        axes.plot([rank], [y], "o", color=LIGHT["validation"], markeredgecolor=LIGHT["bg"], markersize=8, zorder=3)
        _words(axes, index, label, number(rank, 1), wide=wide)
    text = f"mean rank over {test.datasets} data sets, 1 is best"
    axes.set_xlabel(text, fontsize=SMALL, color=LIGHT["muted"], labelpad=6)
    return Plate(
        f"ranks-{width}",
        "Mean ranks over data sets",
        "; ".join(f"{label}: {number(rank, 2)}" for rank, label in places)
        + f". Ranks closer than {number(test.critical_difference, 2)} cannot be told apart.",
        figure,
    )


def _words(axes: Axes, index: int, label: str, rank: str, *, wide: bool) -> None:
    from matplotlib.transforms import offset_copy

    edge = axes.get_yaxis_transform()
    left, right = (offset_copy(edge, axes.figure, x=x, units="points") if wide else edge for x in (-12, 12))
    y, size, name = (index, BODY, elide(label, 32)) if wide else (index - 0.2, SMALL, elide(label, 34))
    options = {"va": "center_baseline"}
    axes.text(0, y, name, ha="right" if wide else "left", fontsize=size, color=LIGHT["fg"], transform=left, **options)
    side = "left" if wide else "right"
    axes.text(1, y, rank, ha=side, fontsize=SMALL, color=LIGHT["muted"], transform=right, **options)
