"""Runs of another tool as the table that is judged: which are compared, what repeats, which score decides.

What is not said is assumed, and what is assumed is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.errors import InputError
from regfleet.numbers import count, exact
from regfleet.readers.runs import Runs
from regfleet.scorers import known_metric
from regfleet.text import elide, given, listed, nearest

if TYPE_CHECKING:
    import pandas as pd

SEEDS = (
    *("seed", "random_seed", "random_state", "rng_seed", "torch_seed", "np_seed", "fold", "cv_fold", "fold_idx"),
    *("split", "repeat", "rep", "idx_rep", "replicate", "replication", "repetition", "execution"),
)
"""Names of settings that tell repeats of a run apart, after the last ``/`` or ``.``."""
DATASETS = ("dataset", "data_set", "dataset_name", "data_name")
ROWS = ("n_train", "n_val", "n_test")
CONTROLS = ("baseline", "none", "control")
SPLITS = ("test_", "val_", "valid_", "validation_", "eval_", "test/", "val/", "valid/", "validation/", "eval/")
"""What stands before the name of a metric, of rows that did not train."""
UNSET = "not set"
MOST_NAMED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody said of results: None, or nothing, where they left it to us. ``rows``: n_train and n_test."""

    technique: tuple[str, ...] = ()
    seed: str | None = None
    metric: str | None = None
    higher_is_better: bool | None = None
    control: str | None = None
    scope: str | None = None
    rows: tuple[int, int] | None = None


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

    at = _Columns(runs)
    asked = replace(asked, technique=tuple(one for text in asked.technique for one in at.parts(text)))
    if not len(runs.scores):
        raise InputError(f"expected runs that finished; {runs.tool} has none here")
    metric, pointing, metric_said = _metric(runs, asked, at)
    name = _called(metric, asked)
    said = [*runs.notes]
    dataset = _dataset(runs, asked, at)
    seeds = _seeds(runs, asked, at, dataset)
    compared = _compared(runs, asked, at, [*seeds, *dataset])
    runs = _recorded(runs, at, compared, seeds, said)
    at = _Columns(runs)
    lost = np.array(runs.lost or [False] * len(runs.scores), dtype=bool)
    scores = np.where(lost, np.nan, at.scores(metric))
    techniques = _names(compared, at, len(scores))
    frame = pd.DataFrame({"technique": techniques, name: scores}, index=range(len(scores)))
    if dataset:
        frame["dataset"] = [_text(one) for one in at.values(dataset[0])]
    keys = ["dataset", "technique"] if dataset else ["technique"]
    numbers = _numbers(seeds, at, frame, keys)
    said += _differing(runs, at, frame, [*compared, *seeds, *dataset], tied=numbers.tied)
    frame["seed"] = numbers.seeds
    frame["_lost"] = lost
    frame["_row"] = range(len(frame))
    frame = _once(frame, keys, at, compared, seeds, said)
    frame = _repeated(frame, compared, seeds, said)
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
        said += [f"The others are compared with {_short(control)}, {why}; --control names another."]
    overlap, scope = _reach(runs, asked, at, frame, said)
    return Arranged(
        frame.drop(columns=["_lost", "_row"]), name, pointing, control, scope, overlap, tuple(filter(None, said))
    )


class _Columns:
    """What is known of the runs, by name: settings before extras, and scores for themselves."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.mixed = runs.mixed
        self.settings = [str(one) for one in runs.settings]
        self.extras = [] if runs.extras is None else [str(one) for one in runs.extras if one not in self.settings]
        self.measured = [str(one) for one in runs.scores]

    @property
    def names(self) -> list[str]:
        return [*self.settings, *self.extras]

    def values(self, name: str) -> list[Any]:
        """The values of a setting, of an extra, or of a score, one per run."""
        if name in self.settings:
            return list(self._runs.settings[name])
        if name in self.extras and self._runs.extras is not None:
            return list(self._runs.extras[name])
        return list(self._runs.scores[name])

    def scores(self, name: str) -> np.ndarray:
        """A score, or an extra that holds numbers, (runs,); NaN where there is none."""
        if name in self.measured:
            return self._runs.scores[name].to_numpy(dtype=np.float64)
        return np.array([_number(one) for one in self.values(name)], dtype=np.float64)

    def numeric(self) -> list[str]:
        """The extras that could be a score."""
        return [name for name in self.extras if any(_is_number(one) for one in self.values(name))]

    def varies(self, name: str) -> bool:
        return len({_text(one) for one in self.values(name)}) > 1

    def parts(self, text: str) -> list[str]:
        """The names in a text: itself where a column is called so, else what commas part."""
        return [text] if text in self.names else [one.strip() for one in text.split(",")]

    def find(self, flag: str, name: str) -> str:
        """The column that somebody named; raises InputError where there is none."""
        names = list(dict.fromkeys([*self.names, *self.measured]))
        if name in names:
            return name
        ends = [one for one in names if _last(one) == name.lower()]
        if len(ends) == 1:
            return ends[0]
        raise InputError(f"{flag}: expected one of {_some(names)}; got {given(name)}{nearest(name, names)}")


def _metric(runs: Runs, asked: Asked, at: _Columns) -> tuple[str, bool | None, str]:
    """The score that decides, whether more of it is better, None where its name tells, and the sentence on it."""
    if not at.measured and not at.numeric():
        raise InputError(f"expected scores, that is numbers; {runs.tool} has none here")
    if asked.metric is not None:
        name = _asked_metric(runs, asked.metric, at)
        chosen = ""
    else:
        name, chosen = _own_metric(runs, at)
    shown = asked.metric if asked.metric is not None else name
    own = runs.directions.get(name)
    known = known_metric(shown)
    plain = known or known_metric(_without_split(shown))
    if asked.higher_is_better is not None:
        higher, why = asked.higher_is_better, "as you said"
    elif own is not None:
        higher, why = own, f"as {runs.tool} has it"
    elif plain is not None:
        higher, why = plain.higher_is_better, "as its name says"
    else:
        raise InputError(
            f"--higher-is-better: expected yes or no for {given(shown)}, for nothing here says which way it points; "
            "got none"
        )
    side = "more" if higher else "less"
    odd = ""
    if asked.higher_is_better is None and plain is not None and plain.higher_is_better != higher:
        odd = f" Mind that of {plain.title} {'more' if plain.higher_is_better else 'less'} would be better."
    rest = [one for one in at.measured if one != name]
    other = f"; --metric names another: {_some(rest)}" if rest and not chosen and asked.metric is None else ""
    said = f"Judged by {shown}, of which {side} is better, {why}{chosen}{other}.{odd}"
    plainly = known is not None and known.higher_is_better == higher and asked.higher_is_better is None
    return name, None if plainly else higher, said


def _asked_metric(runs: Runs, name: str, at: _Columns) -> str:
    choices = list(dict.fromkeys([*at.measured, *at.numeric()]))
    if name in choices:
        return name
    ends = [one for one in choices if _last(one) == name.lower()]
    if len(ends) == 1:
        return ends[0]
    nameless = runs.metric in ("score", "value") and len(at.measured) == 1
    if nameless and known_metric(name) is not None:
        return runs.metric
    raise InputError(f"--metric: expected one of {_some(choices)}; got {given(name)}{nearest(name, choices)}")


def _own_metric(runs: Runs, at: _Columns) -> tuple[str, str]:
    """The score that the tool was after, or the only one whose name is known; and why, where that is worth a word."""
    if runs.metric in at.measured:
        return runs.metric, ""
    if len(at.measured) == 1:
        return at.measured[0], ""
    known = [one for one in at.measured if known_metric(_without_split(one)) is not None]
    held_out = [one for one in known if known_metric(one) is None or one.startswith("test_")] or known
    if len(held_out) == 1:
        rest = [one for one in at.measured if one != held_out[0]]
        return held_out[0], f", the score whose name is known; --metric names another: {_some(rest)}"
    raise InputError(
        f"--metric: expected which of {_some(known or at.measured or at.numeric())} decides, for {runs.tool} does not "
        "say; got none"
    )


def _called(metric: str, asked: Asked) -> str:
    """The name of the score in the table: not one that means something else there."""
    name = asked.metric or metric
    return f"{name} (score)" if name in ("technique", "seed", "dataset", *ROWS) else name


def _dataset(runs: Runs, asked: Asked, at: _Columns) -> list[str]:
    """The one column that says which data set a run was of, where there are several."""
    usual = [name for name in at.names if _last(name) in DATASETS]
    for name in ([runs.dataset] if runs.dataset else []) + usual:
        if name in at.names and at.varies(name) and name not in (*asked.technique, asked.seed):
            return [name]
    return []


def _seeds(runs: Runs, asked: Asked, at: _Columns, dataset: Sequence[str]) -> list[str]:
    """The columns that tell repeats apart; none where nothing says."""
    if asked.seed is not None:
        return [at.find("--seed", asked.seed)]
    if runs.seed:
        return [runs.seed]
    taken = {*asked.technique, *dataset}
    usual = [name for name in at.names if _last(name) in SEEDS and name not in taken]
    return [name for name in usual if at.varies(name)]


def _compared(runs: Runs, asked: Asked, at: _Columns, taken: Sequence[str]) -> list[str]:
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
    rest = [name for name in at.settings if name not in taken and _last(name) not in (*ROWS, *SEEDS)]
    varying = [name for name in rest if at.varies(name)]
    if runs.mixed:
        varying = [name for name in varying if any(isinstance(one, str) for one in at.values(name))]
        if len(varying) > 1:
            raise InputError(
                f"--technique: expected which of {_some(varying)} is compared, for {runs.tool} does not say what was "
                "set and what came out; got none"
            )
    if not varying and runs.label in at.names and at.varies(runs.label):
        return [runs.label]
    if not varying and runs.mixed:
        more = [name for name in rest if at.varies(name)]
        raise InputError(
            f"--technique: expected which of {_some(more)} is compared, for {runs.tool} does not say what was set and "
            "what came out; got none"
        )
    return varying


def _names(compared: Sequence[str], at: _Columns, runs: int) -> list[str]:
    """What each run is called: the value where one setting of texts is compared, ``setting=value`` else."""
    if not compared:
        return ["all runs"] * runs
    columns = [at.values(name) for name in compared]
    if len(columns) == 1 and not any(_is_number(one) or one is None for one in columns[0]):
        return [_text(one) for one in columns[0]]
    short = {name: _last(name, keep=True) for name in compared}
    if len(set(short.values())) < len(short):
        short = {name: name for name in compared}
    return [
        ", ".join(f"{short[name]}={_text(one)}" for name, one in zip(compared, values, strict=True))
        for values in zip(*columns, strict=True)
    ]


def _recorded(runs: Runs, at: _Columns, compared: Sequence[str], seeds: Sequence[str], said: list[str]) -> Runs:
    """Without the lost runs that ended before it was recorded which they were."""
    settings, repeats = [at.values(name) for name in compared], [at.values(name) for name in seeds]

    def unknown_at(place: int) -> bool:
        nameless = bool(settings) and all(values[place] is None for values in settings)
        return nameless or any(values[place] is None for values in repeats)

    kept = [place for place in range(len(runs.scores)) if not (runs.lost and runs.lost[place] and unknown_at(place))]
    unknown = len(runs.scores) - len(kept)
    if not unknown:
        return runs
    said.append(f"Left out: {count(unknown, 'run')} that failed before it was recorded with what settings.")
    frames = {
        name: frame.iloc[kept].reset_index(drop=True)
        for name in ("settings", "scores", "extras")
        if (frame := getattr(runs, name)) is not None
    }
    return replace(runs, lost=[runs.lost[place] for place in kept], **frames)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A whole number for each run that tells repeats apart; ``tied``: the same one means the same seed."""

    seeds: list[int]
    said: str
    tied: bool = True


def _numbers(seeds: Sequence[str], at: _Columns, frame: pd.DataFrame, keys: list[str]) -> _Numbers:
    """The seeds as whole numbers, or runs in their order where nothing says which belong together."""
    columns = [at.values(name) for name in seeds]
    values = [", ".join(map(_text, one)) for one in zip(*columns, strict=True)]
    if not seeds or _shares_none(values, frame, keys):
        why = f"no two of them share a value of {listed(list(seeds))}" if seeds else "no setting is called seed or fold"
        said = (
            f"Repeats: runs with the same settings, numbered in their order, for {why}. Nothing ties a repeat of one "
            "technique to one of another. --seed names what does."
        )
        return _Numbers(frame.groupby(keys).cumcount().tolist(), said, tied=False)
    words = f"Repeats: the values of {listed(list(seeds))}"
    whole = [_whole(one) for one in columns[0]] if len(columns) == 1 else [None]
    if all(one is not None for one in whole):
        return _Numbers([int(one) for one in whole if one is not None], f"{words}; --seed names another setting.")
    number = {one: place for place, one in enumerate(dict.fromkeys(values))}
    return _Numbers([number[one] for one in values], f"{words}, which were numbered; --seed names another setting.")


def _differing(runs: Runs, at: _Columns, frame: pd.DataFrame, known: Sequence[str], *, tied: bool) -> list[str]:
    """That runs of one technique also differ in other settings; refused where no seed ties them to the others'."""
    unset = at.measured if runs.mixed else ()  # of a score it is no wonder that it differs
    rest = [name for name in at.settings if name not in (*known, *unset) and _last(name) not in ROWS]
    differ = [
        name
        for name in rest
        if (frame[["technique"]].assign(value=[_text(one) for one in at.values(name)]).drop_duplicates())
        .duplicated("technique")
        .any()
    ]
    if not differ:
        return []
    if not tied and not runs.mixed:
        raise InputError(
            f"expected repeats; got runs of one technique that differ in {_some(differ)}, and no seed that they share "
            f"with those of another: add {differ[0]} to --technique, or name with --seed what repeats"
        )
    return [f"Runs of one technique also differ in {_some(differ)}: what that changes counts as luck."]


def _shares_none(seeds: list[str], frame: pd.DataFrame, keys: list[str]) -> bool:
    """Whether techniques were run on seeds of their own, each on several."""
    told = frame[keys].assign(seed=seeds).drop_duplicates()
    apart = not told.duplicated([*keys[:-1], "seed"]).any()
    return apart and len({*told["technique"]}) > 1 and bool((told.groupby(keys).size() > 1).all())


def _once(
    frame: pd.DataFrame, keys: list[str], at: _Columns, compared: Sequence[str], seeds: Sequence[str], said: list[str]
) -> pd.DataFrame:
    """One run for each technique and seed: a lost one gives way to one that finished; two that finished are refused."""
    cell = [*keys, "seed"]
    finished = frame[~frame["_lost"]]
    doubled = finished.duplicated(cell, keep=False)
    if doubled.any():
        first = finished[doubled].iloc[0]
        same = finished[(finished[cell] == first[cell]).all(axis=1)]
        rows = list(same["_row"])
        unset = at.measured if at.mixed else ()  # of a score it is no wonder that it differs
        differ = [
            name
            for name in at.settings
            if name not in (*compared, *seeds, *unset) and len({_text(at.values(name)[row]) for row in rows}) > 1
        ]
        where = f"{_short(first['technique'])}, repeat {first['seed']}, {len(rows):,} times"
        if not differ:
            advice = "--seed must name what tells these runs apart" if seeds else "the same run stands there twice"
            raise InputError(f"expected one run for each technique and repeat; got {where}: {advice}")
        raise InputError(
            f"expected one run for each technique and repeat; got {where}, which also differ in {_some(differ)}: add "
            f"{differ[0]} to --technique, or leave all but one of its values out"
        )
    ordered = frame.sort_values("_lost", kind="stable")
    kept = ordered.drop_duplicates(cell).sort_values("_row")
    again = len(frame) - len(kept)
    if again:
        said.append(f"{count(again, 'run')} that failed {'was' if again == 1 else 'were'} done again, and not counted.")
    return kept


def _repeated(frame: pd.DataFrame, compared: Sequence[str], seeds: Sequence[str], said: list[str]) -> pd.DataFrame:
    """Without what ran only once, of which nothing says how much it varies; refused where that is all but one."""
    times = frame.groupby("technique")["seed"].nunique()
    often = {str(name) for name, number in times.items() if number > 1}
    if len(times) > 1 and len(often) < 2:
        raise InputError(_no_repeats(compared, seeds, len(times), len(often)))
    kept = frame[frame["technique"].isin(often)]
    once = len(times) - len(often)
    if once:
        said.append(
            f"Left out: {count(once, 'setting')} that ran only once, for nothing says how much "
            f"{'its score varies' if once == 1 else 'their scores vary'}."
        )
    return kept


def _no_repeats(compared: Sequence[str], seeds: Sequence[str], settings: int, often: int) -> str:
    ran = f"{settings:,} settings of {_some(compared)}, {'all but one' if often else 'each'} run once"
    advice = "run each setting that is to be compared with several seeds, and record the seed as a setting"
    if not seeds:
        advice += "; --technique names the settings to compare, --seed what repeats"
    else:
        advice += f"; --technique names fewer of {_some(compared)}"
    return f"expected repeats, without which no difference can be told from luck; got {ran}: {advice}"


def _alone(runs: Runs, at: _Columns, names: Sequence[str], compared: Sequence[str], seeds: Sequence[str]) -> str:
    rest = [name for name in [*at.settings, *at.extras] if name not in (*compared, *seeds) and at.varies(name)]
    could = f"; --technique can name {_some(rest)}" if rest else ""
    got = f"all of {_short(names[0])}" if compared and names else f"{runs.tool}'s runs, which differ in no setting"
    return f"expected at least two techniques or settings to compare; got {got}{could}"


def _control(asked: Asked, names: Sequence[str]) -> str:
    if asked.control is not None:
        if asked.control in names:
            return asked.control
        ends = [name for name in names if name.partition("=")[2] == asked.control]
        if len(ends) == 1:
            return ends[0]
        raise InputError(
            f"--control: expected one of {_some(names)}; got {given(asked.control)}{nearest(asked.control, names)}"
        )
    usual = [name for name in names if name.strip().lower() in CONTROLS]
    return usual[0] if len(usual) == 1 else names[0]


def _compared_said(runs: Runs, compared: Sequence[str], names: Sequence[str]) -> str:
    what = f"the values of {listed(list(compared), MOST_NAMED)}" if compared else "the names of the runs"
    other = "" if runs.technique else "; --technique names other settings"
    return f"Compared: {what} ({_some(names)}){other}."


def _reach(runs: Runs, asked: Asked, at: _Columns, frame: pd.DataFrame, said: list[str]) -> tuple[float | None, str]:
    """n_test/n_train of folds, and the scope; the numbers of rows go into ``frame``."""
    usual = {_last(name): name for name in at.names if _last(name) in ROWS}
    if asked.rows is not None:
        frame["n_train"], frame["n_test"] = asked.rows
    else:
        for short, name in usual.items():
            values = np.array([_number(one) for one in at.values(name)])
            frame[short] = values[frame["_row"].to_numpy()]
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


def _last(name: str, *, keep: bool = False) -> str:
    """The last part of a name, in small letters: of ``params.Seed`` and ``config/seed`` it is ``seed``."""
    last = name.replace(".", "/").rpartition("/")[2] or name
    return last if keep else last.strip().lower().replace(" ", "_").replace("-", "_")


def _without_split(name: str) -> str:
    last = name.lower()
    for start in ("objective_", *SPLITS):
        last = last.removeprefix(start)
    return last


def _is_number(value: Any) -> bool:
    """Whether a value is a plain number, and not NaN."""
    is_one = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    return is_one and bool(abs(value) < 1e300)


def _number(value: Any) -> float:
    """A plain number, NaN where it is none."""
    return float(value) if _is_number(value) else np.nan


def _whole(value: Any) -> int | None:
    """The whole number that a value is, also as text."""
    if isinstance(value, str) and len(value) < 19 and value.lstrip("-").isdecimal() and value.isascii():
        return int(value)
    return int(value) if _is_number(value) and abs(value) < 2**53 and value % 1 == 0 else None


def _text(value: Any) -> str:
    """A value as it is written in a name: the same for 1 and 1.0."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return UNSET
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 10**30 else given(int(value))
    return exact(float(value)) if isinstance(value, float | np.floating) else str(value)


def _short(name: str) -> str:
    return elide(name, 80)


def _some(names: Sequence[str]) -> str:
    """Names, the first of them where they are many."""
    shown = [_short(one) for one in names[:MOST_NAMED]]
    return ", ".join(shown) + (f", … ({len(names):,} in all)" if len(names) > MOST_NAMED else "")
