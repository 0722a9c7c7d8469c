"""What the models said of the test rows of a data set: which classes, how surely, which rows they get wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean over seeds and their standard deviation; NaN where no seed, or a single one, has a value."""

    mean: float
    sd: float


def spread(values: Array) -> Spread:
    """Of one value per seed, (seeds,), NaN where a seed has none."""
    known = values[np.isfinite(values)]
    mean = float(known.mean()) if len(known) else math.nan
    return Spread(mean, float(known.std(ddof=1)) if len(known) > 1 else math.nan)


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How a variant does on the class of number ``number``, which has ``rows`` test rows on a seed, on average.

    Recall is over the seeds whose test set has the class, precision over those where it was predicted, F1 over those
    where either holds.
    """

    number: int
    rows: float
    precision: Spread
    recall: Spread
    f1: Spread


@dataclass(frozen=True, slots=True)
class Confused:
    """Rows of class ``true`` that were taken for ``said``, per seed, and how many more than by the control (or NaN)."""

    true: int
    said: int
    rows: float
    more: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of a range of confidence: their ``share`` of all, mean ``confidence``, and how many are right."""

    share: float
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Band:
    """A mean over seeds at evenly spaced points from 0 to 1, with the band that holds 90 % of the seeds."""

    mean: tuple[float, ...] = field(repr=False)
    low: tuple[float, ...] = field(repr=False)
    high: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A class against the rest: its ROC and precision-recall curves over seeds, and the areas below them.

    ``roc`` is the true-positive rate along the false-positive rate, ``pr`` the precision along recall. ``seeds`` counts
    those that entered: with rows of the class and others.
    """

    number: int
    seeds: int
    roc: Band
    pr: Band
    auc: Spread
    average_precision: Spread


@dataclass(frozen=True, slots=True)
class Residuals:
    """What a regression misses by: prediction − truth, whose mean over everything is ``bias``.

    ``points``: (true, mean prediction) of some rows. ``bins``: of predictions near each other their mean, and the mean,
    5 % and 95 % point of what they miss by.
    """

    points: tuple[tuple[float, float], ...] = field(repr=False)
    bins: tuple[tuple[float, float, float, float], ...] = field(repr=False)
    bias: float


@dataclass(frozen=True, slots=True)
class Changed:
    """A row on which a variant and its control were tested ``tested`` times, on the same seeds.

    ``control`` and ``variant`` count how often each was right; of a regression they are mean absolute errors.
    """

    row: int
    target: float
    tested: int
    control: float
    variant: float


@dataclass(frozen=True, slots=True)
class Changes:
    """Where a variant and its control differ: ``cells`` predictions were paired, ``differ`` of them are not the same.

    ``gained`` are right where the control's are wrong, ``lost`` the other way round; of a regression nearer to the
    truth and farther from it. ``rows`` are the most telling ones.
    """

    cells: int
    differ: int
    gained: int
    lost: int
    rows: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Together:
    """The networks of a variant as one: the mean of what they say of a row, over rows that two or more were tested on.

    ``networks``: the least, the usual and the most on a row. ``score`` is that of all of them, over the ``rows``.
    ``others``: of each seed, on its rows, the mean of all other seeds, then the mean over seeds; it stands for one
    network fewer than ``score``. ``alone`` is that seed's own network on the same rows.
    """

    networks: tuple[int, int, int]
    rows: int
    score: float
    others: float
    alone: float


@dataclass(frozen=True, slots=True, eq=False)
class VariantPredicted:
    """What one variant predicted, over ``seeds`` seeds and ``cells`` test rows of them.

    ``matrix``: rows a seed by true and by predicted class, None of many classes; ``change``: less the control's.
    ``confused``: the pairs that are confused most. ``bins``, ``ece``: of all seeds together; ``seed_ece``: the mean of
    that of single seeds. ``thresholds``: of the second of two classes, or of each of several.
    ``rows``, ``tested``, ``wrong`` (rows,): how often each row was tested, and was wrong; of a regression the sum of
    its absolute errors.
    """

    name: str
    seeds: int
    cells: int
    rows: NDArray[np.int64] = field(repr=False)
    tested: Array = field(repr=False)
    wrong: Array = field(repr=False)
    matrix: tuple[tuple[float, ...], ...] | None = None
    change: tuple[tuple[float, ...], ...] | None = None
    classes: tuple[ClassScore, ...] = ()
    confused: tuple[Confused, ...] = ()
    bins: tuple[Bin, ...] = ()
    ece: float = float("nan")
    seed_ece: float = float("nan")
    thresholds: tuple[Threshold, ...] = ()
    residuals: Residuals | None = None
    changes: Changes | None = None
    together: Together | None = None


@dataclass(frozen=True, slots=True)
class HardRow:
    """A row that the networks get wrong, of ``variants`` variants: ``wrong`` of ``tested`` times.

    ``said`` is the class that most of the wrong ones took it for, ``votes`` how often, and ``confidence`` the mean
    probability they gave it. Of a regression ``said`` is the mean prediction, and ``confidence`` the mean absolute
    error as a multiple of the root of the mean squared one of all rows.
    """

    row: int
    target: float
    tested: int
    wrong: int
    said: float
    votes: int
    confidence: float
    variants: int


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """What was predicted on a data set. ``hard``: the rows that hardly any network gets right, the worst first.

    ``hopeless`` counts those that none does, of ``judged`` rows that were tested often enough to say so. ``learned``
    are the variants that entered that: those that learned something. ``classes``: 0 of values, and where only which
    rows are right is known. ``numbers``, ``targets``, ``tested`` and ``wrong``, (rows,), are of every row that these
    tested, as in `VariantPredicted`. ``row_names``: of all rows in order of their numbers, where scores from elsewhere
    name them.
    """

    kind: Literal["classes", "values"]
    classes: int
    rows: int
    judged: int
    hopeless: int
    hard: tuple[HardRow, ...]
    learned: tuple[str, ...]
    variants: Mapping[str, VariantPredicted]
    numbers: NDArray[np.int64] = field(repr=False)
    targets: Array = field(repr=False)
    tested: Array = field(repr=False)
    wrong: Array = field(repr=False)
    row_names: tuple[str, ...] = field(default=(), repr=False)

    def row(self, number: int) -> str:
        """What a row is called."""
        return self.row_names[number] if self.row_names else str(number)

    def table(self) -> dict[str, Any]:
        """What JSON says of it: no curves, and of the rows only those that are hard or change most."""
        names = ("seeds", "cells", "ece", "seed_ece", "matrix", "change")
        nested = ("classes", "confused", "changes", "together")
        return {
            "kind": self.kind,
            "rows": self.rows,
            "judged": self.judged,
            "hopeless": self.hopeless,
            "hard": [asdict(row) for row in self.hard],
            "row_names": {number: self.row(number) for number in sorted(self._listed())} if self.row_names else {},
            "variants": {
                name: {field: getattr(one, field) for field in names}
                | {field: _plain(getattr(one, field)) for field in nested}
                for name, one in self.variants.items()
            },
        }

    def _listed(self) -> set[int]:
        """The rows that are listed by number."""
        moved = (row.row for one in self.variants.values() if one.changes for row in one.changes.rows)
        return {*(row.row for row in self.hard), *moved}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [asdict(one) for one in value]
    return None if value is None else asdict(value)
