"""What the driver has to know of a model of the user's own, and whether it fits the data."""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import calls_of, operation_of, saved_compile, without_code
from regfleet.errors import InputError
from regfleet.models.base import Builder, Function, SavedModel, takes_techniques
from regfleet.models.given import given_in_file, given_to_built, sha256
from regfleet.models.graph import functional, hidden_layers, is_model, still_layers, unfit_layers
from regfleet.models.held import of_keras, text_of
from regfleet.models.hooks import Hooks
from regfleet.models.objective import LossError, check_loss, compiled_of, output_of, target_words
from regfleet.models.scaling import adapted
from regfleet.models.texts import example
from regfleet.models.vocabulary import check_vocabularies, vocabulary_of
from regfleet.models.weights import draws_by_origin, initial_weights, named_layers
from regfleet.settings.values import Found, ModelSpec
from regfleet.text import listed, raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import keras

    from regfleet.models.base import Base
    from regfleet.models.given import Kept
    from regfleet.models.objective import Compiled
    from regfleet.settings.values import Output, Task


_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
"""Names that TensorFlow takes as a scope."""


def describe(
    base: Base,
    source: str,
    input_shape: tuple[int, ...],
    outputs: int,
    task: Task,
    keep_weights: bool,  # noqa: FBT001 - a record's field is handed on
) -> ModelSpec:
    """The model that ``base`` makes for rows of ``input_shape``: its hidden layers with a kernel, and its fingerprint.

    Args:
        base: what `base_of` returned.
        source: what the study calls it, e.g. ``package.module:build``.
        input_shape: the shape of one row.
        outputs: the number of classes, 1 for a regression.
        task: classification expects softmax outputs, regression a linear one.
        keep_weights: whether training starts from the file's own weights; the fingerprint covers them then.

    Raises:
        InputError: the model cannot be built, does not fit the data, or cannot take techniques.
    """
    if keep_weights and not isinstance(base, SavedModel):
        raise InputError(
            f"--keep-weights: expected a .keras file as --model; got {source}, which keeps what it gives its layers "
            "and draws the rest"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a configuration holds a lambda, say, which is only read here
        return _described(base, source, input_shape, outputs, task, keep_weights=keep_weights)


def _described(
    base: Base, source: str, input_shape: tuple[int, ...], outputs: int, task: Task, *, keep_weights: bool
) -> ModelSpec:
    hooked = takes_techniques(base)
    hooks = Hooks()

    def build() -> tuple[keras.Model, keras.Model]:
        """The model as it is given, and as it is trained."""
        if hooked:
            given = base(input_shape, outputs, techniques=hooks)  # type: ignore[call-arg]
            return given, given
        given = base(input_shape, outputs)
        return given, opened(given, source, input_shape)

    original, model = build()
    compiled = compiled_of(original)
    output, labels, notes = _check_output(model, source, input_shape, outputs, task, compiled)
    layers = hooks.layers if hooked else hidden_layers(model)
    unfit, still = ({}, ()) if hooked else (unfit_layers(model), still_layers(model))
    initial_weights(model, 0)
    kept, said = _given(base, model, lambda: build()[1], keep_weights=keep_weights)
    notes += said
    notes += _compiled_words(base, compiled)
    hashed = sha256(model, kept) if kept else ""
    leads = compiled.leads if compiled else ()
    found = Found(output, labels, compiled is not None, kept, hashed, tuple(unfit.items()), still, tuple(notes), leads)
    spec = ModelSpec((), (), source, layers, keep_weights=keep_weights, found=found)
    return replace(spec, fingerprint=_fingerprint(base, model, spec, compiled))


def _given(
    base: Base, model: keras.Model, again: Callable[[], keras.Model], *, keep_weights: bool
) -> tuple[Kept, list[str]]:
    """The weights that were given, none where ``keep_weights`` keeps all, and what is to be said of all weights."""
    if keep_weights:
        return (), ["every seed starts from the weights of the file"]
    notes = []
    if isinstance(base, SavedModel):
        kept, whole = given_in_file(model)
        if whole:
            notes.append("its weights were trained and are drawn anew for each seed; --keep-weights starts from them")
    else:
        kept, odd = given_to_built(model, again)
        if odd:
            notes.append(f"weights of {listed(odd)} differ at every build: their initializers draw them for each seed")
    if kept:
        notes.insert(0, _kept_words(model, kept, is_file=isinstance(base, SavedModel)))
    frozen = [
        name for name, layer in named_layers(model) if layer.weights and not layer.trainable and name not in dict(kept)
    ]
    if frozen:
        notes.append(f"{listed(frozen)}, frozen and given no weights, are drawn for each seed and never trained")
    return kept, notes


def _compiled_words(base: Base, compiled: Compiled | None) -> list[str]:
    if compiled is not None:
        metrics = "; its metrics are not used: --metric chooses one" if compiled.measured else ""
        return [f"it was compiled with {compiled.words}{metrics}"]
    if isinstance(base, SavedModel) and saved_compile(base.content):
        return ["it was compiled with code that is not in the file, and not used: a builder could compile it"]
    return []


def _kept_words(model: keras.Model, kept: Kept, *, is_file: bool) -> str:
    layers = dict(named_layers(model))
    count = sum(math.prod(layers[name].weights[place].shape) for name, places in kept for place in places)
    drawn = [name for name, layer in layers.items() if layer.trainable_weights and name not in dict(kept)]
    words = f"{listed([name for name, _ in kept])} {'keep' if len(kept) > 1 else 'keeps'} "
    words += f"the weights that came with the model ({count:,} numbers); "
    verb = "are" if len(drawn) > 1 else "is"
    words += f"{listed(drawn)} {verb} drawn anew for each seed" if drawn else "none is drawn"
    return words + ("; --keep-weights keeps all" if is_file and drawn else "")


def opened(model: keras.Model, source: str, input_shape: tuple[int, ...]) -> keras.Model:
    """``model`` from one tensor to one, or a subclass; raises InputError if it takes no such rows."""
    if not is_model(model):
        return model
    _check_input(model, source, input_shape)
    return functional(model, single=True)


def _check_input(model: keras.Model, source: str, input_shape: tuple[int, ...]) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        given = f"{len(model.inputs)} and {len(model.outputs)}"
        raise InputError(f"--model: expected {source} to have one input and one output; got {given}")
    batch, *shape = model.inputs[0].shape
    if batch is not None:
        raise InputError(f"--model: expected {source} to take any number of rows; got batches of {batch}")
    unfit = [name for name, _ in _opened_layers(model) if not _SCOPE.fullmatch(name.removesuffix("/"))]
    if unfit:
        said = "of letters, digits and _ . - after the first, as TensorFlow wants them"
        raise InputError(f"--model: expected {source} to give its layers names {said}; got {unfit[0]!r}")
    if model.inputs[0].dtype == "string" and input_shape not in {(), (1,)}:
        said = f"one column of texts for {source}, whose input is text"
        raise InputError(f"--data: expected {said}; got rows of shape {input_shape}")
    if len(shape) != len(input_shape) or any(a not in {None, b} for a, b in zip(shape, input_shape, strict=True)):
        raise InputError(f"--model: expected {source} to take rows of shape {input_shape}; got {tuple(shape)}")


def _check_output(
    model: keras.Model,
    source: str,
    input_shape: tuple[int, ...],
    outputs: int,
    task: Task,
    compiled: Compiled | None,
) -> tuple[Output, bool, list[str]]:
    """What the model gives, whether its own loss takes numbers of classes, and what is to be said of both."""
    import numpy as np

    kind = "softmax" if task == "classification" else "linear"
    check_vocabularies(model)
    expected = f"--model: expected {source} to give {outputs} {kind} output{'s' * (outputs > 1)} for each row"
    activation = _last_activation(model)
    if task == "regression" and activation not in {None, "linear"}:
        raise InputError(f"{expected}; got {activation}, and the standardized target is negative for some rows")
    try:
        # Ones are fit for an Embedding too, and unlike zeros they show a sigmoid for what it is.
        given = np.asarray(model(example(model, input_shape), training=False))
    except Exception as problem:
        raise InputError(f"{expected}; got {raised(problem)}") from problem
    if given.shape != (2, outputs) and not (given.shape == (2, 1) and outputs == 2):
        raise InputError(f"{expected}; got the shape {given.shape[1:]}")
    try:
        output, got = ("number", "") if task == "regression" else output_of(given, activation, compiled)
        if output is None:
            raise InputError(f"{expected}; got {got}")
        notes = [_READ[output]] if output in _READ else []
        if compiled is None:
            return output, False, notes
        compiled.new_optimizer(None)
        y = np.array([[-1], [1]], "float32") if output == "number" else np.eye(outputs, dtype="float32")[[0, -1]]
        labels = check_loss(output, compiled, given, y)
    except LossError as problem:
        raise InputError(f"--model: expected {source} to be compiled with {problem}") from None
    return output, labels, notes + target_words(output, compiled, labels=labels)


_READ: dict[Output, str] = {
    "logits": "its outputs have no activation: they are taken for logits, whose softmax gives the probabilities",
    "sigmoids": "its sigmoids are taken for probabilities, divided by their sum",
    "sigmoid": "its one output is taken for the probability of the second class",
    "logit": "its one output has no activation: its sigmoid is taken for the probability of the second class",
}


def _last_activation(model: keras.Model) -> str | None:
    """The name of the activation that makes the output; None where it cannot be told."""
    import keras

    if not is_model(model):
        return None
    last = operation_of(functional(model).outputs[0])
    if is_model(last):
        return _last_activation(last)
    if hasattr(last, "activation"):
        known = keras.activations.serialize(last.activation)
        return known if isinstance(known, str) else None  # a function that is not Keras' own
    name = type(last).__name__.lower()
    return name if name in {"softmax", "sigmoid", "relu", "tanh"} else None


def _opened_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in getattr(model, "layers", ()):
        yield prefix + layer.name, layer
        yield from _opened_layers(layer, f"{prefix}{layer.name}/")


def _fingerprint(base: Base, model: keras.Model, spec: ModelSpec, compiled: Compiled | None) -> str:
    """A sha256 of the architecture, of the code that is not Keras' own, of what was compiled and of kept weights."""
    digest = hashlib.sha256()
    layers = [layer for _, layer in _opened_layers(model)]
    digest.update(json.dumps(_architecture(model, layers), sort_keys=True, default=repr).encode())
    if draws_by_origin(model):
        digest.update(b"initializers")
    for words in filter(None, map(vocabulary_of, layers)):
        digest.update("\0".join(words).encode())
    digest.update("".join(json.dumps(values) for values in map(adapted, layers) if values).encode())
    code: list[Callable[..., Any]] = [type(part) for part in (model, *layers)]
    code = sorted(set(code), key=lambda kind: kind.__qualname__)
    if isinstance(base, Builder | Function):
        code.insert(0, base.function())
    if compiled is not None:
        facts = [*without_code(compiled.facts()), spec.found.labels]
        digest.update(json.dumps(facts, sort_keys=True, default=repr).encode())
        code += compiled.code
    for part in code:
        if not of_keras(part):
            digest.update(text_of(part).encode())
    digest.update(spec.found.kept_sha256.encode())
    if spec.keep_weights:
        for weight in model.weights:
            digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


def _architecture(model: keras.Model, layers: Sequence[keras.layers.Layer]) -> Any:
    """What can be said of a model: its configuration, or, where a layer has none, what each layer says of itself."""
    if not is_model(model):
        return without_code([(type(layer).__name__, _said(layer)) for layer in layers])
    try:
        config: Any = functional(model).get_config()
    except Exception:  # noqa: BLE001 - a layer's own code
        outputs, sources = calls_of(functional(model))
        return without_code([(type(layer).__name__, _said(layer)) for layer in layers]), outputs, [*sources.items()]
    config.pop("name", None)
    return without_code(config)


def _said(layer: keras.layers.Layer) -> Any:
    try:
        return layer.get_config()
    except Exception:  # noqa: BLE001 - the same
        return [(variable.path, tuple(variable.shape), variable.dtype) for variable in layer.variables]
