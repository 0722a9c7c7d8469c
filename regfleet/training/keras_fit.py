"""The reference engine: `model.fit`, given the permutations and watched by a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.training.contract import Course, assign, permutation, steps_itself

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import keras
    import numpy as np
    import tensorflow as tf

    from regfleet.training.contract import RowMetric, Settings, Start


def train(
    model: keras.Model, settings: Settings, start: Start, metrics: Mapping[str, RowMetric] | None = None
) -> Course:
    """Fit the compiled ``model``, whose optimizer is new, from ``start``; leaves it with the last weights.

    ``metrics``, by name, are measured here where a train_step of the model's own does not.
    """
    from regfleet.models.texts import tensor

    assign(model.variables, start.values)
    watch = _watch(settings, start, metrics or {})
    rows = len(start.train.x)
    model.fit(
        _batches(settings, start),
        epochs=settings.epochs,
        steps_per_epoch=-(-rows // settings.batch_size),
        validation_data=(tensor(start.validation.x), start.validation.y),
        validation_batch_size=len(start.validation.x),
        callbacks=[watch],
        shuffle=False,
        verbose=0,
    )
    course: Course = watch.course()
    return course


def _batches(settings: Settings, start: Start) -> tf.data.Dataset:
    """All batches of all epochs, one after the other: (x, y), or (x, y, weight) where rows have weights."""
    import numpy as np
    import tensorflow as tf

    parts = (start.train.x, start.train.y) + (() if start.weight is None else (start.weight,))
    rows = len(start.train.x)

    def generate() -> Iterator[tuple[np.ndarray, ...]]:
        for epoch in range(settings.epochs):
            order = np.arange(rows)
            if settings.shuffle:
                order = permutation(start.order_key, epoch, rows).numpy()
            for first in range(0, rows, settings.batch_size):
                batch = order[first : first + settings.batch_size]
                yield tuple(part[batch] for part in parts)

    spec = tuple(tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype)) for part in parts)
    return tf.data.Dataset.from_generator(generate, output_signature=spec)


def _watch(settings: Settings, start: Start, metrics: Mapping[str, RowMetric]) -> Any:
    """The callback that completes the history, keeps the best weights and ends the fit."""
    import keras
    import numpy as np

    from regfleet.models.texts import tensor

    x = tensor(start.train.x)

    class Watch(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.history: list[list[float]] = []
            self.best: list[np.ndarray] = []
            self.lowest = np.inf
            self.best_epoch = 1
            self.diverged_at: int | None = None

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            seen = dict(logs or {})
            inference = self.model.test_on_batch(x, start.train.y, return_dict=True)
            seen |= {f"train_{name}": value for name, value in inference.items()}
            seen |= _measured(self.model, start, metrics)
            seen = {name: seen[f"train_{name}"] for name in metrics} | seen
            self.history.append([seen[column] for column in settings.columns])
            if not np.isfinite([seen["loss"], seen["val_loss"]]).all():
                self.diverged_at = epoch + 1
                self.model.stop_training = True
            elif seen[settings.monitor] < self.lowest:
                self.lowest, self.best_epoch = seen[settings.monitor], epoch + 1
                self.best = self.values()
            elif settings.patience is not None and epoch + 1 - self.best_epoch >= settings.patience:
                self.model.stop_training = True
            self.best = self.best or self.values()

        def values(self) -> list[np.ndarray]:
            return [variable.numpy() for variable in self.model.variables]

        def course(self) -> Course:
            history = np.array(self.history, np.float32)
            return Course(history, self.values(), self.best, self.best_epoch, self.diverged_at)

    return Watch()


def _measured(model: keras.Model, start: Start, metrics: Mapping[str, RowMetric]) -> dict[str, float]:
    """The inference columns of a history for a model that trains in a way of its own, and may report what it likes."""
    import numpy as np

    from regfleet.models.texts import tensor

    measured: dict[str, float] = {}
    if not steps_itself(model):
        return measured
    for rows, part in (("train_", start.train), ("val_", start.validation)):
        predicted = model(tensor(part.x), training=False)
        loss = model.compute_loss(x=part.x, y=part.y, y_pred=predicted, training=False)
        measured[f"{rows}loss"] = float(loss)
        measured |= {rows + name: float(np.mean(metric(part.y, predicted))) for name, metric in metrics.items()}
    return measured
