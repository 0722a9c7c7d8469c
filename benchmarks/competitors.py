"""The article's networks trained by `model.fit` on Ray, as one writes it without regfleet; `speed.py` runs this.

    python benchmarks/competitors.py tasks|tune EPOCHS FILE

Four of the nine variants, one seed. ``tasks``: one Ray task for each fit, workers reused. ``tune``: Ray Tune's grid
with reused actors (needs `pip install 'ray[tune]'`). Both have one TensorFlow thread for each task. Nothing of regfleet
is used, and no more is computed than `model.fit` reports: no training metrics in inference mode, no best weights.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

VARIANTS = ("none", "l2 all", "dropout four", "batchnorm all")
ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}


def network(variant: str) -> Any:
    """The article's network with the technique of ``variant``, compiled."""
    from keras import Sequential, layers

    model = Sequential([layers.Input((4,))])
    for width, activation, rate in zip(
        (512, 256, 128, 64, 32), ["tanh"] * 4 + ["relu"], (0.5, 0.5, 0.5, 0.3, 0), strict=True
    ):
        model.add(layers.Dense(width, activation, kernel_regularizer="l2" if variant == "l2 all" else None))
        if variant == "dropout four" and rate:
            model.add(layers.Dropout(rate))
        if variant == "batchnorm all":
            model.add(layers.BatchNormalization())
    model.add(layers.Dense(3, "softmax"))
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mse"])
    return model


def rows(seed: int) -> list[tuple[Any, Any]]:
    """Training, validation and test rows of Iris, 60/20/20, stratified, standardised on the training rows."""
    import numpy as np
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    x, target = load_iris(return_X_y=True)
    y = np.eye(3, dtype="float32")[target]
    x, x_rest, y, y_rest = train_test_split(x, y, test_size=0.4, stratify=target, random_state=seed)
    x_val, x_test, y_val, y_test = train_test_split(x_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed)
    mean, sd = x.mean(axis=0), x.std(axis=0)
    return [((part - mean) / sd, truth) for part, truth in ((x, y), (x_val, y_val), (x_test, y_test))]


def fit(variant: str, seed: int, epochs: int) -> dict[str, Any]:
    """Train one variant; returns its test accuracy and what it took, TensorFlow's import apart."""
    import keras

    started, cpu = time.perf_counter(), time.process_time()
    keras.utils.set_random_seed(seed)
    train, validation, test = rows(seed)
    model = network(variant)
    batch_size = 32 if variant == "batchnorm all" else 128
    model.fit(*train, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0)
    accuracy = model.evaluate(*test, verbose=0)[1]
    seconds = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    return {"variant": variant, "seed": seed, "accuracy": float(accuracy)} | seconds


def with_tasks(epochs: int) -> list[dict[str, Any]]:
    """One Ray task for each fit."""
    import ray

    task = ray.remote(num_cpus=1)(fit)
    return list(ray.get([task.remote(variant, 0, epochs) for variant in VARIANTS]))


def with_tune(epochs: int) -> list[dict[str, Any]]:
    """Ray Tune's grid, its actors reused."""
    from ray import tune

    class Fit(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.chosen = config

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.chosen = new_config
            return True

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing of a finished fit is kept."""

        def step(self) -> dict[str, Any]:
            return fit(self.chosen["variant"], self.chosen["seed"], epochs) | {"done": True}

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(Fit, {"cpu": 1}),
            param_space={"variant": tune.grid_search(list(VARIANTS)), "seed": tune.grid_search([0])},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        kept = ("variant", "seed", "accuracy", "seconds", "cpu_seconds")
        return [{name: result.metrics[name] for name in kept} for result in tuner.fit()]


def main() -> None:
    """Train with Ray tasks or Ray Tune and write each fit's figures to a file."""
    how, epochs, file = sys.argv[1:]
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"} | ONE_THREAD
    import ray

    ray.init(address="local", include_dashboard=False, runtime_env={"env_vars": ONE_THREAD}, logging_level="ERROR")
    fits = {"tasks": with_tasks, "tune": with_tune}[how](int(epochs))
    Path(file).write_text(json.dumps(fits))


if __name__ == "__main__":
    main()
