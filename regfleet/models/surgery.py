"""Putting techniques into any Functional or Sequential Keras model."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from regfleet.borrowed.keras import as_trainable_as, origin_of, origins_noted
from regfleet.errors import InputError
from regfleet.models.graph import (
    ACTIVATIONS,
    INPUT,
    Graph,
    functional,
    has_activation,
    hidden_layers,
    is_kind,
    is_model,
    named_parts,
)
from regfleet.models.kernels import change_use, constrain
from regfleet.models.regularizers import kernels_of, own_config, penalize
from regfleet.models.weights import inherit_weights
from regfleet.text import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import keras

    from regfleet.techniques.recipe import Insertion, KernelUse, Limit, Penalty


def with_techniques(
    model: keras.Model,
    penalties: Sequence[Penalty] = (),
    insertions: Sequence[Insertion] = (),
    limits: Sequence[Limit] = (),
    kernel_uses: Sequence[KernelUse] = (),
) -> keras.Model:
    """``model``, not compiled, with techniques at its hidden layers.

    The layers stay what they are, called in a new graph where something is inserted: whatever they were made of, they
    need no configuration. Only a layer with weights to train that was there before the model was built, and so will be
    there for the next one, is copied.

    A penalty is put on each kernel of its layer, those of a layer inside a wrapper included, and adds to what is
    there; constraints follow those that are there, and a kernel's use is changed likewise. An insertion before the
    activation makes the layer linear and its activation a layer of its own. Any other stands behind its layer's
    activation: where the layer has none and leads, over normalizations at most, to an activation layer that nothing
    else shares, behind that one; else directly behind the layer. Insertions at one layer stand in the order given. A
    layer that the model calls more than once is followed by the same inserted layers at every call. In a subclass,
    whose graph cannot be seen, nothing can be inserted.

    Raises:
        InputError: a technique is for a layer that is not a hidden one with a kernel, or a layer cannot be copied.
    """
    known = hidden_layers(model)
    changes: tuple[Penalty | Limit | KernelUse, ...] = (*penalties, *limits, *kernel_uses)
    for place in {change.layer for change in changes} | {insertion.after for insertion in insertions} - {INPUT}:
        if place not in known:
            names = ", ".join(known) or "there is none"
            raise InputError(f"technique: expected a hidden layer with a kernel ({names}); got {place}")
    surgery = _Surgery(insertions)
    if is_model(model):
        changed = surgery.changed(functional(model, single=True), "")
    elif insertions:
        raise InputError(
            f"technique: expected one that changes a kernel (l1, l2, maxnorm), as {type(model).__name__} is a subclass "
            f"of keras.Model where nothing can be put between layers; got {insertions[0].kind}. Let the builder take "
            "the parameter techniques"
        )
    elif any(layer in _TAKEN for _, layer in named_parts(model)):
        raise InputError(f"--model: expected a model that is made anew at each call; got the same {model.name} again")
    else:
        changed = model
    _change_kernels(changed, surgery.twins, penalties, limits, kernel_uses)
    return changed


def _change_kernels(
    model: keras.Model,
    twins: Mapping[int, str],
    penalties: Sequence[Penalty],
    limits: Sequence[Limit],
    kernel_uses: Sequence[KernelUse],
) -> None:
    """Change the kernels of the layers of ``model`` in place, one that several layers share by the first of them.

    ``twins`` says by id of which layer one is the twin, whose changes it has too.
    """
    seen: dict[str, set[int]] = {}
    for name, layer in named_parts(model):
        earlier = set().union(*(ids for other, ids in seen.items() if other != name))
        seen[name] = {id(kernel) for kernel in kernels_of(layer)}
        place = twins.get(id(layer), name)
        for penalty in penalties:
            if penalty.layer == place:
                penalize(layer, penalty.make(), but=earlier)
        for limit in limits:
            if limit.layer == place:
                constrain(layer, limit.make(), but=earlier)
        for use in reversed(kernel_uses):  # what is changed last sees the kernel first
            if use.layer == place:
                change_use(layer, use, but=earlier)
        _TAKEN.add(layer)


_TAKEN: WeakSet[keras.layers.Layer] = WeakSet()
"""Layers of models with techniques: where one is met again, the function that builds the model did not make it anew."""


@dataclass(slots=True)
class _Surgery:
    insertions: Sequence[Insertion]
    changes: dict[int, keras.layers.Layer] = field(default_factory=dict)
    twins: dict[int, str] = field(default_factory=dict)
    """The place of the layer that a twin is one of, by the twin's id."""

    def changed(self, model: keras.Model, prefix: str) -> keras.Model:
        """The model itself where nothing in it has to change, else its layers in a new graph."""
        import keras

        original = functional(model)
        with origins_noted():
            inserted = self._inserted(prefix)
        for name, due in inserted.items():
            if due.has_twin:
                due.twin = self._twin(original.get_layer(name), prefix)
        others = {id(layer): self._change(layer, prefix) for layer in original.layers}
        if not inserted and all(others[id(layer)] is layer for layer in original.layers):
            return model
        graph = Graph(original)
        late = {name for name in inserted if name != INPUT and graph.settles_in_activation(name)}
        for name in late:
            if inserted[name].has_twin:
                raise InputError(
                    f"technique: expected a layer that has its activation itself, to give it a twin; got "
                    f"{prefix}{name}, whose activation is a layer of its own"
                )
        activations = {
            name: _made_linear(others[id(original.get_layer(name))]) for name, due in inserted.items() if due.before
        }
        sources = keras.tree.map_structure(
            lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), original.input
        )
        # Tensors stay referenced, so that no id is given twice.
        behind_input = {
            id(source): (source, inserted.get(INPUT, _Due()).enter(source)) for source in keras.tree.flatten(sources)
        }
        waiting: dict[int, tuple[Any, Callable[[Any], Any]]] = {}

        def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
            args, kwargs = keras.tree.map_structure(
                lambda value: behind_input[id(value)][1] if id(value) in behind_input else value, (args, kwargs)
            )
            tensor = layer(*args, **kwargs)
            due = inserted.get(layer.name)
            follow: Callable[[Any], Any] | None = partial(due.follow, args[0]) if due else None
            for value in keras.tree.flatten((args, kwargs)):
                follow = waiting.pop(id(value), (None, follow))[1]
            if due:
                tensor = due.precede(tensor)
                activation = activations.get(layer.name)
                tensor = activation(tensor) if activation else tensor
            if follow and (layer.name in late or not (due or is_kind(layer, ACTIVATIONS))):
                waiting[id(tensor)] = tensor, follow
                return tensor
            return follow(tensor) if follow else tensor

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

    def _twin(self, layer: keras.layers.Layer, prefix: str) -> keras.layers.Layer:
        """A layer of the same configuration, with weights of its own that each seed draws."""
        with origins_noted():
            twin = _of_config(layer, prefix + layer.name, name=f"twin_of_{layer.name}")
        self.twins[id(twin)] = prefix + layer.name
        return twin

    def _inserted(self, prefix: str) -> dict[str, _Due]:
        """What to insert in the model at ``prefix``, by the layer that it follows there.

        The layers are named ``<kind>_after_<layer>``, or ``_before_activation_of_``, with ``_2`` and on where repeated.
        """
        found: dict[str, _Due] = {}
        used: Counter[str] = Counter()
        for insertion in self.insertions:
            *models, layer = insertion.after.split("/")
            if "".join(f"{model}/" for model in models) != prefix:
                continue
            name = f"{insertion.kind}_{'before_activation_of' if insertion.before else 'after'}_{layer}"
            used[name] += 1
            suffix = f"_{used[name]}" if used[name] > 1 else ""
            due = found.setdefault(layer, _Due())
            made = insertion.make(name + suffix)
            if insertion.before:
                due.before.append(made)
            else:
                due.behind.append((insertion.takes, made))
        return found


@dataclass(slots=True)
class _Due:
    """The layers to insert at one layer: before its activation, and behind it with what each takes."""

    before: list[keras.layers.Layer] = field(default_factory=list)
    behind: list[tuple[str, keras.layers.Layer]] = field(default_factory=list)
    twin: keras.layers.Layer | None = None

    @property
    def has_twin(self) -> bool:
        return any(takes == "twin" for takes, _ in self.behind)

    def precede(self, tensor: Any) -> Any:
        for layer in self.before:
            tensor = _called(layer, tensor)
        return tensor

    def enter(self, source: Any) -> Any:
        """What comes of the model's input; of whole numbers, such as tokens, noise makes nothing."""
        if self.behind and "int" in source.dtype:
            raise InputError("technique: expected a layer as place; got @input, which holds whole numbers (tokens)")
        return self.follow(source, source)

    def follow(self, source: Any, tensor: Any) -> Any:
        """What comes of ``tensor``, the output of the layer whose input is ``source``."""
        for takes, layer in self.behind:
            taken = [source, tensor] if takes == "input" else tensor
            if takes == "twin" and self.twin is not None:
                taken = [tensor, self.twin(source)]
            tensor = _called(layer, taken)
        return tensor


def _called(layer: keras.layers.Layer, given: Any) -> Any:
    try:
        return layer(given)
    except InputError:
        raise
    except Exception as problem:
        kind = layer.name.split("_after_")[0].split("_before_activation_of_")[0]
        raise InputError(f"{kind}: expected a layer that it fits; got {layer.name}: {raised(problem)}") from problem


def _made_linear(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """Take the activation out of ``layer``; a layer that applies it, None where there was none."""
    import keras

    if not has_activation(layer):
        return None
    if isinstance(layer, keras.layers.RNN | keras.layers.Wrapper):
        raise InputError(
            f"technique: expected a layer with one activation to stand before; got {layer.name} "
            f"({type(layer).__name__}): leave out :before"
        )
    activation = keras.layers.Activation(layer.activation, name=f"activation_of_{layer.name}")
    layer.activation = keras.activations.linear
    return activation


def _copy(layer: keras.layers.Layer, path: str) -> keras.layers.Layer:
    copy = _of_config(layer, path)
    inherit_weights(layer, copy)
    return copy


def _of_config(layer: keras.layers.Layer, path: str, **changes: str) -> keras.layers.Layer:
    """A layer of the configuration of ``layer``, but for ``changes``."""
    try:
        made: keras.layers.Layer = type(layer).from_config({**own_config(layer), **changes})
    except Exception as problem:
        raise InputError(
            f"--model: expected layers that are made inside the function, or that get_config and from_config can copy; "
            f"got {path}, which was there before and raises {raised(problem, 200)}"
        ) from problem
    return made
