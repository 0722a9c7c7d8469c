"""The fast engine: all epochs of a fit in one traced function, for any model, loss and optimizer that `model.fit` takes.

`model.fit` spends nearly all its time between operations, in Python. Keras layers, losses and optimizers trace into a
graph as they are; what remains here is Keras' own training step, the loop over epochs around it, and the bookkeeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from regfleet.records import HISTORY_COLUMNS
from regfleet.training.contract import Course
from regfleet.training.order import permutation

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from regfleet.training.contract import RowMetric, Settings, Start


class Progress(NamedTuple):
    """What the loop over epochs carries. ``epoch``, ``best_epoch`` and ``diverged_at`` count from 1; 0 is none yet."""

    epoch: tf.Tensor
    running: tf.Tensor
    history: tf.TensorArray
    lowest: tf.Tensor
    best_epoch: tf.Tensor
    diverged_at: tf.Tensor


class Program:
    """A traced fit of a compiled model: one trace for all seeds whose rows have the same shapes.

    Seed, rows, initial values, optimizer slots and noise states are arguments of the trace.
    """

    def __init__(self, model: keras.Model, metrics: tuple[RowMetric, ...], settings: Settings, *, xla: bool) -> None:
        import tensorflow as tf

        self.model = model
        self.settings = settings
        self._metrics = metrics
        model.optimizer.build(model.trainable_variables)
        self._slots = [variable.numpy() for variable in model.optimizer.variables]
        self._best = [tf.Variable(variable.numpy(), trainable=False) for variable in model.variables]
        self._fit = tf.function(self._whole_fit, autograph=False, jit_compile=xla)
        self._infer = tf.function(self._inference, autograph=False, reduce_retracing=True)
        self.execution = "xla" if xla else "graph"

    def trace(self, start: Start) -> None:
        """Trace the fit for rows of the shapes in ``start``, so that what cannot be traced fails here."""
        self._fit.get_concrete_function(*self._arguments(start))

    def run(self, start: Start) -> Course:
        """Train from ``start``; the result depends on nothing that ran before."""
        progress, last, best = self._fit(*self._arguments(start))
        return Course(
            history=progress.history.numpy()[: int(progress.epoch)],
            last=[value.numpy() for value in last],
            best=[value.numpy() for value in best],
            best_epoch=int(progress.best_epoch),
            diverged_at=int(progress.diverged_at) or None,
        )

    def predict(self, values: list[np.ndarray], x: np.ndarray) -> np.ndarray:
        """The model's output for ``x`` in inference mode with ``values`` of its variables."""
        for variable, value in zip(self.model.variables, values, strict=True):
            variable.assign(value)
        predicted: np.ndarray = self._infer(x).numpy()
        return predicted

    def _inference(self, x: Any) -> Any:
        return self.model(x, training=False)

    def _arguments(self, start: Start) -> Any:
        import tensorflow as tf

        rows = (start.train.x, start.train.y, start.validation.x, start.validation.y)
        arguments = (list(start.values), self._slots, tf.constant(start.order_key, tf.int32), *rows)
        return tf.nest.map_structure(tf.convert_to_tensor, arguments)

    def _whole_fit(
        self, values: list[Any], slots: list[Any], key: Any, x: Any, y: Any, x_val: Any, y_val: Any
    ) -> tuple[Progress, list[Any], list[Any]]:
        import tensorflow as tf

        for variable, value in zip(self.model.variables, values, strict=True):
            variable.assign(value)
        for variable, value in zip(self.model.optimizer.variables, slots, strict=True):
            variable.assign(value)

        def epoch(progress: Progress) -> tuple[Progress]:
            seen = self._epoch(progress.epoch, key, x, y)
            row = tf.concat([seen, self._evaluate(x, y), self._evaluate(x_val, y_val)], axis=0)
            return (self._judge(progress, row),)

        zero = tf.constant(0)
        history = tf.TensorArray(tf.float32, self.settings.epochs, element_shape=(len(HISTORY_COLUMNS),))
        begin = Progress(zero, tf.constant(value=True), history, tf.constant(float("inf")), zero, zero)
        (end,) = tf.while_loop(lambda progress: progress.running, epoch, (begin,))
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        last = [variable.value.read_value() for variable in self.model.variables]
        return end._replace(history=end.history.stack()), last, [variable.read_value() for variable in self._best]

    def _epoch(self, epoch: Any, key: Any, x: Any, y: Any) -> Any:
        """All updates of one epoch; returns loss and metrics averaged over its rows, as they were before each update."""
        import tensorflow as tf

        rows, size = x.shape[0], self.settings.batch_size
        order = permutation(key, epoch, rows) if self.settings.shuffle else tf.range(rows)
        full, rest = divmod(rows, size)

        def update(index: Any, totals: Any) -> tuple[Any, Any]:
            batch = tf.slice(order, [index * size], [size])
            return index + 1, totals + self._update(tf.gather(x, batch), tf.gather(y, batch))

        totals = tf.zeros(1 + len(self._metrics))
        if full == 1:
            totals = update(0, totals)[1]
        elif full:
            _, totals = tf.while_loop(lambda index, _: index < full, update, (tf.constant(0), totals))
        if rest:
            batch = order[rows - rest :]
            totals += self._update(tf.gather(x, batch), tf.gather(y, batch))
        return totals / rows

    def _update(self, x: Any, y: Any) -> Any:
        """Keras' training step; returns loss and metrics of the batch times its rows."""
        import tensorflow as tf

        model, optimizer = self.model, self.model.optimizer
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply(tape.gradient(scaled, model.trainable_weights), model.trainable_weights)
        return tf.stack([loss, *self._means(y, predicted)]) * x.shape[0]

    def _evaluate(self, x: Any, y: Any) -> Any:
        """Loss and metrics in inference mode, over all rows."""
        import tensorflow as tf

        predicted = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return tf.stack([loss, *self._means(y, predicted)])

    def _means(self, y: Any, predicted: Any) -> list[Any]:
        import tensorflow as tf

        return [tf.reduce_mean(tf.cast(metric(y, predicted), tf.float32)) for metric in self._metrics]

    def _judge(self, progress: Progress, row: Any) -> Progress:
        """Note the epoch's ``row``, keep the weights if they are the best yet, and say whether to go on."""
        import tensorflow as tf

        epoch = progress.epoch + 1
        column = {name: row[index] for index, name in enumerate(HISTORY_COLUMNS)}
        finite = tf.math.is_finite(column["loss"] + column["train_loss"] + column["val_loss"])
        current = column["val_cross_entropy"]
        improved = (finite & (current < progress.lowest)) | (epoch == 1)

        def keep() -> Any:
            for best, variable in zip(self._best, self.model.variables, strict=True):
                best.assign(variable.value)
            return tf.constant(0)

        tf.cond(improved, keep, lambda: tf.constant(0))
        best_epoch = tf.where(improved, epoch, progress.best_epoch)
        running = finite & (epoch < self.settings.epochs)
        if self.settings.patience is not None:
            running &= improved | (epoch - best_epoch < self.settings.patience)
        return Progress(
            epoch,
            running,
            progress.history.write(progress.epoch, row),
            tf.where(improved, current, progress.lowest),
            best_epoch,
            tf.where(finite, 0, epoch),
        )
