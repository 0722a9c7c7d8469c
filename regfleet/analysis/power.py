"""How finely a study can see: the resolution floor, the power of the interval, what a difference takes."""

from __future__ import annotations

import math

from regfleet.analysis.question import Question
from regfleet.analysis.summary import DatasetSummary, Detection
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric
from regfleet.numbers import Scale, percent, rough

USEFUL = 10
"""At USEFUL / ratio seeds the standard error is within 5 % of the least it can be: √(1 + 1/USEFUL) = 1.049."""
MOST_SEEDS = 100_000


def resolution_floor(sd: float, ratio: float, alpha: float, comparisons: int = 1) -> float:
    """The half-width that the simultaneous interval approaches with unlimited seeds; 0 where ``ratio`` is 0."""
    from scipy.stats import norm

    return float(norm.ppf(1 - alpha / (2 * comparisons))) * sd * math.sqrt(ratio)


def rows_for_equivalence(rope: float, alpha: float, comparisons: int = 1) -> int:
    """The least number of rows with which single rows can show that two variants are alike within ``rope``.

    It is enough where no row at all tells them apart: without one disagreement in n rows the half-width is
    −ln(alpha/comparisons)/n. ``rope``, above 0, is a share of the rows.
    """
    return math.ceil(math.log(comparisons / alpha) / rope)


def useful_seeds(ratio: float) -> int | None:
    """The number of seeds after which more add next to nothing for ``ratio``; None: each seed helps."""
    return math.ceil(USEFUL / ratio - 1e-9) if ratio > 0 else None


def power(effect: float, sd: float, seeds: float, ratio: float, alpha: float, comparisons: int = 1) -> float:
    """The chance that the interval of ``seeds`` pairs excludes zero on the right side of a true ``effect``.

    Args:
        effect: true mean difference, in units of the metric.
        sd: standard deviation of the paired differences over seeds.
        seeds: number of pairs; infinity for unlimited ones.
        ratio: as in `intervals.estimate`.
        alpha: of the simultaneous intervals.
        comparisons: their number.
    """
    from scipy.stats import nct, norm, t

    tail = 1 - alpha / (2 * comparisons)
    variance = (0.0 if math.isinf(seeds) else 1 / seeds) + ratio
    if sd == 0 or variance == 0:
        return float(effect != 0)
    shift = abs(effect) / (sd * math.sqrt(variance))
    if math.isinf(seeds):
        return float(norm.sf(norm.ppf(tail) - shift))
    return float(nct.sf(t.ppf(tail, seeds - 1), seeds - 1, shift))


def seeds_for(
    effect: float, sd: float, ratio: float, alpha: float, comparisons: int = 1, wanted: float = 0.9
) -> int | None:
    """The least number of pairs (from five) whose `power` for ``effect`` is ``wanted``; None: no number has it."""

    def enough(seeds: int) -> bool:
        return power(effect, sd, seeds, ratio, alpha, comparisons) >= wanted

    high = 5
    while not enough(high):
        if high >= MOST_SEEDS or power(effect, sd, math.inf, ratio, alpha, comparisons) < wanted:
            return None
        high *= 2
    low = 4 if high == 5 else high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_effect(sd: float, ratio: float, alpha: float, comparisons: int = 1, wanted: float = 0.9) -> float:
    """The true difference that unlimited seeds find with a chance of ``wanted``; 0 where ``ratio`` is 0."""
    from scipy.stats import norm

    quantiles = float(norm.ppf(1 - alpha / (2 * comparisons)) + norm.ppf(wanted))
    return quantiles * sd * math.sqrt(ratio)


def detection(
    effect: float,
    sd: float,
    ratio: float,
    alpha: float,
    comparisons: int = 1,
    wanted: float = 0.9,
    metric: Metric = METRICS["accuracy"],
) -> Detection:
    """What it takes to see a difference of ``effect``, from the scatter ``sd`` of a pilot.

    With k times the rows at the same shares, ``ratio`` stays and ``sd`` falls as 1/√k, because each score then
    averages k times the rows.

    Args:
        effect: the difference to detect, in units of the metric; above 0.
        sd: standard deviation of the pilot's paired differences.
        ratio, alpha, comparisons: as in the study to come.
        wanted: the chance of seeing it.
        metric: what is judged by, for the sentence.

    Returns:
        the number of seeds, or the factor on the rows, and a sentence.

    Raises:
        InputError: ``effect`` is not above 0.
    """
    if not effect > 0:
        raise InputError(f"the difference to detect must be above 0. Got {effect:g}")
    seeds = seeds_for(effect, sd, ratio, alpha, comparisons, wanted)
    smallest = smallest_effect(sd, ratio, alpha, comparisons, wanted)
    times = (smallest / effect) ** 2
    unit, chance = Scale(metric), percent(wanted)
    if seeds is not None:
        sentence = f"{seeds} seeds show a difference of {unit.amount(effect)} with a chance of {chance}."
    elif smallest > effect:
        sentence = (
            f"No number of seeds shows a difference of {unit.amount(effect)} with a chance of {chance}: the least that "
            f"this many rows can show is {unit.amount(smallest)}. About {rough(times)} times the rows would."
        )
    else:
        sentence = f"A difference of {unit.amount(effect)} takes more than {MOST_SEEDS} seeds."
    return Detection(effect, sd, ratio, wanted, seeds, times if seeds is None else None, smallest, sentence)


def detections(dataset: DatasetSummary, question: Question, effect: float) -> dict[str, Detection]:
    """`detection` for each comparison of a pilot that has a standard deviation, by name of the variant.

    Args:
        dataset: the pilot's summary.
        question: what it answers, and the study to come.
        effect: the difference to detect, in units of the metric; above 0.
    """
    return {
        row.name: detection(
            effect, row.comparison.sd, dataset.ratio, question.alpha, dataset.comparisons, metric=question.metric
        )
        for row in dataset.shown
        if row.comparison is not None and not math.isnan(row.comparison.sd)
    }
