"""A trained model as plain Keras loads it: what techniques put in is a layer of Keras, or part of the weights."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import freshly_named
from regfleet.errors import InputError
from regfleet.models.graph import functional, is_model
from regfleet.models.kernels import uses_of
from regfleet.models.objective import read
from regfleet.models.regularizers import is_penalized, kernels_of, own_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import keras
    import numpy as np

    from regfleet.settings.values import Output

VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__bytes__"}
"""What stands in configurations as classes do, and is no code."""
CLOSE = 1e-4
"""How far the plain model's answers may be from those of the one that was trained, of standardized or probable size."""


def plain(model: keras.Model, values: Sequence[np.ndarray], rows: np.ndarray, what: str) -> keras.Model:
    """``model`` with ``values`` of its variables as a model of Keras' own layers, which answers alike in inference.

    Args:
        model: with the techniques of a recipe; it holds the values afterwards.
        values: of ``model.variables``.
        rows: a few rows of its input, on which both have to answer alike.
        what: names the variant.

    Raises:
        InputError: a layer is of a class that plain Keras does not have.
    """
    import numpy as np

    from regfleet.models.texts import tensor
    from regfleet.training.contract import assign

    assign(model.variables, values)
    if not is_model(model):
        raise InputError(
            f"--variant {what}: expected a model of layers in a graph; got {type(model).__name__}, a subclass of "
            "keras.Model, whose code no file holds"
        )
    made = _converted(functional(model, single=True))
    before, after = (np.asarray(one(tensor(rows), training=False), "float64") for one in (model, made))
    if not np.allclose(before, after, CLOSE, CLOSE, equal_nan=True):
        raise InputError(
            f"--variant {what}: expected a technique that plain layers of Keras can stand for; got another"
        )
    return made


def answering(model: keras.Model, output: Output, mean: float = 0.0, scale: float = 1.0) -> keras.Model:
    """``model`` with an output that anybody can read: probabilities of all classes, or numbers in the target's unit."""
    import keras

    if output == "probabilities":
        return model
    given = model.outputs[0]
    if output == "number":
        answer = keras.layers.Rescaling(scale, offset=mean, name="in_units_of_the_target")(given)
    else:
        answer = read(output, given)
    return keras.Model(model.inputs[0], answer, name=model.name)


def together(models: Sequence[keras.Model], names: Sequence[str], *, one_input: bool) -> keras.Model:
    """The model whose answer is the mean of those of ``models``, called on one input or each on one of its own."""
    import keras

    for model, name in zip(models, names, strict=True):
        model.name = f"network_{name}"

    def source(model: keras.Model, name: str) -> Any:
        (given,) = model.inputs
        return keras.Input(given.shape[1:], dtype=given.dtype, name=name)

    if one_input:
        shared = source(models[0], "input")
        inputs: Any = shared
        answers = [model(shared) for model in models]
    else:
        inputs = {name: source(model, name) for model, name in zip(models, names, strict=True)}
        answers = [model(inputs[name]) for model, name in zip(models, names, strict=True)]
    mean = keras.layers.Average(name="mean")(answers) if len(answers) > 1 else answers[0]
    return keras.Model(inputs, mean, name="ensemble")


def saved(model: keras.Model, what: str) -> bytes:
    """The ``.keras`` file of ``model``; raises InputError where it holds what plain Keras does not have."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not compiled
        path = Path(folder) / "model.keras"
        model.save(path)
        content = path.read_bytes()
    odd = next(foreign(config_of(content)), "")
    if odd:
        raise InputError(f"--variant {what}: expected layers that plain Keras loads in safe mode; got {odd}")
    return content


def opened(content: bytes) -> keras.Model:
    """The model of a ``.keras`` file whose configuration was looked at, read in safe mode: no code of it runs."""
    import keras

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        return freshly_named(lambda: keras.models.load_model(path, compile=False, safe_mode=True))


def config_of(content: bytes) -> Any:
    """The configuration in a ``.keras`` file."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        return json.loads(file.read("config.json"))


def foreign(node: Any) -> Iterator[str]:
    """What in the configuration of a model is code, or of a class that is not Keras' own, in words."""
    if isinstance(node, dict):
        kind, module, registered = (node.get(key) for key in ("class_name", "module", "registered_name"))
        if isinstance(kind, str) and "config" in node and kind not in VALUES:
            name = node["config"].get("name", "") if isinstance(node["config"], dict) else ""
            called = f"{kind} {name}".strip()
            if kind in {"Lambda", "__lambda__"}:
                yield f"{called}, a Lambda, which is code"
            elif str(module).split(".")[0] != "keras" or ">" in str(registered):
                own = ">" in str(registered)
                yield f"{called} of {str(registered).replace('>', ', ') if own else module or 'code of your own'}"
        for value in node.values():
            yield from foreign(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from foreign(value)


def _converted(model: keras.Model) -> keras.Model:
    """A Functional model of the same layers, but for those that are regfleet's or compute with another kernel."""
    import keras

    from regfleet.techniques.residual import Skip

    copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def instead(layer: keras.layers.Layer) -> keras.layers.Layer:
        if is_model(layer):
            return _converted(functional(layer))
        if isinstance(layer, keras.layers.InputLayer) or not isinstance(layer, keras.layers.Layer):
            return layer
        made = _inference(layer)
        if made is None and (uses_of(layer) or is_penalized(layer)):
            made = type(layer).from_config(own_config(layer))
            copies.append((layer, made))
        return made or layer

    known: dict[int, keras.layers.Layer] = {}

    def once(layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) not in known:
            known[id(layer)] = instead(layer)
        return known[id(layer)]

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        return _sum(layer, *args[0]) if isinstance(layer, Skip) else layer(*args, **kwargs)

    made = keras.models.clone_model(model, clone_function=once, call_function=call)
    for layer, copy in copies:
        _fill(copy, layer)
    return made


def _inference(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    """The layer of Keras that does in inference what one of regfleet's own does; None for any other."""
    import keras

    from regfleet.techniques.residual import ShakeDrop, ShakeShake, StochasticDepth

    if isinstance(layer, ShakeShake):
        return keras.layers.Average(name=layer.name)
    if isinstance(layer, ShakeDrop | StochasticDepth):
        return keras.layers.Rescaling(1 - layer.rate, name=layer.name)
    if isinstance(layer, keras.layers.Dropout) and type(layer) is not keras.layers.Dropout:
        return keras.layers.Activation("linear", name=layer.name)
    return None


def _sum(layer: Any, source: Any, output: Any) -> Any:
    """What a skip connection gives: every so many places of ``source``, projected where its width is another."""
    import keras

    if any(stride > 1 for stride in layer.strides):
        pool = getattr(keras.layers, f"MaxPooling{len(layer.strides)}D")
        source = pool(1, strides=tuple(layer.strides), name=f"{layer.name}_places")(source)
    if layer.kernel is not None:
        project = keras.layers.Dense(layer.kernel.shape[-1], use_bias=False, name=f"{layer.name}_projection")
        source = project(source)
        project.kernel.assign(layer.kernel)
    return keras.layers.Add(name=layer.name)([output, source])


def _fill(copy: keras.layers.Layer, layer: keras.layers.Layer) -> None:
    """Give ``copy`` the weights of ``layer``, its kernels as they are used in inference."""
    kernels = {id(kernel) for kernel in kernels_of(layer)}
    for new, old in zip(copy.weights, layer.weights, strict=True):
        value = old.value
        if id(old) in kernels:
            for use in reversed(uses_of(layer)):  # what was changed last sees the kernel first
                value = use.use(value, False, None)
        new.assign(value)
