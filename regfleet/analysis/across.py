"""Over several data sets the unit is the data set: one mean difference from each, however many seeds it took."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from regfleet.analysis.headline import across_headline
from regfleet.analysis.intervals import (
    NO_SCATTER,
    TOO_FEW,
    TOO_FEW_DATASETS,
    Array,
    decide,
    estimate,
    excludes_zero,
    interval,
    p_value,
    unknown,
    without_scatter,
)
from regfleet.analysis.question import Question
from regfleet.analysis.sentences import across_sentence
from regfleet.analysis.summary import Across, AcrossComparison, DatasetSummary, RankTest
from regfleet.analysis.variant import VariantSummary

MINIMUM_DATASETS = 5
DIAGRAM_DATASETS = 10


def signed_rank_p(differences: Array) -> float:
    """The exact two-sided p of Wilcoxon's signed-rank test of ``differences`` (data sets,) against zero.

    Zeros are left out, ties share their mean rank; 1 where all differences are zero. Exact with ties too: the
    distribution of the rank sum over all signs is one convolution per data set.
    """
    from scipy.stats import rankdata

    rounded = np.round(differences, 12)
    kept = rounded[rounded != 0]
    doubled = np.rint(2 * rankdata(np.abs(kept))).astype(int)  # whole numbers, although ties have half ranks
    chances = np.ones(1)
    for rank in doubled:
        spread = np.zeros(len(chances) + rank)
        spread[: len(chances)] += chances / 2
        spread[rank:] += chances / 2
        chances = spread
    smaller = min(int(doubled[kept > 0].sum()), int(doubled[kept < 0].sum()))
    return min(1.0, 2 * float(chances[: smaller + 1].sum()))


def compare_across(
    name: str, label: str, control: str, means: Mapping[str, float], rope: float, alpha: float, comparisons: int
) -> AcrossComparison:
    """One variant over data sets.

    Args:
        name, label: of the variant; ``control`` likewise the name of its control.
        means: data set → mean difference, oriented.
        rope: half-width of the region of practical equivalence, in units of the metric.
        alpha, comparisons: of the simultaneous intervals.

    Paper: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
    """
    values = np.array(list(means.values()), dtype=np.float64)
    of = estimate(values, ratio=0.0)
    between = interval(of, alpha, comparisons)
    verdict, note = decide(between, rope, len(values))
    p = p_value(of, comparisons)
    if note != TOO_FEW and without_scatter(between, rope):
        between, p, verdict, note = unknown(between), math.nan, "undecided", NO_SCATTER
    wilcoxon_p = min(1.0, comparisons * signed_rank_p(values)) if len(values) else 1.0
    return AcrossComparison(
        name=name,
        label=label,
        control=control,
        datasets=tuple(means),
        differences=tuple(values.tolist()),
        difference=between,
        sd=of.sd,
        p=p,
        wilcoxon_p=wilcoxon_p,
        agrees=(wilcoxon_p < alpha) == excludes_zero(between),
        rope=rope,
        verdict=verdict,
        note=TOO_FEW_DATASETS if note == TOO_FEW else note,
        sentence="",
    )


def over_datasets(datasets: Sequence[DatasetSummary], order: Sequence[str], question: Question) -> Across | None:
    """The analysis over ``datasets``, from five up; None below: then each data set speaks for itself.

    Args:
        datasets: the summaries.
        order: names of the variants and families, in the order of the study.
        question: what those summaries answer.
    """
    if len(datasets) < MINIMUM_DATASETS:
        return None
    rows = [{row.name: row for row in dataset.shown} for dataset in datasets]
    held = {
        name: {key.dataset: row[name] for key, row in zip(datasets, rows, strict=True) if name in row} for name in order
    }
    compared = [name for name in order if any(one.comparison for one in held[name].values())]
    comparisons = tuple(_compared(held[name], rows[0], question, len(compared)) for name in compared)
    return Across(
        datasets=tuple(dataset.dataset for dataset in datasets),
        comparisons=comparisons,
        ranks=_ranks(datasets, order, question),
        headline=across_headline(comparisons, datasets),
    )


def _compared(
    held: Mapping[str, VariantSummary], rows: Mapping[str, VariantSummary], question: Question, count: int
) -> AcrossComparison:
    judged = {key: row.comparison for key, row in held.items() if row.comparison is not None and row.comparison.seeds}
    first = next(iter(held.values()))
    control = first.control or ""
    result = compare_across(
        name=first.name,
        label=first.label,
        control=control,
        means={key: one.difference.mean for key, one in judged.items()},
        rope=float(np.mean([one.rope for one in judged.values()])) if judged else 0.0,
        alpha=question.alpha_now,
        comparisons=count,
    )
    label = rows[control].label if control in rows else control
    return replace(result, sentence=across_sentence(result, label, question.metric, question.alpha_now))


def _ranks(datasets: Sequence[DatasetSummary], order: Sequence[str], question: Question) -> RankTest | None:
    means = [
        {row.name: dataset.standing(row, question.metric) for row in dataset.variants if row.finished}
        for dataset in datasets
    ]
    names = [name for name in order if all(name in row for row in means)]
    if len(names) < 3:  # Friedman's test is about three and more
        return None
    scores = np.array([[row[name] for name in names] for row in means])
    return rank_test(names, scores, question.alpha)


def rank_test(names: Sequence[str], scores: Array, alpha: float = 0.05) -> RankTest:
    """Friedman's test.

    Args:
        names: of the variants.
        scores: (data sets, variants) of mean scores, larger is better; at least 2 × 3. Ties share the mean rank.
        alpha: for the critical difference.

    Paper: Demšar 2006.
    """
    from scipy.stats import friedmanchisquare, rankdata

    datasets, count = scores.shape
    scores = np.round(scores, 12)
    p = 1.0 if np.all(scores == scores[:, :1]) else float(friedmanchisquare(*scores.T).pvalue)
    return RankTest(
        variants=tuple(names),
        mean_ranks=tuple(rankdata(-scores, axis=1).mean(axis=0).tolist()),
        datasets=datasets,
        p=p,
        critical_difference=critical_difference(count, datasets, alpha),
        diagram=datasets >= DIAGRAM_DATASETS and p < alpha,
    )


def critical_difference(variants: int, datasets: int, alpha: float = 0.05) -> float:
    """The difference in mean rank that tells two variants apart (Nemenyi).

    Paper: Demšar 2006.
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, variants, np.inf)) / math.sqrt(2)
    return quantile * math.sqrt(variants * (variants + 1) / (6 * datasets))
