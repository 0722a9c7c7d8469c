"""Values of a column as Arrow keeps them, and what their texts stand for: numbers or dates."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

PARSED_SHARE = 0.9
"""A text column of which that share are numbers, or dates, is one; the rest of its values count as missing."""
LARGEST = 1e100
"""Larger numbers count as missing: their variance would overflow."""
DATE_START = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
DATE_FORMATS = ("ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y")


def flat(array: "pa.ChunkedArray") -> "pa.Array":
    """One array, decoded if it is a dictionary, of plain strings without surrounding blanks; empty ones are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if is_text(array.type):
        array = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
        array = pc.if_else(pc.equal(array, ""), None, array)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    return array


def is_text(kind: "pa.DataType") -> bool:
    """Whether an Arrow type is one of its strings."""
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


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
