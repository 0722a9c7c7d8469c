"""A variant as plain Keras code, without regfleet: what builds, compiles and fits it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from regfleet.models.base import Base, takes_techniques
from regfleet.models.describe import opened
from regfleet.models.graph import INPUT, Graph, functional, is_model, named_parts
from regfleet.models.regularizers import kernels_of
from regfleet.numbers import exact
from regfleet.streams import stream_int
from regfleet.techniques.catalogue import recipe as recipe_of
from regfleet.techniques.catalogue import write
from regfleet.techniques.keras_code import Code, Put, Use
from regfleet.text import printable

if TYPE_CHECKING:
    from regfleet.settings import Training
    from regfleet.settings.values import ModelSpec, Task, Technique

WIDTH = 100
"""Characters of a line of code, above which a call is broken."""
CLASSES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "nadam": "Nadam",
    "adamax": "Adamax",
}


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What code is for: the ``task`` with so many ``outputs``, rows of so many ``axes``, weights as of ``seed``.

    ``best`` asks for the weights of the best epoch. ``scaling`` says how numbers go in. ``graph`` is that of a model of
    the user's own. ``command`` trains the variant where there is no code.
    """

    task: Task
    outputs: int
    axes: int = 1
    seed: int = 0
    best: bool = False
    scaling: str = ""
    graph: Graphed | None = None
    command: str = "regfleet compare"


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


def keras_code(model: ModelSpec, training: Training, techniques: tuple[Technique, ...], wanted: Wanted) -> str:
    """The code of a variant; comments that say why where there is none.

    Args:
        model: the perceptron, or a model of the user's own, which the code then patches.
        training: its training settings.
        techniques: its techniques, with the values that were chosen.
        wanted: what the code is for.
    """
    recipe = recipe_of(model, training, techniques)
    code = Code(
        recipe,
        wanted.task,
        wanted.outputs,
        output="number" if wanted.task == "regression" else model.found.output,
        axes=wanted.axes,
        patch=bool(model.source),
        best=wanted.best or recipe.restores_best,
        seed=wanted.seed,
    )
    code = _fitting(write(code, techniques), wanted)
    if code.lacks:
        said = [line for why in code.lacks for line in _comment(f"{why}.")]
        return "\n".join([*said, f"# {' '.join(wanted.command.split())} trains it."]) + "\n"
    body = [*_data(code, wanted), *(_patched(code, wanted) if code.patch else _network(code)), *_fit(code)]
    text = "\n".join(_broken(line) for line in body) + "\n"
    penalized = wanted.graph.penalized if wanted.graph else frozenset()
    helpers = "".join(f"\n\n{one}" for one in (*_bases(code, penalized), *_changed_dense(code), *code.helpers))
    text = f"{helpers}\n\n{text}" if helpers else f"\n{text}"
    return "\n".join(_imports(code, text)) + "\n" + re.sub(r"\n{4,}", "\n\n\n", text)


def _fitting(code: Code, wanted: Wanted) -> Code:
    """``code``, with what it lacks where it is for a model of the user's own."""
    if not code.patch:
        return code
    graph, own = wanted.graph or Graphed(), code.recipe.training.optimizer == "model"
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
    return code.add(lacks=why)


def _imports(code: Code, text: str) -> list[str]:
    """The lines that import what ``text`` uses: the standard library, then the others."""
    standard = [name for name in ("math", "zlib") if re.search(rf"\b{name}\.", text)]
    others = ["import keras"]
    others += ["import numpy as np"] if "np." in text else []
    others += ["import tensorflow as tf"] if "tf." in text else []
    others += ["from scipy.stats import beta"] if "beta.ppf" in text else []
    if code.patch and re.fullmatch(r"[\w.]+:\w+", code.recipe.model.source):
        module, _, name = code.recipe.model.source.partition(":")
        others.append(f"from {module} import {name}")
    return [*(f"import {name}" for name in standard), *([""] if standard else []), *others]


def _data(code: Code, wanted: Wanted) -> Iterator[str]:
    """What the rows are, how long the fit is, and the targets as the loss takes them."""
    scaling = wanted.scaling.partition("; --")[0].rstrip(".")
    kind = "arrays, a row each, as the model takes them" if code.patch else "float32 arrays, a row each"
    said = f"x_train, x_val: {kind}. {scaling}".rstrip()
    yield from _comment(said)
    training = code.recipe.training
    if code.task == "regression":
        yield "# y_train, y_val: float32 (rows, 1), less the mean of y_train, divided by its deviation."
    else:
        yield f"# y_train, y_val: the numbers of the rows' classes, 0 to {code.outputs - 1}."
    yield f"epochs, batch_size = {training.epochs}, {training.batch_size}"
    if "updates" in code.rate or code.batches:
        yield "updates = -(-len(x_train) // batch_size)  # of an epoch"
    if code.weighs:
        yield "counts = np.bincount(y_train)"
        yield (
            "class_weight = {label: len(y_train) / ((counts > 0).sum() * count) for label, count in "
            "enumerate(counts) if count}"
        )
        if code.targets or code.batches:
            yield 'weight = np.array([class_weight[label] for label in y_train], "float32")'
    if _takes_shares(code):
        yield f'y_train, y_val = (np.eye({code.outputs}, dtype="float32")[y] for y in (y_train, y_val))'
    elif code.output in {"sigmoid", "logit"}:
        yield 'y_train, y_val = (y[:, None].astype("float32") for y in (y_train, y_val))'
    yield from code.targets
    yield ""


def _takes_shares(code: Code) -> bool:
    """Whether the targets are one-hot rows."""
    if code.task == "regression" or code.output in {"sigmoid", "logit"}:
        return False
    found = code.recipe.model.found
    own = code.patch and code.recipe.training.optimizer == "model" and not found.labels
    return code.one_hot or code.output == "sigmoids" or own


# The network.


def _network(code: Code) -> Iterator[str]:
    """The lines that make the multilayer perceptron with what techniques put in."""
    model, puts = code.recipe.model, _puts(code)
    yield f"# Weights and noise start as those of seed {code.seed}. Keras draws the order of the rows itself."
    yield "inputs = keras.Input(x_train.shape[1:])"
    entering = [_made(code, put, name) for put, name in puts if put.after == INPUT]
    entering += ['keras.layers.Flatten(name="flatten")'] * (code.axes > 1)
    here = "inputs"
    for made in entering:
        yield f"x = {made}({here})"
        here = "x"
    for layer, width, activation in zip(model.layer_names, model.hidden, model.activations, strict=True):
        mine = [(put, name) for put, name in puts if put.after == layer]
        if here == "x" and any(put.takes != "output" for put, _ in mine):
            yield "source = x"
            here = "source"
        yield from _hidden(code, layer, (width, activation), mine, here)
        here = "x"
    last = "softmax" if code.task == "classification" else "linear"
    yield f"outputs = {_dense(code, {}, 'output', code.outputs, last)}({here})"
    yield f"model = {'SteppingModel' if code.steps else 'keras.Model'}(inputs, outputs)"
    yield ""


def _hidden(
    code: Code, layer: str, size: tuple[int, str], mine: Sequence[tuple[Put, str]], source: str
) -> Iterator[str]:
    """The lines of a hidden layer of width and activation, called with ``source``, and of what stands at it."""
    (width, activation), classes = size, _dense_classes(code)
    before = [_made(code, put, name) for put, name in mine if put.before]
    yield f"x = {_dense(code, classes, layer, width, '' if before else activation)}({source})"
    before += [f"keras.layers.Activation({_quoted(activation)})"] * bool(before)
    for made in before:
        yield f"x = {made}(x)"
    for put, name in mine:
        if put.before:
            continue
        taken = "x" if put.takes == "output" else f"[{source}, x]"
        if put.takes == "twin":
            yield f"twin = {_dense(code, classes, layer, width, activation, f'twin_of_{layer}')}({source})"
            taken = "[x, twin]"
        yield f"x = {_made(code, put, name)}({taken})"


def _puts(code: Code) -> list[tuple[Put, str]]:
    """What is put in, with the names that a trial gives it."""
    used: dict[str, int] = {}
    named = []
    for put in code.layers:
        name = f"{put.kind}_{'before_activation_of' if put.before else 'after'}_{put.after.rpartition('/')[2]}"
        used[name] = used.get(name, 0) + 1
        named.append((put, f"{name}_{used[name]}" if used[name] > 1 else name))
    return named


def _made(code: Code, put: Put, name: str) -> str:
    """A call that makes a layer that is put in."""
    streams = {
        "noise": ("noise", name),
        "path": ("noise", name, "noise/seed_generator_state"),
        "weights": ("weights", name, f"{name}/kernel"),
    }
    seeded = [f"seed={stream_int(code.seed, *streams[put.seeded])}"] if put.seeded else []
    return f"{put.made}({', '.join([*put.arguments, *seeded, f'name={_quoted(name)}'])})"


def _dense(
    code: Code, classes: dict[tuple[Use, ...], str], layer: str, width: int, activation: str, name: str = ""
) -> str:
    """A call that makes a Dense layer with what techniques put on its kernel; ``name``: of its twin."""
    uses = _uses(code, layer)
    name = name or layer
    parts = [str(width)]
    parts += [f"activation={_quoted(activation)}"] if activation not in {"", "linear"} else []
    seed = stream_int(code.seed, "weights", name, "kernel_initializer")
    parts.append(f"kernel_initializer=keras.initializers.GlorotUniform(seed={seed})")
    penalties = [change.text for change in code.regularizers if change.layer == layer]
    if penalties:
        parts.append(f"kernel_regularizer={penalties[0] if len(penalties) == 1 else _summed(penalties)}")
    limits = [change.text for change in code.constraints if change.layer == layer]
    if limits:
        parts.append(f"kernel_constraint={limits[0] if len(limits) == 1 else _chained(limits)}")
    noisy = sum(use.noisy for use in uses)
    if noisy:
        seeds = [stream_int(code.seed, "noise", name, "kernel", str(place)) for place in reversed(range(noisy))]
        parts.append(f"noise={seeds}")
    made = classes.get(uses, "keras.layers.Dense") if uses else "keras.layers.Dense"
    return f"{made}({', '.join([*parts, f'name={_quoted(name)}'])})"


def _summed(penalties: Sequence[str]) -> str:
    return f"PenaltySum({', '.join(penalties)})"


def _chained(limits: Sequence[str]) -> str:
    return f"Constraints({', '.join(limits)})"


def _uses(code: Code, layer: str) -> tuple[Use, ...]:
    return tuple(use._replace(layer="") for use in code.uses if use.layer == layer)


def _dense_classes(code: Code) -> dict[tuple[Use, ...], str]:
    """The classes of Dense layers that compute with another kernel, by what they do with theirs."""
    found = dict.fromkeys(_uses(code, layer) for layer in code.recipe.model.layer_names)
    return {uses: f"ChangedDense{number or ''}" for number, uses in enumerate(filter(None, found))}


def _changed_dense(code: Code) -> Iterator[str]:
    for uses, name in _dense_classes(code).items() if not code.patch else ():
        lines, noisy = [], 0
        for use in uses:
            made = f"kernel = {use.text.replace('seed=seed', f'seed=self.generators[{noisy}]')}"
            lines += ["if training:", f"    {made}"] if use.noisy else [made]
            noisy += use.noisy
        body = "".join(f"        {line}\n" for line in lines)
        yield _CHANGED.format(name=name, noisy=_GENERATORS if noisy else "", body=body)


_CHANGED = '''\
class {name}(keras.layers.Dense):
    """A Dense layer that computes with something else in place of its kernel."""
{noisy}
    def call(self, inputs, training=None):
        kernel = self.kernel
{body}        return self.activation(keras.ops.matmul(inputs, kernel) + self.bias)
'''
_GENERATORS = """
    def __init__(self, *args, noise=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.generators = [keras.random.SeedGenerator(seed) for seed in noise]
"""


def _bases(code: Code, penalized: frozenset[str]) -> Iterator[str]:
    """Classes and functions that the slots of ``code`` need, whatever technique filled them.

    ``penalized``: the layers of a model of the user's own that have a regularizer.
    """
    for change, kind in ((code.regularizers, "sum"), (code.constraints, "chain")):
        layers = [one.layer for one in change]
        again = kind == "sum" and any(layer in penalized for layer in layers)
        if again or len(layers) > len(set(layers)):
            yield _SUM if kind == "sum" else _CHAIN
    if code.steps:
        yield _STEPS
    if code.losses:
        yield _changed_loss(code)


def _changed_loss(code: Code) -> str:
    lines = "".join(f"    {line}\n" for line in code.losses)
    return (
        "def changed_loss(y_true, probabilities):\n"
        '    """The loss of each row."""\n'
        "    losses = keras.losses.categorical_crossentropy(y_true, probabilities)\n"
        f"{lines}    return losses\n"
    )


_SUM = '''\
class PenaltySum(keras.regularizers.Regularizer):
    """Several penalties on one kernel."""

    def __init__(self, *penalties):
        self.penalties = [one for one in penalties if one]

    def __call__(self, weight):
        return sum(penalty(weight) for penalty in self.penalties)
'''
_CHAIN = '''\
class Constraints(keras.constraints.Constraint):
    """Several constraints on one kernel."""

    def __init__(self, *constraints):
        self.constraints = constraints

    def __call__(self, weight):
        for constraint in self.constraints:
            weight = constraint(weight)
        return weight
'''
_STEPS = '''\
def loss_of(model, x, y, weight):
    predicted = model(x, training=True)
    return model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=True)


def gradients_of(model, x, y, weight):
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, y, weight)
    return tape.gradient(loss, model.trainable_variables)


class SteppingModel(keras.Model):
    """Follows the gradients that `gradients` finds."""

    def train_step(self, data):
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        found = gradients(self, x, y, weight)
        self.optimizer.apply_gradients(zip(found, self.trainable_variables))
        predicted = self(x, training=False)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(self.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight))
            else:
                metric.update_state(y, predicted, sample_weight=weight)
        return self.get_metrics_result()
'''


# One's own model.


def _patched(code: Code, wanted: Wanted) -> Iterator[str]:
    """The lines that take a model of the user's own and put techniques into it."""
    model, graph = code.recipe.model, wanted.graph or Graphed()
    yield from _own(code)
    for changes, what in ((code.regularizers, "regularizer"), (code.constraints, "constraint")):
        texts: dict[str, list[str]] = {}
        for change in changes:
            texts.setdefault(change.layer, []).append(change.text)
        alike: dict[str, list[str]] = {}
        for layer, each in texts.items():
            there = [f"weight.{what}"] if layer in graph.penalized and what == "regularizer" else []
            both = [*there, *each]
            text = both[0] if len(both) == 1 else (_summed if what == "regularizer" else _chained)(both)
            alike.setdefault(text, []).append(layer)
        for text, layers in alike.items():
            yield f"for layer in ({''.join(f'{_layer(name)}, ' for name in layers)[:-1].rstrip()}):"
            yield "    for weight in layer.trainable_variables:"
            yield '        if len(weight.shape) > 1 and "bias" not in weight.name:'
            yield f"            weight.{what} = {text}"
    named = _puts(code)
    inside = [(put, name) for put, name in named if put.after != INPUT]
    if inside:
        yield from _put_behind(code, inside, dict(graph.behind))
    at_input = [(put, name) for put, name in named if put.after == INPUT]
    if at_input:
        yield "inputs = x = keras.Input(model.input.shape[1:])"
        for put, name in at_input:
            yield f"x = {_made(code, put, name)}(x)"
        yield "model = keras.Model(inputs, model(x))"
    if code.steps:
        yield "model = SteppingModel(model.input, model.output)"
    if model.found.kept and not model.keep_weights:
        kept = ", ".join(name for name, _ in model.found.kept)
        yield from _comment(f"The study draws all weights anew for each seed but those of {kept}.")
    yield ""


def _own(code: Code) -> Iterator[str]:
    model = code.recipe.model
    shape = "x_train.shape[1:]"
    if model.source.endswith(".keras"):
        made = f"keras.models.load_model({_quoted(model.source)})"
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


def _layer(name: str) -> str:
    return "model" + "".join(f".get_layer({_quoted(part)})" for part in name.split("/"))


def _put_behind(code: Code, inside: list[tuple[Put, str]], behind: dict[str, str]) -> Iterator[str]:
    """Lines that put layers behind others of a Functional or Sequential model, whose layers stay what they are."""
    placed: dict[str, list[str]] = {}
    for layer in dict.fromkeys(put.after for put, _ in inside):
        mine = [(put, name) for put, name in inside if put.after == layer]
        before = [_made(code, put, name) for put, name in mine if put.before]
        if before:
            yield f"before = {_layer(layer)}"
            yield f"activation_of_{_identifier(layer)} = keras.layers.Activation(before.activation)"
            yield "before.activation = keras.activations.linear"
            placed.setdefault(layer, []).extend([*before, f"activation_of_{_identifier(layer)}"])
        late = [_made(code, put, name) for put, name in mine if not put.before]
        placed.setdefault(behind.get(layer, layer), []).extend(late)
    yield "put_behind = {"
    for layer, made in placed.items():
        if made:
            yield f"    {_quoted(layer)}: [{', '.join(made)}],"
    yield "}"
    yield ""
    yield ""
    yield "def call(layer, *args, **kwargs):"
    yield "    x = layer(*args, **kwargs)"
    yield "    for one in put_behind.get(layer.name, ()):"
    yield "        x = one(x)"
    yield "    return x"
    yield ""
    yield ""
    yield "model = keras.Model(model.inputs[0], model.outputs[0])"
    yield "model = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


# Compiling and fitting.


def _fit(code: Code) -> Iterator[str]:
    training = code.recipe.training
    yield from _optimizer(code)
    monitored = "mse" if code.task == "regression" else "cross_entropy"
    watched = code.best or training.early_stopping is not None
    if code.steps:
        found = "gradients_of"
        for step in code.steps:
            found = step.format(found)
        yield f"gradients = {found}"
    metrics = '["mse", "mae"]' if code.task == "regression" else '["accuracy"]'
    if watched and code.task == "classification":
        metrics = f'["accuracy", {_cross_entropy(code)}]'
    yield f"model.compile(optimizer, loss={_loss(code)}, metrics={metrics})"
    callbacks = list(code.callbacks)
    if code.average:
        yield from ("", "", *_averaged(code).splitlines(), "", "")
        callbacks.append("Averaged()")
    if watched:
        patience = training.early_stopping if training.early_stopping is not None else training.epochs
        restores = ", restore_best_weights=True" if code.best else ""
        name = f"val_{monitored}"
        if code.output == "number":
            name = "val_mse"
        callbacks.append(f'keras.callbacks.EarlyStopping("{name}", mode="min", patience={patience}{restores})')
    rest = ["epochs=epochs"]
    if code.batches:
        parts = "(x_train, y_train, weight)" if code.weighs else "(x_train, y_train)"
        yield f"rows = tf.data.Dataset.from_tensor_slices({parts}).shuffle(len(x_train)).batch(batch_size)"
        maps = "".join(f".map({name})" for name in code.batches)
        yield f"rows = rows.repeat().enumerate(){maps}.map(lambda update, batch: batch)"
        first, rest = "rows, ", [*rest, "steps_per_epoch=updates"]
    else:
        first, rest = "x_train, y_train, ", [*rest, "batch_size=batch_size"]
        if code.weighs:
            rest.append("sample_weight=weight" if code.targets else "class_weight=class_weight")
    rest.append("validation_data=(x_val, y_val)")
    if callbacks:
        rest.append(f"callbacks=[{', '.join(callbacks)}]")
    yield f"model.fit({first}{', '.join(rest)})"
    yield from code.after


def _optimizer(code: Code) -> Iterator[str]:
    training = code.recipe.training
    if training.optimizer == "model":
        yield "optimizer = type(own.optimizer).from_config(own.optimizer.get_config())"
        if training.learning_rate is not None:
            yield f"optimizer.learning_rate = {exact(training.learning_rate)}"
        if code.rate:
            yield f"optimizer.learning_rate = {code.rate.format(rate='float(optimizer.learning_rate)')}"
        yield from (f"optimizer.{one.replace('=', ' = ', 1)}" for one in code.optimizer)
    else:
        rate = exact(training.rate or 0)
        made = ", ".join([code.rate.format(rate=rate) or rate if code.rate else rate, *code.optimizer])
        yield f"optimizer = keras.optimizers.{CLASSES[training.optimizer]}({made})"
    yield from code.tuned


def _loss(code: Code) -> str:
    if code.patch and code.recipe.training.optimizer == "model":
        return "own.loss"
    if code.losses:
        return "changed_loss"
    kind = "CategoricalCrossentropy" if _takes_shares(code) else "SparseCategoricalCrossentropy"
    losses = {
        "number": '"mse"',
        "probabilities": '"categorical_crossentropy"' if _takes_shares(code) else '"sparse_categorical_crossentropy"',
        "logits": f"keras.losses.{kind}(from_logits=True)",
        "logit": "keras.losses.BinaryCrossentropy(from_logits=True)",
    }
    return losses.get(code.output, '"binary_crossentropy"')


def _cross_entropy(code: Code) -> str:
    kind = "Categorical" if _takes_shares(code) else "SparseCategorical"
    if code.output in {"sigmoid", "logit"}:
        kind = "Binary"
    logits = "from_logits=True, " if code.output in {"logit", "logits"} else ""
    return f'keras.metrics.{kind}Crossentropy({logits}name="cross_entropy")'


def _averaged(code: Code) -> str:
    average = code.average
    if average is None:
        return ""
    lines = "".join(f"            {line}\n" for line in average.lines)
    moment = "on_train_batch_end(self, batch, logs=None)" if average.every == "update" else "follow(self)"
    first = "" if average.every == "update" else "        self.follow()\n"
    normalized = code.patch or any(put.kind == "batchnorm" for put in code.layers)
    made = _AVERAGED.format(moment=moment, lines=lines.rstrip(), first=first, renew=_RENEW if normalized else "")
    return _LAYERS + made if normalized else made


_LAYERS = '''\
def layers_of(model):
    """The layers of a model, and of models in it."""
    for layer in model.layers:
        yield from layers_of(layer) if hasattr(layer, "layers") else [layer]


'''
_AVERAGED = '''\
class Averaged(keras.callbacks.Callback):
    """An average of the weights, which is tested and kept in the place of those that train."""

    def on_train_begin(self, logs=None):
        self.averages = [np.array(one.numpy()) for one in self.model.trainable_variables]
        self.number, self.trained = 0, []

    def {moment}:
        self.number += 1
        number = self.number
        for weight, average in zip(self.model.trainable_variables, self.averages):
            current = weight.numpy()
{lines}

    def on_test_begin(self, logs=None):
{first}        self.trained = [one.numpy() for one in self.model.variables]
        for weight, average in zip(self.model.trainable_variables, self.averages):
            weight.assign(average)
{renew}
    def on_epoch_begin(self, epoch, logs=None):
        for variable, value in zip(self.model.variables, self.trained):
            variable.assign(value)
'''
_RENEW = """\
        norms = [one for one in layers_of(self.model) if isinstance(one, keras.layers.BatchNormalization)]
        momenta = [one.momentum for one in norms]
        for one in norms:
            one.momentum = 0.0
        if norms:  # whose statistics are those of other weights
            self.model(x_train, training=True)
        for one, momentum in zip(norms, momenta):
            one.momentum = momentum
"""


# How it is written.


def _quoted(text: str) -> str:
    return json.dumps(text)


def _comment(text: str) -> list[str]:
    """``text`` as comments, whatever line breaks a name in it has."""
    return wrap(printable(" ".join(text.split())), WIDTH, initial_indent="# ", subsequent_indent="# ")


def _broken(line: str) -> str:
    """``line``, or where it is too long its outermost call, or list, with an argument a line."""
    parts = _parts(line) if len(line) > WIDTH and not line.lstrip().startswith("#") else []
    if len(parts) < 3:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    first, *inner, last = parts
    return "\n".join([first, *(_broken(f"{indent}    {part},") for part in inner), indent + last])


def _parts(line: str) -> list[str]:
    """What comes up to the first bracket, what stands in it between commas, and the rest; empty for no list."""
    found: list[str] = []
    depth, start, quote = 0, 0, ""
    for place, mark in enumerate(line):
        if quote or mark in "\"'":
            quote = quote if quote and mark != quote else "" if quote else mark
            continue
        depth += (mark in "([{") - (mark in ")]}")
        opens, closes = depth == 1 and mark in "([{", not depth and mark in ")]}"
        if opens or closes or (depth == 1 and mark == ","):
            part = line[start : place + opens].rstrip() if opens else line[start:place].strip()
            found.append(part)
            start = place + (not closes)
        if closes:
            break
    return [] if any(" for " in part for part in found[1:]) else [*found, line[start:]]
