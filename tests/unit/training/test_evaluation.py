"""Scores of predictions, against Keras, scikit-learn and calculations by hand."""

import math

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from regfleet.metrics import metrics_of
from regfleet.training.scoring import CLIP, auc, balanced_accuracy, calibration_error, class_scores, number_scores


def predictions(rows, classes, seed, sharpness=3.0):
    """Softmax outputs and one-hot truth."""
    draw = np.random.default_rng(seed)
    exponentials = np.exp(sharpness * draw.normal(size=(rows, classes)))
    p = (exponentials / exponentials.sum(1, keepdims=True)).astype("float32")
    return p, np.eye(classes, dtype="float32")[draw.integers(0, classes, rows)]


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 60), classes=st.integers(2, 5), seed=st.integers(0, 10**6))
def test_scores_agree_with_scikit_learn(rows, classes, seed):
    """Cross-entropy, accuracies, macro-F1 and the count of correct rows are scikit-learn's, the MSE is numpy's."""
    p, y = predictions(rows, classes, seed)
    found, truth, top = class_scores(p, y), y.argmax(1), p.argmax(1)
    exact = p.astype("float64") / p.sum(1, keepdims=True, dtype="float64")
    assume(exact.min() > CLIP)  # below, Keras' loss is clipped, and scikit-learn's is not
    assert found["cross_entropy"] == pytest.approx(log_loss(truth, exact, labels=range(classes)), rel=1e-5)
    assert found["accuracy"] == np.mean(truth == top)
    assert found["correct"] == np.sum(truth == top)
    assert found["macro_f1"] == pytest.approx(f1_score(truth, top, average="macro"))
    assert found["mse"] == pytest.approx(((p - y) ** 2).mean(), rel=1e-5)
    recall = recall_score(truth, top, labels=np.unique(truth), average="macro")
    assert found["balanced_accuracy"] == pytest.approx(recall)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(10, 80), classes=st.integers(2, 5), seed=st.integers(0, 10**6), ties=st.booleans())
def test_auc_agrees_with_scikit_learn(rows, classes, seed, ties):
    """The area under the curve is scikit-learn's, one against the rest for several classes, with tied scores too."""
    p, y = predictions(rows, classes, seed)
    y[:classes] = np.eye(classes)
    p = p.astype("float64") / p.sum(1, keepdims=True, dtype="float64")
    if ties:  # whole twelfths, so that rows share their probabilities and each row still adds up to 1
        p = np.random.default_rng(seed).multinomial(12, np.full(classes, 1 / classes), rows) / 12
    truth = y.argmax(1)
    expected = roc_auc_score(truth, p[:, 1]) if classes == 2 else roc_auc_score(truth, p, multi_class="ovr")
    assert class_scores(p, y)["auc"] == pytest.approx(expected)


def test_a_class_without_rows_does_not_count():
    """AUC and balanced accuracy are over the classes that have rows, and one class alone has no AUC."""
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.6, 0.3]])
    truth = np.array([0, 1, 0, 0])
    # Class 0 against 1: 0.5 and 0.6 above 0.2, 0.1 below it; class 1: 0.7 above all three.
    assert auc(p, truth) == pytest.approx((2 / 3 + 1) / 2)
    assert math.isnan(auc(p, np.zeros(4, int)))
    assert balanced_accuracy(p.argmax(1) == truth, truth) == pytest.approx((2 / 3 + 1) / 2)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(2, 60), unit=st.sampled_from([1e-6, 1.0, 1e6]), seed=st.integers(0, 10**6))
def test_scores_of_numbers_agree_with_scikit_learn(rows, unit, seed):
    """R², MAE, RMSE and MSE are scikit-learn's, whatever the target's unit."""
    draw = np.random.default_rng(seed)
    target = unit * draw.normal(3, 1, rows)
    predicted = target + unit * draw.normal(0, 0.7, rows)
    oracles = {
        "r2": r2_score,
        "mae": mean_absolute_error,
        "rmse": root_mean_squared_error,
        "mse": mean_squared_error,
    }
    found = number_scores(predicted, target)
    assert found == pytest.approx({name: oracle(target, predicted) for name, oracle in oracles.items()})


def test_equal_targets_have_no_r2():
    """Rows of one value leave nothing to explain, so their R² is no number, and their errors are."""
    found = number_scores(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert math.isnan(found.pop("r2"))
    assert found == {"mae": 1.0, "rmse": 1.0, "mse": 1.0}


def test_every_metric_of_a_task_is_scored():
    """What the table of metrics promises for a task is there, and nothing else but the count of correct rows."""
    p, y = predictions(20, 3, 0)
    assert class_scores(p, y).keys() - {"correct"} == set(metrics_of("classification"))
    assert number_scores(p[:, 0], y[:, 0]).keys() == set(metrics_of("regression"))


def test_scores_agree_with_keras():
    """Cross-entropy, accuracy and MSE are those of `keras.metrics`, clipped probabilities included."""
    p, y = predictions(200, 3, 1, sharpness=20.0)
    assert (p[y == 1] < 1e-7).any()
    found = class_scores(p, y)
    for name, metric in (
        ("cross_entropy", keras.metrics.CategoricalCrossentropy()),
        ("accuracy", keras.metrics.CategoricalAccuracy()),
        ("mse", keras.metrics.MeanSquaredError()),
    ):
        metric.update_state(y, p)
        assert found[name] == pytest.approx(float(metric.result()), rel=1e-5)


def test_calibration_error_by_hand():
    """Four rows in three of the bins: Σ |Σ hit − Σ confidence| / rows, a confidence on an edge belonging below it."""
    confidence = np.array([0.95, 0.97, 0.6, 0.5])
    hit = np.array([True, False, True, False])
    # 0.95 and 0.97 lie in (14/15, 1]: |1 - 1.92|; 0.6 = 9/15 is the edge of (8/15, 9/15]: |1 - 0.6|;
    # 0.5 lies in (7/15, 8/15]: |0 - 0.5|.
    assert calibration_error(confidence, hit) == pytest.approx((0.92 + 0.4 + 0.5) / 4)


def test_certain_and_right_is_perfectly_calibrated():
    """Confidence one on the true class has no calibration error, on a wrong one it has all of it."""
    y = np.eye(3, dtype="float32")
    assert class_scores(y, y)["calibration_error"] == 0
    assert class_scores(np.roll(y, 1, axis=1), y)["calibration_error"] == 1
