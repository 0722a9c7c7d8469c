"""The model card of a fitted model, as Markdown and as a page: what it is, what may be expected of it, and what not."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from regfleet.metrics import METRICS
from regfleet.numbers import DASH, Scale, counted
from regfleet.text import bounded, capital, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regfleet.saving.signature import Importance, Signature

LICENCE = "not stated: fill in who may use this model, and for what"
USE = (
    "With regfleet: regfleet predict FOLDER rows.csv --out predictions.csv, or in Python "
    "regfleet.load_model(FOLDER).predict(frame). With Keras alone: keras.models.load_model('ensemble.keras') for rows "
    "that are encoded already."
)
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|"})


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its paragraphs, and a table: its head and its rows."""

    title: str
    paragraphs: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card says beside the signature: sentences on the verdict, the data and the limits, as in a report.

    ``looks`` says what the networks look at.
    """

    verdict: tuple[str, ...]
    training: tuple[str, ...]
    limits: tuple[str, ...]
    data: tuple[str, ...]
    looks: tuple[str, ...] = ()


def sections(found: Signature, facts: Facts) -> list[Section]:
    """The card."""
    columns = found.input.columns
    shape = " × ".join(map(str, found.input.shape))
    what = f"{len(found.classes)} classes: {', '.join(found.classes)}" if found.classes else "a number"
    rows = tuple((one.name, one.kind, one.detail) for one in columns)
    gives = (
        "The class, the probability of each class, and the disagreement: the share of the networks whose class is "
        "another."
        if found.classes
        else "The value, in units of the target, and the spread: the standard deviation of the networks' values."
    )
    many = counted(len(found.members), "network")
    return [
        Section(
            "What it is",
            (
                f"{capital(many)} of the variant {found.label} predict {found.target} together ({what}). {gives}",
                *facts.training,
            ),
        ),
        Section("Licence", (LICENCE,)),
        Section("What may be expected", (found.expected.sentence, *facts.verdict)),
        Section("Data", facts.data, ("Column", "Kind", "Values in the study") if rows else (), rows)
        if rows
        else Section("Data", (*facts.data, f"A row is an array of {shape} numbers." if shape else "A row is a text.")),
        *_looks(found, facts),
        Section("Limits", (*facts.limits, *found.not_exported)),
        Section("Versions", (), ("Package", "Version"), tuple(sorted(found.versions.items()))),
        Section(
            "How to use it",
            (USE,),
        ),
    ]


def _looks(found: Signature, facts: Facts) -> list[Section]:
    """What the networks look at, most first; no section where that is not known."""
    if not found.importance:
        return []
    metric = METRICS[found.importance[0].metric]
    unit, networks = Scale(metric), counted(len(found.members), "network")
    about = (
        f"How much worse {metric.title} is on the test rows of a network's seed when a column is shuffled among them, "
        f"the mean over {networks}, with intervals that hold for all columns at once. It is what these look at, not "
        "what causes the target; a column that is lost in training may be made up for by others."
    )
    rows = tuple((one.column, _number(unit, one.mean), _reach(unit, one)) for one in found.importance)
    head = ("Column", f"{capital(metric.title)} worse by{', points' if unit.points else ''}", "Interval")
    return [Section("What the networks look at", (*facts.looks, about), head, rows)]


def _number(unit: Scale, value: float | None) -> str:
    return DASH if value is None else unit.difference(value).lstrip("+")


def _reach(unit: Scale, one: Importance) -> str:
    if one.low is None or one.high is None:
        return DASH
    return f"{_number(unit, one.low)} to {_number(unit, one.high)}"


def markdown(found: Signature, facts: Facts) -> str:
    """The card as Markdown."""
    lines = [f"# {_marked(_title(found))}", ""]
    for one in sections(found, facts):
        lines += [f"## {one.title}", ""]
        for paragraph in one.paragraphs:
            lines += [_marked(paragraph), ""]
        if one.rows:
            lines += [
                _line(one.head),
                _line(["---"] * len(one.head)),
                *(_line(map(_marked, row)) for row in one.rows),
                "",
            ]
    return "\n".join(lines)


def page(found: Signature, facts: Facts) -> str:
    """The card as a page of HTML that loads nothing."""
    parts = [f"<h1>{_text(_title(found))}</h1>"]
    for one in sections(found, facts):
        parts.append(f"<h2>{_text(one.title)}</h2>")
        parts += [f"<p>{_text(paragraph)}</p>" for paragraph in one.paragraphs]
        if one.rows:
            head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in one.head)
            body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in one.rows)
            table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            parts.append(f'<div role="region" tabindex="0" aria-label="{_text(one.title)}">{table}</div>')
    return _PAGE.format(title=_text(_title(found)), body="\n".join(parts))


def _title(found: Signature) -> str:
    return bounded(f"{found.label} for {found.target} of {found.data.get('name', 'data')}", 200)


def _marked(text: str) -> str:
    """Text that Markdown shows as it is."""
    return printable(bounded(text), keep="").translate(_MARKS)


def _text(text: str) -> str:
    return escape(printable(bounded(text), keep=""))


def _line(cells: Sequence[str] | map[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
h1, p {{ overflow-wrap: anywhere; }} div {{ overflow-x: auto; }} table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }}
th {{ border-bottom: 1px solid #888; }} td {{ border-bottom: 1px solid #8886; overflow-wrap: break-word; }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
