"""What a column holds, seen from its values: numbers, truth values, categories, dates, text, or nothing of use."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from regfleet.data import marks
from regfleet.data.arrow import Coded, arrow, coded, flat, is_text, is_useless, physical, without, without_codes
from regfleet.data.dates import DIGIT, read_dates
from regfleet.data.numerals import Decimal, read_numbers
from regfleet.numbers import span

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


Kind = Literal["number", "boolean", "category", "date", "text", "ignored"]
Parsed = Literal["number", "date"]
KINDS: tuple[Parsed, ...] = ("number", "date")

MAX_CATEGORIES = 40
"""A text column of more values than that is high-cardinality text, unless ``--categorical`` names it."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column as model input is made of it; ``data`` is None for an ignored one.

    ``data``: float64 (rows,) for number and boolean, NaN where missing; `pandas.Categorical`; datetime64 (rows,); a
    string array. ``detail`` says what is in it and ``notes`` are sentences on what was assumed. ``marks`` are the texts
    of a column of texts that count as missing, ``examples`` some of those that were read as its numbers or dates.
    """

    name: str
    kind: Kind
    detail: str
    data: Any = None
    notes: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How the texts of a table are read.

    ``missing``: those that mean that a value is missing, None for what is usual. ``decimal``: what stands before
    decimals where a column does not tell, ``sure`` when the user says so. ``day_first``: whether its dates do so.
    """

    missing: tuple[str, ...] | None = None
    decimal: Decimal | None = None
    sure: bool = False
    day_first: bool | None = None


USUAL = Reading()


def infer_column(name: str, array: "pa.ChunkedArray", reading: Reading = USUAL, *, categorical: bool = False) -> Column:
    """The column called ``name``: its kind and its values; ``categorical`` takes every value as a category."""
    import pyarrow as pa

    if is_useless(array.type):
        return _ignored(name, f"{short(array.type)} values")
    array = flat(array)
    kind = array.type
    if reading.missing and not is_text(kind):
        array = without_codes(array, reading.missing)
    if pa.types.is_null(kind) or array.null_count == len(array):
        return _ignored(name, "no values")
    if categorical:
        array = array if is_text(kind) else array.cast(pa.string())
        return _category(name, without(array, reading.missing) if reading.missing is not None else array)
    if is_text(kind):
        return _text(name, array, reading)
    if pa.types.is_temporal(kind) and not (pa.types.is_duration(kind) or pa.types.is_time(kind)):
        return _calendar(name, array)
    if pa.types.is_temporal(kind):
        array = in_seconds(array)
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
    if (code := _code_in(values)) is not None:
        share = f"{code:g} in {(values == code).mean():.1%} of the rows, far from its other values"
        notes += (f"Column {name}: {share}; if that means that the value is missing, use --missing {code:g}.",)
    if whole and _look_like_days(values[~np.isnan(values)]):
        notes += (f"Column {name}: numbers that look like days, as YYYYMMDD; written YYYY-MM-DD they are dates.",)
    found = "true or false" if kind == "boolean" else span(low, high)
    return Column(name, kind, found + _missing(missing), values, notes)


def _code_in(values: "np.ndarray") -> float | None:
    """A number that may mean that a value is missing: of nines alone, lowest or highest, and far from the others."""
    import numpy as np

    known = values[~np.isnan(values)]
    for code in (known.min(), known.max()):
        if str(abs(code)) not in CODES or (code > 0 and code < SHORTEST_CODE):
            continue
        others = known[known != code]
        if len(others) <= len(known) - 2 and others.size and np.abs(others).max() < abs(code) / 2:
            return float(code)
    return None


def _look_like_days(values: "np.ndarray") -> bool:
    """Whether whole numbers are all days of 1900 to 2100, such as 20190131, where they are ten or more."""
    import numpy as np

    year, month, day = values // 10_000, values // 100 % 100, values % 100
    fit = (year >= 1900) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return bool(fit.all() and len(np.unique(values)) >= 10)


def _counts_rows(name: str, values: "np.ndarray", span: float) -> bool:
    """Whether whole numbers look like those of rows or customers: either dense or called an id, and each once."""
    import numpy as np

    named = re.search(r"(^|[_ .-])(id|no|nr|index|key)$|I[dD]$", name) is not None
    return len(values) >= 10 and (named or span < 2 * len(values)) and len(np.unique(values)) == len(values)


def _calendar(name: str, array: "pa.Array") -> Column:
    """A column of dates or times, those outside the calendar counted as missing."""
    dates, outside = within_calendar(array)
    notes: tuple[str, ...] = ()
    if outside:
        notes = (f"Column {name}: before year 1 or after 9999 in {outside:,} of the rows, counted as missing.",)
        if dates.null_count == len(dates):
            return _ignored(name, "no values", notes)
    return _date(name, dates, notes)


def within_calendar(array: "pa.Array") -> "tuple[pa.Array, int]":
    """Dates or times in microseconds, missing outside the years 1 to 9999, and in how many rows they are."""
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
    if outside:
        ticks = pc.if_else(inside, ticks, None)
    array = ticks.cast(pa.int32()).view(kind) if pa.types.is_date32(kind) else ticks.view(kind)
    return array.cast(pa.timestamp("us"), safe=False), outside


def in_seconds(array: "pa.Array") -> "pa.Array":
    """Durations, or times of a day, in seconds, whatever their unit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.divide(physical(array).cast(pa.float64(), safe=False), float(TICKS[array.type.unit]))


def _date(name: str, array: "pa.Array", notes: tuple[str, ...] = ()) -> Column:
    import pandas as pd

    values = pd.Series(array.to_numpy(zero_copy_only=False)).astype("M8[us]")
    missing, first, last = int(values.isna().sum()), values.min(), values.max()
    if first == last and not missing:
        return _ignored(name, f"always {first}", notes)
    return Column(name, "date", f"{first:%Y-%m-%d} to {last:%Y-%m-%d}{_missing(missing)}", values.to_numpy(), notes)


def _text(name: str, array: "pa.Array", reading: Reading) -> Column:
    """A text column: numbers or dates if nearly all of it is, else what texts are."""
    texts = coded(array)
    notes: tuple[str, ...] = ()
    for kind in KINDS if any(map(DIGIT.search, texts[1])) else ():
        column, said = _parsed(name, kind, texts, reading)
        if column is not None:
            return column
        notes = notes or said
    return _words(name, array, texts, reading, notes)


def _parsed(name: str, kind: Parsed, texts: Coded, reading: Reading) -> tuple[Column | None, tuple[str, ...]]:
    """The column of numbers or dates that a text column is, None where it is not, and a note on why."""
    import numpy as np
    import pyarrow as pa

    codes, values, rows = texts
    marked = marks.marks(values, reading.missing).to_numpy(bool)
    taken, assumed = read_as(kind, values[~marked], rows[~marked], reading)
    parsed = taken.reindex(values.index)
    known = parsed.notna().to_numpy()
    share = rows[known].sum() / max(rows[~marked].sum(), 1)
    notes = tuple(f"Column {name}: {one}" for one in assumed)
    if share < PARSED_SHARE:
        other = values[~known & ~marked]
        if known.any() and share >= HALF:
            what = f"a {kind} in {share:.0%} of the rows and not in others, such as {short(other.iloc[0])!r}"
            notes = (f"Column {name}: {what}, so taken as texts; --missing TEXT makes those missing.",)
        return None, notes if share >= HALF or not known.any() else ()
    if not known.all():
        others, example = int(rows[~known].sum()), short(values[~known].iloc[0])
        what = f"no {kind} in {others:,} of the rows, such as {example!r}, counted as missing"
        notes = (f"Column {name}: {what}; --categorical {name} keeps every value.", *notes)
    texts_read = values[known]
    examples = tuple(texts_read.iloc[:: -(-len(texts_read) // MAX_EXAMPLES)])
    if kind == "date":
        times = parsed.reindex(codes).to_numpy()
        column = _date(name, pa.array(times, pa.timestamp("us"), from_pandas=True), notes)
    else:
        numbers = np.append(parsed.to_numpy(), np.nan)[codes]
        column = _numbers(name, numbers, "number", whole=bool((parsed[known] % 1 == 0).all()), notes=notes)
    return replace(column, examples=examples), ()


def _words(name: str, array: "pa.Array", texts: Coded, reading: Reading, notes: tuple[str, ...]) -> Column:
    """A text column of categories if they are few, else of an identifier or text."""
    _, values, rows = texts
    empty = marks.empty(values, reading.missing).to_numpy(bool)
    found = tuple(values[empty])
    if found:
        array, values, rows = without(array, found), values[~empty], rows[~empty]
    if not len(values):
        return _ignored(name, "no values", notes)
    for what, pattern in NO_VALUES.items():
        if rows[[pattern.fullmatch(value) is not None for value in values]].sum() >= PARSED_SHARE * rows.sum():
            return _ignored(name, f"{what}, such as {short(values.iloc[0])}", notes)
    if len(values) == rows.sum() >= 10 and (values.str.count(r"\S+") < 3).mean() > 0.5:
        said = f"Column {name}: another text in every row, so an identifier; --categorical {name} uses it all the same."
        return _ignored(name, "another text in every row", (*notes, said))
    if len(values) <= MAX_CATEGORIES or _are_codes(values, rows):
        return _category(name, array, notes, found)
    detail = f"{len(values):,} texts{_missing(array.null_count)}"
    return Column(name, "text", detail, array.to_pandas().astype("str").array, notes, found)


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


def read_as(
    kind: Parsed, values: "pd.Series", rows: "np.ndarray", reading: Reading
) -> "tuple[pd.Series, tuple[str, ...]]":
    """Different texts of a column, of so many rows each, as numbers or dates, and what was assumed of them."""
    if kind == "number":
        return read_numbers(values, rows, reading.decimal, sure=reading.sure)
    return read_dates(values, rows, day_first=reading.day_first)


def _are_codes(values: "pd.Series", rows: "np.ndarray") -> bool:
    """Whether texts are few short codes that each stand in many rows, such as those of states."""
    short_ones = values.str.fullmatch(r"[A-Z0-9]{1,4}")
    return len(values) <= MAX_CODES and rows.sum() >= 5 * len(values) and bool(short_ones.all())


def _category(name: str, array: "pa.Array", notes: tuple[str, ...] = (), found: tuple[str, ...] = ()) -> Column:
    import pandas as pd

    values = pd.Categorical(array.to_pandas().astype(object))
    if len(values.categories) == 1 and not array.null_count:
        return _ignored(name, f"always {short(values.categories[0])}", notes)
    shown = ", ".join(map(short, values.categories[:4])) + (", …" if len(values.categories) > 4 else "")
    number = f"{len(values.categories):,} value" + ("s" if len(values.categories) > 1 else "")
    return Column(name, "category", f"{number}: {shown}{_missing(array.null_count)}", values, notes, found)


def _ignored(name: str, why: str, notes: tuple[str, ...] = ()) -> Column:
    return Column(name, "ignored", why, notes=notes)


def _missing(number: int) -> str:
    return f", {number:,} missing" if number else ""


MAX_EXAMPLES = 100
"""Texts that show how the numbers or dates of a column are written."""
PARSED_SHARE = 0.9
"""A text column of which that share are numbers, or dates, is one; the rest of its values count as missing."""
LARGEST = 1e100
"""Larger numbers count as missing: their variance would overflow."""
CALENDAR = (-62_135_596_800, 253_402_300_799)
"""The first and the last second of the years 1 to 9999, from 1970 on."""
CODES = {f"{'9' * digits}.0" for digits in range(2, 7)}
SHORTEST_CODE = 999
"""99 is an age, or a share."""
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
HALF = 0.5
"""A text column with that share of numbers, or dates, may be one that is written in several ways, which is said."""
NO_VALUES = {
    "lists or tables as text": re.compile(r"\[.*\]|\{.*\}"),
    "complex numbers": re.compile(r"\(?[+-]?[\d.e+-]+[+-][\d.]+(e[+-]?\d+)?j\)?"),
}
MAX_CODES = 100
"""Short codes of more values than that are high-cardinality text."""


def short(value: object) -> str:
    """A value as a sentence can hold it."""
    text = " ".join(str(value).split()) if str(value).isprintable() else repr(value)
    return text if len(text) <= 30 else text[:29] + "…"
