"""What the analysis says of one variant: its scores and curves, and how it compares with its control."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from regfleet.metrics import Metric

Word = Literal["better", "worse", "equivalent", "undecided"]
Rule = Literal["rows", "seeds", "halves"]
"""What an interval is made of: the predictions of single test rows, one score per seed, or pairs of halves."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its interval, in units of the metric. NaN bounds: too few values for one."""

    mean: float
    low: float
    high: float


class Outlook(Protocol):
    """What an interval of single rows comes to with other numbers of seeds, as half-widths in units of the metric."""

    def limit(self, alpha: float, comparisons: int) -> float:
        """With unlimited seeds."""

    def expected(self, seeds: int, n_test: int, alpha: float, comparisons: int) -> float:
        """To be expected with ``seeds`` seeds that test ``n_test`` rows each."""


@dataclass(frozen=True, slots=True)
class Companion:
    """The Brier scores of a variant's probabilities beside its control's: they see more than accuracy and never decide.

    ``difference`` is variant minus control, below zero is better, of one score per seed and as simultaneous as the
    verdicts; ``verdict`` is made as theirs, with the ROPE of `judging.BRIER`. ``sentence`` says it in plain words.
    """

    difference: Interval
    verdict: Word
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A variant against its control over the seeds that both finished; differences are oriented: larger is better.

    ``difference`` is the interval that decides, simultaneous over the comparisons shown. ``floor`` is the half-width
    below which no number of seeds brings it. ``note`` qualifies the verdict ("tiny but real", "too few seeds", …).
    ``sentence`` says it all in plain words. ``dropped`` counts seeds lost to a failure of either side.
    ``withdrawn`` is the verdict that did not survive scoring failures as the majority class. ``identical`` warns that
    the variant trained exactly as its control. ``this_dataset`` is the same interval for random splits of these rows.
    ``rule`` says what the interval is made of, and ``rule_why`` why it is not single rows. With pairs of halves
    ``floor`` is NaN, for it is not known, and ``dropped`` counts their seeds too. ``same`` counts the test
    rows where both always predicted the same; 0 where there is a row on which they did not. ``companion`` is None
    without probabilities, ``outlook`` where single rows do not judge.
    """

    control: str
    seeds: tuple[int, ...] = field(repr=False)
    differences: tuple[float, ...] = field(repr=False)
    difference: Interval
    sd: float
    p: float
    wins: int
    ties: int
    losses: int
    rope: float
    floor: float
    verdict: Word
    note: str
    sentence: str = ""
    dropped: int = 0
    withdrawn: Word | None = None
    identical: bool = False
    this_dataset: Interval | None = None
    rule: Rule = "seeds"
    rule_why: str = ""
    same: int = 0
    companion: Companion | None = None
    outlook: Outlook | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean over seeds per epoch with the band that holds 90 % of them; ``epochs`` from 1, all of equal length."""

    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<Curve of {len(self.epochs):,} epochs>"


@dataclass(frozen=True, slots=True)
class VariantSummary:
    """One row of the leaderboard. Ranks are shared by ties; scores are means on the test set.

    ``gap`` is training minus validation accuracy, or R² of regression, in inference mode on the same weights;
    ``gap_change`` its paired difference from the control's. ``curves`` is keyed by history column. ``scores`` are those
    of ``seeds``, and ``sd`` is their standard deviation.
    """

    name: str
    label: str
    control: str | None
    family: str | None
    rank: int | None
    finished: int
    failed: int
    diverged: int
    score: Interval
    sd: float
    train_score: float
    comparison: Comparison | None
    gap: Interval
    gap_change: Interval | None
    best_epoch: float
    seconds: float
    curves: Mapping[str, Curve] = field(repr=False)
    seeds: tuple[int, ...] = field(default=(), repr=False)
    scores: tuple[float, ...] = field(default=(), repr=False)

    def curve(self, column: str) -> Curve | None:
        """The curve of a history column; None where no epoch was recorded.

        R² of a regression, ``val_r2`` and ``train_r2``, is 1 − MSE of the standardised target.
        """
        if column.endswith("_r2") and self.curve("val_accuracy") is None:
            error = self.curve(f"{column.removesuffix('r2')}mse")
            sides = (error.mean, error.high, error.low) if error else ((), (), ())
            return Curve(error.epochs, *(tuple(1 - v for v in side) for side in sides)) if error else None
        curve = self.curves.get(column)
        return curve if curve and curve.epochs else None


def standing(row: VariantSummary, control: VariantSummary | None, metric: Metric) -> float:
    """What ``row`` is ranked by beside its ``control``, larger is better; NaN without a score.

    Its mean score, or, where it and its control ran on other seeds, the control's mean with the paired difference: the
    mean of other seeds would rank the seeds as well.
    """
    own = metric.sign * row.score.mean
    one = row.comparison
    if control is None or one is None or row.seeds == control.seeds or not math.isfinite(one.difference.mean):
        return own
    return metric.sign * control.score.mean + one.difference.mean
