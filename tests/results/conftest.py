"""Outcomes as workers return them, and a writer to hand them to."""

import numpy as np
import pytest

from regfleet.results import CORRECT_COLUMNS, METRIC_COLUMNS, Store, claim
from regfleet.settings import Training
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Outcome, Trial

TRAINING = Training(epochs=3, batch_size=8)
VARIANTS = {
    "none": Variant("none", "No regularization", (), TRAINING),
    "l2(0.01)@all": Variant("l2(0.01)@all", "L2", (), TRAINING, "none"),
}


def make_outcome(variant, seed, status="done"):
    """An outcome as a worker would return it."""
    trial = Trial(f"{variant}-{seed}", "iris", variant, seed)
    if status == "failed":
        return Outcome(trial, "failed", "fused", error="ValueError: no", traceback="Traceback …")
    history = {name: np.full(3, seed, dtype="float32") for name in HISTORY_COLUMNS}
    metrics = dict.fromkeys(METRIC_COLUMNS, 0.5) | dict.fromkeys(CORRECT_COLUMNS, 15)
    return Outcome(trial, status, "fused", "graph", history, metrics, best_epoch=2, n_train=90, n_val=30, n_test=30)


@pytest.fixture(scope="session")
def outcome():
    """The function that makes an outcome of a variant and a seed."""
    return make_outcome


@pytest.fixture
def store(tmp_path):
    """The writer of a new results directory."""
    with claim(tmp_path / "out"):
        found = Store(tmp_path / "out", VARIANTS)
        found.place.write("study.toml", b"")
        yield found
