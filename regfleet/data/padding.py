"""Inputs of one width for every seed: columns of zeros where other seeds' training rows have one more category."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd

    from regfleet.data.dataset import Rows, Sets


MAX_ONE_HOT = 100
"""Columns that one categorical column becomes at most; the rarest values of the training rows share the last."""


def spare_columns(features: np.ndarray | pd.DataFrame, parts: Sequence[np.ndarray]) -> int:
    """How many columns more `encode` makes where other rows train than the first of ``parts``, row numbers of a seed.

    Counted are categories, and numbers that are missing, which have a column where the training rows have them.
    """
    import numpy as np

    every = np.concatenate(parts)
    if isinstance(features, np.ndarray):
        return _gaps(features, every, parts[0]) if features.ndim == 2 and features.dtype.kind == "f" else 0
    spare = _gaps(features.select_dtypes("float64").to_numpy(), every, parts[0])
    categories = features.select_dtypes("category")
    for name in categories:
        codes = categories[name].cat.codes.to_numpy()
        there, here = (min(len(np.unique(codes[rows])), MAX_ONE_HOT) for rows in (every, parts[0]))
        spare += there - here
    return spare


def _gaps(numbers: np.ndarray, every: np.ndarray, training: np.ndarray) -> int:
    """Columns with a value that is missing in some rows and in none that train."""
    import numpy as np

    columns = np.flatnonzero(np.isnan(numbers).any(axis=0))
    missing = (np.isnan(numbers[:, column]) for column in columns)
    return sum(bool(one[every].any() and not one[training].any()) for one in missing)


def padded(sets: Sets) -> Sets:
    """``sets`` with as many columns of zeros behind their own as they have to spare."""
    import numpy as np

    def wide(rows: Rows) -> Rows:
        return replace(rows, x=np.pad(rows.x, ((0, 0), (0, sets.spare))))

    if not sets.spare:
        return sets
    return replace(
        sets,
        train=wide(sets.train),
        validation=wide(sets.validation),
        test=wide(sets.test),
        spare=0,
        padding=sets.spare,
    )
