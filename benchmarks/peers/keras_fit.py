"""The networks by `model.fit` in a Ray task that reuses its worker, one thread; no more is computed than it reports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cases import COLUMNS, serve, timed

if TYPE_CHECKING:
    from cases import Case, Rows

ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONPATH": str(Path(__file__).resolve().parent),
}


def network(case: Case, shape: tuple[int, ...], outputs: int) -> Any:
    """The network of a case."""
    from keras import Sequential, layers, regularizers

    model = Sequential([layers.Input(shape)])
    if case.kind == "cnn":
        for filters in (16, 32):
            model.add(layers.Conv2D(filters, 3, activation="relu"))
            model.add(layers.MaxPooling2D())
        model.add(layers.Flatten())
    elif case.kind == "lstm":
        model.add(layers.LSTM(64))
    else:
        for number, (width, activation) in enumerate(zip(case.hidden, case.activations, strict=True)):
            (l1, first), (l2, second) = case.l1, case.l2
            penalty = regularizers.L1(l1) if number < first else regularizers.L2(l2) if number < second else None
            model.add(layers.Dense(width, activation, kernel_regularizer=penalty))
            if number < len(case.dropout):
                model.add(layers.Dropout(case.dropout[number]))
            if number + 1 in case.norm:
                model.add(layers.BatchNormalization())
    model.add(layers.Dense(outputs, "softmax"))
    return model


def fit(case: Case, rows: Rows, seed: int, epochs: int) -> np.ndarray:
    """Train from ``seed``."""
    import keras

    keras.utils.set_random_seed(seed)
    x, y, x_val, y_val = rows
    model = network(case, x.shape[1:], y.shape[1])
    entropy = keras.metrics.CategoricalCrossentropy(name="cross_entropy")
    model.compile("adam" if case.adam else "sgd", "categorical_crossentropy", metrics=[entropy, "accuracy", "mse"])
    seen = model.fit(x, y, case.batch, epochs, verbose=0, validation_data=(x_val, y_val)).history
    nothing = [[np.nan] * epochs] * len(COLUMNS)
    return np.array([*(seen[name] for name in COLUMNS), *nothing, *(seen[f"val_{name}"] for name in COLUMNS)]).T


def main() -> None:
    """Serve by a Ray of one worker."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"} | ONE_THREAD
    import ray

    ray.init("local", num_cpus=1, include_dashboard=False, runtime_env={"env_vars": ONE_THREAD}, logging_level="ERROR")
    task = ray.remote(num_cpus=1)(timed)
    serve(fit, lambda *given: ray.get(task.remote(*given)))


if __name__ == "__main__":
    main()
