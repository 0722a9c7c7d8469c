"""What several data sets say together: the result in words, and every variant counted over them.

A verdict over all of them is made from five up (`across`); with fewer each data set speaks for itself, and this counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regfleet.analysis.across import MINIMUM_DATASETS
from regfleet.analysis.depends import Dependences, dependences
from regfleet.analysis.summary import AcrossComparison, DatasetSummary, Summary
from regfleet.analysis.variant import VariantSummary, Word
from regfleet.metrics import Metric
from regfleet.numbers import Scale, counted, level, number_word
from regfleet.text import capital, listed

WORDS: tuple[Word, ...] = ("better", "equivalent", "undecided", "worse")
FEW = 3
"""Variants of which each is said to have a mean that a few data sets pull."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A variant over the data sets; oriented differences, larger is better.

    ``control`` is the label of its control, empty for a control. ``verdicts`` counts its verdicts by word. ``mean`` and
    ``median`` are over the mean differences of the data sets, NaN without any; ``rank`` is its mean rank where every
    data set ranks it, else NaN. ``across`` is the verdict over all of them. ``note`` says where mean and median
    disagree.
    """

    name: str
    label: str
    control: str
    verdicts: Mapping[Word, int]
    datasets: int
    mean: float
    median: float
    rank: float
    across: AcrossComparison | None
    note: str


@dataclass(frozen=True, slots=True)
class Overall:
    """Several data sets at once: the result in sentences, what its rule claims, the variants, largest mean first.

    ``depends``: on what it depends where a variant helps, where that can be asked.
    """

    headline: tuple[str, ...]
    rule: tuple[str, ...]
    tallies: tuple[Tally, ...]
    depends: Dependences | None
    shared: tuple[str, ...]
    """Warnings that hold for every data set, so that one place can say them."""


def overall(summary: Summary) -> Overall | None:
    """What the data sets of ``summary`` say together; None of a single one."""
    datasets = summary.datasets
    if len(datasets) < 2:
        return None
    tallies = _tallies(summary)
    depends = dependences(datasets, {one.name: one.label for one in tallies if one.control}, summary.question.alpha)
    return Overall(
        headline=(*_result(summary, tallies), *_notes(tallies), *(depends.said if depends else ())),
        rule=_rule(summary, sum(bool(one.control) for one in tallies)),
        tallies=tallies,
        depends=depends,
        shared=tuple(text for text in datasets[0].warnings if all(text in one.warnings for one in datasets)),
    )


def _tallies(summary: Summary) -> tuple[Tally, ...]:
    rows: dict[str, dict[str, VariantSummary]] = {}
    for dataset in summary.datasets:
        for row in dataset.shown:
            rows.setdefault(row.name, {})[dataset.dataset] = row
    labels = {name: next(iter(held.values())).label for name, held in rows.items()}
    across = {one.name: one for one in summary.across.comparisons} if summary.across else {}
    ranks = _mean_ranks(summary.datasets, summary.metric)
    found = [
        _tally(labels, held, across.get(name), ranks.get(name, math.nan), summary.metric) for name, held in rows.items()
    ]
    return tuple(sorted(found, key=lambda one: (not one.control, -one.mean if math.isfinite(one.mean) else math.inf)))


def _tally(
    labels: Mapping[str, str],
    held: Mapping[str, VariantSummary],
    across: AcrossComparison | None,
    rank: float,
    metric: Metric,
) -> Tally:
    first = next(iter(held.values()))
    judged = {name: row.comparison for name, row in held.items() if row.comparison and row.comparison.seeds}
    differences = {name: one.difference.mean for name, one in judged.items()}
    values = np.array(list(differences.values()), dtype=np.float64)
    words = [one.verdict for one in judged.values()]
    tally = Tally(
        name=first.name,
        label=first.label,
        control=labels.get(first.control, first.control) if first.control else "",
        verdicts={word: words.count(word) for word in WORDS},
        datasets=len(judged),
        mean=float(values.mean()) if len(values) else math.nan,
        median=float(np.median(values)) if len(values) else math.nan,
        rank=rank,
        across=across,
        note="",
    )
    rope = float(np.mean([one.rope for one in judged.values()])) if judged else 0.0
    clear = across is not None and across.verdict in ("better", "worse")
    return _with_note(tally, differences, rope, Scale(metric), clear=clear)


def _with_note(tally: Tally, differences: Mapping[str, float], rope: float, unit: Scale, *, clear: bool) -> Tally:
    """``tally`` with a word where mean and median tell different stories: a few data sets pull the mean."""
    apart = abs(tally.mean - tally.median)
    opposite = tally.mean * tally.median < 0 and clear
    if len(differences) < 3 or not (opposite or (apart > rope > 0)):
        return tally
    side = math.copysign(1.0, tally.mean - tally.median)
    far, value = max(differences.items(), key=lambda item: side * item[1])
    note = (
        f"{tally.label}: the mean difference is {unit.change(tally.mean)}, but the median {unit.change(tally.median)}; "
        f"a few data sets pull the mean, {far} ({unit.difference(value)}) most, so look at the single ones."
    )
    return replace(tally, note=note)


def _notes(tallies: Sequence[Tally]) -> list[str]:
    """Where mean and median disagree, the furthest first; of more than `FEW` variants the rest by name."""
    noted = sorted((one for one in tallies if one.note), key=lambda one: -abs(one.mean - one.median))
    told = [one.note for one in noted[:FEW]]
    if rest := [one.label for one in noted[FEW:]]:
        told.append(f"Mean and median also disagree for {listed(rest)}: look at the single data sets.")
    return told


def _mean_ranks(datasets: Sequence[DatasetSummary], metric: Metric) -> dict[str, float]:
    """Variant → its mean rank over the data sets, ties at their mean rank; of those that finished on all of them."""
    from scipy.stats import rankdata

    standings = [
        {row.name: dataset.standing(row, metric) for row in dataset.variants if row.finished} for dataset in datasets
    ]
    names = [name for name in standings[0] if all(name in one for one in standings)]
    if not names:
        return {}
    places = np.round([[one[name] for name in names] for one in standings], 12)
    return dict(zip(names, rankdata(-places, axis=1).mean(axis=0).tolist(), strict=True))


def _result(summary: Summary, tallies: Sequence[Tally]) -> tuple[str, ...]:
    """The most important sentence first."""
    if summary.across:
        return summary.across.headline
    many = len(summary.datasets)
    nothing = [data.dataset for data in summary.datasets if data.learned_nothing]
    if len(nothing) == many:
        return (f"Nothing was learned on any of {many} data sets, so they say nothing about the techniques.",)
    few = (
        f"{capital(counted(many, 'data set'))} are too few for a verdict over all of them: "
        f"{number_word(MINIMUM_DATASETS)} are the least, so each speaks for itself."
    )
    better, worse = (_counted_on(tallies, word, many) for word in ("better", "worse"))
    first = better or f"On none of the {number_word(many)} data sets is a technique clearly better than its control."
    rest = (f"Nothing was learned on {listed(nothing)}.",) if nothing else ()
    return (first, *([worse] if worse else []), *rest, few)


def _counted_on(tallies: Sequence[Tally], word: Word, many: int) -> str:
    """On how many data sets which variants are better, or worse, than their control; empty for nowhere."""
    by_count: dict[int, list[str]] = {}
    for one in tallies:
        if one.verdicts[word]:
            by_count.setdefault(one.verdicts[word], []).append(one.label)
    parts = []
    for on, labels in sorted(by_count.items(), reverse=True):
        said = f"is {word} than its control" if len(labels) == 1 else f"are {word} than their controls"
        where = "all" if on == many else f"{number_word(on)} of"
        parts.append(f"{listed(labels)} {said} on {where} {number_word(many)}")
    return f"{'; '.join(parts)} data sets." if parts else ""


def _rule(summary: Summary, variants: int) -> tuple[str, ...]:
    """What the verdict over data sets claims, in plain words."""
    unit = Scale(summary.metric)
    single = "Each data set has verdicts of its own; seeds of one never count as evidence about another."
    if not summary.across:
        return (single,)
    at_once = f", for all {variants} variants at once" if variants > 1 else ""
    over = (
        "Over all of them each data set counts once, with its mean difference, however many rows and seeds it has. "
        f"Better means: the {level(summary.question.alpha)} interval of the mean of these differences (Student's t"
        f"{at_once}) lies above zero; worse: below; equivalent: all of it within {unit.rope}; undecided: none of these."
    )
    average = (
        "That is a claim about the average over data sets like these, as far as they are a fair sample of such data "
        "sets. It is none about the next one: a technique can be better on average and worse on yours."
    )
    lines = [over, average, single]
    if summary.metric.relative_rope and any(one.task == "regression" for one in summary.datasets):
        lines.append(
            f"Here {unit.metric.title} is in units of each target, so a data set with large numbers weighs more in the "
            "means: rather compare the ranks, or judge by R²."
        )
    return tuple(lines)
