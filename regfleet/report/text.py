"""How numbers and names are written: one decimal for percent, a real minus sign, no tricks in names."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from regfleet.metrics import METRICS, Metric, default_metric
from regfleet.settings.values import AnalysisSettings, Task

DASH = "–"
MINUS = "\u2212"


def number(value: float, decimals: int = 1, *, signed: bool = False) -> str:
    """``value`` with a real minus sign and thousands separated; a dash where there is none."""
    if not math.isfinite(value):
        return DASH
    digits = f"{abs(value):,.{decimals}f}"
    if not float(digits.replace(",", "")):
        return digits
    return f"{MINUS if value < 0 else '+' if signed else ''}{digits}"


def count(many: int, one: str, more: str | None = None) -> str:
    """``many`` things: "1 trial", "2 trials", "1,000 trials"."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def seed_list(seeds: tuple[int, ...] | list[int]) -> str:
    """Seeds as people write them: "0–9", "0–4, 7, 9"."""
    parts: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], seed]
        else:
            parts.append([seed])
    return ", ".join(f"{part[0]}{DASH}{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts)


@dataclass(frozen=True, slots=True)
class Scale:
    """How a metric's values are written: ``factor`` to the shown unit, and that unit.

    ``decimals`` are those of a number below 10; one without unit has fewer where it is larger, more where it is tiny.
    """

    metric: Metric
    factor: float
    decimals: int
    unit: str
    points: str

    def score(self, value: float) -> str:
        """A score without its unit: ``89.1``."""
        return number(value * self.factor, self._places(value))

    def full(self, value: float) -> str:
        """A score with its unit: ``89.1 %``."""
        return f"{self.score(value)}{self.unit}" if math.isfinite(value) else DASH

    def difference(self, value: float) -> str:
        """A difference with its sign: ``+3.3``."""
        return number(value * self.factor, self._places(value), signed=True)

    def amount(self, value: float) -> str:
        """The size of a difference with its unit: ``3.3 points``."""
        return f"{self.score(abs(value))} {self.points}".rstrip()

    def _places(self, value: float) -> int:
        if self.unit or not math.isfinite(value) or abs(value) < 1e-12:
            return self.decimals
        exponent = math.floor(math.log10(abs(value)))
        return 1 - exponent if exponent < -self.decimals else max(0, self.decimals - max(0, exponent))

    def between(self, low: float, high: float) -> str:
        """An interval of scores: ``88.9–89.3``; empty where there is none."""
        return f"{self.score(low)}{DASH}{self.score(high)}" if math.isfinite(low) and math.isfinite(high) else ""

    def from_to(self, low: float, high: float) -> str:
        """An interval of differences: ``+3.1 to +3.5``; empty where there is none."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return ""
        return f"{self.difference(low)} to {self.difference(high)}"


def scale(settings: AnalysisSettings) -> Scale:
    """The scale of the metric that is judged by; one that is none of ours is shown as a plain number."""
    metric = METRICS.get(settings.metric) or Metric(
        settings.metric, settings.metric.replace("_", " "), higher_is_better=True, rope=0.01
    )
    if settings.higher_is_better is not None:
        metric = replace(metric, higher_is_better=settings.higher_is_better)
    return scale_of(metric)


def scale_of(metric: Metric) -> Scale:
    """The scale of any metric."""
    if metric.percent:
        return Scale(metric, 100.0, 1, "\u202f%", "points")
    return Scale(metric, 1.0, 3 if metric.name in METRICS and metric.name != "mse" else 4, "", "")


def gap_scale(task: Task) -> Scale:
    """The scale of the gap between training and validation."""
    return scale_of(METRICS[default_metric(task)])
