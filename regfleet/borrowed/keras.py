"""What regfleet uses of Keras that Keras does not promise: marks on tensors, the form of configurations, names."""

from __future__ import annotations

import json
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import keras

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


def nodes_of(model: keras.Model) -> list[tuple[Any, list[Any], list[Any]]]:
    """The calls of a Functional model from its inputs on: the layer or operation, the tensors it takes and makes."""
    by_depth = model._nodes_by_depth  # noqa: SLF001 - Keras has no public name for it
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    return [(node.operation, list(node.input_tensors), list(node.output_tensors)) for node in nodes]


def first_input_of(layer: Any) -> Any:
    """The symbolic tensor that a layer was first called on."""
    return layer._inbound_nodes[0].input_tensors[0]  # noqa: SLF001 - the same


def sublayers_of(layer: Any) -> list[Any]:
    """All layers that a layer or a model holds, those inside them too."""
    return list(layer._flatten_layers(include_self=False))  # noqa: SLF001 - of a layer that is no model


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
