"""Predictions of test rows as cells, one for each seed and row that it tested, and those of two variants in pairs."""

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
PerRow: TypeAlias = Callable[[Predictions], Array | None]
"""The score of each row, (cells,), whose mean over the rows of a seed is the score of that seed; None: not known."""
Seeds: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The test rows of one variant on one data set, in ascending order of seed, then of row.

    ``seeds`` and ``counts``, (seeds,): which seeds, and how many rows each tested. ``rows`` int32, ``targets`` and
    ``values`` float, (cells,): the number of the row, what was to be predicted, and its score; None without a score of
    single rows. ``brier`` (cells,): the Brier score of its probabilities; None of a regression. ``said`` (seeds,): a
    hash of all that was predicted on a seed.
    """

    seeds: Seeds
    counts: NDArray[np.intp]
    rows: NDArray[np.int32]
    targets: Array
    values: Array | None
    brier: NDArray[np.floating] | None
    said: Seeds

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
            None if self.values is None else self.values[cells],
            None if self.brier is None else self.brier[cells],
            self.said[wanted],
        )


def cells_of(predicted: Iterable[tuple[str, Predictions]], score: PerRow | None) -> dict[str, Cells]:
    """The cells of each variant; those that tested the same rows share the arrays that say so."""
    found: dict[str, Cells] = {}
    last: Cells | None = None
    for name, one in predicted:
        last = found[name] = _cells(one, score, last)
    return found


def _cells(predictions: Predictions, score: PerRow | None, last: Cells | None) -> Cells:
    seeds, counts = np.unique(predictions.seeds, return_counts=True)
    rows, targets = predictions.rows, predictions.target
    if last is not None and np.array_equal(rows, last.rows) and np.array_equal(targets, last.targets):
        rows, targets = last.rows, last.targets
    parts = np.split(predictions.predicted, np.cumsum(counts)[:-1]) if len(counts) else []
    return Cells(
        seeds=seeds,
        counts=counts,
        rows=rows,
        targets=targets,
        values=None if score is None else score(predictions),
        brier=predictions.squared_error().astype(np.float32) if predictions.is_class else None,
        said=np.array([hash(part.tobytes()) for part in parts], dtype=np.int64),
    )


def joined(parts: Sequence[Cells]) -> Cells | None:
    """The cells of ``parts``, which have no seed in common, as one; None without any, or where they do not fit."""
    parts = [part for part in parts if len(part.seeds)]
    if len(parts) < 2:
        return parts[0] if parts else None
    seeds, counts = (np.concatenate([getattr(part, name) for part in parts]) for name in ("seeds", "counts"))
    cells = np.argsort(np.repeat(seeds, counts), kind="stable")
    order = np.argsort(seeds)

    def all_of(name: str) -> Array | None:
        arrays = [getattr(part, name) for part in parts]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)[cells]

    return Cells(
        seeds=seeds[order],
        counts=counts[order],
        rows=np.concatenate([part.rows for part in parts])[cells],
        targets=np.concatenate([part.targets for part in parts])[cells],
        values=all_of("values"),
        brier=all_of("brier"),
        said=np.concatenate([part.said for part in parts])[order],
    )


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


def ignorant(beside: Cells, score: PerRow | None, shares: Sequence[float] | None) -> Cells:
    """The cells of a model that learned nothing, on the rows of ``beside``.

    It always says the shares of the classes, and so the largest class; of a regression the mean of the targets.

    Args:
        beside: cells of any variant.
        score: of a row.
        shares: of the classes; None where they are not known or there are none: those of the targets.
    """
    targets = beside.targets
    if beside.brier is None:
        said = np.full(len(targets), targets.mean() if len(targets) else np.nan)
        probabilities = None
    else:
        counts = np.bincount(targets.astype(np.int64))
        p = np.asarray(counts / counts.sum() if shares is None or len(shares) < len(counts) else shares)
        said = np.full(len(targets), float(p.argmax()))
        probabilities = np.tile(p.astype(np.float32), (len(targets), 1))
    seeds = np.repeat(beside.seeds, beside.counts)
    model = Predictions(seeds, beside.rows, targets, said, probabilities)
    return _cells(model, score, beside)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two variants on the same rows of the same seeds, (cells,) each; differences are first minus second."""

    seeds: Seeds
    rows: NDArray[np.int32]
    values: Array | None
    brier: Array | None
    same: bool

    @property
    def tested(self) -> int:
        """The number of rows that were tested at least once."""
        return len(np.unique(self.rows))


def paired(first: Cells, second: Cells) -> Pair | None:
    """The cells of two variants side by side; None where they tested other rows."""
    if not (
        np.array_equal(first.seeds, second.seeds)
        and np.array_equal(first.counts, second.counts)
        and np.array_equal(first.rows, second.rows)
        and np.array_equal(first.targets, second.targets)
    ):
        return None
    return Pair(
        seeds=np.repeat(first.seeds, first.counts),
        rows=first.rows,
        values=_less(first.values, second.values),
        brier=_less(first.brier, second.brier),
        same=np.array_equal(first.said, second.said),
    )


def _less(first: NDArray[np.floating] | None, second: NDArray[np.floating] | None) -> Array | None:
    """First minus second; None where one of them is not known or is no number."""
    if first is None or second is None:
        return None
    difference = first.astype(np.float64) - second
    return difference if np.isfinite(difference).all() else None


def mean_squared_error(predictions: Predictions) -> Array | None:
    """The squared error of each row; of probabilities its mean over the classes, None where some were not kept."""
    if predictions.probabilities is None:
        return predictions.squared_error()
    return None if predictions.classes is not None else predictions.squared_error() / predictions.probabilities.shape[1]


ROW_SCORES: dict[str, PerRow] = {
    "accuracy": Predictions.correct,
    "mse": mean_squared_error,
    "mae": Predictions.absolute_error,
}
"""The score of a row by the metric that is its mean."""
