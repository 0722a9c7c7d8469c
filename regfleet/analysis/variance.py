"""Where the scatter comes from: splits or initial weights, in a small nested study."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.intervals import Array


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Variances of the score between splits and between initial weights on one split; ``icc`` is the splits' share."""

    between: float
    within: float
    split: float
    weights: float
    f: float
    icc: float


def variance_components(scores: Array) -> VarianceComponents:
    """One-way random-effects analysis of variance.

    Args:
        scores: (splits, initial weights), at least two of each.

    Returns:
        mean squares between and within, their components, F = between / within and ICC1; the last two are NaN
        without any scatter.
    """
    splits, draws = scores.shape
    means = scores.mean(axis=1)
    between = draws * float(np.var(means, ddof=1))
    within = float(np.sum((scores - means[:, None]) ** 2)) / (splits * (draws - 1))
    total = between + (draws - 1) * within
    return VarianceComponents(
        between=between,
        within=within,
        split=max(0.0, (between - within) / draws),
        weights=within,
        f=between / within if within > 0 else math.inf if between > 0 else math.nan,
        icc=(between - within) / total if total > 0 else math.nan,
    )
