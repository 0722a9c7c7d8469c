"""Data in memory, arrays and frames: of the Python API, of an .npz file, of a function."""

import math
import numbers
import warnings
import zipfile
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from regfleet.data.arrow import arrow
from regfleet.data.columns import LARGEST
from regfleet.data.dataset import Dataset, RawArrays, RawTable
from regfleet.data.files import MAX_BYTES, check_values, unique_names
from regfleet.data.parts import Parts, take_apart
from regfleet.data.scaling import asked
from regfleet.data.tables import build_dataset
from regfleet.data.values import features_of, is_frame, is_texts, target_of
from regfleet.errors import InputError
from regfleet.files import UnfitFileError, size
from regfleet.functions import users_code
from regfleet.memory import check_room
from regfleet.numbers import read_whole
from regfleet.settings import Data
from regfleet.text import listed, named, nearest, one_line, reason

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def from_arrays(name: str, data: Any, target: Any = None, *, test: Any = None, source: Data | None = None) -> Dataset:
    """The data set called ``name`` of what is in memory.

    Args:
        name: what the report calls it.
        data: numbers (rows, columns) with NaN where missing, images (rows, …), texts (rows,), a frame (rows, columns),
            or whatever else `take_apart` knows, with its target and its test set.
        target: (rows,) classes or quantities, or one-hot; or the name, or the place, of the column that holds them.
        test: the held-out (features, target), or a frame with the same columns.
        source: columns to drop, categorical, group, time and the task, as `Data` says.

    Raises InputError when they do not fit together.
    """
    source = source or Data(location=name)
    for flag in ("encoding", "no_header", "image_size", "color"):
        if getattr(source, flag):
            said = f"--{flag.replace('_', '-')}: expected a file or a folder"
            raise InputError(f"{said}; got it with data in memory")
    raw = raw_data(name, data, target, test, source)
    return asked(raw, source.scale) if isinstance(raw, Dataset) else build_dataset(raw, source)


def raw_data(name: str, data: Any, target: Any, test: Any, source: Data) -> RawTable | RawArrays | Dataset:
    """What `from_arrays` is given, in one of two forms: numbers and texts as arrays, everything else as a table."""
    if isinstance(data, Dataset):
        return data
    target = source.target if target is None else target
    with users_code("--data", name, "to be data that can be read"):  # another library's objects may raise anything
        return _of_parts(name, take_apart(name, data, target, test, source), source)


def _of_parts(name: str, parts: Parts, source: Data) -> RawTable | RawArrays:
    raw = _raw(name, parts, source)
    if parts.validation is not None:
        raw = _joined(raw, _beside(raw, parts.validation, source, "--data"))
    if parts.test is None:
        return raw
    held_out = _beside(raw, parts.test, source, "--test")
    if isinstance(raw, RawTable):
        return replace(raw, test=held_out.table, notes=tuple(dict.fromkeys((*raw.notes, *held_out.notes))))
    both: RawArrays = _joined(raw, held_out, held_out=True)
    return both


def _beside(raw: RawTable | RawArrays, parts: Parts, source: Data, flag: str) -> Any:
    """More rows of what ``raw`` holds."""
    column = raw.target if isinstance(raw, RawTable) else None
    more: Any = _raw(raw.name, parts, source, column, "the test " if flag == "--test" else "the ")
    if isinstance(more, RawTable) != isinstance(raw, RawTable):
        raise InputError(f"{flag}: expected rows of the same kind; got an array beside a frame")
    if isinstance(raw, RawArrays):
        x, others = raw.features, more.features
        if others.shape[1:] != x.shape[1:]:
            said = f"expected features of shape {x.shape[1:]} in each row; got {others.shape[1:]}"
            raise InputError(f"{flag}: {said}")
        if (x.dtype.kind in "biu") != (others.dtype.kind in "biu"):
            raise InputError(f"{flag}: expected features of {x.dtype}; got {others.dtype}")
    if parts.classes and not raw.classes and _are_numbers_of(more.classes, _values(raw)):
        shown = listed([f"{place} is {named(name)}" for place, name in enumerate(more.classes)])
        return replace(more, notes=(*more.notes, f"The numbers of the target are those of the test set: {shown}."))
    return more if more.classes == raw.classes else _numbered_alike(raw, more, flag)


def _numbered_alike(raw: Any, more: Any, flag: str) -> Any:
    """``more`` with a target as that of ``raw``: numbers of its classes where it has their names, else values."""
    import numpy as np
    import pandas as pd

    y, other = (_values(one) for one in (more, raw))
    known = ~np.asarray(pd.isna(y))
    by_number = dict(enumerate(raw.classes))
    if more.classes:
        names = [more.classes[int(one)] for one in y[known]]
    elif any(isinstance(one, str) for one in y[known]):
        names = [str(one) for one in y[known]]
    elif all(read_whole(name) in {-1, place} for place, name in by_number.items()):
        return more
    else:
        raise InputError(f"{flag}: expected classes by name, as in the rest of --data; got numbers")
    if raw.classes:
        numbers = {name: place for place, name in by_number.items()}
    elif any(isinstance(one, str) for one in other):
        numbers = {name: name for name in names}
    else:
        numbers = {name: read_whole(name) for name in names if read_whole(name) >= 0}
    new = sorted({*names} - {*numbers})
    if new:
        expected = "numbers of classes"
        if raw.classes:
            expected = f"the classes of --data, {listed([*map(named, raw.classes)])}"
        raise InputError(f"{flag}: expected {expected}; got {listed([*map(named, new)])}")
    target = np.full(len(y), None, dtype=object)
    target[known] = [numbers[name] for name in names]
    if all(isinstance(one, int) for one in numbers.values()):
        target = target.astype("int64" if known.all() else "float64")
    if isinstance(more, RawArrays):
        return replace(more, target=target, classes=raw.classes)
    place = more.table.column_names.index(more.target)
    table = more.table.set_column(place, more.target, [arrow(target)])
    return replace(more, table=table, classes=raw.classes)


def _are_numbers_of(classes: tuple[str, ...], values: "np.ndarray") -> bool:
    """Whether all ``values`` are places among ``classes``, whose names are none themselves."""
    import numpy as np

    numbers = values.dtype.kind in "iuf" and bool(np.isin(values[~np.isnan(values)], range(len(classes))).all())
    return numbers and not any(name.isdigit() for name in classes)


def _values(raw: Any) -> "np.ndarray":
    """The target."""
    import numpy as np

    return np.asarray(raw.table[raw.target].to_pandas() if isinstance(raw, RawTable) else raw.target)


def _joined(raw: Any, more: Any, *, held_out: bool = False) -> Any:
    import numpy as np
    import pyarrow as pa

    notes = (*raw.notes, *more.notes)
    if isinstance(raw, RawTable):
        try:
            table = pa.concat_tables([raw.table, more.table], promote_options="permissive")
        except pa.ArrowException as problem:
            raise InputError(f"--data: expected parts of equal columns; got {one_line(problem, 200)}") from None
        return replace(raw, table=table, notes=notes)
    features, target = (np.concatenate([getattr(one, part) for one in (raw, more)]) for part in ("features", "target"))
    last = np.arange(len(features)) >= len(raw.features) if held_out else None
    return replace(raw, features=features, target=target, held_out=last, notes=tuple(dict.fromkeys(notes)))


def _raw(name: str, parts: Parts, source: Data, column: str | None = None, what: str = "") -> RawTable | RawArrays:
    """Features and target of one part; ``column`` is the target's name where the part has none of its own."""
    notes = list(parts.notes)
    x = features_of(parts.features, f"{what}features", notes)
    target = column if parts.target is None else parts.target
    if target is None:
        raise InputError(f"--target: expected what is to be predicted in {name}; got none")
    x, target, place = _located(x, target)
    classes, values = () if source.task == "regression" else parts.classes, None
    if isinstance(target, str):
        column = target
    elif place is None:
        values, found = target_of(target, f"{what or 'the '}target", notes)
        if _is_out_of_order(x, target):
            notes.append("The target has the index of the features in another order: rows are paired as they stand.")
        classes = classes or found
        if found and source.task == "regression":
            raise InputError("--task regression: expected numbers; got one-hot classes")
        column = column or _name(target, found)
    if is_frame(x):
        notes += _index_notes(x)
        table, column, renamed = as_table(x, values, place, column)
        return RawTable(name, table, column, notes=(*notes, *renamed), classes=classes)
    if {*source.drop} - {*parts.dropped} or source.categorical or source.group or source.time:
        raise InputError(
            f"--drop, --categorical, --group, --time: expected a table with names; got an array for {name}"
        )
    return RawArrays(name, *_pair(x, values), notes=tuple(notes), classes=classes)


def _located(x: Any, target: Any) -> tuple[Any, Any, int | None]:
    """Features, and the target as values, as a name or as the place of its column."""
    if is_frame(x):
        several = isinstance(target, list) and len(target) > 1 and all(isinstance(one, str) for one in target)
        if several and {*target} <= {*_names(x)}:
            x, target = _without_columns(x, target)
        place = _place(x, target)
        if place is None and isinstance(target, numbers.Integral):
            got = f"{target!r}{nearest(str(target), _names(x))}"
            raise InputError(f"--target: expected a column, one of {', '.join(map(named, _names(x)[:8]))}; got {got}")
        return x, target, place
    if isinstance(target, numbers.Integral) and x.ndim == 2:
        return (*_without_column(x, int(target)), None)
    if isinstance(target, str | numbers.Integral):
        raise InputError(f"--target: expected values, one for each row of an array; got {target!r}")
    return x, target, None


def _index_notes(frame: Any) -> list[str]:
    """That a frame of pandas has names in its index, which holds something then."""
    names = [str(name) for name in getattr(getattr(frame, "index", None), "names", ()) if name is not None]
    if not names:
        return []
    return [f"The index of the frame ({listed([*map(named, names)])}) is not read; reset_index() makes columns of it."]


def _is_out_of_order(features: Any, target: Any) -> bool:
    """Whether two frames, or series, of pandas would be aligned otherwise by their index."""
    one: Any = getattr(features, "index", None)
    other: Any = getattr(target, "index", None)
    if not hasattr(one, "equals") or not hasattr(other, "equals") or len(one) != len(other) or one.equals(other):
        return False
    return bool(one.is_unique and other.is_unique and one.isin(other).all())


def _name(target: Any, classes: tuple[str, ...]) -> str:
    """What the column of a target is called: as a series or the only column of a frame is."""
    name = getattr(target, "name", None)
    if name is None and not classes:
        name = next(iter(getattr(target, "columns", ())), None)
    return "target" if name in (None, "") else str(name)


def _without_columns(frame: Any, names: list[str]) -> tuple[Any, Any]:
    if hasattr(frame, "iloc"):
        return frame.drop(columns=names), frame[names]
    return frame.drop(names), frame.select(names)


def _names(x: Any) -> list[str]:
    return [str(name) for name in getattr(x, "column_names", getattr(x, "columns", ()))]


def _place(frame: Any, target: Any) -> int | None:
    """Where the column is that ``target`` names, as it is or as text; None where it names none."""
    if isinstance(target, list) and len(target) == 1:
        (target,) = target
    if not isinstance(target, str | numbers.Integral | tuple):
        return None
    names = [*getattr(frame, "column_names", frame.columns)]
    places = [place for place, name in enumerate(names) if type(name) is type(target) and name == target]
    if not places and not isinstance(target, tuple):
        places = [place for place, name in enumerate(names) if str(name) == str(target)]
    return places[0] if places else None


def _without_column(x: "np.ndarray", place: int) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    if not -x.shape[1] <= place < x.shape[1]:
        raise InputError(f"--target: expected a column from 0 to {x.shape[1] - 1}; got {place}")
    return np.delete(x, place, axis=1), x[:, place]


def read_npz(content: Any) -> "dict[str, np.ndarray]":
    """The arrays of an .npz file by name, which are as large as they say; nothing in it is unpickled.

    Raises OSError, ValueError or what `zipfile` raises where there are none.
    """
    import numpy as np

    with zipfile.ZipFile(BytesIO(content)) as archive, warnings.catch_warnings():
        # NumPy's word on a header of Python 2, which reads as well.
        warnings.simplefilter("ignore", UserWarning)
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


def _unfit(features: "np.ndarray", y: Any) -> str:
    """What does not fit of features and a target."""
    if features.ndim > 2 and y.ndim == 1 and features.shape[1] == len(y):
        return f"{len(features)} inputs of {features.shape[1:]}, where models of one input are trained"
    one = features.ndim == 1 and features.shape == y.shape
    return f"{features.shape} and {y.shape}" + "; a single feature is a column, x[:, None]" * one


def _pair(features: "np.ndarray", y: Any) -> "tuple[np.ndarray, np.ndarray]":
    """Features as float64 or whole numbers (rows, columns), images of any type or texts (rows,); target (rows,)."""
    import numpy as np

    texts = is_texts(features)
    if features.dtype.kind not in "biuf" and not texts:
        raise InputError(f"--data: expected features that are numbers; got an array of {features.dtype}")
    if features.ndim < 2 - texts or y.ndim != 1 or len(features) != len(y) or not features[:1].size:
        got = _unfit(features, y)
        raise InputError(f"--data: expected features (rows, columns) and a target (rows,) of as many rows; got {got}")
    if texts:
        return features, y
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


def as_table(
    features: Any, values: "np.ndarray | None", place: int | None, column: str | None
) -> "tuple[pa.Table, str, tuple[str, ...]]":
    """The table of a frame with its target, in the column at ``place`` or of its own as ``column``; notes on names."""
    import pandas as pd
    import pyarrow as pa

    if hasattr(features, "to_arrow"):  # polars, whose whole numbers stay whole beside missing ones
        features = features.to_arrow()
    if isinstance(features, pa.RecordBatch):
        features = pa.Table.from_batches([features])
    if isinstance(features, pa.Table):
        arrays, names, rows = list(features.columns), list(features.column_names), len(features)
    else:
        if len(features.shape) != 2:
            raise InputError(f"--data: expected features (rows, columns); got {features.shape}")
        frame = features.to_pandas() if hasattr(features, "to_pandas") else pd.DataFrame(features)
        arrays = [pa.chunked_array([arrow(_dense(frame.iloc[:, place]))]) for place in range(frame.shape[1])]
        names, rows = [str(name) for name in frame.columns], len(frame)
    if values is not None:
        if values.shape != (rows,):
            raise InputError(f"--data: expected a target of {rows} rows, one for each; got {values.shape}")
        if column in names:
            raise InputError(f"--target: expected a name that no other column has; got {column!r}")
        arrays, names, place = [*arrays, pa.chunked_array([arrow(values)])], [*names, str(column)], len(names)
    unique, notes = unique_names(names)
    return pa.table(arrays, names=unique), str(column) if place is None else unique[place], tuple(notes)


def _dense(column: Any) -> Any:
    import pandas as pd

    return column.sparse.to_dense() if isinstance(column.dtype, pd.SparseDtype) else column
