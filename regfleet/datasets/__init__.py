"""Data sets, and how a seed turns one into training, validation and test sets.

A new kind of source is one file with a function that returns a `Dataset`.
"""

from regfleet.datasets.builtin import BUILTIN, load_builtin
from regfleet.datasets.loading import check_source, load_dataset
from regfleet.datasets.splits import SPLITS, cut, row_counts, split_rows

__all__ = ["BUILTIN", "SPLITS", "check_source", "cut", "load_builtin", "load_dataset", "row_counts", "split_rows"]
