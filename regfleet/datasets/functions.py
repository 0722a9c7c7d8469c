"""Data sets that a function of the user's returns."""

import importlib
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regfleet.datasets.arrays import from_arrays, from_mapping
from regfleet.datasets.readers import nearest
from regfleet.errors import InputError, RegfleetError
from regfleet.records import Dataset, DataSource

FUNCTION = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):([A-Za-z_]\w*)")


def load_function(source: DataSource) -> Dataset:
    """The data set that ``package.module:function``, called without arguments, returns.

    It may return (features, target), (features, target, test features, test target), a frame, a mapping of arrays (of
    columns, if ``source`` names the target's), or a `Dataset`. The working directory is importable. Raises InputError
    with the line of the user's code that failed.
    """
    found = FUNCTION.fullmatch(source.location)
    if not found:
        raise InputError(f"--data: expected package.module:function; got {source.location!r}")
    module, function = found.groups()
    with _importable(), _blaming(source.location):
        names = vars(importlib.import_module(module))
        if callable(names.get(function)):
            data = names[function]()
        else:
            hint = nearest(function, [name for name, value in names.items() if callable(value)])
            raise InputError(f"--data: expected a function in {module}; got {function}, which is not there{hint}")
    return _dataset(function, data, source)


def _dataset(name: str, data: Any, source: DataSource) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) and len(data) in {2, 4}:
        return from_arrays(name, data[0], data[1], test=data[2:] or None, source=source)
    if isinstance(data, Mapping) and source.target is None:
        return from_mapping(name, data, source)
    if isinstance(data, Mapping):
        import pandas as pd

        data = pd.DataFrame(dict(data))
    if hasattr(data, "columns"):
        return from_arrays(name, data, source=source)
    said = "(features, target), a frame, a mapping of arrays or a Dataset"
    raise InputError(f"--data: expected {source.location} to return {said}; got {type(data).__name__}")


@contextmanager
def _importable() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


@contextmanager
def _blaming(location: str) -> Iterator[None]:
    """Whatever the user's code raises, as one line that says where."""
    try:
        yield
    except RegfleetError:
        raise
    except (Exception, SystemExit) as problem:  # noqa: BLE001 – a user's code may raise anything
        frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if "importlib" not in frame.filename]
        last = frames[-1]
        where = f" at {last.filename}:{last.lineno}" if last.filename != __file__ else ""
        if isinstance(problem, SyntaxError):
            where = f" at {problem.filename}:{problem.lineno}"
        said = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
        raise InputError(f"--data: expected {location} to return data; got {said}{where}") from None
