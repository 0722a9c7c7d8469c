"""The fast engine: all epochs of a fit in one traced function, for any model that `model.fit` takes.

`model.fit` spends nearly all its time between operations, in Python. Keras layers, losses and optimizers trace into a
graph as they are; what remains here is Keras' own training step, the loop over epochs around it, and the bookkeeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from regfleet.training.contract import Course, assign
from regfleet.training.order import permutation
from regfleet.training.rules import no_gradients_kept, same_in_training
from regfleet.training.steps import Steps, epoch_of_updates

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

    Nothing of a seed is in the trace: initial values, optimizer slots and noise states are assigned before it runs,
    rows and order are its arguments.
    """

    def __init__(self, model: keras.Model, metrics: tuple[RowMetric, ...], settings: Settings, *, xla: bool) -> None:
        import tensorflow as tf

        self.model = model
        self._settings = settings
        self._steps = Steps(model, metrics)
        model.optimizer.build(model.trainable_variables)
        self._slots = [variable.numpy() for variable in model.optimizer.variables]
        values = [variable.numpy() for variable in model.variables]
        self._best = [tf.Variable(value, trainable=False) for value in values]
        self.held_bytes = sum(array.nbytes for array in (*values, *values, *self._slots))
        self._lags = False
        self._use(xla=xla)

    def _use(self, *, xla: bool) -> None:
        import tensorflow as tf

        self._xla = xla
        self.execution = "xla" if xla else "graph"
        self._fit = tf.function(self._whole_fit, autograph=False, jit_compile=xla)

    def trace(self, start: Start) -> None:
        """Trace and compile the fit for rows of the shapes in ``start``: what cannot be traced fails here.

        Raises:
            Exception: whatever the model's layers, loss or optimizer raise.
        """
        import tensorflow as tf

        rows = tf.TensorSpec((None, *start.train.x.shape[1:]), start.train.x.dtype)
        self._infer = tf.function(self._steps.infer, (rows,), autograph=False)
        with no_gradients_kept():
            try:
                self._run(start, epochs=0)
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
                if not self._xla:
                    raise
                self._use(xla=False)  # XLA cannot compile every operation that a graph can run
                self._run(start, epochs=0)

    def run(self, start: Start) -> Course:
        """Train from ``start``, whatever ran before; leaves the model with the last weights."""
        end, judged = self._run(start, self._settings.epochs)
        history = end.history.numpy()[: int(end.epoch)]
        if self._lags:
            width = len(self._settings.metrics)
            history[:-1, width : 2 * width] = history[1:, :width]
            history[-1, width : 2 * width] = judged.numpy()
        return Course(
            history=history,
            last=[variable.numpy() for variable in self.model.variables],
            best=[variable.numpy() for variable in self._best],
            best_epoch=int(end.best_epoch),
            diverged_at=int(end.diverged_at) or None,
        )

    def _run(self, start: Start, epochs: int) -> tuple[Progress, Any]:
        import tensorflow as tf

        assign(self.model.variables, start.values)
        assign(self.model.optimizer.variables, self._slots)
        end: tuple[Progress, Any] = self._fit(
            tf.constant(epochs), tf.constant(start.order_key), *map(tf.constant, start.rows)
        )
        return end

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The model's output for ``x`` in inference mode."""
        import tensorflow as tf

        predicted: np.ndarray = self._infer(tf.constant(x))[0].numpy()
        return predicted

    def _whole_fit(
        self, epochs: Any, key: Any, x: Any, y: Any, x_val: Any, y_val: Any, weight: Any = None
    ) -> tuple[Progress, Any]:
        """The course and, where the training rows' evaluation lags, the one of the last weights."""
        import tensorflow as tf

        # With one batch an epoch, in a model that is the same in training, the next epoch's forward pass is this one's
        # evaluation of the training rows: the history is completed with it afterwards. Evaluation does not weigh rows.
        rows = x.shape[0]
        one_batch = rows <= self._settings.batch_size
        self._lags = one_batch and weight is None and same_in_training(self.model)

        def update_on(batch: Any) -> Any:
            """One update on the rows numbered ``batch``."""
            return self._update(*(None if part is None else tf.gather(part, batch) for part in (x, y, weight)))

        both = tf.concat([x, x_val], axis=0)

        def epoch(progress: Progress) -> tuple[Progress]:
            order = permutation(key, progress.epoch, rows) if self._settings.shuffle else tf.range(rows)
            totals = tf.zeros(self._steps.width)
            seen = epoch_of_updates(order, self._settings.batch_size, update_on, totals, static=self._xla)
            if self._lags:
                row = [seen, tf.zeros_like(seen), *self._evaluate(x_val, (x_val, y_val))]
            else:
                row = [seen, *self._evaluate(both, (x, y), (x_val, y_val))]
            return (self._judge(progress, tf.concat(row, axis=0), epochs),)

        zero = tf.constant(0)
        history = tf.TensorArray(tf.float32, self._settings.epochs, element_shape=(len(self._settings.columns),))
        begin = Progress(zero, epochs > 0, history, tf.constant(float("inf")), zero, zero)
        (end,) = tf.while_loop(lambda progress: progress.running, epoch, (begin,))
        (judged,) = self._evaluate(x, (x, y)) if self._lags else (None,)
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return end._replace(history=end.history.stack()), judged

    def _update(self, x: Any, y: Any, weight: Any) -> Any:
        """Keras' training step; returns the measurement of the batch times its rows."""
        import tensorflow as tf

        model, optimizer = self.model, self.model.optimizer
        with tf.GradientTape() as tape:
            loss, measured = self._steps.loss(x, y, weight)
            scaled = optimizer.scale_loss(loss)
        optimizer.apply(tape.gradient(scaled, model.trainable_weights), model.trainable_weights)
        return measured

    def _evaluate(self, both: Any, *parts: tuple[Any, Any]) -> list[Any]:
        return self._steps.evaluate(self._infer, both, *parts)

    def _judge(self, progress: Progress, row: Any, epochs: Any) -> Progress:
        """Note the epoch's ``row``, keep the weights if they are the best yet, and say whether to go on."""
        import tensorflow as tf

        epoch = progress.epoch + 1
        column = dict(zip(self._settings.columns, tf.unstack(row), strict=True))
        finite = tf.math.is_finite(column["loss"] + column["val_loss"])
        current = column[self._settings.monitor]
        improved = (finite & (current < progress.lowest)) | (epoch == 1)

        def keep() -> Any:
            for best, variable in zip(self._best, self.model.variables, strict=True):
                best.assign(variable.value)
            return True

        tf.cond(improved, keep, lambda: False)
        best_epoch = tf.where(improved, epoch, progress.best_epoch)
        running = finite & (epoch < epochs)
        if self._settings.patience is not None:
            running &= improved | (epoch - best_epoch < self._settings.patience)
        return Progress(
            epoch,
            running,
            progress.history.write(progress.epoch, row),
            tf.where(improved, current, progress.lowest),
            best_epoch,
            tf.where(finite, 0, epoch),
        )
