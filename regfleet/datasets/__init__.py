"""Data sets, and how a seed turns one into training, validation and test sets.

A new kind of source is one file with a function that returns a `Dataset`.
"""

from regfleet.datasets.arrays import from_arrays
from regfleet.datasets.builtin import BUILTIN, load_builtin
from regfleet.datasets.cutting import cut
from regfleet.datasets.loading import check_source, data_name, load_dataset
from regfleet.datasets.splits import SPLITS, parse_split, row_counts, split_meaning, split_rows, stratifies
from regfleet.datasets.tables import describe_columns

__all__ = [
    "BUILTIN",
    "SPLITS",
    "check_source",
    "cut",
    "data_name",
    "describe_columns",
    "from_arrays",
    "load_builtin",
    "load_dataset",
    "parse_split",
    "row_counts",
    "split_meaning",
    "split_rows",
    "stratifies",
]
