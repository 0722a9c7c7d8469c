"""What is in the columns of a table, for somebody who has still to choose the one to predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.data.arrow import flat, is_text, is_useless, settled, without, without_codes
from regfleet.data.columns import Column, Reading, infer_column, short
from regfleet.data.dataset import RawTable
from regfleet.data.roles import reading_of
from regfleet.settings import Data

if TYPE_CHECKING:
    import pyarrow as pa

MOST_COUNTED = 10
"""Different values of a column that are counted one by one."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """A column: its kind as input, how many values it lacks and how many different ones it has, and what they are."""

    name: str
    kind: str
    missing: int
    unique: int
    words: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A table of so many ``rows``, with notes on what had to be assumed."""

    rows: int
    columns: tuple[ColumnPreview, ...]
    notes: tuple[str, ...]


def previewed(raw: RawTable, source: Data) -> Preview:
    """What is in the columns of ``raw``, read as ``source`` says."""
    import pyarrow as pa

    table = raw.table.from_arrays([settled(one) for one in raw.table.columns], names=raw.table.column_names)
    table = table.replace_schema_metadata(raw.table.schema.metadata)
    reading = reading_of(table, source)
    columns = [
        infer_column(field.name, table[field.name], reading, categorical=pa.types.is_dictionary(field.type))
        for field in table.schema
    ]
    found = (_column(column, table[column.name], reading) for column in columns)
    notes = (*raw.notes, *(note for column in columns for note in column.notes))
    return Preview(raw.table.num_rows, tuple(found), notes)


def _column(column: Column, array: "pa.ChunkedArray", reading: Reading) -> ColumnPreview:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = len(array)
    if is_useless(array.type):
        return ColumnPreview(column.name, column.kind, 0, 0, column.detail)
    plain = flat(array)
    if column.data is None and reading.missing:
        plain = (without if is_text(plain.type) else without_codes)(plain, reading.missing)
    missing = plain.null_count if column.data is None else int(np.asarray(pd.isna(column.data)).sum())
    if column.data is not None:  # without what means that a value is missing
        plain = plain.filter(pa.array(~np.asarray(pd.isna(column.data))))
    counted = pc.value_counts(plain.drop_null())
    texts = counted.field("values")
    unique = len(texts)
    if 0 < unique <= MOST_COUNTED and unique < rows:
        order = np.argsort(-counted.field("counts").to_numpy(), kind="stable")
        # a number and its count, side by side, would read as one number
        mark = ":" if column.kind == "number" or not is_text(plain.type) else ""
        values = counts_text(
            [(_shown(texts[int(at)]) + mark, int(counted.field("counts")[int(at)].as_py())) for at in order], rows
        )
    else:
        examples = ", ".join(_shown(texts[at]) for at in range(min(EXAMPLES, unique)))
        span = column.detail.partition(", ")[0] if column.kind in {"number", "date"} else ""
        values = "; ".join(filter(None, (span, examples, column.detail if column.kind == "ignored" else "")))
    return ColumnPreview(column.name, column.kind, missing, unique, values)


def _shown(value: "pa.Scalar") -> str:
    found = value.as_py()
    return short(f"{found:g}" if isinstance(found, float) else found)


def counts_text(counts: Sequence[tuple[str, int]], rows: int) -> str:
    """How often each value occurs in so many rows, and in which share of them."""
    return ", ".join(f"{value} {count:,} ({100 * count / rows:.1f}\u00a0%)" for value, count in counts)
