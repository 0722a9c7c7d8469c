"""Data sets of OpenML by number or name, downloaded once and kept by scikit-learn."""

import warnings
from dataclasses import replace
from http.client import HTTPException

from regfleet.datasets.arrays import from_arrays
from regfleet.errors import InputError
from regfleet.records import Dataset, DataSource

PREFIX = "openml:"


def load_openml(source: DataSource) -> Dataset:
    """The data set ``openml:61`` or ``openml:iris``; its own target unless ``source`` names one.

    Raises InputError when there is none or it cannot be reached.
    """
    from sklearn.datasets import fetch_openml

    name = source.location.removeprefix(PREFIX)
    which = {"data_id": int(name)} if name.isdecimal() else {"name": name}
    try:
        with warnings.catch_warnings():
            # It warns of every attempt and of several versions; the last error, if any, says it all.
            warnings.simplefilter("ignore")
            bunch = fetch_openml(**which, as_frame=True, parser="pandas")
    except (OSError, ValueError, KeyError, HTTPException) as problem:
        said = " ".join(str(problem).split())[:200]
        raise InputError(
            f"--data: expected a data set of OpenML, downloaded once; got {source.location}: {said}"
        ) from None
    target = source.target or next(iter(bunch.target_names), None)
    return from_arrays(source.location, bunch.frame, source=replace(source, target=target))
