"""Putting techniques into any Functional or Sequential Keras model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.models.graph import ACTIVATIONS, INPUT, Graph, functional, hidden_layers, is_kind, is_model
from regfleet.models.regularizers import penalized
from regfleet.models.weights import inherit_weights
from regfleet.text import raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from regfleet.techniques.recipe import Insertion, Penalty


def with_techniques(model: keras.Model, penalties: Sequence[Penalty], insertions: Sequence[Insertion]) -> keras.Model:
    """A clone of a Functional or Sequential ``model``, not compiled, with techniques at its hidden layers.

    A penalty is put on each kernel of its layer, those of a layer inside a wrapper included, and adds to what is
    there. An insertion stands behind its layer's activation: where the layer has none and leads, over normalizations at
    most, to an activation layer that nothing else shares, behind that one; else directly behind the layer. Insertions
    at one layer stand in the order given. A layer that the model calls more than once is followed by the same inserted
    layers at every call. The clone starts from the weights that ``model`` was given.

    Raises:
        InputError: a technique is for a layer that is not a hidden one with a kernel, or a layer cannot be cloned.
    """
    import keras

    known = hidden_layers(model)
    for place in {penalty.layer for penalty in penalties} | {insertion.after for insertion in insertions} - {INPUT}:
        if place not in known:
            names = ", ".join(known) or "there is none"
            raise InputError(f"technique: expected a hidden layer with a kernel ({names}); got {place}")
    single = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return _Surgery(penalties, insertions).clone(single, "")


@dataclass(slots=True)
class _Surgery:
    penalties: Sequence[Penalty]
    insertions: Sequence[Insertion]
    copies: dict[int, keras.layers.Layer] = field(default_factory=dict)

    def clone(self, model: keras.Model, prefix: str) -> keras.Model:
        import keras

        original = functional(model)
        inserted = self._inserted(prefix)
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

        return keras.models.clone_model(
            original,
            input_tensors=sources,
            clone_function=lambda layer: self._copy(layer, prefix),
            call_function=call,
        )

    def _copy(self, layer: keras.layers.Layer, prefix: str) -> keras.layers.Layer:
        """The clone of a layer; a layer that several models share has one clone."""
        import keras

        if id(layer) not in self.copies:
            if is_model(layer):
                copy = self.clone(layer, f"{prefix}{layer.name}/")
            elif isinstance(layer, keras.Model):
                raise InputError(
                    f"--model: expected Functional or Sequential models inside the model; got {prefix}{layer.name}, "
                    f"a subclass of keras.Model ({type(layer).__name__}) whose layers cannot be seen"
                )
            elif isinstance(layer, keras.layers.Lambda):
                copy = layer  # it has no weights, and Keras copies no code
            else:
                copy = self._penalized_copy(layer, prefix + layer.name)
            self.copies[id(layer)] = copy
        return self.copies[id(layer)]

    def _penalized_copy(self, layer: keras.layers.Layer, path: str) -> keras.layers.Layer:
        try:
            config = layer.get_config()
            for penalty in self.penalties:
                if penalty.layer == path:
                    config = penalized(config, penalty.make())
            copy = type(layer).from_config(config)
        except Exception as problem:
            raise InputError(
                f"--model: expected layers that get_config and from_config can copy; got {path}, which raises "
                f"{raised(problem, 200)}"
            ) from problem
        inherit_weights(layer, copy)
        return copy

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


def _follow(tensor: Any, layers: Sequence[keras.layers.Layer]) -> Any:
    for layer in layers:
        tensor = layer(tensor)
    return tensor
