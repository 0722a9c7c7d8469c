"""Weights that a model was given: which these are, and that every worker's model has the same."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from regfleet.borrowed.keras import forget_values, origin_of
from regfleet.errors import InputError
from regfleet.models.weights import drawn_by_origin, initial_weights, keep_weights, named_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import keras

    from regfleet.settings.values import ModelSpec

Kept = tuple[tuple[str, tuple[int, ...]], ...]
"""The names of layers, each with the places of its given weights in `Layer.weights`."""


def given_to_built(model: keras.Model, again: Callable[[], keras.Model]) -> tuple[Kept, tuple[str, ...]]:
    """The weights of a builder's ``model`` that its own code put there: loaded, assigned, trained or made elsewhere.

    ``again`` builds the model once more: what is different then was not given but drawn in a way of its own, in the
    layers that come second.

    Raises:
        InputError: a layer's weights differ at every build, and no initializer says how to draw them.
    """
    kept = _where(model, lambda weight: (origin := origin_of(weight)) is None or origin.value is not None)
    if not kept:
        return (), ()
    first, second = _weights(model), _weights(again())

    def same(name: str, place: int) -> bool:
        return name in second and np.array_equal(first[name][place].numpy(), second[name][place].numpy())

    stay = {name: tuple(place for place in places if same(name, place)) for name, places in kept}
    odd = tuple(name for name, places in kept if len(stay[name]) < len(places))
    layers = dict(named_layers(model))
    for name in odd:
        weights = [first[name][place] for place in dict(kept)[name] if place not in stay[name]]
        lost = [weight.name for weight in weights if not getattr(origin_of(weight), "initializer", None)]
        if hasattr(layers[name], "adapt") or (lost and drawn_by_origin(layers[name], name)):
            said = "the same weights at every build, or an initializer that draws them for each seed"
            raise InputError(f"--model: expected {name} to have {said}; got others at the second build")
    return tuple((name, places) for name, places in stay.items() if places), odd


def given_in_file(model: keras.Model) -> tuple[Kept, bool]:
    """The weights of a saved model that are no training's start, and whether all of it was trained.

    Layers that are frozen or were adapted to data keep their weights. Of those that train, a body that was trained
    keeps its weights under an output that was not; a model trained as a whole is an architecture, drawn anew. A layer
    was trained where a weight that always starts from the same values, such as zeros, has others.
    """
    first, second = initial_weights(model, 0), initial_weights(model, 1)
    drawn = {
        id(variable): a if np.array_equal(a, b) else None
        for variable, a, b in zip(model.variables, first, second, strict=True)
    }
    layers = [(name, layer) for name, layer in named_layers(model) if layer.weights]
    still = {name for name, layer in layers if not layer.trainable or hasattr(layer, "adapt")}
    states: dict[str, bool | None] = {}
    for name, layer in layers:
        fixed = [(weight, value) for weight in layer.weights if (value := drawn[id(weight)]) is not None]
        moved = any(not np.array_equal(weight.numpy(), value) for weight, value in fixed)
        if name not in still:
            states[name] = moved if fixed else None
    trained = _filled(states)
    whole = bool(trained) and all(trained.values())
    if trained and not [*trained.values()][-1]:
        still |= {name for name, moved in trained.items() if moved}
    return tuple((name, tuple(range(len(layer.weights)))) for name, layer in layers if name in still), whole


def _filled(states: Mapping[str, bool | None]) -> dict[str, bool]:
    """The states of layers in order, where one that does not show its own has that of its neighbours.

    These are the layer before it in the same model inside the model, else the one behind it there, else any.
    """
    known = [(name, state) for name, state in states.items() if state is not None]
    places = {name: place for place, name in enumerate(states)}

    def near(name: str) -> bool:
        of_model = [(other, state) for other, state in known if other.rpartition("/")[0] == name.rpartition("/")[0]]
        among = of_model or known
        before = [state for other, state in among if places[other] < places[name]]
        behind = [state for other, state in among if places[other] > places[name]]
        return before[-1] if before else behind[0] if behind else False

    return {name: near(name) if state is None else state for name, state in states.items()}


def _where(model: keras.Model, chosen: Callable[[keras.Variable], bool]) -> Kept:
    found = {name: tuple(i for i, one in enumerate(each) if chosen(one)) for name, each in _weights(model).items()}
    return tuple((name, places) for name, places in found.items() if places)


def _weights(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {name: layer.weights for name, layer in named_layers(model)}


_VALUES: OrderedDict[str, list[np.ndarray]] = OrderedDict()
"""Given weights by their hash: the variants of a study share them, whatever a training does to the model later."""
_MODELS = 2


def sha256(model: keras.Model, kept: Kept) -> str:
    """The hash of the ``kept`` weights of ``model``, which this process holds from now on."""
    values = _read(model, kept)
    digest = hashlib.sha256()
    for (name, places), value in zip(((name, place) for name, all_of in kept for place in all_of), values, strict=True):
        digest.update(f"{name} {places} {value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    key = digest.hexdigest()
    _VALUES[key] = values
    while len(_VALUES) > _MODELS:
        _VALUES.popitem(last=False)
    return key


def keep(model: keras.Model, spec: ModelSpec) -> None:
    """Let the layers of ``model`` start from the weights that they were given, as ``spec`` says.

    Raises:
        InputError: the model holds other weights here than where the study was prepared.
    """
    layers = dict(named_layers(model))
    if spec.keep_weights:
        for layer in layers.values():
            keep_weights(layer, {place: weight.numpy() for place, weight in enumerate(layer.weights)})
        return
    kept, expected = spec.found.kept, spec.found.kept_sha256
    same = dict(kept)
    # What this build put elsewhere no other build has.
    forget_values(
        weight
        for name, layer in layers.items()
        for place, weight in enumerate(layer.weights)
        if place not in same.get(name, ())
    )
    if not kept:
        return
    missing = [name for name, places in kept if name not in layers or len(layers[name].weights) <= max(places)]
    if missing or (expected not in _VALUES and sha256(model, kept) != expected):
        raise InputError(
            f"--model: expected {spec.source} to give {missing[0] if missing else kept[0][0]} the weights that it had "
            "where the study was prepared; got others here"
        )
    values = iter(_VALUES[expected])
    for name, places in kept:
        keep_weights(layers[name], {place: next(values) for place in places})


def _read(model: keras.Model, kept: Kept) -> list[np.ndarray]:
    weights = _weights(model)
    return [weights[name][place].numpy() for name, places in kept for place in places]
