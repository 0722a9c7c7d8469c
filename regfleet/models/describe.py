"""What the driver has to know of a model of the user's own, and whether it fits the data."""

from __future__ import annotations

import hashlib
import inspect
import json
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import operation_of, without_code
from regfleet.errors import InputError
from regfleet.models.base import Builder, Function, SavedModel, takes_techniques
from regfleet.models.graph import functional, hidden_layers, is_model
from regfleet.models.hooks import Hooks
from regfleet.models.surgery import with_techniques
from regfleet.models.texts import example
from regfleet.models.vocabulary import check_vocabularies, vocabulary_of
from regfleet.models.weights import initial_weights
from regfleet.settings.values import ModelSpec
from regfleet.text import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras

    from regfleet.models.base import Base
    from regfleet.settings.values import Task


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
        raise InputError(f"--keep-weights: expected a .keras file as --model; got {source}, whose weights are drawn")
    if takes_techniques(base):
        hooks = Hooks()
        model = base(input_shape, outputs, techniques=hooks)  # type: ignore[call-arg]
        _check_output(model, source, input_shape, outputs, task)
        layers = hooks.layers
    else:
        model = opened(base(input_shape, outputs), source, input_shape)
        _check_output(model, source, input_shape, outputs, task)
        layers = hidden_layers(model)
        with_techniques(model, (), ())
    _check_adapted(model, source)
    initial_weights(model, 0)
    return ModelSpec((), (), source, layers, _fingerprint(base, model, keep_weights=keep_weights), keep_weights)


def opened(model: keras.Model, source: str, input_shape: tuple[int, ...]) -> keras.Model:
    """``model`` from one tensor to one; raises InputError if it takes no techniques or no such rows."""
    import keras

    if not is_model(model):
        raise InputError(
            f"--model: expected {source} to give a Functional or Sequential model, or to take techniques itself "
            f"(a parameter techniques); got {type(model).__name__}, a subclass whose layers cannot be seen"
        )
    _check_input(model, source, input_shape)
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def _check_input(model: keras.Model, source: str, input_shape: tuple[int, ...]) -> None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        given = f"{len(model.inputs)} and {len(model.outputs)}"
        raise InputError(f"--model: expected {source} to have one input and one output; got {given}")
    if model.inputs[0].dtype == "string" and input_shape not in {(), (1,)}:
        said = f"one column of texts for {source}, whose input is text"
        raise InputError(f"--data: expected {said}; got rows of shape {input_shape}")
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) != len(input_shape) or any(a not in {None, b} for a, b in zip(shape, input_shape, strict=True)):
        raise InputError(f"--model: expected {source} to take rows of shape {input_shape}; got {shape}")


def _check_output(model: keras.Model, source: str, input_shape: tuple[int, ...], outputs: int, task: Task) -> None:
    import numpy as np

    kind = "softmax" if task == "classification" else "linear"
    check_vocabularies(model)
    expected = f"--model: expected {source} to give {outputs} {kind} output{'s' * (outputs > 1)} for each row"
    name = _last_activation(model)
    if name not in {None, kind}:
        raise InputError(f"{expected}; got {name}")
    try:
        # Ones are fit for an Embedding too, and unlike zeros they show a sigmoid for what it is.
        given = np.asarray(model(example(model, input_shape), training=False))
    except Exception as problem:
        raise InputError(f"{expected}; got {raised(problem)}") from problem
    if given.shape != (2, outputs):
        raise InputError(f"{expected}; got the shape {given.shape[1:]}")
    if kind == "softmax" and not (given.min() >= 0 and np.allclose(given.sum(axis=1), 1, atol=1e-3)):
        raise InputError(f"{expected}; got numbers that do not sum to 1, such as {np.round(given[0, :3], 3).tolist()}")


def _last_activation(model: keras.Model) -> str | None:
    """The name of the activation that makes the output; None where it cannot be told."""
    import keras

    if not is_model(model):
        return None
    last = operation_of(functional(model).outputs[0])
    if is_model(last):
        return _last_activation(last)
    if hasattr(last, "activation"):
        return str(keras.activations.serialize(last.activation))
    name = type(last).__name__.lower()
    return name if name in {"softmax", "sigmoid", "relu", "tanh"} else None


def _check_adapted(model: keras.Model, source: str) -> None:
    import keras

    for name, layer in _opened_layers(model):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is None:
            raise InputError(
                f"--model: expected no layer that was adapted to data; got {name} in {source} (rows are standardized "
                "already; Normalization with a given mean and variance is fine)"
            )


def _opened_layers(model: keras.Model, prefix: str = "") -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in getattr(model, "layers", ()):
        yield prefix + layer.name, layer
        yield from _opened_layers(layer, f"{prefix}{layer.name}/")


def _fingerprint(base: Base, model: keras.Model, *, keep_weights: bool) -> str:
    """A sha256 of the architecture, of the code that is not Keras' own, and of the weights that are kept."""
    digest = hashlib.sha256()
    layers = [layer for _, layer in _opened_layers(model)]
    if is_model(model):
        architecture: Any = functional(model).get_config()
        architecture.pop("name", None)
    else:
        architecture = [(type(layer).__name__, layer.get_config()) for layer in layers]
    digest.update(json.dumps(without_code(architecture), sort_keys=True, default=repr).encode())
    for words in filter(None, map(vocabulary_of, layers)):
        digest.update("\0".join(words).encode())
    code: list[Callable[..., Any]] = [type(part) for part in (model, *layers)]
    code = sorted(set(code), key=lambda kind: kind.__qualname__)
    if isinstance(base, Builder | Function):
        code.insert(0, base.function())
    for part in code:
        if not str(part.__module__).startswith("keras."):
            digest.update(_text(part).encode())
    if keep_weights:
        for weight in model.weights:
            digest.update(weight.numpy().tobytes())
    return digest.hexdigest()


def _text(part: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return ""
