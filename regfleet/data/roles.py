"""What the columns of a table are for: the target, groups, time, and the input that is left."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.data import marks
from regfleet.data.arrow import coded, flat, is_text, is_useless, physical, without, without_codes
from regfleet.data.columns import KINDS, LARGEST, PARSED_SHARE, USUAL, Column, Reading, infer_column, read_as, short
from regfleet.data.dates import day_first_of
from regfleet.data.numerals import decimal_of
from regfleet.errors import InputError
from regfleet.settings import Data
from regfleet.settings.values import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_INTEGER_CLASSES = 20
"""Whole numbers with more values than that are a quantity, unless the task says otherwise or they look like numbers of
classes."""
MAX_NUMBERED_CLASSES = 100
"""Whole numbers from 0 or 1 on without a gap are numbers of classes up to that many, where each has at least
`FEWEST_OF_CLASS` rows and half of what it would have if all had equally many."""
FEWEST_OF_CLASS = 5
ROWS_OF_CLASS = 10
"""Rows for each whole number from which it may be asked whether they are classes: prices and counts have fewer."""
SAID_CLASSES = 5
"""Whole numbers of fewer values are classes without a word: hardly anybody would mean a quantity."""

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


def reading_of(table: "pa.Table", source: Data) -> Reading:
    """How the texts of ``table`` are read, as ``source`` says it, the file's delimiter, and all its columns."""
    import pyarrow as pa

    views = pa.types.is_string_view  # which few of Arrow's functions take
    texts = [one.cast(pa.string()) if views(one.type) else one for one in table.columns if is_text(one.type)]
    known = (table.schema.metadata or {}).get(b"decimal", b"").decode()
    decimal = source.decimal or known or decimal_of(texts)
    found = {day_first_of(column[:SAMPLE].drop_null().to_pylist()) for column in texts} - {None}
    return Reading(
        source.missing or None,
        decimal,
        sure=source.decimal is not None,
        day_first=found.pop() if len(found) == 1 else None,
    )


def read_roles(
    table: "pa.Table",
    source: Data,
    reading: Reading,
    categorical: Collection[str],
    held_out: "np.ndarray | None",
    *,
    missing: bool,
) -> Roles:
    """The columns of ``table``, all of whose rows have a target; ``missing`` says that some had none.

    Raises InputError naming the flag when a column cannot be what it is said to be.
    """
    name = str(source.target)
    target, classes, notes = infer_target(name, table[name], source.task, reading, missing=missing)
    groups = None if source.group is None else _groups(table[source.group], source.group, held_out, reading)
    order, said = (None, ()) if source.time is None else _order(table[source.time], source.time, reading)
    columns = tuple(
        infer_column(column, table[column], reading, categorical=column in categorical)
        for column in table.column_names
        if column not in (name, source.group, source.time)
    )
    notes = (*notes, *said, *(note for one in columns for note in one.notes), *_marked(columns))
    if source.group is None and source.time is None:
        notes += tuple(_group_hints(table, columns))
    return Roles(target, classes, groups, order, columns, notes)


def _marked(columns: Sequence[Column]) -> Iterator[str]:
    """What counts as missing in columns of texts."""
    found = [f"{', '.join(one.marks)} in {one.name}" for one in columns if one.marks]
    if found:
        shown = "; ".join(found[:8]) + (f"; … ({len(found)} columns in all)" if len(found) > 8 else "")
        yield f"Counted as missing: {shown}. --missing TEXT says which texts are, and --missing '' that none is."


def _group_hints(table: "pa.Table", columns: Sequence[Column]) -> Iterator[str]:
    """Columns that look like the numbers or names of people or things that several rows are of."""
    import numpy as np

    for one in columns:
        whose, is_id = ENTITY.search(one.name), ID.search(one.name)
        if not (whose or is_id) or is_useless(table[one.name].type):
            continue
        values = flat(table[one.name]).drop_null()
        counts = [count.as_py() for count in values.value_counts().field("counts")]
        repeated = sum(count for count in counts if count > 1)
        if len(counts) < (3 if whose else 10) or repeated < len(values) / 5:
            continue
        if one.kind == "number" and any(one.data[~np.isnan(one.data)] % 1):
            continue
        rows = f"{len(counts):,} values, each in about {round(len(values) / len(counts)):,} rows"
        yield f"Column {one.name}: {rows}; if the rows of one belong together, use --group {one.name}."


ENTITY = re.compile(
    r"(^|[_ .-])(subjects?|patients?|persons?|people|participants?|customers?|clients?|users?|members?|speakers?|"
    r"writers?|authors?|households?|famil(y|ies)|animals?|mouse|students?|pupils?|employees?|players?|drivers?|"
    r"sessions?|devices?|machines?|engines?|accounts?|donors?|volunteers?|respondents?|probands?|proband(en)?)"
    r"([_ .-]?(id|no|nr|number|code|name|key))?$",
    re.IGNORECASE,
)
ID = re.compile(r"(^|[_ .-])(id|ID|uuid|guid)$|[a-z]I[dD]$")
SAMPLE = 1000
"""Rows of a column that are looked at for whether days come first."""


def check_use(flag: str, name: str, array: "pa.ChunkedArray | pa.Array", what: str) -> None:
    """Raise InputError, naming ``flag``, for a column whose Arrow type is of no use."""
    if is_useless(array.type):
        raise InputError(f"{flag}: expected a column of {what}; got {name}, which holds {short(array.type)} values")


def target_of(name: str, array: "pa.ChunkedArray | pa.Array", reading: Reading) -> "tuple[pa.Array, tuple[str, ...]]":
    """The values of a target, null where they are missing, and the texts that count as missing among them."""
    check_use("--target", name, array, "classes or numbers")
    values = flat(array)
    if not is_text(values.type):
        return (without_codes(values, reading.missing) if reading.missing else values), ()
    _, texts, rows = coded(values)
    marked = marks.marks(texts, reading.missing).to_numpy(bool)
    parsed = read_as("number", texts[~marked], rows[~marked], reading)[0]
    if marked.all() or parsed.isna().any():
        marked = marks.empty(texts, reading.missing).to_numpy(bool)
    found = tuple(texts[marked])
    return (without(values, found) if found else values), found


def infer_target(
    name: str,
    array: "pa.ChunkedArray | pa.Array",
    task: Task | None,
    reading: Reading = USUAL,
    *,
    missing: bool = False,
) -> Target:
    """The target as class numbers int64 or quantities float64 (rows,), its classes, and notes on what was assumed.

    Text and truth values are classes, and so are whole numbers of at most 20 values, or that look like numbers of
    classes; other numbers are quantities. ``array`` has no missing values; ``missing`` says that rows without one were
    left out. Raises InputError when there is nothing to predict.
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
    numbers, assumed = _numbers(name, values, reading, task)
    if numbers is None:
        if task == "regression":
            raise InputError(f"--task regression: expected numbers in {name}; got {short(distinct[0].as_py())!r}")
        codes, classes, notes = _classes(name, np.asarray(values.cast(pa.large_string()).to_pandas(), dtype=object))
        if "NA" in classes and reading.missing is None:
            notes += (f"NA is a class of {name}, for the others are codes too; --missing NA leaves its rows out.",)
        return codes, classes, notes
    _check_size(name, numbers, whole=pa.types.is_integer(kind))
    notes = tuple(f"The target {name}: {one}" for one in assumed)
    if task == "classification":
        return _classes(name, numbers)
    if task is None and (numbers % 1 == 0).all():
        what = f"The target {name} has {len(distinct):,} whole values and is taken as"
        if _numbers_classes(numbers):
            codes, classes, _ = _classes(name, numbers)
            typed_whole = missing or not pa.types.is_floating(kind)
            said = f"{what} classes; if they are a quantity, use --task regression."
            return codes, classes, notes if len(classes) < SAID_CLASSES and typed_whole else (*notes, said)
        if len(numbers) >= ROWS_OF_CLASS * len(distinct):
            notes += (f"{what} a quantity (regression); if they are classes, use --task classification.",)
    return numbers, (), notes


def _check_size(name: str, numbers: "np.ndarray", *, whole: bool) -> None:
    import numpy as np

    huge = numbers[~(np.abs(numbers) <= LARGEST)]
    if huge.size:
        raise InputError(f"--target: expected numbers up to {LARGEST:g} in size in {name}; got {huge[0]:g}")
    if whole and np.abs(numbers).max() >= 2**53:
        got = f"{np.abs(numbers).max():g}"
        raise InputError(f"--target: expected whole numbers below 2^53 in size in {name}; got {got}")


def _numbers_classes(numbers: "np.ndarray") -> bool:
    """Whether whole numbers look like numbers of classes."""
    import numpy as np

    values, counts = np.unique(numbers, return_counts=True)
    if len(values) > len(numbers) / 2:
        return False
    if len(values) <= MAX_INTEGER_CLASSES:
        return True
    numbered = values[0] in {0, 1} and values[-1] - values[0] == len(values) - 1 < MAX_NUMBERED_CLASSES
    return bool(numbered and counts.min() >= max(FEWEST_OF_CLASS, counts.mean() / 2))


def _numbers(
    name: str, values: "pa.Array", reading: Reading, task: Task | None
) -> "tuple[np.ndarray | None, tuple[str, ...]]":
    """The values as float64 (rows,), None for classes, and what was assumed of texts."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return None, ()
    if not is_text(values.type):
        return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)), ()
    codes, texts, rows = coded(values)
    parsed, notes = read_as("number", texts, rows, reading)
    if not parsed.isna().any():
        return parsed.to_numpy()[codes], notes
    if task == "classification" or len(texts) <= MAX_INTEGER_CLASSES:
        return None, ()
    for kind, taken in (("number", parsed), ("date", read_as("date", texts, rows, reading)[0])):
        if rows[taken.notna().to_numpy()].sum() >= PARSED_SHARE * rows.sum():
            if kind == "date":
                raise InputError(f"--target: expected a column of classes or numbers; got {name}, which holds dates")
            other, number = short(texts[taken.isna()].iloc[0]), int(rows[taken.isna().to_numpy()].sum())
            got = f"no number in {number:,} rows of {name}, such as {other!r}"
            said = "expected numbers, or --task classification"
            raise InputError(f"--target: {said}; got {got}; --missing leaves them out")
    return None, ()


def _classes(name: str, values: "np.ndarray") -> Target:
    import numpy as np

    found, codes = np.unique(values, return_inverse=True)
    if len(found) > len(values) / 2:
        msg = f"--target: expected classes that repeat; got {len(found):,} different values in the {len(values):,} rows"
        raise InputError(f"{msg} of {name}")
    names = tuple(str(int(value)) if isinstance(value, float) and value % 1 == 0 else str(value) for value in found)
    return codes.astype("int64"), names, ()


def _groups(array: "pa.ChunkedArray", name: str, held_out: "np.ndarray | None", reading: Reading) -> "np.ndarray":
    import numpy as np
    import pyarrow as pa

    check_use("--group", name, array, "numbers, texts or dates")
    values = flat(array)
    if is_text(values.type):
        texts = coded(values)[1]
        values = without(values, [*texts[marks.empty(texts, reading.missing)]])
    if values.null_count:
        row = int(np.flatnonzero(np.asarray(values.is_null()))[0]) + 1
        raise InputError(f"--group: expected a group in every row of {name}; got none in row {row}")
    found = values.dictionary_encode()
    groups: np.ndarray = found.indices.to_numpy().astype("int64")
    if held_out is not None:
        shared = np.intersect1d(groups[held_out], groups[~held_out])
        if len(shared):
            value = short(found.dictionary.take([int(shared[0])]).cast(pa.string())[0].as_py())
            raise InputError(f"--test: expected groups that --data does not have; got {value!r} of {name} in both")
    return groups


def _order(array: "pa.ChunkedArray", name: str, reading: Reading) -> "tuple[np.ndarray, tuple[str, ...]]":
    """The place of each row in time, equal for equal times, and what was assumed of dates or numbers."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    check_use("--time", name, array, "dates or numbers")
    values = flat(array)
    if pa.types.is_temporal(values.type) and not values.null_count:
        return np.unique(physical(values).to_numpy(), return_inverse=True)[1].astype("int64"), ()
    notes: tuple[str, ...] = ()
    if is_text(values.type):
        codes, texts, rows = coded(values)
        both = [read_as(kind, texts, rows, reading) for kind in KINDS]
        known, notes = max(both, key=lambda one: int(rows[one[0].notna().to_numpy()].sum()))
        times = known.reindex(codes)
    elif pa.types.is_temporal(values.type):
        times = values.cast(pa.string()).to_pandas()
    else:
        times = pd.to_numeric(values.to_pandas(), errors="coerce")
    if times.isna().any():
        row = int(np.flatnonzero(times.isna())[0])
        got = values[row].as_py()
        raise InputError(f"--time: expected a date or a number in every row of {name}; got {got!r} in row {row + 1}")
    order = np.unique(times.to_numpy(), return_inverse=True)[1].astype("int64")
    return order, tuple(f"Column {name}: {note}" for note in notes)
