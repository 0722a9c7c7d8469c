"""The gap between training and validation score, and what a technique changes of it."""

from __future__ import annotations

import numpy as np

from regfleet.analysis.intervals import Array, estimate, interval, sd_floor
from regfleet.analysis.summary import Interval


def gap_interval(train: Array, validation: Array, ratio: float, alpha: float, n_val: int = 0) -> Interval:
    """Training minus validation accuracy or R² with its corrected interval: above 0, the model memorizes.

    Args:
        train, validation: (seeds,) scores in inference mode on the same weights.
        ratio: n_val / n_train for new data, 0 for these rows.
        alpha: 1 − level; a gap is described, not tested, so it is not simultaneous over variants.
        n_val: validation rows, for the floor on the standard deviation; 0 for none, as for R².
    """
    return _over_finite(train - validation, ratio, alpha, n_val)


def gap_change_interval(variant: Array, control: Array, ratio: float, alpha: float, n_val: int = 0) -> Interval:
    """The gaps of ``variant`` minus those of ``control``, (seeds,) each and paired; below 0: the gap is smaller."""
    return _over_finite(variant - control, ratio, alpha, n_val)


def _over_finite(values: Array, ratio: float, alpha: float, n_val: int) -> Interval:
    finite = values[np.isfinite(values)]
    return interval(estimate(finite, ratio, sd_floor(n_val, len(finite))), alpha)
