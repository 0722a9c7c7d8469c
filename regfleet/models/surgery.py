"""Putting techniques into any Functional or Sequential Keras model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from regfleet.borrowed.keras import as_trainable_as, origin_of, origins_noted
from regfleet.errors import InputError
from regfleet.models.graph import (
    ACTIVATIONS,
    INPUT,
    Graph,
    functional,
    hidden_layers,
    is_kind,
    is_model,
    named_parts,
)
from regfleet.models.regularizers import kernels_of, own_config, penalize
from regfleet.models.weights import inherit_weights
from regfleet.text import raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from regfleet.techniques.recipe import Insertion, Penalty


def with_techniques(model: keras.Model, penalties: Sequence[Penalty], insertions: Sequence[Insertion]) -> keras.Model:
    """``model``, not compiled, with techniques at its hidden layers.

    The layers stay what they are, called in a new graph where something is inserted: whatever they were made of, they
    need no configuration. Only a layer with weights to train that was there before the model was built, and so will be
    there for the next one, is copied.

    A penalty is put on each kernel of its layer, those of a layer inside a wrapper included, and adds to what is
    there. An insertion stands behind its layer's activation: where the layer has none and leads, over normalizations at
    most, to an activation layer that nothing else shares, behind that one; else directly behind the layer. Insertions
    at one layer stand in the order given. A layer that the model calls more than once is followed by the same inserted
    layers at every call. In a subclass, whose graph cannot be seen, nothing can be inserted.

    Raises:
        InputError: a technique is for a layer that is not a hidden one with a kernel, or a layer cannot be copied.
    """
    known = hidden_layers(model)
    for place in {penalty.layer for penalty in penalties} | {insertion.after for insertion in insertions} - {INPUT}:
        if place not in known:
            names = ", ".join(known) or "there is none"
            raise InputError(f"technique: expected a hidden layer with a kernel ({names}); got {place}")
    if is_model(model):
        changed = _Surgery(insertions).changed(functional(model, single=True), "")
    elif insertions:
        raise InputError(
            f"technique: expected one that adds to a kernel (l1, l2), as {type(model).__name__} is a subclass of "
            f"keras.Model where nothing can be put between layers; got {insertions[0].kind}. Let the builder take "
            "the parameter techniques"
        )
    elif any(layer in _TAKEN for _, layer in named_parts(model)):
        raise InputError(f"--model: expected a model that is made anew at each call; got the same {model.name} again")
    else:
        changed = model
    penalized: dict[str, set[int]] = {}
    for name, layer in named_parts(changed):
        earlier = set().union(*(ids for other, ids in penalized.items() if other != name))
        penalized[name] = {id(kernel) for kernel in kernels_of(layer)}
        for penalty in penalties:
            if penalty.layer == name:
                penalize(layer, penalty.make(), but=earlier)
        _TAKEN.add(layer)
    return changed


_TAKEN: WeakSet[keras.layers.Layer] = WeakSet()
"""Layers of models with techniques: where one is met again, the function that builds the model did not make it anew."""


@dataclass(slots=True)
class _Surgery:
    insertions: Sequence[Insertion]
    changes: dict[int, keras.layers.Layer] = field(default_factory=dict)

    def changed(self, model: keras.Model, prefix: str) -> keras.Model:
        """The model itself where nothing in it has to change, else its layers in a new graph."""
        import keras

        original = functional(model)
        inserted = self._inserted(prefix)
        others = {id(layer): self._change(layer, prefix) for layer in original.layers}
        if not inserted and all(others[id(layer)] is layer for layer in original.layers):
            return model
        graph = Graph(original)
        late = {name for name in inserted if name != INPUT and graph.settles_in_activation(name)}
        sources = keras.tree.map_structure(
            lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), original.input
        )
        # Tensors stay referenced, so that no id is given twice.
        behind_input = {
            id(source): (source, _follow(source, inserted.get(INPUT, ()))) for source in keras.tree.flatten(sources)
        }
        waiting: dict[int, tuple[Any, list[keras.layers.Layer]]] = {}

        def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
            args, kwargs = keras.tree.map_structure(
                lambda value: behind_input[id(value)][1] if id(value) in behind_input else value, (args, kwargs)
            )
            tensor = layer(*args, **kwargs)
            due = inserted.get(layer.name, [])
            for value in keras.tree.flatten((args, kwargs)):
                due = waiting.pop(id(value), (None, due))[1]
            if due and (layer.name in late or not (layer.name in inserted or is_kind(layer, ACTIVATIONS))):
                waiting[id(tensor)] = tensor, due
                return tensor
            return _follow(tensor, due)

        with origins_noted():
            clone = keras.models.clone_model(
                original,
                input_tensors=sources,
                clone_function=lambda layer: others.get(id(layer), layer),
                call_function=call,
            )
        return as_trainable_as(clone, model)

    def _change(self, layer: keras.layers.Layer, prefix: str) -> keras.layers.Layer:
        """The layer to call in place of ``layer``; for one that several models share always the same."""
        if id(layer) not in self.changes:
            if is_model(layer):
                change = self.changed(layer, f"{prefix}{layer.name}/")
            elif not layer.trainable_variables or (
                layer not in _TAKEN and all(origin_of(variable) for variable in layer.trainable_variables)
            ):
                change = layer
            else:
                change = _copy(layer, prefix + layer.name)
            self.changes[id(layer)] = change
        return self.changes[id(layer)]

    def _inserted(self, prefix: str) -> dict[str, list[keras.layers.Layer]]:
        """The layers to insert in the model at ``prefix``, by the layer that they follow there.

        They are named ``<kind>_after_<layer>``, with ``_2`` and on where repeated.
        """
        layers: dict[str, list[keras.layers.Layer]] = {}
        used: Counter[str] = Counter()
        for insertion in self.insertions:
            *models, layer = insertion.after.split("/")
            if "".join(f"{model}/" for model in models) != prefix:
                continue
            name = f"{insertion.kind}_after_{layer}"
            used[name] += 1
            suffix = f"_{used[name]}" if used[name] > 1 else ""
            layers.setdefault(layer, []).append(insertion.make(name + suffix))
        return layers


def _copy(layer: keras.layers.Layer, path: str) -> keras.layers.Layer:
    try:
        copy: keras.layers.Layer = type(layer).from_config(own_config(layer))
    except Exception as problem:
        raise InputError(
            f"--model: expected layers that are made inside the function, or that get_config and from_config can copy; "
            f"got {path}, which was there before and raises {raised(problem, 200)}"
        ) from problem
    inherit_weights(layer, copy)
    return copy


def _follow(tensor: Any, layers: Sequence[keras.layers.Layer]) -> Any:
    for layer in layers:
        tensor = layer(tensor)
    return tensor
