"""Whether a run does worse than an earlier one, for CI: false alarms are rare however often it is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from regfleet.analysis.between import Change, chance_interval, change, one_sided, wider, with_lost
from regfleet.analysis.comparing import Terms
from regfleet.analysis.intervals import MINIMUM_PAIRS, NO_SCATTER, TOO_FEW, decide
from regfleet.analysis.runs import Runs, ignorant_score
from regfleet.concluding.changes import apart, common_datasets, rows_between, runs_between, wanted_variants
from regfleet.concluding.sides import Side, common_metric, counted_rows, order_notes, terms_of
from regfleet.errors import InputError
from regfleet.metrics import Metric
from regfleet.numbers import Scale, counted
from regfleet.report.checked import Checked, Found, Item
from regfleet.text import listed

LOOKS = 365
"""Checks against one run over which false alarms are bounded: one each night for a year."""
MOST_LOOKS = 1_000_000


def checked(
    old: Side,
    new: Side,
    *,
    max_drop: float | None = None,
    variants: Sequence[str] = (),
    metric: str | None = None,
    looks: int = LOOKS,
    advance: Callable[[int], None] = lambda _: None,
) -> Checked:
    """Whether ``new`` has clearly dropped below ``old``.

    Args:
        old, new: the two runs.
        max_drop: the drop that is allowed, in units of the metric; None is the size that matters to it, a point of
            accuracy, one percent of an error.
        variants: names or labels of those to check; empty for all that both have.
        metric: what is checked; None is the later study's own.
        looks: checks against ``old`` over which all false alarms together have the chance alpha of the later study.
        advance: told how many comparisons were made since.

    Raises:
        InputError: nothing can be checked, because the runs have no data set or variant in common, or another task, or
            do not know the metric.
    """
    names, wanted = common_datasets(old, new), wanted_variants(old, new, variants)
    rows, notes, items = rows_between(old, new, names), _notes(old, new), list[Item]()
    found = {}
    for name in names:
        judged_by = common_metric((old, new), name, metric)
        _refuse_endless(max_drop, judged_by)
        question = replace(new.question, metric=judged_by)
        before, after = runs_between(old, new, name, question)
        there = [one for one in wanted if one in before and one in after]
        if missing := [one for one in wanted if one in before and one not in after]:
            labels = listed([old.labels[one] for one in missing])
            notes.append(f"{name}: {labels} {'has' if len(missing) == 1 else 'have'} no trial in {new.shown}.")
            if variants:
                raise InputError(f"--variant: expected trials of {labels} on {name} in {new.shown}; got none")
        found[name] = (question, before, after, there)
    comparisons = sum(len(there) for *_, there in found.values())
    if not comparisons:
        raise InputError(f"{new.shown}: expected trials of a variant of {old.shown}; got none")
    for name, (question, before, after, there) in found.items():
        terms = counted_rows(terms_of(new, name, question, comparisons), after)
        earlier = terms_of(old, name, question, comparisons)
        why, of_rows = apart(old, new, name, rows.get(name)), rows.get(name)
        same = old.data[name].sha256 == new.data[name].sha256 or (of_rows is not None and of_rows.numbered)
        for one in there:
            runs = after[one], before[one]
            item = item_of(one, new.labels[one], runs, terms, why, looks, same_rows=same, before=earlier)
            items.append(_broken(name, item, runs, terms) or _judged(name, question.metric, item, max_drop))
            advance(1)
    return Checked(old.shown, new.shown, looks, new.question.alpha, tuple(items), tuple(notes))


def _refuse_endless(max_drop: float | None, metric: Metric) -> None:
    """Raises InputError where no drop could be larger than is allowed, as for 5 of an accuracy, meant as points."""
    widest = metric.highest - metric.lowest
    if max_drop is not None and max_drop >= widest:
        point = " (0.01 is a point)" if metric.percent else ""
        raise InputError(
            f"--max-drop: expected less than {widest:g}, for {metric.title} lies between {metric.lowest:g} and "
            f"{metric.highest:g}{point}; got {max_drop:g}"
        )


def item_of(  # noqa: PLR0913 - two runs, and what is known of each
    name: str,
    label: str,
    runs: tuple[Runs, Runs],
    terms: Terms,
    why: str,
    looks: int,
    *,
    same_rows: bool,
    before: Terms | None = None,
) -> Change:
    """A variant's change with the interval of the check: that of a verdict, and of what seeds make by chance."""
    new, old = runs
    # A run that breaks down must not pass because nothing is left of it to compare.
    filled = with_lost(new, old, terms)
    if not same_rows:
        # Each look has rows of its own, so that no part of its interval is spent once for all.
        terms = replace(terms, question=replace(terms.question, alpha=one_sided(terms.question.alpha, looks)))
    found = change(name, label, filled, old, terms, why, before)
    apart_now = why or ("few" if found.pairing == "unpaired" else "")
    if same_rows and math.isfinite(found.difference.low):
        chance = chance_interval(filled, old, terms, apart_now, looks)
        found = replace(found, difference=wider(found.difference, chance))
    fewest = min(found.seeds)
    verdict, note = (
        (found.verdict, found.note) if found.note == NO_SCATTER else decide(found.difference, found.rope, fewest)
    )
    return replace(found, verdict=verdict, note=note, lost=(len(old.lost), len(new.lost)))


def _broken(dataset: str, one: Change, runs: tuple[Runs, Runs], terms: Terms) -> Item | None:
    """A drop where a run broke down, and it is not known what a model that learned nothing scores; else None.

    The worst score that was seen would stand in for all trials that were lost, and may be a good one.
    """
    new, old = runs
    left, tried = len(new.seeds), new.attempted
    few = left < MINIMUM_PAIRS <= min(tried, len(old.seeds))
    if not few or math.isfinite(ignorant_score(terms.metric, terms.shares, new.scores[:0])):
        return None
    said = (
        f"{one.label} on {dataset}: {counted(tried - left, 'trial')} of {tried} failed or diverged, which leaves too "
        "few to compare, and counts as a drop."
    )
    return Item(dataset, terms.metric, one, terms.metric.rope_at(one.old), "dropped", said)


def _judged(dataset: str, metric: Metric, one: Change, max_drop: float | None) -> Item:
    unit, of = Scale(metric), one.difference
    drop = "drop" if metric.higher_is_better else "rise"  # of an error that gets worse
    allowed = metric.rope_at(one.old) if max_drop is None else max_drop
    where = f"{one.label} on {dataset}"
    lost = f", with {counted(one.lost[1], 'lost trial')} as models that learned nothing" if one.lost[1] else ""
    scores = f"{metric.title} {unit.full(one.old)} before and {unit.full(one.new)} now{lost}"
    fewest = counted(min(one.seeds), "seed")
    found: Found = "kept"
    if one.note == TOO_FEW:
        found, said = "unknown", f"{where}: not checked, for {fewest} can be compared."
    elif one.note == NO_SCATTER and -of.mean > allowed:
        # Chance does not make the same drop on every seed.
        found, apart = "dropped", unit.amount(of.mean)
        said = f"{where}: {scores}, a {drop} by {apart} on every seed alike, where {unit.amount(allowed)} are allowed."
    elif of.high < 0 and -of.mean > allowed:
        found = "dropped"
        said = f"{where}: {scores}, a clear {drop} by {unit.amount(of.mean)}, where {unit.amount(allowed)} are allowed."
    elif of.high < 0:
        said = f"{where}: {scores}, a clear {drop}, but by no more than the {unit.amount(allowed)} that are allowed."
    elif -of.mean > allowed:
        # One of its interval's half-width would be clear.
        seen = unit.amount(of.mean - of.high)
        said = f"{where}: {scores}, which may be chance: of {fewest}, a {drop} below {seen} cannot be told from it."
    else:
        said = f"{where}: {scores}."
    return Item(dataset, metric, one, allowed, found, said)


def _notes(old: Side, new: Side) -> list[str]:
    """That they may be the wrong way round, and what only one of them has, which nothing is said of."""
    notes = order_notes(old, new)
    for names, side in (
        ([old.labels[one] for one in old.labels if one not in new.labels], old),
        ([new.labels[one] for one in new.labels if one not in old.labels], new),
        ([one for one in old.data if one not in new.data], old),
        ([one for one in new.data if one not in old.data], new),
    ):
        if names:
            notes.append(
                f"Only {side.shown} has {listed(names, 10)}, which {'is' if len(names) == 1 else 'are'} not checked."
            )
    return notes
