"""What techniques do in combination, written out for the page, the terminal and a table."""

from __future__ import annotations

from dataclasses import dataclass

from regfleet.analysis.gains import Candidate, Combined, Effect, Step
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.metrics import Metric
from regfleet.numbers import Scale
from regfleet.report.exports import Cell, rows_csv
from regfleet.report.verdicts import Chip, effect_chip


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect, written out. ``pairs`` has a line for each of its techniques or pairs, ``means`` the mean scores."""

    pairs: tuple[str, ...]
    difference: str
    interval: str
    chip: Chip
    note: str
    means: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Combinations:
    """What techniques do in combination on a data set.

    ``effects`` is their number, over which intervals are simultaneous, and ``rule`` what judged them.
    """

    design: tuple[str, ...]
    said: tuple[str, ...]
    best: str
    mains: tuple[EffectRow, ...]
    pairs: tuple[EffectRow, ...]
    effects: int
    seeds: int
    dropped: int
    rule: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """A candidate of a step, written out; ``number`` is that of the step, empty but for its first row."""

    number: str
    label: str
    added: str
    difference: str
    interval: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Techniques added one by one on a data set, by so many ``choosing`` seeds."""

    said: tuple[str, ...]
    rows: tuple[StepRow, ...]
    choosing: int


def steps(dataset: DatasetSummary, metric: Metric) -> Steps | None:
    """What the page shows of steps, best candidate first; None where there are none."""
    found, unit, written = dataset.stepwise, Scale(metric), []
    if found is None:
        return None
    for number, step in enumerate(found.steps, 1):
        order = sorted(step.candidates, key=lambda one: (one is not _chosen(step), -one.difference.mean))
        for place, one in enumerate(order):
            added = ("yes" if step.clear else "no, not clear") if place == 0 else ""
            reach = unit.from_to(one.difference.low, one.difference.high)
            words = (str(number) if place == 0 else "", one.label, added, unit.difference(one.difference.mean), reach)
            written.append(StepRow(*words))
    return Steps(found.said, tuple(written), found.choosing)


def _chosen(step: Step) -> Candidate:
    return next(one for one in step.candidates if one.name == step.name)


def combinations(dataset: DatasetSummary, metric: Metric) -> Combinations | None:
    """What the page shows of combinations; None where none were asked for."""
    found, unit = dataset.combined, Scale(metric)
    if found is None:
        return None
    rows = [(one.is_main, _row(one, unit)) for one in found.effects]
    return Combinations(
        design=found.design,
        said=found.effects_said,
        best=found.best_said,
        mains=tuple(row for is_main, row in rows if is_main),
        pairs=tuple(row for is_main, row in rows if not is_main),
        effects=len(rows),
        seeds=len(found.seeds),
        dropped=found.dropped,
        rule=rule_words(found),
    )


def rule_words(found: Combined) -> str:
    """By which rule effects were judged."""
    if found.rule == "rows":
        return "by single rows: what all combinations said of each test row"
    if found.rule == "halves":
        return "by how far two halves of the rows disagree (conservative-Z)"
    return f"by one score per seed{f', because {found.rule_why}' if found.rule_why else ''}"


def _row(one: Effect, unit: Scale) -> EffectRow:
    return EffectRow(
        pairs=tuple(" × ".join(names) for names in one.factors),
        difference=unit.difference(one.difference.mean),
        interval=unit.from_to(one.difference.low, one.difference.high),
        chip=effect_chip(one),
        note=one.note,
        means=" → ".join(map(unit.score, one.means)) if one.is_main else " / ".join(map(unit.score, one.means)),
        sentence=one.sentence,
    )


def effects_csv(summary: Summary) -> str:
    """A row per data set and effect as CSV, in units of the metric and full precision."""
    return rows_csv([_cells(data.dataset, data.combined, one, summary) for data, one in _all(summary) if data.combined])


def _all(summary: Summary) -> list[tuple[DatasetSummary, Effect]]:
    return [(data, one) for data in summary.datasets if data.combined for one in data.combined.effects]


def _cells(dataset: str, found: Combined, one: Effect, summary: Summary) -> dict[str, Cell]:
    means = (*one.means, *(None,) * (4 - len(one.means)))
    return {
        "dataset": dataset,
        "metric": summary.metric.name,
        "effect": one.label,
        "kind": "main" if one.is_main else "interaction",
        "verdict": one.verdict,
        "difference": one.difference.mean,
        "difference_low": one.difference.low,
        "difference_high": one.difference.high,
        "p": one.p,
        "rope": found.rope,
        "floor": one.floor,
        "note": one.note,
        "rule": found.rule,
        "rule_why": found.rule_why,
        "seeds": len(found.seeds),
        "dropped": found.dropped,
        "effects": len(found.effects),
        "mean_none": means[0],
        "mean_first": means[1],
        "mean_second": means[2],
        "mean_both": means[3],
    }
