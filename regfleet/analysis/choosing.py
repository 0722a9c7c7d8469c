"""If you must choose now: how likely each variant is the best, and what is lost by taking it.

The uncertainty of every difference is that of its interval, read as a distribution: its ends at all levels (Xie and
Singh, "Confidence distribution", International Statistical Review 81, 2013). For one score per seed this is the
posterior of the correlated Bayesian t-test (Corani and Benavoli, "A Bayesian approach for comparing cross-validated
algorithms on multiple data sets", Machine Learning 100, 2015). Differences from one and the same variant depend on each
other as they do over the seeds, or over the rows where these judge; that joins them, as a copula.

Of many variants the one that looks best was lucky too. So their true scores are taken for draws from one distribution,
whose spread the differences themselves tell (Gelman, Hill and Yajima, "Why we usually don't have to worry about
multiple comparisons", Journal of Research on Educational Effectiveness 5, 2012): where they hardly differ by more than
chance, all chances come closer to each other. It has long tails, for a single technique may well ruin a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Pair
from regfleet.analysis.comparing import Terms, measured
from regfleet.analysis.intervals import MINIMUM_PAIRS, Array, without_scatter
from regfleet.analysis.runs import Runs
from regfleet.analysis.summary import Odds
from regfleet.analysis.variant import Interval, VariantSummary
from regfleet.streams import stream

DRAWS, MOST = 10_000, 2_000_000
"""Draws of each variant, of fewer variants than there are numbers in all."""
ROWS = 100_000
"""Rows from which it is told how differences depend on each other, evenly chosen of more."""
HALF = 0.5
"""How differences from one variant are correlated where all are alike and independent."""
FARTHEST, STEPS = 6.0, 49
"""Standard deviations up to which a distribution of rows is followed, in so many steps."""
FARTHEST_T = 1e6
TAIL = 3.0
"""Degrees of freedom of the t that true scores are drawn from."""
CHAINS, ENOUGH = 16_000, 2_500
"""Chains times variants, and no more chains than give a probability to half a point."""
SETTLING, KEPT, APART = 40, 5, 6
"""The steps until chains have settled, how many of their states are kept, and how far apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A difference from the reference: on each of ``seeds``, (seeds,), and how uncertain its mean is.

    ``by_row``, (rows,), is its mean on each row by number, NaN where it was not tested; None where rows do not judge.
    ``places`` and ``values``: its quantiles, on the scale of a standard t or, with ``df`` infinite, a normal.
    """

    seeds: NDArray[np.int64]
    by_seed: Array
    by_row: Array | None
    df: float
    places: Array
    values: Array

    def at(self, standard: Array) -> Array:
        """The difference that is as likely as ``standard`` of a standard t or normal."""
        found: Array = np.interp(standard, self.places, self.values)
        return found


def odds(
    ranked: Sequence[VariantSummary], runs: Mapping[str, Runs], terms: Terms, seconds: Mapping[str, float]
) -> tuple[Odds, ...]:
    """The odds of the variants that share seeds enough for a verdict, the least loss first; none below two of them.

    Args:
        ranked: the rows with a rank.
        runs: of all variants, by name.
        terms: of the data set.
        seconds: a trial of each variant takes, by name; NaN where that is not known.
    """
    reference = _reference(ranked)
    if reference is None:
        return ()
    found = {row.name: difference(runs[row.name], runs[reference], terms) for row in ranked if row.name != reference}
    known = {name: one for name, one in found.items() if one is not None}
    if not known:
        return ()
    rows = [row for row in ranked if row.name == reference or row.name in known]
    others = [place for place, row in enumerate(rows) if row.name != reference]
    size = max((row.comparison.rope for row in rows if row.comparison), default=0.0)
    of_others = shrunken(draws([known[rows[place].name] for place in others]), size)
    drawn = np.zeros((len(rows), of_others.shape[1]))
    drawn[others] = of_others
    highest = drawn.max(axis=0)
    leads = drawn == highest
    best, loss = (leads / leads.sum(axis=0)).mean(axis=1), (highest - drawn).mean(axis=1)
    of_name = {row.name: place for place, row in enumerate(rows)}
    lost = {row.name: row.failed + row.diverged for row in ranked}
    result = [
        Odds(
            name=row.name,
            label=row.label,
            best=float(best[place]),
            matters=_matters(row, drawn[place], drawn[of_name[row.control]] if row.control in of_name else None),
            loss=float(loss[place]),
            seconds=seconds.get(row.name, math.nan),
            times=_ratio(seconds, row.name, row.control),
            lost=lost[row.name] + lost.get(row.control or "", 0),
        )
        for place, row in enumerate(rows)
    ]
    return tuple(sorted(result, key=lambda one: (one.loss, one.seconds if math.isfinite(one.seconds) else 0.0)))


def _reference(ranked: Sequence[VariantSummary]) -> str | None:
    """The control that most are compared with, if it has a rank."""
    names = [row.control for row in ranked if row.control]
    there = [name for name in names if any(row.name == name for row in ranked)]
    return max(dict.fromkeys(there), key=there.count, default=None)


def difference(first: Runs, second: Runs, terms: Terms) -> Difference | None:
    """How uncertain the mean difference of two variants is; None where they share too few seeds or have no interval."""
    seeds, d, pair, judged = measured(first, second, terms)
    if len(d) < MINIMUM_PAIRS or (terms.ratio and judged.rule == "seeds" and without_scatter(judged.interval)):
        return None
    df = float(len(d) - 1) if judged.rule == "seeds" else math.inf
    table = _quantiles(judged.at, df)
    if table is None:
        return None
    by_row = _row_means(pair) if pair is not None and judged.rule == "rows" else None
    return Difference(seeds, d, by_row, df, *table)


def _row_means(pair: Pair) -> Array:
    """The mean difference of each row, (rows,), of `ROWS` at most; NaN where it was not tested."""
    sums, tested = np.bincount(pair.rows, pair.difference), np.bincount(pair.rows)
    step = max(1, -(-len(tested) // ROWS))
    sums, tested = sums[::step], tested[::step]
    means: Array = np.divide(sums, tested, out=np.full(len(sums), np.nan), where=tested > 0)
    return means


def _quantiles(at: Callable[[float], Interval], df: float) -> tuple[Array, Array] | None:
    """Places of a standard distribution with the ends of the interval there, ascending; None without an interval."""
    if math.isfinite(df):  # one score per seed: a t itself
        one, place = at(2 * _above(1.0, df)), FARTHEST_T
        places, values = np.array([-place, place]), one.mean + np.array([-place, place]) * (one.high - one.mean)
    else:
        half = np.linspace(0, FARTHEST, STEPS)
        ends = [at(2 * _above(float(place), df)) for place in half]
        values = np.maximum.accumulate([*(one.low for one in reversed(ends)), *(one.high for one in ends)])
        places = np.concatenate([-half[::-1], half])
    return (places, values) if np.isfinite(values).all() else None


def _above(place: float, df: float) -> float:
    """The chance of more than ``place`` of a standard t, normal where ``df`` is infinite."""
    from scipy.special import ndtr, stdtr

    return float(ndtr(-place) if math.isinf(df) else stdtr(df, -place))


def draws(found: Sequence[Difference]) -> Array:
    """Differences that are as likely together as the intervals say, (differences, draws); the same on every call."""
    source, many = stream(0, "odds"), min(DRAWS, MOST // len(found))
    normal = source.standard_normal((len(found), many))
    scale = source.standard_normal((many,))  # one chance for all of a seed's draws: they share its splits
    mixed = _root(_correlations(found)) @ normal
    return np.stack([one.at(row * _spread(scale, one.df)) for one, row in zip(found, mixed, strict=True)])


def _spread(scale: Array, df: float) -> Array | float:
    """What makes a standard normal a t, the same for all differences of as many seeds."""
    from scipy.special import chdtri, ndtr

    if math.isinf(df):
        return 1.0
    spread: Array = np.sqrt(df / chdtri(df, ndtr(scale)))
    return spread


def _correlations(found: Sequence[Difference]) -> Array:
    """How differences depend on each other: over the rows where these judge all of them, else over their seeds."""
    by_row = _by_row(found)
    table = _by_seed(found) if by_row is None else by_row
    if table is None:
        return np.where(np.eye(len(found), dtype=bool), 1.0, HALF)
    around = table - table.mean(axis=1, keepdims=True)
    length = np.linalg.norm(around, axis=1, keepdims=True)
    unit = np.divide(around, length, out=np.zeros_like(around), where=length > 0)
    result: Array = unit @ unit.T
    np.fill_diagonal(result, 1.0)
    return result


def _by_seed(found: Sequence[Difference]) -> Array | None:
    """(differences, seeds) on the seeds that all have; None where these are too few."""
    common = found[0].seeds
    for one in found[1:]:
        common = np.intersect1d(common, one.seeds)
    if len(common) < MINIMUM_PAIRS:
        return None
    return np.stack([one.by_seed[np.isin(one.seeds, common)] for one in found])


def _by_row(found: Sequence[Difference]) -> Array | None:
    """(differences, rows) on the rows that all tested; None where rows do not judge all, or tested others."""
    tables = [one.by_row for one in found if one.by_row is not None]
    if len(tables) < len(found) or len({len(one) for one in tables}) > 1:
        return None
    table = np.stack(tables)
    there: Array = table[:, np.isfinite(table).all(axis=0)]
    return there if there.shape[1] > 1 else None


def _root(correlations: Array) -> Array:
    """The symmetric matrix whose square is ``correlations``, which may be singular."""
    values, vectors = np.linalg.eigh(correlations)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def shrunken(found: Array, size: float) -> Array:
    """What is known of true differences from one variant once those of all are known together, (differences, draws).

    True scores of all variants, that one included, are τ times a t of `TAIL` degrees of freedom around an unknown mean;
    τ has a half-Cauchy prior of scale ``size`` (Gelman, "Prior distributions for variance parameters in hierarchical
    models", Bayesian Analysis 1, 2006). The means of ``found`` are normal around their differences, as uncertain as the
    draws. A Gibbs sampler in many chains at once: the t is a normal whose variance is inverse gamma, and so is the
    square of a half-Cauchy (Makalic and Schmidt, IEEE Signal Processing Letters 23, 2016).

    Args:
        found: draws of each difference without regard to the others' size, (differences, draws).
        size: in the unit of the differences; 0 stands for their median uncertainty.
    """
    mean, many = found.mean(axis=1), len(found)
    covariance = np.atleast_2d(np.cov(found))
    typical = float(np.sqrt(np.median(np.diag(covariance))))
    if typical == 0:
        return found
    covariance = covariance + np.eye(many) * (1e-6 * typical) ** 2
    source, scale, chains = stream(0, "spread"), size or typical, max(200, min(ENOUGH, CHAINS // many))
    root, kept = _root(covariance), []
    differences = mean + source.standard_normal((chains, many)) @ root
    widths, square = np.ones((chains, 1 + many)), np.full((chains, 1), scale**2)
    for step in range(SETTLING + KEPT * APART):
        variances = square * widths
        precision = (1 / variances).sum(axis=1, keepdims=True)
        first = -(differences / variances[:, 1:]).sum(axis=1, keepdims=True) / precision
        first = first + source.standard_normal((chains, 1)) / np.sqrt(precision)
        squares = np.hstack([first, differences + first]) ** 2
        widths = (TAIL + squares / square) / 2 / source.gamma((TAIL + 1) / 2, size=squares.shape)
        helper = (1 / square + scale**-2) / source.gamma(1.0, size=square.shape)
        total = 1 / helper + (squares / widths).sum(axis=1, keepdims=True) / 2
        square = total / source.gamma((many + 2) / 2, size=square.shape)
        # A draw without the data, moved by what they say: as exact as a Cholesky factor of each chain, and quicker.
        variances = square * widths
        scores = np.sqrt(variances) * source.standard_normal(variances.shape)
        before = scores[:, 1:] - scores[:, :1]
        missed = mean - before - source.standard_normal((chains, many)) @ root
        prior = variances[:, 1:, None] * np.eye(many) + variances[:, :1, None]
        solved = np.linalg.solve(prior + covariance, missed[:, :, None])
        differences = before + (prior @ solved)[:, :, 0]
        if step >= SETTLING and (step - SETTLING) % APART == APART - 1:
            kept.append(differences)
    return np.concatenate(kept).T


def _matters(row: VariantSummary, drawn: Array, control: Array | None) -> float:
    """The probability that a variant is better than its control by more than the ROPE."""
    if row.comparison is None or control is None:
        return math.nan
    return float((drawn - control > row.comparison.rope).mean())


def _ratio(seconds: Mapping[str, float], name: str, control: str | None) -> float:
    mine, its = seconds.get(name, math.nan), seconds.get(control or name, math.nan)
    return mine / its if its > 0 else math.nan
