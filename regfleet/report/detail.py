"""How much of each data set a page shows: all of it, or, of very many data sets, what leaves it light."""

from __future__ import annotations

from dataclasses import dataclass

from regfleet.analysis.summary import Summary

MANY, ROOM, FEW_ROOM = 12, 1_600_000, 4_000_000
"""Bytes of a page without its downloads: with more data sets than ``MANY``, and with two up to so many."""
SECTION, ROW = 4_500, 2_000
"""Bytes of a section with its verdict and facts, and of a row of its leaderboard with its place in the heat map."""
COSTS = {"differences": 3_000, "curves": 3_600, "gap": 3_300, "mistakes": 7_700, "every curve": 9_000}
"""Bytes per variant of what can be left out, the most telling first; measured with three and nine variants."""
TITLES = {
    "differences": "the drawn differences",
    "curves": "training curves",
    "gap": "gaps",
    "mistakes": "mistakes",
    "every curve": "curves of loss and other metrics",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """What the section of a data set holds beside its verdict and its leaderboard. ``left_out`` says what it lacks."""

    kinds: frozenset[str]

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is not there, in words."""
        return tuple(title for kind, title in TITLES.items() if kind not in self.kinds)

    def has(self, section: str) -> bool:
        """Whether a section of `figures.Drawing` is drawn."""
        return section in self.kinds or section not in COSTS


def detail_of(summary: Summary) -> Detail:
    """What there is room for, the same for every data set of ``summary``."""
    variants = sum(len(dataset.shown) for dataset in summary.datasets)
    if len(summary.datasets) < 2:
        return Detail(frozenset(COSTS))
    room = ROOM if len(summary.datasets) > MANY else FEW_ROOM
    kinds, size = set(), len(summary.datasets) * SECTION + variants * ROW
    for kind, cost in COSTS.items():
        size += variants * cost
        if size > room:
            break
        kinds.add(kind)
    return Detail(frozenset(kinds))
