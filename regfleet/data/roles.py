"""What the columns of a table are for: the target, groups, time, and the input that is left."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.data.columns import (
    LARGEST,
    Column,
    flat,
    infer_column,
    is_text,
    is_useless,
    parse_dates,
    parse_numbers,
    physical,
    short,
)
from regfleet.errors import InputError
from regfleet.settings import Data
from regfleet.settings.values import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_INTEGER_CLASSES = 20
"""Whole numbers with more values than that are a quantity, unless the task says otherwise."""

Target = tuple["np.ndarray", tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """A table's columns by what they are for, as `Dataset` holds them; ``columns`` are the input, ignored ones too.

    ``notes`` say what was assumed.
    """

    target: "np.ndarray"
    classes: tuple[str, ...]
    groups: "np.ndarray | None"
    order: "np.ndarray | None"
    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def read_roles(
    table: "pa.Table",
    source: Data,
    categorical: Collection[str],
    held_out: "np.ndarray | None",
    *,
    missing: bool,
) -> Roles:
    """The columns of ``table``, all of whose rows have a target; ``missing`` says that some had none.

    Raises InputError naming the flag when a column cannot be what it is said to be.
    """
    name = str(source.target)
    target, classes, notes = infer_target(name, table[name], source.task, missing=missing)
    groups = None if source.group is None else _groups(table[source.group], source.group, held_out)
    order = None if source.time is None else _order(table[source.time], source.time)
    columns = tuple(
        infer_column(column, table[column], categorical=column in categorical)
        for column in table.column_names
        if column not in (name, source.group, source.time)
    )
    return Roles(target, classes, groups, order, columns, (*notes, *(note for one in columns for note in one.notes)))


def check_use(flag: str, name: str, array: "pa.ChunkedArray | pa.Array", what: str) -> None:
    """Raise InputError, naming ``flag``, for a column whose Arrow type is of no use."""
    if is_useless(array.type):
        raise InputError(f"{flag}: expected a column of {what}; got {name}, which holds {short(array.type)} values")


def infer_target(name: str, array: "pa.ChunkedArray", task: Task | None, *, missing: bool = False) -> Target:
    """The target as class numbers int64 or quantities float64 (rows,), its classes, and notes on what was assumed.

    Text and truth values are classes, and so are whole numbers of at most 20 values; other numbers are quantities.
    ``array`` has no missing values; ``missing`` says that rows without one were left out, for which pandas turns whole
    numbers into floats. Raises InputError when there is nothing to predict.
    """
    import numpy as np
    import pyarrow as pa

    check_use("--target", name, array, "classes or numbers")
    values = flat(array)
    kind = values.type
    if pa.types.is_temporal(kind):
        raise InputError(f"--target: expected a column of classes or numbers; got {name}, which holds {kind} values")
    distinct = values.unique()
    if len(distinct) < 2:
        held = f"always {short(distinct[0].as_py())}" if len(distinct) else "empty"
        raise InputError(f"--target: expected a column with at least two values; got {name}, which is {held}")
    numbers = _numbers(values)
    if numbers is None:
        if task == "regression":
            raise InputError(f"--task regression: expected numbers in {name}; got {short(distinct[0].as_py())!r}")
        return _classes(name, np.asarray(values.cast(pa.large_string()).to_pandas(), dtype=object))
    huge = numbers[~(np.abs(numbers) <= LARGEST)]
    if huge.size:
        raise InputError(f"--target: expected numbers up to {LARGEST:g} in size in {name}; got {huge[0]:g}")
    if pa.types.is_integer(kind) and np.abs(numbers).max() >= 2**53:
        got = f"{np.abs(numbers).max():g}"
        raise InputError(f"--target: expected whole numbers below 2^53 in size in {name}; got {got}")
    whole, typed_whole = bool((numbers % 1 == 0).all()), missing or not pa.types.is_floating(kind)
    few = len(distinct) <= MAX_INTEGER_CLASSES
    if task == "classification" or (task is None and whole and few and typed_whole):
        return _classes(name, numbers)
    notes: tuple[str, ...] = ()
    if task is None and whole and (few or typed_whole):
        what = f"The target {name} has {len(distinct):,} whole values and is taken as a quantity"
        notes = (f"{what} (regression); if they are classes, use --task classification.",)
    return numbers, (), notes


def _numbers(values: "pa.Array") -> "np.ndarray | None":
    """The values as float64 (rows,); None unless every one is a number."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return None
    if not is_text(values.type):
        return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    coded = values.dictionary_encode()
    parsed = parse_numbers(coded.dictionary.to_pandas()).to_numpy()
    return None if np.isnan(parsed).any() else parsed[coded.indices.to_numpy()]


def _classes(name: str, values: "np.ndarray") -> Target:
    import numpy as np

    found, codes = np.unique(values, return_inverse=True)
    if len(found) > len(values) / 2:
        msg = f"--target: expected classes that repeat; got {len(found):,} different values in the {len(values):,} rows"
        raise InputError(f"{msg} of {name}")
    names = tuple(str(int(value)) if isinstance(value, float) and value % 1 == 0 else str(value) for value in found)
    return codes.astype("int64"), names, ()


def _groups(array: "pa.ChunkedArray", name: str, held_out: "np.ndarray | None") -> "np.ndarray":
    import numpy as np
    import pyarrow as pa

    check_use("--group", name, array, "numbers, texts or dates")
    values = flat(array)
    if values.null_count:
        row = int(np.flatnonzero(np.asarray(values.is_null()))[0]) + 1
        raise InputError(f"--group: expected a group in every row of {name}; got none in row {row}")
    coded = values.dictionary_encode()
    groups: np.ndarray = coded.indices.to_numpy().astype("int64")
    if held_out is not None:
        shared = np.intersect1d(groups[held_out], groups[~held_out])
        if len(shared):
            value = short(coded.dictionary.take([int(shared[0])]).cast(pa.string())[0].as_py())
            raise InputError(f"--test: expected groups that --data does not have; got {value!r} of {name} in both")
    return groups


def _order(array: "pa.ChunkedArray", name: str) -> "np.ndarray":
    """The place of each row in time, equal for equal times; the column holds dates or numbers."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    check_use("--time", name, array, "dates or numbers")
    values = flat(array)
    if pa.types.is_temporal(values.type) and not values.null_count:
        return np.unique(physical(values).to_numpy(), return_inverse=True)[1].astype("int64")
    times = values.cast(pa.string()).to_pandas() if pa.types.is_temporal(values.type) else values.to_pandas()
    if is_text(values.type):
        numbers, dates = parse_numbers(times), parse_dates(times)
        times = numbers if numbers.notna().sum() > dates.notna().sum() else dates
    elif not pa.types.is_temporal(values.type):
        times = pd.to_numeric(times, errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        got = values[row].as_py()
        raise InputError(f"--time: expected a date or a number in every row of {name}; got {got!r} in row {row + 1}")
    return np.unique(times.to_numpy(), return_inverse=True)[1].astype("int64")
