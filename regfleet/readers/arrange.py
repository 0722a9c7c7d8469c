"""Runs of another tool as the table that is judged: which are compared, what repeats, which score decides.

What is not said is assumed, and what is assumed is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regfleet.errors import InputError
from regfleet.readers.asked import Asked
from regfleet.readers.columns import MOST_NAMED, Columns, is_number, last, number_of, short, some, text_of
from regfleet.readers.judging import choose_metric
from regfleet.readers.repeats import SEEDS, differing, number_runs, once, recorded, repeated, seeds_of
from regfleet.readers.runs import Runs
from regfleet.scorers import known_metric
from regfleet.text import given, listed, nearest
from regfleet.trials import ROW_COUNTS

if TYPE_CHECKING:
    import pandas as pd

DATASETS = ("dataset", "data_set", "dataset_name", "data_name")
CONTROLS = ("baseline", "none", "control")


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """``frame`` has technique, seed, dataset where there are several, and ``metric``; ``said`` is what was assumed."""

    frame: pd.DataFrame
    metric: str
    higher_is_better: bool | None
    control: str
    scope: str
    overlap: float | None
    said: tuple[str, ...]


def arrange(runs: Runs, asked: Asked) -> Arranged:
    """The runs as a long table.

    Raises:
        InputError: nothing can be compared honestly, or it is unclear what is; the message says what to give.
    """
    import pandas as pd

    at = Columns(runs)
    asked = replace(asked, technique=tuple(one for text in asked.technique for one in at.parts(text)))
    if not len(runs.scores):
        raise InputError(f"expected runs that finished; {runs.tool} has none here")
    metric, pointing, metric_said = choose_metric(runs, asked, at)
    name = _called(metric, asked)
    said = [*runs.notes]
    dataset = _dataset(runs, asked, at)
    seeds = seeds_of(runs, asked, at, dataset)
    compared = _compared(runs, asked, at, [*seeds, *dataset])
    runs = recorded(runs, at, compared, seeds, said)
    at = Columns(runs)
    lost = np.array(runs.lost or [False] * len(runs.scores), dtype=bool)
    scores = np.where(lost, np.nan, at.scores(metric))
    if _is_foreign(name, scores):
        metric_said += f" Its values lie outside those of {name} as it is known, and are taken on a scale of their own."
        known = known_metric(name)
        pointing = known.higher_is_better if pointing is None and known is not None else pointing
        name = f"{name} (own scale)"
    techniques = _names(compared, at, len(scores))
    frame = pd.DataFrame({"technique": techniques, name: scores}, index=range(len(scores)))
    if dataset:
        frame["dataset"] = [text_of(one) for one in at.values(dataset[0])]
    keys = ["dataset", "technique"] if dataset else ["technique"]
    numbers = number_runs(seeds, at, frame, keys)
    said += differing(runs, at, frame, [*compared, *seeds, *dataset], tied=numbers.tied)
    frame["seed"] = numbers.seeds
    frame["_lost"] = lost
    frame["_row"] = range(len(frame))
    frame = once(frame, keys, at, compared, seeds, said)
    frame = repeated(frame, compared, seeds, said)
    names = list(dict.fromkeys(frame["technique"]))
    if len(names) < 2:
        raise InputError(_alone(runs, at, names, compared, seeds))
    control = _control(asked, names)
    said += [_compared_said(runs, compared, names), numbers.said]
    said += [f"Data sets: the values of {dataset[0]}."] if dataset else []
    said += [metric_said]
    if asked.control is None:
        usual = control.strip().lower() in CONTROLS
        why = "for it is called so" if usual else "the first there is, which need not be the right one"
        said += [f"The others are compared with {short(control)}, {why}; --control names another."]
    overlap, scope = _reach(runs, asked, at, frame, said)
    return Arranged(
        frame.drop(columns=["_lost", "_row"]), name, pointing, control, scope, overlap, tuple(filter(None, said))
    )


def _dataset(runs: Runs, asked: Asked, at: Columns) -> list[str]:
    """The one column that says which data set a run was of, where there are several."""
    usual = [name for name in at.names if last(name) in DATASETS]
    for name in ([runs.dataset] if runs.dataset else []) + usual:
        if name in at.names and at.varies(name) and name not in (*asked.technique, asked.seed):
            return [name]
    return []


def _compared(runs: Runs, asked: Asked, at: Columns, taken: Sequence[str]) -> list[str]:
    """The columns whose values are compared: those asked for, the tool's own, or every setting that varies."""
    if asked.technique:
        names = [at.find("--technique", name) for name in asked.technique]
        both = next((name for name in names if name in taken), None)
        if both is not None:
            raise InputError(
                f"--technique: expected settings that are compared; got {given(both)}, which tells repeats "
                "apart or names the data set"
            )
        return names
    if runs.technique:
        return list(runs.technique)
    rest = [name for name in at.settings if name not in taken and last(name) not in (*ROW_COUNTS, *SEEDS)]
    varying = [name for name in rest if at.varies(name)]
    if runs.mixed:
        varying = [name for name in varying if any(isinstance(one, str) for one in at.values(name))]
        if len(varying) > 1:
            raise InputError(
                f"--technique: expected which of {some(varying)} is compared, for {runs.tool} does not say what was "
                "set and what came out; got none"
            )
    if not varying and runs.label in at.names and at.varies(runs.label):
        return [runs.label]
    if not varying and runs.mixed:
        more = [name for name in rest if at.varies(name)]
        raise InputError(
            f"--technique: expected which of {some(more)} is compared, for {runs.tool} does not say what was set and "
            "what came out; got none"
        )
    return varying


def _names(compared: Sequence[str], at: Columns, runs: int) -> list[str]:
    """What each run is called: the value where one setting of texts is compared, ``setting=value`` else."""
    if not compared:
        return ["all runs"] * runs
    columns = [at.values(name) for name in compared]
    if len(columns) == 1 and not any(is_number(one) or one is None for one in columns[0]):
        return [text_of(one) for one in columns[0]]
    brief = {name: last(name, keep=True) for name in compared}
    if len(set(brief.values())) < len(brief):
        brief = {name: name for name in compared}
    return [
        ", ".join(f"{brief[name]}={text_of(one)}" for name, one in zip(compared, values, strict=True))
        for values in zip(*columns, strict=True)
    ]


def _alone(runs: Runs, at: Columns, names: Sequence[str], compared: Sequence[str], seeds: Sequence[str]) -> str:
    rest = [name for name in [*at.settings, *at.extras] if name not in (*compared, *seeds) and at.varies(name)]
    could = f"; --technique can name {some(rest)}" if rest else ""
    got = f"all of {short(names[0])}" if compared and names else f"{runs.tool}'s runs, which differ in no setting"
    return f"expected at least two techniques or settings to compare; got {got}{could}"


def _control(asked: Asked, names: Sequence[str]) -> str:
    if asked.control is not None:
        if asked.control in names:
            return asked.control
        ends = [name for name in names if name.partition("=")[2] == asked.control]
        if len(ends) == 1:
            return ends[0]
        raise InputError(
            f"--control: expected one of {some(names)}; got {given(asked.control)}{nearest(asked.control, names)}"
        )
    usual = [name for name in names if name.strip().lower() in CONTROLS]
    return usual[0] if len(usual) == 1 else names[0]


def _compared_said(runs: Runs, compared: Sequence[str], names: Sequence[str]) -> str:
    what = f"the values of {listed(list(compared), MOST_NAMED)}" if compared else "the names of the runs"
    other = "" if runs.technique else "; --technique names other settings"
    return f"Compared: {what} ({some(names)}){other}."


def _reach(runs: Runs, asked: Asked, at: Columns, frame: pd.DataFrame, said: list[str]) -> tuple[float | None, str]:
    """n_test/n_train of folds, and the scope; the numbers of rows go into ``frame``."""
    usual = {last(name): name for name in at.names if last(name) in ROW_COUNTS}
    if asked.rows is not None:
        frame["n_train"], frame["n_test"] = asked.rows
    else:
        for part, name in usual.items():
            values = np.array([number_of(one) for one in at.values(name)])
            frame[part] = values[frame["_row"].to_numpy()]
    has_rows = {"n_train", "n_test"} <= {*frame.columns}
    overlap = None if has_rows else runs.overlap
    folds = overlap is not None or (has_rows and runs.overlap is not None)
    scope = asked.scope or ("new_data" if has_rows or overlap is not None else "this_dataset")
    if folds and scope == "new_data":
        ratio = f", with n_test/n_train = {overlap:.3g}" if overlap is not None else ""
        said += [runs.guess] if overlap is not None and runs.guess else []
        said.append(
            "Folds are no independent repeats, for they share most of the rows they train on: the intervals are the "
            f"corrected ones of Nadeau and Bengio{ratio}, and so wider than a plain t-test's."
            + (" --rows TRAIN,TEST says how many rows a fold trained and tested." if overlap is not None else "")
        )
    elif folds:
        said += [runs.guess] if overlap is not None and runs.guess else []
        said.append(
            "Folds are no independent repeats: about these rows alone, as asked, the intervals do not allow for that."
        )
    elif scope == "this_dataset" and asked.scope is None:
        said.append(
            "How many rows trained and were tested is not recorded, so the verdict is about these rows alone (scope "
            "this_dataset); --rows TRAIN,TEST asks about new ones."
        )
    elif scope == "new_data" and not has_rows:
        raise InputError(
            f"--rows: expected TRAIN,TEST, how many rows trained and were tested, for scope new_data; {runs.tool} does "
            "not say, and got none"
        )
    return overlap, scope


def _is_foreign(name: str, scores: np.ndarray) -> bool:
    """Whether scores lie outside what the metric of that name can be, as an accuracy of 87 does."""
    known = known_metric(name)
    finite = scores[np.isfinite(scores)]
    return known is not None and bool(((finite < known.lowest) | (finite > known.highest)).any())


def _called(metric: str, asked: Asked) -> str:
    """The name of the score in the table: not one that means something else there."""
    name = asked.metric or metric
    return f"{name} (score)" if name in ("technique", "seed", "dataset", *ROW_COUNTS) else name
