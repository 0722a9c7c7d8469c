"""From a table to a data set: the target, the columns that are input, groups, time, and what looks wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regfleet.data.arrow import arrow, codes_of, is_text, is_useless, settled
from regfleet.data.columns import Column, Reading, infer_texts
from regfleet.data.dataset import Dataset, RawArrays, RawTable, fingerprint
from regfleet.data.leakage import identical_rows, leaking_columns
from regfleet.data.numerals import Decimal, decimal_of
from regfleet.data.roles import Roles, infer_target, read_roles, reading_of, target_of
from regfleet.data.scaling import asked
from regfleet.errors import InputError
from regfleet.numbers import span
from regfleet.settings import Data
from regfleet.text import nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

FEWEST_ROWS = 10


def build_dataset(raw: RawTable | RawArrays, source: Data) -> Dataset:
    """The data set in ``raw``, whose columns are what ``source`` says and else what their values look like.

    Raises InputError naming the flag when a column is not there or cannot be what it is said to be.
    """
    if raw.classes and source.task is None:
        source = source.model_copy(update={"task": "classification"})
    built = _of_arrays(raw, source) if isinstance(raw, RawArrays) else _of_table(raw, source)
    return asked(replace(built, fingerprint=fingerprint(built)), source.scale)


def _of_table(raw: RawTable, source: Data) -> Dataset:
    import numpy as np
    import pyarrow as pa

    table = raw.table
    if raw.target is None:
        raise InputError(f"--target: expected the column to predict, one of {_some(table.column_names)}; got none")
    source = source.model_copy(update={"target": raw.target})
    _check_columns(table.column_names, source, next((note for note in raw.notes if "--no-header" in note), ""))
    table = table.select([column for column in table.column_names if column not in source.drop])
    table = pa.table([settled(one) for one in table.columns], names=table.column_names)
    table = table.replace_schema_metadata(raw.table.schema.metadata)
    categorical = {field.name for field in table.schema if pa.types.is_dictionary(field.type)} | {*source.categorical}
    held_out = None
    if raw.test is not None:
        test = pa.table([settled(one) for one in raw.test.columns], names=raw.test.column_names)
        table, n_training = _with_test(table, test, source), table.num_rows
        held_out = np.arange(table.num_rows) >= n_training
    notes = list(raw.notes)
    reading = reading_of(table, source)
    target, marked = target_of(raw.target, table[raw.target], reading)
    table = table.set_column(table.column_names.index(raw.target), raw.target, target)
    missing = np.asarray(target.is_null(nan_is_null=True))
    if missing.any():
        notes.append(_left_out(int(missing.sum()), raw.target, marked))
        table, held_out = _filtered(table, ~missing), None if held_out is None else held_out[~missing]
    if table.num_rows < FEWEST_ROWS:
        got = f"{table.num_rows} in {raw.name}"
        raise InputError(f"--data: expected at least {FEWEST_ROWS} rows with a {raw.target}; got {got}")
    roles = read_roles(table, source, reading, categorical, held_out, missing=bool(missing.any()))
    roles = replace(roles, classes=_class_names(roles.classes, raw.classes))
    used = [column for column in roles.columns if column.data is not None]
    if not used:
        left = _none_left(roles.columns, raw.name)
        raise InputError(f"--data: expected a column to predict {raw.target} from; got {left}")
    unused = [column for column in roles.columns if column.data is None]
    untold = [column for column in unused if not any(column.detail in note for note in column.notes)]
    ignored = [f"{column.name} ({column.detail})" for column in untold]
    notes += [*roles.notes, *([f"Columns that are not used: {_some(ignored)}."] if ignored else [])]
    notes += _suspicions(used, roles.target, roles.classes, held_out)
    if held_out is not None:
        _check_classes(roles.target, roles.classes, held_out)
    return Dataset(
        raw.name,
        _features(used),
        roles.target,
        roles.classes,
        "",
        roles.groups,
        roles.order,
        held_out,
        tuple(notes),
        tuple(_described(roles, source)),
        inputs=tuple(replace(column, data=None) for column in used),
        reading=reading,
    )


def _left_out(rows: int, target: str, marked: tuple[str, ...]) -> str:
    what, left = _rows(rows, "has", "have"), "is" if rows == 1 else "are"
    if not marked:
        return f"{what} no {target} and {left} left out."
    what = f"{what} no {target} ({', '.join(marked)}) and {left} left out"
    return f"{what}; --missing TEXT says which texts are none, and --missing '' that every text is a class."


def _rows(many: int, one: str, several: str) -> str:
    return f"1 row {one}" if many == 1 else f"{many:,} rows {several}"


def _filtered(table: "pa.Table", kept: "np.ndarray") -> "pa.Table":
    """The rows that are ``kept``; columns of no use, which Arrow may not be able to filter, are empty ones there."""
    import pyarrow as pa

    mask, rows = pa.array(kept), int(kept.sum())

    def filtered(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
        if is_useless(column.type):
            return pa.chunked_array([pa.nulls(rows, column.type)])
        return (column.cast(pa.large_string()) if is_text(column.type) else column).filter(mask)

    columns = [filtered(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _described(roles: Roles, source: Data) -> Iterator[tuple[str, str, str]]:
    """Name, kind and detail of each column."""
    low, high, classes = roles.target.min(), roles.target.max(), roles.classes
    yield (
        str(source.target),
        "target",
        f"{len(classes)} classes: {_some(classes)}" if classes else span(low, high),
    )
    for one in roles.columns:
        yield one.name, one.kind, one.detail
    for column, role in ((source.group, "group"), (source.time, "time")):
        if column:
            yield column, role, "not used as input"
    for column in dict.fromkeys(source.drop):
        yield column, "ignored", "dropped"


def _of_arrays(raw: RawArrays, source: Data) -> Dataset:
    import numpy as np
    import pyarrow as pa

    x, held_out = raw.features, raw.held_out
    reading = Reading(source.missing or None, source.decimal, sure=source.decimal is not None)
    values, marked = target_of("target", arrow(raw.target), reading)
    missing = np.asarray(values.is_null(nan_is_null=True))
    notes: tuple[str, ...] = raw.notes
    if missing.any():
        notes = (*notes, _left_out(int(missing.sum()), "target", marked))
        x, values = x[~missing], values.filter(pa.array(~missing))
        held_out = None if held_out is None else held_out[~missing]
    x = _unmarked(x, reading.missing)
    if len(x) < FEWEST_ROWS:
        raise InputError(f"--data: expected at least {FEWEST_ROWS} rows with a target; got {len(x)} in {raw.name}")
    said: tuple[str, ...] = ()
    if raw.classes and pa.types.is_floating(values.type):  # as they are beside NaN
        values = values.cast("int64", safe=False)
    if raw.classes and values.type == pa.int64():  # the numbers of these, however many have rows
        numbers, classes = values.to_numpy(), raw.classes
    else:
        numbers, classes, said = infer_target("target", values, source.task, reading, missing=bool(missing.any()))
    if held_out is not None:
        _check_classes(numbers, classes, held_out)
    notes = (*notes, *said)
    column = infer_texts("text", x) if x.dtype == object else None
    if column is not None and column.data is None:
        raise InputError(f"--data: expected texts that differ in {raw.name}; got {column.detail.strip()} the same")
    features = x if column is None else _features([column])
    dataset = Dataset(raw.name, features, numbers, classes, "", held_out=held_out, notes=notes)
    if column is None:
        return dataset
    what = f"{len(classes)} classes: {_some(classes)}" if classes else "a number"
    described = (("target", "target", what), (column.name, column.kind, column.detail))
    return replace(dataset, columns=described, inputs=(replace(column, data=None),), reading=reading)


def _unmarked(x: "np.ndarray", missing: Sequence[str] | None) -> "np.ndarray":
    """The features with those values missing that ``missing`` names."""
    import numpy as np

    marked = np.isin(x, [*(missing or ())] if x.dtype == object else codes_of(missing))
    if not marked.any():
        return x
    if x.ndim > 2:
        shape = " × ".join(map(str, x.shape[1:]))
        raise InputError(f"--missing: expected a table or texts; got one of its values in features of {shape} a row")
    nothing: Any = None if x.dtype == object else np.nan
    return np.where(marked, nothing, x)


def _class_names(classes: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """``classes``, by ``names`` where they are their numbers."""
    by_number = {str(number): name for number, name in enumerate(names)}
    if len(set(names)) < len(names) or not all(one in by_number for one in classes):
        return classes
    return tuple(by_number[one] for one in classes)


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


def _check_columns(names: list[str], source: Data, doubt: str) -> None:
    """Raise InputError for a column that is not there, with the ``doubt`` that there is of the row of names."""
    wanted = [("--target", source.target), *(("--drop", name) for name in source.drop)]
    wanted += [*(("--categorical", name) for name in source.categorical)]
    wanted += [("--group", source.group), ("--time", source.time)]
    for flag, name in wanted:
        if name is not None and name not in names:
            got = f"{name!r}{nearest(name, names)}{'. ' * bool(doubt)}{doubt.removesuffix('.')}"
            raise InputError(f"{flag}: expected a column, one of {_some(names)}; got {got}")
    for flag, name in wanted[1:]:
        if name == source.target:
            raise InputError(f"{flag}: expected a column beside the target; got {name!r}")
        if name in source.drop and flag != "--drop":
            raise InputError(f"{flag}: expected a column that --drop leaves in; got {name!r}")


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
    decimal = reading_of(table, source).decimal or reading_of(test, source).decimal
    return pa.table([_joined(*pair, decimal) for pair in parts], names=names, metadata=table.schema.metadata)


def _joined(first: "pa.ChunkedArray", second: "pa.ChunkedArray", decimal: Decimal | None) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_useless(first.type) or is_useless(second.type):
        return pa.chunked_array([pa.nulls(len(first) + len(second))])
    pair = [part.cast(part.type.value_type) if pa.types.is_dictionary(part.type) else part for part in (first, second)]
    kinds = {part.type for part in pair if not pa.types.is_null(part.type)}
    if len(kinds) > 1:
        numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        kinds = {pa.float64() if numeric else pa.string()}
    kind = kinds.pop() if kinds else pa.null()
    if pa.types.is_string(kind) and (decimal_of(pair) or decimal) == ",":  # beside texts that are read with commas
        pair = [
            pc.replace_substring(part.cast(kind), ".", ",") if pa.types.is_floating(part.type) else part
            for part in pair
        ]
    return pa.chunked_array([chunk for part in pair for chunk in part.cast(kind, safe=False).chunks], type=kind)


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
            f"{_rows(repeated, 'repeats', 'repeat')} another row, target included; a draw may train on one and test "
            "the other."
        )
    if held_out is not None:
        inputs = identical_rows(columns)
        both = int(np.isin(inputs[held_out], inputs[~held_out]).sum())
        if both:
            notes.append(
                f"{_rows(both, 'of the test file has', 'of the test file have')} the same input as a row of --data."
            )
    return notes


def _check_classes(target: "np.ndarray", classes: tuple[str, ...], held_out: "np.ndarray") -> None:
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
    said = [note for column in columns for note in column.notes][:2]
    left = _some([f"{column.name} ({column.detail})" for column in columns])
    return " ".join([f"none of use in {name}: {left}{'.' * bool(said)}", *said])


def _some(names: Sequence[str]) -> str:
    """The first of the names, and how many there are."""
    shown = list(names[:8])
    return ", ".join(shown) + (f", … ({len(names)} in all)" if len(names) > 8 else "")
