"""What the checks of a data set look at, what one of them says, and the errors that they measure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.question import Question
from regfleet.analysis.runs import ignorant_score
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import VariantSummary
from regfleet.metrics import METRICS, Metric, error_of
from regfleet.settings.values import Variant
from regfleet.text import listed

if TYPE_CHECKING:
    import pandas as pd

Shares = Sequence[float] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the checks look at, of one data set.

    ``trials`` are the rows of the trials frame, by variant. ``shares`` are those of its classes, ``test_shares`` those
    in a test set that every seed has, where they are known. ``jumps``: variant → its seeds whose training error jumps.
    """

    dataset: DatasetSummary
    trials: Mapping[str, pd.DataFrame]
    variants: Sequence[Variant]
    question: Question
    shares: Shares = None
    test_shares: Shares = None
    jumps: Mapping[str, int] = field(default_factory=dict)

    @property
    def metric(self) -> Metric:
        """What the variants are judged by."""
        return self.question.metric

    @property
    def trained(self) -> bool:
        """Whether the trials were trained here: of scores from elsewhere no setting is known."""
        return any("best_epoch" in trials for trials in self.trials.values())

    @property
    def finished(self) -> list[VariantSummary]:
        """The variants with a score, in order of rank."""
        return [row for row in self.dataset.variants if row.finished and math.isfinite(row.score.mean)]

    @property
    def rows(self) -> int:
        """The rows of the data set, as far as they are known; those that validate and test as well count twice."""
        return self.dataset.n_train + self.dataset.n_val + self.dataset.n_test

    def scores(self, row: VariantSummary, metric: Metric) -> Array:
        """The test scores of a variant by any metric, (finished seeds,); empty where they are not known."""
        if metric is self.metric:
            return np.array(row.scores)
        column, trials = f"{self.question.at}_test_{metric.name}", self.trials[row.name]
        if column not in trials:
            return np.empty(0)
        values = trials.loc[trials["status"] == "done", column].to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(values[np.isfinite(values)])

    def named(self, rows: Iterable[VariantSummary]) -> str:
        """The labels of ``rows``, and all of them by a word."""
        labels = [row.label for row in rows]
        return "every variant" if len(labels) == len(self.finished) > 1 else listed(labels)


@dataclass(frozen=True, slots=True)
class Found:
    """What a check has to say: of which variants, with which numbers, and the flags with which to try again."""

    variants: Sequence[VariantSummary]
    sentence: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    flags: str = ""


TENTH = 10
"""A part of the training that is late."""


def last_tenth(row: VariantSummary) -> float:
    """The epoch after which the last tenth of the training begins, or the last epoch."""
    epochs = max((curve.epochs[-1] for curve in row.curves.values() if curve.epochs), default=0)
    return epochs - max(1, epochs / TENTH)


def errors_of(seen: Seen, row: VariantSummary, prefix: str = "val_") -> tuple[float, ...]:
    """The mean error of each epoch: of validation rows, or by another ``prefix`` of a history's columns."""
    curve = row.curve(prefix + error_of(seen.dataset.task))
    return curve.mean if curve else ()


def ignorance(seen: Seen, errors: Sequence[float]) -> float:
    """The error of an answer that reads no column; the first epoch's where it is not known."""
    if seen.dataset.task == "regression":
        return 1.0  # of the standardised target
    known = ignorant_score(METRICS["cross_entropy"], seen.shares, np.empty(0))
    return known if known > 0 else errors[0]


def late(errors: Sequence[float]) -> float:
    """The mean error of the last tenth of the epochs, or of the last epoch; NaN of none."""
    return mean_of(errors[-max(1, len(errors) // TENTH) :])


def mean_of(values: Sequence[float] | Array) -> float:
    """The mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else math.nan
