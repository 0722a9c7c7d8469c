"""The interval of single rows: a mean difference on fresh rows, from what was said of each test row on each seed.

A difference e of a row on a seed splits into an effect of the row itself, interactions of the row with k of the rows
that trained, and chance (Hoeffding's decomposition; Efron and Stein, "The jackknife estimate of variance", Annals of
Statistics 9, 1981). Splits of the same n rows share what belongs to the rows. Of an interaction of order k the share
f^k, f = n_train/(n − 1), is the same on every split that tests the row, and the rest scatters within the row from seed
to seed. That scatter can be seen; which of the k + 1 rows of an interaction plays the tester cannot, and it makes the
common part count up to k + 1 times. The rule takes the worst structure that agrees with the scatter seen (`envelope`).
The nearest neighbour comes that near, so that no smaller factor holds for all learners. What all splits of a data set
share through the training rows alone is left out: that it is small is assumed, as every such rule must assume
something (Luo and Barber, "The limits of assumption-free tests for algorithm performance", Bernoulli 32, 2026).
Nadeau and Bengio's correction (`intervals`) sees one number per seed; this sees where it comes from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.intervals import Array
from regfleet.analysis.variant import Interval

ENOUGH_TESTS = 1.5
"""Tests per row from which the scatter within rows is measured; with fewer it is unknown, and the worst is taken."""
ORDERS = 60
"""Orders of interactions that are thought of, more where nearly all rows train."""


@dataclass(frozen=True, slots=True)
class RowEstimate:
    """A mean difference with the parts of its variance, in units of the score; larger is better.

    ``rows`` of the data set that can be tested and ``seeds``, both counted. ``common`` is the variance of the mean
    through the rows (V1), ``scatter`` the variance between seeds beyond what rows explain (g), ``between`` all of it,
    ``skew`` that of the row sums, Σu³/(M·Σu²). ``total`` is the variance of a cell, ``within`` the share of it that
    scatters within a row, None where too few rows were tested twice. ``overlap`` f, ``tests`` per row R and
    ``evenness`` ρ are the envelope's. ``counts`` says that cells are right or wrong.
    """

    mean: float
    rows: int
    seeds: int
    common: float
    scatter: float
    between: float
    skew: float
    total: float
    within: float | None
    overlap: float
    tests: float
    evenness: float
    counts: bool

    def interval(self, alpha: float, comparisons: int = 1) -> Interval:
        """The two-sided interval at level 1 − ``alpha``, simultaneous over ``comparisons``.

        NaN below two seeds or rows. Its end on the side where rare large differences lie is moved out, the other one
        stays (Johnson, "Modified t tests", Journal of the American Statistical Association 73, 1978).
        """
        low, high = self._ends(alpha / (2 * comparisons))
        return Interval(self.mean, low, high)

    def p_value(self, comparisons: int = 1) -> float:
        """The least alpha at which `interval` excludes zero; NaN below two seeds or rows."""
        if not self._known:
            return math.nan

        def excluded(exponent: float) -> bool:
            low, high = self._ends(0.5 * math.exp(exponent))
            return low > 0 or high < 0

        low, high = -200.0, 0.0
        if not excluded(high):
            return 1.0
        if excluded(low):
            return 0.0
        while high - low > 1e-9:
            middle = (low + high) / 2
            low, high = (low, middle) if excluded(middle) else (middle, high)
        return min(1.0, comparisons * math.exp(high))

    def limit(self, alpha: float, comparisons: int = 1) -> float:
        """The half-width that unlimited seeds would leave: below it these rows can show no difference."""
        if not self._known:
            return math.nan
        return self._half(alpha / (2 * comparisons), self._common(math.inf, 1.0), None)

    def expected(self, seeds: int, n_test: int, alpha: float, comparisons: int = 1) -> float:
        """The half-width to expect of ``seeds`` seeds that test ``n_test`` rows each, dealt as evenly as here.

        Where ``within`` is not known yet the worst is expected, and what comes is likely narrower.
        """
        if not self._known or seeds < 2:
            return math.nan
        tests = seeds * n_test / self.rows
        evenness = _even(tests) + self._chance * max(_drawn(seeds, n_test / self.rows) - _even(tests), 0.0)
        return self._half(alpha / (2 * comparisons), self._common(tests, evenness), seeds)

    @property
    def _known(self) -> bool:
        return self.seeds > 1 and self.rows > 1

    @property
    def _chance(self) -> float:
        """How far the rows were drawn (1) instead of dealt (0), by how unevenly they were tested."""
        even, drawn = _even(self.tests), _drawn(self.seeds, self.tests / self.seeds)
        return min(max((self.evenness - even) / (drawn - even), 0.0), 1.0) if drawn > even else 0.0

    def _common(self, tests: float, evenness: float) -> float:
        """The variance through the rows to expect at so many ``tests`` per row."""
        now = envelope(self.within, self.overlap, self.tests, self.evenness)
        then = envelope(self.within, self.overlap, tests, evenness)
        return self.common * then / now

    def _ends(self, tail: float) -> tuple[float, float]:
        if not self._known:
            return math.nan, math.nan
        half = self._half(tail, self.common, self.seeds)
        skew = (2 * _quantile(tail, self.rows - 1) ** 2 + 1) / 6 * self.skew
        return self.mean - half + min(skew, 0.0), self.mean + half + max(skew, 0.0)

    def _half(self, tail: float, common: float, seeds: int | None) -> float:
        """The half-width at ``tail`` on either side, from the variance ``common`` and so many seeds, None for no end.

        Never narrower than Student's t of one mean per seed: networks that differ as a whole, by their initial weights,
        make means of seeds scatter more than rows explain, and of few seeds ``scatter`` may miss it. Without one
        disagreement in n rows, rates up to −ln(2·tail)/n cannot be excluded, however many seeds saw them.
        """
        variance, least = _quantile(tail, self.rows - 1) ** 2 * common, 0.0
        if seeds is not None:
            per_seed = _quantile(tail, seeds - 1) ** 2 / seeds
            variance, least = variance + per_seed * self.scatter, per_seed * self.between
        half = math.sqrt(max(variance, least))
        return max(half, -math.log(2 * tail) / self.rows) if self.counts else half


def row_estimate(
    seeds: NDArray[np.integer], rows: NDArray[np.integer], values: Array, n: int, n_train: int, *, counts: bool
) -> RowEstimate:
    """The mean of ``values`` with what its interval is made of.

    Args:
        seeds: of each cell, (cells,); a cell is a row tested on a seed, each at most once.
        rows: their numbers, (cells,).
        values: variant minus control, larger is better, (cells,); finite.
        n: rows of the data set that can be tested.
        n_train: rows that train on a seed.
        counts: whether a cell is right or wrong, so that rows on which both agree promise little about fresh ones.

    Raises:
        ValueError: a value is not finite, or more rows were tested than ``n``.
    """
    if not np.isfinite(values).all():
        raise ValueError("values of rows must be finite")
    seed, per_seed = np.unique(seeds, return_inverse=True, return_counts=True)[1:]
    row, per_row = np.unique(rows, return_inverse=True, return_counts=True)[1:]
    cells, drawn, tested = len(values), len(per_seed), len(per_row)
    if tested > n:
        raise ValueError(f"{tested} rows were tested, of {n} that can be")
    if not cells or drawn < 2 or n < 2:
        mean = float(np.mean(values)) if cells else math.nan
        nothing = math.nan
        return RowEstimate(
            mean, n, drawn, nothing, nothing, nothing, 0.0, nothing, None, nothing, cells / n, nothing, counts
        )
    unit = float(np.abs(values).max()) or 1.0
    e = values / unit
    mean = float(e.mean())
    total = float(np.sum((e - mean) ** 2)) / cells * n / (n - 1)
    if total < 1e-24:  # rounding alone
        total = 0.0
    tests, evenness = cells / n, n * float(np.sum(per_row.astype(np.float64) ** 2)) / cells**2
    overlap = min(n_train / (n - 1), 1.0)

    sums = np.bincount(row, e, tested)
    scattered, within = 0.0, None
    if tests >= ENOUGH_TESTS and total > 0:
        around = np.bincount(row, (e - (sums / per_row)[row]) ** 2, tested)
        scattered = min(float(np.sum(around)) / (cells - tested), total)
        within = scattered / total
    u = sums - per_row * mean
    squares = float(np.sum(u**2)) if total else 0.0
    common = max(
        total / n * envelope(within, overlap, tests, evenness),
        n / (n - 1) * squares / cells**2,
    )
    means = np.bincount(seed, e, drawn) / per_seed
    explained = (total - scattered) * _spread(seed, row, per_seed, per_row) + scattered / float(np.mean(per_seed))
    between = float(np.var(means, ddof=1)) if total else 0.0
    scatter = max(between - explained, 0.0)
    skew = float(np.sum(u**3)) / (cells * squares) if squares else 0.0
    return RowEstimate(
        mean * unit,
        n,
        drawn,
        common * unit * unit,
        scatter * unit * unit,
        between * unit * unit,
        skew * unit,
        total * unit * unit,
        within,
        overlap,
        tests,
        evenness,
        counts,
    )


def envelope(within: float | None, overlap: float, tests: float, evenness: float) -> float:
    """The largest variance of the mean, in units of the variance of a cell over n, that agrees with what was seen.

    An interaction of order k alone would have 1 − f^k of its variance within rows and f^k·(ρ + k) + (1 − f^k)/R in the
    mean; k = 0 is the row's own effect, k = ∞ chance. A mixture lies between them: the upper concave hull.

    Args:
        within: share of the variance that scatters within rows; None where it is not known, for the largest of all.
        overlap: f, the chance of another row to train.
        tests: R, the tests per row.
        evenness: ρ = n·Σcnt²/M², 1 where all rows were tested equally often.
    """
    places, values = _hull(overlap, tests, evenness)
    return max(values) if within is None else float(np.interp(within, places, values))


@lru_cache(maxsize=256)
def _hull(overlap: float, tests: float, evenness: float) -> tuple[list[float], list[float]]:
    orders = max(ORDERS, math.ceil(5 / (1 - overlap))) if overlap < 1 - 1e-6 else ORDERS
    points = [(0.0, evenness), (1.0, 1 / tests)]
    for k in range(1, orders + 1):
        same = overlap**k
        points.append((1 - same, same * (evenness + k) + (1 - same) / tests))
    hull: list[tuple[float, float]] = []
    for x, y in sorted(points):
        while hull and _below(hull, x, y):
            hull.pop()
        hull.append((x, y))
    return [x for x, _ in hull], [y for _, y in hull]


def _below(hull: list[tuple[float, float]], x: float, y: float) -> bool:
    """Whether the last point of ``hull`` lies on or below the line from the one before it to (x, y)."""
    (x2, y2) = hull[-1]
    if x2 == x:
        return y2 <= y
    if len(hull) < 2:
        return False
    x1, y1 = hull[-2]
    return (y2 - y1) * (x - x1) <= (y - y1) * (x2 - x1)


def _spread(
    seed: NDArray[np.intp], row: NDArray[np.intp], per_seed: NDArray[np.intp], per_row: NDArray[np.intp]
) -> float:
    """How far rows that differ make the means of seeds differ: Σ (tested/nt − cnt/M)²/(N − 1) over seeds and rows."""
    cells, drawn = len(seed), len(per_seed)
    cross = float(np.sum(per_row[row] / per_seed[seed]))
    own = float(np.sum(1 / per_seed))
    return (own - 2 * cross / cells + drawn * float(np.sum(per_row.astype(np.float64) ** 2)) / cells**2) / (drawn - 1)


def _even(tests: float) -> float:
    """ρ of ``tests`` per row dealt as evenly as can be."""
    part = tests % 1
    return 1 + part * (1 - part) / tests**2


def _drawn(seeds: int, share: float) -> float:
    """ρ to expect where each of ``seeds`` seeds draws a ``share`` of the rows."""
    return 1 + (1 - share) / (seeds * share)


def _quantile(tail: float, df: int) -> float:
    """Student's t with ``tail`` above it."""
    from scipy.special import stdtrit

    return -float(stdtrit(df, tail))
