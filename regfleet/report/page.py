"""The whole report: one self-contained file, written from a Conclusion alone; the same one gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.analysis.overall import WORDS, Overall, overall
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.errors import InputError
from regfleet.numbers import Scale, level, number
from regfleet.paths import EFFECTS, REPORT, ROWS, SUMS, digest, is_ours, read_sums, sums_text
from regfleet.report import background, combinations, context, exports, overlay
from regfleet.report.conclusion import Conclusion, StudyFacts
from regfleet.report.detail import Detail, detail_of
from regfleet.report.figures import FIGURES, OVERVIEW
from regfleet.report.figures.cards import curves, metrics_of, resolution
from regfleet.report.heat import heat
from regfleet.report.publish import is_report
from regfleet.report.svg import inline
from regfleet.report.templates import assets, default_folder, environment
from regfleet.report.verdicts import VERDICTS, chip
from regfleet.text import printable

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

    from regfleet.results import Place

EMBED_AT_MOST, EMBED_CELLS = 150_000, 100_000
"""Bytes and cells of a table up to which it is embedded; a larger one only lies beside the report."""


def write(place: Place, conclusion: Conclusion, templates: Path | None = None) -> Path | str:
    """Write the report and its tables, and list them; returns where the report is: a path, or a URL."""
    if not conclusion.contents:
        conclusion = replace(conclusion, contents=kept_contents(place))
    tables = _tables(conclusion)
    blocks: Iterable[str] = [tables["trials.csv"]] if tables["trials.csv"] else exports.trials_blocks(conclusion.trials)
    texts = {
        "report.html": [_page(conclusion, tables, templates)],
        "leaderboard.csv": [tables["leaderboard.csv"]],
        "trials.csv": blocks,
    }
    if any(dataset.predicted for dataset in conclusion.summary.datasets):
        texts[ROWS] = [tables[ROWS]] if tables[ROWS] else _rows(conclusion)
    if EFFECTS in tables:
        texts[EFFECTS] = [tables[EFFECTS]]
    refuse_foreign(place)
    # Figures may be listed too. And whoever is killed on the way finds the page to be ours, whatever its templates.
    sums = _listed(place)
    page = {digest(text.encode()) for text in texts["report.html"]}
    place.write(SUMS, sums_text(sums | {"report.html": sums.get("report.html", set()) | page}).encode())
    for name, text in texts.items():
        checksum = hashlib.sha256()
        place.write(name, _hashed(text, checksum.update))
        sums[name] = {checksum.hexdigest()}
    place.write(SUMS, sums_text(sums).encode())
    return place.local / "report.html" if place.local else place.at("report.html")


def get_ready() -> None:
    """Import what `write` draws with, and compile the templates: the first report pays for it otherwise."""
    import matplotlib.figure  # noqa: F401
    from matplotlib.backends import backend_svg  # noqa: F401

    made = environment()
    for file in sorted(default_folder().glob("_*.j2")):
        made.get_template(file.name)


def refuse_foreign(place: Place) -> None:
    """Raise InputError where a report or a table lies in a directory that regfleet did not write."""
    sums = _listed(place)
    for name in REPORT if place.local else ():
        path = Path(place.at(name))
        if not (exports.is_ours(_beginning(path)) or is_ours(path, sums, name, is_report)):
            raise InputError(f"{path}: expected what regfleet wrote; got another file. Move it to another place")


def _beginning(path: Path) -> bytes:
    """The first bytes of a file of any length; none where it cannot be read."""
    try:
        with files.opened(path, sys.maxsize, follow=False) as file:
            return file.read(1000)
    except OSError:
        return b""


def _listed(place: Place) -> dict[str, set[str]]:
    """The list of a place; empty where there is none of ours."""
    try:
        return read_sums(place.read(SUMS).decode("utf-8", errors="replace"))
    except OSError:
        return {}


def _hashed(texts: Iterable[str], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for text in texts:
        content = text.encode()
        update(content)
        yield content


def render(conclusion: Conclusion, templates: Path | None = None) -> str:
    """The report as one HTML file; a file in the folder ``templates`` stands in for ours of the same name."""
    return _page(conclusion, _tables(conclusion), templates)


def _tables(conclusion: Conclusion) -> dict[str, str]:
    """What can be downloaded from the page; trials are empty where there are too many to embed."""
    small = conclusion.trials.size <= EMBED_CELLS
    tables = {
        "leaderboard.csv": exports.leaderboard_csv(conclusion.summary),
        "trials.csv": "".join(exports.trials_blocks(conclusion.trials)) if small else "",
    }
    predicted = [one.predicted for one in conclusion.summary.datasets if one.predicted]
    if predicted:
        few = sum(one.rows * (6 + len(one.variants)) for one in predicted) <= EMBED_CELLS // 10
        tables[ROWS] = "".join(_rows(conclusion)) if few else ""
    if any(dataset.combined for dataset in conclusion.summary.datasets):
        tables[EFFECTS] = combinations.effects_csv(conclusion.summary)
    return tables


def kept_contents(place: Place, *, predicted: bool = False) -> dict[str, pd.DataFrame]:
    """What the rows hold, from the table that was written when the data was at hand; empty where there is none.

    ``predicted``: and last what is true of them, as `exports.kept_cells` has it.
    """
    try:
        content = place.read(ROWS)
    except OSError:
        return {}
    return exports.kept_cells(content, predicted=predicted) if digest(content) in _listed(place).get(ROWS, ()) else {}


def _rows(conclusion: Conclusion) -> Iterator[str]:
    """The table of the rows that were tested."""
    data = conclusion.facts.provenance.data
    return exports.rows_blocks(
        conclusion.summary, {name: facts.classes for name, facts in data.items()}, conclusion.contents
    )


def _page(conclusion: Conclusion, tables: Mapping[str, str], templates: Path | None) -> str:
    summary, facts, failures = conclusion.summary, conclusion.facts, conclusion.failures
    made, several = environment(templates), len(summary.datasets) > 1
    whole, detail = overall(summary), detail_of(summary)
    prefixes = tuple(f"d{place}-" if several else "" for place in range(1, len(summary.datasets) + 1))
    details = background.details(facts.provenance.table())
    return made.get_template("report.html.j2").render(
        title=_title(summary, facts),
        summary=summary,
        level=level(summary.question.alpha),
        variant_count=max((len(dataset.variants) for dataset in summary.datasets), default=0),
        entry=_entry(conclusion, whole),
        settings=summary.question,
        unit=Scale(summary.metric),
        rope=Scale(summary.metric).rope,
        facts=facts,
        status=background.status(facts, failures),
        unfinished=background.unfinished(facts, failures),
        even=_even(conclusion),
        again=background.again(facts.command, failures),
        details=tuple(pair for pair in details if pair[1] != printable(facts.command)),
        speed=None if facts.foreign else background.speed(conclusion.trials, facts.provenance.runs, summary),
        finished=background.day(facts.provenance.finished),
        sections=tuple(
            _section(dataset, conclusion, prefix, detail)
            for dataset, prefix in zip(summary.datasets, prefixes, strict=True)
        ),
        several=several,
        overall=whole,
        heat=heat(summary, whole, prefixes) if whole else None,
        left_out=detail.left_out,
        looks=context.looks(summary),
        across=context.pairs({plate.name: inline(plate, "") for draw in OVERVIEW for plate in draw(summary)}),
        claims=background.claims(summary) if facts.article else (),
        failures=background.groups(failures, summary),
        failure_count=len(failures),
        downloads=tuple(_download(name, text) for name, text in tables.items()),
        **assets(made, "report.js", "report.css"),
    )


def _even(conclusion: Conclusion) -> bool:
    """Whether every variant was run on every seed of every data set; some of these may be lost."""
    rows = [row for dataset in conclusion.summary.datasets for row in dataset.variants]
    tried = {row.finished + row.failed + row.diverged for row in rows}
    seeds = len(conclusion.facts.seeds)
    return tried <= {seeds} and not background.unfinished(conclusion.facts, conclusion.failures)


def _title(summary: Summary, facts: StudyFacts) -> str:
    """The report's title: its question. Scores from elsewhere need not be about regularization."""
    what = "technique" if facts.foreign else "regularization"
    names = [dataset.dataset for dataset in summary.datasets]
    return f"Which {what} works best on {printable(names[0]) if len(names) == 1 else f'{len(names)} data sets'}?"


def _entry(conclusion: Conclusion, whole: Overall | None) -> dict[str, Any]:
    """What an index of reports shows of this one; embedded, so that a report alone is enough to publish it."""
    summary, facts, unit = conclusion.summary, conclusion.facts, Scale(conclusion.summary.metric)
    return {
        "overall": _entry_overall(whole, unit) if whole else None,
        "title": _title(summary, facts),
        "model": facts.model,
        "finished": facts.provenance.finished,
        "status": background.status(facts, conclusion.failures).word,
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
                        "symbol": chip(row).symbol,
                        "verdict": chip(row).word,
                    }
                    for row in dataset.ordered(summary.metric)
                ],
                **_beside(dataset, unit),
            }
            for dataset in summary.datasets
        ],
    }


def _beside(dataset: DatasetSummary, unit: Scale) -> dict[str, Any]:
    """The references of a data set in an index of reports; nothing where it has none."""
    if dataset.references is None:
        return {}
    rows = [{"label": row.label, "score": unit.full(row.score.mean)} for row in dataset.references.rows]
    return {"references": rows, "beside": dataset.references.sentence}


def _entry_overall(whole: Overall, unit: Scale) -> dict[str, Any]:
    """The result over several data sets, and the variants over them."""
    return {
        "verdict": next(iter(whole.headline), ""),
        "variants": [
            {
                "label": one.label,
                "mean": unit.difference(one.mean),
                "counts": [one.verdicts[word] for word in WORDS],
                "symbol": VERDICTS[one.across.verdict].symbol if one.across else "",
                "verdict": VERDICTS[one.across.verdict].word if one.across else "",
            }
            for one in whole.tallies
            if one.control
        ],
    }


def _section(dataset: DatasetSummary, conclusion: Conclusion, prefix: str, detail: Detail) -> context.Section:
    summary, facts = conclusion.summary, conclusion.facts.provenance.data.get(dataset.dataset)
    drawn: dict[str, dict[str, Markup]] = {}
    all_curves = "every curve" in detail.kinds
    for drawing in FIGURES:
        if not detail.has(drawing.section):
            continue
        brief = drawing.draw is curves and not all_curves
        plates = curves(dataset, summary, metrics_of(dataset)[:1]) if brief else drawing.draw(dataset, summary)
        for plate in plates:
            drawn.setdefault(drawing.section, {})[plate.name] = inline(plate, prefix)
    over = overlay.data(dataset, summary.metric, resolution(summary)) if all_curves else {}
    made = context.section(
        dataset, summary, prefix, drawn, over, facts.classes if facts else (), conclusion.facts.command
    )
    made = replace(made, code=conclusion.code.get(dataset.dataset, ()))
    return made if "mistakes" in detail.kinds else replace(made, mistakes=None)


def _download(name: str, text: str) -> dict[str, Any]:
    """A file to embed; ``href`` is empty when it is too large."""
    raw = text.encode()
    small = 0 < len(raw) <= EMBED_AT_MOST
    return {
        "name": name,
        "kilobytes": number(len(raw) / 1000),
        "href": "data:text/csv;charset=utf-8;base64," + base64.b64encode(raw).decode() if small else "",
    }
