"""Effect sizes and bootstrap intervals over seeds; all of them are about these rows, not about new data."""

from __future__ import annotations

import math

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.power import noether
from regfleet.analysis.summary import Effects, Interval

RESAMPLES = 2000
DRAWS = 2_000_000


def superiority(differences: Array) -> float:
    """The share of seeds (differences: (seeds,)) on which the variant beats its control, ties counting half."""
    return float(np.mean((differences > 0) + 0.5 * (differences == 0))) if len(differences) else math.nan


def superiority_interval(differences: Array, rng: np.random.Generator, alpha: float = 0.05) -> Interval:
    """`superiority` with its percentile bootstrap interval over pairs.

    A resample of pairs is one multinomial draw of wins, ties and losses, so none is drawn pair by pair.
    """
    count = len(differences)
    if count < 2:
        return Interval(superiority(differences), math.nan, math.nan)
    wins, ties = int(np.sum(differences > 0)), int(np.sum(differences == 0))
    shares = np.array([wins, ties, count - wins - ties]) / count
    draws = rng.multinomial(count, shares, size=RESAMPLES)
    low, high = np.quantile((draws[:, 0] + 0.5 * draws[:, 1]) / count, [alpha / 2, 1 - alpha / 2])
    return Interval(superiority(differences), float(low), float(high))


def d_z(differences: Array) -> float:
    """Mean over standard deviation of the paired differences; NaN without scatter."""
    sd = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    return float(np.mean(differences)) / sd if sd > 0 else math.nan


def g_z(differences: Array) -> float:
    """`d_z` without its small-sample bias (Hedges): times 1 − 3/(4·df − 1)."""
    return d_z(differences) * (1 - 3 / (4 * (len(differences) - 1) - 1)) if len(differences) > 1 else math.nan


def a12(variant: Array, control: Array) -> float:
    """Vargha and Delaney's A: the chance that a score of ``variant`` beats one of ``control``, not paired.

    Args:
        variant, control: (seeds,) and (other seeds,), larger is better.
    """
    if not len(variant) or not len(control):
        return math.nan
    ordered = np.sort(control)
    below = np.searchsorted(ordered, variant, side="left")
    up_to = np.searchsorted(ordered, variant, side="right")
    return float(np.mean(below + up_to)) / (2 * len(control))


def cliff_delta(variant: Array, control: Array) -> float:
    """Cliff's δ = 2·A − 1, from −1 (always below) to 1 (always above)."""
    return 2 * a12(variant, control) - 1


def effects(variant: Array, control: Array, differences: Array, rng: np.random.Generator) -> Effects:
    """All effect sizes of ``variant`` against ``control``, both (seeds,), oriented and paired."""
    return Effects(
        superiority=superiority_interval(differences, rng),
        d_z=d_z(differences),
        g_z=g_z(differences),
        a12=a12(variant, control),
        cliff_delta=cliff_delta(variant, control),
        seeds_needed=noether(superiority(differences)),
    )


def iqm(values: Array) -> float:
    """The mean of the middle half of ``values`` (seeds,), a quarter cut from each end.

    Paper: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021.
    """
    cut = len(values) // 4
    return float(np.mean(np.sort(values)[cut : len(values) - cut])) if len(values) else math.nan


def iqm_interval(values: Array, rng: np.random.Generator, alpha: float = 0.05) -> Interval:
    """`iqm` with its percentile bootstrap interval over seeds."""
    count = len(values)
    if count < 2:
        return Interval(iqm(values), math.nan, math.nan)
    cut = count // 4
    ordered = np.sort(values)
    # A resample is how often each of the sorted values was drawn, so none of the resamples has to be sorted: its middle
    # half holds clip(c_i) − clip(c_{i−1}) times the value v_i, where c counts the draws up to v_i. Summed by parts.
    sums: list[float] = []
    while len(sums) < RESAMPLES:  # as many at once as memory should hold
        batch = min(max(1, DRAWS // count), RESAMPLES - len(sums))
        drawn = rng.integers(0, count, size=(batch, count)) + count * np.arange(batch)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=batch * count).reshape(batch, count)
        up_to = np.cumsum(counts[:, :-1], axis=1, dtype=np.float64)
        np.clip(up_to, cut, count - cut, out=up_to)
        sums += (up_to @ np.diff(ordered)).tolist()
    totals = (count - cut) * ordered[-1] - cut * ordered[0] - np.array(sums)
    low, high = np.quantile(totals / (count - 2 * cut), [alpha / 2, 1 - alpha / 2])
    return Interval(iqm(values), float(low), float(high))


def mean_interval(values: Array, rng: np.random.Generator, alpha: float = 0.05, resamples: int = 9999) -> Interval:
    """The mean of ``values`` (seeds,) with its BCa bootstrap interval, which assumes no shape; a point without scatter.

    Paper: Efron, "Better bootstrap confidence intervals", JASA 82, 1987.
    """
    from scipy.stats import bootstrap

    mean = float(np.mean(values)) if len(values) else math.nan
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    if np.ptp(values) == 0:
        return Interval(mean, mean, mean)
    found = bootstrap((values,), np.mean, n_resamples=resamples, confidence_level=1 - alpha, method="BCa", rng=rng)
    return Interval(mean, float(found.confidence_interval.low), float(found.confidence_interval.high))
