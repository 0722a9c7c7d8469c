"""Where a model's training starts: weights drawn by seed, or those that it was given."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from regfleet.errors import InputError
from regfleet.streams import stream_int

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import keras
    import numpy as np

_KEPT: WeakKeyDictionary[keras.layers.Layer, Mapping[int, np.ndarray]] = WeakKeyDictionary()
"""The weights that a layer was given, by their places in `Layer.weights`."""


def keep_weights(layer: keras.layers.Layer, values: Mapping[int, np.ndarray]) -> None:
    """Remember the values, by places in ``layer.weights``, from which ``layer`` is to start."""
    _KEPT[layer] = values


def inherit_weights(original: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Let ``copy`` start from what ``original`` does."""
    if original in _KEPT:
        _KEPT[copy] = _KEPT[original]


def starting_weights(model: keras.Model, seed: int, keep: bool = True) -> list[np.ndarray]:  # noqa: FBT001, FBT002 - a record's field may be handed on
    """Values of ``model.variables`` at the start of training from a study's ``seed``.

    With ``keep`` layers that were given weights start from those; all else, what techniques put in, and noise, is drawn
    as in `initial_weights`.
    """
    values = initial_weights(model, seed)
    if not keep:
        return values
    kept: dict[int, np.ndarray] = {}
    for _, layer in named_layers(model):
        kept |= {id(layer.weights[place]): value for place, value in _KEPT.get(layer, {}).items()}
    return [kept.get(id(variable), value) for variable, value in zip(model.variables, values, strict=True)]


def initial_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Initial values of ``model.variables`` for a study's ``seed``, whatever the model's variables hold now.

    Every initializer draws from a stream named after its layer, so that a layer has the same initial weights in every
    variant that has it; random layers get the noise stream of their name, in the state format of Keras.

    Raises:
        InputError: the model holds weights outside its layers, which cannot be drawn again.
    """
    values: dict[int, np.ndarray] = {}
    for name, layer in named_layers(model):
        drawn = _draw(type(layer), _seeded(layer.get_config(), seed, name), layer.get_build_config() or {})
        values |= {id(variable): value for variable, value in zip(layer.variables, drawn, strict=True)}
    missing = [variable.path for variable in model.variables if id(variable) not in values]
    if missing:
        raise InputError(f"model: expected all weights in layers, got {missing[0]} outside of them")
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
        if key.endswith(("_regularizer", "_constraint")):
            return None
        if key == "seed":
            inside = [name for name in path if name != "config"]
            kind = "weights" if any(name.endswith("initializer") for name in inside) else "noise"
            return stream_int(seed, kind, layer, *inside)
        return visit(value, (*path, key))

    seeded: dict[str, Any] = visit(config, ())
    return seeded
