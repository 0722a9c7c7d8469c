"""What a model said of each test row, and what of that is a mean over rows."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

FEW_CLASSES = 32
"""Up to so many classes every probability is kept; above, those of the true class and of the `TOP` likeliest."""
TOP = 5
BINS = 15
"""Of confidence, of equal width, in the calibration error."""


Weights = Literal["last", "best"]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predictions of test rows by one or more trials of a variant on a data set, with one kind of weights.

    Every array is (cells,): one cell for each seed and test row, in ascending order of seed, then of row.

    ``seeds`` int64; ``rows`` int32, numbers from 0 in the data set. ``target`` and ``predicted`` float64: the number of
    a class, or a value in units of the target. ``probabilities`` float32 (cells, classes), None for regression;
    ``classes`` int32 of the same shape says whose they are: the true class, then the `TOP` likeliest of the others, the
    likeliest first; None where they are those of all classes in order.
    ``brier`` float32: the sum over all classes of (probability − truth)², where ``classes`` leaves some out.
    ``only`` says what is known of classes without their probabilities: which was predicted, or only whether it was
    right, and the classes are made up.
    """

    seeds: np.ndarray
    rows: np.ndarray
    target: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    classes: np.ndarray | None = None
    brier: np.ndarray | None = None
    only: Literal["classes", "right"] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in self._arrays().values())

    def taken(self, cells: np.ndarray) -> Predictions:
        """Some of the cells, by a mask, bool (cells,), or by their places in ascending order."""
        return replace(self, **{name: array[cells] for name, array in self._arrays().items()})

    def _arrays(self) -> dict[str, np.ndarray]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}

    @property
    def is_class(self) -> bool:
        """Whether classes were predicted."""
        return self.probabilities is not None or self.only is not None

    def correct(self) -> np.ndarray:
        """1 where the predicted class is the true one, else 0; float64 (cells,)."""
        right: np.ndarray = (self.predicted == self.target).astype(np.float64)
        return right

    def squared_error(self) -> np.ndarray:
        """Of a value its squared error; of probabilities Brier's score, the sum over classes; float64 (cells,)."""
        if self.probabilities is None:
            found: np.ndarray = (self.predicted - self.target) ** 2
            return found
        if self.brier is not None:
            of_all: np.ndarray = self.brier.astype(np.float64)
            return of_all
        return _brier(self.probabilities, self.target.astype(np.int64))

    def absolute_error(self) -> np.ndarray:
        """Of a value its absolute error; float64 (cells,)."""
        error: np.ndarray = np.abs(self.predicted - self.target)
        return error


def of_classes(seed: int, rows: np.ndarray, target: np.ndarray, probabilities: np.ndarray) -> Predictions:
    """Predictions of classes by one trial.

    Args:
        seed: the trial's.
        rows: numbers of the test rows, (rows,), in any order.
        target: the true classes' numbers, (rows,).
        probabilities: float32 (rows, classes).
    """
    order = np.argsort(rows, kind="stable")
    numbers, truth, given = rows[order], target[order].astype(np.int64), probabilities[order].astype(np.float32)
    classes = brier = None
    predicted = given.argmax(axis=1)
    if given.shape[1] > FEW_CLASSES:
        brier = _brier(given, truth).astype(np.float32)
        rest = np.nan_to_num(given, nan=-1.0)
        rest[np.arange(len(rest)), truth] = -2.0  # below all others, so that it comes last
        likeliest = np.argsort(-rest, axis=1, kind="stable")[:, :TOP]
        classes = np.column_stack([truth, likeliest]).astype(np.int32)
        given = np.take_along_axis(given, classes, axis=1)
    return _of(seed, numbers, truth, predicted, given, classes, brier)


def of_numbers(seed: int, rows: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> Predictions:
    """Predictions of numbers by one trial: all (rows,), in any order, the last two in units of the target."""
    order = np.argsort(rows, kind="stable")
    return _of(seed, rows[order], target[order], predicted[order])


def _of(
    seed: int,
    rows: np.ndarray,
    target: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    brier: np.ndarray | None = None,
) -> Predictions:
    return Predictions(
        np.full(len(rows), seed, np.int64),
        rows.astype(np.int32),
        target.astype(np.float64),
        predicted.astype(np.float64),
        probabilities,
        classes,
        brier,
    )


def _brier(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Brier's score of each row, the sum over classes of (probability − truth)²; float64 (rows,)."""
    errors = probabilities.astype(np.float64)
    errors[np.arange(len(errors)), truth] -= 1
    scores: np.ndarray = (errors**2).sum(axis=1)
    return scores


def calibration_error(confidence: np.ndarray, hit: np.ndarray) -> float:
    """Expected calibration error over `BINS` bins: Σ share of rows in the bin × |accuracy − confidence|.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).

    Args:
        confidence: probability of the top class, (rows,), in [0, 1]; a bin holds its upper edge.
        hit: whether the top class is the true one, (rows,).
    """
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(place, weights=hit - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(hit))
