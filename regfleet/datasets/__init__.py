"""Data sets, and how a seed turns one into training, validation and test sets.

A new kind of source is one file with a function that returns a `Dataset`.
"""

from regfleet.datasets.builtin import BUILTIN, check_builtin, load_builtin
from regfleet.datasets.splits import SPLITS, cut, row_counts, split_rows

__all__ = ["BUILTIN", "SPLITS", "check_builtin", "cut", "load_builtin", "row_counts", "split_rows"]
