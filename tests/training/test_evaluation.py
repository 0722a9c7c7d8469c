"""Scores of predictions, against Keras, scikit-learn and calculations by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from regfleet.training.evaluation import calibration_error, scores


def predictions(rows, classes, seed, sharpness=3.0):
    """Softmax outputs and one-hot truth."""
    draw = np.random.default_rng(seed)
    exponentials = np.exp(sharpness * draw.normal(size=(rows, classes)))
    p = (exponentials / exponentials.sum(1, keepdims=True)).astype("float32")
    return p, np.eye(classes, dtype="float32")[draw.integers(0, classes, rows)]


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 60), classes=st.integers(2, 5), seed=st.integers(0, 10**6))
def test_scores_agree_with_scikit_learn(rows, classes, seed):
    """Cross-entropy, accuracy, macro-F1 and the count of correct rows are scikit-learn's, the MSE is numpy's."""
    p, y = predictions(rows, classes, seed)
    found, truth, top = scores(p, y), y.argmax(1), p.argmax(1)
    exact = p.astype("float64") / p.sum(1, keepdims=True, dtype="float64")
    assert found["cross_entropy"] == pytest.approx(log_loss(truth, exact, labels=range(classes)), rel=1e-5)
    assert found["accuracy"] == np.mean(truth == top)
    assert found["correct"] == np.sum(truth == top)
    assert found["macro_f1"] == pytest.approx(f1_score(truth, top, average="macro"))
    assert found["mse"] == pytest.approx(((p - y) ** 2).mean(), rel=1e-5)


def test_scores_agree_with_keras():
    """Cross-entropy, accuracy and MSE are those of `keras.metrics`, clipped probabilities included."""
    p, y = predictions(200, 3, 1, sharpness=20.0)
    assert (p[y == 1] < 1e-7).any()
    found = scores(p, y)
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
    assert scores(y, y)["calibration_error"] == 0
    assert scores(np.roll(y, 1, axis=1), y)["calibration_error"] == 1
