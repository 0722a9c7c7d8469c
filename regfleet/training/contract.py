"""What both engines take and give: a compiled Keras model, its rows and settings in; a course of training out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import numpy as np
    import tensorflow as tf

    from regfleet.records import Rows, Training

    RowMetric = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. Batches hold ``batch_size`` rows, the last of an epoch what remains.

    ``patience`` epochs without a lower validation cross-entropy end the fit; None: never. Without ``shuffle`` the rows
    keep their order.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    shuffle: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where a fit begins: the values of ``model.variables``, the training and validation rows, the order's key."""

    values: Sequence[np.ndarray]
    train: Rows
    validation: Rows
    order_key: int


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How a fit went.

    ``history``: float32 (epochs run, 12), its columns `records.HISTORY_COLUMNS`. ``last`` and ``best`` are values of
    ``model.variables`` after the fit and after ``best_epoch`` (from 1). ``diverged_at``: as in `records.Fit`.
    """

    history: np.ndarray
    last: list[np.ndarray]
    best: list[np.ndarray]
    best_epoch: int
    diverged_at: int | None


def compile_model(model: keras.Model, training: Training) -> None:
    """Compile ``model`` for one-hot classes with the optimizer of ``training`` and the metrics of a history."""
    import keras

    rate = {} if training.learning_rate is None else {"learning_rate": training.learning_rate}
    optimizer = keras.optimizers.get({"class_name": training.optimizer, "config": rate})
    cross_entropy = keras.metrics.CategoricalCrossentropy(name="cross_entropy")
    model.compile(optimizer, "categorical_crossentropy", metrics=[cross_entropy, "accuracy", "mse"])


def row_metrics() -> tuple[RowMetric, ...]:
    """Cross-entropy, accuracy and squared error of each row (y, predicted) → (rows,): what Keras' metrics average."""
    import keras

    return (
        keras.losses.categorical_crossentropy,
        keras.metrics.categorical_accuracy,
        keras.losses.mean_squared_error,
    )


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Set each of ``variables`` to its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.value.assign(value, read_value=False)
