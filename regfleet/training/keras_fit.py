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
    watch = _Watch(model, settings, start, {} if not steps_itself(model) else metrics or {})
    if settings.steps:
        _take_steps(model, settings, start)
    rows = len(start.train.x)
    model.fit(
        _batches(settings, start),
        epochs=settings.epochs,
        steps_per_epoch=-(-rows // settings.batch_size),
        validation_data=(tensor(start.validation.x), start.validation.y),
        validation_batch_size=len(start.validation.x),
        callbacks=[watch.callback()],
        shuffle=False,
        verbose=0,
    )
    return watch.course()


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
                yield _changed(given, settings, chosen, start.order_key, update) if settings.batches else given
                update += 1

    spec = tuple(tf.TensorSpec((None, *part.shape[1:]), tf.as_dtype(part.dtype)) for part in parts)
    return tf.data.Dataset.from_generator(generate, output_signature=spec)


def _changed(given: tuple[Any, ...], settings: Settings, chosen: Any, key: int, update: int) -> tuple[Any, ...]:
    """The rows of an update as techniques change them."""
    import tensorflow as tf

    x, y, *weight = map(tf.constant, given)
    rows, key, update = (tf.constant(each, tf.int32) for each in (chosen, key, update))
    batch = Batch(x, y, weight[0] if weight else None, rows, key, update)
    for change in settings.batches:
        batch = change(batch)
    return tuple(part.numpy() for part in (batch.x, batch.y, batch.weight) if part is not None)


def _take_steps(model: keras.Model, settings: Settings, start: Start) -> None:
    """Let `model.fit` take its gradients as techniques want them."""
    import keras
    import tensorflow as tf

    from regfleet.borrowed.keras import measured_step

    found = descender(Plain(model), settings.steps)
    update = tf.Variable(-1, dtype=tf.int32)  # an optimizer counts no update that it leaves out

    def train_step(model: keras.Model, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        rows, key = tf.range(tf.shape(x)[0]), tf.constant(start.order_key)
        descent = found.of(Batch(x, y, weight, rows, key, update.assign_add(1)))
        model.optimizer.apply_gradients(zip(descent.gradients, model.trainable_weights, strict=True))
        return measured_step(model, descent, x, weight)

    kind = type(model)
    model.__class__ = type(kind.__name__, (kind,), {"train_step": train_step})


class _Watch:
    """What completes the history of a fit of ``model``, keeps its best weights and ends it, in Keras' callbacks."""

    def __init__(self, model: keras.Model, settings: Settings, start: Start, metrics: Mapping[str, RowMetric]) -> None:
        from regfleet.models.texts import tensor

        self.model, self._settings, self._start, self._metrics = model, settings, start, metrics
        self._x = tensor(start.train.x)
        self._history: list[list[float]] = []
        self._lowest, self._best_epoch = float("inf"), 1
        self._diverged_at: int | None = None
        self._best: list[np.ndarray] = []
        self._last: list[np.ndarray] = []
        self._snapshots: list[list[np.ndarray]] = []
        self._averaging = Averaging(settings.average, ())
        self._averaging.attach(model.trainable_variables, model.variables)
        self._updates, self._updates_of_epoch = 0, -(-len(start.train.x) // settings.batch_size)
        self._averaging.begin(Length(settings.epochs, self._updates_of_epoch))

    def callback(self) -> keras.callbacks.Callback:
        """The callback to give to `model.fit`."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_batch_end=self._updated,
            on_epoch_end=self._judge,
            on_test_begin=self._show_average,  # the validation of an epoch comes before its end
        )

    def course(self) -> Course:
        """How the fit went."""
        import numpy as np

        history = np.array(self._history, np.float32)
        last = self._last if self._averaging.active else self._values()  # an optimizer may finish with an average
        return Course(history, last, self._best, self._best_epoch, self._diverged_at, self._snapshots)

    def _updated(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras gives them by name
        import tensorflow as tf

        self._updates += 1
        self._averaging.after("update", tf.constant(self._updates))

    def _show_average(self, logs: Any = None) -> None:  # noqa: ARG002 - the same
        import tensorflow as tf

        if self._averaging.active:
            self._averaging.after("epoch", tf.constant(self._updates // self._updates_of_epoch))
            self._trained = self._values()
            self._averaging.show(self._renew)

    def _renew(self) -> None:
        with statistics_taken_whole(self.model) as any_taken:
            if any_taken:
                self.model(self._x, training=True)

    def _judge(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        import numpy as np

        settings = self._settings
        seen = self._measured(logs or {})
        self._history.append([seen[column] for column in settings.columns])
        self._last = self._values()
        if not np.isfinite([seen["loss"], seen["val_loss"]]).all():
            self._diverged_at = epoch + 1
            self.model.stop_training = True
        elif seen[settings.monitor] < self._lowest:
            self._lowest, self._best_epoch = seen[settings.monitor], epoch + 1
            self._best = self._last
        elif settings.patience is not None and epoch + 1 - self._best_epoch >= settings.patience:
            self.model.stop_training = True
        self._best = self._best or self._last
        if epoch + 1 in settings.snapshots:
            self._snapshots.append(self._last)
        if self._averaging.active:
            assign(self.model.variables, self._trained)

    def _measured(self, logs: dict[str, float]) -> dict[str, float]:
        """The row of a history."""
        inference = self.model.test_on_batch(self._x, self._start.train.y, return_dict=True)
        seen = logs | {f"train_{name}": value for name, value in inference.items()}
        if self._metrics:
            seen |= _measured(self.model, self._start, self._metrics)
            seen = {name: seen[f"train_{name}"] for name in self._metrics} | seen
        return seen

    def _values(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.model.variables]


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
