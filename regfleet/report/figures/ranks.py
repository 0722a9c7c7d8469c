"""Mean ranks over data sets with the critical difference (Demšar 2006): bars that overlap cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regfleet.analysis.summary import RankTest, Summary
from regfleet.numbers import number
from regfleet.report.figures.style import NARROW, WIDE, Plate, rows, styled
from regfleet.report.tokens import LIGHT

Place = tuple[float, str]


def ranks(summary: Summary) -> Iterator[Plate]:
    """The rank diagram; nothing below ten data sets or where Friedman's test finds no difference."""
    test = summary.across.ranks if summary.across else None
    if test and test.diagram:
        labels = {name: label for dataset in summary.datasets for name, label in dataset.labels.items()}
        places = sorted(zip(test.mean_ranks, (labels.get(name, name) for name in test.variants), strict=True))
        for width in (WIDE, NARROW):
            yield draw(test, places, width)


@styled
def draw(test: RankTest, places: Sequence[Place], width: int) -> Plate:
    """A dot per variant, best on top, with a bar of half the critical difference to either side."""
    plot, reach, best = rows(len(places), width, 5), test.critical_difference / 2, places[0][0]
    axes = plot.axes
    axes.set_xlim(best - 1.1 * reach, places[-1][0] + 1.1 * reach)
    axes.set_xticks(range(1, len(places) + 1, 1 + len(places) // 16))
    axes.axvspan(best - reach, best + reach, color=LIGHT["neutral-bg"], linewidth=0, zorder=0)
    for index, (rank, label) in enumerate(places):
        y = plot.middle(index)
        axes.plot([rank - reach, rank + reach], [y, y], color=LIGHT["validation"], linewidth=2.4, zorder=2)
        axes.plot([rank], [y], "o", color=LIGHT["validation"], markeredgecolor=LIGHT["bg"], markersize=8, zorder=3)
        plot.words(index, label, number(rank), LIGHT["muted"])
    plot.describe_axis(f"mean rank over {test.datasets} data sets, 1 is best")
    spoken = "; ".join(f"{label}: {number(rank, 2)}" for rank, label in places)
    spoken += f". Ranks closer than {number(test.critical_difference, 2)} cannot be told apart."
    return Plate(f"ranks-{width}", "Mean ranks over data sets", spoken, plot.figure)
