"""Which way the scores of other tools point: known names, values that speak against them, and what is asked."""

import pandas as pd
import pytest
import sklearn.metrics
from sklearn.metrics import get_scorer_names

from regfleet.concluding.score_table import read_scores
from regfleet.errors import InputError
from regfleet.settings import Analysis

MORE = (
    "accuracy f1 f1_macro test_f1_macro test_accuracy roc_auc roc_auc_ovr_weighted balanced_accuracy r2 r2_score mcc "
    "explained_variance average_precision recall:cat precision_at_10 top_5_accuracy cohen_kappa macro_f1 auc"
)
LESS = (
    "mse mae rmse log_loss brier medae mape max_error cross_entropy calibration_error mean_squared_error "
    "mean_absolute_error root_mean_squared_error test_mse"
)
NEGATED = (
    "neg_mean_squared_error neg_root_mean_squared_error neg_mean_absolute_error neg_log_loss neg_brier_score "
    "neg_max_error neg_mean_poisson_deviance test_neg_mean_squared_error"
)
UNKNOWN = (
    "zorp x value my_score accuracy_loss accuracy_drop loss_reduction error_rate time_to_failure risk_score "
    "neg_accuracy neg_zorp negative_mse minus_mae -mse val_loss loss perplexity wer fid BLEU-4 reward latency "
    "success_rate error_free_rate mean_test_score split0_test_neg_log_loss valF1_macro accuracy(%) MSE "
    "recall: precision_at_0"
)


def pointing(name, sign=1, **settings):
    """Whether higher is better in two techniques' scores of that name, between 0 and 1 or below zero."""
    frame = table(name, 0.01 * sign)
    return read_scores(frame, Analysis(scope="this_dataset"), metric=name, **settings).question.metric.higher_is_better


@pytest.mark.parametrize("name", MORE.split())
def test_more_is_better(name):
    """Of regfleet's own metrics, scikit-learn's scorers, and both as `cross_validate` calls them."""
    assert pointing(name)


def test_scikit_learns_scorers_are_better_the_higher_they_are():
    """All of them, by their names: that is what makes them scorers."""
    names = get_scorer_names()
    assert len(names) > 40
    assert [name for name in names if not pointing(name, -1 if name.startswith("neg_") else 1)] == []


@pytest.mark.parametrize("name", LESS.split())
def test_less_is_better(name):
    """Of errors and losses that are regfleet's own, also by scikit-learn's names of the functions."""
    assert not pointing(name)


def test_no_function_that_is_known_is_taken_for_its_opposite():
    """What scikit-learn calls an error, a loss or a deviance is either asked for or better the lower it is."""
    names = [name for name in dir(sklearn.metrics) if name.endswith(("_error", "_loss", "_deviance"))]
    asked = 0
    for name in names:
        try:
            assert not pointing(name), name
        except InputError as problem:
            asked += 1
            assert "--higher-is-better yes or" in str(problem)  # noqa: PT017 - either way
    assert 5 < asked < len(names)


@pytest.mark.parametrize("name", NEGATED.split())
def test_a_negated_error_is_better_the_higher_it_is(name):
    """As scikit-learn's scorers are; above zero it is none, unless somebody says so."""
    assert pointing(name, -1)
    with pytest.raises(InputError, match=f"{name} must be 0 or less. Got 0.2 in row 1"):
        pointing(name)
    assert not pointing(name, higher_is_better=False)


@pytest.mark.parametrize("name", UNKNOWN.split())
def test_what_is_not_known_is_asked(name):
    """Never guessed from the words of a name; what the user says is taken."""
    with pytest.raises(InputError, match="--higher-is-better yes or --higher-is-better no"):
        pointing(name)
    assert pointing(name, higher_is_better=True)
    assert not pointing(name, higher_is_better=False)


@pytest.mark.parametrize("name", ["accuracy", "f1", "log_loss", "rmse", "brier", "recall:cat"])
def test_nothing_but_scores_below_zero_speak_against_the_name(name):
    """They look negated, so that the name may say the wrong way."""
    with pytest.raises(InputError, match=r"must be (between 0 and|0 or more)"):
        pointing(name, -1)
    if name not in ("accuracy", "rmse"):  # which must not be below zero, whatever is said
        turned = name in ("log_loss", "brier")
        assert pointing(name, -1, higher_is_better=turned) == turned


@pytest.mark.parametrize("name", ["r2_score", "mcc", "explained_variance", "r2", "cohen_kappa"])
def test_scores_that_may_be_below_zero_are_not_suspected(name):
    """A model may be worse than nothing."""
    assert pointing(name, -1)


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
