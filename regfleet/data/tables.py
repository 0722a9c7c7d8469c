"""From a table to a data set: the target, the columns that are input, groups, time, and what looks wrong."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.data.columns import Column, flat, infer_column, is_text, parse_dates, parse_numbers, short
from regfleet.data.dataset import Dataset, fingerprint
from regfleet.data.leakage import identical_rows, leaking_columns
from regfleet.data.target import infer_target
from regfleet.errors import InputError
from regfleet.settings import Data
from regfleet.text import nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

FEWEST_ROWS = 10


def build_dataset(
    name: str, table: "pa.Table", source: Data, *, test: "pa.Table | None" = None, notes: Sequence[str] = ()
) -> Dataset:
    """The data set in ``table``, whose columns all differ in name, with the rows of ``test`` held out.

    Raises InputError naming the flag when a column is not there or cannot be what it is said to be.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if source.target is None:
        raise InputError(f"--target: expected the column to predict, one of {_some(table.column_names)}; got none")
    _check_columns(table.column_names, source)
    table = table.select([column for column in table.column_names if column not in source.drop])
    categorical = {field.name for field in table.schema if pa.types.is_dictionary(field.type)} | {*source.categorical}
    held_out = None
    if test is not None:
        table, n_training = _with_test(table, test, source), table.num_rows
        held_out = np.arange(table.num_rows) >= n_training
    notes = list(notes)
    missing = np.asarray(pc.is_null(flat(table[source.target]), nan_is_null=True))
    if missing.any():
        notes.append(f"{int(missing.sum()):,} rows have no {source.target} and are left out.")
        table, held_out = table.filter(pa.array(~missing)), None if held_out is None else held_out[~missing]
    if table.num_rows < FEWEST_ROWS:
        got = f"{table.num_rows} in {name}"
        raise InputError(f"--data: expected at least {FEWEST_ROWS} rows with a {source.target}; got {got}")
    target, classes, said = infer_target(source.target, table[source.target], source.task, missing=bool(missing.any()))
    groups = None if source.group is None else _groups(table[source.group], source.group, held_out)
    order = None if source.time is None else _order(table[source.time], source.time)
    roles = {source.target: "target", source.group: "group", source.time: "time"}
    columns = [
        infer_column(column, table[column], categorical=column in categorical)
        for column in table.column_names
        if column not in roles
    ]
    used = [column for column in columns if column.data is not None]
    if not used:
        raise InputError(f"--data: expected a column to predict {source.target} from; got {_none_left(columns, name)}")
    notes += [*said, *(note for column in columns for note in column.notes)]
    ignored = [f"{column.name} ({column.detail})" for column in columns if column.data is None]
    notes += [f"Columns that are not used: {_some(ignored)}."] if ignored else []
    notes += _suspicions(used, target, classes, held_out)
    if held_out is not None:
        check_classes(target, classes, held_out)
    features = _features(used)
    dataset = Dataset(name, features, target, classes, "", groups, order, held_out, tuple(notes), ())
    what = f"{len(classes)} classes: {_some(classes)}" if classes else f"{target.min():g} to {target.max():g}"
    described = [(source.target, "target", what), *((one.name, one.kind, one.detail) for one in columns)]
    described += [(column, role, "not used as input") for column, role in roles.items() if column and role != "target"]
    described += [(column, "ignored", "dropped") for column in dict.fromkeys(source.drop)]
    return replace(dataset, fingerprint=fingerprint(dataset), columns=tuple(described))


def describe_columns(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Name, kind and detail of every column, for a preview: target, number, boolean, category, date, text, ignored."""
    if dataset.columns:
        return list(dataset.columns)
    shape = " × ".join(map(str, dataset.features.shape[1:]))
    what = f"{len(dataset.classes)} classes: {_some(dataset.classes)}" if dataset.classes else "a number"
    return [
        ("target", "target", what),
        ("features", "number", f"{shape} numbers in each of {len(dataset.target):,} rows"),
    ]


def _check_columns(names: list[str], source: Data) -> None:
    wanted = [("--target", source.target), *(("--drop", name) for name in source.drop)]
    wanted += [*(("--categorical", name) for name in source.categorical)]
    wanted += [("--group", source.group), ("--time", source.time)]
    for flag, name in wanted:
        if name is not None and name not in names:
            raise InputError(f"{flag}: expected a column, one of {_some(names)}; got {name!r}{nearest(name, names)}")
    for flag, name in wanted[1:]:
        if name == source.target:
            raise InputError(f"{flag}: expected a column beside the target; got {name!r}")


def _with_test(table: "pa.Table", test: "pa.Table", source: Data) -> "pa.Table":
    """Both tables' rows, the test set's last; a column that differs in type is text in both."""
    import pyarrow as pa

    names = table.column_names
    lacking = [name for name in names if name not in test.column_names]
    extra = [name for name in test.column_names if name not in {*names, *source.drop}]
    if lacking or extra:
        problems = [f"no {_some(lacking)}"] if lacking else []
        problems += [f"also {_some(extra)}"] if extra else []
        raise InputError(f"--test: expected the columns of --data; got {' and '.join(problems)}")
    parts = [(table[name], test[name]) for name in names]
    return pa.table([_joined(*pair) for pair in parts], names=names)


def _joined(first: "pa.ChunkedArray", second: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    pair = [part.cast(part.type.value_type) if pa.types.is_dictionary(part.type) else part for part in (first, second)]
    kinds = {part.type for part in pair if not pa.types.is_null(part.type)}
    if len(kinds) > 1:
        numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        kinds = {pa.float64() if numeric else pa.string()}
    kind = kinds.pop() if kinds else pa.null()
    return pa.chunked_array([chunk for part in pair for chunk in part.cast(kind, safe=False).chunks], type=kind)


def _groups(array: "pa.ChunkedArray", name: str, held_out: "np.ndarray | None") -> "np.ndarray":
    import numpy as np

    values = flat(array)
    if values.null_count:
        row = int(np.flatnonzero(np.asarray(values.is_null()))[0]) + 1
        raise InputError(f"--group: expected a group in every row of {name}; got none in row {row}")
    coded = values.dictionary_encode()
    groups: np.ndarray = coded.indices.to_numpy().astype("int64")
    if held_out is not None:
        shared = np.intersect1d(groups[held_out], groups[~held_out])
        if len(shared):
            value = short(coded.dictionary[int(shared[0])].as_py())
            raise InputError(f"--test: expected groups that --data does not have; got {value!r} of {name} in both")
    return groups


def _order(array: "pa.ChunkedArray", name: str) -> "np.ndarray":
    """The place of each row in time, equal for equal times; the column holds dates or numbers."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    values = flat(array)
    times = values.to_pandas()
    if is_text(values.type):
        numbers, dates = parse_numbers(times), parse_dates(times)
        times = numbers if numbers.notna().sum() > dates.notna().sum() else dates
    elif not (pa.types.is_date(values.type) or pa.types.is_timestamp(values.type)):
        times = pd.to_numeric(times, errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        got = values[row].as_py()
        raise InputError(f"--time: expected a date or a number in every row of {name}; got {got!r} in row {row + 1}")
    return np.unique(times.to_numpy(), return_inverse=True)[1].astype("int64")


def _suspicions(
    columns: list[Column], target: "np.ndarray", classes: tuple[str, ...], held_out: "np.ndarray | None"
) -> list[str]:
    """What looks as if a model could know what it is asked."""
    import numpy as np

    leaking = leaking_columns(columns, target, classes=len(classes))
    notes = []
    if leaking:
        said = f"The target can be told without error from one column alone: {_some(leaking)}"
        notes.append(f"{said}. A column that is not known before the target is gives it away: --drop it.")
    rows = np.sort(identical_rows(columns, target))
    repeated = int((rows[1:] == rows[:-1]).sum())
    if repeated:
        notes.append(
            f"{repeated:,} rows repeat another row, target included; a draw may train on one and test the other."
        )
    if held_out is not None:
        inputs = identical_rows(columns)
        both = int(np.isin(inputs[held_out], inputs[~held_out]).sum())
        if both:
            notes.append(f"{both:,} rows of the test file have the same input as a row of --data.")
    return notes


def check_classes(target: "np.ndarray", classes: tuple[str, ...], held_out: "np.ndarray") -> None:
    """Raise InputError unless the held-out rows and the others are some, of the same classes."""
    import numpy as np

    if not held_out.any() or held_out.all():
        which = "--data" if held_out.all() else "--test"
        raise InputError(f"{which}: expected rows with a target; got none")
    if classes:
        new = [classes[number] for number in np.setdiff1d(target[held_out], target[~held_out])]
        if new:
            raise InputError(f"--test: expected the classes of --data; got {_some(new)}")


def _features(columns: list[Column]) -> "np.ndarray | pd.DataFrame":
    """A matrix where every column is a number, else a frame."""
    import numpy as np
    import pandas as pd

    if all(column.kind in {"number", "boolean"} for column in columns):
        matrix = np.empty((len(columns[0].data), len(columns)))
        for place, column in enumerate(columns):
            matrix[:, place] = column.data
        return matrix
    return pd.DataFrame({column.name: column.data for column in columns})


def _none_left(columns: Sequence[Column], name: str) -> str:
    if not columns:
        return f"no other column in {name}; are its columns separated by one of , ; | or tabs?"
    return f"none of use in {name}: {_some([f'{column.name} ({column.detail})' for column in columns])}"


def _some(names: Sequence[str]) -> str:
    """The first of the names, and how many there are."""
    shown = list(names[:8])
    return ", ".join(shown) + (f", … ({len(names)} in all)" if len(names) > 8 else "")
