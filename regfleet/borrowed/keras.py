"""What regfleet uses of Keras that Keras does not promise: marks on tensors, the form of configurations, names."""

from __future__ import annotations

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


def is_saved_model(content: bytes) -> bool:
    """Whether these are the bytes of a ``.keras`` file, whole."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as file:
            return {"config.json", "metadata.json"} <= set(file.namelist()) and file.testzip() is None
    except (zipfile.BadZipFile, EOFError):
        return False
