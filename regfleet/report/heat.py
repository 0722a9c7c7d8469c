"""Several data sets at a glance: data set × variant, and every variant over all of them, written out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regfleet.analysis.overall import WORDS, Overall, Tally
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.metrics import Metric
from regfleet.numbers import DASH, Scale, number
from regfleet.report.leaderboard import anchors
from regfleet.report.verdicts import CONTROL, VERDICTS, Chip, chip

STRONG = 0.9
"""The share of the differences that are weaker than the strongest colour."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A variant on a data set: ``side`` is better or worse by sign, ``strength`` from 0 to 100 how deep its colour is.

    Without a difference there is a dash, and no ``href``.
    """

    href: str
    chip: Chip | None
    difference: str
    side: str
    strength: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A data set with the place of its section and the score of its control, or a variant: then both are empty."""

    name: str
    href: str = ""
    control: str = ""


@dataclass(frozen=True, slots=True)
class Over:
    """A variant over the data sets, written out; ``counts`` of its verdicts in the order of `WORDS`."""

    label: str
    against: str
    chip: Chip | None
    mean: str
    interval: str
    median: str
    counts: tuple[str, ...]
    rank: str


@dataclass(frozen=True, slots=True)
class Heat:
    """The heat map, and the table of the variants over all data sets.

    ``rows`` and ``columns`` are data sets and variants, whichever are more downwards, and ``cells`` those of each row.
    """

    rows: tuple[Heading, ...]
    columns: tuple[Heading, ...]
    cells: tuple[tuple[Cell, ...], ...]
    over: tuple[Over, ...]
    verdicts: bool

    @property
    def words(self) -> frozenset[str]:
        """The verdicts that stand in the map."""
        return frozenset(cell.chip.word for row in self.cells for cell in row if cell.chip)

    @property
    def datasets_down(self) -> bool:
        """Whether the rows are data sets."""
        return any(row.href for row in self.rows)


def heat(summary: Summary, found: Overall, prefixes: Sequence[str]) -> Heat:
    """The tables of an overview; ``prefixes`` go before the anchors of each data set."""
    compared = [one for one in found.tallies if one.control]
    strongest = _strongest(summary)
    names = [one.name for one in compared]
    placed = list(zip(summary.datasets, prefixes, strict=True))
    rows = tuple(_heading(dataset, prefix, summary.metric) for dataset, prefix in placed)
    columns = tuple(Heading(one.label) for one in compared)
    cells = [_cells(dataset, summary, names, prefix, strongest) for dataset, prefix in placed]
    if len(columns) > len(rows):
        rows, columns, cells = columns, rows, list(zip(*cells, strict=True))
    over = tuple(_over(one, Scale(summary.metric), found) for one in found.tallies)
    return Heat(rows, columns, tuple(cells), over, verdicts=summary.across is not None)


def _strongest(summary: Summary) -> float:
    sizes = sorted(
        abs(row.comparison.difference.mean)
        for dataset in summary.datasets
        for row in dataset.shown
        if row.comparison and math.isfinite(row.comparison.difference.mean)
    )
    return sizes[int(STRONG * (len(sizes) - 1))] if sizes else 0.0


def _heading(dataset: DatasetSummary, prefix: str, metric: Metric) -> Heading:
    control = dataset.variant(next(iter(dataset.controls), None))
    return Heading(dataset.dataset, f"#{prefix}verdict", Scale(metric).full(control.score.mean) if control else DASH)


def _cells(
    dataset: DatasetSummary, summary: Summary, names: Sequence[str], prefix: str, strongest: float
) -> tuple[Cell, ...]:
    unit, rows, anchor = Scale(summary.metric), {row.name: row for row in dataset.shown}, anchors(dataset)
    cells = []
    for name in names:
        row = rows.get(name)
        mean = row.comparison.difference.mean if row and row.comparison else math.nan
        if row is None or not math.isfinite(mean):
            cells.append(Cell("", chip(row) if row and not row.finished else None, DASH, "", 0))
            continue
        strength = round(100 * min(abs(mean) / strongest, 1)) if strongest else 0
        side = "better" if mean > 0 else "worse"
        cells.append(Cell(f"#{prefix}row-{anchor[name]}", chip(row), unit.difference(mean), side, strength))
    return tuple(cells)


def _over(one: Tally, unit: Scale, found: Overall) -> Over:
    across = one.across.difference if one.across else None
    several = len({tally.control for tally in found.tallies if tally.control}) > 1
    return Over(
        label=one.label,
        against=one.control if several else "",
        chip=CONTROL if not one.control else VERDICTS[one.across.verdict] if one.across else None,
        mean=unit.difference(one.mean),
        interval=unit.from_to(across.low, across.high) if across else "",
        median=unit.difference(one.median),
        counts=tuple(str(one.verdicts[word]) if one.control else DASH for word in WORDS),
        rank=number(one.rank, 1),
    )
