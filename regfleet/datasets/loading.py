"""A data set from wherever it is."""

from regfleet.datasets.builtin import check_builtin, load_builtin
from regfleet.records import Dataset, DataSource


def check_source(source: DataSource) -> None:
    """Raise InputError for what can be seen to be wrong without reading any row."""
    check_builtin(source.location)


def load_dataset(source: DataSource) -> Dataset:
    """The data set at ``source``; raises InputError naming the flag when it cannot be used."""
    return load_builtin(source.location)
