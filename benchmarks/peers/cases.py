"""What is trained, by every peer alike: rows, a network, a technique and how long."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TANH5 = ("tanh", "tanh", "tanh", "tanh", "relu")
COLUMNS = ("loss", "cross_entropy", "accuracy", "mse")


@dataclass(frozen=True)
class Case:
    """A network on some rows: ``hidden`` widths and ``activations`` of dense layers, or a small CNN or LSTM.

    ``l1`` and ``l2`` are penalties of so many kernels, (strength, how many of the first layers); ``dropout`` has a rate
    behind each hidden layer, ``norm`` the numbers of the hidden layers that a batch normalization follows.
    ``technique`` is the same for regfleet. SGD at .01 for dense layers, Adam at .001 for the others.
    """

    name: str
    group: str
    rows: str
    technique: str = "none"
    kind: str = "dense"
    hidden: tuple[int, ...] = (512, 256, 128, 64, 32)
    activations: tuple[str, ...] = TANH5
    batch: int = 128
    epochs: int = 350
    l1: tuple[float, int] = (0.0, 0)
    l2: tuple[float, int] = (0.0, 0)
    dropout: tuple[float, ...] = ()
    norm: tuple[int, ...] = ()

    @property
    def adam(self) -> bool:
        """Whether Adam trains it, and not SGD."""
        return self.kind != "dense"


ARTICLE = "the article's ten variants"
SMALL: dict[str, Any] = {"hidden": (64, 32), "activations": ("relu", "relu")}
CASES = (
    Case("none", ARTICLE, "iris"),
    Case("L1, first layer", ARTICLE, "iris", "l1(0.01)@first", l1=(0.01, 1)),
    Case("L1, all layers", ARTICLE, "iris", "l1(0.01)@all", l1=(0.01, 5)),
    Case("L2, first layer", ARTICLE, "iris", "l2(0.01)@first", l2=(0.01, 1)),
    Case("L2, all layers", ARTICLE, "iris", "l2(0.01)@all", l2=(0.01, 5)),
    Case("dropout, first layer", ARTICLE, "iris", "dropout(0.5)@first", dropout=(0.5,)),
    Case("dropout, four layers", ARTICLE, "iris", "dropout(0.5,0.5,0.5,0.3)", dropout=(0.5, 0.5, 0.5, 0.3)),
    Case("none, batch 32", ARTICLE, "iris", batch=32),
    Case("batch norm, one layer, batch 32", ARTICLE, "iris", "batchnorm@2", batch=32, norm=(2,)),
    Case("batch norm, all layers, batch 32", ARTICLE, "iris", "batchnorm@all", batch=32, norm=(1, 2, 3, 4, 5)),
    Case("digits, 64–32", "others", "digits", epochs=100, **SMALL),
    Case("50,000 rows × 50, 64–32", "others", "table", epochs=10, **SMALL),
    Case("CNN, 5,000 images of 28 × 28", "others", "images", kind="cnn", epochs=3),
    Case("LSTM, 2,000 sequences of 28 × 28", "others", "sequences", kind="lstm", epochs=10),
)
BY_NAME = {case.name: case for case in CASES}
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Training rows and their classes one-hot, validation rows and theirs: float32."""
Fit = Callable[[Case, Rows, int, int], np.ndarray]
"""Trains a case on rows from a seed for so many epochs."""


def rows_of(case: Case) -> Rows:
    """The rows of a case, the same for every seed: a fifth of them validate."""
    from sklearn.datasets import load_digits, load_iris

    draw = np.random.default_rng(0)
    if case.rows == "iris":
        x, label = load_iris(return_X_y=True)
    elif case.rows == "digits":
        x, label = load_digits(return_X_y=True)
    elif case.rows == "table":
        x = draw.normal(size=(50_000, 50))
        label = (x @ draw.normal(size=(50, 5)) + draw.normal(size=(50_000, 5))).argmax(axis=1)
    else:
        count = {"images": 5_000, "sequences": 2_000}[case.rows]
        small, labels = load_digits(return_X_y=True)
        chosen = draw.integers(0, len(small), count)
        x = np.kron(small[chosen].reshape(-1, 8, 8), np.ones((1, 4, 4)))[:, 2:30, 2:30] / 16
        x, label = x + 0.3 * draw.normal(size=x.shape), labels[chosen]
        x = x[..., None] if case.rows == "images" else x
    order = draw.permutation(len(x))
    x, label = x[order].astype("float32"), label[order]
    first = len(x) // 5
    if x.ndim == 2:
        x = (x - x[first:].mean(axis=0)) / np.maximum(x[first:].std(axis=0), 1e-6)
    x = np.ascontiguousarray(x, "float32")
    y = np.eye(int(label.max()) + 1, dtype="float32")[label]
    return x[first:], y[first:], x[:first], y[:first]


def timed(fit: Fit, case: Case, rows: Rows, seed: int, epochs: int) -> tuple[np.ndarray, float, float]:
    """The history of a fit, and the seconds that it took: on the clock, and on the processor."""
    began, cpu = time.perf_counter(), time.process_time()
    history = np.asarray(fit(case, rows, seed, epochs), "float64")
    return history, time.perf_counter() - began, time.process_time() - cpu


def serve(fit: Fit, run: Callable[..., tuple[np.ndarray, float, float]] = timed) -> None:
    """Answer each line of standard input, a case, a seed and epochs, with what its ``fit`` took and gave.

    ``fit`` returns (epochs, 12): `COLUMNS` while it trains, then of the training and of the validation rows in
    inference mode after each epoch, NaN where a peer does not say.
    """
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries say is no answer
    known: dict[str, Rows] = {}
    for line in sys.stdin:
        name, seed, epochs = json.loads(line)
        case = BY_NAME[name]
        if case.rows not in known:
            known[case.rows] = rows_of(case)
        history, wall, cpu = run(fit, case, known[case.rows], seed, epochs)
        if history.shape != (epochs, 3 * len(COLUMNS)):
            raise SystemExit(f"{name}: expected a history of {epochs} epochs; got {history.shape}")
        found = {"wall": wall, "cpu": cpu, "accuracy": history[-1, 10], "cross entropy": history[-1, 9]}
        print(json.dumps(found), file=out, flush=True)
