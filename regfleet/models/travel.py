"""Whether a model of the user's own can be sent to workers, and what stands in the way."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.models.base import Function, SavedModel
from regfleet.models.held import name_of, parts_held
from regfleet.text import raised

if TYPE_CHECKING:
    from regfleet.models.base import Base

_DEEPEST = 6


def check_travels(base: Base) -> None:
    """Raise InputError, naming what cannot be pickled, for a model that cannot be sent to a worker."""
    root: Any
    if isinstance(base, SavedModel):
        root, name = base.compiled, base.name  # its file is bytes, up to 2 GB of them
    else:
        root, name = (base.given, name_of(base.given)) if isinstance(base, Function) else (base, "the model")
    problem = _problem(root)
    if problem is None:
        return
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
        inside = next(((words, part) for words, part in parts_held(value, name) if _problem(part) is not None), None)
        if inside is None:
            break
        (where, value), name = inside, name_of(inside[1]) if callable(inside[1]) else inside[0]
    return where, value


def _kind(value: Any) -> str:
    kind = type(value)
    return (
        f"a {kind.__qualname__}"
        if kind.__module__ in {"builtins", "_io", "_thread"}
        else f"a {kind.__module__}.{kind.__qualname__}"
    )
