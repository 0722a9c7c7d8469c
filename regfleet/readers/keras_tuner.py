"""KerasTuner: the folder of a project, with a trial.json for each trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs, flat, frame_of, left_out, mapping, without_score
from regfleet.readers.source import json_of
from regfleet.text import listed, named

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "KerasTuner"
TAKES = "the folder of a project"
_EPOCHS = "tuner/epochs"
_INTERNAL = "tuner/"
"""Before the names of the settings by which Hyperband keeps its books."""
_SAME = 1e-12


def read(source: Source) -> Runs | None:
    """The trials of a project, or of the projects in a folder; None where there are none."""
    if source.kind != "folder" or source.path is None:
        return None
    files = source.found("trial_*/trial.json") or source.found("*/trial_*/trial.json")
    if not files:
        if source.found("oracle.json"):
            raise InputError(f"{source.name}: expected KerasTuner's trials, trial_*/trial.json; got none")
        return None
    trials = [_trial(source, path) for path in files]
    projects = list(dict.fromkeys(one["project"] for one in trials))
    states = [str(one["status"]) for one in trials]
    kept = [one for one in trials if one["status"] in ("COMPLETED", "FAILED", "INVALID")]
    longest = max((one["epochs"] for one in kept), default=0)
    short = [one["epochs"] < longest and one["status"] == "COMPLETED" for one in kept]
    metric, directions = _objective([one for one in kept if one["status"] == "COMPLETED"])
    failed = sum(one["status"] != "COMPLETED" for one in kept)
    return Runs(
        tool=TOOL,
        settings=frame_of([one["settings"] for one in kept]),
        extras=frame_of([{"project": one["project"]} for one in kept]),
        scores=frame_of([one["scores"] for one in kept], numbers=True),
        directions=directions,
        lost=[one["status"] != "COMPLETED" or early for one, early in zip(kept, short, strict=True)],
        metric=metric,
        dataset="project" if len(projects) > 1 else "",
        notes=(
            f"Read as KerasTuner's: {count(len(trials), 'trial')} of {listed(projects)}, each by its best epoch.",
            "Of a trial that was executed several times KerasTuner keeps the mean alone, so that counts once.",
            *left_out([(len(states) - len(kept), "not finished")]),
            *without_score(failed, sum(short)),
        ),
    )


def _trial(source: Source, path: Path) -> dict[str, Any]:
    name = named(str(path))
    found = json_of(source.read(path), name)
    if not isinstance(found, dict):
        raise InputError(f"{name}: expected KerasTuner's trial; got no JSON object")
    for field in ("hyperparameters", "metrics", "score", "status"):
        if field not in found:
            raise InputError(f"{name}: expected KerasTuner's field {field}; got none")
    values = mapping(mapping(found["hyperparameters"]).get("values"))
    metrics = mapping(mapping(found["metrics"]).get("metrics"))
    step = found.get("best_step")
    scores = {str(metric): _observed(mapping(history), step) for metric, history in metrics.items()}
    epochs = values.get(_EPOCHS, 0)
    return {
        "settings": flat({key: value for key, value in values.items() if not str(key).startswith(_INTERNAL)}),
        "scores": {"score": found["score"]} | scores,
        "ways": {str(metric): mapping(history).get("direction") for metric, history in metrics.items()},
        "status": found["status"],
        "epochs": epochs if isinstance(epochs, int | float) else 0,
        "project": path.parent.parent.name,
    }


def _observed(history: Mapping[str, Any], step: Any) -> float | None:
    """The value of a metric at the best step, else the last one; the mean where there are several."""
    every = history.get("observations")
    seen = [one for one in every if isinstance(one, dict)] if isinstance(every, list) else []
    chosen = next((one for one in seen if one.get("step") == step), seen[-1] if seen else {})
    value = chosen.get("value")
    values = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int | float)]
    return sum(values) / len(values) if values else None


def _objective(trials: list[dict[str, Any]]) -> tuple[str, dict[str, bool]]:
    """The metric whose values are the scores, and which metrics are better when higher; the score itself where none is.

    KerasTuner does not write down what it was after.
    """
    ways: dict[str, bool] = {}
    for trial in trials:
        ways |= {name: way == "max" for name, way in trial["ways"].items() if way in ("min", "max")}
    names = dict.fromkeys(name for trial in trials for name in trial["ways"])
    for name in sorted(names, key=lambda one: not one.startswith("val_")):
        if trials and all(_equal(trial["scores"].get(name), trial["scores"]["score"]) for trial in trials):
            for trial in trials:
                del trial["scores"]["score"]
            return name, ways
    return "score", ways


def _equal(one: Any, other: Any) -> bool:
    are_numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return are_numbers and (one == other or abs(one - other) <= _SAME * abs(other))
