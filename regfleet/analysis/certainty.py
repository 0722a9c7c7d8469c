"""How sure the models are and how right: reliability, and a class against the rest along every threshold."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Cells
from regfleet.analysis.intervals import Array
from regfleet.analysis.predicted import Band, Bin, Threshold, spread
from regfleet.predictions import BINS, Predictions

POINTS = 41
"""Of a ROC or precision-recall curve, evenly spaced."""
CURVED_CLASSES, CURVES = 10, 400
"""Classes up to which each has curves against the rest; curves that are averaged, over classes and seeds."""


def reliability(cells: Cells) -> tuple[tuple[Bin, ...], float, float]:
    """The bins of confidence that hold predictions, and the expected calibration error over them.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015): 15 bins
    of equal width, each with its upper edge.

    Returns:
        the bins, the error of all seeds together, and the mean of that of each seed.
    """
    known = np.isfinite(cells.sure)
    sure, right, seed = cells.sure[known].astype(np.float64), 1.0 * cells.right[known], cells.places[known]
    if not len(sure):
        return (), math.nan, math.nan
    place = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    many, surely, rightly = (
        np.bincount(place, weights=weights, minlength=BINS) for weights in (np.ones(len(sure)), sure, right)
    )
    bins = tuple(
        Bin(float(many[b] / len(sure)), float(surely[b] / many[b]), float(rightly[b] / many[b]))
        for b in np.flatnonzero(many)
    )
    seeds = len(cells.seeds)
    gaps = np.bincount(seed * BINS + place, weights=right - sure, minlength=seeds * BINS).reshape(seeds, BINS)
    tested = np.bincount(seed, minlength=seeds)
    alone = np.abs(gaps).sum(axis=1)[tested > 0] / tested[tested > 0]
    return bins, float(np.abs(rightly - surely).sum() / len(sure)), float(alone.mean())


def thresholds(part: Predictions, cells: Cells) -> tuple[Threshold, ...]:
    """The curves of the second of two classes, or of each of several against the rest; none of more than a few."""
    if part.probabilities is None or part.classes is not None or part.probabilities.shape[1] > CURVED_CLASSES:
        return ()
    many = part.probabilities.shape[1]
    numbers = range(1, 2) if many == 2 else range(many)
    slices = cells.slices(max(10, CURVES // len(numbers)))
    found = []
    for number in numbers:
        curves = [_curves(part.probabilities[at, number], part.target[at] == number) for at in slices]
        known = [one for one in curves if one is not None]
        if known:
            roc, pr, auc, average = (np.array(values) for values in zip(*known, strict=True))
            found.append(Threshold(number, len(known), _band(roc), _band(pr), spread(auc), spread(average)))
    return tuple(found)


def _curves(p: Array, truth: NDArray[np.bool_]) -> tuple[Array, Array, float, float] | None:
    """ROC and precision-recall curve at `POINTS` points, the area below the ROC curve, and average precision.

    The ROC curve is linear between its corners. Precision at a recall is that of the highest threshold that reaches it,
    as average precision sums it up. None where all rows are of one kind, or a probability is not known.
    """
    positive = int(truth.sum())
    if not 0 < positive < len(truth) or not np.isfinite(p).all():
        return None
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    taken = last + 1.0
    recall, precision = hits / positive, hits / taken
    false = (taken - hits) / (len(truth) - positive)
    grid = np.linspace(0, 1, POINTS)
    x, y = np.append(0.0, false), np.append(0.0, recall)
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)
    average = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
    at = np.minimum(np.searchsorted(recall, grid - 1e-12), len(recall) - 1)
    return np.interp(grid, x, y), precision[at], area, average


def _band(curves: Array) -> Band:
    low, high = np.quantile(curves, (0.05, 0.95), axis=0)
    return Band(tuple(curves.mean(axis=0).tolist()), tuple(low.tolist()), tuple(high.tolist()))
