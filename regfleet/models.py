"""The multilayer perceptron of a study, what techniques add to a Keras model, and initial weights by seed."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from functools import cache
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.streams import stream_int

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras
    import numpy as np

    from regfleet.records import Insertion, ModelSpec, Penalty, Recipe

INPUT = "input"
"""The name that stands for the model's input as a place for insertions."""


def build(recipe: Recipe, inputs: int, outputs: int) -> keras.Model:
    """The Keras model of ``recipe`` for ``inputs`` features and ``outputs`` classes, not compiled."""
    return with_techniques(perceptron(recipe.model, inputs, outputs), recipe.penalties, recipe.insertions)


def perceptron(spec: ModelSpec, inputs: int, outputs: int) -> keras.Model:
    """Dense layers ``dense_1`` and on with the widths and activations of ``spec``, and a softmax layer ``output``."""
    import keras

    tensor = source = keras.Input((inputs,), name=INPUT)
    for name, width, activation in zip(spec.layer_names, spec.hidden, spec.activations, strict=True):
        tensor = keras.layers.Dense(width, activation, name=name)(tensor)
    return keras.Model(source, keras.layers.Dense(outputs, "softmax", name="output")(tensor))


def with_techniques(model: keras.Model, penalties: Sequence[Penalty], insertions: Sequence[Insertion]) -> keras.Model:
    """A clone of a Functional or Sequential ``model`` with kernel penalties and with layers put behind its layers.

    Penalties on one kernel add up, to the kernel's own as well; insertions behind one layer stand in the order given.
    A layer that the model calls more than once is followed by the same inserted layers at every call.

    Raises:
        InputError: a penalty or an insertion names a layer that the model does not have.
    """
    import keras

    functional = keras.Model(model.inputs[0], model.outputs[0]) if isinstance(model, keras.Sequential) else model
    known = {layer.name for layer in functional.layers}
    for place in [penalty.layer for penalty in penalties] + [insertion.after for insertion in insertions]:
        if place not in known | {INPUT}:
            msg = f"technique: expected the name of a layer of the model ({', '.join(sorted(known))}), got {place}"
            raise InputError(msg)
    inserted = _named_layers(insertions)

    def follow(name: str, tensor: Any) -> Any:
        for layer in inserted.get(name, ()):
            tensor = layer(tensor)
        return tensor

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        copy = type(layer).from_config(layer.get_config())
        for penalty in penalties:
            if penalty.layer == layer.name:
                copy.kernel_regularizer = _add(copy.kernel_regularizer, penalty.make())
        return copy

    sources = keras.tree.map_structure(
        lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), functional.input
    )
    behind_input = {id(source): follow(INPUT, source) for source in keras.tree.flatten(sources)}

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = keras.tree.map_structure(lambda value: behind_input.get(id(value), value), (args, kwargs))
        return follow(layer.name, layer(*args, **kwargs))

    return keras.models.clone_model(functional, input_tensors=sources, clone_function=clone, call_function=call)


def _named_layers(insertions: Sequence[Insertion]) -> dict[str, list[keras.layers.Layer]]:
    """The layers to insert behind each place, named ``<kind>_after_<place>``, with ``_2`` and on where repeated."""
    layers: dict[str, list[keras.layers.Layer]] = {}
    used: Counter[str] = Counter()
    for insertion in insertions:
        name = f"{insertion.kind}_after_{insertion.after}"
        used[name] += 1
        suffix = f"_{used[name]}" if used[name] > 1 else ""
        layers.setdefault(insertion.after, []).append(insertion.make(name + suffix))
    return layers


def _add(first: keras.Regularizer | None, second: keras.Regularizer) -> keras.Regularizer:
    return second if first is None else _sum_class()(first, second)


@cache
def _sum_class() -> Any:
    import keras

    @keras.saving.register_keras_serializable("regfleet")
    class PenaltySum(keras.regularizers.Regularizer):  # type: ignore[misc]
        """Two regularizers on one weight."""

        def __init__(self, first: Any, second: Any) -> None:
            self.first = keras.regularizers.get(first)
            self.second = keras.regularizers.get(second)

        def __call__(self, weight: Any) -> Any:
            return self.first(weight) + self.second(weight)

        def get_config(self) -> dict[str, Any]:
            return {
                name: keras.regularizers.serialize(regularizer)
                for name, regularizer in (("first", self.first), ("second", self.second))
            }

    return PenaltySum


def initial_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Initial values of ``model.variables`` for a study's ``seed``, whatever the model's variables hold now.

    Every initializer draws from a stream named after its layer, so that a layer has the same initial weights in every
    variant that has it; random layers get the noise stream of their name, in the state format of Keras.

    Raises:
        InputError: the model holds weights outside its layers, which cannot be drawn again.
    """
    values: dict[int, np.ndarray] = {}
    for name, layer in _layers(model, ""):
        drawn = _draw(type(layer), _seeded(layer.get_config(), seed, name), layer.get_build_config() or {})
        values |= {id(variable): value for variable, value in zip(layer.variables, drawn, strict=True)}
    missing = [variable.path for variable in model.variables if id(variable) not in values]
    if missing:
        msg = f"model: expected all weights in layers, got {missing[0]} outside of them"
        raise InputError(msg)
    return [values[id(variable)] for variable in model.variables]


_DRAWN: OrderedDict[tuple[type, str], tuple[np.ndarray, ...]] = OrderedDict()
"""Values drawn in this process, the least recently used first: the variants of a study share layers and seeds."""
_DRAWN_BYTES = 64_000_000


def _draw(kind: type[keras.layers.Layer], config: dict[str, Any], built: dict[str, Any]) -> tuple[np.ndarray, ...]:
    """The initial values of the variables of a layer made from ``config``, read-only."""
    import keras

    key = (kind, json.dumps([config, built], sort_keys=True, default=repr))
    if key not in _DRAWN:
        with keras.device("cpu:0"):
            layer = kind.from_config(config)
            layer.build_from_config(built)
        _DRAWN[key] = tuple(variable.numpy() for variable in layer.variables)
        for value in _DRAWN[key]:
            value.setflags(write=False)
        while sum(value.nbytes for values in _DRAWN.values() for value in values) > _DRAWN_BYTES and len(_DRAWN) > 1:
            _DRAWN.popitem(last=False)
    _DRAWN.move_to_end(key)
    return _DRAWN[key]


def _layers(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    """The layers with variables, models inside the model opened up, and the names of their streams."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{prefix}{layer.name}/")
        elif layer.variables:
            yield prefix + layer.name, layer


def _seeded(config: dict[str, Any], seed: int, layer: str) -> dict[str, Any]:
    """``config`` with seeds from the streams of ``layer``, and without what does not shape the initial values."""

    def visit(node: Any, path: tuple[str, ...]) -> Any:
        if isinstance(node, dict):
            return {key: leaf(key, value, path) for key, value in node.items()}
        if isinstance(node, list):
            return [visit(value, (*path, str(index))) for index, value in enumerate(node)]
        return node

    def leaf(key: str, value: Any, path: tuple[str, ...]) -> Any:
        if key.endswith(("_regularizer", "_constraint")):
            return None
        if key == "seed":
            inside = [name for name in path if name != "config"]
            kind = "weights" if any(name.endswith("initializer") for name in inside) else "noise"
            return stream_int(seed, kind, layer, *inside)
        return visit(value, (*path, key))

    seeded: dict[str, Any] = visit(config, ())
    return seeded
