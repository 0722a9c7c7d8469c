"""Small studies for the tests of the analysis: frames made from counts of correct rows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from regfleet.analysis import ask
from regfleet.metrics import resolve_metric
from regfleet.settings import Analysis, Training
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS

ROWS = 30
CORRECT = {
    "baseline": (27, 28, 26, 29, 27, 28, 25, 28, 27, 29, 26, 28),
    "l2": (28, 28, 27, 29, 28, 28, 27, 29, 27, 29, 27, 29),
    "dropout": (27, 29, 26, 28, 27, 29, 26, 27, 27, 29, 27, 28),
    "batchnorm": (25, 26, 24, 28, 26, 25, 24, 26, 26, 27, 23, 27),
}
TRAINING = Training(epochs=300, batch_size=128)


def asked(metric="accuracy", rope=None, **settings):
    """What the analysis is asked, by the name of a metric."""
    return replace(ask(Analysis(rope=rope), resolve_metric(metric)), **settings)


def make_variants(names):
    """Variants without techniques of their own; the first of ``names`` is the control of the rest."""
    control, *rest = names
    return (
        Variant(control, control.title(), (), TRAINING),
        *(Variant(name, name.title(), (), TRAINING, control) for name in rest),
    )


def make_trials(correct, *, n_train=90, n_test=ROWS, dataset="iris"):
    """A trials frame in which ``correct`` maps a variant to its correct test rows by seed from 0."""
    rows = []
    for name, counts in correct.items():
        for seed, count in enumerate(counts):
            rows.append(
                {
                    "key": f"{dataset}-{name}-{seed}",
                    "dataset": dataset,
                    "variant": name,
                    "label": name.title(),
                    "control": None,
                    "seed": seed,
                    "status": "done",
                    "n_train": n_train,
                    "n_val": n_test,
                    "n_test": n_test,
                    "best_epoch": 2,
                    "seconds": 1.5,
                    "last_test_correct": float(count),
                    "last_test_accuracy": float(np.float32(count / n_test)),
                    "last_train_accuracy": 0.99,
                    "last_val_accuracy": 0.95,
                    "last_train_cross_entropy": 0.1 + 0.001 * seed + 0.01 * len(name),
                    "last_test_cross_entropy": 0.3 - 0.002 * count,
                }
            )
    return pd.DataFrame(rows)


def make_histories(correct, *, epochs=3, dataset="iris"):
    """A histories frame with every column, as float32."""
    rows = [
        {"key": f"{dataset}-{name}-{seed}", "dataset": dataset, "variant": name, "seed": seed, "epoch": epoch}
        | dict.fromkeys(HISTORY_COLUMNS, np.float32(seed + epoch))
        for name, counts in correct.items()
        for seed in range(len(counts))
        for epoch in range(1, epochs + 1)
    ]
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys(HISTORY_COLUMNS, np.float32))
