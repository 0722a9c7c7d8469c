"""Steps of Keras' SGD as one operation a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import slot_of, update_with

if TYPE_CHECKING:
    import keras


def fuse_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let a built SGD, with momentum or without, update float32 weights by TensorFlow's own operation for its formula.

    What Keras does around the formula, such as clipping, weight decay, averaging and accumulating, stays Keras'. Other
    optimizers and classes of the user's own stay as they are.
    """
    import keras

    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if type(inner) is not keras.optimizers.SGD:
        return

    def step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        # The gradient of an embedding holds some rows of the table only.
        if not isinstance(gradient, tf.Tensor) or not gradient.dtype == variable.dtype == tf.float32:
            inner.update_step(gradient, variable, learning_rate)
        elif inner.momentum:
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.handle,
                accum=slot_of(inner, "momentums", variable).handle,
                lr=learning_rate,
                grad=gradient,
                momentum=inner.momentum,
                use_nesterov=inner.nesterov,
            )
        else:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=learning_rate, delta=gradient)

    update_with(inner, step)
