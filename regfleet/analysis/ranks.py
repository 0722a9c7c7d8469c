"""Ranks: of the leaderboard, with shared places, and over data sets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.summary import RankTest

DIAGRAM_DATASETS = 10


def shared_ranks(scores: Sequence[float]) -> list[int | None]:
    """Places from 1 for ``scores``, larger is better; equals share the better place and NaN has none."""
    rounded = [float(f"{score:.12g}") for score in scores]
    return [None if math.isnan(own) else 1 + sum(other > own for other in rounded) for own in rounded]


def mean_ranks(scores: Array) -> Array:
    """Mean rank of each variant; ``scores`` (data sets, variants), larger is better, ties share the mean rank."""
    from scipy.stats import rankdata

    means: Array = rankdata(-scores, axis=1).mean(axis=0)
    return means


def critical_difference(variants: int, datasets: int, alpha: float = 0.05) -> float:
    """The difference in mean rank that tells two variants apart (Nemenyi).

    Paper: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, variants, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(variants * (variants + 1) / (6 * datasets))


def rank_test(names: Sequence[str], scores: Array, alpha: float = 0.05) -> RankTest:
    """Friedman's test and its sharper form by Iman and Davenport.

    Args:
        names: of the variants.
        scores: (data sets, variants) of mean scores, larger is better; at least 2 × 3.
        alpha: for the critical difference.

    Paper: Demšar 2006; Iman and Davenport, "Approximations of the critical region of the Friedman statistic", 1980.
    """
    from scipy.stats import f as f_distribution
    from scipy.stats import friedmanchisquare

    datasets, count = scores.shape
    scores = np.round(scores, 12)
    if np.all(scores == scores[:, :1]):
        chi2, p = 0.0, 1.0
    else:
        found = friedmanchisquare(*scores.T)
        chi2, p = float(found.statistic), float(found.pvalue)
    rest = datasets * (count - 1) - chi2
    f = (datasets - 1) * chi2 / rest if rest > 1e-9 else math.inf
    return RankTest(
        variants=tuple(names),
        mean_ranks=tuple(mean_ranks(scores).tolist()),
        datasets=datasets,
        chi2=chi2,
        p=p,
        f=f,
        f_p=float(f_distribution.sf(f, count - 1, (count - 1) * (datasets - 1))),
        critical_difference=critical_difference(count, datasets, alpha),
        diagram=datasets >= DIAGRAM_DATASETS and p < alpha,
    )
