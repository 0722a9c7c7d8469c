"""Learning curves: mean and band over seeds, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.variant import Curve
from regfleet.trials import HISTORY_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

BAND = (0.05, 0.95)
JUMP, TIMES = 0.2, 1.5
"""An error jumps that rises in one epoch by so much of the first epoch's, and to so many times what it was."""


def curve(values: Array) -> Curve:
    """Mean and band that holds 90 % of the seeds, per epoch.

    Args:
        values: (seeds, epochs), NaN behind the end of a run that stopped early.

    Returns:
        the curve up to the last epoch that at least half of the seeds reached.
    """
    running = np.sum(np.isfinite(values), axis=0)
    too_few = np.flatnonzero(2 * running < max(1, len(values)))
    kept = values[:, : too_few[0] if len(too_few) else values.shape[1]]
    if not kept.size:
        return Curve((), (), (), ())
    quantile = np.quantile if np.isfinite(kept).all() else np.nanquantile
    low, high = quantile(kept, BAND, axis=0)
    return Curve(
        tuple(range(1, kept.shape[1] + 1)),
        tuple(np.nanmean(kept, axis=0).tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
    )


def variant_curves(history: pd.DataFrame) -> Mapping[str, Curve]:
    """The curves of one variant on one data set, keyed by history column.

    Args:
        history: seed, epoch (from 1) and some of HISTORY_COLUMNS; one row per finished seed and epoch, in any order.
    """
    if history.empty:
        return {}
    seeds, row = np.unique(history["seed"].to_numpy(), return_inverse=True)
    epoch = history["epoch"].to_numpy(dtype=np.int64)
    curves = {}
    for column in HISTORY_COLUMNS:
        if column in history:
            values = np.full((len(seeds), int(epoch.max())), np.nan)
            values[row, epoch - 1] = history[column].to_numpy(dtype=np.float64)
            curves[column] = curve(values)
    return curves


def jumping(history: pd.DataFrame, error: str) -> int:
    """The seeds of one variant whose training error, called ``error``, jumps up in the second half of the epochs.

    ``history`` is as `variant_curves` takes it. Inference mode is looked at where it is known: dropout alone makes
    the other one uneven.
    """
    column = next((name for name in (f"train_{error}", error) if name in history), None)
    if column is None or history.empty:
        return 0
    values = history.pivot_table(index="seed", columns="epoch", values=column, observed=True).to_numpy(np.float64)
    late = values[:, values.shape[1] // 2 :]
    with np.errstate(invalid="ignore"):
        rise, times = np.diff(late, axis=1), late[:, 1:] > TIMES * late[:, :-1]
        return int(((rise > JUMP * values[:, :1]) & times).any(axis=1).sum())
