"""Data sets, where they come from, and the rows that a model sees."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from regfleet.settings.values import Scale, SplitSpec, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from regfleet.data.columns import Column, Reading

TABLE_COLUMNS, TABLE_CELLS = 100, 2_000_000
"""Columns and cells of a data set up to which what its rows hold is written beside what was predicted of them."""


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """A table as it was read, every column of another name, with the ``target``'s; ``test`` holds held-out rows.

    ``classes``: the names of the classes that are numbers 0, 1, … in it; none where its values are their own names.
    """

    name: str
    table: pa.Table
    target: str | None
    test: pa.Table | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RawArrays:
    """Numbers as they were given: features (rows, …), target (rows,), and bool (rows,) of the held-out rows if any.

    Features that are texts are objects (rows,), None where missing. ``classes``: as in `RawTable`.
    """

    name: str
    features: np.ndarray
    target: np.ndarray
    held_out: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scaling:
    """How numbers become a model's input: ``how`` all of them, but for ``columns``, (name, how) each.

    standard: less their mean, divided by their deviation, of the training rows; none: as they are; auto: not decided
    yet, and as standard until then. ``flat``: one mean and one deviation for a whole array, whose last axis is no
    features. ``whole``: as whole numbers, which a float32 does not hold. ``why`` says in words how it came to that,
    ``assumed`` that the user should know.
    """

    how: Literal["auto"] | Scale = "auto"
    columns: tuple[tuple[str, Scale], ...] = ()
    flat: bool = False
    whole: bool = False
    assumed: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A data set in memory.

    ``features``: (rows, columns) of float64, NaN where missing, or of whole numbers; (rows, …, features) of any numeric
    type; or a frame of (rows, columns) of float64, categories, datetime64 and str, to be encoded on the training rows
    of each seed, its numbers as ``scaling`` says.
    ``target``: int64 (rows,) of class numbers, or float64 (rows,) for regression, which has no ``classes``. ``groups``:
    int64 (rows,), rows of one number stay together. ``order``: int64 (rows,), the place of each row in time.
    ``held_out``: bool (rows,), the test set where it is the same for every seed. ``notes`` are sentences the user
    should read: what was inferred, what looks like leakage. ``columns`` are a table's: (name, kind, detail) of each,
    those that are not used as input included. ``text_shape``: the shape of a row, () or (1,), where the model takes the
    one column of texts as it is. ``inputs`` are the columns of a table that are its features, without their data, and
    ``reading`` is how its texts were read, so that other rows can be read alike. ``cuts``: the sets of some splits and
    seeds, as they were encoded before.
    """

    name: str
    features: np.ndarray | pd.DataFrame
    target: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str
    groups: np.ndarray | None = None
    order: np.ndarray | None = None
    held_out: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()
    text_shape: tuple[int, ...] | None = None
    scaling: Scaling = Scaling()
    inputs: tuple[Column, ...] = ()
    reading: Reading | None = None
    cuts: Mapping[tuple[SplitSpec, int], Sets] = field(default_factory=dict)

    @property
    def task(self) -> Task:
        """What is to be predicted: one of ``classes``, or a number."""
        return "classification" if self.classes else "regression"

    @property
    def fixed_test(self) -> bool:
        """Whether every seed is judged on the same rows."""
        return self.held_out is not None or self.order is not None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One of the three sets, ready for a model.

    ``x``: float32 (rows, …), whole numbers that are to stay exact, or objects, texts for a model that takes them.
    ``y``: float32, one-hot (rows, classes), or for regression (rows, 1) as `Sets` scales it.
    """

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Training, validation and test rows of one seed, encoded and scaled on the training rows.

    For regression the target is ``target_mean + target_scale · y``, both from the training rows. ``test_rows``: the
    numbers of the test rows in the data set, (rows,), in the order of ``test``; empty where they come from none.
    ``spare`` columns are wanting to the width that serves every seed; the last ``padding`` columns are zeros for that.
    """

    train: Rows
    validation: Rows
    test: Rows
    task: Task = "classification"
    target_mean: float = 0.0
    target_scale: float = 1.0
    test_rows: Sequence[int] | np.ndarray = ()
    spare: int = 0
    padding: int = 0


def table_of(dataset: Dataset) -> pd.DataFrame | None:
    """The features as a table of a line for each row; None where they are none, or too many to be read by people."""
    import pandas as pd

    features = dataset.features
    if features.ndim != 2 or features.shape[1] > TABLE_COLUMNS or features.size > TABLE_CELLS:
        return None
    if isinstance(features, pd.DataFrame):
        return features.reset_index(drop=True)
    named = number_columns(dataset)
    names = named if len(named) == features.shape[1] else [f"x{place}" for place in range(features.shape[1])]
    return pd.DataFrame(features, columns=names)


def number_columns(dataset: Dataset) -> list[str]:
    """The names of a table's columns of numbers and truth values, in their order."""
    return [name for name, kind, _ in dataset.columns if kind in {"number", "boolean"}]


def input_names(dataset: Dataset) -> list[str]:
    """The names of the input columns of a table, of a matrix without any column 1 and on; none of anything else."""
    import numpy as np

    if dataset.features.ndim != 2:
        return []
    if not isinstance(dataset.features, np.ndarray):
        return [*map(str, dataset.features)]
    return number_columns(dataset) or [f"column {place}" for place in range(1, dataset.features.shape[1] + 1)]


def without_column(dataset: Dataset, name: str) -> Dataset:
    """The data set without a column of its input; raises KeyError where there is none of that name."""
    import numpy as np

    names, features = input_names(dataset), dataset.features
    if name not in names:
        raise KeyError(name)
    kept = [place for place, one in enumerate(names) if one != name]
    features = features[:, kept] if isinstance(features, np.ndarray) else features.iloc[:, kept]
    columns = tuple(one for one in dataset.columns if one[0] != name)
    inputs = tuple(one for one in dataset.inputs if one.name != name)
    return replace(dataset, features=features, columns=columns, inputs=inputs)


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 over the features with their names and types, the target, the classes, groups, order and test rows."""
    import numpy as np

    digest = hashlib.sha256(repr((dataset.features.shape, dataset.classes)).encode())
    if isinstance(dataset.features, np.ndarray):
        _add_features(digest, dataset.features)
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


def _add_features(digest: hashlib._Hash, features: np.ndarray) -> None:
    """A table of whole numbers counts as the floats that it is standardized as."""
    if features.ndim > 2 or features.dtype.kind == "f":
        _add(digest, features)
        return
    digest.update(b"float64")
    for first in range(0, len(features), 100_000):
        digest.update(features[first : first + 100_000].astype("float64", order="C").data)


def _add(digest: hashlib._Hash, array: np.ndarray) -> None:
    import numpy as np

    digest.update(str(array.dtype).encode())
    if array.dtype == object:  # texts
        digest.update("\0".join("\1" if text is None else text for text in array.flat).encode())
        return
    digest.update(np.ascontiguousarray(array).data)
