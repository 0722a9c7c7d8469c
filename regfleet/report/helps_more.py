"""What would help more than a technique, written out: more rows, and the columns that the control needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from regfleet.analysis.gains import Ablation, Effect, LearningCurve, OnRows, Share
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Rule
from regfleet.metrics import Metric
from regfleet.numbers import DASH, Scale, percent
from regfleet.report.verdicts import VERDICTS, Chip, effect_chip


@dataclass(frozen=True, slots=True)
class OnShare:
    """A variant on a share of the rows, written out; ``chip`` is None of a control, or where nothing is known."""

    score: str
    difference: str
    interval: str
    chip: Chip | None


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve: the ``heads`` of its columns, and (label, cells) of its variants, best on all rows first.

    ``gains`` are what the control gains from one share to the next: from, to, difference, interval, chip.
    """

    said: tuple[str, ...]
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[OnShare, ...]], ...]
    gains: tuple[tuple[str, str, str, str, Chip], ...]
    control: str
    best: str
    compared: int
    rule: str


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column, written out: what it adds to the control, and the mean scores without and with it."""

    name: str
    difference: str
    interval: str
    chip: Chip
    note: str
    means: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The control without each column."""

    said: tuple[str, ...]
    control: str
    rows: tuple[ColumnRow, ...]
    seeds: int
    rule: str


def curve(dataset: DatasetSummary, metric: Metric) -> Curve | None:
    """What the page shows of a learning curve; None where none was asked for."""
    found, unit = dataset.learning, Scale(metric)
    if found is None:
        return None
    order = [row.name for row in dataset.ordered(metric)]
    by_name = [{one.name: one for one in share.variants} for share in found.shares]
    labels = {one.name: one.label for one in found.shares[-1].variants}
    names = sorted(labels, key=lambda name: order.index(name) if name in order else len(order))
    pairs = zip(found.shares[1:], found.shares, strict=False)
    return Curve(
        said=found.said,
        heads=tuple(f"{percent(share.share)} ({share.rows:,} rows)" for share in found.shares),
        rows=tuple((labels[name], tuple(_on(share[name], unit) for share in by_name)) for name in names),
        gains=tuple(_gain(before, share, share.gain, unit) for share, before in pairs if share.gain),
        control=found.control,
        best=labels.get(found.best, ""),
        compared=found.compared,
        rule=judged_by(found.rule, found.rule_why),
    )


def _on(one: OnRows, unit: Scale) -> OnShare:
    if one.difference is None:
        return OnShare(unit.score(one.score.mean), "", "", None)
    of = one.difference.difference
    chip = VERDICTS[one.difference.verdict]
    return OnShare(unit.score(one.score.mean), unit.difference(of.mean), unit.from_to(of.low, of.high), chip)


def _gain(before: Share, share: Share, gain: Effect, unit: Scale) -> tuple[str, str, str, str, Chip]:
    of = gain.difference
    reach = unit.from_to(of.low, of.high) or DASH
    return f"{before.rows:,}", f"{share.rows:,}", unit.difference(of.mean), reach, VERDICTS[gain.verdict]


def columns(dataset: DatasetSummary, metric: Metric) -> Columns | None:
    """What the page shows of columns left out; None where that was not asked for."""
    found, unit = dataset.ablation, Scale(metric)
    if found is None:
        return None
    return Columns(
        found.said,
        found.control,
        tuple(_column(one, unit) for one in found.columns),
        found.seeds,
        judged_by(found.rule, found.rule_why),
    )


def _column(one: Effect, unit: Scale) -> ColumnRow:
    of, means = one.difference, one.means or (float("nan"),) * 2
    reach = unit.from_to(of.low, of.high)
    words = f"{unit.score(means[1])} → {unit.score(means[0])}"
    return ColumnRow(one.label, unit.difference(of.mean), reach, effect_chip(one), one.note, words)


def judged_by(rule: Rule, why: str) -> str:
    """By which rule sums of runs were judged."""
    if rule == "rows":
        return "by single rows: what the networks said of each test row"
    return f"by one score per seed{f', because {why}' if why else ''}"


def ablated(dataset: DatasetSummary) -> Ablation | None:
    """The columns left out that have a difference to draw."""
    found = dataset.ablation
    return found if found and any(math.isfinite(one.difference.mean) for one in found.columns) else None


def drawn(dataset: DatasetSummary) -> LearningCurve | None:
    """The learning curve that has two points to draw."""
    found = dataset.learning
    means = [share.variants[0].score.mean for share in found.shares] if found else []
    return found if sum(map(math.isfinite, means)) > 1 else None
