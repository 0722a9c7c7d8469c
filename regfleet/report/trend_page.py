"""The page of a study over time: its runs, what changed between them, each variant's score in each, and all as CSV."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.metrics import Metric
from regfleet.numbers import Scale, count
from regfleet.report import exports
from regfleet.report.background import MONTHS
from regfleet.report.figures.over_time import Line, Point, Times, described, over_time
from regfleet.report.svg import inline
from regfleet.report.templates import assets, environment
from regfleet.report.trend import Change, Kind, Over, Run, Score, changes
from regfleet.report.verdicts import CONTROL, VERDICTS, Chip
from regfleet.scorers import known_metric
from regfleet.text import listed

if TYPE_CHECKING:
    from markupsafe import Markup

TITLES: Mapping[Kind, str] = {"versions": "versions or machine", "data": "data", "settings": "settings or variants"}
"""Of the kinds of changes; a figure has the first letter of each."""
MOST_FIGURES, MOST_EACH, MOST_ROWS = 36, 12, 30
"""Figures of a page, of a data set, and runs of a table: the latest; the CSV file has them all."""


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as the page lists it; ``href`` is empty where its report was replaced, ``letters`` are in the figures."""

    day: str
    moment: str
    name: str
    href: str
    status: str
    commit: str
    letters: str
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """A variant in a run, written out; empty where it was not in it."""

    day: str
    href: str
    score: str
    interval: str
    difference: str
    difference_interval: str
    chip: Chip | None


@dataclass(frozen=True, slots=True)
class Card:
    """A variant over the runs: in the ``latest``, in the one ``before``, in ``rows`` of the last; maybe a figure."""

    label: str
    latest: Cells
    before: Cells
    rows: tuple[Cells, ...]
    figure: Markup | None


@dataclass(frozen=True, slots=True)
class Section:
    """A data set over the runs."""

    name: str
    cards: tuple[Card, ...]


def page(study: str, runs: Sequence[Run], templates: Path | None) -> str:
    """The page of a study, of whose ``runs`` there are two or more, the oldest first."""
    made = environment(templates)
    unit = _scale(runs[-1].metric)
    changed = changes(runs)
    shown = tuple(_shown(runs, changed))
    names = tuple(dict.fromkeys(name for run in reversed(runs) for name in run.datasets))
    each = max(2, min(MOST_EACH, MOST_FIGURES // len(names)))
    return made.get_template("trend.html.j2").render(
        study=study,
        title=names[0] if len(names) == 1 else f"{len(names)} data sets",
        runs=shown[::-1],
        unit=unit,
        better=_better(runs[-1]),
        techniques=_techniques(runs[-1]),
        marks=[(title[0].upper(), title) for kind, title in TITLES.items() if _has(changed, kind)],
        overall=_overall(runs) if len(names) > 1 else [],
        sections=[_section(name, f"d{place}-", runs, shown, unit, each) for place, name in enumerate(names)],
        most_rows=MOST_ROWS,
        **assets(made, "site.js", "report.css", "site.css"),
    )


def _overall(runs: Sequence[Run]) -> list[tuple[Over, Over | None]]:
    """The variants over all data sets in the latest run, each with itself in the run before."""
    before = {one.label: one for one in runs[-2].overall}
    return [(one, before.get(one.label)) for one in runs[-1].overall]


def _techniques(run: Run) -> str:
    """What is compared in a run; of many the first."""
    labels = list(dict.fromkeys(score.label for score in run.scores if score.control))
    return "; ".join(labels[:6]) + (f" and {len(labels) - 6} more" if len(labels) > 6 else "")


def _has(changed: Sequence[Sequence[Change]], kind: Kind) -> bool:
    return any(change.kind == kind for one in changed for change in one)


def _better(run: Run) -> str:
    """Whether higher or lower scores are better; empty where nothing says so."""
    known = known_metric(run.metric)
    asked = run.settings.get("higher_is_better", "")
    higher = known.higher_is_better if known else None
    return {"true": "higher", "false": "lower"}.get(asked or str(higher).lower(), "")


def _scale(metric: str) -> Scale:
    """How scores are written; of a metric that is not known here, as they are."""
    return Scale(known_metric(metric) or Metric(metric, metric.replace("_", " "), True, 0.0, decimals=4))


def _shown(runs: Sequence[Run], changed: Sequence[Sequence[Change]]) -> Iterator[ShownRun]:
    many = Counter(_day(run.finished) for run in runs)
    for run, found in zip(runs, changed, strict=True):
        day = _day(run.finished)
        yield ShownRun(
            f"{day}, {run.finished[11:16]}" if day and many[day] > 1 else day or run.name,
            run.finished,
            run.name,
            f"../{run.folder}/report.html" if run.folder else "",
            run.status,
            run.commit,
            "".join(title[0].upper() for kind, title in TITLES.items() if _has([found], kind)),
            tuple((TITLES[one.kind][0].upper(), one.text) for one in found),
        )


def _day(moment: str) -> str:
    """``28 Nov 2026``; empty where it is not known."""
    if not moment:
        return ""
    date = datetime.fromisoformat(moment)
    return f"{date.day} {MONTHS[date.month - 1][:3]} {date.year}"


def _section(name: str, prefix: str, runs: Sequence[Run], shown: Sequence[ShownRun], unit: Scale, each: int) -> Section:
    """The variants of the last run in their order there, then those that were only in earlier ones."""
    tables = [{one.variant: one for one in run.scores if one.dataset == name} for run in runs]
    labels = {variant: one.label for table in tables for variant, one in table.items()}
    order = list(dict.fromkeys(variant for table in reversed(tables) for variant in table))
    drawn = {variant for variant in order if any(variant in table and _finite(table[variant].mean) for table in tables)}
    cards: list[Card] = []
    for variant in order:
        scores = [table.get(variant) for table in tables]
        cells = [_cells(score, run, unit) for score, run in zip(scores, shown, strict=True)]
        figure = None
        if variant in drawn and sum(card.figure is not None for card in cards) < each:
            figure = _figure(f"{prefix}{len(cards)}", labels[variant], scores, tables, shown, unit)
        cards.append(Card(labels[variant], cells[-1], cells[-2], tuple(cells[::-1][:MOST_ROWS]), figure))
    return Section(name, tuple(cards))


def _figure(
    prefix: str,
    label: str,
    scores: Sequence[Score | None],
    tables: Sequence[Mapping[str, Score]],
    shown: Sequence[ShownRun],
    unit: Scale,
) -> Markup:
    points = [
        Point(_value(one.mean), _value(one.low), _value(one.high), one.verdict)
        if one
        else Point(math.nan, math.nan, math.nan, "")
        for one in scores
    ]
    controls = [table.get(score.control) if score else None for score, table in zip(scores, tables, strict=True)]
    means = [_value(one.mean) if one else math.nan for one in controls]
    days = [run.day for run in shown]
    line = Line(label, points, means if any(map(math.isfinite, means)) else ())
    words = "; ".join(described(days, points, unit))
    plate = over_time("over-time", line, Times(days, [run.letters for run in shown]), unit, words)
    return inline(plate, prefix)


def _value(number: float | None) -> float:
    return math.nan if number is None else number


def _finite(number: float | None) -> bool:
    return math.isfinite(_value(number))


def _cells(score: Score | None, run: ShownRun, unit: Scale) -> Cells:
    if score is None:
        return Cells(run.day, run.href, "", "", "", "", None)
    return Cells(
        run.day,
        run.href,
        unit.full(_value(score.mean)),
        unit.between(_value(score.low), _value(score.high)),
        unit.difference(_value(score.difference)) if score.control else "",
        unit.from_to(_value(score.difference_low), _value(score.difference_high)) if score.control else "",
        _chip(score.verdict),
    )


def _chip(verdict: str) -> Chip:
    """The chip of a verdict as the leaderboard file has it."""
    known = next((chip for word, chip in VERDICTS.items() if word == verdict), None)
    if known:
        return known
    return CONTROL if verdict == "control" else Chip("!", verdict.capitalize(), "warn")


def table(runs: Sequence[Run]) -> bytes:
    """All scores of all runs, the oldest first, as CSV in full precision."""
    rows: list[dict[str, exports.Cell]] = [
        {
            "finished": run.finished,
            "run": run.name,
            "report": f"{run.folder}/report.html" if run.folder else "",
            "changed": "; ".join(change.text for change in found),
            "metric": run.metric,
            **score._asdict(),
        }
        for run, found in zip(runs, changes(runs), strict=True)
        for score in run.scores
    ]
    return exports.rows_csv(rows).encode()


def since(runs: Sequence[Run], run: Run) -> str:
    """What changed for one of ``runs``, in a sentence; empty for nothing, and for the first."""
    place = runs.index(run)
    found = [change.text for change in changes(runs[max(place - 1, 0) : place + 1])[-1]]
    return f"Changed since the run before: {listed(found)}." if found else ""


def between(runs: Sequence[Run]) -> str:
    """How many runs there are, and of what time."""
    days = [day for day in (_day(runs[0].finished), _day(runs[-1].finished)) if day]
    return count(len(runs), "run") + (f", {days[0]} to {days[-1]}" if len(days) == 2 and days[0] != days[1] else "")
