"""Which rows a fitted model was trained on, kept as hashes: a score on such rows says little of new ones."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np

    from regfleet.data.dataset import Dataset
    from regfleet.saving.rows import Rows

KIND = "<u8"
"""How hashes lie in the file: ascending, eight bytes each."""


def trained(dataset: Dataset, rows: np.ndarray) -> bytes:
    """The hashes of these rows of a data set, ascending and each once, as the file holds them."""
    import numpy as np

    from regfleet.saving.preprocessing import columns_of

    if isinstance(dataset.features, np.ndarray) and (dataset.features.ndim > 2 or dataset.features.dtype.kind in "iu"):
        found = _of_matrix(dataset.features[rows])
    elif dataset.text_shape is not None:
        found = _of_columns({"": np.array(_texts(dataset, rows), object)}, len(rows))
    else:
        found = _of_columns(columns_of(dataset, rows), len(rows))
    content: bytes = np.unique(found).astype(KIND).tobytes()
    return content


def count(rows: Rows, content: bytes) -> int:
    """How many of the rows have the same input as one that was trained on; ``content`` is that of the file."""
    import numpy as np

    if not content or len(content) % 8:
        return 0
    if rows.columns is not None:
        found = _of_columns(rows.columns, rows.count)
    elif rows.matrix is not None and rows.matrix.dtype.kind == "O":
        found = _of_columns({"": rows.matrix.ravel()}, rows.count)
    elif rows.matrix is not None:
        found = _of_matrix(rows.matrix)
    else:
        return 0
    return int(np.isin(found, np.frombuffer(content, KIND)).sum())


def _texts(dataset: Dataset, rows: np.ndarray) -> Iterable[object]:
    import pandas as pd

    return pd.DataFrame(dataset.features).iloc[rows, 0].astype(object)


def _of_columns(columns: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """A hash of each row of columns as `Rows` holds them, in order of their names, (rows,)."""
    import numpy as np

    numbers, texts = [np.empty((rows, 0), "<i8")], []
    for name in sorted(columns):
        column = columns[name]
        if column.dtype.kind == "O":
            texts.append(["" if one is None or one != one else str(one) for one in column])  # noqa: PLR0124 - NaN
            continue
        if column.dtype.kind == "M":
            values = column.astype("M8[us]").astype("<i8")
        else:
            # Zero has a sign and what is missing many forms, which nobody sees.
            known = np.asarray(column, "<f8") + 0.0
            values = np.where(np.isnan(known), np.nan, known).view("<i8")
        numbers.append(values[:, None])
    whole = np.ascontiguousarray(np.concatenate(numbers, axis=1))
    beside = ["\0".join(row).encode("utf-8", "replace") for row in zip(*texts, strict=True)] if texts else [b""] * rows
    return _hashes(number.tobytes() + text for number, text in zip(whole, beside, strict=True))


def _of_matrix(matrix: np.ndarray) -> np.ndarray:
    """A hash of each row of an array of numbers, whatever their type, (rows,)."""
    import numpy as np

    return _hashes((np.ascontiguousarray(row, "<f8") + 0.0).tobytes() for row in matrix)


def _hashes(rows: Iterable[bytes]) -> np.ndarray:
    import numpy as np

    made = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)
    return np.frombuffer(made, KIND)
