"""Where a model's training starts: weights drawn by seed, or those that it was given."""

from __future__ import annotations

import json
import warnings
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from regfleet.borrowed.keras import added_seed_states, drawn, origin_of
from regfleet.errors import InputError
from regfleet.models.held import of_keras
from regfleet.streams import stream_int

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import keras

_KEPT: WeakKeyDictionary[keras.layers.Layer, Mapping[int, np.ndarray]] = WeakKeyDictionary()
"""The weights that a layer was given, by their places in `Layer.weights`."""


def keep_weights(layer: keras.layers.Layer, values: Mapping[int, np.ndarray]) -> None:
    """Remember the values, by places in ``layer.weights``, from which ``layer`` is to start."""
    _KEPT[layer] = values


def inherit_weights(original: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Let ``copy`` start from what ``original`` does."""
    if original in _KEPT:
        _KEPT[copy] = _KEPT[original]


def starting_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Values of ``model.variables`` at the start of training from a study's ``seed``.

    Layers that were given weights start from those; all else, what techniques put in, and noise, is drawn as in
    `initial_weights`.
    """
    values = initial_weights(model, seed)
    kept: dict[int, np.ndarray] = {}
    for _, layer in named_layers(model):
        kept |= {id(layer.weights[place]): value for place, value in _KEPT.get(layer, {}).items()}
    return [kept.get(id(variable), value) for variable, value in zip(model.variables, values, strict=True)]


def initial_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Initial values of ``model.variables`` for a study's ``seed``, whatever the model's variables hold now.

    Every initializer draws from a stream named after its layer, so that a layer has the same initial weights in every
    variant that has it; random layers get the noise stream of their name, in the state format of Keras. Keras' own
    layers are made again from their configuration; what is not theirs draws again with the initializers that its
    variables were made with, and what was given to it, an array say, stays.

    Raises:
        InputError: the model holds weights that cannot be drawn again.
    """
    values: dict[int, np.ndarray] = {}
    for name, layer in named_layers(model):
        drawn = _drawn_by_configuration(layer, name, seed)
        if drawn is None:
            added = {id(state) for state in added_seed_states(layer)}
            others = [each for each in layer.variables if id(each) not in values.keys() | added]
            drawn = _drawn_by_origin(others, name, seed)
        values |= drawn
        for place, state in enumerate(added_seed_states(layer)):
            values[id(state)] = np.array([stream_int(seed, "noise", name, "kernel", str(place)), 0], state.dtype)
    values |= _drawn_by_origin([each for each in model.variables if id(each) not in values], "", seed)
    return [values[id(variable)] for variable in model.variables]


def draws_by_origin(model: keras.Model) -> bool:
    """Whether initial weights of some layer come from the initializers of its variables: of code that is not Keras'."""
    return any(drawn_by_origin(layer, name) for name, layer in named_layers(model))


def drawn_by_origin(layer: keras.layers.Layer, name: str) -> bool:
    """Whether the initial weights of ``layer`` come from the initializers of its variables."""
    return _drawn_by_configuration(layer, name, 0) is None


def _drawn_by_configuration(layer: keras.layers.Layer, name: str, seed: int) -> dict[int, np.ndarray] | None:
    """Initial values of the variables of a layer that is Keras' own throughout, by id; None for another."""
    import keras

    if not of_keras(layer) or isinstance(layer, keras.layers.Normalization):  # which was given its state
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a configuration holds a lambda
            config = _seeded(layer.get_config(), seed, name)
        if not _is_plain(config):
            return None
        drawn = _draw(type(layer), config, layer.get_build_config() or {})
    except Exception:  # noqa: BLE001 - a wrapper runs the code of what it wraps, which may raise anything
        return None
    added = {id(state) for state in added_seed_states(layer)}
    variables = [variable for variable in layer.variables if id(variable) not in added]
    if [value.shape for value in drawn] != [tuple(variable.shape) for variable in variables]:
        return None
    return {id(variable): value for variable, value in zip(variables, drawn, strict=True)}


def _is_plain(node: Any) -> bool:
    """Whether a configuration holds nothing but Keras' own objects, so that it says all that there is to say."""
    if isinstance(node, dict):
        mine = str(node.get("module") or "keras").startswith("keras") and not node.get("registered_name")
        return mine and node.get("class_name") not in _CODE and all(map(_is_plain, node.values()))
    return all(map(_is_plain, node)) if isinstance(node, list | tuple) else not callable(node)


_CODE = {"__lambda__", "function"}


def _drawn_by_origin(variables: Sequence[keras.Variable], layer: str, seed: int) -> dict[int, np.ndarray]:
    """Initial values of variables, by id, from what each was made with."""
    values: dict[int, np.ndarray] = {}
    paths: Counter[str] = Counter()
    for variable in variables:
        origin = origin_of(variable)
        if origin is None:
            raise InputError(f"model: expected all weights in layers, got {variable.path} outside of them")
        paths[variable.path] += 1
        names = (layer, variable.path, *([str(paths[variable.path])] if paths[variable.path] > 1 else []))
        if variable.name == "seed_generator_state":
            values[id(variable)] = np.array([stream_int(seed, "noise", *names), 0], variable.dtype)
        elif origin.value is not None:
            values[id(variable)] = origin.value
        elif origin.initializer is not None:
            number = stream_int(seed, "weights", *names)
            values[id(variable)] = drawn(origin.initializer, tuple(variable.shape), variable.dtype, number)
    return values


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


def named_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """The layers with variables, models inside the model opened up, and the names of their streams."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from named_layers(layer, f"{prefix}{layer.name}/")
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
        if key.endswith(("_regularizer", "_constraint", "activation")):
            return None
        if key == "seed":
            inside = [name for name in path if name != "config"]
            kind = "weights" if any(name.endswith("initializer") for name in inside) else "noise"
            return stream_int(seed, kind, layer, *inside)
        return visit(value, (*path, key))

    seeded: dict[str, Any] = visit(config, ())
    return seeded
