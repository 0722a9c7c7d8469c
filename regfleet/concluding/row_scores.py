"""Scores of single test rows that another tool produced: a score of each run, and the predictions behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from regfleet.errors import InputError
from regfleet.predictions import Predictions
from regfleet.scorers import find_scorer, known_metric, scores_of
from regfleet.text import given

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.settings.values import Task

KEYS = ["dataset", "technique", "seed"]
PROBA = "proba_"
CORRECT, TRUE, PREDICTED = "correct", "y_true", "y_pred"
ALWAYS = (*KEYS, "row", "n_train", "n_val", "n_test", "n_rows", "group")
_RIGHT = {"1": 1, "1.0": 1, "true": 1, "yes": 1, "0": 0, "0.0": 0, "false": 0, "no": 0}
MOST_ROWS = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class RowScores:
    """``frame`` has a row for each run, with its score in the column ``metric``; ``facts`` one for each data set.

    ``facts`` has n_rows, fixed_test and grouped by data set. ``predicted`` are the predictions by data set and
    technique, empty where the score is none that single rows judge. ``task`` and ``classes`` are what was predicted, as
    far as that is known; ``row_names`` those of the rows in order of their numbers, empty where they have numbers.
    """

    frame: pd.DataFrame
    metric: str
    facts: pd.DataFrame
    predicted: dict[str, dict[str, Predictions]]
    notes: tuple[str, ...]
    task: Task
    classes: tuple[str, ...]
    row_names: tuple[str, ...]

    def of(self, dataset: str) -> Iterator[tuple[str, Predictions]]:
        """The predictions of each technique on a data set, in order of names."""
        yield from sorted(self.predicted.get(dataset, {}).items())


def has_rows(frame: pd.DataFrame) -> bool:
    """Whether a table has a line for each test row of a run, and not for each run."""
    keys = [key for key in KEYS if key in frame]
    return {"technique", "seed", "row"} <= {*frame.columns} and bool(frame.duplicated(keys).any())


def by_run(frame: pd.DataFrame, seeds: np.ndarray, metric: str | None) -> RowScores:
    """The scores of runs from those of their test rows.

    Args:
        frame: columns technique, seed and row, with correct, or y_true with y_pred or a proba_ column for each class,
            or the score of a row in a column called as its metric; perhaps dataset, n_train, n_rows and group.
        seeds: of each line, (lines,).
        metric: what to judge by; None: accuracy, of numbers the mean absolute error, or the only other column.

    Raises:
        InputError: a column is missing or holds what it must not, or techniques of a seed were tested on other rows.
    """
    for column in ("technique", "dataset"):
        if column in frame and frame[column].isna().any():
            raise InputError(f"{column} must be a name. Got nothing in row {_first(frame[column].isna())}")
    rows, row_names = _rows(frame)
    frame = frame.assign(seed=seeds, row=rows, dataset=_text(frame, "dataset"), technique=_text(frame))
    frame = frame.sort_values([*KEYS, "row"], kind="stable")
    twice = frame.duplicated([*KEYS, "row"])
    if twice.any():
        raise InputError(f"row must occur once for a technique and a seed. Got {_where(frame[twice].iloc[0])} twice")
    _check_same_rows(frame)
    kind = _kind(frame, metric)
    predictions, classes = _predictions(frame, kind)
    name = metric or {"correct": "accuracy", "classes": "accuracy", "numbers": "mae"}.get(kind, kind)
    runs = frame.groupby(KEYS, sort=False)
    table = runs.size().rename("n_test").reset_index()
    for column in ("n_train", "n_val"):
        if column in frame:
            _check_constant(frame, column, "a run", KEYS)
            table[column] = runs[column].first().to_numpy()
    table[name] = _scores(frame, predictions, kind, name, classes)
    predicted: dict[str, dict[str, Predictions]] = {}
    if kind in ("correct", "accuracy", "classes", "numbers"):
        places = frame.groupby(["dataset", "technique"], sort=False).indices
        for key, cells in places.items():
            dataset, technique = cast("tuple[str, str]", key)
            predicted.setdefault(str(dataset), {})[str(technique)] = predictions.taken(np.asarray(cells))
    task: Task = "regression" if kind == "numbers" else "classification"
    return RowScores(table, name, _facts(frame), predicted, _notes(frame, name), task, classes, row_names)


def _text(frame: pd.DataFrame, column: str = "technique") -> pd.Series | str:
    """The names in a column, as text."""
    return frame[column].astype(str) if column in frame else "scores"


def _rows(frame: pd.DataFrame) -> tuple[np.ndarray, tuple[str, ...]]:
    """The numbers of rows, int32; where they have names, numbers in alphabetical order, and those names."""
    import pandas as pd

    column = frame["row"]
    if column.isna().any():
        raise InputError(f"row must say which row of the data set it is. Got nothing in row {_first(column.isna())}")
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    if ((numbers >= 0) & (numbers <= MOST_ROWS) & (numbers % 1 == 0)).all():
        return numbers.astype(np.int32), ()
    names, places = np.unique(column.astype(str).to_numpy(), return_inverse=True)
    return places.astype(np.int32), tuple(names.tolist())


def _kind(frame: pd.DataFrame, metric: str | None) -> str:
    """Of what the lines are: correct, classes, numbers, or the name of a column that holds a score of each."""
    proba = [str(column) for column in frame if str(column).startswith(PROBA)]
    others = [str(one) for one in frame if one not in (*ALWAYS, CORRECT, TRUE, PREDICTED, *proba)]
    if TRUE in frame and (PREDICTED in frame or proba):
        known = known_metric(metric) if metric else None
        both = known is None or len(known.tasks) > 1
        if proba or (not both and known is not None and known.tasks == ("classification",)):
            return "classes"
        if not both:
            return "numbers"
        return "numbers" if _is_measured(frame) else "classes"
    if metric in others:
        return str(metric)
    if CORRECT in frame and metric in (None, "accuracy"):
        return "correct"
    if metric is None and len(others) == 1:
        return others[0]
    needed = f"{CORRECT}, {TRUE} with {PREDICTED} or {PROBA}CLASS, or a metric"
    got = f"{', '.join(map(str, frame.columns))}" + (f", for {given(metric)}" if metric else "")
    raise InputError(f"scores of rows must have the column {needed}. Got {got}")


def _is_measured(frame: pd.DataFrame) -> bool:
    """Whether what was to be predicted is a number and no class."""
    import pandas as pd

    numbers = [pd.to_numeric(frame[column], errors="coerce") for column in (TRUE, PREDICTED)]
    texts = any(
        (one.isna() & frame[column].notna()).any() for one, column in zip(numbers, (TRUE, PREDICTED), strict=True)
    )
    return not texts and any((one.dropna() % 1 != 0).any() for one in numbers)


def _predictions(frame: pd.DataFrame, kind: str) -> tuple[Predictions, tuple[str, ...]]:
    """All lines as predictions, and the names of the classes."""
    seeds, rows = frame["seed"].to_numpy(), frame["row"].to_numpy()
    if kind == "correct":
        return _right_or_wrong(seeds, rows, _right(frame[CORRECT])), ()
    if kind == "numbers":
        _check_truth(frame)
        return Predictions(seeds, rows, _finite(frame, TRUE), _finite(frame, PREDICTED)), ()
    if kind == "classes":
        _check_truth(frame)
        return _of_classes(frame, seeds, rows)
    values = _finite(frame, kind)
    if kind == "accuracy":
        if not np.isin(values, (0, 1)).all():
            raise InputError(f"{kind} of a row must be 0 or 1. Got {values[~np.isin(values, (0, 1))][0]:g}")
        return _right_or_wrong(seeds, rows, values), ()
    return Predictions(seeds, rows, np.zeros(len(values)), values), ()


def _right_or_wrong(seeds: np.ndarray, rows: np.ndarray, right: np.ndarray) -> Predictions:
    """Which rows are right is all that is known: classes are made up, two, so that no single one is always right."""
    target = (rows % 2).astype(np.float64)
    return Predictions(seeds, rows, target, np.where(right == 1, target, 1 - target), only="right")


def _of_classes(frame: pd.DataFrame, seeds: np.ndarray, rows: np.ndarray) -> tuple[Predictions, tuple[str, ...]]:
    proba = [str(column) for column in frame if str(column).startswith(PROBA)]
    truth = frame[TRUE].map(_class)
    said = frame[PREDICTED].map(_class) if PREDICTED in frame else None
    for column, values in ((TRUE, truth), (PREDICTED, said)):
        if values is not None and values.isna().any():
            raise InputError(f"{column} must be a class. Got nothing in {_where(frame[values.isna()].iloc[0])}")
    seen = {*truth} | (set() if said is None else {*said})
    classes = tuple(column.removeprefix(PROBA) for column in proba) if proba else tuple(sorted(seen, key=_in_order))
    unknown = seen - {*classes}
    if unknown:
        got = f"the class {given(min(unknown))}"
        raise InputError(f"scores must have a column {PROBA}CLASS for each class. Got {', '.join(proba)} and {got}")
    number = {name: place for place, name in enumerate(classes)}
    target = truth.map(number).to_numpy(dtype=np.float64)
    if not proba and said is not None:
        top = said.map(number).to_numpy(dtype=np.float64)
        return Predictions(seeds, rows, target, top, only="classes"), classes
    p = np.column_stack([_finite(frame, column) for column in proba])
    wrong = (p < 0).any(axis=1) | (np.abs(p.sum(axis=1) - 1) > _SLACK)
    if wrong.any():
        place = int(np.argmax(wrong))
        got = f"{', '.join(f'{one:g}' for one in p[place][:5])} for {_where(frame.iloc[place])}"
        raise InputError(f"{PROBA} columns must be probabilities, which add up to 1. Got {got}")
    top = p.argmax(axis=1).astype(np.float64) if said is None else said.map(number).to_numpy(dtype=np.float64)
    return Predictions(seeds, rows, target, top, p.astype(np.float32)), classes


_SLACK = 0.02


def _class(value: object) -> str | None:
    """The name of a class: 1 and 1.0 are the same."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, float | np.floating) and value % 1 == 0:
        return str(int(value))
    return str(value)


def _in_order(name: str) -> tuple[int, float, str]:
    """Numbers by size, then names."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _scores(
    frame: pd.DataFrame, predictions: Predictions, kind: str, metric: str, classes: tuple[str, ...]
) -> np.ndarray:
    """The score of each run, in order of `KEYS`."""
    starts = np.flatnonzero(~frame.duplicated(KEYS).to_numpy())
    if kind not in ("correct", "classes", "numbers"):
        return np.add.reduceat(_finite(frame, kind), starts) / np.diff([*starts, len(frame)])
    if kind == "correct":
        return np.add.reduceat(predictions.correct(), starts) / np.diff([*starts, len(frame)])
    task = "classification" if kind == "classes" else "regression"
    scorer = find_scorer(metric, task, classes)
    runs = np.repeat(np.arange(len(starts)), np.diff([*starts, len(frame)]))
    scored = scores_of(scorer, replace(predictions, seeds=runs), len(classes))
    if np.isnan(scored.scores).all():
        why = scored.problem or "no test row is of the class"
        raise InputError(f"--metric: expected a metric that can score these rows; got {metric}: {why}")
    return scored.scores


def _facts(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each data set how many rows can be tested, whether all seeds test the same, whether rows come in groups."""
    import pandas as pd

    facts = {}
    for name, lines in frame.groupby("dataset"):
        distinct = lines["row"].nunique()
        tested = lines.drop_duplicates(["seed", "row"])
        counts = tested.groupby("row").size()
        seeds = tested["seed"].nunique()
        rows = float(distinct)
        if "n_rows" in lines:
            _check_constant(lines, "n_rows", "a data set", ["dataset"])
            rows = float(lines["n_rows"].iloc[0])
            if not (rows >= distinct and rows % 1 == 0):
                raise InputError(
                    f"n_rows must be a whole number, at least the {distinct} rows that are there. Got {rows:g}"
                )
        grouped = "group" in lines and lines.groupby("group")["row"].nunique().max() > 1
        facts[name] = {
            "n_rows": int(rows),
            "fixed_test": bool(seeds > 1 and (counts == seeds).all()),
            "grouped": bool(grouped),
        }
    return pd.DataFrame.from_dict(facts, orient="index")


def _notes(frame: pd.DataFrame, metric: str) -> tuple[str, ...]:
    used = {*ALWAYS, CORRECT, TRUE, PREDICTED, metric}
    unused = [str(one) for one in frame if one not in used and not str(one).startswith(PROBA)]
    return (f"Columns that were not used: {', '.join(unused)}.",) if unused else ()


def _check_same_rows(frame: pd.DataFrame) -> None:
    """Techniques of a seed are compared row by row, so all of them must have been tested on the same."""
    for (dataset, seed), lines in frame.groupby(["dataset", "seed"], sort=False):
        techniques = lines["technique"].nunique()
        counts = lines.groupby("row").size()
        if techniques > 1 and (counts != techniques).any():
            row = counts.index[int(np.argmax((counts != techniques).to_numpy()))]
            having = {*lines.loc[lines["row"] == row, "technique"]}
            lacking = min({*lines["technique"]} - having)
            got = f"row {row} of seed {seed} on {dataset} for {min(having)} and not for {lacking}"
            raise InputError(f"row must be tested in every technique of a seed. Got {got}")


def _check_truth(frame: pd.DataFrame) -> None:
    """What was to be predicted of a row is the same wherever it is tested."""
    lines = frame.drop_duplicates(["dataset", "row", TRUE])
    twice = lines.duplicated(["dataset", "row"], keep=False)
    if twice.any():
        first = lines[twice].sort_values(["dataset", "row"])
        one, other = first.iloc[0], first.iloc[1]
        got = f"{given(str(one[TRUE]))} and {given(str(other[TRUE]))} for row {one['row']} on {one['dataset']}"
        raise InputError(f"row must number the rows of the data set, each with one {TRUE}. Got {got}")


def _check_constant(frame: pd.DataFrame, column: str, of: str, keys: list[str]) -> None:
    lines = frame.drop_duplicates([*keys, column])
    several = lines.duplicated(keys)
    if several.any():
        where = ", ".join(f"{key} {lines[several].iloc[0][key]}" for key in keys)
        raise InputError(f"{column} must be the same for all rows of {of}. Got several for {where}")


def _right(column: pd.Series) -> np.ndarray:
    found = column.map(lambda one: _RIGHT.get(str(one).strip().lower()))
    if found.isna().any():
        place = int(np.argmax(found.isna().to_numpy()))
        raise InputError(f"{CORRECT} must be 1 or 0, true or false. Got {given(str(column.iloc[place]))}")
    return found.to_numpy(dtype=np.int64)


def _finite(frame: pd.DataFrame, column: str) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values)
    if wrong.any():
        line = frame.iloc[int(np.argmax(wrong))]
        raise InputError(f"{column} must be a number. Got {given(str(line[column]))} for {_where(line)}")
    return np.asarray(values)


def _where(line: pd.Series) -> str:
    return f"technique {line['technique']}, seed {line['seed']}, row {line['row']}"


def _first(mask: pd.Series) -> int:
    return int(np.argmax(mask.to_numpy())) + 1
