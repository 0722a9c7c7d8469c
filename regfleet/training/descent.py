"""Gradients of a compiled Keras model in training mode, as techniques ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet.techniques.recipe import Descent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import tensorflow as tf

    from regfleet.techniques.recipe import Batch, Descender, Step


@dataclass(frozen=True, slots=True)
class Plain:
    """The gradients of Keras' own training step.

    ``watched`` are the tensors to differentiate by where the values of ``model.trainable_weights`` are not their own,
    but those of a stateless scope.
    """

    model: keras.Model
    watched: Sequence[tf.Tensor] | None = None

    def of(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> Descent:
        """As in `Descender`."""
        import tensorflow as tf

        weights = self.model.trainable_weights
        with tf.GradientTape(watch_accessed_variables=self.watched is None) as tape:
            if self.watched is not None:
                tape.watch(self.watched)
            before = _moved(weights, shift)
            loss, predicted = self._loss(batch)
            scaled = self.model.optimizer.scale_loss(loss) if self.watched is None else loss
        sources = weights if self.watched is None else self.watched
        unconnected = tf.UnconnectedGradients.NONE if self.watched is None else tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(scaled, sources, unconnected_gradients=unconnected)
        _put_back(weights, before)
        return Descent(gradients, loss, predicted, batch.y)

    def of_input(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> tf.Tensor | None:
        """As in `Descender`."""
        import tensorflow as tf

        weights = self.model.trainable_weights
        before = _moved(weights, shift)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch.x)
            loss, _ = self._loss(batch)
        slope = tape.gradient(loss, batch.x)
        _put_back(weights, before)
        return slope

    def _loss(self, batch: Batch) -> tuple[Any, Any]:
        predicted = self.model(batch.x, training=True)
        loss = self.model.compute_loss(
            x=batch.x, y=batch.y, y_pred=predicted, sample_weight=batch.weight, training=True
        )
        return loss, predicted


def _moved(weights: Sequence[keras.Variable], shift: Sequence[tf.Tensor | None] | None) -> list[tf.Tensor]:
    """The values of ``weights``, which are then moved by ``shift``; empty without one."""
    import tensorflow as tf

    before = [tf.identity(weight.value) for weight in weights] if shift else []
    for weight, value, step in zip(weights, before, shift or (), strict=False):
        if step is not None:
            weight.assign(value + step)
    return before


def _put_back(weights: Sequence[keras.Variable], before: Sequence[tf.Tensor]) -> None:
    for weight, value in zip(weights, before, strict=False):
        weight.assign(value)


@dataclass(frozen=True, slots=True)
class _Stepping:
    step: Step
    inner: Descender

    def of(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> Descent:
        return self.step(self.inner, batch, shift)

    def of_input(self, batch: Batch, shift: list[tf.Tensor | None] | None = None) -> tf.Tensor | None:
        return self.inner.of_input(batch, shift)


def descender(plain: Plain, steps: Sequence[Step]) -> Descender:
    """``plain`` gradients as ``steps`` take them, the last of which is asked first.

    Mixed precision multiplies losses, so that their gradients are no rounded zeros, and the optimizer divides again;
    the steps see gradients of the loss itself.
    """
    optimizer = plain.model.optimizer

    def times(factor: Callable[[Any], Any]) -> Step:
        def step(inner: Descender, batch: Batch, shift: list[Any] | None) -> Descent:
            found = inner.of(batch, shift)
            scale = factor(optimizer.scale_loss(1.0))
            return found._replace(gradients=[None if one is None else one * scale for one in found.gradients])

        return step

    scale = optimizer.scale_loss(1.0)
    if steps and plain.watched is None and not (isinstance(scale, float) and scale == 1):
        steps = (times(lambda scale: 1 / scale), *steps, times(lambda scale: scale))
    found: Descender = plain
    for step in steps:
        found = _Stepping(step, found)
    return found
