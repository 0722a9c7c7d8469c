"""New rows, from a file or in memory, checked and read as those of the study were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.data import marks
from regfleet.data.arrays import as_table
from regfleet.data.arrow import arrow, coded, flat, is_text, is_useless, settled, without, without_codes
from regfleet.data.columns import LARGEST, PARSED_SHARE, Reading, in_seconds, read_as, short, within_calendar
from regfleet.data.dataset import Dataset, RawTable
from regfleet.data.files import TEXTS, suffix
from regfleet.data.values import features_of, is_frame
from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.saving.preprocessing import MISSING, UNSEEN
from regfleet.text import bounded, listed, named, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from regfleet.saving.signature import Input, InputColumn, Signature


@dataclass(frozen=True, eq=False)
class Rows:
    """New rows: the ``columns`` of a table as `Preprocessing` takes them, or a ``matrix`` (rows, …).

    ``target``: class numbers or quantities, (rows,), None where they are not there; ``notes`` say what was assumed, and
    ``names`` are those of the rows' files, where they have any.
    """

    count: int
    columns: dict[str, np.ndarray] | None = None
    matrix: np.ndarray | None = None
    target: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def at(location: str, signature: Signature) -> Rows:
    """The rows in a file, or anywhere else where ``--data`` may be; raises InputError."""
    from regfleet.data import data_name, read_raw
    from regfleet.settings import read_study

    form = signature.input
    if form.images and (files_there := _images_in(location)):
        return _of_images(files_there, form, location)
    flags: dict[str, Any] = {"data": [location], **form.images}
    if form.kind == "table" and not form.images:
        # A few new rows may not show what stands before their decimals.
        comma = form.reading.sure or form.reading.decimal == ","
        flags |= {"decimal": form.reading.decimal if comma else None}
        if form.reading.no_header and suffix(location) in TEXTS:
            flags |= {"no_header": True}
    (source,) = read_study({}, flags=flags).data
    raw = read_raw(source, _as_written(signature))
    if isinstance(raw, RawTable):
        if form.kind == "array":
            return _table_as_array(raw.table, signature, data_name(location))
        return of_table(raw.table, signature, data_name(location))
    features, target = raw.features, raw.target
    numbered = raw.classes
    known = None
    if len(target) and (isinstance(raw, Dataset) or target.dtype.kind != "O" or any(one is not None for one in target)):
        known = _numbered(target, numbered, signature, data_name(location))
    made = of_memory(features, signature, data_name(location))
    return Rows(made.count, made.columns, made.matrix, known, made.notes)


def _as_written(signature: Signature) -> list[str]:
    """The columns that were texts in the study, and so are texts here, whatever these few look like: 007 stays 007."""
    texts = [one.name for one in signature.input.columns if one.kind in {"category", "text"} or _is_money(one)]
    return [*texts, signature.target] if signature.classes else texts


def _is_money(column: InputColumn) -> bool:
    """Whether a column's numbers were read from texts, as 1.234,50 € is."""
    return column.kind == "number" and bool(column.examples)


def _images_in(location: str) -> list[Path]:
    """The images in a folder that has no folders, which would be classes; none of any other place."""
    from regfleet.data.folders import IMAGES

    here = Path(location)
    if not here.is_dir():
        return []
    entries = sorted(one for one in here.iterdir() if not one.name.startswith("."))
    if any(one.is_dir() for one in entries):
        return []
    return [one for one in entries if one.suffix.lower() in IMAGES]


def _of_images(paths: list[Path], form: Input, location: str) -> Rows:
    """The images of a folder, one for each row, called by the names of their files."""
    from regfleet.data.folders import images_of
    from regfleet.settings import read_study

    (source,) = read_study({}, flags={"data": [location], **form.images}).data
    pixels, notes = images_of(paths, source)
    made = _of_array(pixels, form, named(location))
    return Rows(made.count, matrix=made.matrix, notes=tuple(notes), names=tuple(one.name for one in paths))


def _table_as_array(table: pa.Table, signature: Signature, name: str) -> Rows:
    """The rows of a table of numbers as an array, its columns in order without the target's."""
    import numpy as np

    form = signature.input
    given = [one for one in table.column_names if one != signature.target]
    if len(form.shape) != 1 or len(given) != form.shape[0]:
        raise InputError(f"{name}: expected numbers of {_shape(form)} a row; got a table of {len(given)} columns")
    odd = next((one for one in given if is_text(settled(table[one]).type)), None)
    if odd is not None:
        raise InputError(f"{name}: expected numbers in the column {named(odd)}; got texts")
    columns = [flat(settled(table[one])).to_numpy(zero_copy_only=False) for one in given]
    made = _of_array(np.stack([np.asarray(one, "float64") for one in columns], axis=1), form, name)
    target = None
    if signature.target in table.column_names:
        values = flat(settled(table[signature.target]))
        target = _target(values, signature, form.reading.reading, name)
    return Rows(made.count, matrix=made.matrix, target=target)


def of_memory(values: Any, signature: Signature, name: str = "X") -> Rows:
    """The rows in a frame or an array; columns of an array are those of the table in order."""
    import numpy as np

    form, notes = signature.input, list[str]()
    if form.kind == "array":
        return _of_array(values, form, name)
    made = features_of(values, name, notes)
    if is_frame(made) and not _has_names(made, form):
        made = np.asarray(made.to_numpy() if hasattr(made, "to_numpy") else made)
    if is_frame(made):
        table, _, renamed = as_table(made, None, None, "")
        return of_table(table, signature, name, (*notes, *renamed))
    if made.ndim == 1 and form.width == 1:
        made = made[:, None]
    if made.ndim != 2 or made.shape[1] != form.width:
        got = f"{made.shape[1]}" if made.ndim == 2 else f"an array of {made.shape}"
        raise InputError(f"{name}: expected {form.width} features, one for each column ({_some(form)}); got {got}")
    import pyarrow as pa

    arrays = [pa.chunked_array([arrow(_plain(made[:, place]))]) for place in range(form.width)]
    table = pa.table(arrays, names=[column.name for column in form.columns])
    return of_table(table, signature, name, tuple(notes))


def _plain(column: np.ndarray) -> Any:
    import pandas as pd

    return pd.Series(column).infer_objects() if column.dtype == object else column


def _has_names(frame: Any, form: Input) -> bool:
    """Whether the columns of a frame are called at all: NumPy's arrays as frames have numbers for names."""
    names = [*getattr(frame, "column_names", frame.columns)]
    known = {column.name for column in form.columns}
    return any(isinstance(name, str) for name in names) or any(str(name) in known for name in names)


def _of_array(values: Any, form: Input, name: str) -> Rows:
    import numpy as np

    values = features_of(values, name, [])
    made = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    expected = f"{name}: expected numbers of {_shape(form)} a row"
    if made.dtype.kind == "O":
        try:
            made = made.astype("float64")
        except (TypeError, ValueError):
            raise InputError(f"{expected}; got {_first_text(made)}") from None
    if made.dtype.kind not in "biuf":
        raise InputError(f"{expected}; got {made.dtype} values")
    if tuple(made.shape[1:]) != form.shape:
        raise InputError(f"{expected}; got {' × '.join(map(str, made.shape[1:])) or 'a single number'}")
    if made.dtype.kind == "f":
        wrong = np.isinf(made) | (np.isnan(made) if made.ndim > 2 else False) | (np.abs(made) > LARGEST)
        if wrong.any():
            row = int(np.argwhere(wrong)[0][0]) + 1
            raise InputError(f"{expected}, finite and up to {LARGEST:g} in size; got {made[wrong][0]:g} in row {row}")
    return Rows(len(made), matrix=made)


def _first_text(array: np.ndarray) -> str:
    return repr(short(next((one for one in array.ravel() if isinstance(one, str)), array.ravel()[0])))


def of_table(table: pa.Table, signature: Signature, name: str, notes: tuple[str, ...] = ()) -> Rows:
    """The rows of a table, whose columns may stand in any order; raises InputError for one that does not fit."""
    import pyarrow as pa

    form = signature.input
    wanted = [column.name for column in form.columns]
    if not form.named:
        table = _in_order(table, wanted, signature.target, name)
    names = table.column_names
    _check_names(names, wanted, signature, name)
    reading = form.reading.reading
    columns, said = {}, list(notes)
    for column in form.columns:
        values = settled(table[column.name])
        if is_useless(values.type):
            raise InputError(f"{name}: expected {_words(column)} in {column.name}; got {short(values.type)} values")
        columns[column.name] = _column(column, flat(values), reading, name, said)
    target = None
    if signature.target in names and signature.target not in wanted:
        values = flat(settled(table[signature.target]))
        if values.null_count < len(values) and not pa.types.is_null(values.type):
            target = _target(values, signature, reading, name)
    if form.kind == "texts":
        texts = columns[wanted[0]]
        return Rows(len(table), matrix=texts, target=target, notes=tuple(said))
    return Rows(len(table), columns, target=target, notes=tuple(said))


def _in_order(table: pa.Table, wanted: list[str], target: str, name: str) -> pa.Table:
    """A table whose columns are taken in order, as those of the study had no names."""
    given = [one for one in table.column_names if one != target]
    if len(given) != len(wanted):
        raise InputError(
            f"{name}: expected {len(wanted)} columns in the order of the study's features; got {len(given)}"
        )
    called = dict(zip(given, wanted, strict=True))
    return table.rename_columns([called.get(one, one) for one in table.column_names])


def _check_names(names: Sequence[str], wanted: Sequence[str], signature: Signature, name: str) -> None:
    lacking = [one for one in wanted if one not in names]
    known = {*wanted, signature.target, *signature.input.beside}
    extra = [one for one in names if one not in known]
    if lacking:
        near = nearest(lacking[0], extra)
        more = f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise InputError(
            f"{name}: expected the column {named(lacking[0])}{more}; got "
            f"{bounded(listed([*map(named, names)], 8), 300)}{near}"
        )
    if extra:
        more = f", and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise InputError(
            f"{name}: expected the columns of the study ({bounded(listed([*map(named, wanted)], 8), 300)}); got also "
            f"{named(extra[0])}{more}"
        )


def _column(column: InputColumn, values: pa.Array, reading: Reading, name: str, notes: list[str]) -> np.ndarray:
    """The values of a column as `Preprocessing` takes them."""
    import pyarrow as pa

    if reading.missing and not is_text(values.type):
        values = without_codes(values, reading.missing)
    if pa.types.is_null(values.type):
        values = values.cast(pa.string())
    if column.marks and is_text(values.type):
        values = without(values, column.marks)
    made: np.ndarray = _OF_KIND[column.kind](column, values, reading, name, notes)
    return made


def _numbers(column: InputColumn, values: pa.Array, reading: Reading, name: str, notes: list[str]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_temporal(values.type):
        if not (pa.types.is_duration(values.type) or pa.types.is_time(values.type)):
            raise _other(column, f"{values.type} values", name)
        values = in_seconds(values)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    if is_text(values.type):
        numbers = _read(column, values, "number", reading, name, notes).to_numpy("float64")
    else:
        numbers = np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    huge = np.abs(numbers) > LARGEST
    if huge.any():
        many = count(int(huge.sum()), "row")
        notes.append(f"Column {column.name}: infinite or beyond 1e100 in {many}, taken as missing.")
    return np.where(huge, np.nan, numbers)


def _booleans(column: InputColumn, values: pa.Array, reading: Reading, name: str, notes: list[str]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    if is_text(values.type):
        known = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, None: np.nan}
        texts = [one if one is None else one.casefold() for one in values.to_pylist()]
        odd = next((one for one in texts if one not in known), None)
        if odd is not None:
            raise _other(column, repr(short(odd)), name)
        return np.array([known[one] for one in texts], "float64")
    if pa.types.is_temporal(values.type):
        raise _other(column, f"{values.type} values", name)
    numbers = _numbers(column, values, reading, name, notes)
    odd_numbers = numbers[~np.isnan(numbers) & (numbers != 0) & (numbers != 1)]
    if odd_numbers.size:
        raise _other(column, f"{odd_numbers[0]:g}", name)
    return numbers


def _categories(column: InputColumn, values: pa.Array, reading: Reading, name: str, notes: list[str]) -> np.ndarray:
    """Codes; a number is the same category however it is written, where the study had numbers alone."""
    import numpy as np
    import pyarrow as pa

    codes = {level: code for code, level in enumerate(column.levels)}
    numbers = _numbered_levels(column.levels)
    numeric = not is_text(values.type)
    texts = (values.cast(pa.string()) if numeric else values).to_pylist()
    missing = _marked([*{*texts} - {None, *codes}], column.levels, reading)

    def code(text: str | None) -> int:
        if text is None or text in missing:
            return MISSING
        for form in (text, text.removesuffix(".0"), f"{text}.0"):
            if form in codes:
                return codes[form]
        return numbers.get(_number(text), UNSEEN)

    known = {text: code(text) for text in {*texts}}
    found = np.array([known[text] for text in texts], "int32")
    unseen = found == UNSEEN
    if unseen.any():
        first = short(texts[int(np.argmax(unseen))])
        others = {_number(text) for text in known if known[text] == UNSEEN}
        alike = any(_number(level) is not None for level in column.levels)
        if not (found >= 0).any() and (numeric or not (alike or None in others)):
            raise _other(column, f"{first} of type {values.type}" if numeric else repr(first), name)
        many = int(unseen.sum())
        notes.append(
            f"Column {column.name}: {count(many, 'row')} {'has' if many == 1 else 'have'} a category that the study "
            f"did not have, such as {first!r}; it is encoded as one that no training row had."
        )
    return found


def _numbered_levels(levels: Sequence[str]) -> dict[float | None, int]:
    """The codes of categories by their numbers, or by 1 and 0 where they are true and false; none of others."""
    made = {_number(level): code for code, level in enumerate(levels)}
    return {} if None in made else made


def _number(text: str) -> float | None:
    """The number that a text is, 1 and 0 of true and false; None where it is none."""
    try:
        return {"true": 1.0, "false": 0.0}.get(text.casefold()) if text[-1:].isalpha() else float(text)
    except ValueError:
        return None


def _marked(texts: Sequence[str], known: Sequence[str], reading: Reading) -> set[str]:
    """Which of the texts, none of which the study had, say that a value is missing, beside those that it had."""
    import pandas as pd

    found = marks.empty(pd.Series([*texts, *known], dtype=object), reading.missing)
    return {text for text, is_one in zip(texts, found, strict=False) if is_one}


def _dates(column: InputColumn, values: pa.Array, reading: Reading, name: str, notes: list[str]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    kind = values.type
    if is_text(kind):
        return np.asarray(_read(column, values, "date", reading, name, notes).to_numpy("M8[us]"))
    if not pa.types.is_temporal(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        raise _other(column, f"{kind} values", name)
    dates, outside = within_calendar(values)
    if outside:
        notes.append(f"Column {column.name}: before year 1 or after 9999 in {count(outside, 'row')}, taken as missing.")
    return np.asarray(dates.to_numpy(zero_copy_only=False).astype("M8[us]"))


def _texts(_column: InputColumn, values: pa.Array, _reading: Reading, _name: str, _notes: list[str]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa

    return np.array((values if is_text(values.type) else values.cast(pa.string())).to_pylist(), object)


_OF_KIND = {
    "number": _numbers,
    "boolean": _booleans,
    "category": _categories,
    "date": _dates,
    "text": _texts,
}


def _read(column: InputColumn, values: pa.Array, kind: Any, reading: Reading, name: str, notes: list[str]) -> pd.Series:
    """Texts as numbers or dates, in the way in which those of the study were written."""
    import numpy as np
    import pandas as pd

    codes, texts, rows = coded(values)
    marked = marks.marks(texts, reading.missing).to_numpy(bool)
    examples = pd.Series(column.examples, index=range(len(texts), len(texts) + len(column.examples)), dtype=object)
    together = pd.concat([texts[~marked], examples])
    # How the study's texts are written decides, however many new ones there are.
    weights = np.concatenate([rows[~marked], np.full(len(examples), max(1, 10 * int(rows.sum())))])
    parsed, _ = read_as(kind, together, weights, reading)
    parsed = parsed.reindex(texts.index)
    odd = ~(parsed.notna().to_numpy() | marked)
    if odd.any():
        first = short(texts[odd].iloc[0])
        if rows[odd].sum() > (1 - PARSED_SHARE) * rows[~marked].sum():
            raise _other(column, repr(first), name)
        many = count(int(rows[odd].sum()), "row")
        notes.append(f"Column {column.name}: no {kind} in {many}, such as {first!r}, taken as missing.")
    return pd.Series(parsed.reindex(codes))


def _other(column: InputColumn, got: str, name: str) -> InputError:
    return InputError(f"{name}: expected {_words(column)} in the column {named(column.name)}; got {got}")


def _words(column: InputColumn) -> str:
    if column.kind == "category":
        return f"one of {bounded(listed([*map(short, column.levels)], 8), 200)}"
    return {"number": "numbers", "boolean": "true or false", "date": "dates", "text": "texts"}[column.kind]


def _target(values: pa.Array, signature: Signature, reading: Reading, name: str) -> np.ndarray:
    """Class numbers, −1 where none, or quantities, NaN where missing."""
    import numpy as np
    import pyarrow as pa

    if signature.task == "regression":
        if is_text(values.type):
            codes, texts, rows = coded(values)
            marked = marks.marks(texts, reading.missing).to_numpy(bool)
            parsed = read_as("number", texts[~marked], rows[~marked], reading)[0].reindex(texts.index)
            odd = texts[parsed.isna().to_numpy() & ~marked]
            if len(odd):
                raise InputError(
                    f"{name}: expected numbers in the target {signature.target}; got {short(odd.iloc[0])!r}"
                )
            return np.append(parsed.to_numpy("float64"), np.nan)[codes]
        if pa.types.is_temporal(values.type):
            raise InputError(f"{name}: expected numbers in the target {signature.target}; got {values.type} values")
        return np.array(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    texts = (values if is_text(values.type) else values.cast(pa.string())).to_pylist()
    missing = _marked([*{*texts} - {None, *signature.classes}], signature.classes, reading)
    known = [None if text in missing else text for text in texts]
    return class_numbers(known, signature.classes, f"{name}: expected the classes of {signature.target}")


def class_numbers(texts: Sequence[Any], classes: Sequence[str], expected: str) -> np.ndarray:
    """The number of each class by its name, −1 for none; raises InputError, which begins so, for others."""
    import numpy as np

    numbers = {name: number for number, name in enumerate(classes)}
    folded = {name.casefold(): number for number, name in enumerate(classes)}

    def number(text: Any) -> int:
        if text is None:
            return -1
        for form in (str(text), str(text).removesuffix(".0"), str(text).capitalize()):
            if form in numbers:
                return numbers[form]
        if str(text).casefold() in folded and str(text).casefold() in {"true", "false"}:
            return folded[str(text).casefold()]
        known = bounded(listed([*map(short, classes)], 8), 200)
        raise InputError(f"{expected} ({known}); got {short(text)!r}")

    known = {text: number(text) for text in {*texts}}
    return np.array([known[text] for text in texts], "int64")


def _numbered(target: np.ndarray, names: Sequence[str], signature: Signature, name: str) -> np.ndarray:
    """The target of arrays: classes by their numbers among ``names``, or by themselves; or quantities."""
    import numpy as np
    import pandas as pd

    if signature.task == "regression":
        return np.asarray(target, "float64")
    by_name = names and target.dtype.kind in "iu"
    missing = pd.isna(target)
    values = [names[int(one)] for one in target] if by_name else [*target]
    texts = [None if lost else one for one, lost in zip(values, missing, strict=True)]
    return class_numbers(texts, signature.classes, f"{name}: expected the classes of the study")


def _shape(form: Input) -> str:
    return " × ".join(map(str, form.shape)) or "one"


def _some(form: Input) -> str:
    return bounded(listed([named(column.name) for column in form.columns], 8), 200)
