"""The words and symbols of a verdict, said the same way in every table, figure and export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

from regfleet.analysis.gains import Effect
from regfleet.analysis.intervals import NO_SCATTER
from regfleet.analysis.summary import AcrossComparison, DatasetSummary
from regfleet.analysis.variant import Comparison, VariantSummary
from regfleet.numbers import gap_scale


@dataclass(frozen=True, slots=True)
class Chip:
    """A verdict as it is shown: never by colour alone. ``kind`` is its CSS class."""

    symbol: str
    word: str
    kind: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.word}"


VERDICTS = MappingProxyType(
    {
        "better": Chip("▲", "Better", "better"),
        "worse": Chip("▼", "Worse", "worse"),
        "equivalent": Chip("≈", "Equivalent", "neutral"),
        "undecided": Chip("●", "Undecided", "neutral"),
    }
)
EFFECTS = MappingProxyType(
    {
        "better": Chip("▲", "Helps", "better"),
        "worse": Chip("▼", "Hurts", "worse"),
        "equivalent": Chip("≈", "Does not matter", "neutral"),
        "undecided": Chip("●", "Not clear", "neutral"),
    }
)
INTERACTIONS = MappingProxyType(
    {
        "better": Chip("▲", "More together", "better"),
        "worse": Chip("▼", "Less together", "worse"),
        "equivalent": Chip("≈", "As apart", "neutral"),
        "undecided": EFFECTS["undecided"],
    }
)
MEMORIZES = 0.05
"""The gap in accuracy or R² from which a model is said to memorize; nearly every network has a smaller one."""
SAME = Chip("=", "Same predictions", "neutral")
CONTROL = Chip("◆", "Control", "neutral")
FAILED = Chip("!", "Failed", "warn")
WAITING = Chip("○", "No trial yet", "neutral")


def chip(row: VariantSummary) -> Chip:
    """The verdict on a variant; one without a finished trial has failed, or waits for its first."""
    if not row.finished:
        return FAILED if row.failed or row.diverged else WAITING
    if row.comparison:
        return verdict_chip(row.comparison)
    return CONTROL if row.control is None else VERDICTS["undecided"]


def verdict_chip(comparison: Comparison | AcrossComparison) -> Chip:
    """The chip of a verdict; that nothing was predicted differently is more than undecided."""
    same = isinstance(comparison, Comparison) and comparison.same and comparison.verdict == "undecided"
    return SAME if same else VERDICTS[comparison.verdict]


def effect_chip(effect: Effect) -> Chip:
    """The verdict on what a technique, or a pair of them, does in combination."""
    return (EFFECTS if effect.is_main else INTERACTIONS)[effect.verdict]


def note(comparison: Comparison) -> str:
    """What qualifies a verdict, in a few words."""
    if not comparison.same:
        return comparison.note
    what = "" if verdict_chip(comparison) is SAME else "same predictions "
    return f"{what}on all {comparison.same:,} rows{': no interval' if comparison.note == NO_SCATTER else ''}"


def gap_sentence(dataset: DatasetSummary, best: VariantSummary | None) -> str:
    """What the gap says: whether the best variant's control memorizes, and what the variant makes of it."""
    if best is None:
        return ""
    control = dataset.variant(best.control or next(iter(dataset.controls), None)) or best
    gap = control.gap
    if not math.isfinite(gap.low):
        return ""
    unit = gap_scale(dataset.task)
    side = "below" if gap.mean < 0 else "above"
    end = f"its training {unit.metric.title} ends {unit.amount(gap.mean)} {side} validation {unit.metric.title}"
    if gap.low <= 0:
        return f"{control.label} shows no clear sign of memorizing: {end}, which may be chance."
    little = f"{control.label} memorizes little: {end}."
    memorizes = f"{control.label} memorizes: {end}." if gap.mean >= MEMORIZES else little
    change = best.gap_change
    if best is control or change is None or not math.isfinite(change.low):
        return memorizes
    verb = "cuts that gap to" if change.high < 0 else "widens that gap to" if change.low > 0 else "leaves that gap at"
    return f"{memorizes} {best.label} {verb} {unit.score(best.gap.mean)}."
