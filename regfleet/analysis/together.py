"""The networks of a variant as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Cells, Whole
from regfleet.analysis.intervals import Array
from regfleet.analysis.predicted import Together, spread
from regfleet.predictions import Predictions

Score: TypeAlias = Callable[[Predictions], float]
ScoreOf: TypeAlias = Callable[[str], Score]
"""Data set → a metric of predictions."""
SEEDS = 100
"""Seeds that enter what is worked out seed by seed, evenly chosen of more."""
DENSE = 20_000_000
"""Numbers up to which a table of rows and classes is held whole."""


def together(part: Predictions, cells: Cells, score: Score) -> Together | None:
    """The mean of what the networks of a variant say of a row, and its score.

    None where no row was tested twice, there are no probabilities of classes, or there are too many to add up.
    """
    _, place = np.unique(cells.rows, return_inverse=True)
    tested = np.bincount(place)
    often = tested >= 2
    values = part.probabilities if part.is_class else part.predicted[:, None]
    if not often.any() or values is None or part.classes is not None or values.shape[1] * len(tested) > DENSE:
        return None
    sums = np.stack([np.bincount(place, weights=column).astype(np.float64) for column in values.T], axis=1)
    target = np.zeros(len(tested))
    target[place] = part.target
    rows = np.zeros(len(tested), np.int32)
    rows[place] = part.rows
    whole = score(_mean_of(sums[often], tested[often], rows[often], target[often], is_class=part.is_class))
    others, alone = [], []
    for at in cells.slices(SEEDS):
        here = place[at]
        shared = often[here]
        if shared.any():
            mine, here = values[at][shared], here[shared]
            kind = part.is_class
            rest = _mean_of(sums[here] - mine, tested[here] - 1, rows[here], target[here], is_class=kind)
            others.append(score(rest))
            alone.append(score(_mean_of(mine, np.ones(len(here)), rows[here], target[here], is_class=kind)))
    counts = tested[often]
    networks = int(counts.min()), int(np.median(counts)), int(counts.max())
    return Together(networks, int(often.sum()), whole, spread(np.array(others)).mean, spread(np.array(alone)).mean)


def _mean_of(
    sums: Array, many: Array | Whole, rows: NDArray[np.int32], target: Array, *, is_class: bool
) -> Predictions:
    mean = sums / np.asarray(many)[:, None]
    seeds = np.zeros(len(rows), np.int64)
    if not is_class:
        return Predictions(seeds, rows, target, mean[:, 0])
    return Predictions(seeds, rows, target, mean.argmax(axis=1).astype(np.float64), mean.astype(np.float32))
