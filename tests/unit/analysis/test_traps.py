"""Studies that are partial, failed, tiny or degenerate."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import CORRECT, asked, make_histories, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.runs import ignorant_score
from regfleet.errors import InputError
from regfleet.metrics import METRICS

NONE = pd.DataFrame()


def analysed(trials, names=CORRECT, shares=None, **settings):
    """The one data set of ``trials``, and its rows by name."""
    found = summarize(trials, NONE, make_variants(list(names)), asked(**settings), shares).datasets[0]
    return found, {row.name: row for row in found.variants}


def lose(trials, variant, seeds, status="failed"):
    """``trials`` with some runs of a variant lost: no score, no row counts."""
    lost = (trials["variant"] == variant) & trials["seed"].isin(seeds)
    trials.loc[lost, "status"] = status
    trials.loc[lost, ["last_test_correct", "last_test_accuracy", "last_train_accuracy", "last_val_accuracy"]] = np.nan
    return trials


def test_identical_scores_are_no_proof_of_equality():
    """Thirty test rows and ten equal seeds leave the difference undecided, for the sd has a floor of one row."""
    correct = {"none": [28] * 10, "l2": [28] * 10}
    comparison = analysed(make_trials(correct), correct)[1]["l2"].comparison
    assert comparison.sd == pytest.approx(1 / (30 * math.sqrt(10)))
    assert comparison.p == 1
    assert comparison.verdict == "undecided"
    assert not comparison.identical  # the training losses differ


def test_a_constant_shift_is_not_infinitely_certain():
    """One row more on each of five seeds gives a p above zero, where the paired t-test divides by zero."""
    correct = {"none": [27] * 5, "l2": [28] * 5}
    comparison = analysed(make_trials(correct), correct)[1]["l2"].comparison
    assert 0 < comparison.p < 1
    assert comparison.difference.low < 1 / 30 < comparison.difference.high


@pytest.mark.parametrize(("metric", "apart"), [("auc", 0.02), ("auc", 0.001), ("balanced_accuracy", 0.0), ("rmse", -1)])
def test_scores_without_scatter_make_no_interval_of_no_width(metric, apart):
    """The same difference on all of ten seeds says nothing of fresh rows: Student's t is 0/0 there."""
    trials = make_trials({"none": [28] * 10, "l2": [28] * 10})
    trials[f"last_test_{metric}"] = 0.9 + 3 * (metric == "rmse") + apart * (trials["variant"] == "l2")
    dataset, rows = analysed(trials, ["none", "l2"], metric=metric)
    comparison = rows["l2"].comparison
    assert (comparison.verdict, comparison.note) == ("undecided", "the same difference every time: no interval")
    assert comparison.difference.mean == pytest.approx(abs(apart))
    assert math.isnan(comparison.difference.low)
    assert math.isnan(comparison.p)
    assert not dataset.lead.clear
    assert dataset.odds == ()
    assert "on every seed" in comparison.sentence


@pytest.mark.parametrize(
    ("metric", "shares", "enough"),
    [
        ("accuracy", [0.5, 0.5], 300),
        ("accuracy", [0.1, 0.9], 300),
        ("balanced_accuracy", [0.5, 0.5], 300),
        ("balanced_accuracy", [0.1, 0.9], 1500),
        ("macro_f1", [0.1, 0.45, 0.45], 1000),
        ("auc", [0.1, 0.9], 3000),
    ],
)
def test_scores_are_not_alike_on_fewer_rows_than_show_it(metric, shares, enough):
    """Rows of which one in a hundred is ruined show none, of 298, in more than 5 % of studies, however many seeds.

    Of a score that counts each of K classes alike it is K in a hundred of the smallest class; a ruined share of one of
    two classes is as much of the AUC.
    """
    assert stats.binom.pmf(0, 298, 0.01) > 0.05 > stats.binom.pmf(0, 300, 0.01)
    found = {}
    for rows in (enough - 20, enough + 20):
        n_test = rows // 5
        trials = make_trials({"none": [n_test - 5] * 40, "l2": [n_test - 5] * 40}, n_test=n_test)
        trials[f"last_test_{metric}"] = 0.9 + 1e-4 * (trials["variant"] == "l2") * (trials["seed"] % 3 - 1)
        trials["n_rows"], trials["n_train"] = rows, rows * 3 // 5
        found[rows > enough] = analysed(trials, ["none", "l2"], {"iris": shares}, metric=metric)[1]["l2"].comparison
    assert (found[True].verdict, found[True].rule) == ("equivalent", "seeds")
    assert (found[False].verdict, found[False].note) == ("undecided", "alike on too few rows")
    assert found[False].difference.high < 0.01
    assert "300 in classes of equal size would show that they are as alike as that" in found[False].sentence


def test_a_technique_that_is_not_wired_in_is_named():
    """Training loss equal to the last bit on every seed makes a warning of the sentence."""
    trials = make_trials({"none": [28, 27, 29, 26, 28], "l2": [28, 27, 29, 26, 28]})
    trials["last_train_cross_entropy"] = 0.25
    dataset, rows = analysed(trials, ["none", "l2"])
    assert rows["l2"].comparison.identical
    assert any("changed nothing" in warning for warning in dataset.warnings)


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_below_five_pairs_there_is_no_verdict(seeds):
    """However clear the scores are, fewer than five pairs stay undecided."""
    correct = {"none": list(range(10, 10 + seeds)), "l2": list(range(25, 25 + seeds))}
    row = analysed(make_trials(correct), correct)[1]["l2"]
    assert (row.comparison.verdict, row.comparison.note) == ("undecided", "too few seeds")
    assert math.isnan(row.comparison.difference.low) == (seeds == 1)
    assert row.score.mean == pytest.approx(np.mean(correct["l2"]) / 30)


def test_a_study_in_which_nothing_finished_is_a_table_of_failures():
    """Every variant is a row without rank, and the headline says so."""
    trials = make_trials(CORRECT)
    for name in CORRECT:
        lose(trials, name, range(12))
    dataset, rows = analysed(trials)
    assert [row.rank for row in rows.values()] == [None] * 4
    assert {row.failed for row in rows.values()} == {12}
    assert dataset.lead is None
    assert dataset.headline == ("No run on iris finished, so there is nothing to compare.",)


def test_a_variant_without_any_trial_is_still_a_row():
    """A study that was interrupted early lists what it has not reached."""
    trials = make_trials({name: CORRECT[name] for name in ("baseline", "l2")})
    dataset, rows = analysed(trials)
    assert rows["dropout"].rank is None
    assert rows["dropout"].finished == 0
    assert dataset.comparisons == 3  # those that were planned, not those that happen to be done


def test_unequal_seeds_are_paired_and_averaged_apart():
    """The mean is over a variant's own seeds, the difference over the seeds that both finished."""
    trials = make_trials({"none": CORRECT["baseline"], "l2": CORRECT["l2"][:8]})
    row = analysed(trials, ["none", "l2"])[1]["l2"]
    assert row.comparison.seeds == tuple(range(8))
    assert row.comparison.difference.mean == pytest.approx(np.mean([1, 0, 1, 0, 1, 0, 2, 1]) / 30)
    assert row.score.mean == pytest.approx(np.mean(CORRECT["l2"][:8]) / 30)


def test_failures_are_dropped_in_pairs_and_counted():
    """A crash and a divergence leave ten pairs; both are counted, and the unequal share is a warning."""
    trials = lose(lose(make_trials(CORRECT), "l2", [3]), "l2", [5], "diverged")
    dataset, rows = analysed(trials)
    assert len(rows["l2"].comparison.seeds) == 10
    assert (rows["l2"].finished, rows["l2"].failed, rows["l2"].diverged) == (10, 1, 1)
    assert rows["l2"].comparison.dropped == 2
    assert any("L2 lost 2 of 12 runs and Baseline 0" in warning for warning in dataset.warnings)


def test_a_score_that_is_not_a_number_never_reaches_a_mean():
    """NaN and infinity in a finished trial count as divergence, not as a score."""
    trials = make_trials(CORRECT)
    trials["last_test_cross_entropy"] = trials["last_test_cross_entropy"].mask(trials.index == 12, np.nan)
    trials["last_test_cross_entropy"] = trials["last_test_cross_entropy"].mask(trials.index == 13, np.inf)
    row = analysed(trials, metric="cross_entropy")[1]["l2"]
    assert (row.finished, row.diverged) == (10, 2)
    assert math.isfinite(row.score.mean)


def test_a_finite_but_bad_score_stays_in():
    """Accuracy far below chance is a result, not a failure."""
    row = analysed(make_trials(CORRECT | {"l2": (1, *CORRECT["l2"][1:])}))[1]["l2"]
    assert row.finished == 12
    assert min(row.scores) == pytest.approx(1 / 30)


def test_a_verdict_that_failures_overturn_is_withdrawn():
    """A technique that wins where it trains and fails on a third of the seeds is not called better."""
    correct = {"none": [20, 21, 19, 20, 22, 20, 21, 19, 20] * 2, "l2": [28, 28, 27, 28, 29, 28, 29, 27, 28] * 2}
    clear = analysed(make_trials(correct), correct)[1]["l2"].comparison
    assert clear.verdict == "better"
    lost = lose(make_trials(correct), "l2", range(6))
    comparison = analysed(lost, correct, shares={"iris": [1 / 3] * 3})[1]["l2"].comparison
    assert (comparison.verdict, comparison.withdrawn, comparison.dropped) == ("undecided", "better", 6)
    assert "Find out why they failed" in comparison.sentence


def test_a_failure_that_changes_nothing_withdraws_nothing():
    """One lost seed of eighteen leaves a clear verdict standing."""
    correct = {"none": [20, 21, 19, 20, 22, 20, 21, 19, 20] * 2, "l2": [28, 28, 27, 28, 29, 28, 29, 27, 28] * 2}
    comparison = analysed(lose(make_trials(correct), "none", [4]), correct)[1]["l2"].comparison
    assert (comparison.verdict, comparison.withdrawn, comparison.dropped) == ("better", None, 1)


def test_the_majority_class_is_scored_as_a_model_that_says_nothing_else():
    """Two classes of .7 and .3: accuracy .7, macro-F1 of .8235 and 0, a coin's AUC, entropy, Brier's share."""
    scores = {name: ignorant_score(METRICS[name], [0.3, 0.7], np.array([0.5, 0.9])) for name in METRICS}
    assert scores["accuracy"] == 0.7
    assert scores["macro_f1"] == pytest.approx((2 * 0.7 * 1 / (0.7 + 1)) / 2)
    assert scores["cross_entropy"] == pytest.approx(-(0.3 * math.log(0.3) + 0.7 * math.log(0.7)))
    assert scores["mse"] == pytest.approx(0.7 * 0.3)
    assert (scores["balanced_accuracy"], scores["auc"]) == (0.5, 0.5)
    assert scores["calibration_error"] == 0.9  # the worst that was seen
    assert ignorant_score(METRICS["accuracy"], None, np.array([0.5, 0.9])) == 0.5


def test_ties_share_a_place():
    """Two variants with the same mean are both second, and the next is fourth."""
    correct = {"none": [25, 26, 27, 28, 29], "a": [29, 28, 27, 26, 25], "b": [29] * 5, "c": [20] * 5}
    rows = analysed(make_trials(correct), correct)[1]
    assert [rows[name].rank for name in ("b", "none", "a", "c")] == [1, 2, 2, 4]


def test_a_tie_for_the_first_place_is_no_lead():
    """Equal means lead by nothing."""
    correct = {"none": [25, 26, 27, 28, 29], "a": [29, 28, 27, 26, 25]}
    dataset = analysed(make_trials(correct), correct)[0]
    assert dataset.lead.difference.mean == pytest.approx(0)
    assert not dataset.lead.clear


def test_the_lead_pays_for_every_rival(study):
    """The lead of four variants is as wide as three simultaneous comparisons."""
    lead = summarize(*study, asked()).datasets[0].lead
    d = (np.array(CORRECT["l2"]) - np.array(CORRECT["dropout"])) / 30
    half = 2.820034 * d.std(ddof=1) * math.sqrt(1 / 12 + 1 / 3)  # t quantile at 1 - .05/6, 11 degrees of freedom
    assert (lead.best, lead.runner_up) == ("l2", "dropout")
    assert lead.difference.low == pytest.approx(d.mean() - half, abs=1e-6)


def test_a_fixed_test_set_has_no_correction_and_says_what_it_is_about(study):
    """With the test rows the same for every seed, ratio is 0 and the words say "this test set"."""
    trials, _, variants = study
    fixed = summarize(trials.assign(fixed_test=True), NONE, variants, asked()).datasets[0]
    rows = summarize(trials, NONE, variants, asked(scope="this_dataset")).datasets[0]
    assert (fixed.ratio, fixed.about) == (0.0, "this test set")
    assert (rows.ratio, rows.about) == (0.0, "these rows")
    by_name = {row.name: row.comparison for row in rows.variants}
    for row in fixed.variants:
        if row.comparison is not None:
            assert row.comparison.difference == by_name[row.name].difference
            assert "on this test set" in row.comparison.sentence


def test_best_epoch_weights_are_read_from_their_own_columns(study):
    """``at`` decides which columns are the score."""
    trials, histories, variants = study
    trials["best_test_correct"] = trials["last_test_correct"] - 1
    at_best = summarize(trials, histories, variants, asked(at="best")).datasets[0]
    at_last = summarize(trials, histories, variants, asked()).datasets[0]
    for best, last in zip(at_best.variants, at_last.variants, strict=True):
        assert best.score.mean == pytest.approx(last.score.mean - 1 / 30)


def test_a_lower_loss_is_better(study):
    """Cross-entropy is turned, so that a positive difference is an improvement; its ROPE is 1 % of the control's."""
    dataset = summarize(*study, asked(metric="cross_entropy")).datasets[0]
    rows = {row.name: row for row in dataset.variants}
    assert rows["l2"].rank == 1
    assert rows["l2"].comparison.difference.mean > 0
    assert rows["batchnorm"].comparison.verdict == "worse"
    assert rows["l2"].comparison.rope == pytest.approx(0.01 * rows["baseline"].score.mean)


def test_the_gap_and_its_change_are_paired_by_seed(study):
    """A variant that fits less has the smaller gap, by exactly its paired difference."""
    trials, histories, variants = study
    l2 = trials["variant"] == "l2"
    trials.loc[l2, "last_train_accuracy"] = 0.96 + 0.001 * trials["seed"]
    rows = {row.name: row for row in summarize(trials, histories, variants, asked()).datasets[0].variants}
    assert rows["baseline"].gap.mean == pytest.approx(0.04)
    # no scatter but the floor of one validation row in 30: t(11) = 2.200985, r = n_val / n_train = 1/3
    half = 2.200985 / (30 * math.sqrt(12)) * math.sqrt(1 / 12 + 1 / 3)
    assert rows["baseline"].gap.high == pytest.approx(0.04 + half, abs=1e-6)
    assert rows["l2"].gap.mean == pytest.approx(0.01 + 0.001 * 5.5)
    assert rows["l2"].gap_change.mean == pytest.approx(rows["l2"].gap.mean - 0.04)
    assert rows["l2"].gap_change.high < 0


def test_early_stopping_makes_the_gap_optimistic(study):
    """Where validation chose the epoch, the report is told to say so."""
    trials, histories, variants = study
    stopped = [replace(one, training=one.training.model_copy(update={"early_stopping": 5})) for one in variants]
    warnings = summarize(trials, histories, stopped, asked()).datasets[0].warnings
    assert any("gaps look too small" in warning for warning in warnings)


def test_a_score_is_never_shown_beyond_what_it_can_be():
    """The interval of an accuracy near 1 ends at 1; that of a difference is left alone."""
    correct = {"none": [30, 29, 30, 28, 30], "l2": [30, 30, 29, 30, 30]}
    row = analysed(make_trials(correct), correct)[1]["l2"]
    assert row.score.high == 1.0
    assert row.score.low < row.score.mean < 1.0
    high = analysed(make_trials(correct), correct, metric="cross_entropy")[1]["l2"].score
    assert high.high - high.mean == pytest.approx(high.mean - high.low)


def test_a_variant_without_its_control_is_named(study):
    """A control that is not in the results makes a warning, not a crash."""
    trials, histories, variants = study
    dataset = summarize(trials, histories, variants[1:], asked()).datasets[0]
    assert all(row.comparison is None for row in dataset.variants)
    assert "L2 cannot be compared: its control baseline is not in the results." in dataset.warnings


@pytest.mark.parametrize(
    ("edit", "settings", "message"),
    [
        (lambda trials: pd.concat([trials, trials.iloc[[5]]]), {}, "Got seed 5 twice for baseline on iris"),
        (lambda trials: trials.drop(columns="n_train"), {}, "n_train and n_test must be given for scope new_data"),
        (lambda trials: trials, {"metric": "zorp"}, "Got 'zorp'"),
    ],
)
def test_what_cannot_be_analysed_is_refused_by_name(edit, settings, message):
    """A doubled seed, missing row counts and an unknown metric are errors of one line."""
    with pytest.raises(InputError, match=message):
        summarize(edit(make_trials(CORRECT)), NONE, make_variants(CORRECT), asked(**settings))


def test_an_empty_frame_has_no_data_sets():
    """Nothing run yet is a Summary without data sets."""
    trials = make_trials(CORRECT).iloc[:0]
    assert summarize(trials, NONE, make_variants(CORRECT), asked()).datasets == ()


def test_one_summary_is_the_same_twice(study):
    """The same input gives the same bytes."""
    trials, _, variants = study
    histories = make_histories(CORRECT)
    assert repr(summarize(trials, histories, variants, asked())) == repr(
        summarize(trials, histories, variants, asked())
    )
