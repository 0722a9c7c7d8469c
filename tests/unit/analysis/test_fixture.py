"""The twelve seeds of the specification, against libraries that know nothing of ours."""

import math

import baycomp
import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW
from support.studies import asked

from regfleet.analysis import summarize
from regfleet.analysis.intervals import estimate, interval, p_value
from regfleet.analysis.power import resolution_floor, useful_seeds
from regfleet.analysis.rows import gap_interval
from regfleet.analysis.runs import differences
from regfleet.metrics import METRICS

RATIO = 30 / 90
TECHNIQUES = ("l2", "dropout", "batchnorm")


def six(value):
    """Equal to six digits after the point."""
    return pytest.approx(value, abs=5e-7)


@pytest.fixture
def d(scores):
    """Differences from the baseline by technique, (12 seeds,)."""
    return {name: differences(scores[name], scores["baseline"], METRICS["accuracy"]) for name in TECHNIQUES}


@pytest.mark.parametrize(
    ("name", "mean", "sd"),
    [
        ("baseline", 0.911111, 0.041030),
        ("l2", 0.933333, 0.028427),
        ("dropout", 0.916667, 0.036237),
        ("batchnorm", 0.852778, 0.048113),
    ],
)
def test_scores_have_the_mean_and_sd_of_the_specification(study, name, mean, sd):
    """Mean and standard deviation of a variant's scores agree with the specification."""
    row = next(row for row in summarize(*study, asked()).datasets[0].variants if row.name == name)
    assert (row.score.mean, row.sd) == (six(mean), six(sd))


@pytest.mark.parametrize("name", TECHNIQUES)
def test_without_the_correction_the_interval_is_the_paired_t_test(scores, d, name):
    """With ratio 0, t, p and interval are those of scipy's ttest_rel."""
    oracle = stats.ttest_rel(scores[name], scores["baseline"])
    naive = estimate(d[name], ratio=0.0)
    assert naive.t == pytest.approx(oracle.statistic)
    assert p_value(naive) == pytest.approx(oracle.pvalue)
    low, high = oracle.confidence_interval()
    assert (interval(naive, 0.05).low, interval(naive, 0.05).high) == pytest.approx((low, high))
    assert (low, high) == pytest.approx(DescrStatsW(d[name]).tconfint_mean(0.05))


@pytest.mark.parametrize(
    ("name", "se", "t", "p", "low", "high"),
    [
        ("l2", 0.014015, 1.585650, 0.141126, -0.008624, 0.053068),
        ("dropout", 0.015443, 0.359738, 0.725854, -0.028435, 0.039546),
        ("batchnorm", 0.016219, -3.596665, 0.004194, -0.094031, -0.022636),
    ],
)
def test_the_corrected_interval_is_the_specifications(d, name, se, t, p, low, high):
    """Corrected standard error, t, p and single interval agree with the specification to six digits."""
    found = estimate(d[name], RATIO)
    alone = interval(found, 0.05)
    assert (found.se, found.t, p_value(found)) == (six(se), six(t), six(p))
    assert (alone.low, alone.high) == (six(low), six(high))


@pytest.mark.parametrize("name", TECHNIQUES)
def test_the_corrected_p_is_baycomps(scores, d, name):
    """Twice the smaller of the chances that baycomp's correlated t-test gives either side is our two-sided p."""
    # 12 differences as 3 runs of 4 folds: baycomp then takes 1 / (4 - 1) for n_test / n_train, which is ours
    sides = baycomp.CorrelatedTTest.probs(scores["baseline"], scores[name], runs=3)
    assert p_value(estimate(d[name], RATIO)) == pytest.approx(2 * min(sides))


def test_the_bonferroni_p_decides_as_statsmodels_does(d):
    """The p of three simultaneous comparisons is statsmodels' Bonferroni; Holm gives the specification's values."""
    alone = [p_value(estimate(d[name], RATIO)) for name in TECHNIQUES]
    together = [p_value(estimate(d[name], RATIO), comparisons=3) for name in TECHNIQUES]
    assert together == pytest.approx(multipletests(alone, method="bonferroni")[1])
    assert list(multipletests(alone, method="holm")[1]) == [six(0.282252), six(0.725854), six(0.012583)]


def test_the_study_gets_the_verdicts_of_the_specification(study):
    """Of three comparisons l2 and dropout are undecided and batchnorm is worse, by the interval with t = 2.820034."""
    dataset = summarize(*study, asked()).datasets[0]
    compared = {row.name: row.comparison for row in dataset.variants if row.comparison is not None}
    assert {name: one.verdict for name, one in compared.items()} == {
        "l2": "undecided",
        "dropout": "undecided",
        "batchnorm": "worse",
    }
    l2 = compared["l2"]
    assert (l2.difference.high - l2.difference.mean) / 0.0140147 == pytest.approx(2.820034, abs=2e-4)
    assert (l2.wins, l2.ties, l2.losses) == (7, 5, 0)
    assert (compared["dropout"].wins, compared["dropout"].ties, compared["dropout"].losses) == (4, 6, 2)
    assert (compared["batchnorm"].wins, compared["batchnorm"].losses) == (0, 12)
    assert dataset.comparisons == 3
    assert dataset.ratio == pytest.approx(1 / 3)
    assert [row.name for row in dataset.variants] == ["l2", "dropout", "baseline", "batchnorm"]


def test_the_gap_is_the_specifications():
    """The gap between training and validation accuracy has the specification's naive and corrected intervals."""
    train = np.array([0.978, 0.967, 0.989, 0.956, 0.978, 0.967, 0.989, 0.978, 0.967, 0.978, 0.989, 0.967])
    val = np.array([0.933, 0.967, 0.900, 0.967, 0.933, 0.900, 0.967, 0.933, 0.933, 0.967, 0.933, 0.900])
    naive = gap_interval(train - val, 0.0, 0.05)
    corrected = gap_interval(train - val, RATIO, 0.05)
    assert (naive.mean, naive.low, naive.high) == (six(0.039167), six(0.020413), six(0.057921))
    assert (corrected.low, corrected.high) == (six(-0.002769), six(0.081102))
    assert (naive.low, naive.high) == pytest.approx(DescrStatsW(train - val).tconfint_mean(0.05))


@pytest.mark.parametrize(("seeds", "half"), [(10, 0.0323), (30, 0.0269), (1000, 0.0246)])
def test_the_half_width_falls_to_the_resolution_floor_and_no_further(seeds, half):
    """With sd .0217 and 90/30 rows the half-width is the specification's at 10, 30 and 1000 seeds, above the floor."""
    of = estimate(0.0217 * stats.zscore(np.arange(float(seeds)), ddof=1), RATIO)
    found = interval(of, 0.05)
    assert found.high == pytest.approx(half, abs=5e-5)
    floor = resolution_floor(0.0217, RATIO, 0.05)
    assert floor == pytest.approx(1.959964 * 0.0217 / math.sqrt(3))
    assert floor < found.high
    assert useful_seeds(RATIO) == 30
