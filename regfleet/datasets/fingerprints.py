"""A hash of what a data set holds: the same rows have the same one on every machine."""

import hashlib
from typing import TYPE_CHECKING

from regfleet.records import Dataset

if TYPE_CHECKING:
    import numpy as np


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 over the features with their names and types, the target, the classes, groups, order and test rows."""
    import numpy as np

    digest = hashlib.sha256(repr((dataset.features.shape, dataset.classes)).encode())
    if isinstance(dataset.features, np.ndarray):
        _add(digest, dataset.features)
    else:
        for name, column in dataset.features.items():
            digest.update(repr((name, str(column.dtype))).encode())
            if column.dtype == "category":
                digest.update(repr(column.cat.categories.tolist()).encode())
                _add(digest, column.cat.codes.to_numpy("int64"))
            elif column.dtype == "str":
                digest.update("\0".join(column.fillna("\1")).encode())
            else:
                _add(digest, column.to_numpy().view("int64"))
    for part in (dataset.target, dataset.groups, dataset.order, dataset.held_out):
        digest.update(b"|")
        if part is not None:
            _add(digest, part)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", array: "np.ndarray") -> None:
    import numpy as np

    digest.update(str(array.dtype).encode())
    digest.update(np.ascontiguousarray(array).data)
