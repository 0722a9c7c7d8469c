"""Keras' own training and evaluation steps for a compiled model, and an epoch of them, as operations of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from regfleet.training.contract import RowMetric


class Steps:
    """The loss and the metrics of a compiled model, while it trains and when it is judged.

    Below, a measurement is float32 (1 + metrics,): the loss, then each metric, averaged over rows.
    """

    def __init__(self, model: keras.Model, metrics: tuple[RowMetric, ...]) -> None:
        self.model = model
        self.width = 1 + len(metrics)
        self._metrics = metrics
        self._rows_add_losses = False

    def loss(self, x: Any, y: Any, weight: Any) -> tuple[Any, Any]:
        """The loss to descend in training mode, and the measurement of the batch times its rows."""
        import tensorflow as tf

        predicted = self.model(x, training=True)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)
        measured = tf.stack([loss, *self._means(y, predicted)]) * tf.cast(tf.shape(x)[0], tf.float32)
        return loss, measured

    def infer(self, x: Any) -> tuple[Any, Any]:
        """The model's output and, for a softmax, the logits that Keras keeps beside it for an exact cross-entropy."""
        predicted = self.model(x, training=False)
        regularizers = sum(weight.regularizer is not None for weight in self.model.trainable_weights)
        self._rows_add_losses = len(self.model.losses) > regularizers
        return predicted, getattr(predicted, "_keras_logits", None)

    def evaluate(self, infer: Callable[[Any], tuple[Any, Any]], both: Any, *parts: tuple[Any, Any]) -> list[Any]:
        """The measurement in inference mode of each of ``parts``, from one pass of ``infer`` over ``both``.

        A layer that adds a loss of its inputs, an activity regularizer say, adds it once a pass and so needs two.
        """
        outputs, logits = infer(both)
        if self._rows_add_losses:
            return [self._measure(x, y, self.model(x, training=False)) for x, y in parts]
        measured, first = [], 0
        for x, y in parts:
            rows = slice(first, first + x.shape[0])
            first = rows.stop
            predicted = outputs[rows]
            if logits is not None:
                predicted._keras_logits = logits[rows]  # noqa: SLF001 - Keras has no public name for it
            measured.append(self._measure(x, y, predicted))
        return measured

    def _measure(self, x: Any, y: Any, predicted: Any) -> Any:
        import tensorflow as tf

        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return tf.stack([loss, *self._means(y, predicted)])

    def _means(self, y: Any, predicted: Any) -> list[Any]:
        import tensorflow as tf

        return [tf.reduce_mean(tf.cast(metric(y, predicted), tf.float32)) for metric in self._metrics]


def epoch_of_updates(order: Any, size: int, update_on: Callable[[Any], Any], totals: Any, *, static: bool) -> Any:
    """All updates of one epoch over the rows as they stand in ``order`` (…, rows), ``size`` of them at a time.

    ``update_on`` takes numbers of rows (…, rows of the batch) and returns their measurement times these rows, as of
    before the update; ``totals`` is where their sum begins. XLA knows ``static`` shapes only, so there the last
    batch stands apart; a graph is smaller with one update in it.

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
        return index + 1, totals + update_on(batch)

    if looped > 1:
        _, totals = tf.while_loop(lambda index, _: index < looped, update, (tf.constant(0), totals))
    elif looped:
        totals += update_on(order[..., :size])
    if looped * size < rows:
        totals += update_on(order[..., looped * size :])
    return totals / rows
