"""Runs of a study over time: what a published report leaves of each, which are of one study, and what changed.

A run is read from the files beside its report. A site keeps what was read, so that a report that is replaced by that of
the next run leaves its scores.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from regfleet.numbers import count, read_number
from regfleet.results import Provenance
from regfleet.results.seals import read_json, read_toml
from regfleet.text import elide, slug

FOLDER = r"[a-z0-9][a-z0-9.-]{0,79}"
"""What a folder and a page of a site may be called."""
MOST_RUNS, MOST_SCORES, MOST_SETTINGS = 400, 5_000, 300
"""Of a study, of a run, and of what a study file says: what goes beyond is left out, the oldest run first."""
LETTERS = 60
"""Of a value that changed."""
_COLUMNS = {"dataset", "metric", "variant", "label", "verdict", "mean", "mean_low", "mean_high"}
Kind = Literal["versions", "data", "settings"]
Text = Annotated[str, Field(max_length=2_000)]
LARGEST = 1e100
"""Of a score: beyond, no axis can be drawn, and no score is meant."""
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None


class Score(NamedTuple):
    """A variant on a data set, as the leaderboard has it: in units of the metric, None where there is no number.

    ``control`` is the variant that it is compared with, empty for a control; of differences larger is better.
    """

    dataset: Text
    variant: Text
    label: Text
    control: Text
    verdict: Text
    mean: Number
    low: Number
    high: Number
    difference: Number
    difference_low: Number
    difference_high: Number


class Over(NamedTuple):
    """A variant over all data sets, as the report writes it."""

    label: Text
    mean: Text
    symbol: Text
    verdict: Text


def moment(text: str) -> str:
    """An ISO time in UTC to the second; empty for anything else. One without a time zone is taken to be in UTC."""
    try:
        found = datetime.fromisoformat(text)
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return ""
    return f"{found.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


class Data(BaseModel):
    """The content of a data set."""

    model_config = ConfigDict(frozen=True)

    sha256: Text = ""
    rows: int = 0
    columns: int = 0


class Run(BaseModel):
    """A run of the study whose page is called ``study``.

    ``folder`` is where its report lies, empty when another one took its place; ``name`` is what that folder was called.
    ``origin`` says when and where it began, or what scores it read, and is the same when it went on; empty: not known.
    ``finished`` is in UTC, empty when it is not known. ``targets`` are those that the study file names.
    """

    model_config = ConfigDict(frozen=True)

    study: Annotated[str, Field(pattern=f"^{FOLDER}$")]
    folder: Annotated[str, Field(pattern=f"^({FOLDER})?$")]
    name: Text
    origin: Text = ""
    finished: Annotated[Text, AfterValidator(moment)] = ""
    status: Text = ""
    metric: Text
    commit: Text = ""
    targets: tuple[Text, ...] = ()
    versions: dict[Text, Text] = {}
    data: dict[Text, Data] = {}
    settings: dict[Text, Text] = {}
    scores: Annotated[tuple[Score, ...], Field(min_length=1)]
    overall: tuple[Over, ...] = ()

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of its data sets, in their order."""
        return tuple(dict.fromkeys(score.dataset for score in self.scores))

    @property
    def techniques(self) -> set[str]:
        """The names of what is compared with a control."""
        return {score.variant for score in self.scores if score.control}

    def score(self, dataset: str, variant: str) -> Score | None:
        """The score of a variant on a data set; None where there is none."""
        return next((one for one in self.scores if (one.dataset, one.variant) == (dataset, variant)), None)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that differs from the run before."""

    kind: Kind
    text: str


def read_run(name: str, entry: Mapping[str, Any], files: Mapping[str, bytes]) -> Run | None:
    """What the files beside a report say of its run, without its study; None without a leaderboard to read.

    Args:
        name: of the report's folder.
        entry: what the report says of itself.
        files: name → content of leaderboard.csv, study.toml and provenance.json, as far as they are there.
    """
    try:
        return _run(name, entry, files)
    except (ValueError, csv.Error):
        return None


def _run(name: str, entry: Mapping[str, Any], files: Mapping[str, bytes]) -> Run | None:
    rows = list(_rows(files.get("leaderboard.csv", b"").decode("utf-8")))
    if not rows:
        return None
    facts = _provenance(files.get("provenance.json", b"{}"))
    study = _study(files.get("study.toml", b"").decode("utf-8", errors="replace"))
    listed = [one if isinstance(one, Mapping) else {} for one in _listed(study.pop("data", []))]
    study |= {f"data {key}": [one.get(key, "") for one in listed] for key in _further(listed)}
    first = facts.runs[0] if facts.runs else None
    names = list(dict.fromkeys(row["dataset"] for row in rows))
    return Run(
        study=slug(names[0] if len(names) == 1 else f"{len(names)} data sets"),
        folder=name,
        name=name,
        origin=_cut(f"{first.started} {first.host}" if first and first.started else facts.sha256 or ""),
        finished=_cut(str(entry["finished"])),
        status=_cut(str(entry.get("status", ""))),
        metric=_cut(rows[0]["metric"]),
        commit=_cut(facts.commit or ""),
        targets=tuple(_cut(str(one.get("target", ""))) for one in listed),
        versions=_texts(facts.versions) | _texts(_machine(facts.hardware)),
        data={
            _cut(key): Data(sha256=_cut(one.sha256), rows=one.rows, columns=one.columns)
            for key, one in facts.data.items()
        },
        settings=_texts(_flat(study)),
        scores=tuple(map(_score, rows)),
        overall=tuple(
            Over(*(_cut(str(one[key])) for key in Over._fields))
            for one in (entry.get("overall") or {}).get("variants", ())
        ),
    )


def _provenance(content: bytes) -> Provenance:
    """What a provenance says; nothing where it cannot be read."""
    try:
        return Provenance.model_validate(read_json(content.decode("utf-8")))
    except ValueError:
        return Provenance()


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of a leaderboard without its references; none where a column is missing that every version wrote."""
    reader = csv.DictReader(io.StringIO(text), restval="")
    if not set(reader.fieldnames or ()) >= _COLUMNS:
        return
    for row, _ in zip(reader, range(MOST_SCORES), strict=False):
        if row.get("kind", "variant") != "reference":
            yield row


def _score(row: Mapping[str, str]) -> Score:
    dataset, variant, label, control, verdict = (
        _cut(row.get(key, "")) for key in ("dataset", "variant", "label", "control", "verdict")
    )
    numbers = ("mean", "mean_low", "mean_high", "difference", "difference_low", "difference_high")
    return Score(dataset, variant, label, control, verdict, *(_number(row.get(key, "")) for key in numbers))


def _number(text: str) -> float | None:
    found = read_number(text)
    return float(f"{found:.8g}") if abs(found) < LARGEST else None


def _cut(text: str) -> str:
    return text[:2_000]


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    pairs = list(table.items())[:MOST_SETTINGS]
    return {_cut(str(key)): _cut(_words(value)) for key, value in pairs}


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(_words, value)) if isinstance(value, list) else str(value)


def _study(text: str) -> dict[str, Any]:
    """What a study file says but for its variants, which the leaderboard has; nothing where it cannot be read."""
    try:
        table = tomllib.loads(read_toml(text))
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in table.items() if key != "variant"}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _further(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is said of data beside where it is and what is predicted."""
    return sorted({key for one in listed for key in one} - {"location", "target"})


def _machine(hardware: Mapping[str, Any]) -> dict[str, Any]:
    """What may change a result; the memory of a machine does not, and varies a little."""
    return {key: value for key, value in hardware.items() if key != "memory_gib"}


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value) if isinstance(value, dict) else {key: value}
    return flat


def same_study(one: Run, other: Run) -> bool:
    """Whether two runs ask the same: of data sets of the same names and targets, by the same metric.

    And under the same name, or of mostly the same techniques: at least half of those of the run that has fewer.
    """
    asked = [(sorted(run.datasets), sorted(run.targets), run.metric) for run in (one, other)]
    if asked[0] != asked[1]:
        return False
    both, fewer = one.techniques & other.techniques, min(len(one.techniques), len(other.techniques))
    return one.name == other.name or 2 * len(both) >= fewer


def added(runs: Sequence[Run], folder: str, new: Run | None) -> list[Run]:
    """The runs of a site after the report ``new`` was put into ``folder``; None: it has no leaderboard to read.

    A run that went on, or whose report was made again, takes the place of what was known of it. One that only had the
    same folder stays, without a report.
    """
    kept, before = [], None
    for run in runs:
        if run.folder != folder:
            kept.append(run)
        elif new and run.origin in {"", new.origin}:
            before = run
        elif run.origin:
            kept.append(run.model_copy(update={"folder": ""}))
    if new is None:
        return kept
    alike = [run for run in sorted([*kept, *([before] if before else [])], key=when) if same_study(run, new)]
    study = before.study if before in alike and before else alike[-1].study if alike else _free(new.study, kept)
    kept.append(new.model_copy(update={"study": study}))
    gone = [run for run in sorted(kept, key=when) if run.study == study]
    surplus = [run for run in gone if not run.folder][: max(0, len(gone) - MOST_RUNS)]
    return [run for run in kept if run not in surplus]


def _free(name: str, runs: Iterable[Run]) -> str:
    taken = {run.study for run in runs}
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def when(run: Run) -> tuple[str, str, str]:
    """What runs are sorted by: their time, then their name; those of an unknown time come first."""
    return run.finished, run.name, run.origin


def histories(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Study → its runs, the oldest first. One that lies there twice, copied or gone on, counts once as it is last."""
    found: dict[str, dict[str, Run]] = {}
    for run in sorted(runs, key=when):
        found.setdefault(run.study, {})[run.origin or f"/{run.folder}"] = run
    return {study: sorted(one.values(), key=when) for study, one in sorted(found.items())}


def changes(runs: Sequence[Run]) -> list[tuple[Change, ...]]:
    """What differs from the run before, for each run; nothing for the first."""
    return [(), *(tuple(_changed(before, now)) for before, now in pairwise(runs))]


def _changed(before: Run, now: Run) -> Iterator[Change]:
    if before.versions and now.versions:
        yield from (Change("versions", text) for text in _pairs(before.versions, now.versions))
    for name in before.data.keys() & now.data.keys():
        text = _rows_changed(before.data[name], now.data[name])
        if text:
            yield Change("data", f"{elide(name, LETTERS)}: {text}" if len(now.data) > 1 else text)
    if before.settings and now.settings:
        yield from (Change("settings", text) for text in _pairs(before.settings, now.settings))
    labels = [{score.variant: score.label for score in run.scores} for run in (before, now)]
    for word, here, there in (("with", labels[1], labels[0]), ("without", labels[0], labels[1])):
        names = [elide(label, LETTERS) for variant, label in here.items() if variant not in there]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            yield Change("settings", f"{word} {'; '.join(names[:3])}{more}")


def _pairs(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            old, new = (elide(table.get(key, "not set"), LETTERS) for table in (before, now))
            yield f"{elide(key, LETTERS)} {old} → {new}"


def _rows_changed(before: Data, now: Data) -> str:
    if before.sha256 == now.sha256 or not (before.sha256 and now.sha256):
        return ""
    parts = [f"{before.rows:,} → {count(now.rows, 'row')}"] if before.rows != now.rows else []
    if before.columns != now.columns and before.columns and now.columns:
        parts.append(f"{before.columns:,} → {count(now.columns, 'column')}")
    return ", ".join(parts) or f"other content in as many rows ({now.rows:,})"
