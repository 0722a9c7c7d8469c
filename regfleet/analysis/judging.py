"""Which rule judges a difference: single test rows where their predictions are there, else one score per seed.

Where the study asks for the conservative interval, pairs of halves of the rows judge instead of either.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from regfleet.analysis.cells import Cells, Pair, Seeds, paired
from regfleet.analysis.halves import HalvesEstimate
from regfleet.analysis.intervals import Array, estimate, interval, p_value
from regfleet.analysis.power import resolution_floor
from regfleet.analysis.row_rule import RowEstimate, row_estimate
from regfleet.analysis.variant import Interval, Outlook, Rule
from regfleet.metrics import Metric

BRIER = Metric("brier", "Brier score", higher_is_better=False, rope=0.01)
"""What a companion is measured in."""
RULED = frozenset({"accuracy"})
"""Metrics by which single rows make false claims in no more than 5 % of studies: benchmarks/false_verdicts.py."""
MEANS = frozenset({"mse", "mae", "brier", "cross_entropy", "log_loss"})
"""Metrics that are means over rows too, but by which they make more."""
NO_HALVES = "halves not trained"
"""The note of a comparison that pairs of halves cannot judge yet."""


@dataclass(frozen=True, slots=True)
class Tested:
    """The rows of a data set that can be tested: how many, and how many train a seed.

    ``unfit`` says why single rows cannot judge; empty where they can. ``absent`` says why a variant may have no
    predictions.
    """

    rows: int
    training: int
    unfit: str = ""
    absent: str = ""


def unfit(metric: Metric) -> str:
    """Why ``metric`` cannot be judged by single rows; empty where it can."""
    if metric.name in RULED:
        return ""
    if metric.name in MEANS:
        return f"single rows were found to claim too much by {metric.title}"
    return f"{metric.title} is no mean over rows"


@dataclass(frozen=True, slots=True)
class Judged:
    """An interval and what goes with it; the fields are those of `Comparison`.

    ``at`` gives the interval of this difference alone for any alpha.
    """

    interval: Interval
    at: Callable[[float], Interval]
    p: float
    floor: float
    rule: Rule
    why: str = ""
    outlook: Outlook | None = None


def pair_of(first: Cells | None, second: Cells | None, seeds: Seeds, tested: Tested) -> tuple[Pair | None, str]:
    """The cells of two variants on the ``seeds`` that both finished; None, and why, where they are not there."""
    if first is None or second is None:
        return None, tested.absent
    here, there = first.at(seeds), second.at(seeds)
    if here is None or there is None:
        return None, "the predictions of some seeds are not there"
    pair = paired(here, there)
    return pair, "" if pair is not None else "the two were tested on different rows"


def by_rows(pair: Pair | None, tested: Tested) -> RowEstimate | None:
    """What single rows say of the difference; None where they cannot judge."""
    if pair is None or tested.unfit:
        return None
    return row_estimate(pair.seeds, pair.rows, pair.difference, tested.rows, tested.training, counts=True)


def judged_by_rows(of: RowEstimate, alpha: float, comparisons: int) -> Judged:
    """The interval of single rows."""
    return Judged(
        interval=of.interval(alpha, comparisons),
        at=of.interval,
        p=of.p_value(comparisons),
        floor=of.limit(alpha, comparisons),
        rule="rows",
        outlook=of,
    )


def judged_by_seeds(
    differences: Array, ratio: float, least_sd: float, alpha: float, comparisons: int, why: str
) -> Judged:
    """The interval of one difference per seed, (seeds,), that knows how far random splits overlap."""
    of = estimate(differences, ratio, least_sd)
    return Judged(
        interval=interval(of, alpha, comparisons),
        at=partial(interval, of),
        p=p_value(of, comparisons),
        floor=resolution_floor(of.sd, ratio, alpha, comparisons),
        rule="seeds",
        why=why,
    )


def judged_by_halves(of: HalvesEstimate, alpha: float, comparisons: int) -> Judged:
    """The conservative interval; how narrow more seeds would make it is not known."""
    return Judged(
        interval=of.interval(alpha, comparisons),
        at=of.interval,
        p=of.p_value(comparisons),
        floor=math.nan,
        rule="halves",
        why="asked for with --interval conservative",
    )
