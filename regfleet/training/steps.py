"""Keras' own training and evaluation steps for a compiled model, as operations that trace into a graph."""

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
