"""A static site of reports: an index and a folder per report, with relative links only.

    index.html  regfleet-site.json  NAME/report.html  NAME/leaderboard.csv  NAME/trials.csv  NAME/study.toml …

``regfleet-site.json`` lists the files that were written, with a hash of each. Nothing else is ever touched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from regfleet import atomic
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.paths import SUMS, content_of, digest, expanded, is_ours, read_sums, unwritable
from regfleet.report.background import day
from regfleet.report.templates import assets, environment
from regfleet.results import Place, place_of
from regfleet.results.seals import altered, read_json, read_toml
from regfleet.text import masked, one_line, printable, reason, slug

MANIFEST = "regfleet-site.json"
MOST_BYTES = 100_000_000
"""Of a manifest: a longer file is none of ours."""
_FOLDER = re.compile(r"[a-z0-9][a-z0-9.-]{0,79}")
Download = Literal["leaderboard.csv", "trials.csv", "study.toml", "provenance.json"]
DOWNLOADS: tuple[str, ...] = get_args(Download)
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
    without a report, InputError for a site that holds files of somebody else where ours must go, or files of ours that
    were changed since.
    """
    site = expanded(site, "--site")
    entries, ours = _read_manifest(site)
    files: dict[str, bytes] = {}
    names = {"index.html", MANIFEST}
    for directory in map(place_of, directories):
        name = _free_name(directory, names)
        entries[name], contents = _report(directory)
        files |= {f"{name}/{file}": content for file, content in contents.items()}
    files["index.html"] = _index(entries, templates).encode()
    try:
        _refuse_foreign(site, files, ours)
        written = _write(site, files, entries, ours)
    except OSError as problem:
        raise unwritable("--site", site, problem) from None
    return Published(site / "index.html", len(entries), tuple(written))


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
    page, again = directory.at("report.html"), f"Run: regfleet report {directory}"
    if not directory.exists("report.html"):
        raise ResultsError(f"{directory}: expected a results directory with a report.html; got none there. {again}")
    try:
        content = directory.read("report.html")
        sums = read_sums(directory.text(SUMS)) if directory.exists(SUMS) else {}
        files = {name: directory.read(name) for name in DOWNLOADS if directory.exists(name)}
    except OSError as problem:
        words = f"{directory}: expected a report that can be read now; got {masked(reason(problem))}"
        raise StorageError(words) from None
    entry = _entry(content.decode("utf-8", errors="replace"))
    if entry is None:
        raise ResultsError(f"{page}: expected a report of regfleet; got another file. {again}")
    for name, found in {"report.html": content, **files}.items():
        if sums.get(name) and digest(found) not in sums[name]:
            raise ResultsError(f"{directory.at(name)}: expected what regfleet wrote; got another content. {again}")
    for name, check in (("study.toml", read_toml), ("provenance.json", read_json)):
        try:
            check(files.get(name, b"{}").decode("utf-8"))
        except ValueError as problem:
            raise altered(directory, name, one_line(problem)) from None
    return entry | {"files": list(files)}, {"report.html": content} | files


class _Row(BaseModel):
    label: str
    rank: int | None = None
    score: str
    difference: str = ""
    symbol: str
    verdict: str


class _Reference(BaseModel):
    label: str
    score: str


class _Data(BaseModel):
    """``references`` stand apart from the leaderboard, and ``beside`` says what they mean for the networks."""

    name: str
    verdict: str
    metric: str
    leaderboard: tuple[_Row, ...]
    references: tuple[_Reference, ...] = ()
    beside: str = ""


class _Over(BaseModel):
    label: str
    mean: str
    counts: tuple[int, ...]
    symbol: str = ""
    verdict: str = ""


class _Overall(BaseModel):
    verdict: str
    variants: tuple[_Over, ...]


class _Entry(BaseModel):
    """What a report says of itself in a site's index; ``files`` lie beside it."""

    model_config = ConfigDict(protected_namespaces=())

    title: str
    model: str
    finished: str
    status: str = ""
    overall: _Overall | None = None
    datasets: tuple[_Data, ...]
    files: tuple[Download, ...] = ()


class _Manifest(BaseModel):
    """What a site's manifest says; of files that were not all written ``before`` has the hashes they may have, too."""

    entries: dict[str, dict[str, Any]]
    files: dict[str, str]
    before: dict[str, tuple[str, ...]] = {}


def _read_manifest(site: Path) -> tuple[dict[str, dict[str, Any]], dict[str, set[str]]]:
    """The entries of a site and its files, each with the hashes that its content may have."""
    file = site / MANIFEST
    if not os.path.lexists(file):
        return {}, {}
    try:
        manifest = _Manifest.model_validate_json(content_of(file, MOST_BYTES) or b"")
        entries = {name: _checked(_apart(entry)) for name, entry in manifest.entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        entries = None
    if entries is None or not all(map(_FOLDER.fullmatch, entries)):
        raise InputError(f"--site: expected {file} as regfleet wrote it; got a file that cannot be read")
    return entries, {name: {now, *manifest.before.get(name, ())} for name, now in manifest.files.items()}


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    """What is known of an entry; raises ValueError where it is none."""
    return _Entry.model_validate(entry).model_dump(mode="json")


def _refuse_foreign(site: Path, files: Mapping[str, bytes], ours: Mapping[str, set[str]]) -> None:
    for name, content in files.items():
        folder = (site / name).parent
        if folder != site and os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            raise InputError(f"--site: expected a folder of its own for each report; got {folder}, which is none")
        if not is_ours(site / name, ours, name, content.__eq__):
            words = "which was changed since" if name in ours else "which regfleet did not write"
            raise InputError(
                f"--site: expected a new folder or a published site; got {site}, which holds {name}, {words}"
            )


def _write(
    site: Path, files: Mapping[str, bytes], entries: Mapping[str, Any], ours: Mapping[str, set[str]]
) -> list[Path]:
    """Write the files whose content changed, each in one step; the manifest last, and first with what is to come."""
    new = {name: digest(content) for name, content in files.items()}
    known = {name: min(hashes) for name, hashes in ours.items()} | new
    changed = [name for name, content in files.items() if not _holds(site / name, content)]
    if changed:
        site.mkdir(parents=True, exist_ok=True)
        atomic.write(site / MANIFEST, [_manifest_text(entries, known, ours)])
    for name in changed:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        atomic.write(site / name, [files[name]])
    # Of a file that an earlier run was to write and this one is not, both hashes: that run may have been killed.
    unsure = {name: hashes for name, hashes in ours.items() if name not in new and len(hashes) > 1}
    manifest = _manifest_text(entries, known, unsure)
    if not _holds(site / MANIFEST, manifest):
        site.mkdir(parents=True, exist_ok=True)
        atomic.write(site / MANIFEST, [manifest])
        changed.append(MANIFEST)
    return [site / name for name in changed]


def _manifest_text(
    entries: Mapping[str, Any], files: Mapping[str, str], before: Mapping[str, set[str]] | None = None
) -> bytes:
    table: dict[str, Any] = {"entries": dict(sorted(entries.items())), "files": dict(sorted(files.items()))}
    if before:
        table["before"] = {name: sorted(hashes) for name, hashes in sorted(before.items())}
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode("utf-8", errors="replace")


def _holds(file: Path, content: bytes) -> bool:
    return file.is_file() and not file.is_symlink() and file.read_bytes() == content


def is_report(content: bytes) -> bool:
    """Whether a file is a report of regfleet."""
    return _entry(content.decode("utf-8", errors="replace")) is not None


def _entry(report: str) -> dict[str, Any] | None:
    """What a report's file says of itself; None when it is no report of ours."""
    block = _ENTRY.search(report)
    try:
        entry = json.loads(block[1]) if block else {}
        return _checked(_apart(entry))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
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
    overall = entry.get("overall")
    names = [str(data["name"]) for data in datasets]
    texts = [folder, entry["title"], entry["model"], *names, *(data["verdict"] for data in datasets)]
    texts += [overall["verdict"]] if overall else []
    texts += [row["label"] for data in datasets for row in data["leaderboard"]]
    return {
        "folder": folder,
        "title": names[0] if len(names) == 1 else f"{len(names)} data sets",
        "question": entry["title"],
        "overall": overall,
        "model": str(entry["model"]),
        "status": entry.get("status", ""),
        "finished": str(entry["finished"]),
        "day": day(str(entry["finished"])),
        "datasets": names,
        "sections": datasets,
        "verdicts": sorted(words - {"Control"}),
        "files": entry.get("files", ()),
        "text": printable(" ".join(map(str, texts))).lower(),
    }
