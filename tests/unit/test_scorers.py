"""Metrics that are asked of predictions afterwards: their names, directions and values, and what they cannot do."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier
from sklearn.metrics import get_scorer, get_scorer_names

from regfleet.errors import InputError
from regfleet.predictions import Predictions
from regfleet.scorers import OF_CLASSES, OF_NUMBERS, SCORERS, find_scorer, known_metric, own_scorer, scores_of

NAMES = ("no: never", "ja, ümlaut", "ham")
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
SAID = np.array([0, 0, 1, 2, 1, 1, 0, 2, 2, 1])
P = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.6, 0.3, 0.1],
        [0.3, 0.5, 0.2],
        [0.2, 0.3, 0.5],
        [0.1, 0.8, 0.1],
        [0.25, 0.5, 0.25],
        [0.5, 0.4, 0.1],
        [0.1, 0.2, 0.7],
        [0.05, 0.05, 0.9],
        [0.2, 0.6, 0.2],
    ]
)


def predictions(truth=TRUTH, said=SAID, p=P, seeds=1):
    """The same of each seed."""
    p = None if p is None else np.tile(p.astype(np.float32), (seeds, 1))
    return Predictions(
        np.repeat(np.arange(seeds), len(truth)),
        np.tile(np.arange(len(truth), dtype=np.int32), seeds),
        np.tile(truth.astype(np.float64), seeds),
        np.tile(said.astype(np.float64), seeds),
        p,
    )


def value(name, given=None, task="classification", classes=NAMES):
    """What the first seed scores."""
    return scores_of(find_scorer(name, task, classes), given or predictions(), len(classes)).scores[0]


# Counted by hand: class 0 has 2 of 4 and is said 3 times; class 1 has 2 of 3, said 4 times; class 2 has 2 of 3, said 3.
BY_HAND = {
    "accuracy": 6 / 10,
    "recall:no: never": 2 / 4,
    "precision:ja, ümlaut": 2 / 4,
    "recall:ham": 2 / 3,
    "f1:ham": 2 * 2 / (3 + 3),
    "f1_macro": (4 / 7 + 4 / 7 + 4 / 6) / 3,
    "f1_micro": 6 / 10,
    "f1_weighted": (4 * 4 / 7 + 3 * 4 / 7 + 3 * 4 / 6) / 10,
    "balanced_accuracy": (1 / 2 + 2 / 3 + 2 / 3) / 3,
    "precision_at_2:ham": 1.0,  # .9 and .7
    "precision_at_3:ham": 2 / 3,  # and .5, which is of class 0
    "recall_at_2:ham": 2 / 3,
    "precision_at_1": 1.0,  # the first of each class is of it, .8, .8 and .9
    "average_precision:ham": (1 / 1 + 2 / 2 + 3 / 6) / 3,  # .9, .7, and among the first six one of two with .2
    "top_2_accuracy": 9 / 10,  # the fourth row has its class last; ties are none of the rest
    "log_loss": -np.mean(np.log([0.8, 0.6, 0.3, 0.2, 0.8, 0.5, 0.4, 0.7, 0.9, 0.2])),
    "brier": 0.508,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_metric_is_what_a_hand_counts(name):
    """Class names hold colons, commas and spaces."""
    expected = BY_HAND[name]
    if name == "brier":
        expected = np.mean([np.sum((P[row] - np.eye(3)[TRUTH[row]]) ** 2) for row in range(10)])
    if name == "top_2_accuracy":
        expected = np.mean([(P[row] > P[row][TRUTH[row]]).sum() < 2 for row in range(10)])
    assert value(name) == pytest.approx(expected, abs=1e-6)


def test_scikit_learns_scorers_are_known_and_say_what_they_say_of_an_estimator():
    """Every name of the installed version, and each value as of a classifier that predicts the same."""
    assert {*OF_CLASSES, *OF_NUMBERS} == {*get_scorer_names()}
    said = DummyClassifier(strategy="prior").fit(np.zeros((10, 1)), TRUTH)
    shares = np.array([0.4, 0.3, 0.3])
    given = predictions(TRUTH, np.zeros(10), np.tile(shares, (10, 1)))
    for name in ("neg_log_loss", "roc_auc_ovr_weighted", "f1_macro", "jaccard_macro", "matthews_corrcoef"):
        assert value(name, given) == pytest.approx(get_scorer(name)(said, np.zeros((10, 1)), TRUTH), abs=1e-6), name
    two = predictions(TRUTH[:7], SAID[:7] % 2, P[:7, :2] / P[:7, :2].sum(axis=1, keepdims=True))
    p = two.probabilities[:, 1]
    assert value("roc_auc", two, classes=("a", "b")) == pytest.approx(metrics.roc_auc_score(TRUTH[:7], p))
    assert value("average_precision", two, classes=("a", "b")) == pytest.approx(
        metrics.average_precision_score(TRUTH[:7], p)
    )
    assert value("neg_brier_score", two, classes=("a", "b")) == pytest.approx(
        -metrics.brier_score_loss(TRUTH[:7], p), abs=1e-6
    )
    assert value("f1", two, classes=("a", "b")) == value("f1:b", two, classes=("a", "b"))


def test_of_a_regression():
    """By scikit-learn's functions, from predictions alone."""
    truth, said = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.5, 2.0, 3.0, 11.0])
    given = predictions(truth, said, None)
    expected = {"mae": 4.5 / 4, "mse": 10.25 / 4, "medae": 0.75, "max_error": 3.0, "mape": (0.5 + 0 + 0.25 + 0.375) / 4}
    expected |= {"neg_mean_squared_error": -10.25 / 4, "r2": 1 - 10.25 / np.sum((truth - 3.75) ** 2)}
    for name, score in expected.items():
        assert value(name, given, "regression", ()) == pytest.approx(score), name


def test_every_metric_points_the_way_that_makes_a_better_prediction_win():
    """A prediction that is right beats one that is wrong, for every entry and every scorer that can score both."""
    right = predictions(TRUTH, TRUTH, np.eye(3)[TRUTH] * 0.7 + 0.1)
    wrong = predictions(TRUTH, (TRUTH + 1) % 3, np.eye(3)[(TRUTH + 1) % 3] * 0.7 + 0.1)
    truth = np.array([1.0, 2.0, 4.0, 8.0])
    close, far = predictions(truth, truth + 0.1, None), predictions(truth, truth[::-1] + 3, None)
    seen = 0
    for name in dict.fromkeys([*SCORERS, *OF_CLASSES, *OF_NUMBERS, "recall:ham", "precision_at_2:ham"]):
        metric = known_metric(name)
        for task in metric.tasks:
            pair, classes = ((right, wrong), NAMES) if task == "classification" else ((close, far), ())
            better, worse = (value(name, one, task, classes) for one in pair)
            if np.isfinite(better) and np.isfinite(worse):
                seen += 1
                permuted = name.startswith(("adjusted", "rand", "v_", "homog", "compl", "fowlkes", "mutual", "normal"))
                assert metric.sign * (better - worse) > 0 or (permuted and better == worse), name
                assert metric.lowest <= min(better, worse) + 1e-9, name
                assert max(better, worse) <= metric.highest + 1e-9, name
    assert seen > 50


def test_a_function_of_ones_own_gets_names_or_probabilities():
    """Names of classes beside predicted ones; numbers beside probabilities."""
    given = {}

    def share(truth, said):
        given["names"] = {*truth}, {*said}
        return np.mean(truth == said)

    own = own_scorer(share, "classification", NAMES, higher_is_better=True, on="predicted")
    assert scores_of(own, predictions(), 3).scores.tolist() == [0.6]
    assert given["names"] == ({*NAMES}, {*NAMES})
    own = own_scorer(
        lambda truth, p: p[np.arange(len(p)), truth].mean(),
        "classification",
        NAMES,
        higher_is_better=True,
        on="probabilities",
    )
    assert scores_of(own, predictions(seeds=2), 3).scores == pytest.approx([0.54, 0.54], abs=1e-6)
    text = own_scorer(lambda _, __: "much", "classification", NAMES, higher_is_better=True, on="predicted")
    with pytest.raises(InputError, match="expected a function that returns a number; got str"):
        scores_of(text, predictions(), 3)


def test_a_seed_without_a_row_of_the_class_has_no_score():
    """And scikit-learn's reason is kept where it has one."""
    half = Predictions(
        np.repeat([3, 4], 5), *(getattr(predictions(), one) for one in ("rows", "target", "predicted")), P
    )
    assert np.isnan(scores_of(find_scorer("recall:ham", "classification", NAMES), half, 3).scores).tolist() == [
        True,
        False,
    ]
    found = scores_of(find_scorer("roc_auc_ovo", "classification", NAMES), half, 3)
    assert np.isnan(found.scores).all()
    assert "classes" in found.problem


BAD = {
    "quux": "one of accuracy, .*, or a scorer of scikit-learn; got 'quux'",
    "acuracy": "did you mean accuracy",
    "recall:spam": "a class, one of .*ham.*; got 'spam'",
    "neg_mean_squared_error": "a metric of a classification; got neg_mean_squared_error, which is of a regression",
    "precision_at_11": "at most the 10 test rows of a seed; got precision_at_11",
    "top_3_accuracy": "fewer than the 3 classes; got top_3_accuracy",
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_asked_is_one_line(name):
    """It names what was expected and what was given."""
    with pytest.raises(InputError, match=BAD[name]):
        value(name)


def test_above_32_classes_only_the_true_class_and_the_likeliest_are_kept():
    """The log loss needs no more; areas do."""
    few = Predictions(
        np.zeros(2, np.int64),
        np.arange(2, dtype=np.int32),
        np.array([7.0, 9.0]),
        np.array([7.0, 8.0]),
        np.array([[0.5, 0.2], [0.25, 0.5]], np.float32),
        np.array([[7, 1], [9, 8]], np.int32),
        np.array([0.3, 0.9], np.float32),
    )
    names = tuple(map(str, range(40)))
    assert value("log_loss", few, classes=names) == pytest.approx(-(np.log(0.5) + np.log(0.25)) / 2, abs=1e-6)
    assert value("brier", few, classes=names) == pytest.approx(0.6)
    for name in ("average_precision", "roc_auc", "precision_at_1:7", "neg_brier_score"):
        with pytest.raises(InputError, match="kept of up to 32 classes"):
            value(name, few, classes=names)
