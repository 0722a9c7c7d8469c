"""Predicted classes of test rows as cells, one for each seed and row that it tested, and two variants' in pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.intervals import Array
from regfleet.predictions import Predictions

PredictionsOf: TypeAlias = Callable[[str], Iterator[tuple[str, Predictions]]]
"""Data set → (variant, its predictions), some whole variants at a time."""
Seeds: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The test rows of one variant on one data set, in ascending order of seed, then of row.

    ``seeds`` and ``counts``, (seeds,): which seeds, and how many rows each tested. ``rows`` int32, ``targets`` float,
    ``right`` bool, (cells,): the number of the row, its class, and whether that was predicted. ``said`` (seeds,): a
    hash of all that was predicted on a seed. ``brier`` (seeds,): the mean Brier score of its probabilities, NaN without
    any.
    """

    seeds: Seeds
    counts: NDArray[np.intp]
    rows: NDArray[np.int32]
    targets: Array
    right: NDArray[np.bool_]
    said: Seeds
    brier: Array

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
            self.right[cells],
            self.said[wanted],
            self.brier[wanted],
        )


def cells_of(predicted: Iterable[tuple[str, Predictions]]) -> dict[str, Cells]:
    """The cells of each variant; those that tested the same rows share the arrays that say so."""
    found: dict[str, Cells] = {}
    last: Cells | None = None
    for name, one in predicted:
        last = found[name] = _cells(one, last)
    return found


def _cells(predictions: Predictions, last: Cells | None) -> Cells:
    seeds, counts = np.unique(predictions.seeds, return_counts=True)
    rows, targets = predictions.rows, predictions.target
    if last is not None and np.array_equal(rows, last.rows) and np.array_equal(targets, last.targets):
        rows, targets = last.rows, last.targets
    starts = np.cumsum(counts) - counts
    parts = np.split(predictions.predicted, starts[1:]) if len(counts) else []
    brier = np.full(len(seeds), np.nan)
    if predictions.is_class and len(seeds):
        brier = np.add.reduceat(predictions.squared_error(), starts) / counts
    return Cells(
        seeds=seeds,
        counts=counts,
        rows=rows,
        targets=targets,
        right=predictions.predicted == targets,
        said=np.array([hash(part.tobytes()) for part in parts], dtype=np.int64),
        brier=brier,
    )


def joined(parts: Sequence[Cells]) -> Cells | None:
    """The cells of ``parts``, which have no seed in common, as one; None without any."""
    parts = [part for part in parts if len(part.seeds)]
    if len(parts) < 2:
        return parts[0] if parts else None
    order = np.argsort(np.concatenate([part.seeds for part in parts]))
    cells = np.argsort(np.concatenate([np.repeat(part.seeds, part.counts) for part in parts]), kind="stable")

    def all_of(name: str, places: NDArray[np.intp]) -> NDArray[np.generic]:
        return np.concatenate([getattr(part, name) for part in parts])[places]

    by_seed = {name: all_of(name, order) for name in ("seeds", "counts", "said", "brier")}
    return Cells(**by_seed, **{name: all_of(name, cells) for name in ("rows", "targets", "right")})  # type: ignore[arg-type]


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
    seeds = np.repeat(beside.seeds, beside.counts)
    return _cells(Predictions(seeds, beside.rows, beside.targets, np.full(len(seeds), float(largest))), beside)


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
