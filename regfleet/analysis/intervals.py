"""The corrected interval: a mean over seeds that knows that random splits of the same rows overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.variant import Interval, Word

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds with its corrected standard error and ``df`` degrees of freedom; NaN below two values."""

    mean: float
    sd: float
    se: float
    df: int

    @property
    def t(self) -> float:
        """Mean over standard error: 0 for no difference at all, infinite for a difference without any scatter."""
        if self.se == 0:
            return math.copysign(math.inf, self.mean) if self.mean else 0.0
        return self.mean / self.se


def sd_floor(n_test: int, seeds: int) -> float:
    """The least standard deviation that a count of ``n_test`` rows is believed to have over ``seeds`` seeds.

    One row on one seed: a smaller one would claim certainty from runs that happen to agree.
    """
    return 1 / (n_test * math.sqrt(seeds)) if n_test and seeds else 0.0


def estimate(values: Array, ratio: float, floor: float = 0.0) -> Estimate:
    """The mean of ``values`` (seeds,) with the variance correction for overlapping splits.

    Args:
        values: one number per seed; a paired difference or a score.
        ratio: rows of the judging set / rows of the training set where the split is redrawn per seed; 0 otherwise.
        floor: least standard deviation (`sd_floor`).

    Returns:
        mean, sd (ddof 1, at least ``floor``), se = sd·√(1/N + ratio), df = N − 1.

    Paper: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
    """
    count = len(values)
    mean = float(np.mean(values)) if count else math.nan
    if count < 2:
        return Estimate(mean, math.nan, math.nan, count - 1)
    sd = max(float(np.std(values, ddof=1)), floor)
    return Estimate(mean, sd, sd * math.sqrt(1 / count + ratio), count - 1)


def interval(of: Estimate, alpha: float, comparisons: int = 1) -> Interval:
    """The two-sided interval at level 1 − ``alpha``, simultaneous over ``comparisons`` of its kind (Bonferroni)."""
    if of.df < 1:
        return Interval(of.mean, math.nan, math.nan)
    half = _quantile(1 - alpha / (2 * comparisons), of.df) * of.se
    return Interval(of.mean, of.mean - half, of.mean + half)


@cache
def _quantile(probability: float, df: int) -> float:
    """Student's t quantile; a study asks for the same few of them again and again."""
    from scipy.stats import t

    return float(t.ppf(probability, df))


def p_value(of: Estimate, comparisons: int = 1) -> float:
    """The decision of `interval` as a number: below alpha exactly where that interval excludes zero."""
    from scipy.stats import t

    if of.df < 1:
        return math.nan
    return min(1.0, comparisons * 2 * float(t.sf(abs(of.t), of.df)))


MINIMUM_PAIRS = 5
TOO_FEW = "too few seeds"
TOO_FEW_DATASETS = "too few data sets"
NOT_YET = "before the first look"
"""The note of a comparison that claims nothing, for it has not come to the first look of its study."""
CHOSEN = "chosen on the rows that judge it"
"""The note of a tuned sweep where the test rows are the validation rows."""
FEW_ROWS = "alike on too few rows"
"""The note of what looks equivalent by scores, where the rows behind them are too few to show it."""
TINY = "tiny but real"
NO_SCATTER = "the same difference every time: no interval"
ROUNDING = 1e-9
"""Relative to a difference, the width of an interval that only rounding gives it."""
BEYOND_ROPE = "by enough to matter"


def excludes_zero(interval: Interval) -> bool:
    """Whether zero lies outside; False for NaN bounds."""
    return interval.low > 0 or interval.high < 0


def without_scatter(around: Interval, rope: float = 0.0) -> bool:
    """Whether an interval has no width, because all differences were the same: they do not say how far new ones lie."""
    return around.high - around.low <= ROUNDING * max(rope, abs(around.mean))


def unknown(around: Interval) -> Interval:
    """The mean of ``around`` without ends."""
    return Interval(around.mean, math.nan, math.nan)


def decide(interval: Interval, rope: float, pairs: int) -> tuple[Word, str]:
    """The verdict and its note.

    Args:
        interval: the simultaneous interval of the difference, larger is better.
        rope: half-width of the region of practical equivalence, in units of the metric.
        pairs: seeds that both sides finished.

    Returns:
        better, worse, equivalent or undecided; and the note that qualifies it, or "".
    """
    if pairs < MINIMUM_PAIRS or math.isnan(interval.low):
        return "undecided", TOO_FEW
    if -rope <= interval.low and interval.high <= rope:
        return "equivalent", TINY if excludes_zero(interval) else ""
    if excludes_zero(interval):
        beyond = interval.low > rope or interval.high < -rope
        return "better" if interval.low > 0 else "worse", BEYOND_ROPE if beyond else ""
    return "undecided", ""
