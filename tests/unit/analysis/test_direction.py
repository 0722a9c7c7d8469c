"""Which way the scores of other tools point: names that tell, values that speak against them, and what is asked."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from regfleet.concluding.direction import direction_of
from sklearn.metrics import get_scorer_names

from regfleet.concluding.score_table import read_scores
from regfleet.errors import InputError
from regfleet.settings import Analysis

ABOVE, BELOW, BOTH = np.array([0.2, 0.4, np.nan]), np.array([-0.2, -0.4]), np.array([-0.2, 0.4])
MORE = (
    "accuracy val_accuracy testAcc top-1_accuracy top5_accuracy balanced_accuracy roc_auc "
    "roc_auc_ovr_weighted AUPRC f1 f1_macro valF1_macro recall@5 ndcg@10 BLEU-4 ROUGE-L map50 mAP mean_iou "
    "dice exact_match r2 R² r2_score mcc cohen_kappa explained_variance test_score mean_test_score psnr "
    "log_likelihood reward sharpe_ratio true_positive_rate specificity success_rate pass@1 error_free_rate "
    "error_free defect_free_share accuracy(%)"
)
LESS = (
    "mse MSE test_error error_rate top-1_error mean_absolute_percentage_error root_mean_squared_error "
    "log_loss val_loss loss hinge_loss binary_crossentropy perplexity wer word_error_rate fid kl_divergence "
    "brier_score brier_score_loss ece davies_bouldin_score false_positive_rate false_alarm_rate miss_rate "
    "failure_rate negative_log_likelihood nll mean_pinball_loss latency regret"
)
NEGATED = (
    "neg_mean_squared_error neg_root_mean_squared_error neg_mean_absolute_error neg_log_loss neg_brier_score "
    "neg_max_error neg_mean_poisson_deviance negative_mse negated_rmse minus_mae -mse "
    "test_neg_mean_squared_error mean_test_neg_log_loss split0_test_neg_log_loss val-neg-mae"
)
UNKNOWN = (
    "zorp x value my_score explained_variance_loss_ratio accuracy_loss accuracy_drop loss_reduction "
    "error_improvement error_detection_rate weight_loss information_loss 1-accuracy inverse_mse "
    "no_error_rate time_to_failure risk_score free_error neg_accuracy neg_zorp"
)


@pytest.mark.parametrize("name", MORE.split())
def test_more_is_better(name):
    """Also within longer names, in capitals and with what tools add."""
    assert direction_of(name, ABOVE).higher_is_better


def test_scikit_learns_scorers_are_better_the_higher_they_are():
    """All of them, by their names: that is what makes them scorers."""
    names = get_scorer_names()
    assert len(names) > 40
    values = {name: BELOW if name.startswith("neg_") else ABOVE for name in names}
    assert [name for name in names if not direction_of(name, values[name]).higher_is_better] == []


def test_scikit_learns_losses_are_better_the_lower_they_are():
    """Every function that it calls an error, a loss or a deviance."""
    names = [name for name in dir(sklearn.metrics) if name.endswith(("_error", "_loss", "_deviance"))]
    assert len(names) > 15
    assert [name for name in names if direction_of(name, ABOVE).higher_is_better] == []


@pytest.mark.parametrize("name", LESS.split())
def test_less_is_better(name):
    """Errors, losses, distances, what is false."""
    assert not direction_of(name, ABOVE).higher_is_better


@pytest.mark.parametrize("name", NEGATED.split())
def test_a_negated_error_is_better_the_higher_it_is(name):
    """As scikit-learn's scorers are; above zero it is none."""
    assert direction_of(name, BELOW).higher_is_better
    with pytest.raises(InputError, match="the way that its name says"):
        direction_of(name, ABOVE)


@pytest.mark.parametrize("name", UNKNOWN.split())
def test_what_the_name_does_not_tell_is_asked(name):
    """Never guessed from a part of the name; what the user says is taken."""
    with pytest.raises(InputError, match="--higher-is-better or --lower-is-better"):
        direction_of(name, ABOVE)
    assert direction_of(name, ABOVE, asked=True).higher_is_better
    assert not direction_of(name, ABOVE, asked=False).higher_is_better


@pytest.mark.parametrize("name", ["val_accuracy", "f1", "log_loss", "rmse", "error_rate", "negative_log_likelihood"])
def test_nothing_but_scores_below_zero_speak_against_the_name(name):
    """They look negated, so that the name may say the wrong way."""
    if name != "rmse":  # which must not be below zero, whatever is said
        with pytest.raises(InputError, match="nothing but scores below zero"):
            direction_of(name, BELOW)
    assert direction_of(name, BELOW, asked=True).higher_is_better


@pytest.mark.parametrize("name", ["r2_score", "mcc", "log_likelihood", "reward", "kge", "mean_test_score"])
def test_scores_that_may_be_below_zero_are_not_suspected(name):
    """A model may be worse than nothing, and a likelihood always has a negative logarithm."""
    assert direction_of(name, BELOW).higher_is_better
    assert direction_of(name, BOTH).higher_is_better


def table(metric, sign, *, wide=False):
    """Ten seeds of a baseline and of a technique that is better where more is, times ``sign``."""
    rows = [
        (name, seed, sign * (size + 0.01 * seed))
        for name, size in (("baseline", 20), ("good", 30))
        for seed in range(10)
    ]
    frame = pd.DataFrame(rows, columns=["technique", "seed", metric]).assign(n_train=400, n_test=100)
    return frame.pivot_table(metric, "seed", "technique").reset_index() if wide else frame


@pytest.mark.parametrize("wide", [False, True])
def test_the_direction_is_said_and_used(wide):
    """In long and in wide tables; scikit-learn's neg_ scores are higher where they are better."""
    scores = read_scores(
        table("neg_mean_squared_error", -1, wide=wide), Analysis(scope="this_dataset"), metric="neg_mean_squared_error"
    )
    assert scores.question.metric.higher_is_better
    assert scores.notes[0].startswith("Judged by 'neg_mean_squared_error': higher is better")


def test_a_wide_table_is_accuracy_only_where_it_can_be():
    """Its columns are techniques, so nothing names the score; what is beyond 1 is no accuracy."""
    with pytest.raises(InputError, match="metric must be named, with --metric"):
        read_scores(table("x", 1, wide=True), Analysis(scope="this_dataset"))
    shares = table("x", 0.01, wide=True)
    found = read_scores(shares, Analysis(scope="this_dataset"))
    assert found.notes[0] == "The columns were taken for accuracy, of which more is better; --metric names another."
