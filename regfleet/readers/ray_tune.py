"""Ray Tune: the folder of an experiment, a ResultGrid, or the table of `results.get_dataframe()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.ray import judged_by
from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs, flat, frame_of, left_out, without_score
from regfleet.readers.source import json_of
from regfleet.text import listed, named

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "Ray Tune"
TAKES = "the folder of an experiment, a ResultGrid, a CSV of get_dataframe()"
_BOOKS = frozenset(
    (
        *("training_iteration", "timestamp", "time_this_iter_s", "time_total_s", "pid", "time_since_restore", "done"),
        *(
            "iterations_since_restore",
            "episodes_total",
            "timesteps_total",
            "timesteps_since_restore",
            "trial_id",
            "date",
        ),
        *(
            "hostname",
            "node_ip",
            "checkpoint_dir_name",
            "should_checkpoint",
            "logdir",
            "experiment_id",
            "experiment_tag",
        ),
        *("config", "warmup_time", "num_restore_failures"),
    )
)
"""What Ray writes beside the metrics."""


_Trial = tuple[dict[str, Any], dict[str, Any], bool]
"""Its settings, its last result, and whether it failed."""


def read(source: Source) -> Runs | None:
    """The trials of an experiment; None where it is nothing of Ray Tune's."""
    if source.kind == "folder":
        return _of_folder(source)
    columns = source.columns
    if "trial_id" in columns and any(name.startswith("config/") for name in columns):
        return _of_table(source)
    grid = source.given
    if type(grid).__name__ == "ResultGrid" and type(grid).__module__.partition(".")[0] == "ray":
        return _of_grid(grid)
    return None


def _of_folder(source: Source) -> Runs | None:
    results = source.found("*/result.json")
    states = source.found("experiment_state-*.json")
    if not states and not (results and source.found("*/params.json")):
        experiments = sorted({path.parent.name for path in source.found("*/experiment_state-*.json")})
        if experiments:
            got = listed([named(one) for one in experiments])
            raise InputError(f"{source.name}: expected the folder of one experiment of Ray Tune's; got that of {got}")
        return None
    trials = sorted({path.parent for path in [*results, *source.found("*/params.json")]})
    if not trials:
        raise InputError(f"{source.name}: expected Ray Tune's trials, folders with result.json; got none")
    rows = [(_config(source, folder), _last_result(source, folder), _failed(folder)) for folder in trials]
    return _runs(rows)


def _config(source: Source, folder: Path) -> dict[str, Any]:
    path = folder / "params.json"
    if not path.is_file():
        return {}
    found = json_of(source.read(path), named(str(path)))
    return flat(found) if isinstance(found, dict) else {}


def _last_result(source: Source, folder: Path) -> dict[str, Any]:
    """The last result that a trial reported; none where it reported none."""
    path = folder / "result.json"
    if not path.is_file():
        return {}
    line = source.last_line(path)
    found = json_of(line, named(str(path))) if line.strip() else {}
    if not isinstance(found, dict):
        raise InputError(f"{named(str(path))}: expected a JSON object on each line; got something else on the last")
    return found


def _failed(folder: Path) -> bool:
    return (folder / "error.txt").is_file() or (folder / "error.pkl").is_file()


def _of_grid(grid: Any) -> Runs:
    metric, mode = judged_by(grid)
    rows = [
        (flat(one.config or {}), dict(one.metrics or {}), one.error is not None)
        for one in (grid[place] for place in range(len(grid)))
    ]
    return _runs(rows, metric or "", higher=None if mode is None else mode == "max")


def _of_table(source: Source) -> Runs:
    table = source.table(bool)  # a column without a name is the index that pandas writes
    rows = []
    for _, row in table.iterrows():
        values = {str(name): value for name, value in row.items()}
        config = {name.removeprefix("config/"): one for name, one in values.items() if name.startswith("config/")}
        rows.append((config, {name: one for name, one in values.items() if not name.startswith("config/")}, False))
    found = _runs(rows)
    silent = "The table does not say which trials failed: those that did count by what they reported before."
    return replace(found, notes=(*found.notes, silent))


def _runs(rows: list[_Trial], metric: str = "", *, higher: bool | None = None) -> Runs:
    """Trials as runs, from what each was given, what it reported last, and whether it failed."""
    kept, begun = [], 0
    for config, result, failed in rows:
        plain = {name: value for name, value in flat(result).items() if not name.startswith("config/")}
        measured = {name: value for name, value in plain.items() if name.partition("/")[0] not in _BOOKS}
        if not measured and not failed:
            begun += 1
            continue
        own = config or flat(_config_of(result))
        kept.append((own, measured, {"training_iteration": plain.get("training_iteration")}, failed))
    scores = frame_of([one[1] for one in kept], numbers=True)
    scores = scores[[name for name in scores if scores[name].notna().any()]]
    failures = sum(one[3] for one in kept)
    steps: list[object] = [one[2]["training_iteration"] for one in kept if not one[3]]
    ended = [one for one in steps if isinstance(one, int | float)]
    notes = [f"Read as Ray Tune's: {count(len(rows), 'trial')}, each by the last result that it reported."]
    if len(set(ended)) > 1:
        notes.append(
            f"Trials ended after {min(ended):g} to {max(ended):g} results: where a scheduler ended some of them, their "
            "scores are those of shorter training."
        )
    return Runs(
        tool=TOOL,
        settings=frame_of([one[0] for one in kept]),
        extras=frame_of([one[2] for one in kept]),
        scores=scores,
        directions={} if higher is None or not metric else {metric: higher},
        lost=[one[3] for one in kept],
        metric=metric,
        notes=(*notes, *left_out([(begun, "without a result")]), *without_score(failures)),
    )


def _config_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    found = result.get("config")
    return found if isinstance(found, dict) else {}
