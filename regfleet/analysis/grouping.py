"""The verdicts of a data set in plain words, with those that say the same said once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from regfleet.analysis.intervals import BEYOND_ROPE, CHOSEN, FEW_ROWS, NO_SCATTER, TOO_FEW
from regfleet.analysis.judging import NO_HALVES
from regfleet.analysis.sentences import idle_sentence
from regfleet.analysis.summary import Said
from regfleet.analysis.variant import Comparison, VariantSummary
from regfleet.numbers import Scale, number_word
from regfleet.text import listed

Judged = tuple[VariantSummary, Comparison]


@dataclass(frozen=True, slots=True)
class Words:
    """What the sentences of a data set share: the scale of its metric, what they are about, labels by name.

    ``hope`` says what may settle an undecided comparison, ``need`` how much of it where that is known.
    """

    unit: Scale
    where: str
    labels: Mapping[str, str]
    hope: Callable[[Comparison], str]
    need: Callable[[Comparison], str]


def grouped(rows: Sequence[VariantSummary], words: Words) -> tuple[Said, ...]:
    """What the verdicts of ``rows`` say, in the order of the first of each group."""
    groups: dict[tuple[object, ...], list[Judged]] = {}
    for row in rows:
        if row.comparison is not None and row.comparison.sentence:
            groups.setdefault(_kind(row, row.comparison, words), []).append((row, row.comparison))
    return tuple(_said(kind, group, words) for kind, group in groups.items())


def _kind(row: VariantSummary, one: Comparison, words: Words) -> tuple[object, ...]:
    """What sentences must have in common to be said as one; the name where that is of one variant alone."""
    control = words.labels.get(one.control, one.control)
    idle = idle_sentence(row.label, control, one.verdict)
    if one.sentence == idle:
        return ("alike", control, one.sentence.replace(row.label, "", 1)) if " alike " in idle else (row.name,)
    if one.note == TOO_FEW:
        return ("few", one.control, len(one.seeds), one.dropped)
    if one.withdrawn or one.identical or one.note in (CHOSEN, FEW_ROWS, NO_HALVES, NO_SCATTER):
        return (row.name,)
    if one.same and one.verdict in ("undecided", "equivalent"):
        return ("alike", control, one.sentence.replace(row.label, "", 1))
    return (one.verdict, one.control, one.rope, words.hope(one) if one.verdict == "undecided" else "")


def _said(kind: tuple[object, ...], group: Sequence[Judged], words: Words) -> Said:
    first, one = group[0]
    settled = one.verdict != "undecided" or bool(one.withdrawn) or bool(one.same)
    labels = tuple(row.label for row, _ in group)
    if len(group) == 1:
        return Said(one.sentence, labels, settled and not one.identical)
    control = words.labels.get(one.control, one.control)
    if kind[0] == "alike":
        text = one.sentence.replace(first.label, ", ".join(labels), 1)
    elif kind[0] == "few":
        text = re.sub(r"^No verdict on .*? yet: it ", "", one.sentence.replace(first.label, "", 1))
        text = f"No verdict on {_all(labels)} yet: each of them {text}"
    else:
        text = _SAY[one.verdict](group, control, words)
    return Said(text, labels, settled)


def _equivalent(group: Sequence[Judged], control: str, words: Words) -> str:
    rope, metric = words.unit.amount(group[0][1].rope), words.unit.metric.title
    text = (
        f"These {number_word(len(group))} make no difference that matters on {words.where}, each within {rope} of "
        f"{control} in {metric}: {_all([row.label for row, _ in group])}. Take the simplest."
    )
    real = [row.label for row, one in group if one.note]
    return text + (f" A difference is real but too small to matter for {_all(real)}." if real else "")


def _undecided(group: Sequence[Judged], control: str, words: Words) -> str:
    more = re.sub(r"\bit\b", "them", words.hope(group[0][1]))
    each = [
        f"{row.label} ({'; '.join(filter(None, (_reach(one, words.unit), words.need(one))))})" for row, one in group
    ]
    return (
        f"These {number_word(len(group))} are undecided against {control}, in {words.unit.metric.title} on "
        f"{words.where}: {_all(each)}; {more}."
    )


def _reach(one: Comparison, unit: Scale) -> str:
    """From where to where a difference may be."""
    low, high = one.difference.low, one.difference.high
    if math.isnan(low):
        return "no interval"
    return (
        f"{unit.amount(low)} {'better' if low > 0 else 'worse'} to {unit.amount(high)} "
        f"{'worse' if high < 0 else 'better'}"
    )


def _better(group: Sequence[Judged], control: str, words: Words) -> str:
    verb = "raise" if words.unit.metric.higher_is_better else "lower"
    return (
        f"Prefer these {number_word(len(group))} to {control}; they {verb} {words.unit.metric.title} on "
        f"{words.where}: {_sizes(group, words.unit)}."
    )


def _worse(group: Sequence[Judged], control: str, words: Words) -> str:
    verb = "lower" if words.unit.metric.higher_is_better else "raise"
    return (
        f"Avoid these {number_word(len(group))}; they {verb} {words.unit.metric.title} on {words.where} against "
        f"{control}: {_sizes(group, words.unit)}."
    )


def _sizes(group: Sequence[Judged], unit: Scale) -> str:
    parts = []
    for row, one in group:
        near, far = sorted((abs(one.difference.low), abs(one.difference.high)))
        small = one.note != BEYOND_ROPE and one.rope > 0
        perhaps = f", perhaps less than the {unit.amount(one.rope)} that matter" if small else ""
        size = f"{unit.amount(one.difference.mean)} ({unit.size(near)} to {unit.size(far)}{perhaps})"
        parts.append(f"{row.label} by about {size}")
    return _all(parts)


def _all(names: Sequence[str]) -> str:
    """All of them, for the verdict on each is said nowhere else."""
    return listed(names, len(names))


_SAY: Mapping[str, Callable[[Sequence[Judged], str, Words], str]] = {
    "equivalent": _equivalent,
    "undecided": _undecided,
    "better": _better,
    "worse": _worse,
}
