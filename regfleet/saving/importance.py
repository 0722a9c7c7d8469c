"""What the networks of a fitted model look at: the score that is lost when a column is shuffled among test rows.

scikit-learn's permutation importance (Breiman, "Random forests", Machine Learning 45, 2001), of each network on the
test rows of its own seed. A column is shuffled before it is encoded, so that a category or a date moves as a whole.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet.numbers import Scale, counted
from regfleet.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    import pandas as pd

    from regfleet.data.dataset import Dataset
    from regfleet.metrics import Metric
    from regfleet.saving.signature import Importance

REPEATS = 5
"""Times that each column is shuffled, as is scikit-learn's own default."""
CELLS, FEWEST, MOST_COLUMNS = 200_000, 200, 500
"""Test rows × columns that are looked at, but so many rows at least; with more columns than that nothing is."""
TOGETHER, SAMPLE, MOST_PAIRED = 0.7, 5_000, 100
"""The association from which two columns go together, on how many rows it is seen, and of how many columns."""
MOST_SAID = 3


@dataclass(eq=False)
class _Network:
    """A network as scikit-learn wants it; a row is the places, column by column, from which it takes its values."""

    columns: Mapping[str, np.ndarray]
    answer: Callable[[Mapping[str, np.ndarray], int], np.ndarray]

    def fit(self, X: Any, y: Any = None) -> _Network:  # noqa: ARG002, N803 - as scikit-learn calls them
        return self

    def of(self, places: np.ndarray) -> np.ndarray:
        """What it says of the rows, (rows, outputs)."""
        taken = {name: column[places[:, at]] for at, (name, column) in enumerate(self.columns.items())}
        return self.answer(taken, len(places))


def lost(
    columns: Mapping[str, np.ndarray],
    answer: Callable[[Mapping[str, np.ndarray], int], np.ndarray],
    score: Callable[[np.ndarray, np.ndarray], float],
    rows: int,
    seed: int,
) -> dict[str, float]:
    """The score, larger is better, that a network loses on average when a column is shuffled, by column.

    Args:
        columns: of the test rows, as new rows are read, (rows,) each.
        answer: what the network says of so many rows of such columns, (rows, outputs).
        score: of what it says of the rows with the numbers that come second.
        rows: how many.
        seed: shuffles them, and chooses some where there are very many.
    """
    import numpy as np
    from sklearn.inspection import permutation_importance

    if not columns or len(columns) > MOST_COLUMNS or rows < 2:
        return {}
    chosen = np.arange(rows)
    most = max(FEWEST, CELLS // len(columns))
    if rows > most:
        chosen = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    places = np.repeat(chosen[:, None], len(columns), axis=1)

    def scored(network: _Network, given: np.ndarray, numbers: np.ndarray) -> float:
        return score(network.of(given), numbers)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a score that is no number for these rows
        found = permutation_importance(
            _Network(columns, answer), places, chosen, scoring=scored, n_repeats=REPEATS, random_state=seed % 2**32
        )
    return dict(zip(columns, map(float, found.importances_mean), strict=True))


def over_seeds(
    found: Sequence[Mapping[str, float]], metric: Metric, ratio: float, alpha: float
) -> tuple[Importance, ...]:
    """What each column is worth over the networks, most first; none where they were not looked at.

    The intervals are of one number per seed, corrected for the test and training rows that seeds share (``ratio``), and
    hold for all columns at once.
    """
    import numpy as np

    from regfleet.analysis.intervals import estimate, interval, unknown, without_scatter
    from regfleet.saving.signature import Importance

    names = [*found[0]] if found and all(one.keys() == found[0].keys() for one in found) else []
    made = []
    for name in names:
        values = np.array([one[name] for one in found], np.float64)
        around = interval(estimate(values[np.isfinite(values)], ratio), alpha, len(names))
        if without_scatter(around):
            around = unknown(around)
        ends = [value if math.isfinite(value) else None for value in (around.mean, around.low, around.high)]
        made.append(Importance(column=name, metric=metric.name, mean=ends[0], low=ends[1], high=ends[2]))
    return tuple(sorted(made, key=lambda one: -math.inf if one.mean is None else one.mean, reverse=True))


def sentences(found: Sequence[Importance], metric: Metric, networks: int, pairs: Sequence[str]) -> tuple[str, ...]:
    """What the networks look at, in plain words; ``pairs`` say which columns go together."""
    unit = Scale(metric)
    clear = [one for one in found if one.low is not None and one.low > 0]
    said = []
    if clear and networks >= 5:
        shown = [f"{one.column} ({_sized(one, unit)})" for one in clear[:MOST_SAID]]
        rest = [counted(len(clear) - MOST_SAID, "more column")] if len(clear) > MOST_SAID else []
        by = f"by how much worse {metric.title} is when it is shuffled"
        said.append(f"What the networks look at, {by}: {listed([*shown, *rest])}.")
    elif found:
        few = f", and {counted(networks, 'network')} cannot show it; five are the least" if networks < 5 else ""
        said.append(f"No column is clearly looked at more than by chance{few}.")
    return (*said, *pairs) if found else ()


def _sized(one: Importance, unit: Scale) -> str:
    return f"{unit.amount(one.mean or 0.0)}, {unit.size(one.low or 0.0)} to {unit.size(one.high or 0.0)}"


def going_together(dataset: Dataset) -> tuple[str, ...]:
    """A sentence on the columns of a table of which one tells the other; none where there are none.

    Numbers and dates by their rank correlation, categories by Cramér's V, one of each by the correlation ratio of the
    ranks; the latter two corrected for the number of categories.
    """
    import numpy as np
    import pandas as pd

    from regfleet.data.dataset import input_names

    names = input_names(dataset)
    frame = pd.DataFrame(dataset.features).iloc[:: max(1, -(-len(dataset.target) // SAMPLE))]
    frame.columns = pd.Index(names)
    kinds = {name: _values(frame[name]) for name in names[:MOST_PAIRED]}
    known = [(name, values) for name, values in kinds.items() if values is not None]
    found = []
    for place, (first, one) in enumerate(known):
        for second, other in known[place + 1 :]:
            size = _association(one, other)
            if np.isfinite(size) and size >= TOGETHER:
                found.append((size, first, second))
    if not found:
        return ()
    found.sort(key=lambda pair: -pair[0])
    pairs = [f"{first} and {second} ({size:.2f})" for size, first, second in found[:MOST_SAID]]
    rest = [counted(len(found) - MOST_SAID, "more pair")] if len(found) > MOST_SAID else []
    said = f"Columns that go together: {listed([*pairs, *rest])}. When one of such is shuffled the other still tells, "
    return (f"{said}so that each may matter more than it seems.",)


def _values(column: pd.Series[Any]) -> tuple[bool, np.ndarray] | None:
    """Whether it is a category, and its codes, or else its ranks; None for texts and for what is always the same."""
    import numpy as np
    from scipy.stats import rankdata

    if column.dtype == "str" or column.nunique() < 2:
        return None
    if column.dtype == "category":
        return True, column.cat.codes.to_numpy("int64")
    numbers = column.astype("int64") if column.dtype.kind == "M" else column
    values = np.asarray(numbers.where(column.notna()).astype("float64"))
    return False, rankdata(np.where(np.isnan(values), np.nanmedian(values), values))


def _association(one: tuple[bool, np.ndarray], other: tuple[bool, np.ndarray]) -> float:
    import numpy as np

    (first_is, first), (second_is, second) = one, other
    if not first_is and not second_is:
        return float(abs(np.corrcoef(first, second)[0, 1]))
    rows = len(first)
    if first_is and second_is:
        return _cramer(first, second)
    groups, numbers = (first, second) if first_is else (second, first)
    _, place, many = np.unique(groups, return_inverse=True, return_counts=True)
    means = np.bincount(place, numbers) / many
    total = float(((numbers - numbers.mean()) ** 2).sum())
    explained = float((many * (means - numbers.mean()) ** 2).sum()) / total if total else 0.0
    if rows <= len(many):
        return 0.0
    return math.sqrt(max(0.0, 1 - (1 - explained) * (rows - 1) / (rows - len(many))))


def _cramer(first: np.ndarray, second: np.ndarray) -> float:
    """Cramér's V corrected for bias (Bergsma, Journal of the Korean Statistical Society 42, 2013)."""
    import numpy as np

    rows = len(first)
    one, other = (np.unique(values, return_inverse=True)[1] for values in (first, second))
    r, c = int(one.max()) + 1, int(other.max()) + 1
    table = np.bincount(one * c + other, minlength=r * c).reshape(r, c).astype(np.float64)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / rows
    phi = float(((table - expected) ** 2 / expected).sum()) / rows
    phi = max(0.0, phi - (r - 1) * (c - 1) / (rows - 1))
    least = min(r - (r - 1) ** 2 / (rows - 1), c - (c - 1) ** 2 / (rows - 1)) - 1
    return math.sqrt(phi / least) if least > 0 else 0.0
