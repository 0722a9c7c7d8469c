"""scikit-learn: `cv_results_` of a search, and what `cross_validate` returns for several models.

As dictionaries or frames of Python's, as JSON or as CSV. Pickles, joblib's among them, are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs, frame_of, left_out
from regfleet.text import given, listed

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "scikit-learn"
TAKES = "cv_results_, or {name: cross_validate(…)}, as JSON or CSV"
MOST_PLAIN_FOLDS = 10
"""More splits than that are repeats of a cross-validation, or random: of what share is not recorded."""
_SPLIT = re.compile(r"split([0-9]{1,5})_(test|train)_(.+)")
_TIMES = ("fit_time", "score_time")
_NAMES = ("technique", "model", "estimator", "name", "method", "level_0", "Unnamed: 0", "")


def read(source: Source) -> Runs | None:
    """The folds of each candidate or model; None where it is nothing of scikit-learn's."""
    if any(_SPLIT.fullmatch(name) for name in source.columns):
        table = source.table()
        return _of_search(source, {str(name): list(table[name]) for name in table})
    if {*_TIMES} <= {*source.columns}:
        return _of_models(source, _by_model(source))
    found = getattr(source.given, "cv_results_", source.document)
    if isinstance(found, list):
        found = _columns_of(found)
    if not isinstance(found, Mapping) or not found:
        return None
    if set(found) == {"columns", "index", "data"} and isinstance(found["data"], list):
        found = _columns_of([dict(zip(found["columns"], row, strict=False)) for row in found["data"]])
    if any(_SPLIT.fullmatch(str(name)) for name in found):
        return _of_search(source, {str(name): _list(values) for name, values in found.items()})
    if {*_TIMES} <= {str(name) for name in found} and any(str(name).startswith("test_") for name in found):
        raise InputError(
            f"{source.name}: expected what cross_validate returns for at least two models, {{name: dictionary}}; got "
            "that of one, which has nothing to be compared with"
        )
    if any(str(name).startswith("mean_test_") for name in found) and "params" in found:
        raise InputError(f"{source.name}: expected cv_results_ with the columns split0_test_…; got none")
    if all(isinstance(one, Mapping) and _is_validated(one) for one in found.values()):
        return _of_models(source, {str(name): one for name, one in found.items()})
    return None


def _is_validated(found: Mapping[Any, Any]) -> bool:
    return any(str(name).startswith("test_") for name in found) and "fit_time" in found


def _of_search(source: Source, table: Mapping[str, Sequence[Any]]) -> Runs:
    """A line for each candidate and fold, in the order in which the candidates were tried."""
    splits: dict[int, dict[str, Sequence[Any]]] = {}
    for name, values in table.items():
        part = _SPLIT.fullmatch(name)
        if part:
            splits.setdefault(int(part[1]), {})[_score_name(part[2], part[3])] = values
    candidates = len(next(iter(next(iter(splits.values())).values())))
    if any(len(values) != candidates for scores in splits.values() for values in scores.values()):
        raise InputError(f"{source.name}: expected as many values in each column of cv_results_; got several lengths")
    params = _params(table, candidates)
    last = _last_round(table, candidates)
    kept = [place for place in range(candidates) if place in last]
    folds = sorted(splits)
    settings = [params[place] | {"fold": fold} for place in kept for fold in folds]
    scores = [{name: values[place] for name, values in splits[fold].items()} for place in kept for fold in folds]
    early = candidates - len(kept)
    return _runs(
        settings,
        scores,
        (),
        len(folds),
        (
            f"Read as scikit-learn's cv_results_: {count(len(kept), 'candidate')} on {count(len(folds), 'fold')}.",
            *left_out([(early, "tried by a halving search on fewer rows only")]),
            "The best candidate is the best on these same folds, so its score is too good by a little.",
        ),
    )


def _of_models(source: Source, models: Mapping[str, Mapping[Any, Any]]) -> Runs:
    """A line for each model and fold."""
    if len(models) < 2:
        raise InputError(
            f"{source.name}: expected what cross_validate returns for at least two models; got that of one"
        )
    settings, scores = [], []
    folds = {name: len(_list(one["fit_time"])) for name, one in models.items()}
    if len(set(folds.values())) > 1:
        got = listed([f"{number} of {given(name)}" for name, number in folds.items()])
        raise InputError(f"{source.name}: expected the same folds for every model; got {got}")
    number = next(iter(folds.values()))
    rows, exact = _indices(source, models)
    for name, one in models.items():
        measured = {str(key): _list(values) for key, values in one.items() if _is_score(str(key))}
        if any(len(values) != number for values in measured.values()):
            raise InputError(
                f"{source.name}: expected a score for each of {number} folds of {given(name)}; got fewer or more"
            )
        for fold in range(number):
            settings.append({"model": name, "fold": fold} | (rows[fold] if exact else {}))
            scores.append({_score_name(*key.split("_", 1)): values[fold] for key, values in measured.items()})
    same = (
        "All models were tested on the same rows in each fold, as the indices show."
        if exact
        else "A fold of one model is taken for the same rows as that fold of the others: cv must have been the same "
        "splitter, with a fixed random_state where it shuffles."
    )
    return _runs(
        settings,
        scores,
        ("model",),
        number,
        (
            f"Read as scikit-learn's cross_validate: {count(len(models), 'model')} on {count(number, 'fold')}.",
            same,
        ),
        exact=exact,
    )


def _runs(
    settings: list[dict[str, Any]],
    scores: list[dict[str, Any]],
    technique: tuple[str, ...],
    folds: int,
    notes: tuple[str, ...],
    *,
    exact: bool = False,
) -> Runs:
    measured = frame_of(scores, numbers=True)
    decide = [name for name in measured if not str(name).startswith("train_")]
    return Runs(
        tool=TOOL,
        settings=frame_of(settings),
        scores=measured,
        directions=dict.fromkeys(map(str, measured), True),
        metric=str(decide[0]) if len(decide) == 1 else "",
        technique=technique,
        seed="fold",
        overlap=0.0 if exact else _overlap(folds),
        guess="" if exact else _guess(folds),
        notes=notes,
    )


def _score_name(rows: str, scorer: str) -> str:
    """``score`` of test rows where there is one scorer, which has no name; ``test_accuracy`` where it has one."""
    return scorer if rows == "test" and scorer == "score" else f"{rows}_{scorer}"


def _params(table: Mapping[str, Sequence[Any]], candidates: int) -> list[dict[str, Any]]:
    """The parameters of each candidate: params where it holds dictionaries, the columns param_… else."""
    whole = table.get("params", ())
    if len(whole) == candidates and all(isinstance(one, Mapping) for one in whole):
        return [{str(name): _plain(value) for name, value in one.items()} for one in whole]
    columns = {name.removeprefix("param_"): values for name, values in table.items() if name.startswith("param_")}
    return [
        {name: _plain(values[place]) for name, values in columns.items() if place < len(values)}
        for place in range(candidates)
    ]


def _plain(value: Any) -> Any:
    if value is None or value is np.ma.masked:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and np.isnan(value):
        return None
    return value if isinstance(value, str | int | float) else str(value)[:200]


def _last_round(table: Mapping[str, Sequence[Any]], candidates: int) -> set[int]:
    """The candidates of the last round of a halving search, which had the most rows; all of any other."""
    rounds = table.get("iter", ())
    if len(rounds) != candidates or not all(isinstance(one, int | float | np.number) for one in rounds):
        return set(range(candidates))
    return {place for place, one in enumerate(rounds) if one == max(rounds)}


def _overlap(folds: int) -> float:
    """n_test/n_train of so many folds: those of one cross-validation, or 1/4 where they are too many for that.

    Five folds are what scikit-learn repeats unless it is told otherwise; random splits of a tenth overlap less.
    """
    return 1 / (folds - 1) if 2 <= folds <= MOST_PLAIN_FOLDS else 0.25


def _guess(folds: int) -> str:
    if folds > MOST_PLAIN_FOLDS:
        return f"The {folds:,} folds are taken for repeats of five, each tested on a fifth of the rows."
    return f"The folds are taken for one cross-validation: each is tested on 1/{folds} of the rows."


def _indices(source: Source, models: Mapping[str, Mapping[Any, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """n_train and n_test of each fold, where every model says which rows they were; refused where they differ."""
    told: list[Any] = [one.get("indices") for one in models.values()]
    if not all(isinstance(one, Mapping) and {"train", "test"} <= set(one) for one in told):
        return [], False
    first = told[0]
    for name, one in zip(models, told, strict=True):
        if _rows(one["test"]) != _rows(first["test"]):
            raise InputError(
                f"{source.name}: expected the same folds for every model; got other test rows for {given(name)}: give "
                "all the same cv, with a fixed random_state where it shuffles"
            )
    pairs = zip(_rows(first["train"]), _rows(first["test"]), strict=True)
    return [{"n_train": len(train), "n_test": len(test)} for train, test in pairs], True


def _rows(folds: Any) -> list[list[Any]]:
    return [_list(rows) for rows in _list(folds)]


def _by_model(source: Source) -> dict[str, dict[str, list[Any]]]:
    """What cross_validate returned, of a table with a line for each model and fold."""
    names = [name for name in source.columns if name in _NAMES]
    scores = [name for name in source.columns if _is_score(name)]
    if not scores:
        raise InputError(f"{source.name}: expected cross_validate's columns test_…; got none")
    table = source.table()
    named = [name for name in names if any(isinstance(one, str) for one in table[name])]
    if not named:
        raise InputError(
            f"{source.name}: expected a column technique or model beside cross_validate's, which says whose folds they "
            "are; got none"
        )
    models: dict[str, dict[str, list[Any]]] = {}
    for _, row in table.iterrows():
        one = models.setdefault(str(row[named[0]]), {name: [] for name in (*_TIMES, *scores)})
        for name, values in one.items():
            values.append(row[name])
    return models


def _is_score(name: str) -> bool:
    return name.startswith(("test_", "train_"))


def _columns_of(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns from a list of lines."""
    if not all(isinstance(row, Mapping) for row in rows):
        return {}
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _list(values: Any) -> list[Any]:
    """The values of a column, which JSON may hold by their numbers."""
    if isinstance(values, Mapping):
        return list(values.values())
    if isinstance(values, np.ma.MaskedArray):
        return [None if value is np.ma.masked else value for value in values]
    return values.tolist() if isinstance(values, np.ndarray) else list(values) if _is_listed(values) else [values]


def _is_listed(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str | bytes)
