"""The conservative interval: how far the same study on two halves of the rows disagrees, over many such halvings.

Two halves share no row, so their mean differences are independent, and half their squared distance is an unbiased
estimate of the variance of such a mean on half of the rows. On all of them it is smaller, as far as more rows make a
mean less uncertain: the interval is too wide rather than too narrow. Nothing is asked of the score, so that it holds
where a score is no mean over rows. Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52,
2003, section 4, "conservative Z"; there the test sets of a half are as large as those of all rows, while here a half is
split in the same shares as the whole. What initial weights alone decide is not larger on half of the rows, so that the
interval is never narrower than Student's t of one mean per seed, as that of single rows is not either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.intervals import Array, Estimate, estimate, interval, p_value
from regfleet.analysis.variant import Interval


@dataclass(frozen=True, slots=True)
class HalvesEstimate:
    """A mean difference on all rows, its standard error ``se`` from pairs of halves, and what its seeds alone say."""

    se: float
    by_seeds: Estimate

    def interval(self, alpha: float, comparisons: int = 1) -> Interval:
        """The two-sided interval at level 1 − ``alpha``, simultaneous over ``comparisons``; NaN without a ``se``."""
        from scipy.stats import norm

        mean, least = self.by_seeds.mean, interval(self.by_seeds, alpha, comparisons)
        half = float(np.maximum(norm.isf(alpha / (2 * comparisons)) * self.se, least.high - mean))
        return Interval(mean, mean - half, mean + half)

    def p_value(self, comparisons: int = 1) -> float:
        """The decision of `interval` as a number: below alpha exactly where that interval excludes zero."""
        from scipy.stats import norm

        by_halves = comparisons * 2 * float(norm.sf(abs(self.by_seeds.mean) / self.se)) if self.se else 0.0
        return float(np.minimum(1.0, np.maximum(by_halves, p_value(self.by_seeds, comparisons))))


def halves_estimate(differences: Array, pairs: Array, floor: float = 0.0) -> HalvesEstimate:
    """The mean of ``differences`` with √(Σ(a − b)²/2M), a and b the means of the two halves of each of M pairs.

    Args:
        differences: on all rows, (seeds,).
        pairs: (M, 2), over the seeds of each half; without any, or with a NaN, there is no interval.
        floor: least standard deviation of the differences (`intervals.sd_floor`).
    """
    se = math.sqrt(float(np.mean((pairs[:, 0] - pairs[:, 1]) ** 2)) / 2) if len(pairs) else math.nan
    return HalvesEstimate(se, estimate(differences, 0.0, floor))
