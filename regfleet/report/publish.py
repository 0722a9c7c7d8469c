"""A static site of reports: an index and a folder per report, with relative links only.

    index.html  regfleet-site.json  NAME/report.html  NAME/leaderboard.csv  NAME/trials.csv  NAME/study.toml …

``regfleet-site.json`` lists the files that were written, with a hash of each. Nothing else is ever touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regfleet import atomic
from regfleet.errors import InputError, ResultsError
from regfleet.report.background import day
from regfleet.report.templates import assets, environment
from regfleet.results import Place, place_of
from regfleet.text import printable, slug

MANIFEST = "regfleet-site.json"
DOWNLOADS = ("leaderboard.csv", "trials.csv", "study.toml", "provenance.json")
_ENTRY = re.compile(r'<script type="application/json" id="entry">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Published:
    """A site: its index, the number of reports in it, and the files that this run changed."""

    index: Path
    reports: int
    written: tuple[Path, ...]


def publish(directories: Sequence[str | Path], site: str | Path, templates: Path | None = None) -> Published:
    """Put the reports of results directories into the site, beside those that are there.

    A directory is published under its own name, and replaces what had that name. Raises ResultsError for a directory
    without a report, InputError for a site that holds files of somebody else where ours must go.
    """
    site = Path(site)
    manifest = _read_manifest(site)
    entries: dict[str, dict[str, Any]] = dict(manifest["entries"])
    files: dict[str, bytes] = {}
    names: set[str] = set()
    for directory in map(place_of, directories):
        name = _free_name(directory, names)
        entries[name], contents = _report(directory)
        files |= {f"{name}/{file}": content for file, content in contents.items()}
    files["index.html"] = _index(entries, templates).encode()
    hashes = manifest["files"] | {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
    _refuse_foreign(site, files, manifest["files"])
    table = {"entries": dict(sorted(entries.items())), "files": dict(sorted(hashes.items()))}
    files[MANIFEST] = (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()
    return Published(site / "index.html", len(entries), tuple(_write(site, files)))


def _free_name(directory: Place, taken: set[str]) -> str:
    """The directory's own name; a second one of that name in the same call gets a number."""
    stem = slug(Path(directory.root).resolve().name)
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name


def _report(directory: Place) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What a results directory's report says of itself, and the files to publish."""
    page = directory.at("report.html")
    try:
        content = directory.read("report.html")
    except OSError:
        raise ResultsError(f"{directory}: expected a results directory with a report.html; got none there") from None
    entry = _entry(content.decode("utf-8", errors="replace"))
    if entry is None:
        raise ResultsError(f"{page}: expected a report of regfleet; got another file. Run: regfleet report {directory}")
    files = {name: directory.read(name) for name in DOWNLOADS if directory.exists(name)}
    return entry | {"files": list(files)}, {"report.html": content} | files


def _read_manifest(site: Path) -> dict[str, Any]:
    file = site / MANIFEST
    if not file.exists():
        return {"entries": {}, "files": {}}
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        entries = {name: _apart(entry) for name, entry in dict(manifest["entries"]).items()}
        return {"entries": entries, "files": dict(manifest["files"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"--site: expected {file} as regfleet wrote it; got a file that cannot be read") from None


def _refuse_foreign(site: Path, files: Iterable[str], ours: Mapping[str, str]) -> None:
    foreign = [name for name in files if name not in ours and (site / name).exists()]
    if foreign:
        raise InputError(f"--site: expected a new folder or a published site; got {site}, which holds {foreign[0]}")


def _write(site: Path, files: Mapping[str, bytes]) -> Iterable[Path]:
    """Write the files whose content changed, each in one step; the manifest last."""
    for name, content in files.items():
        file = site / name
        if file.is_file() and file.read_bytes() == content:
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(file, [content])
        except OSError as problem:
            raise InputError(
                f"--site: expected a folder that can be written; got {site} ({problem.strerror})"
            ) from None
        yield file


def _entry(report: str) -> dict[str, Any] | None:
    """What a report's file says of itself; None when it is no report of ours."""
    block = _ENTRY.search(report)
    try:
        entry = json.loads(block[1]) if block else {}
        return _apart(entry) if {"title", "model", "finished", "datasets"} <= entry.keys() else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _apart(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with symbol and word of each verdict apart; the first reports wrote ``▲ Better`` as one text."""

    def split(row: Mapping[str, Any]) -> dict[str, Any]:
        symbol, _, word = row["verdict"].partition(" ")
        return dict(row) if "symbol" in row else {**row, "symbol": symbol, "verdict": word}

    datasets = [data | {"leaderboard": [split(row) for row in data["leaderboard"]]} for data in entry["datasets"]]
    return {**entry, "datasets": datasets}


def _index(entries: Mapping[str, Mapping[str, Any]], templates: Path | None) -> str:
    """The index page, newest report first; ``entries`` maps a report's folder to what it says of itself."""
    made = environment(templates)
    shown = [_shown(folder, entry) for folder, entry in sorted(entries.items())]
    shown.sort(key=lambda one: one["finished"], reverse=True)  # equals stay in the order of their folders
    return made.get_template("site.html.j2").render(
        entries=shown,
        choices={
            "dataset": sorted({name for one in shown for name in one["datasets"]}),
            "model": sorted({one["model"] for one in shown}),
            "verdict": sorted({word for one in shown for word in one["verdicts"]}),
        },
        **assets(made, "site.js", "report.css", "site.css"),
    )


def _shown(folder: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    datasets: Sequence[Mapping[str, Any]] = entry["datasets"]
    words = {row["verdict"] for data in datasets for row in data["leaderboard"]}
    texts = [entry["title"], entry["model"], *(data["verdict"] for data in datasets)]
    texts += [row["label"] for data in datasets for row in data["leaderboard"]]
    return {
        "folder": folder,
        "title": entry["title"],
        "model": str(entry["model"]),
        "status": entry.get("status", ""),
        "finished": str(entry["finished"]),
        "day": day(str(entry["finished"])),
        "datasets": [str(data["name"]) for data in datasets],
        "sections": datasets,
        "verdicts": sorted(words - {"Control"}),
        "files": entry.get("files", ()),
        "text": printable(" ".join(map(str, texts))).lower(),
    }
