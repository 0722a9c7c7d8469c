"""Steps of Keras' optimizers as one operation a weight, in place of up to ten with a temporary each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import slot_of, update_with

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    UpdateStep = Callable[[Any, Any, Any], None]


def fuse_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let a built ``optimizer`` update float32 weights by TensorFlow's own operation for its formula, if there is one.

    There is one for SGD, with momentum too, and for Adam and AdamW without amsgrad. What Keras does around its formula,
    such as clipping, weight decay, averaging and accumulating, stays Keras'. A class of the user's own is left as it is.
    """
    import keras

    inner = getattr(optimizer, "inner_optimizer", optimizer)
    optimizers = keras.optimizers
    if type(inner) is optimizers.SGD:
        fused = _sgd(inner)
    elif type(inner) in {optimizers.Adam, optimizers.AdamW} and not inner.amsgrad:
        fused = _adam(inner)
    else:
        return

    def step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        # The gradient of an embedding holds some rows of the table only.
        if isinstance(gradient, tf.Tensor) and gradient.dtype == variable.dtype == tf.float32:
            fused(gradient, variable, learning_rate)
        else:
            inner.update_step(gradient, variable, learning_rate)

    update_with(inner, step)


def _sgd(optimizer: keras.optimizers.SGD) -> UpdateStep:
    def step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        if not optimizer.momentum:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=learning_rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=slot_of(optimizer, "momentums", variable).handle,
            lr=learning_rate,
            grad=gradient,
            momentum=optimizer.momentum,
            use_nesterov=optimizer.nesterov,
        )

    return step


def _adam(optimizer: keras.optimizers.Adam) -> UpdateStep:
    def step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        import tensorflow as tf

        updates = tf.cast(optimizer.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=slot_of(optimizer, "_momentums", variable).handle,
            v=slot_of(optimizer, "_velocities", variable).handle,
            beta1_power=tf.pow(tf.cast(optimizer.beta_1, tf.float32), updates),
            beta2_power=tf.pow(tf.cast(optimizer.beta_2, tf.float32), updates),
            lr=learning_rate,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
        )

    return step
