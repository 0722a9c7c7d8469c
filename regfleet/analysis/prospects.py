"""What more seeds would make of a comparison that is still undecided: the chance of a verdict, and what it would take.

What was seen predicts the mean of more seeds: N seeds with the scatter s put it within s·√(1/N − 1/M) of their own mean
after M seeds, as Student's t with N − 1 degrees of freedom has it. The half-width to expect then says where it would
have to lie. This only ever stops a variant, and a variant that stops makes no claim that it would not have made, so
that a wrong prediction costs seeds or a verdict and never a false one (non-binding futility: Lan, Simon and Halperin,
"Stochastically curtailed tests in long-term clinical trials", Communications in Statistics C 1, 1982, by the mean that
the data predict instead of a supposed one).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from regfleet.analysis.intervals import FEW_ROWS
from regfleet.analysis.power import ROUND, fewest, resolution_floor
from regfleet.analysis.row_rule import RowEstimate
from regfleet.analysis.variant import Comparison
from regfleet.numbers import count, rough

LIKELY = 0.1
"""The least chance of a verdict for which a variant gets more seeds."""
MANY = 4
"""More seeds than so many times those of the last look are not worth their time: more rows are."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """The last look at a data set.

    It has so many ``seeds``, the share ``alpha``, and as many ``comparisons``; ``ratio`` n_test/n_train as it enters
    the intervals; ``n_test`` rows of a seed, of ``rows`` that can be tested, 0 where that is not known.
    """

    seeds: int
    alpha: float
    comparisons: int
    ratio: float
    n_test: int
    rows: int


def half_width(one: Comparison, seeds: int, ahead: Ahead) -> float:
    """The half-width to expect of ``one`` after ``seeds`` seeds, by the share of alpha of the last look.

    While rows were tested once, single rows only know the worst of it, and what one score per seed says may be nearer.
    """
    from scipy.special import stdtrit

    quantile = -float(stdtrit(seeds - 1, ahead.alpha / (2 * ahead.comparisons)))
    by_seeds = quantile * one.sd * math.sqrt(1 / seeds + ahead.ratio)
    of = one.outlook
    if of is None:
        return by_seeds
    by_rows = of.expected(seeds, ahead.n_test, ahead.alpha, ahead.comparisons)
    return min(by_rows, by_seeds) if isinstance(of, RowEstimate) and of.within is None and of.total > 0 else by_rows


def chance_of_verdict(one: Comparison, ahead: Ahead) -> float:
    """The chance that ``one`` has a verdict at the last look; 1 where too little is known to say."""
    if math.isnan(one.difference.low) or math.isnan(one.sd):
        return 1.0
    from scipy.special import stdtr

    now, mean = len(one.seeds), one.difference.mean
    half, inside = (width := half_width(one, ahead.seeds, ahead)), one.rope - width
    if one.note == FEW_ROWS:  # and no seed will add rows
        inside = -1.0
    # A technique that does nothing will go on doing nothing: the least scatter of an interval is none to expect.
    scatter = statistics.stdev(one.differences) if len(one.differences) > 1 else one.sd
    moves = scatter * math.sqrt(max(1 / now - 1 / ahead.seeds, 0.0))
    if not moves > 0:
        return float(abs(mean) > half or abs(mean) <= inside)

    def below(value: float) -> float:
        return float(stdtr(now - 1, (value - mean) / moves))

    alike = max(below(inside) - below(-inside), 0.0) if inside > 0 else 0.0
    return below(-max(half, inside)) + 1 - below(max(half, inside)) + alike


def what_it_takes(one: Comparison, ahead: Ahead) -> str:
    """About what it takes to settle ``one`` if its mean stays as it is: seeds, or rows; empty where that is not known.

    The interval has to exclude zero or to lie inside the ROPE, whichever it can do with the larger half-width.
    """
    mean = abs(one.difference.mean)
    enough = max(mean, one.rope - mean)
    if math.isnan(one.difference.low) or not enough > 0:
        return ""
    rounds = fewest(lambda number: half_width(one, ROUND * number, ahead) <= enough, 1, MANY * ahead.seeds // ROUND)
    if rounds is not None and ROUND * rounds > ahead.seeds:
        return f"about {count(ROUND * rounds, 'seed')}"
    limit = _limit(one, ahead)
    if rounds is not None:
        return ""
    if not limit > 0:
        return f"more than {count(MANY * ahead.seeds, 'seed')}"
    times = (limit / enough) ** 2
    if isinstance(one.outlook, RowEstimate):  # the bound of rows that agree falls as 1/n
        alone = replace(one.outlook, counts=False).limit(ahead.alpha, ahead.comparisons)
        times = max((alone / enough) ** 2, limit / enough if limit > alone else 0.0)
    if not times > 1:
        return f"more than {count(MANY * ahead.seeds, 'seed')}"
    return f"about {rough(times * ahead.rows)} rows" if ahead.rows else f"about {rough(times)} times the rows"


def _limit(one: Comparison, ahead: Ahead) -> float:
    """The half-width that unlimited seeds would leave."""
    if one.outlook is not None:
        return one.outlook.limit(ahead.alpha, ahead.comparisons)
    return resolution_floor(one.sd, ahead.ratio, ahead.alpha, ahead.comparisons)
