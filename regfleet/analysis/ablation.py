"""Which columns the control needs: it is trained without each of them, and judged as any variant is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from regfleet.analysis.comparing import Terms
from regfleet.analysis.effects import weighed
from regfleet.analysis.gains import Ablation, Effect
from regfleet.analysis.intervals import MINIMUM_PAIRS
from regfleet.analysis.runs import Runs
from regfleet.analysis.summary import DatasetSummary
from regfleet.numbers import Scale, counted, number_word
from regfleet.text import listed

MOST_SAID = 3
"""Columns that a sentence gives with their numbers; the section has all."""


def ablation(whole: Runs, without: Mapping[str, Runs], label: str, dataset: DatasetSummary, terms: Terms) -> Ablation:
    """What each column adds to the control of ``label``, by its runs with all columns and ``without`` each."""
    found, seeds = [], []
    rule, why = "seeds", ""
    for column, runs in without.items():
        effect, rule, why = weighed((column,), [whole, runs], (1, -1), terms, len(without))
        found.append(effect)
        seeds.append(len(set(whole.seeds.tolist()) & set(runs.seeds.tolist())))
    found.sort(key=lambda one: -one.difference.mean if math.isfinite(one.difference.mean) else math.inf)
    rope = terms.metric.rope_at(float(whole.scores.mean()) if len(whole.scores) else 0.0)
    said = _words(found, min(seeds), label, dataset, Scale(terms.metric))
    return Ablation(label, tuple(found), min(seeds), rope, rule, why, said)  # type: ignore[arg-type]


def _words(effects: Sequence[Effect], seeds: int, label: str, dataset: DatasetSummary, unit: Scale) -> tuple[str, ...]:
    if dataset.learned_nothing:
        return ("Nothing was learned, so this says nothing of the columns.",)
    if seeds < MINIMUM_PAIRS:
        least = number_word(MINIMUM_PAIRS)
        return (f"Too few seeds to say which columns matter: {least} are the least that finish with and without each.",)
    names = {word: [one for one in effects if one.verdict == word] for word in ("better", "worse", "equivalent")}
    said = []
    if names["better"]:
        said.append(f"{label} needs {_sized(names['better'], unit, 'worse')}.")
    if names["worse"]:
        said.append(
            f"{label} is better off without {_sized(names['worse'][::-1], unit, 'better')}: --drop would leave such a "
            "column out."
        )
    if not said:
        said.append("No column is clearly needed: without any single one of them it does not clearly do worse.")
    if names["equivalent"]:
        said.append(f"Makes no difference that matters when left out alone: {listed(_labels(names['equivalent']))}.")
    open_ = _labels([one for one in effects if one.verdict == "undecided"])
    if open_:
        said.append(f"Not clear: {listed(open_)}.")
    return tuple(said)


def _sized(effects: Sequence[Effect], unit: Scale, word: str) -> str:
    """The columns with how much their absence does."""
    shown = [
        f"{one.label} ({unit.metric.title} {unit.amount(one.difference.mean)} {word} without it, "
        f"{' to '.join(map(unit.size, _ends(one)))})"
        for one in effects[:MOST_SAID]
    ]
    more = len(effects) - MOST_SAID
    return listed([*shown, *([counted(more, "more column")] if more > 0 else [])])


def _ends(one: Effect) -> list[float]:
    return sorted((abs(one.difference.low), abs(one.difference.high)))


def _labels(effects: Sequence[Effect]) -> list[str]:
    return [one.label for one in effects]
