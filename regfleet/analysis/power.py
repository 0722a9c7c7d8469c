"""How finely a study can see: the resolution floor, the power of the interval, what a difference takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from regfleet.analysis.question import Question
from regfleet.analysis.row_rule import RowEstimate
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Comparison, Rule
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric
from regfleet.numbers import Scale, percent, rough

USEFUL = 10
"""At USEFUL / ratio seeds the standard error is within 5 % of the least it can be: √(1 + 1/USEFUL) = 1.049."""
MOST_SEEDS = 100_000
WANTED = 0.9
"""The chance of seeing a difference that is planned for."""
ROUND = 5
"""Seeds of single rows are planned in fives: a balanced split tests each row once in so many."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Whether a study can see a difference of ``effect``: the seeds it takes, or how many times the rows.

    ``seeds`` None: no number of seeds does, and ``rows_factor`` times the rows would, or, where it is None as well, a
    larger pilot has to say. ``smallest`` is the difference that unlimited seeds show with the same ``power``. ``rule``
    says what the intervals are made of, and ``why`` why it is not single rows.
    """

    effect: float
    sd: float
    ratio: float
    power: float
    seeds: int | None
    rows_factor: float | None
    smallest: float
    sentence: str
    rule: Rule = "seeds"
    why: str = ""


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


def useful_seeds_by_rows(of: RowEstimate, n_test: int, alpha: float, comparisons: int = 1) -> int | None:
    """`useful_seeds` where single rows judge: in fives, until the half-width to expect is within 5 % of the least.

    None where no such number is known: an interval that cannot be made, or more than `MOST_SEEDS`.

    Args:
        of: what the rows say so far.
        n_test: test rows of a seed.
        alpha, comparisons: of the simultaneous intervals.
    """
    least = of.limit(alpha, comparisons)
    if not least > 0:
        return None
    enough = (1 + 1 / USEFUL) ** 0.5 * least
    rounds = fewest(lambda number: of.expected(ROUND * number, n_test, alpha, comparisons) <= enough, 1)
    return None if rounds is None else ROUND * rounds


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
    effect: float, sd: float, ratio: float, alpha: float, comparisons: int = 1, wanted: float = WANTED
) -> int | None:
    """The least number of pairs (from five) whose `power` for ``effect`` is ``wanted``; None: no number has it."""
    if power(effect, sd, math.inf, ratio, alpha, comparisons) < wanted:
        return None
    return fewest(lambda seeds: power(effect, sd, seeds, ratio, alpha, comparisons) >= wanted, 5)


def fewest(enough: Callable[[int], bool], first: int, most: int = MOST_SEEDS) -> int | None:
    """The least number from ``first`` on that is ``enough``, as all above it are; None where ``most`` is not yet."""
    low, high = first - 1, first
    while not enough(high):
        if high >= most:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def smallest_effect(sd: float, ratio: float, alpha: float, comparisons: int = 1, wanted: float = WANTED) -> float:
    """The true difference that unlimited seeds find with a chance of ``wanted``; 0 where ``ratio`` is 0."""
    from scipy.stats import norm

    quantiles = float(norm.ppf(1 - alpha / (2 * comparisons)) + norm.ppf(wanted))
    return quantiles * sd * math.sqrt(ratio)


def power_by_rows(effect: float, half: float, rows: int, alpha: float, comparisons: int = 1) -> float:
    """The chance that an interval of single rows with the half-width ``half`` excludes zero rightly, or more.

    The variance that the rule of rows takes is the largest that agrees with what was seen, so the means scatter less.

    Args:
        effect, alpha, comparisons: as `power` takes them.
        half: as `RowEstimate.expected` or `RowEstimate.limit` say it.
        rows: of the data set that can be tested.
    """
    from scipy.stats import nct, t

    if half == 0:
        return float(effect != 0)
    quantile = t.isf(alpha / (2 * comparisons), rows - 1)
    return float(nct.sf(quantile, rows - 1, abs(effect) * quantile / half))


def detection_by_rows(
    effect: float,
    sd: float,
    of: RowEstimate,
    shape: tuple[int, int],
    alpha: float,
    comparisons: int = 1,
    metric: Metric = METRICS["accuracy"],
) -> Detection:
    """`detection` where single rows judge; seeds are counted in fives.

    With k times the rows at the same shares the variance falls as 1/k, and so does what rows without one disagreement
    leave open. Where too few rows were tested twice, only the worst case is known: it may be enough to show the
    difference, and says nothing where it is not.

    Args:
        effect, sd, alpha, comparisons, metric: as `detection` takes them.
        of: what the rows of the pilot say.
        shape: test rows and training rows of a seed.
    """
    if not effect > 0:
        raise InputError(f"the difference to detect must be above 0. Got {effect:g}")
    n_test, n_train = shape

    def seen(half: float) -> bool:
        return power_by_rows(effect, half, of.rows, alpha, comparisons) >= WANTED

    limit, share = of.limit(alpha, comparisons), _share_seen(of.rows, alpha, comparisons)
    smallest, seeds, times = limit / share, None, None
    if seen(limit):
        rounds = fewest(lambda number: seen(of.expected(ROUND * number, n_test, alpha, comparisons)), 1)
        seeds = rounds and ROUND * rounds
    if seeds is not None:
        unit = Scale(metric)
        sentence = (
            f"{seeds} seeds show a difference of {unit.amount(effect)} with a chance of {percent(WANTED)} or more."
        )
    elif of.within is None and of.total > 0:
        enough = ROUND * math.ceil(2 * of.rows / n_test / ROUND - 1e-9)
        sentence = f"Too few rows were tested twice to say what more seeds show: run {enough}, then plan again."
    else:
        variance = replace(of, counts=False).limit(alpha, comparisons) / share
        times = max((variance / effect) ** 2, smallest / effect if smallest > variance else 0.0)
        sentence = _unseen(effect, smallest, times, WANTED, metric)
    ratio = n_test / n_train if n_train else 0.0
    return Detection(effect, sd, ratio, WANTED, seeds, times, smallest, sentence, rule="rows")


def detection_by_halves(effect: float, one: Comparison, dataset: DatasetSummary, question: Question) -> Detection:
    """`detection` where pairs of halves judge: their interval is taken as it is, for more seeds narrow it a little.

    Args:
        effect: as `detection` takes it.
        one: the comparison in the pilot, of ``dataset`` and ``question``.
    """
    from scipy.stats import norm

    if not effect > 0:
        raise InputError(f"the difference to detect must be above 0. Got {effect:g}")
    half, unit, seeds = one.difference.high - one.difference.mean, Scale(question.metric), len(one.seeds)
    if not half > 0:
        said = "Not every half of the rows is trained yet: run the study to its end, then plan again."
        return Detection(effect, one.sd, dataset.ratio, WANTED, None, None, math.nan, said, "halves", one.rule_why)
    quantile = float(norm.isf(question.alpha / (2 * dataset.comparisons)))
    smallest = half * (1 + float(norm.ppf(WANTED)) / quantile)
    if smallest <= effect:
        said = f"{seeds} seeds show a difference of {unit.amount(effect)} with a chance of {percent(WANTED)}."
        return Detection(effect, one.sd, dataset.ratio, WANTED, seeds, None, smallest, said, "halves", one.rule_why)
    times = (smallest / effect) ** 2
    said = (
        f"The halves of these rows show {unit.amount(smallest)} with a chance of {percent(WANTED)}, and more seeds "
        f"change that little: {unit.amount(effect)} takes about {rough(times)} times the rows."
    )
    return Detection(effect, one.sd, dataset.ratio, WANTED, None, times, smallest, said, "halves", one.rule_why)


def _unseen(effect: float, smallest: float, times: float, wanted: float, metric: Metric) -> str:
    unit = Scale(metric)
    if smallest <= effect:
        return f"A difference of {unit.amount(effect)} takes more than {MOST_SEEDS} seeds."
    return (
        f"No number of seeds shows a difference of {unit.amount(effect)} with a chance of {percent(wanted)}: the least "
        f"that this many rows can show is {unit.amount(smallest)}. About {rough(times)} times the rows would."
    )


def _share_seen(rows: int, alpha: float, comparisons: int) -> float:
    """The largest half-width that shows an effect with the chance `WANTED`, as a share of the effect."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if power_by_rows(1.0, middle, rows, alpha, comparisons) >= WANTED else (low, middle)
    return low


def detection(
    effect: float,
    sd: float,
    ratio: float,
    alpha: float,
    comparisons: int = 1,
    wanted: float = WANTED,
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
    if seeds is not None:
        amount = Scale(metric).amount(effect)
        sentence = f"{seeds} seeds show a difference of {amount} with a chance of {percent(wanted)}."
    else:
        sentence = _unseen(effect, smallest, times, wanted, metric)
    return Detection(effect, sd, ratio, wanted, seeds, times if seeds is None else None, smallest, sentence)


def detections(dataset: DatasetSummary, question: Question, effect: float) -> dict[str, Detection]:
    """`detection` for each comparison of a pilot that has a standard deviation, by name of the variant.

    Args:
        dataset: the pilot's summary.
        question: what it answers, and the study to come.
        effect: the difference to detect, in units of the metric; above 0.
    """
    found: dict[str, Detection] = {}
    for row in dataset.shown:
        one = row.comparison
        if one is None or math.isnan(one.sd):
            continue
        if one.rule == "halves":
            found[row.name] = detection_by_halves(effect, one, dataset, question)
        elif isinstance(one.outlook, RowEstimate):
            shape = dataset.n_test, dataset.n_train
            found[row.name] = detection_by_rows(
                effect, one.sd, one.outlook, shape, question.alpha, dataset.comparisons, metric=question.metric
            )
        else:
            of = detection(effect, one.sd, dataset.ratio, question.alpha, dataset.comparisons, metric=question.metric)
            found[row.name] = replace(of, why=one.rule_why)
    return found
