"""The three sets of a seed, as a model takes them."""

from typing import TYPE_CHECKING

from regfleet.datasets.encoding import encode
from regfleet.datasets.splits import split_rows
from regfleet.records import Dataset, Rows, Sets, SplitSpec

if TYPE_CHECKING:
    pass


def cut(dataset: Dataset, split: SplitSpec, seed: int) -> Sets:
    """The three sets of a seed, encoded and standardised by what its training rows hold and nothing else.

    The number of input columns may differ between seeds: a category is a column where the training rows have it.
    Raises InputError when the data set cannot be split that way.
    """
    import numpy as np

    parts = split_rows(dataset, split, seed)
    inputs = encode(dataset.features, parts)
    if dataset.task == "classification":
        one_hot = np.eye(len(dataset.classes), dtype="float32")
        train, validation, test = (
            Rows(x, one_hot[dataset.target[rows]]) for x, rows in zip(inputs, parts, strict=True)
        )
        return Sets(train, validation, test)
    known = dataset.target[parts[0]]
    mean, scale = float(known.mean()), float(known.std()) or 1.0

    def column(rows: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = ((dataset.target[rows] - mean) / scale).astype("float32")
        return scaled[:, None]

    train, validation, test = (Rows(x, column(rows)) for x, rows in zip(inputs, parts, strict=True))
    return Sets(train, validation, test, "regression", mean, scale)
