"""What the templates see: the records of the analysis with every number already written out.

`templates/README.md` lists the context for people who write templates of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.analysis.intervals import MINIMUM_PAIRS
from regfleet.analysis.judging import BRIER
from regfleet.analysis.overall import overall
from regfleet.analysis.summary import AtEpochs, Check, DatasetSummary, Look, Summary
from regfleet.analysis.variant import Companion, Interval, Rule, VariantSummary
from regfleet.checks import CHECKS
from regfleet.metrics import METRICS as KNOWN
from regfleet.metrics import Metric, error_of
from regfleet.numbers import Scale, gap_scale
from regfleet.report.choosing import Bets, bets
from regfleet.report.combinations import Combinations, Steps, combinations, steps
from regfleet.report.figures.cards import TITLES, caption, card_name, metrics_of, training_mode_differs
from regfleet.report.further import further
from regfleet.report.heat import heat
from regfleet.report.helps_more import Columns, Curve, columns, curve
from regfleet.report.leaderboard import Row, anchors, card_id, rows
from regfleet.report.pasted import Pasted
from regfleet.report.predicted import Mistakes, mistakes, networks
from regfleet.report.references import Shown, shown
from regfleet.report.templates import environment, sentence
from regfleet.report.tuning import Tunings, tunings
from regfleet.report.verdicts import VERDICTS, Chip, chip, gap_sentence
from regfleet.text import capital

if TYPE_CHECKING:
    from markupsafe import Markup

FILTER_FROM = 15


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
class Fact:
    """A key number under the verdict."""

    title: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Both:
    """The difference of a variant from its control by the weights of either epoch, with its verdict."""

    label: str
    last: str
    last_chip: Chip
    best: str
    best_chip: Chip


@dataclass(frozen=True, slots=True)
class Notice:
    """What a check has to say. ``label`` is its code and title, ``looks`` and ``advice`` are its documentation.

    ``command`` is what to run next, ``both`` has two verdicts where the control overfits.
    """

    label: str
    sentence: str
    looks: str
    advice: str
    anchor: str
    silenced: bool
    command: str
    both: tuple[Both, ...]


@dataclass(frozen=True, slots=True)
class Probabilities:
    """How good a variant's probabilities are beside its control's, by Brier score."""

    label: str
    difference: str
    interval: str
    chip: Chip


@dataclass(frozen=True, slots=True)
class Section:
    """All that is shown of one data set. ``prefix`` goes before its anchors when there are several data sets.

    ``references`` are shown apart from ``rows``.
    ``gap`` is how its gap is written, ``error`` the title of what picks the best epoch.
    ``mistakes``: what the networks get wrong, where that was kept; ``together``: how many are taken as one.
    ``tuning``: what was chosen, where settings were tuned.
    ``plain`` has the verdicts in plain words, ``bets`` what to choose now; ``looks`` counts the planned looks of a
    study that adds seeds, else 0. ``further`` says of sweeps that are best at an end, each with the command that goes
    on there.
    ``judged`` says by which of the ``rules`` the verdicts were made; ``companions`` compare probabilities, and
    ``companions_said`` counts what they say. ``combined``: what techniques do in combination, and
    ``stepwise``: how they were added one by one, where that was asked; so ``rows_curve``, the variants on fewer rows,
    and ``columns``, the control without each.
    """

    name: str
    prefix: str
    sizes: str
    gap: Scale
    error: str
    verdict: Markup
    points: tuple[str, ...]
    warnings: tuple[str, ...]
    checks: tuple[Notice, ...]
    facts: tuple[Fact, ...]
    rows: tuple[Row, ...]
    references: Shown | None
    main_control: str
    several_controls: bool
    comparisons: int
    judged: str
    rules: frozenset[Rule]
    companions: tuple[Probabilities, ...]
    companions_said: str
    looks: int
    plain: tuple[Markup, ...]
    bets: Bets | None
    figures: Mapping[str, tuple[Figure, ...]]
    cards: tuple[Card, ...]
    metrics: Mapping[str, str]
    tuned: tuple[str, ...]
    further: tuple[tuple[str, str], ...]
    mistakes: Mistakes | None
    together: str
    filter: bool
    overlay: Mapping[str, object]
    tuning: Tunings | None
    combined: Combinations | None
    stepwise: Steps | None
    rows_curve: Curve | None
    columns: Columns | None
    code: tuple[Pasted, ...] = ()


def facts(dataset: DatasetSummary, metric: Metric) -> tuple[Fact, ...]:
    """The four key numbers: the best variant's score, its control's, the difference, how fine this study can see."""
    unit, best = Scale(metric), dataset.best(metric)
    if best is None:
        return ()
    means = [metric.sign * row.score.mean for row in dataset.variants if math.isfinite(row.score.mean)]
    top = best.rank == 1 and metric.sign * best.score.mean >= max(means, default=math.inf)
    word = "" if not top else "highest " if metric.higher_is_better else "lowest "
    numbers = [Fact(capital(f"{word}test {metric.title}"), unit.full(best.score.mean), best.label)]
    control = dataset.variant(best.control)
    if control and best.comparison:
        interval = best.comparison.difference
        numbers.append(Fact("Its control", unit.full(control.score.mean), control.label))
        numbers.append(Fact("Difference", unit.change(interval.mean), unit.from_to(interval.low, interval.high)))
        if best.comparison.floor > 0 and len(best.comparison.seeds) >= MINIMUM_PAIRS:
            finest = f"±{unit.amount(best.comparison.floor)}"
            note = "of this variant, with any number of seeds"
            numbers.append(Fact("Finest this study can see", finest, note))
    return tuple(numbers)


def section(
    dataset: DatasetSummary,
    summary: Summary,
    prefix: str,
    drawn: Mapping[str, Mapping[str, Markup]],
    overlay: Mapping[str, object],
    classes: Sequence[str] = (),
    command: str = "",
) -> Section:
    """All that is shown of ``dataset``; ``drawn`` holds its figures by section and plate name.

    ``command`` is the study's own, for what goes on from it.
    """
    unit, gap, metrics = Scale(summary.metric), gap_scale(dataset.task), metrics_of(dataset)
    order, places = dataset.ordered(summary.metric), {row.name: place for place, row in enumerate(dataset.shown)}
    verdict, *points = dataset.headline or ("No trial finished, so there is nothing to compare.",)
    memory = gap_sentence(dataset, dataset.best(summary.metric))
    plates, anchor = drawn.get("curves", {}), anchors(dataset)
    cards = tuple(
        Card(
            id=card_id(prefix, anchor, row),
            label=row.label,
            chip=chip(row),
            caption=caption(row, unit, gap),
            figures={m: plates[name] for m in metrics if (name := card_name(places[row.name], m)) in plates},
            training_mode=training_mode_differs(row),
        )
        for row in order
        if card_id(prefix, anchor, row)
    )
    companions = tuple(
        _probabilities(row, row.comparison.companion) for row in order if row.comparison and row.comparison.companion
    )
    words = [one.chip.word.lower() for one in companions]
    wrong = mistakes(dataset, summary.metric, drawn.get("mistakes", {}), classes)
    points = [*points, *([memory] if memory else []), *([wrong.verdict] if wrong and wrong.telling else [])]
    return Section(
        name=dataset.dataset,
        prefix=prefix,
        sizes=_sizes(dataset),
        gap=gap,
        error=KNOWN[error_of(dataset.task)].title,
        verdict=sentence(verdict, *sorted((row.label for row in order), key=len, reverse=True)),
        points=tuple(points),
        warnings=dataset.warnings,
        checks=tuple(_notice(check, dataset, unit) for check in dataset.checks),
        facts=facts(dataset, summary.metric),
        rows=rows(dataset, summary.metric, prefix, summary.looks_of(dataset.dataset)),
        references=shown(dataset, unit),
        main_control=dataset.labels.get(next(iter(dataset.controls), ""), ""),
        several_controls=len(dataset.controls) > 1,
        comparisons=dataset.comparisons,
        judged=dataset.judged,
        rules=frozenset(row.comparison.rule for row in order if row.comparison and row.comparison.seeds),
        companions=companions,
        companions_said=", ".join(
            f"{words.count(word)} {word}" for word in ("better", "equivalent", "undecided", "worse") if word in words
        ),
        looks=summary.looks_at(dataset.dataset),
        plain=tuple(sentence(one.sentence, *(one.labels if len(one.labels) == 1 else ())) for one in dataset.plain),
        bets=bets(dataset, summary.metric),
        figures={name: pairs(plates) for name, plates in drawn.items() if name not in {"curves", "mistakes"}},
        cards=cards,
        metrics={m: TITLES[m] for m in metrics if any(m in card.figures for card in cards)},
        tuned=tuple(_tuned(family.tuned, unit) for family in dataset.families if family.tuned.finished),
        further=tuple(one for family in dataset.families if (one := further(dataset, family, command))[0]),
        mistakes=wrong,
        together=networks(dataset.predicted),
        filter=len(order) >= FILTER_FROM,
        overlay=overlay,
        tuning=tunings(dataset),
        combined=combinations(dataset, summary.metric),
        stepwise=steps(dataset, summary.metric),
        rows_curve=curve(dataset, summary.metric),
        columns=columns(dataset, summary.metric),
    )


def _probabilities(row: VariantSummary, companion: Companion) -> Probabilities:
    unit, of = Scale(BRIER), companion.difference
    chip = VERDICTS[companion.verdict]
    return Probabilities(row.label, unit.difference(of.mean), unit.from_to(of.low, of.high), chip)


def _notice(check: Check, dataset: DatasetSummary, unit: Scale) -> Notice:
    kind = CHECKS[check.code]
    label = f"{check.code} {check.title}"
    looks, advice = (text.replace("`", "") for text in (kind.looks, kind.advice))
    both = tuple(_both(one, unit) for one in dataset.at_epochs) if check.code == "R107" else ()
    return Notice(label, check.sentence, looks, advice, kind.anchor, check.silenced, check.command, both)


def _both(one: AtEpochs, unit: Scale) -> Both:
    last, best = (_reach(of, unit) for of in (one.last, one.best))
    return Both(one.label, last, VERDICTS[one.last_verdict], best, VERDICTS[one.best_verdict])


def _reach(of: Interval, unit: Scale) -> str:
    reach = unit.from_to(of.low, of.high)
    return f"{unit.difference(of.mean)} ({reach})" if reach else unit.difference(of.mean)


def fragment(summary: Summary) -> str:
    """The verdict and the leaderboards as HTML without styles, for a notebook."""
    sections, whole = tuple(section(dataset, summary, "", {}, {}) for dataset in summary.datasets), overall(summary)
    over = heat(summary, whole, [""] * len(sections)) if whole else None
    template = environment().get_template("fragment.html.j2")
    return template.render(sections=sections, unit=Scale(summary.metric), overall=whole, heat=over)


def looks(summary: Summary) -> tuple[Look, ...]:
    """The looks of a study that adds seeds, with the labels of variants and sweeps in place of their names."""
    labels = {data.dataset: data.labels for data in summary.datasets}

    def labelled(look: Look, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(labels.get(look.dataset, {}).get(name, name) for name in names)

    return tuple(
        replace(
            look,
            settled=labelled(look, look.settled),
            undecided=labelled(look, look.undecided),
            hopeless=labelled(look, look.hopeless),
        )
        for look in summary.looks
    )


def _sizes(dataset: DatasetSummary) -> str:
    sizes = {"training": dataset.n_train, "validation": dataset.n_val, "test": dataset.n_test}
    return ", ".join(f"{rows:,} {name}" for name, rows in sizes.items() if rows)


def _tuned(row: VariantSummary, unit: Scale) -> str:
    """What honest tuning of a sweep gives."""
    text = f"{row.label}: {unit.full(row.score.mean)}"
    if row.comparison:
        interval = row.comparison.difference
        text += f", {unit.change(interval.mean)}"
        reach = unit.from_to(interval.low, interval.high)
        text += f" against its control ({reach})" if reach else " against its control"
        text += f", {chip(row).word.lower()}"
    return f"{text}."


def pairs(plates: Mapping[str, Markup]) -> tuple[Figure, ...]:
    """Plates named ``…-760`` and ``…-350`` belong together."""
    widths: dict[str, dict[str, Markup]] = {}
    for name, markup in plates.items():
        stem, _, width = name.rpartition("-")
        widths.setdefault(stem, {})[width] = markup
    return tuple(Figure(pair["760"], pair["350"]) for pair in widths.values())
