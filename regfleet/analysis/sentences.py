"""Plain words for what the intervals say: sentences that somebody who knows no statistics can act on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regfleet.analysis.intervals import BEYOND_ROPE, MINIMUM_PAIRS, TOO_FEW, TOO_FEW_DATASETS
from regfleet.analysis.metric import metric_of
from regfleet.analysis.sequential import decidable, spent
from regfleet.analysis.summary import AcrossComparison, Comparison, Interval, Lead
from regfleet.metrics import Metric
from regfleet.settings.values import AnalysisSettings

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number_word(count: int) -> str:
    """``count`` as a word up to twelve, in digits beyond."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def counted(count: int, noun: str) -> str:
    """``one seed``, ``three seeds``, ``20 seeds``."""
    return f"{number_word(count)} {noun}{'' if count == 1 else 's'}"


def capital(text: str) -> str:
    """``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str], most: int = 4) -> str:
    """``A``, ``A and B``, ``A, B and C``; beyond ``most`` the rest is counted."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def figure(value: float, metric: Metric) -> str:
    """A size without sign: one decimal of percentage points, three of what ends at 1, or three digits of an error."""
    if not metric.percent and metric.highest != 1:
        return three_digits(abs(value))
    shown, decimals = (abs(value) * 100, 1) if metric.percent else (abs(value), 3)
    return f"{shown:.{decimals}f}" if shown >= 0.5 * 10**-decimals or shown == 0 else f"{shown:.1g}"


def three_digits(value: float) -> str:
    """``value``, which is no less than 0, without an exponent where it is large: ``0.0123``, ``12.3``, ``12,300``."""
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if float(text) >= 1000 else text


def amount(value: float, metric: Metric) -> str:
    """`figure` with its unit: ``3.2 points``; a metric that is no percentage has none."""
    return f"{figure(value, metric)} points" if metric.percent else figure(value, metric)


def reached(score: float, metric: Metric) -> str:
    """A score: ``93.3 %``, ``0.43``."""
    text = f"{score:.1%}".replace("%", " %") if metric.percent else figure(score, metric)
    return f"\u2212{text}" if score < 0 else text


def about(scope: str, *, fixed_test: bool) -> str:
    """What the intervals are about, in words."""
    if fixed_test:
        return "this test set"
    return "new data" if scope == "new_data" else "these rows"


def sentence(
    label: str, control: str, comparison: Comparison, settings: AnalysisSettings, where: str, ratio: float, count: int
) -> str:
    """One verdict in plain words, with what to do about it.

    Args:
        label, control: for people.
        comparison: whose verdict it is.
        settings: the metric, and alpha for what more seeds could do.
        where: from `about`.
        ratio, count: n_test/n_train and the number of simultaneous intervals, likewise.
    """
    metric = metric_of(settings)
    if comparison.note == TOO_FEW:
        return _too_few(label, control, comparison)
    if comparison.identical:
        return (
            f"{label} trained exactly as {control} on every seed, so the technique changed nothing: "
            "check that it is switched on and in the right place."
        )
    if comparison.withdrawn is not None:
        return (
            f"No verdict on {label}: on the seeds that finished it looks {comparison.withdrawn} against {control}, but "
            f"{counted(comparison.dropped, 'seed')} did not finish, and counting them as a model that learned nothing "
            "changes the answer. Find out why they failed."
        )
    if comparison.verdict == "undecided":
        alpha = spent(settings.alpha, settings.looks, settings.looks)
        more = "more seeds may settle it"
        if settings.looks > 1 and settings.look == settings.looks:
            more = "the last look left it open" + (", and more rows may settle it" if ratio else "")
        if not decidable(comparison, ratio, alpha, count):
            more = "more seeds alone will hardly settle it, more rows would"
        return f"Undecided: on {where}, {label} may be {_range(comparison.difference, control, metric)}; {more}."
    if comparison.verdict == "equivalent":
        return _equivalent(label, control, comparison, metric, where)
    return _clear(label, control, comparison, metric, where)


def _too_few(label: str, control: str, comparison: Comparison) -> str:
    lost = f" ({counted(comparison.dropped, 'seed')} failed)" if comparison.dropped else ""
    return (
        f"No verdict on {label} yet: it and {control} finished {counted(len(comparison.seeds), 'seed')} in common"
        f"{lost}, and {number_word(MINIMUM_PAIRS)} are the least."
    )


def _range(difference: Interval, control: str, metric: Metric) -> str:
    low, high = difference.low, difference.high
    return (
        f"anything from {amount(low, metric)} {'better' if low > 0 else 'worse'} to {amount(high, metric)} "
        f"{'worse' if high < 0 else 'better'} than {control} in {metric.title}"
    )


def _clear(label: str, control: str, comparison: Comparison, metric: Metric, where: str) -> str:
    better = comparison.verdict == "better"
    advice = f"Prefer {label} to {control}" if better else f"Avoid {label}"
    against = "" if better else f" against {control}"
    small = f", though perhaps by less than the {amount(comparison.rope, metric)} that matter"
    return (
        f"{advice}: it {change(comparison.difference, metric, where)}{against}"
        f"{'' if comparison.note == BEYOND_ROPE or comparison.rope == 0 else small}."
    )


def change(difference: Interval, metric: Metric, where: str) -> str:
    """``raises accuracy on new data by about 3.3 points (3.1 to 3.5)``, for an oriented difference clear of zero."""
    verb = "raises" if (difference.mean > 0) == metric.higher_is_better else "lowers"
    near, far = sorted((abs(difference.low), abs(difference.high)))
    return (
        f"{verb} {metric.title} on {where} by about {amount(difference.mean, metric)} "
        f"({figure(near, metric)} to {figure(far, metric)})"
    )


def _equivalent(label: str, control: str, comparison: Comparison, metric: Metric, where: str) -> str:
    tiny = ""
    if comparison.note:
        side = "gain" if comparison.difference.mean > 0 else "loss"
        tiny = f"; a {side} of about {amount(comparison.difference.mean, metric)} is real but too small to matter"
    return (
        f"On {where}, {label} and {control} are within {amount(comparison.rope, metric)} of each other in "
        f"{metric.title}{tiny}: take the simpler one."
    )


def lead_sentence(best: str, runner_up: str, lead: Lead, settings: AnalysisSettings, where: str, score: float) -> str:
    """Whether the first place, with a mean of ``score``, is more than luck; ``best`` and ``runner_up`` are labels."""
    metric = metric_of(settings)
    if len(lead.seeds) < MINIMUM_PAIRS or math.isnan(lead.difference.low):
        return f"{best} has the best average so far, on too few seeds to say whether its lead over {runner_up} is luck."
    gap = amount(lead.difference.mean, metric)
    if lead.clear:
        return f"{best} is clearly ahead of the runner-up, {runner_up}, on {where}: by about {gap} in {metric.title}."
    if lead.difference.mean == 0:
        return f"{best} and {runner_up} share the best average, so neither leads."
    average = f"the best average {metric.title}, {reached(score, metric)}"
    return f"{best} has {average}, but its lead of {gap} over {runner_up} may be luck."


def across_sentence(comparison: AcrossComparison, control: str, settings: AnalysisSettings) -> str:
    """A verdict over data sets in plain words; ``control`` is a label."""
    metric = metric_of(settings)
    label, count = comparison.label, f"{len(comparison.datasets)} data sets"
    if comparison.note == TOO_FEW_DATASETS:
        return f"No verdict on {label} over {count}: {number_word(MINIMUM_PAIRS)} are the least."
    doubt = "" if comparison.agrees else " A test by ranks alone does not agree, so look at the single data sets."
    if comparison.verdict == "undecided":
        return (
            f"Undecided: on a data set like these {count}, {label} may be on average "
            f"{_range(comparison.difference, control, metric)}; more data sets may settle it.{doubt}"
        )
    if comparison.verdict == "equivalent":
        return (
            f"Over {count}, {label} and {control} are on average within {amount(comparison.rope, metric)} of each "
            f"other in {metric.title}: take the simpler one.{doubt}"
        )
    advice = f"Prefer {label} to {control}" if comparison.verdict == "better" else f"Avoid {label}"
    return f"{advice}: it {change(comparison.difference, metric, f'{count}, on average,')}.{doubt}"
