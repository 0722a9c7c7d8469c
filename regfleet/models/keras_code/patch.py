"""The lines that take a model of the user's own and put techniques into it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.models.base import Base, takes_techniques
from regfleet.models.describe import opened
from regfleet.models.graph import INPUT, Graph, functional, is_model, named_parts
from regfleet.models.keras_code.classes import chained, summed
from regfleet.models.keras_code.lines import comment, quoted
from regfleet.models.keras_code.network import made_layer, puts
from regfleet.models.regularizers import kernels_of
from regfleet.techniques.keras_code import Change, Code, Put

if TYPE_CHECKING:
    from regfleet.settings.values import ModelSpec


@dataclass(frozen=True, slots=True)
class Graphed:
    """What a patch has to know of a model of the user's own.

    ``behind``: layer → the layer whose output is that of its activation; ``penalized`` and ``limited``: the layers that
    have regularizers and constraints of their own on a kernel. ``hooked``: its builder puts techniques in itself;
    ``hidden``: it is a subclass, whose graph cannot be seen.
    """

    behind: tuple[tuple[str, str], ...] = ()
    penalized: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    hooked: bool = False
    hidden: bool = False


def graphed(base: Base, model: ModelSpec, input_shape: tuple[int, ...], outputs: int) -> Graphed:
    """What the patch of a model of the user's own has to know; builds it once."""
    if takes_techniques(base):
        return Graphed(hooked=True)
    built = opened(base(input_shape, outputs), model.source, input_shape)
    parts = [(name, kernels_of(layer)) for name, layer in named_parts(built)]
    behind: dict[str, str] = {}
    if is_model(built):
        graph = Graph(functional(built, single=True))
        found = ((name, graph.activation_behind(name)) for name in model.layer_names if name in graph.layers)
        behind = {name: activation for name, activation in found if activation}
    return Graphed(
        tuple(behind.items()),
        frozenset(name for name, kernels in parts if any(kernel.regularizer for kernel in kernels)),
        frozenset(name for name, kernels in parts if any(kernel.constraint for kernel in kernels)),
        hidden=not is_model(built),
    )


def lacks(code: Code, graph: Graphed) -> list[str]:
    """Why a model of the user's own cannot be patched so, in sentences; empty where it can."""
    own = code.recipe.training.optimizer == "model"
    why = []
    if graph.hooked:
        why.append("the builder puts techniques in itself, by its parameter techniques")
    if graph.hidden and (code.steps or code.layers):
        why.append("the model is a subclass, whose graph cannot be seen")
    if code.uses:
        names = ", ".join(dict.fromkeys(use.layer for use in code.uses))
        why.append(f"Keras has nothing that lets {names} compute with another kernel")
    if any("/" in put.after for put in code.layers):
        why.append("a layer inside of a model inside the model is put in by its builder")
    if any(change.layer in graph.limited for change in code.constraints):
        why.append("a layer has a constraint already, which the other has to follow")
    if code.losses and (own or code.output != "probabilities"):
        why.append("the loss that is changed is the model's own")
    if code.one_hot and code.output in {"sigmoid", "logit"}:
        why.append("the targets that are changed are shares of two classes, and the model has one output")
    return why


def patched(code: Code, graph: Graphed) -> Iterator[str]:
    """The lines that take a model of the user's own and put techniques into it."""
    model = code.recipe.model
    yield from _own(code)
    yield from _on_kernels(code.regularizers, "regularizer", summed, graph.penalized)
    yield from _on_kernels(code.constraints, "constraint", chained)
    named = puts(code)
    inside = [(put, name) for put, name in named if put.after != INPUT]
    if inside:
        yield from _put_behind(code, inside, dict(graph.behind))
    at_input = [(put, name) for put, name in named if put.after == INPUT]
    if at_input:
        yield "inputs = x = keras.Input(model.input.shape[1:])"
        for put, name in at_input:
            yield f"x = {made_layer(code, put, name)}(x)"
        yield "model = keras.Model(inputs, model(x))"
    if code.steps:
        yield "model = SteppingModel(model.input, model.output)"
    if model.found.kept and not model.keep_weights:
        kept = ", ".join(name for name, _ in model.found.kept)
        yield from comment(f"The study draws all weights anew for each seed but those of {kept}.")
    yield ""


def _own(code: Code) -> Iterator[str]:
    model = code.recipe.model
    shape = "x_train.shape[1:]"
    if model.source.endswith(".keras"):
        made = f"keras.models.load_model({quoted(model.source)})"
    elif ":" in model.source:
        made = f"{model.source.partition(':')[2]}({shape}, {code.outputs})"
    else:
        made = f"{model.source if model.source.isidentifier() else 'build'}({shape}, {code.outputs})"
    fresh = model.source.endswith(".keras") and not model.keep_weights and not model.found.kept
    if code.recipe.training.optimizer == "model":
        yield f"own = {made}"
        yield "model = keras.models.clone_model(own)  # with new weights" if fresh else "model = own"
    elif fresh:
        yield f"model = keras.models.clone_model({made})  # with new weights"
    else:
        yield f"model = {made}"
    if not model.source.endswith(".keras"):
        yield "if not model.built:"
        yield "    model(x_train[:1])"


def _on_kernels(
    changes: Sequence[Change], what: str, together: Callable[[list[str]], str], there: Collection[str] = ()
) -> Iterator[str]:
    """Lines that give kernels a regularizer or a constraint, which those of the layers ``there`` have one of already.

    What is the same on several layers is written once.
    """
    alike: dict[str, list[str]] = {}
    for layer in dict.fromkeys(change.layer for change in changes):
        own = [f"weight.{what}"] if layer in there else []
        text = together([*own, *(change.text for change in changes if change.layer == layer)])
        alike.setdefault(text, []).append(layer)
    for text, layers in alike.items():
        yield f"for layer in ({', '.join(map(_layer, layers))},):"
        yield "    for weight in layer.trainable_variables:"
        yield '        if len(weight.shape) > 1 and "bias" not in weight.name:'
        yield f"            weight.{what} = {text}"


def _layer(name: str) -> str:
    return "model" + "".join(f".get_layer({quoted(part)})" for part in name.split("/"))


def _put_behind(code: Code, inside: list[tuple[Put, str]], behind: dict[str, str]) -> Iterator[str]:
    """Lines that put layers behind others of a Functional or Sequential model, whose layers stay what they are."""
    placed: dict[str, list[str]] = {}
    for layer in dict.fromkeys(put.after for put, _ in inside):
        mine = [(put, name) for put, name in inside if put.after == layer]
        before = [made_layer(code, put, name) for put, name in mine if put.before]
        if before:
            yield f"before = {_layer(layer)}"
            yield f"activation_of_{_identifier(layer)} = keras.layers.Activation(before.activation)"
            yield "before.activation = keras.activations.linear"
            placed.setdefault(layer, []).extend([*before, f"activation_of_{_identifier(layer)}"])
        late = [made_layer(code, put, name) for put, name in mine if not put.before]
        placed.setdefault(behind.get(layer, layer), []).extend(late)
    yield "put_behind = {"
    for layer, made in placed.items():
        if made:
            yield f"    {quoted(layer)}: [{', '.join(made)}],"
    yield from _CALLED.splitlines()


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


_CALLED = """\
}


def call(layer, *args, **kwargs):
    x = layer(*args, **kwargs)
    for one in put_behind.get(layer.name, ()):
        x = one(x)
    return x


model = keras.Model(model.inputs[0], model.outputs[0])
model = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
"""
