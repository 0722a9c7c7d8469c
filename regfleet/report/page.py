"""The whole report: one self-contained file, written from records alone; the same records give the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.records import DatasetSummary, Failure, StudyFacts, Summary
from regfleet.report import context, exports, overlay, provenance, tokens
from regfleet.report.claims import claims
from regfleet.report.failures import groups
from regfleet.report.figures import FIGURES, OVERVIEW
from regfleet.report.figures.curves import resolution
from regfleet.report.shown import ordered
from regfleet.report.speed import speed
from regfleet.report.svg import inline
from regfleet.report.templates import environment, source
from regfleet.report.text import clean, scale
from regfleet.report.words import chip

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

EMBED_AT_MOST, EMBED_CELLS = 150_000, 100_000
"""Bytes and cells of a table up to which it is embedded; a larger one only lies beside the report."""


def render(
    summary: Summary,
    facts: StudyFacts,
    failures: Sequence[Failure],
    trials: pd.DataFrame,
    headlines: Mapping[str, tuple[str, ...]],
    templates: Path | None = None,
) -> str:
    """The report as one HTML file.

    ``headlines`` maps a data set to its sentences, the verdict first; ``trials`` has a row per trial and is embedded as
    CSV; a file in the folder ``templates`` stands in for ours of the same name.
    """
    from markupsafe import Markup

    made = environment(templates)
    script = "\n".join(line.strip() for line in source(made, "report.js").splitlines())
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    several = len(summary.datasets) > 1
    sections = tuple(
        _section(dataset, summary, headlines.get(dataset.dataset, ()), f"d{index + 1}-" if several else "")
        for index, dataset in enumerate(summary.datasets)
    )
    leaderboard = exports.leaderboard_csv(summary)
    trial_rows = exports.trials_csv(trials) if trials.size <= EMBED_CELLS else ""
    return made.get_template("report.html.j2").render(
        title=title(summary, facts),
        summary=summary,
        level=f"{100 * (1 - summary.settings.alpha):g}\u202f%",
        variant_count=max((len(dataset.variants) for dataset in summary.datasets), default=0),
        entry=entry(summary, facts, failures, headlines),
        settings=summary.settings,
        unit=scale(summary.settings),
        rope=rope_text(summary),
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


def fragment(summary: Summary, headlines: Mapping[str, tuple[str, ...]]) -> str:
    """The verdict and the leaderboard as HTML without styles, for a notebook."""
    sections = tuple(
        context.section(dataset, summary, headlines.get(dataset.dataset, ()), "", {}, {})
        for dataset in summary.datasets
    )
    made = environment()
    return made.get_template("fragment.html.j2").render(sections=sections, unit=scale(summary.settings))


def title(summary: Summary, facts: StudyFacts) -> str:
    """The report's title: its question. Scores from elsewhere need not be about regularization."""
    what = "technique" if facts.foreign else "regularization"
    names = [dataset.dataset for dataset in summary.datasets]
    return f"Which {what} works best on {clean(names[0]) if len(names) == 1 else f'{len(names)} data sets'}?"


def entry(
    summary: Summary, facts: StudyFacts, failures: Sequence[Failure], headlines: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """What an index of reports shows of this one; embedded, so that a report alone is enough to publish it."""
    unit = scale(summary.settings)
    return {
        "title": title(summary, facts),
        "model": facts.model,
        "finished": provenance.finished(facts.provenance),
        "status": provenance.status(facts, failures).word,
        "datasets": [
            {
                "name": dataset.dataset,
                "verdict": next(iter(headlines.get(dataset.dataset, ())), ""),
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


def _section(dataset: DatasetSummary, summary: Summary, headline: tuple[str, ...], prefix: str) -> context.Section:
    drawn: dict[str, dict[str, Markup]] = {}
    for drawing in FIGURES:
        for plate in drawing.draw(dataset, summary):
            drawn.setdefault(drawing.section, {})[plate.name] = inline(plate, prefix)
    higher = scale(summary.settings).metric.higher_is_better
    data = overlay.data(dataset, higher_is_better=higher, points=resolution(summary))
    return context.section(dataset, summary, headline, prefix, drawn, data)


def rope_text(summary: Summary) -> str:
    """The zone too small to matter: ``±1.0 points``, ``±1 % of the control's mean``."""
    unit = scale(summary.settings)
    if unit.metric.relative_rope and summary.settings.rope is None:
        return f"±{100 * summary.rope:g}\u202f% of the control's mean"
    return f"±{unit.amount(summary.rope)}"


def _download(name: str, text: str) -> dict[str, Any]:
    """A file to embed; ``href`` is empty when it is too large."""
    raw = text.encode()
    small = 0 < len(raw) <= EMBED_AT_MOST
    return {
        "name": name,
        "kilobytes": f"{len(raw) / 1000:,.1f}",
        "href": "data:text/csv;charset=utf-8;base64," + base64.b64encode(raw).decode() if small else "",
    }
