"""The reference engine: `model.fit`, given the permutations and watched by a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.techniques.recipe import Batch, Length
from regfleet.training.averaging import Averaging, statistics_taken_whole
from regfleet.training.contract import Course, assign, permutation, steps_itself
from regfleet.training.descent import Plain, descender

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
    watch = _watch(settings, start, {} if not steps_itself(model) else metrics or {})
    if settings.steps:
        _take_steps(model, settings, start)
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
        update = 0
        for epoch in range(settings.epochs):
            order = np.arange(rows)
            if settings.shuffle:
                order = permutation(start.order_key, epoch, rows).numpy()
            for first in range(0, rows, settings.batch_size):
                chosen = order[first : first + settings.batch_size]
                given = tuple(part[chosen] for part in parts)
                yield _changed(given, settings, start, chosen, update) if settings.batches else given
                update += 1

    spec = tuple(tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype)) for part in parts)
    return tf.data.Dataset.from_generator(generate, output_signature=spec)


def _changed(given: tuple[Any, ...], settings: Settings, start: Start, chosen: Any, update: int) -> tuple[Any, ...]:
    """The rows of an update as techniques change them."""
    import tensorflow as tf

    x, y, *weight = map(tf.constant, given)
    rows, key, number = (tf.constant(each, tf.int32) for each in (chosen, start.order_key, update))
    batch = Batch(x, y, weight[0] if weight else None, rows, key, number, len(start.train.x))
    for change in settings.batches:
        batch = change(batch)
    changed: tuple[Any, ...] = batch[: len(given)]
    return tuple(part.numpy() for part in changed)


def _take_steps(model: keras.Model, settings: Settings, start: Start) -> None:
    """Let `model.fit` take its gradients as techniques want them."""
    import keras
    import tensorflow as tf

    from regfleet.borrowed.keras import measured_step

    found = descender(Plain(model), settings.steps)

    def train_step(model: keras.Model, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        update = tf.cast(model.optimizer.iterations, tf.int32)
        descent = found.of(
            Batch(x, y, weight, tf.range(tf.shape(x)[0]), tf.constant(start.order_key), update, len(start.train.x))
        )
        model.optimizer.apply_gradients(zip(descent.gradients, model.trainable_weights, strict=True))
        return measured_step(model, descent, x, weight)

    kind = type(model)
    model.__class__ = type(kind.__name__, (kind,), {"train_step": train_step})


def _watch(settings: Settings, start: Start, metrics: Mapping[str, RowMetric]) -> Any:
    """The callback that completes the history, keeps the best weights and ends the fit."""
    import keras
    import numpy as np
    import tensorflow as tf

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
            self.snapshots: list[list[np.ndarray]] = []
            self.averaging = Averaging(settings.average, ())
            self.updates = 0

        def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002
            self.averaging.attach(self.model.trainable_variables, self.model.variables)
            self.averaging.begin(Length(settings.epochs, -(-len(x) // settings.batch_size)))

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.updates += 1
            self.averaging.after("update", tf.constant(self.updates))

        def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002
            if self.averaging.active:
                epoch = self.updates // -(-len(x) // settings.batch_size)
                self.averaging.after("epoch", tf.constant(epoch))
                self.trained = self.values()
                self.averaging.show(self.renew)

        def renew(self) -> None:
            with statistics_taken_whole(self.model) as any_taken:
                if any_taken:
                    self.model(x, training=True)

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            seen = dict(logs or {})
            inference = self.model.test_on_batch(x, start.train.y, return_dict=True)
            seen |= {f"train_{name}": value for name, value in inference.items()}
            seen |= _measured(self.model, start, metrics) if metrics else {}
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
            if epoch + 1 in settings.snapshots:
                self.snapshots.append(self.values())
            self.last = self.values()
            if self.averaging.active:
                assign(self.model.variables, self.trained)

        def values(self) -> list[np.ndarray]:
            return [variable.numpy() for variable in self.model.variables]

        def course(self) -> Course:
            history = np.array(self.history, np.float32)
            last = self.last if self.averaging.active else self.values()
            return Course(history, last, self.best, self.best_epoch, self.diverged_at, self.snapshots)

    return Watch()


def _measured(model: keras.Model, start: Start, metrics: Mapping[str, RowMetric]) -> dict[str, float]:
    """The inference columns of a history for a model that trains in a way of its own, and may report what it likes."""
    import numpy as np

    from regfleet.models.texts import tensor

    measured: dict[str, float] = {}
    for rows, part in (("train_", start.train), ("val_", start.validation)):
        predicted = model(tensor(part.x), training=False)
        loss = model.compute_loss(x=part.x, y=part.y, y_pred=predicted, training=False)
        measured[f"{rows}loss"] = float(loss)
        measured |= {rows + name: float(np.mean(metric(part.y, predicted))) for name, metric in metrics.items()}
    return measured
