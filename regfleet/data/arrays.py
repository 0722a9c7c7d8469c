"""Data in memory, arrays and frames: of the Python API, of an .npz file, of a function."""

import math
import sys
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

from regfleet.data.columns import LARGEST, arrow
from regfleet.data.dataset import Dataset, RawArrays, RawTable
from regfleet.data.files import MAX_BYTES, check_values, unique_names
from regfleet.data.tables import build_dataset
from regfleet.errors import InputError
from regfleet.files import UnfitFileError, size
from regfleet.memory import check_room
from regfleet.settings import Data
from regfleet.text import named, one_line, reason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def from_arrays(
    name: str, features: Any, target: Any = None, *, test: Any = None, source: Data | None = None
) -> Dataset:
    """The data set called ``name`` of an array or a frame.

    Args:
        name: what the report calls it.
        features: numbers (rows, columns) with NaN where missing, images (rows, …), or a frame (rows, columns).
        target: (rows,) classes or quantities; for a frame also the name of its column that holds them.
        test: the held-out (features, target), or a frame with the same columns.
        source: columns to drop, categorical, group, time and the task, as `Data` says.

    Raises InputError when they do not fit together.
    """
    source = source or Data(location=name)
    return build_dataset(raw_data(name, features, target, test, source), source)


def raw_data(name: str, features: Any, target: Any, test: Any, source: Data) -> RawTable | RawArrays:
    """What `from_arrays` is given, in one of two forms: numbers as arrays, everything else as a table."""
    target = source.target if target is None else target
    if target is None:
        raise InputError(f"--target: expected what is to be predicted in {name}; got none")
    features = features if _is_frame(features) else _array(features, "features")
    if not _is_frame(features) and features.dtype != object:
        return _raw_arrays(name, features, target, test, source)
    column = target if isinstance(target, str) else str(getattr(target, "name", None) or "target")
    table, notes = _table(features, target, column)
    if test is not None:
        x_test, y_test = test if isinstance(test, tuple) else (test, column)
        test = _table(x_test, y_test, column)[0]
    return RawTable(name, table, column, test, notes)


def raw_mapping(name: str, arrays: Any, source: Data) -> RawTable | RawArrays:
    """The same of arrays by name: x and y (or data and target), x_test and y_test."""
    known = {str(key).lower(): value for key, value in arrays.items()}
    x, y = known.get("x", known.get("data")), known.get("y", known.get("target"))
    if x is None or y is None:
        got = ", ".join(named(key) for key in [*known][:8]) or "none"
        raise InputError(f"--data: expected arrays called x and y in {name}; got {got}")
    if ("x_test" in known) != ("y_test" in known):
        raise InputError(f"--data: expected both x_test and y_test in {name}; got one of them")
    test = (known["x_test"], known["y_test"]) if "x_test" in known else None
    return raw_data(name, x, y, test, source)


def read_npz(content: Any) -> "dict[str, np.ndarray]":
    """The arrays of an .npz file by name, which are as large as they say; nothing in it is unpickled.

    Raises OSError, ValueError or what `zipfile` raises where there are none.
    """
    import numpy as np

    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".npy")]
        if len({one.filename.lower() for one in members}) < len(members):
            raise ValueError("two arrays of one name")
        total = sum(one.file_size for one in members)
        if total > MAX_BYTES:
            raise UnfitFileError(f"{size(total)} unpacked, where at most {size(MAX_BYTES)} are read")
        check_room(total)
        arrays = {}
        for one in members:
            with archive.open(one) as file:
                version = np.lib.format.read_magic(file)
                read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                if version not in read:
                    raise ValueError(f"{one.filename} of version {version[0]}.{version[1]}")
                shape, _, kind = read[version](file)
                if len(shape) == 2:
                    check_values(*shape)
                if kind.hasobject:
                    raise ValueError(f"{one.filename} of Python objects, which are not read")
                if min(shape, default=0) < 0 or math.prod(shape) * kind.itemsize > one.file_size:
                    raise ValueError(f"{one.filename} of more values than the file holds")
            with archive.open(one) as file:
                arrays[one.filename.removesuffix(".npy").lower()] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _raw_arrays(name: str, features: "np.ndarray", target: Any, test: Any, source: Data) -> RawArrays:
    import numpy as np

    if source.drop or source.categorical or source.group or source.time:
        raise InputError(
            f"--drop, --categorical, --group, --time: expected a table with names; got an array for {name}"
        )
    x, y = _pair(features, target)
    if test is None:
        return RawArrays(name, x, y)
    x_test, y_test = _pair(_array(test[0], "the test features"), test[1])
    if x_test.shape[1:] != x.shape[1:]:
        raise InputError(f"--test: expected features of shape {x.shape[1:]} in each row; got {x_test.shape[1:]}")
    held_out = np.arange(len(x) + len(x_test)) >= len(x)
    return RawArrays(name, np.concatenate([x, x_test]), np.concatenate([y, y_test]), held_out)


def _pair(features: "np.ndarray", target: Any) -> "tuple[np.ndarray, np.ndarray]":
    """Features as float64 or whole numbers (rows, columns), or images of any type, and the target (rows,)."""
    import numpy as np

    y = _array(target, "the target")
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if features.dtype.kind not in "biuf":
        raise InputError(f"--data: expected features that are numbers; got an array of {features.dtype}")
    if features.ndim < 2 or y.ndim != 1 or len(features) != len(y) or not features[:1].size:
        got = f"{features.shape} and {y.shape}"
        raise InputError(f"--data: expected features (rows, columns) and a target (rows,) of as many rows; got {got}")
    try:
        if features.ndim == 2:
            check_values(*features.shape)
    except UnfitFileError as problem:
        raise InputError(f"--data: expected fewer features; got {reason(problem)}") from None
    with np.errstate(over="ignore"):  # what is infinite as a float64 is too large, and LARGEST is that as a float32
        exact = features.ndim > 2 or features.dtype.kind in "iu"
        x = features if exact and features.dtype.kind != "b" else np.array(features, dtype="float64")
        if x.dtype.kind != "f":
            return x, y
        if x.ndim > 2 and not np.isfinite(x).all():
            raise InputError("--data: expected images without missing values; got NaN or infinity")
        too_large = (np.abs(x) > LARGEST).any()
    if too_large:
        raise InputError(f"--data: expected numbers up to {LARGEST:g} in size; got larger or infinite ones")
    return x, y


def _array(values: Any, what: str) -> "np.ndarray":
    import numpy as np

    try:
        array = np.asarray(values)
        _check_text(array)
    except (TypeError, ValueError) as problem:
        raise InputError(f"--data: expected {what} to be an array; got {one_line(problem)}") from None
    return array


def _check_text(array: "np.ndarray") -> None:
    """Raise ValueError for text of what are no characters: numpy holds it, and nothing else does."""
    import numpy as np

    if array.dtype.kind == "U":
        codes = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view("uint32")
        if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise ValueError("text of characters that are none")
    elif array.dtype.kind == "O":
        "".join(one for one in array.flat if isinstance(one, str)).encode()


def _is_frame(features: Any) -> bool:
    """A frame of pandas or polars, or an Arrow table."""
    return hasattr(features, "columns") and hasattr(features, "shape")


def _table(features: Any, target: Any, column: str) -> "tuple[pa.Table, tuple[str, ...]]":
    """The table of a frame or of an array of objects with its target as ``column``, and notes on changed names."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(features, pa.Table):
        arrays, names = list(features.columns), list(features.column_names)
    else:
        if len(features.shape) != 2:
            raise InputError(f"--data: expected features (rows, columns); got {features.shape}")
        frame = features.to_pandas() if hasattr(features, "to_pandas") else pd.DataFrame(features)
        arrays = [pa.chunked_array([arrow(frame.iloc[:, place])]) for place in range(frame.shape[1])]
        names = [str(name) for name in frame.columns]
    if not isinstance(target, str):
        values, rows = _array(target, "the target"), len(features)
        if values.shape != (rows,):
            raise InputError(f"--data: expected a target of {rows} rows, one for each; got {values.shape}")
        if column in names:
            raise InputError(f"--target: expected a name that no other column has; got {column!r}")
        arrays, names = [*arrays, pa.chunked_array([arrow(values)])], [*names, column]
    unique, notes = unique_names(names)
    return pa.table(arrays, names=unique), tuple(notes)
