"""Outcomes as workers return them, without training."""

from dataclasses import replace
from zlib import crc32

import numpy as np

from regfleet.predictions import of_classes
from regfleet.results import CORRECT_COLUMNS, METRIC_COLUMNS
from regfleet.settings import Training
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Execution, Outcome, Trial

_TRAINING = Training(epochs=3, batch_size=8)
VARIANTS = {
    "none": Variant("none", "No regularization", (), _TRAINING),
    "l2(0.01)@all": Variant("l2(0.01)@all", "L2", (), _TRAINING, "none"),
}
"""Two variants of Iris, to be written without a study."""


def said(seed, rows=range(0, 120, 4)):
    """Predictions of so many rows of Iris: the class of each row's number, likeliest but for every seventh row."""
    rows = np.array(rows)
    target = rows % 3
    likeliest = np.where(rows % 7 == seed % 7, (target + 1) % 3, target)
    return of_classes(seed, rows, target, np.eye(3, dtype="float32")[likeliest] * 0.4 + 0.2)


def pretended(trial, correct=15, *, epochs=1, seconds=0.5):
    """The outcome of a trial on Iris that got ``correct`` of 30 test rows right; diverged for None."""
    history = {name: np.full(epochs, 0.5 if correct else np.nan, dtype="float32") for name in HISTORY_COLUMNS}
    score = np.nan if correct is None else correct / 30
    metrics = dict.fromkeys(METRIC_COLUMNS, score) | dict.fromkeys(CORRECT_COLUMNS, correct or 0)
    # No two training losses are the same, or the analysis would say that the technique is not switched on.
    metrics |= {f"{when}_train_cross_entropy": crc32(trial.key.encode()) for when in ("last", "best")}
    return Outcome(
        trial,
        "diverged" if correct is None else "done",
        "fused",
        Execution("graph"),
        history,
        metrics,
        best_epoch=1,
        diverged_at=1 if correct is None else None,
        n_train=90,
        n_val=30,
        n_test=30,
        seconds=seconds,
    )


def plausible(trial, **more):
    """An outcome whose test rows depend on the seed, and are three more for every variant but the control."""
    return pretended(trial, 20 + trial.seed % 5 + 3 * (trial.variant != "none"), **more)


def made_up(variant, seed, status="done"):
    """The outcome of a seed of one of ``VARIANTS``: three epochs in which everything is the seed's number."""
    trial = Trial(f"{variant}-{seed}", "iris", variant, seed)
    if status == "failed":
        return Outcome(trial, "failed", "fused", error="ValueError: no", traceback="Traceback …")
    history = {name: np.full(3, seed, dtype="float32") for name in HISTORY_COLUMNS}
    metrics = dict.fromkeys(METRIC_COLUMNS, 0.5) | dict.fromkeys(CORRECT_COLUMNS, 15)
    sizes = {"n_train": 90, "n_val": 30, "n_test": 30}
    last, other = said(seed), said(seed + 1)
    # Of every second seed both weights predict alike.
    kept = {"last": last, "best": replace(other, seeds=last.seeds) if seed % 2 else last} if status == "done" else {}
    return Outcome(trial, status, "fused", Execution("graph"), history, metrics, kept, best_epoch=2, **sizes)
