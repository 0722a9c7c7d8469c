"""A static site of reports: an index, a folder per report and a page per study over time, with relative links only.

    index.html  regfleet-site.json  NAME/report.html  NAME/leaderboard.csv  NAME/trials.csv  NAME/study.toml …
    trends/STUDY.html  trends/STUDY.csv  feed.xml

``regfleet-site.json`` lists the files that were written, with a hash of each, and has what is known of every run.
Nothing else is ever touched. The feed alone needs to know where the site is on the web.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from regfleet import atomic
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.paths import SUMS, content_of, digest, expanded, is_ours, read_sums, unwritable
from regfleet.report import feed, trend_page
from regfleet.report.index import Site, index, news
from regfleet.report.trend import FOLDER, Run, added, histories, read_run, when
from regfleet.results import Place, no_results, place_of
from regfleet.results.seals import altered, read_json, read_toml
from regfleet.text import masked, one_line, reason, slug

MANIFEST = "regfleet-site.json"
MOST_BYTES = 100_000_000
"""Of a manifest: a longer file is none of ours."""
TRENDS = "trends"
"""The folder of the pages of studies over time."""
_FOLDER = re.compile(FOLDER)
Download = Literal["leaderboard.csv", "trials.csv", "study.toml", "provenance.json"]
DOWNLOADS: tuple[str, ...] = get_args(Download)
_ENTRY = re.compile(r'<script type="application/json" id="entry">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Published:
    """A site: its index, the reports and the pages of studies over time in it, and the files that this run changed.

    ``new``: it was not there before. ``feed`` is None for a site whose address is not known.
    """

    index: Path
    reports: int
    trends: int
    feed: Path | None
    written: tuple[Path, ...]
    new: bool


def publish(
    directories: Sequence[str | Path], site: str | Path, templates: Path | None = None, base_url: str = ""
) -> Published:
    """Put the reports of results directories into the site, beside those that are there.

    A directory is published once, under its own name, and replaces what had that name; what was known of another run
    under it stays in the page of its study over time. ``base_url`` is where the site is on the web, and stays known.

    Raises ResultsError for a directory without a report, InputError for a site that holds files of somebody else where
    ours must go, or files of ours that were changed since.
    """
    site = expanded(site, "--site")
    known = _read_manifest(site)
    base = feed.address(base_url) if base_url else known.base
    entries, runs = known.entries, _known_runs(site, known)
    files: dict[str, bytes] = {}
    names = {"index.html", MANIFEST, feed.FILE, TRENDS}
    for directory in _once(directories):
        name = _free_name(directory, names)
        entries[name], contents = _report(directory)
        runs = added(runs, name, read_run(name, entries[name], contents))
        files |= {f"{name}/{file}": content for file, content in contents.items()}
    whole = Site(entries, histories(runs), base)
    trends = {study: found for study, found in whole.histories.items() if len(found) > 1}
    for study, found in trends.items():
        files[f"{TRENDS}/{study}.html"] = trend_page.page(study, found, templates).encode()
        files[f"{TRENDS}/{study}.csv"] = trend_page.table(found)
    if base:
        files[feed.FILE] = feed.feed(base, news(whole))
    files["index.html"] = index(whole, trends, templates).encode()
    try:
        _refuse_foreign(site, files, known.ours)
        written = _write(site, files, _Kept(entries, tuple(runs), base), known.ours)
    except OSError as problem:
        raise unwritable("--site", site, problem) from None
    return Published(
        site / "index.html",
        len(entries),
        len(trends),
        site / feed.FILE if base else None,
        tuple(written),
        not known.ours,
    )


def _known_runs(site: Path, known: _Known) -> list[Run]:
    """The runs of a site; those of reports that were published before there were pages of studies from their files."""
    runs = list(known.runs)
    for folder in sorted(known.entries.keys() - {run.folder for run in runs}):
        found = {name: content_of(site / folder / name) for name in DOWNLOADS if f"{folder}/{name}" in known.ours}
        whole = {
            name: content
            for name, content in found.items()
            if content is not None and digest(content) in known.ours[f"{folder}/{name}"]
        }
        runs = added(runs, folder, read_run(folder, known.entries[folder], whole))
    return runs


def _once(directories: Sequence[str | Path]) -> Iterable[Place]:
    """The places, each once however often and by whatever path it is named."""
    places = [place_of(directory) for directory in directories]
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(str(place.local.resolve()) if place.local else place.root, place)
    return found.values()


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
        if not directory.exists("study.toml"):
            raise no_results(directory)
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
    runs: tuple[Run, ...] = ()
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a site keeps beside its files: the entries of its reports, all runs, and its address."""

    entries: dict[str, dict[str, Any]]
    runs: tuple[Run, ...] = ()
    base: str = ""


@dataclass(frozen=True, slots=True)
class _Known(_Kept):
    """The same of a site that is there, and ``ours``: its files, each with the hashes that its content may have."""

    ours: dict[str, set[str]] = field(default_factory=dict)


def _read_manifest(site: Path) -> _Known:
    """What is known of a site."""
    file = site / MANIFEST
    if not os.path.lexists(file):
        return _Known({})
    try:
        manifest = _Manifest.model_validate_json(content_of(file, MOST_BYTES) or b"")
        entries = {name: _checked(_apart(entry)) for name, entry in manifest.entries.items()}
        base = feed.address(manifest.base_url) if manifest.base_url else ""
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        entries, base = None, ""
    if entries is None or not all(map(_FOLDER.fullmatch, entries)):
        raise InputError(f"--site: expected {file} as regfleet wrote it; got a file that cannot be read")
    runs = tuple(run for run in manifest.runs if not run.folder or run.folder in entries)
    ours = {name: {now, *manifest.before.get(name, ())} for name, now in manifest.files.items()}
    return _Known(entries, runs, base, ours)


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


def _write(site: Path, files: Mapping[str, bytes], kept: _Kept, ours: Mapping[str, set[str]]) -> list[Path]:
    """Write the files whose content changed, each in one step; the manifest last, and first with what is to come."""
    new = {name: digest(content) for name, content in files.items()}
    known = {name: min(hashes) for name, hashes in ours.items()} | new
    changed = [name for name, content in files.items() if not _holds(site / name, content)]
    if changed:
        site.mkdir(parents=True, exist_ok=True)
        atomic.write(site / MANIFEST, [_manifest_text(kept, known, ours)])
    for name in changed:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        atomic.write(site / name, [files[name]])
    # Of a file that an earlier run was to write and this one is not, both hashes: that run may have been killed.
    unsure = {name: hashes for name, hashes in ours.items() if name not in new and len(hashes) > 1}
    manifest = _manifest_text(kept, known, unsure)
    if not _holds(site / MANIFEST, manifest):
        site.mkdir(parents=True, exist_ok=True)
        atomic.write(site / MANIFEST, [manifest])
        changed.append(MANIFEST)
    return [site / name for name in changed]


def _manifest_text(kept: _Kept, files: Mapping[str, str], before: Mapping[str, set[str]] | None = None) -> bytes:
    table: dict[str, Any] = {"entries": dict(sorted(kept.entries.items())), "files": dict(sorted(files.items()))}
    if before:
        table["before"] = {name: sorted(hashes) for name, hashes in sorted(before.items())}
    if kept.base:
        table["base_url"] = kept.base
    table["runs"] = [run.model_dump(mode="json") for run in sorted(kept.runs, key=lambda run: (run.study, *when(run)))]
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
