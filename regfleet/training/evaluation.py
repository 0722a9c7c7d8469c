"""Scores of predicted probabilities against the true classes, in numpy and float64."""

from __future__ import annotations

import numpy as np

CLIP = 1e-7
"""Keras' fuzz factor: probabilities are clipped to [CLIP, 1 - CLIP] before the logarithm."""
BINS = 15


def scores(probabilities: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """All scores of ``probabilities`` (rows, classes) against one-hot ``y`` (rows, classes).

    Returns:
        ``cross_entropy``, ``accuracy``, ``mse`` (over rows and classes), ``macro_f1``, ``calibration_error``, and
        ``correct``, the count of rows whose top class is the true one.
    """
    p = np.asarray(probabilities, np.float64)
    truth = y.argmax(axis=1)
    predicted = p.argmax(axis=1)
    hit = predicted == truth
    return {
        "cross_entropy": cross_entropy(p, y),
        "accuracy": float(hit.mean()),
        "mse": float(np.mean((p - y) ** 2)),
        "macro_f1": macro_f1(predicted, truth),
        "calibration_error": calibration_error(p.max(axis=1), hit),
        "correct": int(hit.sum()),
    }


def cross_entropy(p: np.ndarray, y: np.ndarray) -> float:
    """Mean of -log of the true class's probability, normalised and clipped as `keras.losses` does it."""
    clipped = np.clip(p / p.sum(axis=1, keepdims=True), CLIP, 1 - CLIP)
    return float(-np.mean(np.sum(y * np.log(clipped), axis=1)))


def macro_f1(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that occur in ``predicted`` or ``truth`` (class numbers) of 2·TP / (2·TP + FP + FN)."""
    present = np.union1d(predicted, truth)
    hits = np.array([np.sum((predicted == label) & (truth == label)) for label in present])
    sizes = np.array([np.sum(predicted == label) + np.sum(truth == label) for label in present])
    return float(np.mean(2 * hits / sizes))


def calibration_error(confidence: np.ndarray, hit: np.ndarray) -> float:
    """Expected calibration error over 15 bins of equal width: Σ share of rows in the bin × |accuracy − confidence|.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).

    Args:
        confidence: probability of the top class, (rows,), in [0, 1]; a bin holds its upper edge.
        hit: whether the top class is the true one, (rows,).
    """
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(place, weights=hit - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(hit))
