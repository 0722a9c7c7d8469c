"""Several data sets: each is one observation."""

import math

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.across import compare_across, critical_difference, rank_test, signed_rank_p
from regfleet.analysis.intervals import estimate, p_value
from regfleet.analysis.sentences import across_sentence
from regfleet.metrics import METRICS

NAMES = ("base", "l2", "dropout", "bn")
TWELVE = """.912 .921 .915 .905|.853 .861 .858 .849|.774 .779 .786 .771|.951 .950 .953 .948
.688 .702 .695 .676|.820 .829 .817 .822|.735 .741 .744 .729|.899 .905 .902 .893
.642 .651 .648 .645|.967 .969 .964 .962|.801 .812 .809 .790|.876 .880 .885 .871"""
SCORES = np.array([[float(cell) for cell in row.split()] for row in TWELVE.replace("\n", "|").split("|")])


def six(value):
    """Equal to six digits after the point."""
    return pytest.approx(value, abs=5e-7)


def test_friedmans_p_is_the_specifications():
    """Mean ranks, p and the critical difference of twelve data sets."""
    found = rank_test(NAMES, SCORES)
    assert found.mean_ranks == six((2.916667, 1.416667, 1.916667, 3.75))
    oracle = stats.friedmanchisquare(*SCORES.T)
    assert found.p == pytest.approx(oracle.pvalue)
    assert found.p == pytest.approx(3.332703e-05, rel=1e-6)
    assert found.critical_difference == six(1.353999)
    assert found.diagram


def test_the_critical_difference_is_where_nemenyis_p_is_five_percent():
    """Two variants whose mean ranks differ by the critical difference have p = .05 in scikit-posthocs."""
    p = scikit_posthocs.posthoc_nemenyi_friedman(SCORES).to_numpy()
    ranks = np.array(rank_test(NAMES, SCORES).mean_ranks)
    apart = np.abs(ranks[:, None] - ranks) > critical_difference(4, 12)
    assert np.array_equal(apart, p < 0.05)


@pytest.mark.parametrize(
    ("column", "mean", "t", "p", "w", "wilcoxon_p"),
    [
        (1, 0.006833, 5.824812, 0.000115, 1, 0.000977),
        (2, 0.004833, 3.586988, 0.004266, 7, 0.009277),
        (3, -0.004750, -3.745905, 0.003233, 4, 0.003906),
    ],
)
def test_tests_over_data_sets_are_the_specifications(column, mean, t, p, w, wilcoxon_p):
    """One-sample t and Wilcoxon on twelve mean differences."""
    d = SCORES[:, column] - SCORES[:, 0]
    of = estimate(d, 0.0)
    assert (of.mean, of.t, p_value(of)) == (six(mean), six(t), six(p))
    assert p_value(of) == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    assert stats.wilcoxon(np.round(d, 12), method="asymptotic").statistic == w
    assert signed_rank_p(d) == six(wilcoxon_p)


@given(st.lists(st.integers(-6, 6), min_size=2, max_size=12))
def test_the_signed_rank_p_is_scipys_over_all_signs(differences):
    """With zeros left out and ties at their mean rank, p is that of scipy's full permutation test."""
    kept = np.array([d for d in differences if d], dtype=float)
    ours = signed_rank_p(np.array(differences, dtype=float))
    if len(kept) < 2:
        assert ours == 1.0
        return
    ranks = stats.rankdata(np.abs(kept)) * np.sign(kept)
    oracle = stats.permutation_test(
        (ranks,), lambda x, axis: np.sum(x, axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert ours == pytest.approx(oracle.pvalue)


def test_the_signed_rank_p_without_ties_is_scipys_exact_one():
    """Twenty data sets without ties: scipy's exact distribution."""
    d = np.random.default_rng(4).normal(0.3, 1, 20)
    assert signed_rank_p(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)


def test_verdicts_over_data_sets_are_simultaneous_and_mention_disagreement():
    """l2 is better over twelve data sets; with one wild data set the ranks object and the sentence says so."""
    d = dict(zip("abcdefghijkl", SCORES[:, 1] - SCORES[:, 0], strict=True))
    found = compare_across("l2", "L2", "base", d, 0.02, 0.05, 3)
    assert (found.verdict, found.note, found.agrees) == ("equivalent", "tiny but real", True)
    assert compare_across("l2", "L2", "base", d, 0.001, 0.05, 3).verdict == "better"
    # (1 − .2209)^12 = .05: a share of exceptions that twelve data sets hardly ever miss
    assert "Up to 22\u202f% of such data sets" in across_sentence(found, "base", METRICS["accuracy"], 0.05)
    wild = compare_across("l2", "L2", "base", d | {"a": 0.9}, 0.01, 0.05, 3)
    assert (wild.verdict, wild.agrees) == ("undecided", False)


def test_a_constant_difference_over_data_sets_is_no_division_by_zero():
    """Equal differences have no interval: Student's t of them is 0/0, and five may miss what others show."""
    same = compare_across("l2", "L2", "base", dict.fromkeys("abcde", 0.02), 0.01, 0.05, 1)
    none = compare_across("l2", "L2", "base", dict.fromkeys("abcde", 0.0), 0.01, 0.05, 1)
    for one in (same, none):
        assert (one.verdict, one.note) == ("undecided", "the same difference every time: no interval")
        assert math.isnan(one.p)
        assert math.isnan(one.difference.low)
    assert (same.wilcoxon_p, none.wilcoxon_p) == (2 / 2**5, 1.0)


def test_identical_columns_have_no_rank_statistic():
    """Where all variants are equal everywhere, Friedman's p is 1, not a division by zero."""
    found = rank_test(NAMES, np.full((6, 4), 0.9))
    assert (found.p, found.diagram) == (1.0, False)
    assert found.mean_ranks == (2.5,) * 4


def study(count, shift):
    """``count`` data sets on which l2 is ``shift`` rows better, more or less."""
    frames = [
        make_trials({"none": CORRECT["baseline"], "l2": [k + s for k, s in zip(CORRECT["baseline"], rows, strict=True)],
                     "l1": CORRECT["l2"]}, dataset=f"data{number}")
        for number, rows in enumerate(np.random.default_rng(1).integers(shift - 1, shift + 2, (count, 12)))
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("count", [1, 4])
def test_below_five_data_sets_each_speaks_for_itself(count):
    """Two to four data sets have verdicts of their own and none over them."""
    summary = summarize(study(count, -3), pd.DataFrame(), make_variants(["none", "l2", "l1"]), asked())
    assert len(summary.datasets) == count
    assert summary.across is None


def test_from_five_data_sets_the_unit_is_the_data_set():
    """Six data sets of twelve seeds are six observations: df 5, whatever the seeds say."""
    trials = study(6, -3)
    summary = summarize(trials, pd.DataFrame(), make_variants(["none", "l2", "l1"]), asked())
    l2 = summary.across.comparisons[0]
    by_hand = [rows.loc[rows["variant"] == "l2", "last_test_correct"].mean() / 30
               - rows.loc[rows["variant"] == "none", "last_test_correct"].mean() / 30
               for _, rows in trials.groupby("dataset")]  # fmt: skip
    assert l2.differences == pytest.approx(by_hand)
    oracle = stats.ttest_1samp(by_hand, 0)
    assert l2.p == pytest.approx(2 * oracle.pvalue)  # two comparisons
    low, high = oracle.confidence_interval(1 - 0.05 / 2)
    assert (l2.difference.low, l2.difference.high) == pytest.approx((low, high))
    assert l2.verdict == "worse"
    assert "Avoid L2" in l2.sentence
    assert summary.across.ranks.variants == ("none", "l2", "l1")
    assert not summary.across.ranks.diagram  # too few data sets for one
