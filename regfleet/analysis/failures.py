"""What failed runs are worth: the verdict must survive counting them as a model that has learned nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.runs import Runs
from regfleet.metrics import Metric


def ignorant_score(metric: Metric, shares: Sequence[float] | None, observed: Array) -> float:
    """The score of a model that has learned nothing.

    Args:
        metric: what is measured.
        shares: of the classes; None where they are not known or there are none.
        observed: finished scores on the data set, (runs,); their worst stands in where the score cannot be worked out.

    Returns:
        accuracies, macro-F1 and AUC of always saying the largest class; cross-entropy and MSE of always saying the
        shares; R² of always saying the mean.
    """
    if metric.name == "r2":
        return 0.0
    if shares is not None and len(shares):
        p = np.asarray(shares, dtype=np.float64)
        known = {
            "accuracy": float(p.max()),
            "balanced_accuracy": 1 / int(np.sum(p > 0)),
            "auc": 0.5,
            "macro_f1": float(2 * p.max() / (1 + p.max()) / len(p)),
            "cross_entropy": float(-np.sum(p[p > 0] * np.log(p[p > 0]))),
            "mse": float(np.mean(p * (1 - p))),
        }
        if metric.name in known:
            return known[metric.name]
    if not len(observed):
        return np.nan
    return float(observed.min() if metric.higher_is_better else observed.max())


def scored(runs: Runs, score: float) -> tuple[Array, Array]:
    """Seeds and scores (attempted seeds,) with ``score`` in place of each lost run, ascending by seed."""
    seeds = np.concatenate([runs.seeds, runs.lost])
    scores = np.concatenate([runs.scores, np.full(len(runs.lost), score)])
    order = np.argsort(seeds)
    return seeds[order], scores[order]
