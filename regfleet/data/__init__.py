"""Data sets, and how a seed turns one into training, validation and test sets.

A new kind of source is one file with a function that returns a `Dataset`.
"""

from regfleet.data.arrays import from_arrays
from regfleet.data.encoding import cut, is_text
from regfleet.data.padding import padded, spare_columns
from regfleet.data.scaling import InputUse, decided, scaling_key, scaling_meaning
from regfleet.data.sources import (
    BUILTIN,
    builtin_columns,
    check_source,
    data_name,
    load_builtin,
    load_dataset,
    preview,
    read_raw,
)
from regfleet.data.splits import SPLITS, parse_split, row_counts, split_meaning, split_rows, stratifies
from regfleet.data.tables import describe_columns

__all__ = [
    "BUILTIN",
    "SPLITS",
    "InputUse",
    "builtin_columns",
    "check_source",
    "cut",
    "data_name",
    "decided",
    "describe_columns",
    "from_arrays",
    "is_text",
    "load_builtin",
    "load_dataset",
    "padded",
    "parse_split",
    "preview",
    "read_raw",
    "row_counts",
    "scaling_key",
    "scaling_meaning",
    "spare_columns",
    "split_meaning",
    "split_rows",
    "stratifies",
]
