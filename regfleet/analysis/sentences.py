"""Plain words for what the intervals say: sentences that somebody who knows no statistics can act on."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

from regfleet.analysis.intervals import BEYOND_ROPE, FEW_ROWS, MINIMUM_PAIRS, NO_SCATTER, TOO_FEW, TOO_FEW_DATASETS
from regfleet.analysis.judging import BRIER, NO_HALVES
from regfleet.analysis.power import rows_for_equivalence
from regfleet.analysis.prospects import LIKELY, Ahead, chance_of_verdict, what_it_takes
from regfleet.analysis.question import Question
from regfleet.analysis.sequential import decidable
from regfleet.analysis.summary import AcrossComparison, Lead, Odds
from regfleet.analysis.variant import Companion, Comparison, Interval, VariantSummary, Word
from regfleet.metrics import Metric
from regfleet.numbers import DASH, PERCENT, Scale, counted, number_word
from regfleet.text import listed

LEAST_CHANCE = 0.01
"""What some thousand draws tell from nothing with ease."""


def about(scope: str, *, fixed_test: bool) -> str:
    """What the intervals are about, in words."""
    if fixed_test:
        return "this test set"
    return "new data" if scope == "new_data" else "these rows"


def sentence(  # noqa: PLR0913, PLR0917 - what it says, and what it is said of
    label: str,
    control: str,
    comparison: Comparison,
    question: Question,
    where: str,
    ratio: float,
    count: int,
    ahead: Ahead | None = None,
) -> str:
    """One verdict in plain words, with what to do about it.

    Args:
        label, control: for people.
        comparison: whose verdict it is.
        question: the metric, and alpha for what more seeds could do.
        where: from `about`.
        ratio, count: n_test/n_train and the number of simultaneous intervals, likewise.
        ahead: the last look of a study that adds seeds until the answer is clear.
    """
    unit = Scale(question.metric)
    if comparison.note in (TOO_FEW, NO_HALVES):
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
    if comparison.verdict == "undecided" and not comparison.same:
        more = hope(comparison, question, ratio, count, ahead)
        if need := ahead and what_it_takes(comparison, ahead):
            more = re.sub(r"more (rows|seeds than that)(?= (would|may))", need, more)
        return f"Undecided: {_open(label, control, comparison, unit, where)}; {more}."
    if comparison.same and comparison.verdict in ("undecided", "equivalent"):
        alpha = question.alpha_at(len(comparison.seeds) + comparison.dropped)
        least = rows_for_equivalence(comparison.rope, alpha, count) if comparison.rope else 0
        return _same(label, control, comparison, unit, least)
    say = _equivalent if comparison.verdict == "equivalent" else _clear
    return say(label, control, comparison, unit, where)


def hope(comparison: Comparison, question: Question, ratio: float, count: int, ahead: Ahead | None = None) -> str:
    """What may settle an undecided comparison; the arguments are those of `sentence`."""
    if comparison.note == FEW_ROWS:
        alpha = question.alpha_at(len(comparison.seeds) + comparison.dropped)
        least = rows_for_equivalence(comparison.rope, alpha, count)
        return f"{least:,} in classes of equal size would show that they are as alike as that"
    if comparison.rule == "halves":
        return "more seeds change that little, more rows may settle it"
    last = question.looks > 1 and question.look == question.looks
    if ahead is not None:
        last = len(comparison.seeds) + comparison.dropped >= ahead.seeds
    if not decidable(comparison, ratio, question.alpha_last, count):
        return "more seeds alone will hardly settle it, more rows would"
    if last:
        return "the last look left it open" + (", and more rows may settle it" if ratio else "")
    if ahead is not None and chance_of_verdict(comparison, ahead) < LIKELY:
        return f"{ahead.seeds} seeds would hardly settle it, more {'rows' if ratio else 'seeds than that'} would"
    return "more seeds may settle it"


def _open(label: str, control: str, comparison: Comparison, unit: Scale, where: str) -> str:
    """What is not decided."""
    mean, rope = comparison.difference.mean, unit.amount(comparison.rope)
    if comparison.note == FEW_ROWS:
        rare = f"what sets them apart by more than {rope} may be too rare for so few rows"
        return f"{label} and {control} look alike, but {rare}"
    if comparison.note == NO_SCATTER and mean:
        by = f"by {unit.amount(mean)} of {unit.metric.title} {'better' if mean > 0 else 'worse'} than {control}"
        return f"{label} is {by} on every seed alike, which says nothing of how far others may differ"
    if comparison.note == NO_SCATTER:
        told = "" if comparison.companion is None else ", though not the same predictions"
        return f"{label} and {control} have the same {unit.metric.title} on every seed{told}"
    return f"on {where}, {label} may be {_range(comparison.difference, control, unit)}"


def _same(label: str, control: str, comparison: Comparison, unit: Scale, least: int) -> str:
    """That both predict alike; ``least`` is the number of rows from which that makes them equivalent."""
    rope = unit.amount(comparison.rope)
    alike = f"{label} and {control} gave the same predictions on all {comparison.same:,} rows that were tested"
    if comparison.verdict == "equivalent":
        return f"{alike}: they are within {rope} of each other in {unit.metric.title}. Take the simpler one."
    if comparison.rule != "rows":
        return f"{alike}. Fresh rows may still tell them apart."
    enough = f": {least:,} rows without a disagreement would show that they are alike within {rope}" if least else ""
    return f"{alike}. At most {unit.full(comparison.difference.high)} of fresh rows can differ{enough}."


def companion_sentence(label: str, control: str, companion: Companion) -> str:
    """Whose probabilities are better, in plain words."""
    unit, difference = Scale(BRIER), companion.difference
    pair = f"the probabilities of {label} and {control}"
    if math.isnan(difference.low):
        return f"Too few seeds to compare {pair}."
    size = f"Brier score {unit.difference(difference.mean)} ({unit.from_to(difference.low, difference.high)})"
    if companion.verdict == "undecided":
        return f"No clear difference between {pair}: {size}."
    if companion.verdict == "equivalent":
        return f"No difference that matters between {pair}: {size}."
    return f"The probabilities of {label} are {companion.verdict} than those of {control}: {size}."


def judged_sentence(compared: Sequence[VariantSummary]) -> str:
    """By which rule the verdicts of a data set were made, and why where it is not that of single rows."""
    by_why: dict[str, list[str]] = {}
    judged = [row for row in compared if row.comparison is not None and row.comparison.seeds]
    if any(row.comparison and row.comparison.rule == "halves" for row in judged):  # then it is for all of them
        said = "by how far two halves of the rows disagree, over ten pairs of them (conservative-Z)"
        return f"Judged {said}, as --interval conservative asked."
    for row in judged:
        if row.comparison is not None:
            by_why.setdefault(row.comparison.rule_why, []).append(row.label)
    parts = []
    if "" in by_why:
        parts.append("by single rows: whether each was predicted rightly by a variant and by its control")
    for why, labels in sorted(by_why.items()):
        if why:
            who = f"{listed(labels)} " if len(by_why) > 1 else ""
            parts.append(f"{who}by one score per seed, because {why}")
    return f"Judged {'; '.join(parts)}." if parts else ""


def _too_few(label: str, control: str, comparison: Comparison) -> str:
    if comparison.note == NO_HALVES:
        return (
            f"No verdict on {label} yet: some halves of the rows have no finished seed of both it and {control}. The "
            "same command trains what is missing."
        )
    lost = f" ({counted(comparison.dropped, 'seed')} failed)" if comparison.dropped else ""
    return (
        f"No verdict on {label} yet: it and {control} finished {counted(len(comparison.seeds), 'seed')} in common"
        f"{lost}, and {number_word(MINIMUM_PAIRS)} are the least."
    )


def _range(difference: Interval, control: str, unit: Scale) -> str:
    low, high = difference.low, difference.high
    return (
        f"anything from {unit.amount(low)} {'better' if low > 0 else 'worse'} to {unit.amount(high)} "
        f"{'worse' if high < 0 else 'better'} than {control} in {unit.metric.title}"
    )


def _clear(label: str, control: str, comparison: Comparison, unit: Scale, where: str) -> str:
    better = comparison.verdict == "better"
    advice = f"Prefer {label} to {control}" if better else f"Avoid {label}"
    against = "" if better else f" against {control}"
    small = f", though perhaps by less than the {unit.amount(comparison.rope)} that matter"
    return (
        f"{advice}: it {change(comparison.difference, unit, where)}{against}"
        f"{'' if comparison.note == BEYOND_ROPE or comparison.rope == 0 else small}."
    )


def change(difference: Interval, unit: Scale, where: str) -> str:
    """``raises accuracy on new data by about 3.3 points (3.1 to 3.5)``, for an oriented difference clear of zero."""
    verb = "raises" if (difference.mean > 0) == unit.metric.higher_is_better else "lowers"
    near, far = sorted((abs(difference.low), abs(difference.high)))
    return (
        f"{verb} {unit.metric.title} on {where} by about {unit.amount(difference.mean)} "
        f"({unit.size(near)} to {unit.size(far)})"
    )


def _equivalent(label: str, control: str, comparison: Comparison, unit: Scale, where: str) -> str:
    tiny = ""
    if comparison.note:
        side = "gain" if comparison.difference.mean > 0 else "loss"
        tiny = f"; a {side} of about {unit.amount(comparison.difference.mean)} is real but too small to matter"
    return (
        f"On {where}, {label} and {control} are within {unit.amount(comparison.rope)} of each other in "
        f"{unit.metric.title}{tiny}: take the simpler one."
    )


def idle_sentence(label: str, control: str, verdict: str) -> str:
    """What a verdict means of two variants that both learned nothing."""
    if verdict not in ("better", "worse"):
        return f"{label} and {control} are alike because neither learned anything: that says nothing of the technique."
    return f"{label} is {verdict} than {control}, but neither learned anything: that says nothing of the technique."


def choice_sentence(
    found: Sequence[Odds], verdicts: Mapping[str, Word], controls: Collection[str], hardly: float, unit: Scale
) -> str:
    """What to choose now, as a bet: ``found`` are the odds, the least loss first.

    Args:
        found: two or more.
        verdicts: by name of the variant, of those that are compared.
        controls: the names of the controls.
        hardly: a loss that makes no difference, in units of the metric.
        unit: of the metric.
    """
    first = found[0]
    stay = next((one for one in found[1:] if one.name in controls), None)
    if stay and first.name not in controls and unit.amount(stay.loss) == unit.amount(first.loss):
        return (
            f"If one must be chosen now, {stay.label}, which is simpler, risks as little as any: the best of all is "
            f"expected to be ahead of it by {unit.amount(stay.loss)} in {unit.metric.title}."
        )
    take = (
        f"If one must be chosen now, {first.label} risks least: it is the best with a chance of {chance(first.best)}, "
    )
    take += f"and the best of all is expected to be ahead of it by {unit.amount(first.loss)} in {unit.metric.title}."
    if first.name not in controls and verdicts.get(first.name) != "better":
        take += " That is a bet and no verdict: that it is better than its control is not shown."
    if first.name in controls or stay is None or stay.loss - first.loss > hardly:
        return take
    return f"{take} {stay.label}, which is simpler, risks hardly more: {unit.amount(stay.loss)}."


def chance(share: float) -> str:
    """A probability in whole percent, never as certain."""
    if not math.isfinite(share):
        return DASH
    if share < LEAST_CHANCE:
        return f"under 1{PERCENT}"
    return f"over 99{PERCENT}" if share > 1 - LEAST_CHANCE else f"{100 * share:.0f}{PERCENT}"


def lead_sentence(best: str, runner_up: str, lead: Lead, metric: Metric, where: str, score: float) -> str:
    """Whether the first place, with a mean of ``score``, is more than luck; ``best`` and ``runner_up`` are labels."""
    unit = Scale(metric)
    if len(lead.seeds) < MINIMUM_PAIRS or math.isnan(lead.difference.low):
        return f"{best} has the best average so far, on too few seeds to say whether its lead over {runner_up} is luck."
    if lead.difference.mean < 0:
        return f"{best} has the best average, but not on the seeds that {runner_up} ran on too, so neither leads."
    gap = unit.amount(lead.difference.mean)
    if lead.clear:
        return f"{best} is clearly ahead of the runner-up, {runner_up}, on {where}: by about {gap} in {metric.title}."
    if lead.difference.mean == 0:
        return f"{best} and {runner_up} share the best average, so neither leads."
    average = f"the best average {metric.title}, {unit.full(score)}"
    return f"{best} has {average}, but its lead of {gap} over {runner_up} may be luck."


def across_sentence(comparison: AcrossComparison, control: str, metric: Metric, alpha: float) -> str:
    """A verdict over data sets in plain words; ``control`` is a label.

    A share of exceptions is on none of N data sets with a chance of (1 − share)^N: more than 1 − alpha^(1/N) of them
    would have shown.
    """
    unit = Scale(metric)
    label, count = comparison.label, f"{len(comparison.datasets)} data sets"
    if comparison.note == TOO_FEW_DATASETS:
        return f"No verdict on {label} over {count}: {number_word(MINIMUM_PAIRS)} are the least."
    doubt = "" if comparison.agrees else " A test by ranks alone does not agree, so look at the single data sets."
    if comparison.note == NO_SCATTER:
        apart = unit.difference(comparison.difference.mean)
        return f"Undecided: {label} has the same difference from {control} on all {count}, {apart}: no interval."
    if comparison.verdict == "undecided":
        return (
            f"Undecided: on a data set like these {count}, {label} may be on average "
            f"{_range(comparison.difference, control, unit)}; more data sets may settle it.{doubt}"
        )
    if comparison.verdict == "equivalent":
        exceptions = 100 * (1 - alpha ** (1 / len(comparison.datasets)))
        return (
            f"Over {count}, {label} and {control} are on average within {unit.amount(comparison.rope)} of each "
            f"other in {metric.title}: take the simpler one. Up to {exceptions:.0f}{PERCENT} of such data sets may be "
            f"exceptions that none of these shows.{doubt}"
        )
    advice = f"Prefer {label} to {control}" if comparison.verdict == "better" else f"Avoid {label}"
    return f"{advice}: it {change(comparison.difference, unit, f'{count}, on average,')}.{doubt}"
