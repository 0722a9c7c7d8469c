"""Hostile names through every output: what a terminal obeys, a page runs or a spreadsheet computes stays out."""

from __future__ import annotations

import csv
import json
import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import tomli_w
from hostile import NAMES
from studies import make, outcome, without_training

if TYPE_CHECKING:
    from random import Random

    from harness import Case

FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|inf|nan)", re.IGNORECASE)
FORMS = ("csv", "json", "markdown", "latex", "html")


class Page(HTMLParser):
    """What a page would run: scripts, handlers, addresses that are code, and tags that the report has none of."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.bad = 0, list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at a tag and its attributes."""
        self.scripts += tag == "script"
        if tag in {"iframe", "object", "embed", "base", "form"} or (tag == "img" and dict(attrs).get("src") == "x"):
            self.bad.append(tag)
        for name, value in attrs:
            followed = name in {"href", "src", "action", "formaction", "xlink:href", "data"}
            if name.startswith("on") or (followed and (value or "").strip().lower().startswith("javascript:")):
                self.bad.append(f"{tag} {name}={value}")


def prepare(folder: Path) -> None:
    """The report of a study with harmless names, which says how many scripts a page has."""
    make(folder)


def play(case: Case) -> None:
    """Put names from the list into a study or into scores, and look at all that is written."""
    draw = case.draw
    scripts = _page(case.seeds / "whole" / "report.html").scripts
    (_study if draw.random() < 0.5 else _scores)(case)
    for page in case.folder.rglob("*.html"):
        seen = _page(page)
        if seen.bad or (page.name == "report.html" and seen.scripts > scripts):
            case.found("markup in a page", f"{page.name}: {seen.bad}, {seen.scripts} scripts")
    for table in [*case.folder.glob("*/*.csv"), *case.folder.glob("site/*/*.csv")]:
        _look_at_cells(case, table)
    for figure in case.folder.rglob("*.svg"):
        try:
            tree = ET.fromstring(figure.read_bytes())  # noqa: S314 - our own
        except ET.ParseError as problem:
            case.found("a figure that is no XML", f"{figure.name}: {problem}")
        else:
            if any(
                one.tag.endswith("script") or any(key.startswith("on") for key in one.attrib) for one in tree.iter()
            ):
                case.found("a script in a figure", figure.name)


def _page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _look_at_cells(case: Case, path: Path) -> None:
    try:
        rows = [*csv.reader(path.read_text(encoding="utf-8").splitlines(keepends=True))]
    except (UnicodeDecodeError, csv.Error) as problem:
        case.found("a table that cannot be read", f"{path.name}: {problem}")
        return
    for cell in (cell for row in rows for cell in row):
        # A spreadsheet may separate by semicolons, and by tabs.
        for part in re.split(r"[;\t]", cell):
            if FORMULA.match(part) and not NUMBER.fullmatch(part.strip()):
                case.found("a formula in a table", f"{path.name}: {cell!r:.100}")
                return


def _texts(draw: Random, number: int) -> list[str]:
    """As many different names, most of them hostile, some two in one."""
    chosen = draw.sample(NAMES, number)
    return [name if draw.random() < 0.7 else draw.choice(NAMES) + name for name in chosen]


def _study(case: Case) -> None:
    draw = case.draw
    label, column, value, error, host, other, trace = _texts(draw, 7)
    rows = [[column, "b", "y"], *([str(n), "x" if n % 3 else value, "one" if n % 2 else value] for n in range(40))]
    quoted = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)
    (case.folder / "data.csv").write_bytes(quoted.encode("utf-8", "surrogatepass"))
    case.command("datasets", "data.csv", "--target", "y")
    case.command("compare", "--data", "data.csv", "--target", "y", "--drop", column.replace("\x00", ""), "--dry-run")
    study: dict[str, Any] = {
        "data": "iris",
        "seeds": 4,
        "training": {"epochs": 3},
        "variant": [
            {"technique": "none"},
            {"technique": "l2", "label": label},
            {"technique": "dropout", "label": other},
        ],
    }
    try:
        (case.folder / "study.toml").write_text(tomli_w.dumps(study), encoding="utf-8")
    except (UnicodeEncodeError, ValueError):
        return
    case.command("compare", "study.toml", "--dry-run", "--out", "out")

    def work(chunk: Any, _dataset: Any, **_: Any) -> Any:
        fails = {"status": "failed", "error": error, "traceback": f"Traceback …\n{trace}", "history": {}, "metrics": {}}
        return tuple(
            outcome(trial, host=host) if trial.seed else _failed(trial, fails | {"host": host})
            for trial in chunk.trials
        )

    run = ("compare", "study.toml", "--out", "out", "--in-process")
    ended = case.command(*run, before=partial(without_training, work))
    if ended.code == 2:  # the names themselves were refused
        return
    case.command("status", "out")
    case.command("plan", "out", "--detect", "0.02")
    case.command("report", "out", "--figures", "figures")
    if draw.random() < 0.3:
        case.command("publish", "out", "--site", "site")
    if draw.random() < 0.3:
        case.command("report", "out", "--format", draw.choice(FORMS))


def _failed(trial: Any, fields: dict[str, Any]) -> Any:
    from regfleet.trials import Outcome

    return Outcome(
        trial, fields["status"], "fused", error=fields["error"], traceback=fields["traceback"], host=fields["host"]
    )


def _scores(case: Case) -> None:
    draw = case.draw
    names = _texts(draw, 3)
    rows = [["technique", "seed", "accuracy", "dataset"]]
    dataset = draw.choice(NAMES) or "x"
    for name in ("none", *names):
        rows += [[name, str(seed), f"0.{draw.randrange(100, 999)}", dataset] for seed in range(6)]
    file = draw.choice(NAMES).replace("/", "").replace("\x00", "").replace("\ud800", "")[:40] or "x"
    path = case.folder / f"{file}.csv"
    quoted = "\n".join(",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row) for row in rows)
    path.write_bytes(quoted.encode("utf-8", "surrogatepass"))
    ended = case.command("analyze", "--scope", "this_dataset", "--control", "none", "--out", "judged", "--", path.name)
    said = case.command(
        "analyze", "--scope", "this_dataset", "--control", "none", "--json", "--out", "again", "--", path.name
    )
    if ended.code == said.code == 0:
        try:
            json.loads(said.out)
        except ValueError as problem:
            case.found("JSON that is none", str(problem))
