"""Regression through the analysis: R² and errors in place of accuracy, by the same rule."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import TRAINING, asked, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.runs import ignorant_score
from regfleet.concluding.score_table import read_scores
from regfleet.errors import InputError
from regfleet.metrics import METRICS, default_metric, metrics_of, resolve_metric
from regfleet.settings import Analysis
from regfleet.settings.values import Family, Variant

R2 = {
    "baseline": (0.41, 0.44, 0.38, 0.47, 0.43, 0.40, 0.45, 0.42),
    "l2": (0.49, 0.50, 0.46, 0.53, 0.50, 0.49, 0.51, 0.50),
}


def make_trials(r2=R2, unit=50.0):
    """Trials of a regression with given test R², whose validation R² is .02 above and whose training R² is .9."""
    rows = [
        {
            "dataset": "diabetes",
            "variant": name,
            "seed": seed,
            "status": "done",
            "n_train": 264,
            "n_val": 89,
            "n_test": 89,
            "best_epoch": 2,
            "seconds": 1.0,
            "last_test_r2": score,
            "last_val_r2": score + 0.02,
            "last_train_r2": 0.9,
            "last_test_rmse": unit * math.sqrt(1 - score),
            "last_train_mse": 0.1 * unit**2 + seed + len(name),
            "last_val_mse": unit**2 * (0.98 - score),
        }
        for name, scores in r2.items()
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def analysed(trials, names=tuple(R2), **settings):
    """The summary of the one data set and its rows by name."""
    settings = asked(**{"metric": "r2"} | settings)
    (dataset,) = summarize(trials, pd.DataFrame(), make_variants(names), settings).datasets
    return dataset, {row.name: row for row in dataset.variants}


def test_r2_is_judged_by_the_corrected_interval():
    """The interval is Nadeau and Bengio's, by scipy, and the region of equivalence is .01 of R²."""
    dataset, rows = analysed(make_trials())
    d = np.subtract(R2["l2"], R2["baseline"])
    low, high = stats.t.interval(0.95, 7, d.mean(), d.std(ddof=1) * math.sqrt(1 / 8 + 89 / 264))
    comparison = rows["l2"].comparison
    assert (comparison.difference.low, comparison.difference.high) == pytest.approx((low, high))
    assert (comparison.verdict, comparison.rope) == ("better", 0.01)
    assert dataset.task == "regression"


def test_the_gap_of_regression_is_in_r2():
    """Training minus validation R², without the floor of a count of rows, whatever the study is judged by."""
    gaps = 0.9 - (np.array(R2["l2"]) + 0.02)
    low, high = stats.t.interval(0.95, 7, gaps.mean(), gaps.std(ddof=1) * math.sqrt(1 / 8 + 89 / 264))
    for metric in ("r2", "rmse"):
        gap = analysed(make_trials(), metric=metric)[1]["l2"].gap
        assert (gap.mean, gap.low, gap.high) == pytest.approx((gaps.mean(), low, high))
    same = make_trials().assign(last_val_r2=0.5)
    gap = analysed(same)[1]["l2"].gap
    assert (gap.low, gap.high) == pytest.approx((0.4, 0.4))


def test_a_smaller_error_is_better():
    """RMSE is oriented, and its region of equivalence is 1 % of the control's mean."""
    trials = make_trials()
    comparison = analysed(trials, metric="rmse")[1]["l2"].comparison
    control = trials.loc[trials["variant"] == "baseline", "last_test_rmse"].mean()
    assert comparison.difference.mean > 0
    assert comparison.rope == pytest.approx(0.01 * control)


def test_a_failed_fit_counts_as_one_that_predicts_the_mean():
    """That is an R² of 0; in units of the target it is the worst error that was seen."""
    observed = np.array([0.4, 0.5])
    assert ignorant_score(METRICS["r2"], None, observed) == 0
    assert ignorant_score(METRICS["rmse"], None, 100 * observed) == 50
    trials = make_trials()
    trials.loc[(trials["variant"] == "l2") & (trials["seed"] == 0), "status"] = "failed"
    comparison = analysed(trials)[1]["l2"].comparison
    assert (comparison.verdict, comparison.withdrawn, comparison.dropped) == ("undecided", "better", 1)


def test_equal_validation_scores_are_decided_by_validation_mse():
    """A sweep takes the member with the lower validation MSE where validation R² is the same."""
    trials = make_trials({"none": R2["l2"], "a": R2["l2"], "b": R2["baseline"]})
    trials["last_val_r2"] = 0.5
    trials["last_val_mse"] = np.where(trials["variant"] == "b", 1.0, 2.0)
    members = [Variant(name, name, (), TRAINING, "none", Family("l2(1|2)", "L2", "L2, tuned")) for name in "ab"]
    variants = [*make_variants(["none"]), *members]
    (dataset,) = summarize(trials, pd.DataFrame(), variants, asked(metric="r2")).datasets
    assert dataset.families[0].picks == (0, 8)


def test_a_technique_that_changes_nothing_shows_in_the_training_mse():
    """Equal scores and equal training errors on every seed: the technique is not switched on."""
    trials = make_trials({"baseline": R2["l2"], "l2": R2["l2"]})
    assert not analysed(trials)[1]["l2"].comparison.identical
    assert analysed(trials.assign(last_train_mse=2.5))[1]["l2"].comparison.identical


def test_sentences_speak_of_r2_and_of_the_targets_unit():
    """No percentage points, the score that was reached, and large errors without exponents."""
    dataset, _ = analysed(make_trials())
    assert dataset.headline[0] == (
        "L2 is better than Baseline on diabetes: it raises R² on new data by about 0.073 (0.054 to 0.091), "
        "to 0.497, ahead on 8 of 8 seeds."
    )
    assert "points" not in " ".join(dataset.headline)
    large, _ = analysed(make_trials(unit=90_000.0), metric="rmse")
    assert "by about 4,439 (3,407 to 5,472), to 63,788, " in large.headline[0]


def test_scores_stay_within_what_a_metric_can_be():
    """The interval of a mean R² ends at 1, that of a mean error at 0, and R² may be below 0."""
    wild = {"baseline": (0.99, 0.2, 0.98, 0.97, 0.99, -3.0), "l2": (0.9,) * 6}
    rows = analysed(make_trials(wild))[1]
    assert rows["baseline"].score.high == 1.0
    assert rows["baseline"].score.low < 0
    assert analysed(make_trials(wild), metric="rmse")[1]["baseline"].score.low == 0


def test_each_task_has_its_metrics():
    """Accuracy cannot judge a regression nor R² classes; the error names the flag and what can."""
    assert (default_metric("classification"), default_metric("regression")) == ("accuracy", "r2")
    assert set(metrics_of("regression")) == {"r2", "mae", "rmse", "mse"}
    resolve_metric("mse", task="regression")
    resolve_metric("mse", task="classification")
    with pytest.raises(
        InputError, match=r"^--metric: expected one of r2, mae, rmse, mse for a regression; got accuracy$"
    ):
        resolve_metric("accuracy", task="regression")
    with pytest.raises(InputError, match=r"^--metric: expected one of accuracy, .* for a classification; got r2$"):
        resolve_metric("r2", task="classification")


def test_scores_of_other_tools_may_be_r2():
    """A negative R² is a score, one above 1 is none, and a gap of R² is taken along."""
    frame = pd.DataFrame(
        {
            "technique": ["none"] * 5 + ["l2"] * 5,
            "seed": [*range(5)] * 2,
            "r2": [-0.2, 0.1, 0.2, 0.1, 0.3, 0.4, 0.5, 0.4, 0.5, 0.4],
            "train_r2": 0.9,
            "val_r2": 0.5,
            "n_train": 80,
            "n_val": 10,
            "n_test": 20,
        }
    )
    found = read_scores(frame, Analysis(), metric="r2")
    (dataset,) = summarize(found.trials, pd.DataFrame(), found.variants, found.question).datasets
    assert dataset.variants[0].gap.mean == pytest.approx(0.4)
    with pytest.raises(InputError, match=r"r2 must be 1 or less. Got 1.5 in row 3"):
        read_scores(frame.assign(r2=frame["r2"].where(frame.index != 2, 1.5)), Analysis(), metric="r2")
