"""What looks as if a column gave the target away, and rows that are there twice."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.data.columns import Column

if TYPE_CHECKING:
    import numpy as np

FEWEST_ROWS = 30
FEWEST_OF_CLASS = 5
"""With fewer rows a column may tell the classes apart by chance."""
MOST_ROWS = 100_000
"""Of more rows, that many at even distances are looked at."""
PERFECT = 1 - 1e-9


def leaking_columns(columns: Sequence[Column], target: "np.ndarray", *, classes: int) -> list[str]:
    """The names of the columns from which alone the target can be told, without error, in these rows.

    One does when each of its values comes with one value of the target and the values repeat, five rows to a value or
    more; a number also when it cuts the rows into as many stretches as there are classes, or is a straight line in the
    target. ``columns`` all have data. ``target``: (rows,); ``classes`` is 0 for regression.
    """
    import numpy as np

    if len(target) < FEWEST_ROWS or (classes and np.bincount(target).min() < FEWEST_OF_CLASS):
        return []
    some = slice(None, None, -(-len(target) // MOST_ROWS))
    looked = [replace(column, data=column.data[some]) for column in columns]
    return [column.name for column in looked if _tells(column, target[some], classes)]


def identical_rows(columns: Sequence[Column], target: "np.ndarray | None" = None) -> "np.ndarray":
    """uint64 (rows,): equal where all columns, and the target, are equal."""
    import numpy as np
    import pandas as pd

    parts = [*(column.data for column in columns), *([] if target is None else [target])]
    mixed = np.zeros(len(parts[0]), dtype="uint64")
    for part in parts:
        hashed = pd.util.hash_array(part, categorize=False) if isinstance(part, np.ndarray) else _hash(part)
        mixed = mixed * np.uint64(1_000_003) + hashed
    return mixed


def _hash(values: object) -> "np.ndarray":
    import pandas as pd

    return pd.util.hash_pandas_object(pd.Series(values), index=False).to_numpy()


def _tells(column: Column, target: "np.ndarray", classes: int) -> bool:
    import numpy as np
    import pandas as pd

    codes = np.asarray(column.data) if column.kind in {"number", "boolean"} else pd.factorize(column.data)[0]
    if (np.isnan(codes) if codes.dtype.kind == "f" else codes < 0).any():
        return False
    order = np.argsort(codes, kind="stable")
    values, told = codes[order], target[order]
    steps, changes = values[1:] != values[:-1], told[1:] != told[:-1]
    if (changes & ~steps).any():
        return False
    if steps.sum() < len(target) / 5:
        return True
    if column.kind != "number":
        return False
    return int(changes.sum()) < classes if classes else bool(abs(np.corrcoef(values, told)[0, 1]) > PERFECT)
