"""What regfleet uses of Keras that Keras does not promise: marks on tensors, the form of configurations, names."""

from __future__ import annotations

import json
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras
    import numpy as np

Call = tuple[str, int]
"""A layer's name and the number of its call in the model."""


def logits_of(output: Any) -> Any | None:
    """The logits that Keras keeps beside a softmax's output, for an exact cross-entropy; None where there are none."""
    return getattr(output, "_keras_logits", None)


def with_logits(output: Any, logits: Any) -> Any:
    """``output`` with its logits beside it."""
    output._keras_logits = logits  # noqa: SLF001 - Keras has no public name for it
    return output


def operation_of(tensor: Any) -> Any:
    """The layer or operation that made a symbolic tensor."""
    return tensor._keras_history.operation  # noqa: SLF001 - there is no public way back


def calls_of(model: keras.Model) -> tuple[list[Call], dict[Call, list[Call]]]:
    """The calls that make the outputs of a Functional model, and for each call in it those that it takes."""
    config = model.get_config()
    sources = {
        (layer["name"], number): list(_argument_calls(arguments))
        for layer in config["layers"]
        for number, arguments in enumerate(layer["inbound_nodes"])
    }
    return list(_output_calls(config["output_layers"])), sources


def _argument_calls(node: Any) -> Iterator[Call]:
    """The calls whose results stand among the serialized arguments of a call."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            name, number, _ = node["config"]["keras_history"]
            yield name, number
        else:
            for value in node.values():
                yield from _argument_calls(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _argument_calls(value)


def _output_calls(node: Any) -> Iterator[Call]:
    if isinstance(node, dict):
        node = list(node.values())
    if node and isinstance(node[0], str):
        yield node[0], node[1]
    else:
        for value in node:
            yield from _output_calls(value)


def without_code(config: Any) -> Any:
    """A configuration without the bytes of lambdas, which are not the same in every process."""
    if isinstance(config, dict):
        return {
            key: without_code(value)
            for key, value in config.items()
            if not (key == "config" and config.get("class_name") == "__lambda__")
        }
    return [without_code(value) for value in config] if isinstance(config, list | tuple) else config


def freshly_named(make: Callable[[], Any]) -> Any:
    """What ``make`` returns, made in a thread of its own.

    Keras numbers the layers that have no name per thread, so that the first is called ``dense`` again at every call.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


@dataclass(frozen=True, slots=True)
class Origin:
    """What a variable started from: the ``initializer`` that drew its value, or the ``value`` that it was given."""

    initializer: Callable[..., Any] | None = None
    value: np.ndarray | None = None


def origin_of(variable: keras.Variable) -> Origin | None:
    """Where the value of a variable comes from, if it was made under `origins_noted`."""
    origin: Origin | None = getattr(variable, "_regfleet_origin", None)
    return origin


def give(variable: keras.Variable, value: np.ndarray) -> None:
    """Note that a variable was given its value."""
    variable._regfleet_origin = Origin(value=value)  # noqa: SLF001 - our own note


@contextmanager
def origins_noted() -> Iterator[None]:
    """Note for every variable that is made meanwhile what it starts from, for `origin_of`."""
    import keras

    kind = keras.Variable
    initialize, draw, assign = kind._initialize, kind._initialize_with_initializer, kind._direct_assign  # noqa: SLF001
    made: dict[int, keras.Variable] = {}
    given: dict[int, keras.Variable] = {}

    def noting_value(variable: keras.Variable, value: Any) -> None:
        initialize(variable, value)
        made[id(variable)] = given[id(variable)] = variable

    def noting_initializer(variable: keras.Variable, initializer: Callable[..., Any]) -> None:
        draw(variable, initializer)
        variable._regfleet_origin = Origin(initializer)  # noqa: SLF001 - our own note
        made[id(variable)] = variable
        given.pop(id(variable), None)

    def noting_assignment(variable: keras.Variable, value: Any) -> None:
        assign(variable, value)
        if id(variable) in made:
            given[id(variable)] = variable

    kind._initialize, kind._initialize_with_initializer = noting_value, noting_initializer  # noqa: SLF001
    kind._direct_assign = noting_assignment  # noqa: SLF001
    try:
        yield
    finally:
        kind._initialize, kind._initialize_with_initializer = initialize, draw  # noqa: SLF001
        kind._direct_assign = assign  # noqa: SLF001
    for variable in given.values():
        give(variable, variable.numpy())


def saved_sizes(content: bytes) -> dict[str, int] | None:
    """The unpacked size of each member of a ``.keras`` file, as it says itself; None where it is none, or damaged."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            sizes = {one.filename: one.file_size for one in file.infolist()}
            whole = len(sizes) == len(file.infolist()) and {"config.json", "metadata.json"} <= set(sizes)
            return sizes if whole else None
    except Exception:  # noqa: BLE001 - a damaged archive raises whatever zipfile comes upon
        return None


def is_whole(content: bytes) -> bool:
    """Whether every member of the archive can be unpacked and has its checksum."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            return file.testzip() is None
    except Exception:  # noqa: BLE001 - the same
        return False


def saved_numbers(content: bytes) -> int:
    """The numbers in the weights and in the largest output of a ``.keras`` file's model, which takes no memory here.

    Raises whatever Keras raises for a configuration that makes no model.
    """
    import keras

    def make() -> Any:
        # Variables that are made here have a shape and no value; this thread's are forgotten with it.
        with keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(config, safe_mode=True)

    with zipfile.ZipFile(BytesIO(content)) as file:
        config = json.loads(file.read("config.json")) | {"compile_config": None}
    model = freshly_named(make)
    weights = sum(math.prod(variable.shape) for variable in model.variables)
    outputs = [math.prod(filter(None, tensor.shape)) for layer in model.layers for tensor in _outputs(layer)]
    return int(weights + max(outputs, default=0))


def _outputs(layer: Any) -> list[Any]:
    """The symbolic outputs of each call of a layer."""
    return [tensor for node in layer._inbound_nodes for tensor in node.output_tensors]  # noqa: SLF001 - of all calls


def loss_of(loss: Any) -> Any:
    """The loss object that Keras makes of a name or a function, with the mean over rows."""
    from keras.src.trainers.compile_utils import get_loss

    return get_loss(loss, None, None)


def compiled_loss(model: keras.Model) -> Callable[[Any, Any], Any]:
    """What a compiled model's loss is without penalties, as a function of the target and the output."""
    loss: Callable[[Any, Any], Any] = model._compile_loss  # noqa: SLF001 - compute_loss adds what layers added last
    return loss


def given_to_compile(model: keras.Model) -> dict[str, Any]:
    """What `compile` was given, by the name of its argument."""
    config = getattr(model, "_compile_config", None)
    return dict(getattr(config, "config", None) or {})


def optimizer_config(optimizer: Any) -> dict[str, Any]:
    """The configuration of an optimizer, a schedule of its learning rate as it is: Keras may not know how to write it."""
    import keras

    rate = getattr(optimizer, "_learning_rate", None)  # the public one is its value now
    if not callable(rate):
        return dict(optimizer.get_config())
    optimizer._learning_rate = keras.optimizers.schedules.CosineDecay(1.0, 1)  # noqa: SLF001 - for a moment
    try:
        return dict(optimizer.get_config()) | {"learning_rate": rate}
    finally:
        optimizer._learning_rate = rate  # noqa: SLF001 - likewise


def saved_compile(content: bytes) -> Any:
    """How the model of a ``.keras`` file was compiled, as a configuration; None where it was not."""
    with zipfile.ZipFile(BytesIO(content)) as file:
        return json.loads(file.read("config.json")).get("compile_config")


def never_training(layer: Any) -> bool:
    """Whether every call of a layer in a Functional model says ``training=False``."""
    calls = [node.arguments.kwargs.get("training") for node in layer._inbound_nodes if not node.is_input]  # noqa: SLF001 - the calls
    return bool(calls) and all(training is False for training in calls)
