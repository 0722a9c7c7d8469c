"""Models of the user's own: a builder in a module, a ``.keras`` file, or a function of the Python API.

A `Base` is made by the driver and is pickled to the workers, which call it for each variant.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.borrowed.keras import forget_values, freshly_named, is_whole, saved_compile, saved_numbers, saved_sizes
from regfleet.errors import InputError
from regfleet.functions import import_function, module_and_name, users_code
from regfleet.memory import check_room
from regfleet.models.graph import build_subclass, is_model
from regfleet.models.objective import Compiled, compiled_of, remember
from regfleet.models.vocabulary import check_vocabularies
from regfleet.text import given, named, nearest, reason

if TYPE_CHECKING:
    import keras

MOST_BYTES = 2 * files.GB
MOST_CONFIG = 16 * files.MB
_MOST = f"at most {files.size(MOST_BYTES)}, and {files.size(MOST_CONFIG)} of configuration,"
COPIES = 3
"""Of a model's weights that reading it holds at once: the file's, the layers', and those of the model it is put in."""
_WIDTHS = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")


@dataclass(frozen=True, slots=True)
class Builder:
    """The function that ``package.module:build`` names, imported where it is called."""

    source: str

    def function(self) -> Callable[..., Any]:
        """The function itself; raises InputError naming the line of the user's code that failed."""
        return import_function("--model", self.source)

    def __call__(self, input_shape: tuple[int, ...], outputs: int, **hooks: Any) -> keras.Model:
        """The model for rows of ``input_shape`` and so many outputs."""
        return _built(self.source, self.function(), input_shape, outputs, hooks)


@dataclass(frozen=True, slots=True)
class Function:
    """A function, e.g. one of a notebook, that travels with the study."""

    given: Callable[..., Any]

    def function(self) -> Callable[..., Any]:
        """The function itself."""
        return self.given

    def __call__(self, input_shape: tuple[int, ...], outputs: int, **hooks: Any) -> keras.Model:
        """The model for rows of ``input_shape`` and so many outputs."""
        return _built(getattr(self.given, "__name__", "the model"), self.given, input_shape, outputs, hooks)


@dataclass(frozen=True, slots=True)
class SavedModel:
    """The bytes of a ``.keras`` file, read in Keras' safe mode: no code of the file is run.

    ``compiled`` is what a model in memory was compiled with, which may be code that a file cannot hold.
    """

    content: bytes
    name: str
    compiled: Compiled | None = None

    def __call__(self, input_shape: tuple[int, ...], outputs: int) -> keras.Model:  # noqa: ARG002 - its shapes are fixed
        """The model with the weights of the file."""
        import keras

        with (
            tempfile.TemporaryDirectory() as folder,
            users_code("--model", self.name, "to load in safe mode"),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # what was not loaded is an error or, an optimizer's state, not used
            path = Path(folder) / "model.keras"
            path.write_bytes(self.content)
            model = freshly_named(lambda: keras.models.load_model(path, compile=False, safe_mode=True))
        forget_values(model.variables)
        if self.compiled is not None:
            remember(model, self.compiled)
        elif config := saved_compile(self.content):
            with suppress(Exception):  # of code that is not in the file; `describe` says so
                model.compile_from_config(config)
        return model


Base = Builder | SavedModel | Function


def parse_model(text: str) -> tuple[int, ...] | str:
    """What ``--model`` says: the widths of hidden layers, or the source that `base_of` takes.

    Raises:
        InputError: it is neither widths, nor ``package.module:build``, nor a ``.keras`` file that is there.
    """
    text = text.strip()
    if _WIDTHS.fullmatch(text.replace(" ", "")):
        return tuple(int(width) for width in text.split(","))
    if module_and_name(text):
        return text
    if text.endswith(".keras"):
        try:
            files.check(files.local(text), MOST_BYTES)
        except FileNotFoundError:
            pass
        except OSError as problem:
            raise InputError(f"--model: expected a .keras file; got {named(text)}: {reason(problem)}") from None
        else:
            return text
    expected = "widths such as 64,32, package.module:build or a .keras file that is there"
    raise InputError(f"--model: expected {expected}; got {given(text)}{nearest(text[:200], _models_beside(text))}")


def _models_beside(text: str) -> list[str]:
    try:
        return [str(path) for path in islice(files.local(text).parent.glob("*.keras"), 100)]
    except (OSError, ValueError):
        return []


def base_of(source: str | Callable[..., Any]) -> Base:
    """The base that a source stands for: text as `parse_model` returns it, a function, or a `keras.Model`.

    The working directory becomes importable. Raises InputError when it cannot be read, imported or saved.
    """
    import keras

    if isinstance(source, keras.Model):
        return _saved(source)
    if callable(source):
        return Function(source)
    if source.endswith(".keras"):
        return _read(source)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    builder = Builder(source)
    builder.function()
    return builder


def takes_techniques(base: object) -> bool:
    """Whether the function behind ``base`` has the parameter ``techniques`` and puts them into its model itself."""
    function = base.function() if isinstance(base, Builder | Function) else base
    try:
        return "techniques" in inspect.signature(function).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _read(source: str) -> SavedModel:
    name = named(source)
    try:
        path = files.local(source)
        content = files.read(path, MOST_BYTES)
        sizes = saved_sizes(content)
        if sizes:
            unpacked = sum(sizes.values())
            if unpacked > MOST_BYTES or max(sizes["config.json"], sizes["metadata.json"]) > MOST_CONFIG:
                raise files.UnfitFileError(f"{files.size(unpacked)} unpacked, where {_MOST} are read")
            check_room(COPIES * unpacked)
        if not sizes or not is_whole(content):
            raise InputError(f"--model: expected a .keras file as model.save writes it; got {name}, which is none")
        with users_code("--model", name, "to load in safe mode"):
            numbers = saved_numbers(content)
        check_room(COPIES * 4 * numbers)
    except (OSError, MemoryError) as problem:
        raise InputError(f"--model: expected a .keras file; got {name}: {reason(problem)}") from None
    return SavedModel(content, path.name)


def _saved(model: keras.Model) -> SavedModel:
    check_vocabularies(model)  # none cannot be loaded
    with tempfile.TemporaryDirectory() as folder, users_code("--model", model.name, "to be saved"):
        path = Path(folder) / "model.keras"
        model.save(path)
        return SavedModel(path.read_bytes(), model.name, compiled_of(model))


def _built(
    source: str, function: Callable[..., Any], input_shape: tuple[int, ...], outputs: int, hooks: dict[str, Any]
) -> keras.Model:
    import keras

    def make() -> Any:
        model = function(input_shape, outputs, **hooks)
        if isinstance(model, keras.Sequential) and not model.built:
            model.build((None, *input_shape))
        elif isinstance(model, keras.Model) and not is_model(model):
            build_subclass(model, input_shape)
        return model

    with users_code("--model", source, "to return a Keras model"), redirect_stdout(sys.stderr):
        model = freshly_named(make)
    if not isinstance(model, keras.Model):
        raise InputError(f"--model: expected {source} to return a Keras model; got {type(model).__name__}")
    return model
