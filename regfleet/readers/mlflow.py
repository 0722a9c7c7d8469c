"""MLflow: a folder mlruns, a SQLite file, or a CSV of runs, of `search_runs` or of the page of an experiment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.mixed import mixed_runs
from regfleet.readers.runs import Runs, frame_of, left_out, without_score
from regfleet.readers.source import value_of
from regfleet.readers.sqlite import Database, database
from regfleet.text import given, listed, named

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "MLflow"
TAKES = "a folder mlruns, a SQLite file, a CSV of runs"
STATES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_PARENT, _NAME = "mlflow.parentRunId", "mlflow.runName"
_PAGE = ("Start Time", "Duration", "Run ID", "Name", "Source Type", "Source Name", "User", "Status")
"""The first columns of the CSV file that the page of an experiment gives."""
_COLUMNS = ("run_id", "experiment_id", "status", "start_time")
_PLACES = ("*/*/meta.yaml", "*/meta.yaml", "mlruns/*/*/meta.yaml")
MOST_META = 1_000_000


class _Run:
    """A run as it is put together from where it lies."""

    def __init__(self, experiment: str, state: str, name: str) -> None:
        self.experiment, self.state, self.name = experiment, state, name
        self.deleted = False
        self.params: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, Any] = {}


def read(source: Source) -> Runs | None:
    """The runs of the experiments in ``source``; None where it is nothing of MLflow's."""
    if source.kind == "sqlite" and source.path is not None:
        with database(source.path, source.name, source.advance) as base:
            if not {"experiments", "runs"} <= base.tables:
                return None
            return _runs(_of_database(base))
    if source.kind == "folder":
        return _of_folder(source)
    columns = source.columns
    if "run_id" in columns and any(name.startswith("metrics.") for name in columns):
        return _of_table(source)
    if {"run_id", "experiment_id", "artifact_uri"} <= {*columns}:
        raise InputError(f"{source.name}: expected MLflow's columns metrics.…; got none")
    if columns[: len(_PAGE)] == _PAGE:
        return mixed_runs(source, TOOL, _PAGE, "Status", "the page of an experiment")
    return None


def _of_database(base: Database) -> dict[str, _Run]:
    metrics = "latest_metrics" if "latest_metrics" in base.tables else "metrics"
    base.need(
        TOOL,
        experiments="experiment_id name",
        runs="run_uuid experiment_id name status lifecycle_stage start_time",
        params="run_uuid key value",
        tags="run_uuid key value",
        **{metrics: "run_uuid key value step timestamp is_nan"},
    )
    experiments = dict(base.rows("experiments", "experiment_id, name", "experiment_id"))
    runs: dict[str, _Run] = {}
    columns = "run_uuid, experiment_id, name, status, lifecycle_stage"
    for key, experiment, name, state, stage in base.rows("runs", columns, "start_time, run_uuid"):
        runs[key] = _Run(str(experiments.get(experiment, experiment)), str(state), str(name or ""))
        runs[key].deleted = stage == "deleted"
    for key, name, value in base.rows("params", "run_uuid, key, value", "run_uuid, key"):
        if key in runs:
            runs[key].params[str(name)] = value_of(str(value))
    for key, name, value in base.rows("tags", "run_uuid, key, value", "run_uuid, key"):
        if key in runs:
            runs[key].tags[str(name)] = value
    columns = "run_uuid, key, value, is_nan"
    for key, name, value, is_nan in base.rows(metrics, columns, "run_uuid, key, step, timestamp, value"):
        if key in runs and isinstance(value, int | float):
            runs[key].metrics[str(name)] = math.nan if is_nan else float(value)
    return runs


def _of_folder(source: Source) -> Runs | None:
    """The runs of mlruns, or of the one folder in it of an experiment."""
    files = next(filter(None, (_of_runs(source.found(pattern)) for pattern in _PLACES)), None)
    if files is None:
        if source.path is not None and source.path.name == "mlruns" and (source.path.parent / "mlflow.db").is_file():
            raise InputError(
                f"{source.name}: expected MLflow's runs; got their artifacts: the runs are in mlflow.db beside it"
            )
        return None
    begun = []
    experiments: dict[Path, str] = {}
    for path in files:
        meta = _meta(source.read(path))
        for field in ("run_id", "experiment_id", "status"):
            if field not in meta:
                raise InputError(f"{named(str(path))}: expected MLflow's field {field}; got none")
        above = path.parent.parent / "meta.yaml"
        if above not in experiments:
            experiments[above] = _meta(source.read(above)).get("name", "") if above.is_file() else meta["experiment_id"]
        run = _Run(experiments[above], STATES.get(_whole(meta["status"]) or 0, ""), meta.get("run_name", ""))
        run.deleted = meta.get("lifecycle_stage") == "deleted"
        for name, content in _files(source, path.parent / "params"):
            run.params[name] = value_of(content.decode("utf-8", "replace").strip("\n"))
        for name, content in _files(source, path.parent / "tags"):
            run.tags[name] = content.decode("utf-8", "replace")
        for name, content in _files(source, path.parent / "metrics"):
            run.metrics[name] = _last_value(content, f"{named(str(path.parent))}, metric {name}")
        begun.append((_whole(meta.get("start_time", "0")) or 0, str(meta["run_id"]), run))
    return _runs({key: run for _, key, run in sorted(begun, key=lambda one: one[:2])})


def _of_runs(files: list[Path]) -> list[Path]:
    """Those that lie beside what a run logged, and not in the folder of an experiment or of something else."""
    return [path for path in files if (path.parent / "metrics").is_dir() or (path.parent / "params").is_dir()]


def _meta(content: bytes) -> dict[str, str]:
    """The fields of a meta.yaml, which is a flat list of them; quotes are taken off."""
    found = {}
    for line in content[:MOST_META].decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(": ")
        if colon and not name.startswith((" ", "-")):
            found[name] = value.strip().strip("'\"")
    return found


def _files(source: Source, folder: Path) -> list[tuple[str, bytes]]:
    """The names and contents of what lies in a folder of a run, folders in it too."""
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [(path.relative_to(folder).as_posix(), source.read(path)) for path in paths]


def _last_value(content: bytes, where: str) -> float:
    """The value of the last step of a metric: lines of time, value, and step where it is known."""
    best: tuple[int, int, float] | None = None
    for line in content.decode("utf-8", "replace").splitlines():
        parts = line.split(" ")
        try:
            seen = (int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1]))
        except (ValueError, IndexError):
            raise InputError(f"{where}: expected time, value and step on each line; got {given(line)}") from None
        best = seen if best is None or seen[:2] >= best[:2] else best
    return best[2] if best is not None else math.nan


def _of_table(source: Source) -> Runs:
    """The runs of `search_runs`."""
    parts = ("params.", "metrics.", "tags.")
    table = source.table(lambda name: name.startswith(parts) or name in _COLUMNS)
    runs = {}
    if "start_time" in table:  # search_runs gives the newest first
        table = table.sort_values("start_time", kind="stable", key=lambda times: times.astype(str))
    for place, row in enumerate(table.to_dict("records")):
        run = _Run(str(row.get("experiment_id", "")), str(row.get("status", "FINISHED")), "")
        for name, value in row.items():
            part, _, short = str(name).partition(".")
            if value is not None and part == "params":
                run.params[short] = value_of(value) if isinstance(value, str) else value
            elif value is not None and part == "metrics" and isinstance(value, int | float):
                run.metrics[short] = float(value)
            elif value is not None and part == "tags":
                run.tags[short] = value
        run.name = str(run.tags.get(_NAME, ""))
        runs[f"{row.get('run_id')} {place}"] = run
    return _runs(runs, ids=[str(one) for one in table["run_id"]])


def _runs(runs: Mapping[str, _Run], ids: list[str] | None = None) -> Runs:
    """Runs that finished or failed, without those that only hold others."""
    parents = {str(run.tags.get(_PARENT)) for run in runs.values() if not run.deleted}
    keys = ids or list(runs)
    kept, deleted, above, going = [], 0, 0, 0
    for key, run in zip(keys, runs.values(), strict=True):
        if run.deleted:
            deleted += 1
        elif key in parents:
            above += 1
        elif run.state in ("RUNNING", "SCHEDULED"):
            going += 1
        else:
            kept.append(run)
    experiments = list(dict.fromkeys(run.experiment for run in kept))
    failed = [run.state in ("FAILED", "KILLED") for run in kept]
    tags = [{name: one for name, one in run.tags.items() if not name.startswith("mlflow.")} for run in kept]
    extras = [{"experiment": run.experiment, "run_name": run.name} | mine for run, mine in zip(kept, tags, strict=True)]
    found = f"Read as MLflow's: {count(len(runs), 'run')}, each by the last value of its metrics"
    found += f", of {listed([given(one) for one in experiments])}." if experiments else "."
    return Runs(
        tool=TOOL,
        settings=frame_of([run.params for run in kept]),
        extras=frame_of(extras),
        scores=frame_of([run.metrics for run in kept], numbers=True),
        lost=failed,
        dataset="experiment" if len(experiments) > 1 else "",
        label="run_name",
        notes=(
            found,
            *left_out([(going, "still running"), (deleted, "deleted"), (above, "with other runs in it")]),
            *without_score(sum(failed)),
        ),
    )


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 19 else None
