"""What was said of test rows as cells, one for each seed and row that it tested, and two variants' in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.intervals import Array
from regfleet.predictions import Predictions

PredictionsOf: TypeAlias = Callable[[str], Iterator[tuple[str, Predictions]]]
"""Data set → (variant, its predictions), some whole variants at a time."""
Whole: TypeAlias = NDArray[np.int64]
Seeds: TypeAlias = Whole


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The test rows of one variant on one data set, in ascending order of seed, then of row.

    ``seeds`` and ``counts``, (seeds,): which seeds, and how many rows each tested. ``rows`` int32, ``targets`` float,
    (cells,): the number of the row, and its class or value. ``said`` (cells,): the number of the predicted class,
    int32, −1 for none, or the value, float64. ``sure`` float32 (cells,): the probability of the predicted class, NaN
    where it is not known. ``brier`` (seeds,): the mean Brier score of its probabilities, NaN without any. ``classes``:
    how many there are, as far as these cells tell; 0 of a regression.
    """

    seeds: Seeds
    counts: NDArray[np.intp]
    rows: NDArray[np.int32]
    targets: Array
    said: NDArray[np.int32] | Array
    sure: NDArray[np.float32]
    brier: Array
    classes: int

    @property
    def is_class(self) -> bool:
        """Whether classes were predicted."""
        return self.classes > 0

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the class was predicted, (cells,)."""
        found: NDArray[np.bool_] = self.said == self.targets
        return found

    @property
    def miss(self) -> Array:
        """1 where the class is wrong, or the absolute error; (cells,)."""
        if self.is_class:
            return (~self.right).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            error: Array = np.abs(self.said - self.targets)
        return error

    @property
    def places(self) -> Whole:
        """The place in ``seeds`` of each cell's."""
        return np.repeat(np.arange(len(self.seeds)), self.counts)

    def slices(self, most: int) -> list[slice]:
        """Where the cells of each seed lie, of at most ``most`` seeds, evenly chosen."""
        ends = np.cumsum(self.counts)
        step = max(1, -(-len(ends) // most))
        return [slice(int(end - many), int(end)) for end, many in zip(ends[::step], self.counts[::step], strict=True)]

    def at(self, seeds: Seeds) -> Cells | None:
        """The cells of ``seeds``; None where one of them has none."""
        if np.array_equal(seeds, self.seeds):
            return self
        wanted = np.isin(self.seeds, seeds)
        if int(wanted.sum()) < len(seeds):
            return None
        cells = np.repeat(wanted, self.counts)
        return Cells(
            self.seeds[wanted],
            self.counts[wanted],
            self.rows[cells],
            self.targets[cells],
            self.said[cells],
            self.sure[cells],
            self.brier[wanted],
            self.classes,
        )

    def beside(self, other: Cells) -> tuple[NDArray[np.intp], NDArray[np.intp]] | tuple[slice, slice]:
        """Where the cells that both have lie in each."""
        same = all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("seeds", "counts"))
        if self.rows is other.rows and same:
            return slice(None), slice(None)
        width = 1 + max(int(one.rows.max(initial=0)) for one in (self, other))
        mine, its = (np.repeat(one.seeds, one.counts) * width + one.rows for one in (self, other))
        _, here, there = np.intersect1d(mine, its, assume_unique=True, return_indices=True)
        return here, there


def cells_of(predictions: Predictions, last: Cells | None = None) -> Cells:
    """The cells of a variant; where they are of the same rows as those of ``last``, they share the arrays that say so.

    What is not a class of those that are there is none.
    """
    seeds, counts = np.unique(predictions.seeds, return_counts=True)
    rows, targets = predictions.rows, predictions.target
    if last is not None and np.array_equal(rows, last.rows) and np.array_equal(targets, last.targets):
        rows, targets = last.rows, last.targets
    said, p, classes = predictions.predicted, predictions.probabilities, _classes(predictions)
    brier, sure = np.full(len(seeds), np.nan), np.broadcast_to(np.float32(np.nan), len(rows))
    if predictions.is_class:
        said = np.where((said >= 0) & (said < classes), said, -1.0).astype(np.int32)
    if p is not None and len(seeds):
        brier = np.add.reduceat(predictions.squared_error(), np.cumsum(counts) - counts) / counts
        with np.errstate(invalid="ignore"):
            sure = p.max(axis=1)
    return Cells(seeds, counts, rows, targets, said, sure, brier, classes)


def _classes(part: Predictions) -> int:
    if not part.is_class:
        return 0
    if part.probabilities is not None and part.classes is None:
        return int(part.probabilities.shape[1])
    known = [values for values in (part.classes, part.target, part.predicted) if values is not None and len(values)]
    return 1 + int(max((np.nanmax(values) for values in known), default=0))


def joined(parts: Sequence[Cells]) -> Cells | None:
    """The cells of ``parts``, which have no seed in common, as one; None without any."""
    parts = [part for part in parts if len(part.seeds)]
    if len(parts) < 2:
        return parts[0] if parts else None
    order = np.argsort(np.concatenate([part.seeds for part in parts]))
    cells = np.argsort(np.concatenate([np.repeat(part.seeds, part.counts) for part in parts]), kind="stable")

    def all_of(name: str, places: NDArray[np.intp]) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for part in parts])[places]

    by_seed = {name: all_of(name, order) for name in ("seeds", "counts", "brier")}
    by_cell = {name: all_of(name, cells) for name in ("rows", "targets", "said", "sure")}
    return Cells(**by_seed, **by_cell, classes=max(part.classes for part in parts))  # type: ignore[arg-type]


def picked(members: Sequence[Cells | None], seeds: Seeds, pick: NDArray[np.intp]) -> Cells | None:
    """The cells of a tuned sweep: on each of ``seeds`` those of the member that ``pick`` names, (seeds,).

    None where one of them is not there.
    """
    parts = []
    for number in np.unique(pick):
        cells = members[number]
        part = None if cells is None else cells.at(seeds[pick == number])
        if part is None:
            return None
        parts.append(part)
    return joined(parts)


def ignorant(beside: Cells, shares: Sequence[float] | None) -> Cells:
    """The cells of a model that learned nothing and says the largest class, on the rows of ``beside``.

    ``shares`` are those of the classes; None where they are not known: those of the targets.
    """
    classes, counts = np.unique(beside.targets, return_counts=True)
    largest = classes[counts.argmax()] if shares is None or not len(shares) else np.argmax(shares)
    said = np.full(len(beside.rows), largest, np.int32)
    return replace(beside, said=said, sure=np.full(len(said), np.nan, np.float32), brier=beside.brier * np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two variants on the same rows of the same seeds; differences are first minus second.

    ``seeds``, ``rows`` and ``difference`` (cells,): of right (1) and wrong (0). ``brier`` (seeds,): of their mean Brier
    scores, NaN where they have no probabilities. ``same``: whether both always predicted the same class.
    """

    seeds: Seeds
    rows: NDArray[np.int32]
    difference: Array
    brier: Array
    same: bool

    @property
    def tested(self) -> int:
        """The number of rows that were tested at least once."""
        return len(np.unique(self.rows))


def paired(first: Cells, second: Cells) -> Pair | None:
    """The cells of two variants side by side; None where they tested other rows."""
    if not all(
        np.array_equal(getattr(first, name), getattr(second, name)) for name in ("seeds", "counts", "rows", "targets")
    ):
        return None
    return Pair(
        seeds=np.repeat(first.seeds, first.counts),
        rows=first.rows,
        difference=first.right.astype(np.float64) - second.right,
        brier=first.brier - second.brier,
        same=np.array_equal(first.said, second.said),
    )
