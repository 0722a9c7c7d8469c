"""pytest-benchmark: the JSON of one run of pytest, or a folder with those of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs, flat, frame_of, mapping
from regfleet.readers.source import json_of
from regfleet.text import named

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "pytest-benchmark"
TAKES = "its JSON, or a folder of several"
MOST_ROUNDS = 1_000_000
_STATS = ("median", "mean", "min", "max")


def read(source: Source) -> Runs | None:
    """The benchmarks of one run of pytest, its rounds as repeats, or of several, each a repeat."""
    if source.kind == "folder":
        paths = [*source.found("*.json"), *source.found("*/*.json")]
        names = [named(str(path)) for path in paths]
        if not paths or not _is_run(_peek(source, paths[0], names[0])):
            return None
        found = [json_of(source.read(path), name) for path, name in zip(paths, names, strict=True)]
        odd = next((name for one, name in zip(found, names, strict=True) if not _is_run(one)), None)
        if odd is not None:
            raise InputError(f"{odd}: expected pytest-benchmark's benchmarks and machine_info; got other JSON")
        runs = list(zip(found, names, strict=True))
    elif source.kind == "json" and _is_run(source.document):
        runs = [(source.document, source.name)]
    else:
        return None
    return _of_rounds(runs[0][0], source) if len(runs) == 1 else _of_runs(runs)


def _peek(source: Source, path: Any, name: str) -> Any:
    """The first file of a folder, if it is JSON at all: the folder may be somebody else's."""
    try:
        return json_of(source.read(path), name)
    except InputError:
        return None


def _is_run(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("benchmarks"), list) and "machine_info" in found


def _of_rounds(run: Mapping[str, Any], source: Source) -> Runs:
    """The rounds of each benchmark; refused where only what sums them up was kept."""
    settings, scores = [], []
    for one in _benchmarks(run, source.name):
        data = one["stats"].get("data")
        if not isinstance(data, list) or len(data) < 2:
            raise InputError(
                f"{source.name}: expected the times of the rounds, without which nothing says how much they vary; got "
                f"none for {one['name']}: run pytest with --benchmark-save-data, or give a folder of several runs, "
                "made with --benchmark-autosave"
            )
        settings += [one["settings"] | {"round": place} for place in range(len(data))]
        scores += [{"seconds": value} for value in data]
        if len(scores) > MOST_ROUNDS:
            raise InputError(f"{source.name}: expected at most {MOST_ROUNDS:,} rounds; got more")
    return _runs(
        settings,
        scores,
        "round",
        (
            f"Read as pytest-benchmark's: one run of {count(len(run['benchmarks']), 'benchmark')}, by its rounds.",
            "Rounds of one process share its memory and its moment: the verdict is about that one run of pytest.",
            "A folder of several runs says more.",
        ),
    )


def _of_runs(runs: list[tuple[Any, str]]) -> Runs:
    """Each run of pytest is a repeat, with the median of its rounds."""
    settings, scores, machines = [], [], set()
    for number, (run, name) in enumerate(runs):
        machines.add(str(mapping(run.get("machine_info")).get("node", "")))
        for one in _benchmarks(run, name):
            settings.append(one["settings"] | {"run": number})
            scores.append({stat: one["stats"].get(stat) for stat in _STATS if stat in one["stats"]})
    notes = [
        f"Read as pytest-benchmark's: {count(len(runs), 'run')} of pytest, each a repeat, by the median of its rounds."
    ]
    if len(machines) > 1:
        notes.append(f"They were made on {len(machines)} machines.")
    return _runs(settings, scores, "run", tuple(notes))


def _runs(settings: list[dict[str, Any]], scores: list[dict[str, Any]], seed: str, notes: tuple[str, ...]) -> Runs:
    table, measured = frame_of(settings), frame_of(scores, numbers=True)
    grouped = "group" in table and table.groupby("benchmark")["group"].nunique().min() > 1
    return Runs(
        tool=TOOL,
        settings=table,
        scores=measured,
        directions=dict.fromkeys(map(str, measured), False),
        metric="seconds" if seed == "round" else "median",
        technique=("benchmark",),
        seed=seed,
        dataset="group" if grouped else "",
        notes=notes,
    )


def _benchmarks(run: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Name, statistics and settings of each benchmark of a run, by its full name where two are called alike."""
    found = run["benchmarks"]
    for one in found:
        if not isinstance(one, dict) or "name" not in one or not isinstance(one.get("stats"), dict):
            raise InputError(f"{name}: expected pytest-benchmark's name and stats of each benchmark; got other JSON")
    twice = len({str(one["name"]) for one in found}) < len(found)
    told = []
    for one in found:
        called = str(one.get("fullname", one["name"]) if twice else one["name"])
        group = {} if one.get("group") is None else {"group": str(one["group"])}
        settings = {"benchmark": called} | group | flat(mapping(one.get("params")))
        told.append({"name": called, "stats": one["stats"], "settings": settings})
    return told
