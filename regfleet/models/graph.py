"""How the layers of a Functional model hang together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from regfleet.borrowed.keras import as_trainable_as, calls_noted, calls_of, never_training
from regfleet.models.regularizers import has_kernel, kernels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

    from regfleet.borrowed.keras import Call

INPUT = "input"
"""The name that stands for the model's input as a place for insertions."""
# Class names in lower case, the same for a layer (ReLU) and a function of `keras.ops` (Relu).
ACTIVATIONS = frozenset(
    {
        *("activation", "celu", "elu", "gelu", "glu", "hardsigmoid", "hardshrink", "hardsilu", "hardtanh", "leakyrelu"),
        *(
            "logsigmoid",
            "logsoftmax",
            "mish",
            "prelu",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softmax",
            "softplus",
        ),
        *("softshrink", "softsign", "sparsemax", "tanh", "threshold"),
    }
)
NORMALIZATIONS = frozenset(f"{kind}normalization" for kind in ("batch", "group", "layer", "rms", "unit"))


class Graph:
    """The calls of a Functional model's layers."""

    def __init__(self, model: keras.Model) -> None:
        self.layers = {operation.name: operation for operation in model.operations}
        self.outputs, self.sources = calls_of(model)
        self.consumers: dict[Call, list[Call]] = defaultdict(list)
        for call, sources in self.sources.items():
            for source in sources:
                self.consumers[source].append(call)

    def settles_in_activation(self, name: str) -> bool:
        """Whether every call of a layer without activation leads to an activation layer of its own.

        Between the two there may be normalizations, and nothing else may use what goes from one to the other.
        """
        if has_activation(self.layers[name]):
            return False
        return all(self._settles(call) for call in self.sources if call[0] == name)

    def activation_behind(self, name: str) -> str:
        """The activation layer in which a layer without one settles; empty where it does not."""
        calls = [call for call in self.sources if call[0] == name]
        return self._activation(calls[0]) if calls and self.settles_in_activation(name) else ""

    def _settles(self, call: Call) -> bool:
        return bool(self._activation(call))

    def _activation(self, call: Call) -> str:
        while len(self.consumers[call]) == 1 and call not in self.outputs:
            call = self.consumers[call][0]
            if is_kind(self.layers[call[0]], ACTIVATIONS):
                return str(call[0])
            if not is_kind(self.layers[call[0]], NORMALIZATIONS):
                return ""
        return ""


def is_kind(layer: object, kinds: frozenset[str]) -> bool:
    """Whether the layer or operation is of one of the ``kinds``."""
    return type(layer).__name__.lower() in kinds


def has_activation(layer: keras.layers.Layer) -> bool:
    """Whether the layer, or the layer it wraps, applies an activation itself."""
    import keras

    activation = getattr(getattr(layer, "layer", layer), "activation", None)
    return activation not in {None, keras.activations.linear}


def is_model(layer: object) -> bool:
    """Whether the layer is a model whose layers can be seen: Functional or Sequential."""
    import keras

    return isinstance(layer, keras.Model) and isinstance(layer, keras.Function | keras.Sequential)


def functional(model: keras.Model, *, single: bool = False) -> keras.Model:
    """The same layers as a Functional model of the same name, not compiled; ``single``: from one tensor to one."""
    import keras

    one = single or isinstance(model, keras.Sequential)
    source, output = (model.inputs[0], model.outputs[0]) if one else (model.input, model.output)
    return as_trainable_as(keras.Model(source, output, name=model.name), model)


def hidden_layers(model: keras.Model) -> tuple[str, ...]:
    """The names of the layers with a kernel that is trained; ``inner/dense`` in a model inside the model.

    Layers that make the output, the last ones with a kernel on each way to it, are none of them; of a subclass, whose
    ways cannot be seen, the last one that it calls.
    """
    if not is_model(model):
        return _called_layers(model)[:-1]
    last, _ = _output_layers(model, "")
    return tuple(dict.fromkeys(name for name in _with_kernel(model) if name not in last))


def _with_kernel(model: keras.Model) -> list[str]:
    """The layers with a kernel that no layer before them has."""
    seen: set[int] = set()
    names = []
    for name, layer in named_parts(model):
        kernels = {id(kernel) for kernel in kernels_of(layer) if kernel.trainable} - seen
        seen |= kernels
        names += [name] if kernels else []
    return names


_CALLS: WeakKeyDictionary[keras.Model, list[keras.layers.Layer]] = WeakKeyDictionary()
"""The layers that a subclass called when it was built."""


def build_subclass(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    """Call a subclass once, for it has no weights before, and remember what it calls for `hidden_layers`."""
    import keras

    _CALLS[model] = calls_noted(model, keras.ops.zeros((1, *input_shape)))


def _called_layers(model: keras.Model) -> tuple[str, ...]:
    """The layers of a subclass that have a kernel, in the order in which it calls them first."""
    known = {*_with_kernel(model)}
    names = {id(layer): name for name, layer in named_parts(model) if name in known}
    return tuple(dict.fromkeys(names[id(layer)] for layer in _CALLS.get(model, ()) if id(layer) in names))


def unfit_layers(model: keras.Model, prefix: str = "") -> dict[str, str]:
    """Why no technique goes to a layer, for each layer of ``model`` that is not one of `hidden_layers`."""
    if not is_model(model):
        return {}
    last = set() if prefix else _output_layers(model, "")[0]
    found: dict[str, str] = {}
    for layer in model.layers:
        name = prefix + layer.name
        if is_model(layer):
            found[name] = f"is a model: expected one of its layers, such as {name}/{layer.layers[-1].name}"
            found |= unfit_layers(layer, f"{name}/")
        elif name in last:
            found[name] = "makes the output"
        elif not kernels_of(layer):
            found[name] = "has no kernel"
        elif not any(kernel.trainable for kernel in kernels_of(layer)):
            found[name] = "is frozen: its kernel is not trained"
    return found if prefix else {name: why for name, why in found.items() if name not in hidden_layers(model)}


def still_layers(model: keras.Model, prefix: str = "", *, still: bool = False) -> tuple[str, ...]:
    """The layers of models inside the model that are called with ``training=False``, whatever the model does."""
    if not is_model(model):
        return ()
    model = functional(model)
    names: list[str] = []
    for layer in model.layers:
        name = prefix + layer.name
        if is_model(layer):
            inside = still or never_training(layer)
            names += still_layers(layer, f"{name}/", still=inside)
        elif still:
            names.append(name)
    return tuple(names)


def named_parts(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    """The model's layers in order, with their names; a model inside the model gives its own layers instead."""
    for layer in model.layers:
        if is_model(layer):
            yield from named_parts(layer, f"{prefix}{layer.name}/")
        else:
            yield prefix + layer.name, layer


def _output_layers(model: keras.Model, prefix: str) -> tuple[set[str], bool]:
    """The layers that make the output, and whether a way from the output to the input meets none of them."""
    graph = Graph(functional(model))
    last: set[str] = set()
    through = False
    waiting, seen = list(graph.outputs), set(graph.outputs)
    while waiting:
        call = waiting.pop()
        layer = graph.layers[call[0]]
        if call not in graph.sources:
            through = True
            continue
        if is_model(layer):
            inside, open_way = _output_layers(layer, f"{prefix}{layer.name}/")
            last |= inside
        else:
            open_way = not has_kernel(layer)
            last |= set() if open_way else {prefix + layer.name}
        if open_way:
            waiting += [source for source in graph.sources[call] if source not in seen]
            seen.update(graph.sources[call])
    return last, through
