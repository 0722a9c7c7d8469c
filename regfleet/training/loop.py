"""All epochs of a fit in one traced function: what one seed and a stack of seeds share.

`model.fit` spends nearly all its time between operations, in Python. Keras layers, losses and optimizers trace into a
graph as they are; what remains here is the loop over epochs and updates around Keras' own steps, and the bookkeeping.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from regfleet.borrowed.keras import logits_of, with_logits
from regfleet.borrowed.tensorflow import no_gradients_kept
from regfleet.techniques.recipe import Batch, Length
from regfleet.training.averaging import Averaging
from regfleet.training.large import in_parts, is_large
from regfleet.trials import Execution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import tensorflow as tf

    from regfleet.techniques.recipe import Descent
    from regfleet.training.contract import RowMetric, Settings, Start


class Progress(NamedTuple):
    """What the loop over epochs carries: all but ``epoch`` and ``history`` are numbers of shape `Loop.lanes`.

    ``ran``: epochs run, while ``running`` and after. ``best_epoch`` and ``diverged_at`` count from 1; 0 is none yet.
    """

    epoch: tf.Tensor
    running: tf.Tensor
    history: tf.TensorArray
    lowest: tf.Tensor
    ran: tf.Tensor
    best_epoch: tf.Tensor
    diverged_at: tf.Tensor


class Loop(ABC):
    """A traced fit of a compiled model: one trace for all seeds whose rows have the same shapes.

    ``lanes`` is the shape of seeds in one run: () for one, (seeds,) for a stack; orders, rows, weights of rows and
    measurements have it in front. Nothing of a seed is in the trace: initial values, optimizer slots and noise states
    are assigned before it runs, rows and order are its arguments.
    """

    def __init__(
        self,
        model: keras.Model,
        metrics: tuple[RowMetric, ...],
        settings: Settings,
        lanes: tuple[int, ...],
        *,
        xla: bool,
    ) -> None:
        self.model = model
        self.lanes = lanes
        self.held_bytes = 0
        self._settings = settings
        self._steps = Steps(model, metrics)
        self._averaging = Averaging(settings.average, settings.snapshots)
        self._optimizer: keras.optimizers.Optimizer = model.optimizer
        self._slots: list[np.ndarray] = []
        self._use(xla=xla)

    def begins_at(self, rate: float) -> bool:
        """Whether runs begin with this learning rate, and it is no schedule in the graph but may be set before."""
        place = self._rate_place
        return place is not None and bool(self._slots[place] == self._slots[place].dtype.type(rate))

    def set_rate(self, rate: float) -> None:
        """Let runs from now on begin with this learning rate."""
        if (place := self._rate_place) is not None:
            self._slots[place] = np.asarray(rate, self._slots[place].dtype)

    @property
    def _rate_place(self) -> int | None:
        inner = getattr(self._optimizer, "inner_optimizer", self._optimizer)
        variables = self._optimizer.variables
        return next((place for place, one in enumerate(variables) if one is inner.learning_rate), None)

    def _use(self, *, xla: bool) -> None:
        import tensorflow as tf

        self._xla = xla
        self.execution = Execution("xla" if xla else "graph", stacked=bool(self.lanes))
        self._fit = tf.function(self._whole_fit, autograph=False, jit_compile=xla)

    def trace(self, start: Start) -> None:
        """Trace and compile the fit for rows of the shapes in ``start``: what cannot be traced fails here.

        What XLA cannot compile becomes a graph, which can run every operation.

        Raises:
            Exception: whatever the model's layers, loss or optimizer raise.
        """
        import tensorflow as tf

        rows = tf.TensorSpec((None, *start.train.x.shape[1:]), start.train.x.dtype)
        self._infer = tf.function(self._steps.infer, (rows,), autograph=False)
        with no_gradients_kept():
            try:
                self._run([start], epochs=0)
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
                if not self._xla:
                    raise
                self._use(xla=False)
                self._run([start], epochs=0)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The model's output for ``x`` in inference mode."""
        import tensorflow as tf

        predicted: np.ndarray = self._infer(tf.constant(x))[0].numpy()
        return predicted

    @abstractmethod
    def _run(self, starts: Sequence[Start], epochs: int) -> Any:
        """Assign what ``starts`` say and run the traced function for so many epochs."""

    @abstractmethod
    def _orders(self, keys: Any, epoch: Any, rows: int) -> Any:
        """The permutation of each key for ``epoch``."""

    @abstractmethod
    def _update(self, batch: Batch) -> Any:
        """One update on these rows; returns the measurement of the batch times its rows."""

    @abstractmethod
    def _evaluate(self, both: Any, x: Any, y: Any, x_val: Any, y_val: Any) -> list[Any]:
        """The measurements of training and validation rows, in parts that follow one another.

        ``both`` are they together; None where they are large.
        """

    @abstractmethod
    def _renew(self, x: Any) -> None:
        """Take the statistics of batch normalizations anew over the training rows ``x``."""

    @abstractmethod
    def _keep(self, improved: Any, ended: Any) -> None:
        """Copy the values of the seeds that are at their best, and of those that are at their end."""

    def _whole_fit(self, epochs: Any, keys: Any, x: Any, y: Any, x_val: Any, y_val: Any, *weight: Any) -> Any:
        import tensorflow as tf

        axis = len(self.lanes)
        rows = x.shape[axis]
        both = None if is_large(rows) and not axis else tf.concat([x, x_val], axis=axis)
        updates = -(-rows // self._settings.batch_size)
        self._averaging.begin(Length(self._settings.epochs, updates))

        def epoch(progress: Progress) -> tuple[Progress]:
            if self._settings.shuffle:
                order = self._orders(keys, progress.epoch, rows)
            else:
                order = tf.broadcast_to(tf.range(rows), (*self.lanes, rows))
            totals = tf.zeros((*self.lanes, self._steps.width))

            def update_on(chosen: Any, number: Any) -> Any:
                """One update, the ``number``-th of the epoch, on the rows numbered ``chosen``."""
                of_x, of_y, *weigh = (tf.gather(part, chosen, batch_dims=axis) for part in (x, y, *weight))
                update = progress.epoch * updates + number
                batch = Batch(of_x, of_y, weigh[0] if weigh else None, chosen, keys, update, rows)
                measured = self._update(batch)
                self._averaging.after("update", update + 1)
                return measured

            seen = epoch_of_updates(order, self._settings.batch_size, update_on, totals, static=self._xla)
            self._averaging.after("epoch", progress.epoch + 1)
            with self._averaging.shown(lambda: self._renew(x)):
                row = tf.concat([seen, *self._evaluate(both, x, y, x_val, y_val)], axis=-1)
                judged = self._judge(progress, row, epochs)
            return (judged,)

        none = tf.zeros(self.lanes, tf.int32)
        shape = (*self.lanes, len(self._settings.columns))
        history = tf.TensorArray(tf.float32, self._settings.epochs, element_shape=shape)
        lowest = tf.constant(float("inf"), shape=self.lanes)
        begin = Progress(tf.constant(0), none < epochs, history, lowest, none, none, none)
        end: Progress
        (end,) = tf.while_loop(
            lambda progress: tf.reduce_any(progress.running) if self.lanes else progress.running, epoch, (begin,)
        )
        self._averaging.show(lambda: self._renew(x))
        return end._replace(history=end.history.stack())

    def _judge(self, progress: Progress, row: Any, epochs: Any) -> Progress:
        """Note the epoch's ``row``, keep the weights of seeds at their best or their end, and say which go on."""
        import tensorflow as tf

        epoch = progress.epoch + 1
        column = dict(zip(self._settings.columns, tf.unstack(row, axis=-1), strict=True))
        finite = tf.math.is_finite(column["loss"] + column["val_loss"])
        current = column[self._settings.monitor]

        def of_running(mask: Any) -> Any:
            """The seeds of ``mask`` that were not at their end before: one seed alone never is."""
            return progress.running & mask if self.lanes else mask

        improved = of_running((finite & (current < progress.lowest)) | (epoch == 1))
        best_epoch = tf.where(improved, epoch, progress.best_epoch)
        running = of_running(finite & (epoch < epochs))
        if self._settings.patience is not None:
            running &= improved | (epoch - best_epoch < self._settings.patience)
        self._keep(improved, of_running(~running))
        self._averaging.snap(epoch)
        return Progress(
            epoch,
            running,
            progress.history.write(progress.epoch, row),
            tf.where(improved, current, progress.lowest),
            tf.where(progress.running, epoch, progress.ran) if self.lanes else epoch,
            best_epoch,
            tf.where(of_running(~finite), epoch, progress.diverged_at),
        )


class Steps:
    """The loss and the metrics of a compiled model, while it trains and when it is judged.

    Below, a measurement is float32 (1 + metrics,): the loss, then each metric, averaged over rows.
    """

    def __init__(self, model: keras.Model, metrics: tuple[RowMetric, ...]) -> None:
        self.model = model
        self.width = 1 + len(metrics)
        self._metrics = metrics
        self._rows_add_losses = False

    def of_batch(self, descent: Descent) -> Any:
        """The measurement of a batch in training mode, times its rows."""
        import tensorflow as tf

        rows = tf.cast(tf.shape(descent.y)[0], tf.float32)
        return self._measurement(descent.loss, descent.y, descent.predicted) * rows

    def infer(self, x: Any) -> tuple[Any, Any]:
        """The model's output and, for a softmax, the logits that Keras keeps beside it for an exact cross-entropy."""
        predicted = self.model(x, training=False)
        regularizers = sum(weight.regularizer is not None for weight in self.model.trainable_weights)
        self._rows_add_losses = len(self.model.losses) > regularizers
        return predicted, logits_of(predicted)

    def evaluate(self, infer: Callable[[Any], tuple[Any, Any]], both: Any, *parts: tuple[Any, Any]) -> list[Any]:
        """The measurement in inference mode of each of ``parts``, from one pass of ``infer`` over ``both``.

        A layer that adds a loss of its inputs, an activity regularizer say, adds it once a pass and so needs two.
        Where ``both`` is None, rows go through some at a time.
        """
        if both is None:
            return [self._measure_large(infer, x, y) for x, y in parts]
        outputs, logits = infer(both)
        if self._rows_add_losses:
            return [self._measure(x, y, self.model(x, training=False)) for x, y in parts]
        measured, first = [], 0
        for x, y in parts:
            rows = slice(first, first + x.shape[0])
            first = rows.stop
            predicted = outputs[rows]
            if logits is not None:
                predicted = with_logits(predicted, logits[rows])
            measured.append(self._measure(x, y, predicted))
        return measured

    def _measure_large(self, infer: Callable[[Any], tuple[Any, Any]], x: Any, y: Any) -> Any:
        predicted, logits = in_parts(infer, x)
        if self._rows_add_losses:
            predicted = self.model(x, training=False)
        elif logits is not None:
            predicted = with_logits(predicted, logits)
        return self._measure(x, y, predicted)

    def _measure(self, x: Any, y: Any, predicted: Any) -> Any:
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return self._measurement(loss, y, predicted)

    def _measurement(self, loss: Any, y: Any, predicted: Any) -> Any:
        import tensorflow as tf

        means = [tf.reduce_mean(tf.cast(metric(y, predicted), tf.float32)) for metric in self._metrics]
        return tf.stack([tf.cast(loss, tf.float32), *means])


def epoch_of_updates(order: Any, size: int, update_on: Callable[[Any, Any], Any], totals: Any, *, static: bool) -> Any:
    """All updates of one epoch over the rows as they stand in ``order`` (…, rows), ``size`` of them at a time.

    ``update_on`` takes numbers of rows (…, rows of the batch) and of the update, and returns their measurement times
    these rows, as of before the update; ``totals`` is where their sum begins. XLA knows ``static`` shapes only, so
    there the last batch stands apart; a graph is smaller with one update in it.

    Returns:
        the measurement, averaged over all rows.
    """
    import tensorflow as tf

    rows = order.shape[-1]
    looped = rows // size if static else -(-rows // size)

    def update(index: Any, totals: Any) -> tuple[Any, Any]:
        first = index * size
        if static:
            *lanes, _ = order.shape
            batch = tf.slice(order, [*(0 for _ in lanes), first], [*lanes, size])
        else:
            batch = order[..., first : tf.minimum(first + size, rows)]
        return index + 1, totals + update_on(batch, index)

    if looped > 1:
        _, totals = tf.while_loop(lambda index, _: index < looped, update, (tf.constant(0), totals))
    elif looped:
        totals += update_on(order[..., :size], tf.constant(0))
    if looped * size < rows:
        totals += update_on(order[..., looped * size :], tf.constant(looped))
    return totals / rows
