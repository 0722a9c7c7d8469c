"""The leaderboard's rows, written out; and the anchors that link to them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from regfleet.analysis.predicted import Together
from regfleet.analysis.sequential import stopped
from regfleet.analysis.summary import DatasetSummary, Look
from regfleet.analysis.variant import Interval, VariantSummary
from regfleet.metrics import Metric
from regfleet.numbers import DASH, Scale, gap_scale, number
from regfleet.report.figures.cards import TITLES
from regfleet.report.predicted import together
from regfleet.report.verdicts import Chip, chip, note
from regfleet.text import printable, slug

_VERDICT_ORDER = ("Better", "Equivalent", "Same predictions", "Undecided", "Control", "Worse", "Failed", "No trial yet")


@dataclass(frozen=True, slots=True)
class Bar:
    """The small drawing of an interval, in a box 100 wide: all positions in its units."""

    low: float
    high: float
    mean: float
    zero: float
    rope_low: float
    rope_high: float


@dataclass(frozen=True, slots=True)
class Row:
    """A variant in the leaderboard, written out. ``sort`` is what each of its columns sorts by.

    ``stopped`` says after how many seeds and why, in a study that adds them.
    """

    id: str
    card: str
    label: str
    is_control: bool
    rank: str
    score: str
    score_interval: str
    paired: str
    difference: str
    difference_interval: str
    against: str
    chip: Chip
    note: str
    stopped: str
    won: str
    ties: str
    gap: str
    best_epoch: str
    seconds: str
    lost: str
    together: str
    together_note: str
    sort: Mapping[str, str]
    bar: Bar | None


def rows(dataset: DatasetSummary, metric: Metric, prefix: str, looks: Sequence[Look]) -> tuple[Row, ...]:
    """The leaderboard's rows in order; ``looks`` are those at this data set."""
    unit, gap = Scale(metric), gap_scale(dataset.task)
    labels = dataset.labels if len(dataset.controls) > 1 else {}
    domain, anchor = _domain(dataset), anchors(dataset)
    return tuple(
        _with_standing(
            _with_networks(
                replace(
                    _row(
                        row,
                        unit,
                        gap,
                        (f"{prefix}row-{anchor[row.name]}", card_id(prefix, anchor, row)),
                        labels,
                        domain,
                    ),
                    stopped=stopped(row, looks),
                ),
                dataset.networks(row.name),
                unit,
            ),
            metric.sign * dataset.standing(row, metric),
            unit,
        )
        for row in dataset.ordered(metric)
    )


def _with_standing(row: Row, standing: float, unit: Scale) -> Row:
    """``row`` with what it is ranked by, where that is another number than its mean."""
    if not math.isfinite(standing):
        return row
    score = unit.score(standing)
    sort = {**row.sort, "score": f"{standing:.6g}"}
    return replace(row, sort=sort, paired=f"{score} like its control" if score != row.score else "")


def _with_networks(row: Row, networks: Together | None, unit: Scale) -> Row:
    """``row`` with its networks taken as one."""
    score, note = together(networks, unit)
    known = networks is not None and math.isfinite(networks.score)
    sort = {**row.sort, "together": f"{networks.score:.6g}" if networks and known else ""}
    return replace(row, together=score, together_note=note, sort=sort)


def anchors(dataset: DatasetSummary) -> dict[str, str]:
    """Variant → what its deep links end in: made of its name, so that links outlive a change of ranks."""
    anchor: dict[str, str] = {}
    for name in sorted(row.name for row in dataset.shown):
        stem, taken = slug(name), set(anchor.values())
        numbered = (f"{stem}-{n}" for n in range(2, len(taken) + 3))
        anchor[name] = next(one for one in (stem, *numbered) if one not in taken)
    return anchor


def card_id(prefix: str, anchor: Mapping[str, str], row: VariantSummary) -> str:
    """The anchor of a variant's card; empty where it has no curves to show."""
    return f"{prefix}card-{anchor[row.name]}" if any(row.curve(f"val_{metric}") for metric in TITLES) else ""


def _row(
    row: VariantSummary,
    unit: Scale,
    gap: Scale,
    ids: tuple[str, str],
    controls: Mapping[str, str],
    domain: tuple[float, float],
) -> Row:
    comparison = row.comparison
    difference = comparison.difference if comparison else None
    lost = row.failed + row.diverged
    return Row(
        id=ids[0],
        card=ids[1],
        label=row.label,
        is_control=row.control is None,
        rank=str(row.rank) if row.rank else DASH,
        score=unit.score(row.score.mean),
        score_interval=unit.between(row.score.low, row.score.high),
        paired="",
        difference=unit.difference(difference.mean) if difference else DASH,
        difference_interval=unit.from_to(difference.low, difference.high) if difference else "",
        against=controls.get(row.control or "", ""),
        chip=chip(row),
        note=note(comparison) if comparison and row.finished else "",
        stopped="",
        won=f"{comparison.wins}/{len(comparison.seeds)}" if comparison else DASH,
        ties=f"{comparison.ties} tied" if comparison and comparison.ties else "",
        gap=gap.score(row.gap.mean),
        best_epoch=number(row.best_epoch, 0),
        seconds=number(row.seconds, 0 if row.seconds >= 10 else 1),
        together=DASH,
        together_note="",
        lost=f"{lost} of {lost + row.finished}" if lost else "",
        sort=_sort_values(row, lost),
        bar=_bar(difference, comparison.rope, domain) if comparison and difference else None,
    )


def _sort_values(row: VariantSummary, lost: int) -> dict[str, str]:
    """What a click on a header sorts by; empty sorts last in either direction."""
    comparison = row.comparison
    numbers = {
        "rank": row.rank,
        "score": row.score.mean,
        "difference": comparison.difference.mean if comparison else None,
        "verdict": _VERDICT_ORDER.index(chip(row).word),
        "won": comparison.wins / max(len(comparison.seeds), 1) if comparison else None,
        "gap": row.gap.mean,
        "epoch": row.best_epoch,
        "seconds": row.seconds,
        "lost": lost,
    }
    written = {
        key: f"{value:.6g}" if value is not None and math.isfinite(value) else "" for key, value in numbers.items()
    }
    return {"label": printable(row.label).lower()} | written


def _domain(dataset: DatasetSummary) -> tuple[float, float]:
    ends = [0.0]
    for row in dataset.variants:
        if row.comparison:
            interval = row.comparison.difference
            ends += [row.comparison.rope, -row.comparison.rope, interval.low, interval.high, interval.mean]
    ends = [end for end in ends if math.isfinite(end)]
    return min(ends), max(*ends, min(ends) + 1e-9)


def _bar(interval: Interval, rope: float, domain: tuple[float, float]) -> Bar | None:
    if not math.isfinite(interval.mean):
        return None

    def place(value: float) -> float:
        inside = min(max(value, domain[0]), domain[1])
        return round(3 + 94 * (inside - domain[0]) / (domain[1] - domain[0]), 1)

    low, high = (side if math.isfinite(side) else interval.mean for side in (interval.low, interval.high))
    return Bar(place(low), place(high), place(interval.mean), place(0.0), place(-rope), place(rope))
