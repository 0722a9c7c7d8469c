"""The lines that make the multilayer perceptron, and the layers that techniques put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from regfleet.models.graph import INPUT
from regfleet.models.keras_code.classes import chained, dense_classes, summed, uses_of
from regfleet.models.keras_code.lines import quoted
from regfleet.streams import stream_int
from regfleet.techniques.keras_code import Code, Put


def network(code: Code) -> Iterator[str]:
    """The lines that make the multilayer perceptron with what techniques put in."""
    model, all_put = code.recipe.model, puts(code)
    yield f"# Weights and noise start as those of seed {code.seed}. Keras draws the order of the rows itself."
    yield "inputs = keras.Input(x_train.shape[1:])"
    entering = [made_layer(code, put, name) for put, name in all_put if put.after == INPUT]
    entering += ['keras.layers.Flatten(name="flatten")'] * (code.axes > 1)
    here = "inputs"
    for made in entering:
        yield f"x = {made}({here})"
        here = "x"
    for layer, width, activation in zip(model.layer_names, model.hidden, model.activations, strict=True):
        mine = [(put, name) for put, name in all_put if put.after == layer]
        if here == "x" and any(put.takes != "output" for put, _ in mine):
            yield "source = x"
            here = "source"
        yield from _hidden(code, layer, (width, activation), mine, here)
        here = "x"
    last = "softmax" if code.task == "classification" else "linear"
    yield f"outputs = {_dense(code, 'output', code.outputs, last)}({here})"
    yield f"model = {'SteppingModel' if code.steps else 'keras.Model'}(inputs, outputs)"
    yield ""


def _hidden(
    code: Code, layer: str, size: tuple[int, str], mine: Sequence[tuple[Put, str]], source: str
) -> Iterator[str]:
    """The lines of a hidden layer of width and activation, called with ``source``, and of what stands at it."""
    width, activation = size
    before = [made_layer(code, put, name) for put, name in mine if put.before]
    yield f"x = {_dense(code, layer, width, '' if before else activation)}({source})"
    before += [f"keras.layers.Activation({quoted(activation)})"] * bool(before)
    for made in before:
        yield f"x = {made}(x)"
    for put, name in mine:
        if put.before:
            continue
        taken = "x" if put.takes == "output" else f"[{source}, x]"
        if put.takes == "twin":
            yield f"twin = {_dense(code, layer, width, activation, f'twin_of_{layer}')}({source})"
            taken = "[x, twin]"
        yield f"x = {made_layer(code, put, name)}({taken})"


def _dense(code: Code, layer: str, width: int, activation: str, name: str = "") -> str:
    """A call that makes a Dense layer with what techniques put on its kernel; ``name``: of its twin."""
    uses = uses_of(code, layer)
    name = name or layer
    parts = [str(width)]
    parts += [f"activation={quoted(activation)}"] if activation not in {"", "linear"} else []
    seed = stream_int(code.seed, "weights", name, "kernel_initializer")
    parts.append(f"kernel_initializer=keras.initializers.GlorotUniform(seed={seed})")
    penalties = [change.text for change in code.regularizers if change.layer == layer]
    if penalties:
        parts.append(f"kernel_regularizer={summed(penalties)}")
    limits = [change.text for change in code.constraints if change.layer == layer]
    if limits:
        parts.append(f"kernel_constraint={chained(limits)}")
    noisy = sum(use.noisy for use in uses)
    if noisy:
        seeds = [stream_int(code.seed, "noise", name, "kernel", str(place)) for place in reversed(range(noisy))]
        parts.append(f"noise={seeds}")
    made = dense_classes(code).get(uses, "keras.layers.Dense")
    return f"{made}({', '.join([*parts, f'name={quoted(name)}'])})"


def puts(code: Code) -> list[tuple[Put, str]]:
    """What is put in, with the names that a trial gives it."""
    used: dict[str, int] = {}
    named = []
    for put in code.layers:
        name = f"{put.kind}_{'before_activation_of' if put.before else 'after'}_{put.after.rpartition('/')[2]}"
        used[name] = used.get(name, 0) + 1
        named.append((put, f"{name}_{used[name]}" if used[name] > 1 else name))
    return named


def made_layer(code: Code, put: Put, name: str) -> str:
    """A call that makes a layer that is put in."""
    streams = {
        "noise": ("noise", name),
        "path": ("noise", name, "noise/seed_generator_state"),
        "weights": ("weights", name, f"{name}/kernel"),
    }
    seeded = [f"seed={stream_int(code.seed, *streams[put.seeded])}"] if put.seeded else []
    return f"{put.made}({', '.join([*put.arguments, *seeded, f'name={quoted(name)}'])})"
