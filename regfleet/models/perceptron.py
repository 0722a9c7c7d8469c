"""The multilayer perceptron of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from regfleet.settings.values import ModelSpec, Task

INPUT = "input"
"""The name that stands for the model's input as a place for insertions."""


def perceptron(spec: ModelSpec, input_shape: tuple[int, ...], outputs: int, task: Task) -> keras.Model:
    """Dense layers ``dense_1`` and on with the widths and activations of ``spec``, and the layer ``output``.

    Rows of more than one axis are made flat. The output is a softmax, or linear for a regression.
    """
    import keras

    tensor = source = keras.Input(input_shape, name=INPUT)
    if len(input_shape) > 1:
        tensor = keras.layers.Flatten(name="flatten")(tensor)
    for name, width, activation in zip(spec.layer_names, spec.hidden, spec.activations, strict=True):
        tensor = keras.layers.Dense(width, activation, name=name)(tensor)
    last = "softmax" if task == "classification" else "linear"
    return keras.Model(source, keras.layers.Dense(outputs, last, name="output")(tensor))
