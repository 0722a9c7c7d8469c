"""Functions that a study names as ``package.module:function``, and what goes wrong in other people's code."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import tempfile
import traceback
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError, RegfleetError
from regfleet.text import nearest, raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):([A-Za-z_]\w*)")
_CHATTER = re.compile(
    rb"WARNING: All log messages before absl|To enable the following|[IWE][0-9]{4}[0-9:. ]+ [0-9]+ \S+:[0-9]+\]"
)
_NOT_THE_USERS = ("<frozen", str(Path(inspect.__file__).parent), str(Path(__file__).parent))


def meanwhile(work: Callable[[], object]) -> None:
    """Do in a thread what others will find done, imports say; what goes wrong there will go wrong where it counts."""

    def quietly() -> None:
        with suppress(Exception):
            work()

    Thread(target=quietly).start()


def module_and_name(text: str) -> tuple[str, str] | None:
    """The module and the function of ``package.module:function``; None for any other text."""
    match = _NAME.fullmatch(text)
    return (match[1], match[2]) if match else None


def import_function(flag: str, text: str) -> Callable[..., Any]:
    """The function that ``package.module:function`` names, given with ``flag``; what its module prints is no result.

    Raises:
        InputError: there is none, or its module cannot be imported, with the line of the user's code that failed.
    """
    parts = module_and_name(text)
    if not parts:
        raise InputError(f"{flag}: expected package.module:function; got {text!r}")
    module, name = parts
    with importing(flag, text):
        names = vars(importlib.import_module(module))
    if not callable(names.get(name)):
        hint = nearest(name, [key for key, value in names.items() if inspect.isfunction(value)])
        raise InputError(f"{flag}: expected a function in {module}; got {name}, which is not there{hint}")
    function: Callable[..., Any] = names[name]
    return function


@contextmanager
def importing(flag: str, source: str) -> Iterator[None]:
    """Import the module behind ``source``: what it prints is no result, and what TensorFlow says of itself is not said.

    Raises InputError for whatever it raises.
    """
    with users_code(flag, source, "to be importable"), redirect_stdout(sys.stderr), _without_chatter():
        yield


@contextmanager
def _without_chatter() -> Iterator[None]:
    """TensorFlow writes from C++, past `sys.stderr`, and before it has read how much is to be said."""
    if sys.stderr is None:  # closed
        yield
        return
    with tempfile.TemporaryFile() as kept:
        sys.stderr.flush()
        errors = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(errors, 2)
            kept.seek(0)
            os.write(errors, b"".join(line for line in kept if not _CHATTER.match(line)))
            os.close(errors)


@contextmanager
def users_code(flag: str, source: str, expected: str) -> Iterator[None]:
    """Turn whatever the code behind ``source`` raises into an InputError: one line that says where."""
    try:
        yield
    except RegfleetError:
        raise
    except (Exception, SystemExit) as problem:
        raise InputError(f"{flag}: expected {source} {expected}; got {raised(problem)}{_where(problem)}") from problem


def _where(problem: BaseException) -> str:
    """The last line of the user's own code on the way to ``problem``."""
    if isinstance(problem, SyntaxError):
        return f" at {problem.filename}:{problem.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if "-packages" not in frame.filename and not frame.filename.startswith(_NOT_THE_USERS)
    ]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
