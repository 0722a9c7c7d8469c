"""A matrix of numbers as model input, some columns or rows at a time: no second matrix of its size is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

BLOCK = 2**20
"""Numbers that are looked at at a time, as float64."""


class Standard:
    """Mean and scale of each column, none of whose values is missing, as of scikit-learn's StandardScaler, to the bit.

    Without its import, for which a worker would have the first trial wait.
    """

    def __init__(self) -> None:
        self.mean: Any = 0.0
        self.scale: Any = 1.0
        self._variance: Any = 0.0
        self._rows = 0

    def seen(self, rows: np.ndarray) -> Standard:
        """This of ``rows`` too, float64 (rows, columns)."""
        import numpy as np

        before, new, total = self._rows, len(rows), rows.sum(axis=0)
        count, sum_before = before + new, self.mean * before
        self.mean = (sum_before + total) / count
        apart = rows - total / new
        correction = apart.sum(axis=0)
        apart **= 2
        squares = apart.sum(axis=0) - correction**2 / new
        if before:
            ratio = before / new
            squares = self._variance * before + squares + ratio / count * (sum_before / ratio - total) ** 2
        self._rows, self._variance = count, squares / count
        rounding = np.finfo("float64").eps
        varies = self._variance > count * rounding * self._variance + (count * self.mean * rounding) ** 2
        self.scale = np.where(varies, np.sqrt(self._variance), 1.0)
        return self

    def of(self, rows: np.ndarray) -> np.ndarray:
        """``rows``, float64, standardized where they lie."""
        rows -= self.mean
        rows /= self.scale
        return rows


class Matrix:
    """Rows of ``features``, float64 (rows, columns), missing values filled with the mean of the ``train`` rows.

    Where ``parts``, numbers of rows of which the first are ``train``, have missing values, a column for each that has
    some in ``train`` tells which they were. Statistics are those that scikit-learn computes of the whole matrix, to the
    bit: it sums each column by itself, in the order of the rows.
    """

    def __init__(self, features: np.ndarray, parts: Sequence[np.ndarray]) -> None:
        import numpy as np

        self._features, self._train = features, parts[0]
        self._means: np.ndarray | None = None
        self._told: list[int] = []
        if any(np.isnan(features[rows]).any() for part in parts for rows in _some(part, features.shape[1])):
            self._fit_means()

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self._features.shape[1]) + len(self._told)

    def rows(self, rows: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Float64 (rows, columns)."""
        import numpy as np

        if self._means is None:
            own: np.ndarray = self._features[:, columns][rows]
            return own
        begin, end, _ = columns.indices(self.width)
        wide = self._features.shape[1]
        found = self._features[:, begin : min(end, wide)][rows]
        found = np.where(np.isnan(found), self._means[begin : min(end, wide)], found)
        told = np.isnan(self._features[:, self._told[max(begin - wide, 0) : max(end - wide, 0)]][rows])
        return np.concatenate([found, told.astype("float64")], axis=1)

    def standard(self) -> Standard:
        """Mean and scale of each column in `train`."""
        import numpy as np

        found = [Standard().seen(self.rows(self._train, block)) for block in _blocks(self.width, len(self._train))]
        whole = Standard()
        whole.mean, whole.scale = (np.concatenate([getattr(one, name) for one in found]) for name in ("mean", "scale"))
        return whole

    def written(self, rows: np.ndarray, change: Callable[[np.ndarray], np.ndarray], kind: str) -> np.ndarray:
        """(rows, columns) of a ``kind`` of numbers: what ``change`` makes of the rows."""
        import numpy as np

        made, first = np.empty((len(rows), self.width), kind), 0
        for some in _some(rows, self.width):
            made[first : first + len(some)] = change(self.rows(some))
            first += len(some)
        return made

    def _fit_means(self) -> None:
        import numpy as np
        from sklearn.impute import SimpleImputer

        means = []
        for block in _blocks(self._features.shape[1], len(self._train)):
            seen = self._features[:, block][self._train]
            means.append(SimpleImputer(keep_empty_features=True).fit(seen).statistics_)
            self._told += (block.start + np.flatnonzero(np.isnan(seen).any(axis=0))).tolist()
        self._means = np.concatenate(means)


def _some(rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """``rows``, a block of numbers at a time."""
    each = max(1, BLOCK // max(1, width))
    for first in range(0, len(rows), each):
        yield rows[first : first + each]


def _blocks(width: int, rows: int) -> Iterator[slice]:
    """Columns that follow one another, a block of numbers at a time; never one alone of several: it sums otherwise."""
    each, first = max(2, BLOCK // max(1, rows)), 0
    while first < width:
        end = width if width - first - each < 2 else first + each
        yield slice(first, end)
        first = end
