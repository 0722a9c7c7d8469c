"""What the templates see: the records of the analysis with every number already written out.

`templates/README.md` lists the context for people who write templates of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.records import DatasetSummary, Interval, Summary, VariantSummary
from regfleet.report.figures.curves import METRICS, caption, card_name, training_mode_differs
from regfleet.report.shown import chosen, controls, curve, ordered, shown
from regfleet.report.templates import sentence
from regfleet.report.text import DASH, Scale, capital, clean, number, scale, slug
from regfleet.report.words import Chip, chip, gap_sentence

if TYPE_CHECKING:
    from markupsafe import Markup

FILTER_FROM = 15
CURVE_TITLES = {"accuracy": "Accuracy", "cross_entropy": "Loss", "mse": "MSE"}
_VERDICT_ORDER = ("Better", "Equivalent", "Undecided", "Control", "Worse", "Failed")


@dataclass(frozen=True, slots=True)
class Figure:
    """One place for a figure in the page: ``narrow`` is its form for phones."""

    wide: Markup
    narrow: Markup


@dataclass(frozen=True, slots=True)
class Card:
    """A variant's card among the curves; ``figures`` by metric."""

    id: str
    label: str
    chip: Chip
    caption: str
    figures: Mapping[str, Markup]
    training_mode: bool


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
    """A variant in the leaderboard, written out. ``sort`` is what each of its columns sorts by."""

    id: str
    card: str
    label: str
    is_control: bool
    rank: str
    score: str
    score_interval: str
    difference: str
    difference_interval: str
    against: str
    chip: Chip
    note: str
    won: str
    ties: str
    gap: str
    best_epoch: str
    seconds: str
    lost: str
    sort: Mapping[str, str]
    bar: Bar | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A key number under the verdict."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Section:
    """All that is shown of one data set. ``prefix`` goes before its anchors when there are several data sets."""

    name: str
    prefix: str
    sizes: str
    verdict: Markup
    points: tuple[str, ...]
    warnings: tuple[str, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    main_control: str
    several_controls: bool
    comparisons: int
    figures: Mapping[str, tuple[Figure, ...]]
    cards: tuple[Card, ...]
    metrics: Mapping[str, str]
    tuned: tuple[str, ...]
    filter: bool
    overlay: Mapping[str, object]


def rows(dataset: DatasetSummary, summary: Summary, prefix: str) -> tuple[Row, ...]:
    """The leaderboard's rows in order."""
    unit = scale(summary.settings)
    labels = {row.name: row.label for row in dataset.variants}
    several, domain, anchor = len(controls(dataset)) > 1, _domain(dataset), anchors(dataset)
    return tuple(
        _row(
            row,
            unit,
            (f"{prefix}row-{anchor[row.name]}", card_id(prefix, anchor, row)),
            labels if several else {},
            domain,
        )
        for _, row in ordered(dataset, higher_is_better=unit.metric.higher_is_better)
    )


def anchors(dataset: DatasetSummary) -> dict[str, str]:
    """Variant → what its deep links end in: made of its name, so that links outlive a change of ranks."""
    found: dict[str, str] = {}
    for name in sorted(row.name for row in shown(dataset)):
        stem = slug(name)
        taken = set(found.values())
        found[name] = next(
            one for one in (stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))) if one not in taken
        )
    return found


def card_id(prefix: str, anchor: Mapping[str, str], row: VariantSummary) -> str:
    """The anchor of a variant's card; empty where it has no curves to show."""
    return f"{prefix}card-{anchor[row.name]}" if any(curve(row, f"val_{metric}") for metric in METRICS) else ""


def _row(
    row: VariantSummary, unit: Scale, ids: tuple[str, str], controls: Mapping[str, str], domain: tuple[float, float]
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
        difference=unit.difference(difference.mean) if difference else DASH,
        difference_interval=unit.from_to(difference.low, difference.high) if difference else "",
        against=controls.get(row.control or "", ""),
        chip=chip(row),
        note=comparison.note if comparison and row.finished else "",
        won=f"{comparison.wins}/{len(comparison.seeds)}" if comparison else DASH,
        ties=f"{comparison.ties} tied" if comparison and comparison.ties else "",
        gap=number(100 * row.gap.mean),
        best_epoch=number(row.best_epoch, 0),
        seconds=number(row.seconds, 0 if row.seconds >= 10 else 1),
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
    return {"label": clean(row.label).lower()} | written


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


def facts(dataset: DatasetSummary, summary: Summary) -> tuple[Fact, ...]:
    """The four key numbers: the chosen variant's score, its control's, the difference, how fine this study can see."""
    unit = scale(summary.settings)
    best = chosen(dataset, higher_is_better=unit.metric.higher_is_better)
    if best is None:
        return ()
    word = "" if best.rank != 1 else "highest " if unit.metric.higher_is_better else "lowest "
    found = [Fact(capital(f"{word}test {unit.metric.title}"), unit.full(best.score.mean), best.label)]
    control = next((row for row in dataset.variants if row.name == best.control), None)
    if control and best.comparison:
        interval = best.comparison.difference
        text = f"{unit.difference(interval.mean)} {unit.points}".rstrip()
        found.append(Fact("Its control", unit.full(control.score.mean), control.label))
        found.append(Fact("Difference", text, unit.from_to(interval.low, interval.high)))
    if dataset.floor > 0:
        value = f"±{number(unit.factor * dataset.floor, unit.decimals)} {unit.points}".rstrip()
        found.append(Fact("Finest this study can see", value, "with any number of seeds"))
    return tuple(found)


def section(
    dataset: DatasetSummary,
    summary: Summary,
    headline: tuple[str, ...],
    prefix: str,
    drawn: Mapping[str, Mapping[str, Markup]],
    overlay: Mapping[str, object],
) -> Section:
    """All that is shown of ``dataset``; ``drawn`` holds its figures by section and plate name."""
    unit = scale(summary.settings)
    order = ordered(dataset, higher_is_better=unit.metric.higher_is_better)
    verdict, *points = headline or ("No trial finished, so there is nothing to compare.",)
    told = gap_sentence(dataset, chosen(dataset, higher_is_better=unit.metric.higher_is_better))
    plates, anchor = drawn.get("curves", {}), anchors(dataset)
    cards = tuple(
        Card(
            id=card_id(prefix, anchor, row),
            label=row.label,
            chip=chip(row),
            caption=caption(row, unit),
            figures={m: plates[card_name(place, m)] for m in METRICS if card_name(place, m) in plates},
            training_mode=training_mode_differs(row),
        )
        for place, row in order
        if card_id(prefix, anchor, row)
    )
    against = controls(dataset)
    return Section(
        name=dataset.dataset,
        prefix=prefix,
        sizes=_sizes(dataset),
        verdict=sentence(verdict, *sorted((row.label for _, row in order), key=len, reverse=True)),
        points=tuple([*points, told] if told else points),
        warnings=dataset.warnings,
        facts=facts(dataset, summary),
        rows=rows(dataset, summary, prefix),
        main_control=next((row.label for row in dataset.variants if row.name in against[:1]), ""),
        several_controls=len(against) > 1,
        comparisons=dataset.comparisons,
        figures={name: pairs(found) for name, found in drawn.items() if name != "curves"},
        cards=cards,
        metrics={m: title for m, title in CURVE_TITLES.items() if any(m in card.figures for card in cards)},
        tuned=tuple(_tuned(family.tuned, unit) for family in dataset.families if family.tuned.finished),
        filter=len(order) >= FILTER_FROM,
        overlay=overlay,
    )


def _sizes(dataset: DatasetSummary) -> str:
    sizes = {"training": dataset.n_train, "validation": dataset.n_val, "test": dataset.n_test}
    return ", ".join(f"{rows:,} {name}" for name, rows in sizes.items() if rows)


def _tuned(row: VariantSummary, unit: Scale) -> str:
    """What honest tuning of a sweep gives."""
    text = f"{row.label}: {unit.full(row.score.mean)}"
    if row.comparison:
        interval = row.comparison.difference
        text += f", {unit.difference(interval.mean)} {unit.points}".rstrip()
        reach = unit.from_to(interval.low, interval.high)
        text += f" against its control ({reach})" if reach else " against its control"
        text += f", {chip(row).word.lower()}"
    return f"{text}."


def pairs(plates: Mapping[str, Markup]) -> tuple[Figure, ...]:
    """Plates named ``…-760`` and ``…-350`` belong together."""
    found: dict[str, dict[str, Markup]] = {}
    for name, markup in plates.items():
        stem, _, width = name.rpartition("-")
        found.setdefault(stem, {})[width] = markup
    return tuple(Figure(pair["760"], pair["350"]) for pair in found.values())
