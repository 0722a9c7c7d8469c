"""Plain words for what techniques do in combination."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from regfleet.analysis.design import ROMAN
from regfleet.analysis.gains import Combined, Effect
from regfleet.analysis.intervals import MINIMUM_PAIRS
from regfleet.analysis.sentences import change
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Interval, Word
from regfleet.metrics import Metric
from regfleet.numbers import Scale, counted, number_word
from regfleet.text import capital, listed

Factors = tuple[tuple[str, ...], ...]
MOST_SAID = 3
"""Interactions that the opening sentences name; the section has all."""


def worded(found: Combined, dataset: DatasetSummary, metric: Metric) -> Combined:
    """``found`` with its sentences."""
    unit = Scale(metric)
    effects = tuple(
        replace(one, sentence=effect_words(one.factors, one.difference, one.verdict, unit, dataset.about))
        for one in found.effects
    )
    found = replace(found, effects=effects, design=_design(found))
    if dataset.learned_nothing:
        return replace(found, effects_said=("Nothing was learned, so this says nothing of techniques in combination.",))
    if len(found.seeds) < MINIMUM_PAIRS:
        lost = f", as {counted(found.dropped, 'seed')} failed in one of them" if found.dropped else ""
        few = f"{capital(counted(len(found.seeds), 'seed'))} that every combination finished cannot show effects{lost}"
        return replace(found, effects_said=(f"{few}: {number_word(MINIMUM_PAIRS)} are the least.",))
    said = (*_mains([one for one in effects if one.is_main]), *_pairs([one for one in effects if not one.is_main]))
    return replace(found, effects_said=said, best_said=_best(found, dataset, unit))


def _design(found: Combined) -> tuple[str, ...]:
    """What was trained, and what can be told apart."""
    many = len(found.factors)
    if found.resolution is None:
        every = f"All {found.combinations} combinations of {many} techniques were planned"
        return (f"{every}, so that the effect of every technique and of every pair is measured by itself.",)
    name = ROMAN[found.resolution]
    fraction = (
        f"{found.runs} of the {found.combinations:,} combinations of {many} techniques were planned, a fraction of "
        f"resolution {name}, and each technique alone."
    )
    sums = sum(len(one.factors) > 1 for one in found.effects)
    if not sums:
        apart = (
            f"Every technique and every pair is told apart, as long as {number_word(found.resolution - 2)} or more "
            "techniques do nothing together beyond what they do in pairs."
        )
    else:
        pairs = sum(len(one.factors) for one in found.effects if len(one.factors) > 1)
        apart = (
            f"Every technique is told apart from every pair, as long as three or more techniques do nothing together "
            f"beyond what they do in pairs. {pairs} of the {many * (many - 1) // 2} pairs are measured in "
            f"{counted(sums, 'sum')}, named below: which pair of a sum it is, these combinations cannot tell."
        )
    return fraction, apart


def effect_words(factors: Factors, interval: Interval, verdict: Word, unit: Scale, where: str) -> str:
    """An effect in plain words; ``factors`` are those of an `Effect`, ``where`` what it is about."""
    reach = unit.from_to(interval.low, interval.high)
    said = f" ({reach})" if reach else ""
    if len(factors[0]) == 1:
        name, over = factors[0][0], "over all combinations of the others"
        if verdict in ("better", "worse"):
            return f"{name} {change(interval, unit, where)}, {over}."
        if verdict == "equivalent":
            return f"{name} makes no difference that matters, {over}{said}."
        return f"What {name} adds {over} is not clear{said}."
    pairs = " or ".join(" and ".join(names) for names in factors)
    pairs += ", measured as one sum" if len(factors) > 1 else ""
    if verdict in ("better", "worse"):
        low, high = sorted((abs(interval.low), abs(interval.high)))
        size = f"{unit.amount(interval.mean)} ({unit.size(low)} to {unit.size(high)})"
        return f"{pairs}: {'more' if verdict == 'better' else 'less'} together than apart, by about {size}."
    if verdict == "equivalent":
        return f"{pairs}: together what each adds alone, to within what matters{said}."
    return f"{pairs}: whether more or less together than apart is not clear{said}."


def _of(effects: Sequence[Effect], word: Word) -> list[str]:
    return [one.label for one in effects if one.verdict == word]


def _mains(effects: Sequence[Effect]) -> tuple[str, ...]:
    helps, hurts, idle, open_ = (_of(effects, word) for word in ("better", "worse", "equivalent", "undecided"))
    parts = []
    if helps:
        parts.append(f"{listed(helps)} {'helps' if len(helps) == 1 else 'help'}")
    if hurts:
        parts.append(f"{listed(hurts)} {'hurts' if len(hurts) == 1 else 'hurt'}")
    if idle:
        parts.append(f"{listed(idle)} {'makes' if len(idle) == 1 else 'make'} no difference that matters")
    if open_:
        parts.append(f"what {listed(open_)} {'adds' if len(open_) == 1 else 'add'} is not clear")
    return (f"On average over all combinations of the others: {'; '.join(parts)}.",)


def _pairs(effects: Sequence[Effect]) -> tuple[str, ...]:
    clear = [one for one in effects if one.verdict in ("better", "worse")]
    if clear:
        clear.sort(key=lambda one: -abs(one.difference.mean))
        rest = len(clear) - MOST_SAID
        more = (f"{capital(counted(rest, 'more interaction'))} {'is' if rest == 1 else 'are'} clear.",)
        return (*(one.sentence for one in clear[:MOST_SAID]), *(more if rest > 0 else ()))
    if all(one.verdict == "equivalent" for one in effects):
        return ("No two techniques do more or less together than apart by enough to matter.",)
    return ("No interaction is clear: what one technique adds does not clearly hang on another.",)


def _best(found: Combined, dataset: DatasetSummary, unit: Scale) -> str:
    """Whether the best combination is worth more than one technique."""
    if not found.best or not found.single or found.lead is None or math.isnan(found.lead.low):
        return ""
    best, single = (f"{dataset.labels[name]}" for name in (found.best, found.single))
    lead, reach = found.lead, unit.from_to(found.lead.low, found.lead.high)
    row = dataset.variant(found.best)
    score = f", {unit.full(row.score.mean)}" if row else ""
    first = f"The best combination{'' if found.resolution is None else ' of those trained'}, {best}{score},"
    if found.clear:
        by = f"{unit.amount(lead.mean)} ({reach})"
        return f"{first} is clearly ahead of every single technique: of the best, {single}, by {by}."
    if lead.high < 0:
        return f"{first} is clearly behind the best single technique, {single}: by {unit.amount(lead.mean)} ({reach})."
    if lead.mean > 0:
        return (
            f"{first} leads the best single technique, {single}, by {unit.amount(lead.mean)}, which may be luck "
            f"({reach}): the single technique is simpler."
        )
    return f"{first} is not ahead of the best single technique, {single} ({unit.change(lead.mean)}, {reach})."
