"""How numbers are written, in the terminal, in sentences, tables, figures and exports alike, and read from flags.

A real minus sign, thousands separated, percentages with one decimal, and nothing but zero written as zero.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from regfleet.metrics import METRICS, Metric, default_metric

DASH = "–"
MINUS = "\u2212"
PERCENT = "\u202f%"
NOISE = 1e-12
"""What a sum that should be zero may differ from it."""
HUGE = 1e12
"""From here on three digits and a power of ten are read sooner than thirteen digits, and leave a figure its room."""
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[0-9]{1,9}")


def read_number(text: str) -> float:
    """The finite number that ``text`` writes with digits, a point and an exponent; NaN, outside any range, else."""
    found = float(text) if len(text) <= 40 and _NUMBER.fullmatch(text) else math.nan
    return found if math.isfinite(found) else math.nan


def read_whole(text: str) -> int:
    """The whole number from 0 that ``text`` writes with at most nine digits; -1, outside any range, else."""
    return int(text) if _WHOLE.fullmatch(text) else -1


def exact(value: float) -> str:
    """``value`` in six digits where they are all it has, else in as many as tell it from any other number."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def span(low: float, high: float) -> str:
    """The range of values: ``0.13 to 19.9``, ``15,336 to 2,480,510``."""
    millions = 1e6 <= max(abs(low), abs(high)) < HUGE
    return " to ".join(f"{one:,.0f}" if millions and abs(one) >= 1000 else f"{one:g}" for one in (low, high))


def number(value: float, decimals: int = 1, *, signed: bool = False) -> str:
    """``value`` with ``decimals``, or one digit where they would all be zero; a dash where there is no number.

    From `HUGE` up it has three digits and a power of ten.
    """
    if not math.isfinite(value):
        return DASH
    size = abs(value) if abs(value) > NOISE else 0.0
    text = f"{size:,.{decimals}f}" if size < HUGE else f"{size:.3g}"
    if not size:
        return text
    if not text.strip("0.,"):
        text = f"{size:.{-math.floor(math.log10(size))}f}"
    return f"{MINUS if value < 0 else '+' if signed else ''}{text}"


def short(value: float, digits: int = 6) -> str:
    """``value`` with at most ``digits`` digits and no zeros at its end, as an axis or a setting is labelled."""
    return f"{MINUS if value < 0 else ''}{abs(value):.{digits}g}"


def percent(share: float) -> str:
    """A share without needless decimals: ``95 %``."""
    return f"{short(100 * share)}{PERCENT}"


def rough(value: float) -> str:
    """``value``, above 1, to two digits: ``1.2``, ``16``, ``120``, ``1,200``."""
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def level(alpha: float) -> str:
    """The level of an interval that errs with a chance of ``alpha``: ``95 %``."""
    return percent(1 - alpha)


def count(many: int, one: str, more: str | None = None) -> str:
    """``many`` things: "1 trial", "2 trials", "1,000 trials"."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def number_word(many: int) -> str:
    """``many`` as a word up to twelve, in digits beyond."""
    return WORDS[many] if many < len(WORDS) else str(many)


def counted(many: int, noun: str) -> str:
    """``one seed``, ``three seeds``, ``20 seeds``."""
    return f"{number_word(many)} {noun}{'' if many == 1 else 's'}"


def seed_list(seeds: Iterable[int]) -> str:
    """Seeds as people write them: "0–9", "0–4, 7, 9"."""
    parts: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], seed]
        else:
            parts.append([seed])
    return ", ".join(f"{part[0]}{DASH}{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


def duration(seconds: float) -> str:
    """Seconds in words, e.g. ``40 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of ``metric`` are written."""

    metric: Metric

    @property
    def factor(self) -> float:
        """From a value to what is shown."""
        return 100.0 if self.metric.percent else 1.0

    @property
    def unit(self) -> str:
        """What follows a score."""
        return PERCENT if self.metric.percent else ""

    @property
    def points(self) -> str:
        """What a difference is counted in; empty where it has the metric's own unit."""
        return "points" if self.metric.percent else ""

    def score(self, value: float) -> str:
        """A score without its unit: ``89.1``."""
        return number(value * self.factor, self._decimals(value))

    def full(self, value: float) -> str:
        """A score with its unit: ``89.1 %``."""
        return f"{self.score(value)}{self.unit}" if math.isfinite(value) else DASH

    def difference(self, value: float) -> str:
        """A difference with its sign: ``+3.3``."""
        return number(value * self.factor, self._decimals(value), signed=True)

    def change(self, value: float) -> str:
        """A difference with its sign and unit: ``+3.3 points``."""
        return f"{self.difference(value)} {self.points}".rstrip()

    def size(self, value: float) -> str:
        """The size of a difference: ``3.3``."""
        return self.score(abs(value))

    def amount(self, value: float) -> str:
        """The size of a difference with its unit: ``3.3 points``."""
        return f"{self.size(value)} {self.points}".rstrip()

    def between(self, low: float, high: float) -> str:
        """An interval of scores: ``88.9–89.3``; empty where there is none."""
        return f"{self.score(low)}{DASH}{self.score(high)}" if math.isfinite(low) and math.isfinite(high) else ""

    def from_to(self, low: float, high: float) -> str:
        """An interval of differences: ``+3.1 to +3.5``; empty where there is none."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return ""
        return f"{self.difference(low)} to {self.difference(high)}"

    @property
    def rope(self) -> str:
        """The zone too small to matter: ``±1.0 points``, ``±1 % of the control's mean``."""
        if self.metric.relative_rope:
            return f"±{percent(self.metric.rope)} of the control's mean"
        return f"±{self.amount(self.metric.rope)}"

    def _decimals(self, value: float) -> int:
        """Those of the metric; without a unit fewer where a value is larger than 10, more where it is tiny."""
        most = self.metric.decimals
        if self.metric.percent or not math.isfinite(value) or abs(value) < NOISE:
            return most
        exponent = math.floor(math.log10(abs(value)))
        return 1 - exponent if exponent < -most else max(0, most - max(0, exponent))


def gap_scale(task: str) -> Scale:
    """How the gap between training and validation is written for ``task``, classification or regression."""
    return Scale(METRICS[default_metric(task)])
