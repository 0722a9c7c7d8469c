"""A data set from wherever it is: built in, a file, OpenML, a function of the user's."""

import hashlib
import itertools
import lzma
import os
import re
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.data.arrays import raw_data, read_npz
from regfleet.data.dataset import Dataset, RawArrays, RawTable
from regfleet.data.files import TEXTS, check_file, is_file, read_bytes, read_table, suffix
from regfleet.data.folders import find_files, is_folder, read_folder
from regfleet.data.preview import Preview, previewed
from regfleet.data.roles import reading_of
from regfleet.data.scaling import asked
from regfleet.data.tables import build_dataset
from regfleet.errors import InputError
from regfleet.functions import import_function, module_and_name, users_code
from regfleet.numbers import read_whole
from regfleet.settings import Data
from regfleet.text import given, listed, masked, named, nearest, one_line, reason

if TYPE_CHECKING:
    import numpy as np


BUILTIN = {
    "iris": "150 flowers, 4 measurements, 3 species (Fisher 1936)",
    "wine": "178 wines, 13 chemical measurements, 3 cultivars",
    "breast_cancer": "569 tumours, 30 measurements of cell nuclei, benign or malignant",
    "digits": "1,797 handwritten digits, 8 x 8 grey values, 10 classes",
    "digits_images": "the same digits as 8 x 8 x 1 images, for convolutions",
}


def load_builtin(name: str) -> Dataset:
    """The built-in data set ``name``, one of `BUILTIN`."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name.removesuffix('_images')}")()
    features, target = bunch.data.astype("float64"), bunch.target.astype("int64")
    if name == "digits_images":
        features = bunch.images[..., None].astype("float64")
    return Dataset(name, features, target, tuple(map(str, bunch.target_names)), _fingerprint(features, target))


def builtin_columns(name: str) -> tuple[str, ...]:
    """What the columns of a built-in table measure, in order; empty for anything else, images included.

    Results and keys of trials call them column 1 and on.
    """
    if name not in BUILTIN or name.endswith("_images"):
        return ()
    from sklearn import datasets

    return tuple(map(str, getattr(datasets, f"load_{name}")().feature_names))


def _fingerprint(features: "np.ndarray", target: "np.ndarray") -> str:
    digest = hashlib.sha256(repr((features.shape, target.shape)).encode())
    digest.update(features.tobytes())
    digest.update(target.tobytes())
    return digest.hexdigest()


PREFIX = "openml:"


_DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    LookupError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


def _read_npz(source: Data) -> RawTable | RawArrays | Dataset:
    """What is in an .npz file with arrays ``x`` and ``y``, and ``x_test`` and ``y_test`` if the test set is fixed.

    Nothing in the file is unpickled.
    """
    check_file(source.location, "--data", (".npz",))
    try:
        arrays = read_npz(read_bytes(source.location, "--data"))
    # Damaged archives raise whatever the module that reads them comes upon.
    except _DAMAGED as problem:
        said = one_line(reason(problem), 200)
        raise InputError(f"--data: expected arrays of numbers in {named(source.location)}; got: {said}") from None
    return raw_data(files.stem(source.location), arrays, None, None, source)


def _read_openml(source: Data) -> RawTable | RawArrays | Dataset:
    """The table of ``openml:61`` or ``openml:iris``; its own target unless ``source`` names one.

    Where it has several targets the others are no input. What is sparse has numbers alone, without names.

    Raises InputError when there is none or it cannot be reached.
    """
    name = source.location.removeprefix(PREFIX)
    number = read_whole(name)
    which = {"name": name} if number < 0 else {"data_id": number}
    try:
        with warnings.catch_warnings():
            # It warns of every attempt and of several versions; the last error, if any, says it all.
            warnings.simplefilter("ignore")
            bunch = _fetched(which)
    except (OSError, ValueError, KeyError, HTTPException) as problem:
        said = one_line(problem, 200)
        raise InputError(
            f"--data: expected a data set of OpenML, downloaded once; got {named(source.location)}: {said}"
        ) from None
    target = source.target or next(iter(bunch.target_names), None)
    if bunch.frame is None:
        if [target] != bunch.target_names:
            got = f"{target!r} of {bunch.target_names}"
            raise InputError(f"--target: expected the one target of the sparse {source.location}; got {got}")
        return raw_data(source.location, (bunch.data, bunch.target), None, None, source)
    others = [name for name in bunch.target_names if target in bunch.target_names and name != target]
    left = [name for name in others if name not in source.drop]
    raw = raw_data(source.location, bunch.frame.drop(columns=left), target, None, source)
    if not left:
        return raw
    said = f"The other targets of {source.location} are no input: {listed([*map(named, left)])}; --target chooses one."
    return replace(raw, notes=(*raw.notes, said))


def _fetched(which: dict[str, Any]) -> Any:
    """What scikit-learn gives for a data set of OpenML, a frame unless it is sparse."""
    from sklearn.datasets import fetch_openml

    try:
        return fetch_openml(**which, as_frame="auto", parser="auto")
    except TypeError:  # of the faster parser, for categories that are numbers
        try:
            return fetch_openml(**which, as_frame="auto", parser="liac-arff")
        except Exception as problem:  # noqa: BLE001 - of the other parser's own kinds
            raise ValueError(one_line(problem)) from None


def _read_function(source: Data) -> RawTable | RawArrays | Dataset:
    """What ``package.module:function``, called without arguments, returns.

    It may return all that `take_apart` knows, or a `Dataset`. The working directory is importable. Raises InputError
    with the line of the user's code that failed.
    """
    with _importable():
        function = import_function("--data", source.location)
        with users_code("--data", source.location, "to return data"):
            data = function()
    return raw_data(source.location.rpartition(":")[2], data, None, None, source)


@contextmanager
def _importable() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def check_source(source: Data, *, target: bool = True) -> None:
    """Raise InputError for what can be seen to be wrong without reading any row; a ``target`` may have to be named."""
    place = source.location
    _check_flags(source)
    if place in BUILTIN:
        for name in (name for name, value in source if value and name not in ("location", "scale")):
            raise InputError(
                f"--{name.replace('_', '-')}: expected a table; got it with the built-in {place}, which needs none"
            )
    elif place.startswith(PREFIX) and len(place) > len(PREFIX):
        pass
    elif is_folder(place):
        find_files(place, source.test)
        return
    elif suffix(place) == ".npz":
        check_file(place, "--data", (".npz",))
    elif module_and_name(place) and not files.is_file(place):
        pass
    elif is_file(place):
        check_file(place, "--data")
        if target and source.target is None:
            raise InputError(f"--target: expected the column of {named(place)} that is to be predicted; got none")
    else:
        near = nearest(place[:200], [*BUILTIN, *_files_here()])
        said = f"a file, openml:NUMBER, package.module:function or one of {', '.join(BUILTIN)}, or a folder by class"
        raise InputError(f"--data: expected {said}; got {given(place)}{near}")
    if source.test is not None:
        check_file(source.test, "--test")


def _files_here() -> list[str]:
    try:
        return sorted(entry.name for entry in itertools.islice(os.scandir(), 1000) if entry.is_file())
    except OSError:
        return []


def load_dataset(source: Data) -> Dataset:
    """The data set at ``source``; raises InputError naming the flag when it cannot be used."""
    check_source(source)
    raw = _read(source)
    if isinstance(raw, RawTable) and source.no_header:
        source = _by_place(source, raw.table.column_names)
        raw = replace(raw, target=source.target)
    return asked(raw, source.scale) if isinstance(raw, Dataset) else build_dataset(raw, source)


def read_raw(source: Data, texts: Collection[str] = ()) -> RawTable | RawArrays | Dataset:
    """What is at ``source``, as it is, whether or not its target is named; raises InputError as `load_dataset` does.

    ``texts`` are columns of a text file that stay as they are written.
    """
    check_source(source, target=False)
    return _read(source, texts)


def preview(source: Data) -> Preview | None:
    """What is in the columns of a table whose target is not named; None where ``source`` needs no name or has one."""
    check_source(source, target=False)
    raw = None if source.target or not _is_table(source.location) else _read(source)
    return previewed(raw, source) if isinstance(raw, RawTable) else None


def _is_table(place: str) -> bool:
    """Whether a location is that of a file with columns, and of nothing that is looked for first."""
    other = place in BUILTIN or place.startswith(PREFIX) or is_folder(place) or suffix(place) == ".npz"
    return is_file(place) and not other and not (module_and_name(place) and not files.is_file(place))


def _by_place(source: Data, names: list[str]) -> Data:
    """The source with the names of columns that are given by their places, from 1 on or from the end."""

    def named(column: str) -> str:
        place = int(column) if re.fullmatch(r"-?[1-9]\d{0,8}", column) and column not in names else 0
        return names[place - (place > 0)] if 0 < abs(place) <= len(names) else column

    found: dict[str, Any] = {name: [*map(named, getattr(source, name))] for name in ("drop", "categorical")}
    single = {name: getattr(source, name) for name in ("target", "group", "time")}
    found |= {name: named(value) for name, value in single.items() if value}
    return source.model_copy(update=found)


def _read(source: Data, texts: Collection[str] = ()) -> RawTable | RawArrays | Dataset:
    """What is at ``source``, as it is."""
    place = source.location
    if place in BUILTIN:
        return load_builtin(place)
    if place.startswith(PREFIX):
        return _read_openml(source)
    if is_folder(place):
        return read_folder(data_name(place), source)
    if suffix(place) == ".npz":
        return _read_npz(source)
    if module_and_name(place) and not files.is_file(place):
        return _read_function(source)
    how: dict[str, Any] = {"encoding": source.encoding, "no_header": source.no_header}
    table, notes = read_table(place, "--data", **how, decimal=source.decimal, texts=texts)
    decimal = reading_of(table, source).decimal
    test, more = (None, ()) if source.test is None else read_table(source.test, "--test", **how, decimal=decimal)
    return RawTable(data_name(place), table, source.target, test, (*notes, *more))


def data_name(location: str) -> str:
    """What a report calls the data at ``location``: a file without place and extension, a folder without its place."""
    if location not in BUILTIN and is_folder(location):
        return files.local(location).resolve().name or location
    return files.stem(location) if is_file(location) else location


def _check_flags(source: Data) -> None:
    for flag, location in (("--data", source.location), ("--test", source.test or "")):
        if masked(location) != location:
            said = "a URL without credentials, which would be in the report; give them in the environment"
            raise InputError(f"{flag}: expected {said}; got {named(masked(location))}")
    if source.time and (source.group or source.test):
        other = "--group" if source.group else "--test"
        raise InputError(f"--time: expected neither --group nor --test beside it; got {other}")
    folder = is_folder(source.location) and source.location not in BUILTIN
    named_columns = {"target", "drop", "categorical", "group", "time", "no_header", "missing", "decimal"}
    columns = [name for name, value in source if value and name in named_columns]
    if folder and (columns or source.task == "regression"):
        flag = (columns or ["task"])[0].replace("_", "-")
        raise InputError(f"--{flag}: expected a table; got it with a folder, whose folders are its classes")
    for flag, value in (("image-size", source.image_size), ("color", source.color)):
        if value and not folder:
            raise InputError(f"--{flag}: expected a folder of images; got it with {named(source.location)}")
    text = suffix(source.location) in TEXTS and _is_table(source.location)
    for flag, given_it in (("encoding", source.encoding and not folder), ("no-header", source.no_header)):
        if given_it and not text:
            raise InputError(
                f"--{flag}: expected a text file, *{', *'.join(TEXTS)}; got it with {named(source.location)}"
            )
    if source.test and not folder and not _is_table(source.location):
        raise InputError(f"--test: expected a file beside a file of --data; got it with {named(source.location)}")
