"""If you must choose now: the odds of each variant, written out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regfleet.analysis.sentences import chance
from regfleet.analysis.summary import DatasetSummary, Odds
from regfleet.metrics import Metric
from regfleet.numbers import DASH, Scale, number


@dataclass(frozen=True, slots=True)
class Bet:
    """A variant's odds: chances and loss as text, ``seconds`` a trial and ``times`` its control's; ``note`` what else.

    ``rank`` is that of the leaderboard.
    """

    rank: str
    label: str
    best: str
    matters: str
    loss: str
    seconds: str
    times: str
    note: str


@dataclass(frozen=True, slots=True)
class Bets:
    """The table of odds with its sentence; ``timed``: whether what a trial takes is known."""

    sentence: str
    bets: tuple[Bet, ...]
    timed: bool


def bets(dataset: DatasetSummary, metric: Metric) -> Bets | None:
    """The odds of a data set, the least loss first; None where it has none."""
    if not dataset.odds:
        return None
    unit, ranks = Scale(metric), {row.name: row.rank for row in dataset.variants}
    written = tuple(_bet(one, ranks.get(one.name), unit) for one in dataset.odds)
    return Bets(dataset.choice, written, any(math.isfinite(one.seconds) for one in dataset.odds))


def _bet(one: Odds, rank: int | None, unit: Scale) -> Bet:
    return Bet(
        rank=str(rank or DASH),
        label=one.label,
        best=chance(one.best),
        matters=chance(one.matters),
        loss=unit.size(one.loss),
        seconds=number(one.seconds, 0 if one.seconds >= 10 else 1),
        times=times(one.times),
        note=f"without {one.lost} lost runs" if one.lost > 1 else "without one lost run" if one.lost else "",
    )


def times(ratio: float) -> str:
    """How many times as long a trial takes as its control's."""
    if not math.isfinite(ratio):
        return DASH
    return f"× {number(ratio, 0 if ratio >= 10 else 1)}"
