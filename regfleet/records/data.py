"""Data sets, where they come from, and the rows that a model sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where a data set comes from and what its columns are.

    ``location`` is what ``--data`` was given: a built-in's name, a file, its URL, ``openml:61``, ``package.module:f``.
    ``target`` is the target's column; ``drop`` and ``categorical`` name columns; rows with the same value in the column
    ``group`` never straddle a split; ``time`` is the column that orders the rows, the latest of which are the test set;
    ``test`` is a file that holds the test set. ``task`` None: the target's type decides.
    """

    location: str
    target: str | None = None
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None
    test: str | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set in memory.

    ``features``: float64 (rows, columns), NaN where missing; images (rows, …) of any numeric type; or a frame of
    (rows, columns) of float64, categories, datetime64 and str, to be encoded on the training rows of each seed.
    ``target``: int64 (rows,) of class numbers, or float64 (rows,) for regression, which has no ``classes``. ``groups``:
    int64 (rows,), rows of one number stay together. ``order``: int64 (rows,), the place of each row in time.
    ``held_out``: bool (rows,), the test set where it is the same for every seed. ``notes`` are sentences the user
    should read: what was inferred, what looks like leakage. ``columns`` are a table's: (name, kind, detail) of each,
    those that are not used as input included.
    """

    name: str
    features: np.ndarray | pd.DataFrame
    target: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str
    groups: np.ndarray | None = None
    order: np.ndarray | None = None
    held_out: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()

    @property
    def task(self) -> Task:
        """What is to be predicted: one of ``classes``, or a number."""
        return "classification" if self.classes else "regression"

    @property
    def fixed_test(self) -> bool:
        """Whether every seed is judged on the same rows."""
        return self.held_out is not None or self.order is not None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One of the three sets, ready for a model.

    ``x``: float32 (rows, …). ``y``: float32, one-hot (rows, classes), or for regression (rows, 1) as `Sets` scales it.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Training, validation and test rows of one seed, encoded and standardised on the training rows.

    For regression the target is ``target_mean + target_scale · y``, both from the training rows.
    """

    train: Rows
    validation: Rows
    test: Rows
    task: Task = "classification"
    target_mean: float = 0.0
    target_scale: float = 1.0
