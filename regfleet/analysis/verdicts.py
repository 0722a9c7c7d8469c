"""The rule that turns the one interval into a word."""

from __future__ import annotations

import math

from regfleet.records import Interval, Word

MINIMUM_PAIRS = 5
TOO_FEW = "too few seeds"
TOO_FEW_DATASETS = "too few data sets"
TINY = "tiny but real"
BEYOND_ROPE = "by enough to matter"


def excludes_zero(interval: Interval) -> bool:
    """Whether zero lies outside; False for NaN bounds."""
    return interval.low > 0 or interval.high < 0


def decide(interval: Interval, rope: float, pairs: int) -> tuple[Word, str]:
    """The verdict and its note.

    Args:
        interval: the simultaneous interval of the difference, larger is better.
        rope: half-width of the region of practical equivalence, in units of the metric.
        pairs: seeds that both sides finished.

    Returns:
        better, worse, equivalent or undecided; and the note that qualifies it, or "".
    """
    if pairs < MINIMUM_PAIRS or math.isnan(interval.low):
        return "undecided", TOO_FEW
    if -rope <= interval.low and interval.high <= rope:
        return "equivalent", TINY if excludes_zero(interval) else ""
    if excludes_zero(interval):
        beyond = interval.low > rope or interval.high < -rope
        return "better" if interval.low > 0 else "worse", BEYOND_ROPE if beyond else ""
    return "undecided", ""
