"""Which path the fast engine takes for a model: by rule and not by timing, so that all workers agree to the bit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from regfleet.training import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

    from regfleet.training.contract import Settings

STACK = 32
"""Seeds of a variant that a GPU trains side by side: always as many, so that the same kernels give the same bits."""
STACK_WORK = 2.5e9
"""Weights times rows of an update up to which one network leaves a GPU idle."""
STACK_WEIGHTS = 4_000_000
"""Weights up to which a stack has room: with its start, end and best it takes about 3 GB of the node's memory too."""
XLA_FROM = 20_000
"""Updates from which a fit is compiled by XLA. Measured on two cores: compiling takes 4 to 10 s and then saves 0.07 to
0.3 ms an update, so that it pays within five fits of this length; shorter fits are faster as a plain graph."""


def pays_to_compile(model: keras.Model, rows: int, settings: Settings) -> bool:
    """Whether XLA is faster than a plain graph for fits of ``model`` on ``rows`` training rows on this device.

    XLA draws random numbers tenfold slower than TensorFlow on a CPU, so a model with noise stays a graph there.
    """
    noisy = len(model.variables) > len(model.weights)
    updates = settings.epochs * -(-rows // settings.batch_size)
    return updates >= XLA_FROM and not (noisy and not runtime.has_gpu())


def pays_to_stack(weights: int, rows: int, dimensions: int) -> bool:
    """Whether a GPU trains `STACK` seeds of a model side by side faster than one after the other.

    With one small network it waits for its next operation nearly all the time. A network on images, or a large one,
    keeps it busy.

    Args:
        weights: of the model; 0 while they are unknown.
        rows: of an update.
        dimensions: of the training rows as an array; a table has 2.
    """
    return weights * rows <= STACK_WORK and weights <= STACK_WEIGHTS and dimensions == 2


def same_in_training(model: keras.Model) -> bool:
    """Whether ``model`` certainly computes the same in training as in inference mode, row by row."""
    import keras

    from regfleet.models.graph import is_model

    layers = keras.layers
    alike = {layers.InputLayer, layers.Dense, layers.Activation, layers.ReLU, layers.Flatten, layers.Reshape}
    alike |= {layers.Add, layers.Concatenate, layers.Conv1D, layers.Conv2D, layers.Rescaling}
    # A class of the user's own may do in its call whatever it likes.
    seen = is_model(model) and type(model).__module__.startswith("keras.")
    return (
        seen
        and not model.non_trainable_variables
        and all(type(layer) in alike and layer.activity_regularizer is None for layer in model.layers)
    )


@contextmanager
def no_gradients_kept() -> Iterator[None]:
    """Forget the gradients that a trace registers for good, and with them the whole graph: they have served.

    Every Keras optimizer registers one (`tf.distribute`'s all-reduce has a custom gradient); 10 MB a trace would stay.
    """
    from tensorflow.python.framework import ops

    registered = ops.gradient_registry._registry  # noqa: SLF001 - TensorFlow has no other way to take one back
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            del registered[name]
