"""What a column holds, seen from its values: numbers, truth values, categories, dates, text, or nothing of use."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


Kind = Literal["number", "boolean", "category", "date", "text", "ignored"]

MAX_CATEGORIES = 40
"""A text column of more values than that is high-cardinality text, unless ``--categorical`` names it."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column as model input is made of it; ``data`` is None for an ignored one.

    ``data``: float64 (rows,) for number and boolean, NaN where missing; `pandas.Categorical`; datetime64 (rows,); a
    string array. ``detail`` says what is in it and ``notes`` are sentences on what was assumed.
    """

    name: str
    kind: Kind
    detail: str
    data: Any = None
    notes: tuple[str, ...] = ()


def infer_column(name: str, array: "pa.ChunkedArray", *, categorical: bool = False) -> Column:
    """The column called ``name``: its kind and its values; ``categorical`` takes every value as a category."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_useless(array.type):
        return _ignored(name, f"{short(array.type)} values")
    array = flat(array)
    kind = array.type
    if pa.types.is_null(kind) or array.null_count == len(array):
        return _ignored(name, "no values")
    if categorical:
        return _category(name, array if is_text(kind) else array.cast(pa.string()))
    if is_text(kind):
        return _text(name, array)
    if pa.types.is_temporal(kind) and not (pa.types.is_duration(kind) or pa.types.is_time(kind)):
        return _calendar(name, array)
    if pa.types.is_temporal(kind):
        array = pc.divide(physical(array).cast(pa.float64(), safe=False), float(TICKS[kind.unit]))
    return _number(name, array)


def _number(name: str, array: "pa.Array") -> Column:
    import pyarrow as pa

    kind: Kind = "boolean" if pa.types.is_boolean(array.type) else "number"
    whole = pa.types.is_integer(array.type)
    if kind == "boolean":
        array = array.cast(pa.int8())
    return _numbers(name, array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), kind, whole=whole)


def _numbers(name: str, values: "np.ndarray", kind: Kind, *, whole: bool, notes: tuple[str, ...] = ()) -> Column:
    import numpy as np

    huge = np.abs(values) > LARGEST
    if huge.any():
        values = np.where(huge, np.nan, values)
        notes += (f"Column {name}: infinite or beyond 1e100 in {int(huge.sum()):,} of the rows, counted as missing.",)
    missing = int(np.isnan(values).sum())
    if missing == len(values):
        return _ignored(name, "no values", notes)
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high and not missing:
        return _ignored(name, f"always {low:g}", notes)
    if whole and not missing and _counts_rows(name, values, high - low):
        notes += (f"Column {name}: another number in every row; if it only names the rows, use --drop {name}.",)
    span = "true or false" if kind == "boolean" else f"{low:g} to {high:g}"
    return Column(name, kind, span + _missing(missing), values, notes)


def _counts_rows(name: str, values: "np.ndarray", span: float) -> bool:
    """Whether whole numbers look like those of rows or customers: either dense or called an id, and each once."""
    import numpy as np

    named = re.search(r"(^|[_ .-])(id|no|nr|index|key)$|I[dD]$", name) is not None
    return len(values) >= 10 and (named or span < 2 * len(values)) and len(np.unique(values)) == len(values)


def _calendar(name: str, array: "pa.Array") -> Column:
    """A column of dates or times, those outside the calendar of the years 1 to 9999 counted as missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ticks, kind = physical(array), array.type
    if pa.types.is_date32(kind):
        low, high = (second // 86400 for second in CALENDAR)
    else:
        unit = "ms" if pa.types.is_date64(kind) else kind.unit
        low, high = (second * TICKS[unit] for second in CALENDAR)
    reach = 2**63 - 1
    inside = pc.and_(pc.greater_equal(ticks, max(low, -reach)), pc.less_equal(ticks, min(high, reach)))
    outside = int(pc.sum(pc.invert(inside)).as_py() or 0)
    notes: tuple[str, ...] = ()
    if outside:
        notes = (f"Column {name}: before year 1 or after 9999 in {outside:,} of the rows, counted as missing.",)
        ticks = pc.if_else(inside, ticks, None)
        if ticks.null_count == len(ticks):
            return _ignored(name, "no values", notes)
    array = ticks.cast(pa.int32()).view(kind) if pa.types.is_date32(kind) else ticks.view(kind)
    return _date(name, array.cast(pa.timestamp("us"), safe=False), notes)


def physical(array: "pa.Array") -> "pa.Array":
    """What a column of dates or times counts, int64 (rows,)."""
    import pyarrow as pa

    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())


def _date(name: str, array: "pa.Array", notes: tuple[str, ...] = ()) -> Column:
    import pandas as pd

    values = pd.Series(array.to_numpy(zero_copy_only=False)).astype("M8[us]")
    missing, first, last = int(values.isna().sum()), values.min(), values.max()
    if first == last and not missing:
        return _ignored(name, f"always {first}", notes)
    return Column(name, "date", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}{_missing(missing)}", values.to_numpy(), notes)


def _text(name: str, array: "pa.Array") -> Column:
    """A text column: numbers or dates if nearly all of it is, categories if few, else an identifier or text."""
    import numpy as np
    import pyarrow as pa

    coded = array.dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy()
    values = coded.dictionary.to_pandas().astype(object)
    rows = np.bincount(codes[codes >= 0], minlength=len(values))
    for kind, parse in (("number", parse_numbers), ("date", parse_dates)):
        parsed = parse(values)
        known = parsed.notna().to_numpy()
        if rows[known].sum() < PARSED_SHARE * rows.sum():
            continue
        notes: tuple[str, ...] = ()
        if not known.all():
            others, example = int(rows[~known].sum()), short(values[~known].iloc[0])
            said = f"no {kind} in {others:,} of the rows, such as {example!r}, counted as missing"
            notes = (f"Column {name}: {said}; --categorical {name} keeps every value.",)
        if kind == "date":
            taken = parsed.reindex(codes).to_numpy()
            return _date(name, pa.array(taken, pa.timestamp("us"), from_pandas=True), notes)
        numbers = np.append(parsed.to_numpy(), np.nan)[codes]
        return _numbers(name, numbers, "number", whole=bool((parsed[known] % 1 == 0).all()), notes=notes)
    if len(values) == rows.sum() >= 10 and (values.str.split().str.len() < 3).mean() > 0.5:
        notes = (
            f"Column {name}: another text in every row, so an identifier; --categorical {name} uses it all the same.",
        )
        return _ignored(name, "another text in every row", notes)
    if len(values) <= MAX_CATEGORIES:
        return _category(name, array)
    detail = f"{len(values):,} texts{_missing(array.null_count)}"
    return Column(name, "text", detail, array.to_pandas().astype("str").array)


def infer_texts(name: str, values: "np.ndarray") -> Column:
    """An array of texts, None where missing, as a column: categories if they are few and repeat, and else text."""
    import pandas as pd

    texts = pd.Series(values)
    distinct, missing = texts.nunique(), int(texts.isna().sum())
    if distinct < 2:
        return _ignored(name, f"always {short(next(iter(texts.dropna()), None))}")
    if distinct <= min(MAX_CATEGORIES, len(texts) / 2):
        return _category(name, arrow(texts))
    return Column(name, "text", f"{distinct:,} texts{_missing(missing)}", texts.astype("str").array)


def _category(name: str, array: "pa.Array") -> Column:
    import pandas as pd

    values = pd.Categorical(array.to_pandas().astype(object))
    if len(values.categories) == 1 and not array.null_count:
        return _ignored(name, f"always {short(values.categories[0])}")
    shown = ", ".join(map(short, values.categories[:4])) + (", …" if len(values.categories) > 4 else "")
    number = f"{len(values.categories):,} value" + ("s" if len(values.categories) > 1 else "")
    return Column(name, "category", f"{number}: {shown}{_missing(array.null_count)}", values)


def _ignored(name: str, why: str, notes: tuple[str, ...] = ()) -> Column:
    return Column(name, "ignored", why, notes=notes)


def _missing(number: int) -> str:
    return f", {number:,} missing" if number else ""


PARSED_SHARE = 0.9
"""A text column of which that share are numbers, or dates, is one; the rest of its values count as missing."""
LARGEST = 1e100
"""Larger numbers count as missing: their variance would overflow."""
CALENDAR = (-62_135_596_800, 253_402_300_799)
"""The first and the last second of the years 1 to 9999, from 1970 on."""
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
DATE_START = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
DATE_FORMATS = ("ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")


def flat(array: "pa.ChunkedArray") -> "pa.Array":
    """One array, decoded if it is a dictionary, of plain strings without surrounding blanks; empty ones are missing.

    Times are those of UTC.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if is_text(array.type):
        array = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
        array = pc.if_else(pc.equal(array, ""), None, array)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz:  # whose name may be none
        array = array.view(pa.timestamp(kind.unit))
    if pa.types.is_decimal(kind) and kind.bit_width < 128:  # which no function of Arrow takes
        array = array.cast(pa.decimal128(kind.precision, kind.scale))
    return array


def is_text(kind: "pa.DataType") -> bool:
    """Whether an Arrow type is one of its strings."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_useless(kind: "pa.DataType") -> bool:
    """Whether columns of an Arrow type are no input: lists, tables, bytes, and whatever is not known here."""
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_dictionary(kind):
        return is_useless(kind.value_type)
    simple = (is_a.is_null, is_a.is_boolean, is_a.is_integer, is_a.is_floating, is_a.is_decimal)
    times = (is_a.is_date, is_a.is_timestamp, is_a.is_time, is_a.is_duration)
    return not (is_text(kind) or any(test(kind) for test in (*simple, *times)))


def parse_numbers(values: "pd.Series") -> "pd.Series":
    """Texts as float64, NaN where they are no number; commas are thousands' where all can be, else decimal."""
    import pandas as pd

    with_comma = values[values.str.contains(",", regex=False)]
    if with_comma.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?").all():
        plain = values.str.replace(",", "", regex=False)
    else:
        plain = values.str.replace(r"^([+-]?\d+),(\d+)$", r"\1.\2", regex=True)
    return pd.to_numeric(plain, errors="coerce").astype("float64")


def parse_dates(values: "pd.Series") -> "pd.Series":
    """Texts as datetime64[us], NaT where they are no date, in the one way of writing dates that fits most of them."""
    import pandas as pd

    def read(form: str) -> pd.Series:
        times = values.str.replace(r"[ T]\d.*$", "", regex=True) if form != "ISO8601" else values
        return pd.to_datetime(times, format=form, errors="coerce", utc=True).dt.tz_localize(None).astype("M8[us]")

    if not values.str.contains(DATE_START, regex=True).mean() >= PARSED_SHARE:
        return pd.Series(pd.NaT, index=values.index, dtype="M8[us]")
    return max(map(read, DATE_FORMATS), key=lambda parsed: int(parsed.notna().sum()))


def short(value: object) -> str:
    """A value as a sentence can hold it."""
    text = " ".join(str(value).split()) if str(value).isprintable() else repr(value)
    return text if len(text) <= 30 else text[:29] + "…"


def arrow(values: "np.ndarray | pd.Series") -> "pa.Array":
    """The values as Arrow keeps them; a column of several types is text."""
    import pandas as pd
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array(pd.Series(values).astype(object).map(str, na_action="ignore"), pa.string(), from_pandas=True)
