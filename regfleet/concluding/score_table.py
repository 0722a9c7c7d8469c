"""Scores that another tool produced, long or wide, as the frame and the variants that the analysis takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from regfleet.analysis import Question, ask
from regfleet.concluding.row_scores import RowScores, by_run, has_rows
from regfleet.data.columns import LARGEST
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric, default_metric, resolve_metric
from regfleet.readers.arrange import CONTROLS
from regfleet.scorers import known_metric
from regfleet.settings import Analysis, Training
from regfleet.settings.study import MAX_LISTED
from regfleet.settings.values import Variant
from regfleet.text import given, named, nearest
from regfleet.trials import ROW_COUNTS

if TYPE_CHECKING:
    import pandas as pd

MOST_NAME = 500
"""Characters of a technique's or a data set's name."""
IDS = ("technique", "seed", "dataset", *ROW_COUNTS)
"""Columns that tell runs apart or say how many rows they had, and are no scores."""
MOST_COLUMNS = 10_000
MOST_ROWS = 10**15


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Foreign scores, ready for `summarize`: the trials frame, the variants, and the question with the metric resolved.

    ``notes`` are sentences on what was ignored or is missing, by name; ``rows`` are the scores of single test rows,
    None of scores of whole runs.
    """

    trials: pd.DataFrame
    variants: tuple[Variant, ...]
    question: Question
    notes: tuple[str, ...]
    rows: RowScores | None = None


def read_scores(
    frame: pd.DataFrame,
    settings: Analysis,
    control: str | None = None,
    *,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    overlap: float | None = None,
    own_words: bool = True,
) -> Scores:
    """Foreign scores as the trials frame of a study.

    Args:
        frame: long (columns technique, seed and at least one metric) or wide (seed and one column per technique, which
            holds ``metric``); both with dataset, n_train, n_val, n_test where they are known. A long frame may
            also hold train_ and val_ columns of the metric, of accuracy and of r2. A missing score is a failed run. Or
            long with a line for each test row, as `by_run` takes it.
        settings: scope, alpha, ROPE and which weights.
        control: the technique that the others are compared with; by default baseline, none or control.
        metric: a column, by default accuracy; one that is not there stands for the only metric column of a long frame.
        higher_is_better: which way it points, where `known_metric` does not know it.
        overlap: n_test/n_train of folds, where the numbers of rows are not known.
        own_words: whether to note by what the scores are judged; False where the caller says it.

    Raises:
        InputError: a column is missing or holds what it must not, a run occurs twice, or the control is unclear.
    """
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"columns must have names of their own. Got {given(twice)} twice")
    if frame.empty:
        raise InputError("scores must hold at least one row. Got none")
    if frame.columns.nlevels > 1 or frame.shape[1] > MOST_COLUMNS:
        got = f"{frame.shape[1]:,} of {frame.columns.nlevels} levels"
        raise InputError(f"scores must have at most {MOST_COLUMNS:,} columns of one level. Got {got}")
    index = [column for column in frame if _is_index(frame, column)]
    if has_rows(frame):
        return _of_rows(frame, settings, control, metric, higher_is_better=higher_is_better)
    if metric in (*IDS, *index):
        raise InputError(f"metric must be a column of scores. Got {given(metric)}, which tells runs apart")
    frame, is_named, wanted = frame.drop(columns=index), metric is not None, metric or default_metric("classification")
    is_wide = "technique" not in frame
    long = (_melted(frame, wanted) if is_wide else frame).reset_index(drop=True)
    metric, ignored = _metric_column(long, wanted)
    if is_wide and not is_named:
        _check_is_accuracy(_values(long[metric]))
    judged_by, why = _pointing(metric, higher_is_better=higher_is_better)
    question = ask(settings, judged_by)
    trials = _trials(long, question.metric, question.at)
    names = list(dict.fromkeys(trials["variant"]))
    if len(names) > MAX_LISTED:
        raise InputError(f"scores must be of at most {MAX_LISTED:,} techniques. Got {len(names):,}")
    chosen = _control(names, control)
    variants = tuple(
        Variant(name, name, (), Training(), None if name == chosen else chosen)
        for name in [chosen, *(name for name in names if name != chosen)]
    )
    _check_rows(trials, question.scope if overlap is None else "this_dataset")
    if overlap is not None:
        trials = trials.assign(overlap=overlap)
    ignored = [str(column) for column in (*index, *ignored)]
    unused = [f"Columns that were not used: {_shown(ignored)}."] if ignored else []
    side = "higher" if question.metric.higher_is_better else "lower"
    is_plain = not own_words or (metric in METRICS and higher_is_better is None)
    judged = [] if is_plain else [f"Judged by {given(metric)}: {side} is better, {why}."]
    if is_wide and not is_named:
        judged = [f"The columns were taken for {metric}, of which more is better; --metric names another."]
    return Scores(trials, variants, question, (*judged, *unused, *_missing(trials, names)))


def _of_rows(
    frame: pd.DataFrame, settings: Analysis, control: str | None, metric: str | None, *, higher_is_better: bool | None
) -> Scores:
    """Scores of single test rows: those of the runs, with the predictions behind them."""
    index = [column for column in frame if column != "row" and _is_index(frame, column)]
    rows = by_run(frame.drop(columns=index), _seeds(frame), metric)
    found = read_scores(rows.frame, settings, control, metric=rows.metric, higher_is_better=higher_is_better)
    marks = {str(column): found.trials["dataset"].map(rows.facts[column]) for column in rows.facts}
    return replace(found, trials=found.trials.assign(**marks), notes=(*found.notes, *rows.notes), rows=rows)


def _pointing(name: str, *, higher_is_better: bool | None) -> tuple[Metric, str]:
    """The metric called ``name``, and why it points where it does; never guessed from the words of a name."""
    known = known_metric(name)
    if higher_is_better is None:
        if known is None:
            ask_for = "say it with --higher-is-better yes or --higher-is-better no"
            raise InputError(
                f"metric must be one of which it is known which way it points; {ask_for}. Got {given(name)}"
            )
        return known, "as its name says"
    if not isinstance(higher_is_better, bool):
        raise InputError(f"--higher-is-better: expected yes or no; got {given(higher_is_better)}")
    if known is None:
        return resolve_metric(name, higher_is_better=higher_is_better), "as you said"
    if name not in METRICS and higher_is_better != known.higher_is_better:  # its sign was turned: so is its range
        known = replace(known, lowest=-np.inf, highest=np.inf)
    return replace(known, higher_is_better=higher_is_better), "as you said"


def _melted(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A wide frame made long."""
    keys = [column for column in ("dataset", "seed", *ROW_COUNTS) if column in frame]
    techniques = [column for column in frame if column not in keys]
    if len(techniques) > MAX_LISTED:
        raise InputError(f"scores must be of at most {MAX_LISTED:,} techniques. Got {len(techniques):,} columns")
    if "seed" not in frame or not techniques:
        raise InputError(
            "scores must have the columns technique, seed and a metric, or seed and a column for each technique. "
            f"Got {columns_of(frame)}"
        )
    long = frame.melt(
        keys, techniques, var_name="technique", value_name=_VALUE
    )  # a technique may be called as a metric
    return long.rename(columns={_VALUE: metric})


def _check_is_accuracy(scores: np.ndarray) -> None:
    outside = scores[(scores < 0) | (scores > 1)]
    if len(outside):
        raise InputError(
            "metric must be named, with --metric, for a column for each technique holds scores of no name, and no "
            f"accuracy. Got {outside[0]:g}"
        )


def _metric_column(frame: pd.DataFrame, wanted: str) -> tuple[str, list[str]]:
    """The metric that the frame holds, and the columns that nothing uses."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if "seed" not in frame:
        raise InputError(f"scores must have a column seed. Got {columns_of(frame)}")
    others = [str(column) for column in frame if column not in IDS]

    def number(values: pd.Series) -> bool:
        return bool(is_numeric_dtype(values) and not is_bool_dtype(values))

    extra = {f"{rows}_{metric}" for rows in ("train", "val") for metric in (*others, *METRICS)}
    metrics = [column for column in others if column not in extra and number(frame[column])]
    if wanted not in others and len(metrics) != 1:
        raise InputError(f"metric must be a column of the scores. Got {given(wanted)}; columns {columns_of(frame)}")
    name = wanted if wanted in others else metrics[0]
    used = {name, *_companions(name)}
    return name, [column for column in others if column not in used]


def _companions(metric: str) -> tuple[str, ...]:
    """Columns that are taken along where they are there: metric, accuracy and R² on training and validation rows."""
    names = dict.fromkeys((metric, "accuracy", "r2"))
    return tuple(f"{rows}_{name}" for name in names for rows in ("train", "val"))


def columns_of(frame: pd.DataFrame) -> str:
    """The names of the columns, the first of them where they are many."""
    return _shown([str(column) for column in frame])


def _trials(frame: pd.DataFrame, metric: Metric, at: str) -> pd.DataFrame:
    import pandas as pd

    blank = frame["technique"].isna()
    if blank.any():
        raise InputError(f"technique must be a name. Got nothing in row {int(np.argmax(blank)) + 1}")
    for name in ("technique", "dataset"):
        long = frame[name].astype(str).str.len() > MOST_NAME if name in frame else blank & False
        if long.any():
            raise InputError(
                f"{name} must be a name of at most {MOST_NAME} characters. Got more in row {np.argmax(long) + 1}"
            )
    scores = _numbers(frame, metric.name)
    huge = np.isfinite(scores) & (np.abs(scores) > LARGEST)
    if huge.any():
        row = int(np.argmax(huge))
        raise InputError(f"{metric.name} must be at most {LARGEST:g} in size. Got {scores[row]:g} in row {row + 1}")
    outside = (scores < metric.lowest) | (scores > metric.highest)
    if outside.any():
        row = int(np.argmax(outside))
        raise InputError(f"{metric.name} must be {_limits(metric)}. Got {scores[row]:g} in row {row + 1}")
    status = np.where(np.isnan(scores), "failed", np.where(np.isfinite(scores), "done", "diverged"))
    columns = {
        "dataset": frame["dataset"].astype(str) if "dataset" in frame else "scores",
        "variant": frame["technique"].astype(str),
        "seed": _seeds(frame),
        "status": status,
        f"{at}_test_{metric.name}": scores,
    }
    columns |= {name: _numbers(frame, name) for name in ROW_COUNTS if name in frame}
    columns |= {f"{at}_{name}": _numbers(frame, name) for name in _companions(metric.name) if name in frame}
    trials = pd.DataFrame(columns, index=range(len(frame)))
    repeated = trials.duplicated(["dataset", "variant", "seed"])
    if repeated.any():
        row = int(np.argmax(repeated))
        where = trials.iloc[row]
        raise InputError(
            f"scores must hold each seed of a technique once. Got technique {where['variant']}, seed {where['seed']}, "
            f"dataset {where['dataset']} again in row {row + 1}"
        )
    return trials


def _limits(metric: Metric) -> str:
    """``between 0 and 1``, ``0 or more``, ``1 or less``."""
    low, high = (f"{limit:g}" if np.isfinite(limit) else "" for limit in (metric.lowest, metric.highest))
    return f"between {low} and {high}" if low and high else f"{low} or more" if low else f"{high} or less"


def _numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    import pandas as pd

    given_values = frame[column]
    if given_values.dtype.kind in "bmMc":
        raise InputError(f"{column} must be a number. Got {given(str(given_values.iloc[0]))} in row 1")
    values = pd.to_numeric(given_values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    foreign = np.isnan(values) & given_values.notna().to_numpy()
    if given_values.dtype == object:
        foreign |= given_values.map(lambda one: isinstance(one, bool | complex)).to_numpy(dtype=bool)
    if foreign.any():
        row = int(np.argmax(foreign))
        raise InputError(f"{column} must be a number. Got {given(str(given_values.iloc[row]))} in row {row + 1}")
    return values


def _values(column: pd.Series) -> np.ndarray:
    """The numbers of a column; NaN for what is none."""
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))


def _seeds(frame: pd.DataFrame) -> np.ndarray:
    """The seeds, exactly: a whole number of more than 2^53 is none as a float."""
    seeds = np.empty(len(frame), dtype=np.int64)
    known: dict[object, int | None] = {}
    for row, one in enumerate(frame["seed"].tolist()):
        key = (type(one), one) if isinstance(one, str | Integral | float) else None  # True is 1 otherwise
        if key is None or key not in known:
            known[key] = _seed(one)
        seed = known[key]
        if seed is None:
            raise InputError(f"seed must be a whole number. Got {given(one)} in row {row + 1}")
        seeds[row] = seed
    return seeds


def _seed(value: object) -> int | None:
    """The whole number that a cell of the column seed holds exactly; None where it holds none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value % 1 == 0 and abs(value) < 2**53 else None
    text = _WHOLE.fullmatch(str(value).strip()) if isinstance(value, str | Integral) else None
    found = int(text[1]) if text else 2**63
    return found if -(2**63) <= found < 2**63 else None


_VALUE = "\0score"
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(?:\.0*)?")
_INDEX = re.compile(r"(?:Unnamed: ?\d+|__index_level_\d+__|)")


def _is_index(frame: pd.DataFrame, column: object) -> bool:
    """Whether a column is the row names of a frame that pandas wrote."""
    if column in ("index", "level_0"):
        return bool(frame[column].dtype.kind in "iu" and (frame[column].to_numpy() == np.arange(len(frame))).all())
    return _INDEX.fullmatch(str(column)) is not None


def _control(names: Sequence[str], control: str | None) -> str:
    if control is not None:
        if control in names:
            return control
        hint = nearest(control, names)
        raise InputError(f"control must be one of the techniques {_shown(names)}. Got {given(control)}{hint}")
    usual = [name for name in names if name.strip().lower() in CONTROLS]
    if len(usual) != 1:
        raise InputError(
            f"control must be named, as {len(usual)} of the techniques are called {', '.join(CONTROLS)}. "
            f"Got the techniques {_shown(names)}"
        )
    return usual[0]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(named, names[:20])) + (f", … ({len(names):,} in all)" if len(names) > 20 else "")


def _check_rows(trials: pd.DataFrame, scope: str) -> None:
    needed = ("n_train", "n_test") if scope == "new_data" else ()
    for column in needed:
        if column not in trials:
            raise InputError(
                f"column {column} must be there for scope new_data, for it says how far random splits overlap; "
                "without it use scope this_dataset. Got none"
            )
    for column in ROW_COUNTS:
        if column in trials:
            rows = trials[column]
            wrong = ~((rows >= 1) & (rows <= MOST_ROWS) & (rows % 1 == 0)) & (trials["status"] == "done")
            if wrong.any():
                row, got = int(np.argmax(wrong)), f"{rows[wrong].iloc[0]:g}"
                raise InputError(f"{column} must be a whole number, 1 or more. Got {got} in row {row + 1}")


def _missing(trials: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Which technique lacks which seeds that others on the same data set have."""
    notes = []
    for dataset, rows in trials.groupby("dataset"):
        everywhere = set(rows["seed"])
        for name in names:
            lacking = sorted(everywhere - set(rows.loc[rows["variant"] == name, "seed"]))
            if lacking:
                shown = ", ".join(str(seed) for seed in lacking[:10]) + (", …" if len(lacking) > 10 else "")
                notes.append(f"{name} has no score on {dataset} for seeds {shown}: those pairs are left out.")
    return notes
