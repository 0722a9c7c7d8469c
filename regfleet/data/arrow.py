"""Columns as Arrow holds them: which values are of use, which are missing, and how other libraries' are made such."""

import contextlib
import decimal
import re
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

Coded = tuple["np.ndarray", "pd.Series", "np.ndarray"]
"""What `coded` gives of a column of texts."""


def arrow(values: "np.ndarray | pd.Series") -> "pa.Array":
    """The values as Arrow keeps them; numbers of types that it lacks are float64, a column of several types is text."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(values, pd.Series):
        values = _plain(values)
    unfit = (pa.ArrowException, TypeError, ValueError, OverflowError)
    try:
        return pa.array(values, from_pandas=True)
    except unfit:
        objects = pd.Series(values).astype(object)
    known = objects.dropna()
    if all(isinstance(one, Real | decimal.Decimal) for one in known):
        with contextlib.suppress(*unfit):  # of what is too large for one
            return pa.array(known.map(float).reindex(objects.index), pa.float64(), from_pandas=True)
    return pa.array(objects.map(str, na_action="ignore"), pa.string(), from_pandas=True)


def _plain(values: "pd.Series") -> "pd.Series":
    """A series of intervals as categories, of periods as their first moments; of other types as it is."""
    import pandas as pd

    kind = values.dtype
    if isinstance(kind, pd.CategoricalDtype) and isinstance(kind.categories.dtype, pd.IntervalDtype | pd.PeriodDtype):
        return values.cat.rename_categories([str(one) for one in kind.categories])
    if isinstance(kind, pd.IntervalDtype):
        return values.map(str, na_action="ignore").astype("category")
    return values.dt.to_timestamp() if isinstance(kind, pd.PeriodDtype) else values


def settled(array: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """The column as Arrow's own types hold it: intervals as categories, periods as their first moments."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if is_useless(array.type):
        return array
    if pa.types.is_run_end_encoded(array.type):
        array = pa.chunked_array([pc.run_end_decode(part) for part in array.chunks], array.type.value_type)
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not isinstance(kind, pa.BaseExtensionType):
        return array
    if kind.extension_name in {"pandas.interval", "pandas.period"}:
        return pa.chunked_array([arrow(pd.concat([part.to_pandas() for part in array.chunks] or [pd.Series()]))])
    if kind != array.type:
        array = array.cast(kind)
    return pa.chunked_array([part.storage for part in array.chunks], kind.storage_type)


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
    if is_a.is_dictionary(kind) or is_a.is_run_end_encoded(kind):
        return is_useless(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name != "pandas.interval" and is_useless(kind.storage_type)
    simple = (is_a.is_null, is_a.is_boolean, is_a.is_integer, is_a.is_floating, is_a.is_decimal)
    times = (is_a.is_date, is_a.is_timestamp, is_a.is_time, is_a.is_duration)
    return not (is_text(kind) or any(test(kind) for test in (*simple, *times)))


def coded(array: "pa.Array") -> Coded:
    """Which of the different texts each row has, -1 where none; these texts, and how many rows each has."""
    import numpy as np

    found = array.dictionary_encode()
    codes = found.indices.fill_null(-1).to_numpy()
    values = found.dictionary.to_pandas().astype(object)
    return codes, values, np.bincount(codes[codes >= 0], minlength=len(values))


def physical(array: "pa.Array") -> "pa.Array":
    """What a column of dates or times counts, int64 (rows,)."""
    import pyarrow as pa

    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())


def without(array: "pa.Array", texts: Sequence[str]) -> "pa.Array":
    """The column with those texts missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(pc.is_in(array, pa.array([*texts], array.type)), None, array)


def without_codes(array: "pa.Array", texts: Sequence[str]) -> "pa.Array":
    """A column of numbers, truth values, dates or times with those missing that ``texts`` name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, numbers = array.type, codes_of(texts)
    if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
        found = pa.array([one for text in texts if (one := _typed(text, kind)) is not None], kind)
        return pc.if_else(pc.is_in(array, found), None, array) if len(found) else array
    if not numbers:
        return array
    return pc.if_else(pc.is_in(array.cast(pa.float64(), safe=False), pa.array(numbers)), None, array)


def codes_of(missing: Sequence[str] | None) -> list[float]:
    """The numbers that mean that a value is missing."""
    return [float(text) for text in missing or () if re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text)]


def _typed(text: str, kind: "pa.DataType") -> Any:
    """The truth value, date or time that a text is, None where it is none."""
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return {"true": True, "false": False}.get(text.casefold())
    try:
        return pa.scalar(text).cast(kind).as_py()
    except pa.ArrowException:
        return None
