"""What code of the user's own holds: what a function, a class or an object brings along wherever it goes."""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from regfleet.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LIBRARIES = sys.stdlib_module_names | {"keras", "numpy", "tensorflow"}
_DEEPEST = 4


def facts_of(part: Any, depth: int = _DEEPEST) -> Any:
    """What decides what ``part`` computes, as JSON has it and the same in every process.

    Of an object of a library its class and configuration, of other code its text and what it holds, down to ``depth``.
    """
    if part is None or isinstance(part, str | int | float):
        return part
    if isinstance(part, Mapping):
        return {str(key): facts_of(value, depth) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [facts_of(value, depth) for value in part]
    if isinstance(part, set | frozenset):
        return sorted((facts_of(value, depth) for value in part), key=repr)
    if hasattr(part, "__array__") and not isinstance(part, type):
        return _numbers(part)
    return _of_object(part, depth)


def _numbers(part: Any) -> Any:
    import numpy as np

    try:
        array = np.asarray(part)
    except Exception:  # noqa: BLE001 - of a symbolic tensor, say
        return name_of(part)
    if array.dtype.kind == "O":
        return str(array.tolist())
    return [str(array.dtype), str(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]


def _of_object(part: Any, depth: int) -> Any:
    name = name_of(part)
    known = str(getattr(part, "__module__", None) or type(part).__module__).split(".")[0] in _LIBRARIES
    whole = isinstance(part, type | types.FunctionType | types.BuiltinFunctionType)
    if not depth or isinstance(part, types.ModuleType) or (known and whole):
        return name
    said: list[Any] = []
    if hasattr(part, "get_config") and not whole:
        with suppress(Exception):  # of the user's own, or not written
            said = [facts_of(_unnamed(part, part.get_config()), depth)]
        if known and said:
            return [name, *said]
    held = [(words, facts_of(value, depth - 1)) for words, value in parts_held(part, "") if words != ".name"]
    kind = [] if whole else [facts_of(type(part), depth - 1)]
    return [name, text_of(part), *said, *sorted(held, key=repr), *kind]


def _unnamed(part: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a loss without its name, which Keras may have numbered."""
    import keras

    return {key: value for key, value in config.items() if key != "name" or not isinstance(part, keras.losses.Loss)}


def text_of(part: Callable[..., Any]) -> str:
    """The source of a function or a class; empty where there is none."""
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return ""


def parts_held(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What ``value`` takes along when it is pickled, each with words for where it is."""
    if isinstance(value, types.FunctionType):
        for free, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            with suppress(ValueError):  # a cell that is still empty
                yield f"{free} around {name}", cell.cell_contents
        names = dict.fromkeys(_names(value.__code__))
        yield from (
            (f"the global {one} of {name}", value.__globals__[one]) for one in names if one in value.__globals__
        )
        yield from ((f"a default of {name}", one) for one in value.__defaults__ or ())
        yield from ((f"the default {key} of {name}", one) for key, one in (value.__kwdefaults__ or {}).items())
    elif isinstance(value, types.MethodType):
        yield f"the object of {name}", value.__self__
    elif isinstance(value, partial):
        yield f"the function in {name}", value.func
        yield from ((f"an argument of {name}", one) for one in value.args)
        yield from ((f"the argument {key} of {name}", one) for key, one in value.keywords.items())
    elif isinstance(value, Mapping):
        yield from ((f"{name}[{one_line(repr(key), 40)}]", one) for key, one in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"an element of {name}", one) for one in value)
    elif not isinstance(value, type | types.ModuleType):
        yield from ((f"{name}.{key}", one) for key, one in getattr(value, "__dict__", {}).items())
    elif isinstance(value, type):
        yield from ((f"{name}.{key}", one) for key, one in vars(value).items() if not key.startswith("__"))


def _names(code: types.CodeType) -> Iterator[str]:
    """The global names in the code of a function, and of functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def name_of(value: Any) -> str:
    """What a function or class, or the class of another object, is called."""
    return str(getattr(value, "__name__", None) or type(value).__name__)


def of_keras(part: Any) -> bool:
    """Whether a class or a function, or the class of another object, is Keras' own or Python's."""
    module = getattr(part, "__module__", None) or type(part).__module__
    return str(module).split(".")[0] in {"keras", "builtins"}
