"""The whole report: one self-contained file, written from records alone; the same records give the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.numbers import Scale, level, number
from regfleet.report import context, exports, overlay, provenance, tokens
from regfleet.report.claims import claims
from regfleet.report.conclusion import Conclusion, Failure, StudyFacts
from regfleet.report.failures import groups
from regfleet.report.figures import FIGURES, OVERVIEW
from regfleet.report.figures.curves import resolution
from regfleet.report.shown import ordered
from regfleet.report.speed import speed
from regfleet.report.svg import inline
from regfleet.report.templates import environment, source
from regfleet.report.words import chip
from regfleet.text import clean

if TYPE_CHECKING:
    from markupsafe import Markup

    from regfleet.results import Place

EMBED_AT_MOST, EMBED_CELLS = 150_000, 100_000
"""Bytes and cells of a table up to which it is embedded; a larger one only lies beside the report."""


def write(place: Place, found: Conclusion, templates: Path | None = None) -> Path | str:
    """Write the report and its tables; returns where the report is: a path, or a URL."""
    files: dict[str, bytes | Iterator[bytes]] = {
        "report.html": render(found, templates).encode(),
        "leaderboard.csv": exports.leaderboard_csv(found.summary).encode(),
        "trials.csv": (block.encode() for block in exports.trials_csv_blocks(found.trials)),
    }
    for name, content in files.items():
        place.write(name, content)
    return place.local / "report.html" if place.local else place.at("report.html")


def render(found: Conclusion, templates: Path | None = None) -> str:
    """The report as one HTML file; a file in the folder ``templates`` stands in for ours of the same name."""
    from markupsafe import Markup

    summary, facts, failures, trials = found.summary, found.facts, found.failures, found.trials

    made = environment(templates)
    script = "\n".join(line.strip() for line in source(made, "report.js").splitlines())
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    several = len(summary.datasets) > 1
    sections = tuple(
        _section(dataset, summary, f"d{index + 1}-" if several else "")
        for index, dataset in enumerate(summary.datasets)
    )
    leaderboard = exports.leaderboard_csv(summary)
    trial_rows = exports.trials_csv(trials) if trials.size <= EMBED_CELLS else ""
    return made.get_template("report.html.j2").render(
        title=title(summary, facts),
        summary=summary,
        level=level(summary.question.alpha),
        variant_count=max((len(dataset.variants) for dataset in summary.datasets), default=0),
        entry=entry(summary, facts, failures),
        settings=summary.question,
        unit=Scale(summary.metric),
        rope=Scale(summary.metric).rope,
        facts=facts,
        status=provenance.status(facts, failures),
        details=tuple(pair for pair in provenance.details(facts.provenance) if pair[1] != clean(facts.command)),
        speed=None if facts.foreign else speed(trials, facts.provenance, summary),
        finished=provenance.day(provenance.finished(facts.provenance)),
        sections=sections,
        several=several,
        looks=context.looks(summary),
        across=context.pairs({plate.name: inline(plate, "") for draw in OVERVIEW for plate in draw(summary)}),
        claims=claims(summary) if facts.article else (),
        failures=groups(failures, summary),
        failure_count=len(failures),
        downloads=(_download("leaderboard.csv", leaderboard), _download("trials.csv", trial_rows)),
        tokens=Markup(tokens.style_sheet()),  # noqa: S704 - our own table of colours
        style=Markup(source(made, "report.css")),  # noqa: S704 - a file of the templates
        script=Markup(script),  # noqa: S704 - a file of the templates
        script_hash=digest,
    )


def title(summary: Summary, facts: StudyFacts) -> str:
    """The report's title: its question. Scores from elsewhere need not be about regularization."""
    what = "technique" if facts.foreign else "regularization"
    names = [dataset.dataset for dataset in summary.datasets]
    return f"Which {what} works best on {clean(names[0]) if len(names) == 1 else f'{len(names)} data sets'}?"


def entry(summary: Summary, facts: StudyFacts, failures: Sequence[Failure]) -> dict[str, Any]:
    """What an index of reports shows of this one; embedded, so that a report alone is enough to publish it."""
    unit = Scale(summary.metric)
    return {
        "title": title(summary, facts),
        "model": facts.model,
        "finished": provenance.finished(facts.provenance),
        "status": provenance.status(facts, failures).word,
        "datasets": [
            {
                "name": dataset.dataset,
                "verdict": next(iter(dataset.headline), ""),
                "metric": unit.metric.title,
                "leaderboard": [
                    {
                        "label": row.label,
                        "rank": row.rank,
                        "score": unit.full(row.score.mean),
                        "difference": unit.difference(row.comparison.difference.mean) if row.comparison else "",
                        "verdict": str(chip(row)),
                    }
                    for _, row in ordered(dataset, higher_is_better=unit.metric.higher_is_better)
                ],
            }
            for dataset in summary.datasets
        ],
    }


def _section(dataset: DatasetSummary, summary: Summary, prefix: str) -> context.Section:
    drawn: dict[str, dict[str, Markup]] = {}
    for drawing in FIGURES:
        for plate in drawing.draw(dataset, summary):
            drawn.setdefault(drawing.section, {})[plate.name] = inline(plate, prefix)
    higher = Scale(summary.metric).metric.higher_is_better
    data = overlay.data(dataset, higher_is_better=higher, points=resolution(summary))
    return context.section(dataset, summary, prefix, drawn, data)


def _download(name: str, text: str) -> dict[str, Any]:
    """A file to embed; ``href`` is empty when it is too large."""
    raw = text.encode()
    small = 0 < len(raw) <= EMBED_AT_MOST
    return {
        "name": name,
        "kilobytes": number(len(raw) / 1000),
        "href": "data:text/csv;charset=utf-8;base64," + base64.b64encode(raw).decode() if small else "",
    }
