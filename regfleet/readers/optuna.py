"""Optuna: a study in a SQLite file or a journal, or the table of `study.trials_dataframe()`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs, flat, frame_of, left_out, mapping, without_score
from regfleet.readers.source import lines_of
from regfleet.readers.sqlite import Database, database
from regfleet.text import given, listed

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "Optuna"
TAKES = "a SQLite file, a journal, a CSV of trials_dataframe()"
STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
"""As a journal numbers them."""
DIRECTIONS = {"MINIMIZE": False, "MAXIMIZE": True, 1: False, 2: True}
_INFINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf")}
_METRIC_NAMES = "study:metric_names"


class _Study:
    """A study as it is put together: the names and directions of its values, and its trials by their numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directions: list[bool | None] = []
        self.names: Sequence[str] = ()
        self.trials: list[_Trial] = []


class _Trial:
    def __init__(self, state: str) -> None:
        self.state = state
        self.params: dict[str, Any] = {}
        self.attributes: dict[str, Any] = {}
        self.values: dict[int, float] = {}


def read(source: Source) -> Runs | None:
    """The trials of the studies in ``source``; None where it is nothing of Optuna's."""
    if source.kind == "sqlite" and source.path is not None:
        with database(source.path, source.name, source.advance) as base:
            if not {"studies", "trials"} <= base.tables or "runs" in base.tables:
                return None
            return _runs(source, _of_database(base))
    if source.kind == "journal":
        return _runs(source, _of_journal(source))
    if type(source.given).__name__ == "Study" and type(source.given).__module__.startswith("optuna."):
        return _runs(source, [_of_object(source.given)])
    columns = source.columns
    params = [name for name in columns if name.startswith("params_")]
    if "state" in columns and "number" in columns and (params or "value" in columns or _values(columns)):
        return _of_table(source, params)
    return None


def _of_database(base: Database) -> list[_Study]:
    base.need(
        TOOL,
        studies="study_id study_name",
        study_directions="study_id direction objective",
        trials="trial_id study_id number state",
        trial_params="trial_id param_name param_value distribution_json",
        trial_values="trial_id objective value",
    )
    studies = {key: _Study(str(name)) for key, name in base.rows("studies", "study_id, study_name", "study_id")}
    for key, direction in base.rows("study_directions", "study_id, direction", "study_id, objective"):
        if key in studies:
            studies[key].directions.append(DIRECTIONS.get(direction))
    if "study_system_attributes" in base.tables:
        for key, name, value in base.rows("study_system_attributes", "study_id, key, value_json", "study_id"):
            if name == _METRIC_NAMES and key in studies:
                studies[key].names = _names(_json(value))
    trials: dict[Any, _Trial] = {}
    for key, study, state in base.rows("trials", "trial_id, study_id, state", "study_id, number, trial_id"):
        if study in studies:
            trials[key] = _Trial(str(state))
            studies[study].trials.append(trials[key])
    _fill(base, trials)
    return list(studies.values())


def _fill(base: Database, trials: Mapping[Any, _Trial]) -> None:
    """Give trials their parameters, values and attributes from a database."""
    columns = "trial_id, param_name, param_value, distribution_json"
    for key, name, value, distribution in base.rows("trial_params", columns, "trial_id, param_id"):
        if key in trials:
            trials[key].params[str(name)] = _param(value, _json(distribution))
    has_kind = "value_type" in base.columns("trial_values")
    columns = "trial_id, objective, value" + ", value_type" * has_kind
    for key, objective, value, *kind in base.rows("trial_values", columns, "trial_id"):
        number = _INFINITE.get(kind[0], value) if kind else value
        if key in trials and isinstance(number, int | float) and isinstance(objective, int):
            trials[key].values[objective] = float(number)
    if "trial_user_attributes" in base.tables:
        for key, name, value in base.rows("trial_user_attributes", "trial_id, key, value_json", "trial_id"):
            if key in trials:
                trials[key].attributes |= flat({str(name): _json(value)})


def _of_journal(source: Source) -> list[_Study]:
    """The studies that a journal builds up, line by line; what a line says is told by its op_code."""
    studies: dict[int, _Study] = {}
    trials: list[_Trial] = []
    begun = 0
    for line in lines_of(source.content, source.name):
        code, study = line.get("op_code"), line.get("study_id")
        there = studies.get(study) if isinstance(study, int) else None
        if code == 0 and line.get("study_name") not in [one.name for one in studies.values()]:
            studies[begun] = _Study(str(line.get("study_name")))
            studies[begun].directions = [_direction(one) for one in _list(line.get("directions"))]
            begun += 1
        elif code == 1 and isinstance(study, int):
            studies.pop(study, None)
        elif code == 3 and there:
            there.names = _names(mapping(line.get("system_attr")).get(_METRIC_NAMES)) or there.names
        elif code == 4 and there:
            trials.append(_begun(line))
            there.trials.append(trials[-1])
        elif code in (5, 6, 8):
            _change(line, trials)
    return list(studies.values())


def _of_object(study: Any) -> _Study:
    """A study of Python's."""
    found = _Study(str(study.study_name))
    found.directions = [DIRECTIONS.get(int(one)) for one in study.directions]
    found.names = study.metric_names or ()
    for one in study.get_trials(deepcopy=False):
        trial = _Trial(one.state.name)
        trial.params, trial.attributes = flat(one.params), flat(one.user_attrs)
        _set_values(trial, one.values)
        found.trials.append(trial)
    return found


def _begun(line: Mapping[str, Any]) -> _Trial:
    """A trial as a line begins it, whole where another study's was added."""
    trial = _Trial(_state(line.get("state", 0)))
    distributions = mapping(line.get("distributions"))
    for name, value in mapping(line.get("params")).items():
        trial.params[name] = _param(value, _json(distributions.get(name)))
    trial.attributes = flat(mapping(line.get("user_attrs")))
    _set_values(trial, line.get("values") if line.get("values") is not None else [line.get("value")])
    return trial


def _change(line: Mapping[str, Any], trials: Sequence[_Trial]) -> None:
    """What a line says of a trial that is not finished: a parameter, its state and values, an attribute."""
    number = line.get("trial_id")
    if not isinstance(number, int) or not 0 <= number < len(trials) or trials[number].state in STATES[1:4]:
        return
    trial = trials[number]
    if line["op_code"] == 5:
        trial.params[str(line.get("param_name"))] = _param(
            line.get("param_value_internal"), _json(line.get("distribution"))
        )
    elif line["op_code"] == 6:
        trial.state = _state(line.get("state"))
        _set_values(trial, line.get("values"))
    else:
        trial.attributes |= flat(mapping(line.get("user_attr")))


def _of_table(source: Source, params: Sequence[str]) -> Runs:
    """The trials of a table, which does not say which way the values point."""
    names = _values(source.columns)
    if "value" not in source.columns and not names:
        raise InputError(f"{source.name}: expected Optuna's column value, or values_…; got none")
    table = source.table(lambda name: name.startswith(("params_", "user_attrs_", "value")) or name == "state")
    study = _Study("")
    study.names = [name.removeprefix("values_").removeprefix("value_") for name in names]
    columns = names or ["value"]
    study.directions = [None] * len(columns)
    for row in table.to_dict("records"):
        trial = _Trial(str(row["state"]).rpartition(".")[2])
        trial.params = {name.removeprefix("params_"): row[name] for name in params if row[name] is not None}
        trial.attributes = {
            str(name).removeprefix("user_attrs_"): row[name] for name in table if str(name).startswith("user_attrs_")
        }
        _set_values(trial, [row[name] for name in columns])
        study.trials.append(trial)
    return _runs(source, [study])


def _runs(source: Source, studies: Sequence[_Study]) -> Runs:
    """The trials of all studies as runs; a study with more than one is taken for a data set each."""
    counts = dict.fromkeys(STATES, 0)
    settings, extras, scores, lost = [], [], [], []
    directions: dict[str, bool] = {}
    for study in studies:
        names = _score_names(study)
        directions |= {name: way for name, way in zip(names, study.directions, strict=False) if way is not None}
        for trial in study.trials:
            if trial.state not in counts:
                raise InputError(f"{source.name}: expected one of Optuna's states of a trial; got {given(trial.state)}")
            counts[trial.state] += 1
            if trial.state in ("RUNNING", "WAITING"):
                continue
            settings.append(trial.params)
            extras.append({"study": study.name} | trial.attributes)
            scores.append({name: trial.values[place] for place, name in enumerate(names) if place in trial.values})
            lost.append(trial.state != "COMPLETE")
    several = len({one["study"] for one in extras}) > 1
    found = f"Read as Optuna's: {count(sum(counts.values()), 'trial')}"
    found += f" of {listed([given(study.name) for study in studies])}." if studies and studies[0].name else "."
    return Runs(
        tool=TOOL,
        settings=frame_of(settings),
        extras=frame_of(extras),
        scores=frame_of(scores, numbers=True),
        directions=directions,
        lost=lost,
        metric=_score_names(studies[0])[0] if studies and len(_score_names(studies[0])) == 1 else "",
        dataset="study" if several else "",
        notes=(
            found,
            *left_out([(counts["RUNNING"], "still running"), (counts["WAITING"], "waiting")]),
            *without_score(counts["FAIL"], counts["PRUNED"]),
        ),
    )


def _score_names(study: _Study) -> list[str]:
    """The names of a study's values, numbered where it gives none."""
    if study.names:
        return list(study.names)
    return ["value"] if len(study.directions) < 2 else [f"value {place}" for place in range(len(study.directions))]


def _values(columns: Sequence[str]) -> list[str]:
    """The columns of the values of several objectives, or of one that has a name."""
    return [name for name in columns if name.startswith(("values_", "value_"))]


def _param(value: Any, distribution: Any) -> Any:
    """A parameter as it was used: a choice by its number, a whole number where it is one."""
    table = mapping(distribution)
    inside = mapping(table.get("attributes")) or table
    choices, kind = inside.get("choices"), str(table.get("name", table.get("type", "")))
    if isinstance(choices, list) and isinstance(value, int | float):
        place = int(value) if 0 <= value < len(choices) else -1
        chosen = choices[place] if place >= 0 else None
        return chosen if chosen is None or isinstance(chosen, str | int | float) else str(chosen)
    if kind.lower().startswith("int") and isinstance(value, float) and value % 1 == 0:
        return int(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _set_values(trial: _Trial, values: Any) -> None:
    for place, value in enumerate(_list(values)):
        if isinstance(value, int | float) and not isinstance(value, bool):
            trial.values[place] = float(value)


def _direction(value: Any) -> bool | None:
    return DIRECTIONS.get(value) if isinstance(value, int | str) else None


def _state(number: Any) -> str:
    known = isinstance(number, int) and 0 <= number < len(STATES)
    return STATES[number] if known else str(number)


def _names(value: Any) -> list[str]:
    return [str(one) for one in _list(value)]


def _json(text: Any) -> Any:
    """What a text of JSON holds; None where it holds none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
