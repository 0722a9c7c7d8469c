"""Whether a model of the user's own can be sent to workers, and what stands in the way."""

from __future__ import annotations

import types
import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.models.base import Function, SavedModel
from regfleet.text import one_line, raised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regfleet.models.base import Base

_DEEPEST = 6


def check_travels(base: Base) -> None:
    """Raise InputError, naming what cannot be pickled, for a model that cannot be sent to a worker."""
    problem = _problem(base)
    if problem is None:
        return
    root: Any
    root, name = (base.given, _name(base.given)) if isinstance(base, Function) else (base, "the model")
    if isinstance(base, SavedModel):
        root, name = base.compiled, base.name
    where, culprit = _culprit(root, name)
    found = f"{where}, {_kind(culprit)}" if culprit is not root else raised(problem, 200)
    raise InputError(
        f"--model: expected {name} to hold only what can be sent to workers; got {found}, which cannot be pickled: "
        "make it inside the function, or train with in_process=True"
    )


def _problem(value: Any) -> Exception | None:
    from ray import cloudpickle

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras, about its own files
            cloudpickle.dumps(value)
    except Exception as problem:  # noqa: BLE001 - pickling runs the code of whatever is pickled
        return problem
    return None


def _culprit(value: Any, name: str) -> tuple[str, Any]:
    """The innermost part of ``value`` that cannot be pickled, and where it is."""
    where = name
    for _ in range(_DEEPEST):
        inside = next(((words, part) for words, part in _parts(value, name) if _problem(part) is not None), None)
        if inside is None:
            break
        (where, value), name = inside, _name(inside[1]) if callable(inside[1]) else inside[0]
    return where, value


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What pickling ``value`` takes along, each with words for where it is."""
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


def _name(value: Any) -> str:
    return str(getattr(value, "__name__", None) or type(value).__name__)


def _kind(value: Any) -> str:
    kind = type(value)
    return (
        f"a {kind.__qualname__}"
        if kind.__module__ in {"builtins", "_io", "_thread"}
        else f"a {kind.__module__}.{kind.__qualname__}"
    )
