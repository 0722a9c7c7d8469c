"""Splits: which rows train, which choose the epoch, which judge."""

import math
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.records import Dataset, Rows, Sets, SplitSpec
from regfleet.streams import stream_int

if TYPE_CHECKING:
    import numpy as np

SPLITS = {
    "60/20/20": SplitSpec("60/20/20", 0.6, 0.2, 0.2),
    "article": SplitSpec("article", 0.75, 0.25, 0.25, stratified=False, test_is_validation=True),
}


def split_rows(dataset: Dataset, split: SplitSpec, seed: int) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """The row numbers of the training, validation and test set of a seed, from its stream ``split``.

    Raises InputError when the data set is too small to be split that way.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    def part(rows: np.ndarray, size: int, name: str) -> tuple[np.ndarray, np.ndarray]:
        labels = dataset.target[rows] if split.stratified else None
        state = stream_int(seed, "split", name)
        kept, taken = train_test_split(rows, test_size=size, random_state=state, stratify=labels)
        return kept, taken

    _, n_validation, n_test = row_counts(dataset, split)
    try:
        rest, test = part(np.arange(len(dataset.target)), n_test, "test")
        if split.test_is_validation:
            return rest, test, test
        train, validation = part(rest, n_validation, "validation")
    except ValueError as problem:
        msg = f"--split {split.name}: expected every class of {dataset.name} in each set; got: {problem}"
        raise InputError(msg) from None
    return train, validation, test


def row_counts(dataset: Dataset, split: SplitSpec) -> tuple[int, int, int]:
    """Rows in the training, validation and test set. They are the same for every seed."""
    rows = len(dataset.target)
    n_test = math.ceil(split.test * rows)
    n_validation = n_test if split.test_is_validation else math.ceil(split.validation * rows)
    return rows - n_test - (0 if split.test_is_validation else n_validation), n_validation, n_test


def cut(dataset: Dataset, split: SplitSpec, seed: int) -> Sets:
    """The three sets of a seed, standardised by the mean and the standard deviation of the training rows alone."""
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    train, validation, test = split_rows(dataset, split, seed)
    scaler = StandardScaler().fit(dataset.features[train])
    one_hot = np.eye(len(dataset.classes), dtype="float32")

    def rows(chosen: np.ndarray) -> Rows:
        return Rows(scaler.transform(dataset.features[chosen]).astype("float32"), one_hot[dataset.target[chosen]])

    return Sets(rows(train), rows(validation), rows(test))
