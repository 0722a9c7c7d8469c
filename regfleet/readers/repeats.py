"""What tells repeats of a run apart, and which runs count as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.columns import last, short, some, text_of, whole_of
from regfleet.text import listed
from regfleet.trials import ROW_COUNTS

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.readers.asked import Asked
    from regfleet.readers.columns import Columns
    from regfleet.readers.runs import Runs

SEEDS = (
    *("seed", "random_seed", "random_state", "rng_seed", "torch_seed", "np_seed", "fold", "cv_fold", "fold_idx"),
    *("split", "repeat", "rep", "idx_rep", "replicate", "replication", "repetition", "execution"),
)
"""Names of settings that tell repeats of a run apart, after the last ``/`` or ``.``."""


def seeds_of(runs: Runs, asked: Asked, at: Columns, dataset: Sequence[str]) -> list[str]:
    """The columns that tell repeats apart; none where nothing says."""
    if asked.seed is not None:
        return [at.find("--seed", asked.seed)]
    if runs.seed:
        return [runs.seed]
    taken = {*asked.technique, *dataset}
    usual = [name for name in at.names if last(name) in SEEDS and name not in taken]
    return [name for name in usual if at.varies(name)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A whole number for each run that tells repeats apart; ``tied``: the same one means the same seed."""

    seeds: list[int]
    said: str
    tied: bool = True


def number_runs(seeds: Sequence[str], at: Columns, frame: pd.DataFrame, keys: list[str]) -> Numbers:
    """The seeds as whole numbers, or runs in their order where nothing says which belong together."""
    columns = [at.values(name) for name in seeds]
    values = [", ".join(map(text_of, one)) for one in zip(*columns, strict=True)]
    if not seeds or _shares_none(values, frame, keys):
        why = f"no two of them share a value of {listed(list(seeds))}" if seeds else "no setting is called seed or fold"
        said = (
            f"Repeats: runs with the same settings, numbered in their order, for {why}. Nothing ties a repeat of one "
            "technique to one of another. --seed names what does."
        )
        return Numbers(frame.groupby(keys).cumcount().tolist(), said, tied=False)
    words = f"Repeats: the values of {listed(list(seeds))}"
    whole = [whole_of(one) for one in columns[0]] if len(columns) == 1 else [None]
    if all(one is not None for one in whole):
        return Numbers([int(one) for one in whole if one is not None], f"{words}; --seed names another setting.")
    number = {one: place for place, one in enumerate(dict.fromkeys(values))}
    return Numbers([number[one] for one in values], f"{words}, which were numbered; --seed names another setting.")


def _shares_none(seeds: list[str], frame: pd.DataFrame, keys: list[str]) -> bool:
    """Whether techniques were run on seeds of their own, each on several."""
    told = frame[keys].assign(seed=seeds).drop_duplicates()
    apart = not told.duplicated([*keys[:-1], "seed"]).any()
    return apart and len({*told["technique"]}) > 1 and bool((told.groupby(keys).size() > 1).all())


def differing(runs: Runs, at: Columns, frame: pd.DataFrame, known: Sequence[str], *, tied: bool) -> list[str]:
    """That runs of one technique also differ in other settings; refused where no seed ties them to the others'."""
    unset = at.measured if runs.mixed else ()  # of a score it is no wonder that it differs
    rest = [name for name in at.settings if name not in (*known, *unset) and last(name) not in ROW_COUNTS]
    differ = [
        name
        for name in rest
        if (frame[["technique"]].assign(value=[text_of(one) for one in at.values(name)]).drop_duplicates())
        .duplicated("technique")
        .any()
    ]
    if not differ:
        return []
    if not tied and not runs.mixed:
        raise InputError(
            f"expected repeats; got runs of one technique that differ in {some(differ)}, and no seed that they share "
            f"with those of another: add {differ[0]} to --technique, or name with --seed what repeats"
        )
    return [f"Runs of one technique also differ in {some(differ)}: what that changes counts as luck."]


def recorded(runs: Runs, at: Columns, compared: Sequence[str], seeds: Sequence[str], said: list[str]) -> Runs:
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


def once(
    frame: pd.DataFrame, keys: list[str], at: Columns, compared: Sequence[str], seeds: Sequence[str], said: list[str]
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
            if name not in (*compared, *seeds, *unset) and len({text_of(at.values(name)[row]) for row in rows}) > 1
        ]
        where = f"{short(first['technique'])}, repeat {first['seed']}, {len(rows):,} times"
        if not differ:
            advice = "--seed must name what tells these runs apart" if seeds else "the same run stands there twice"
            raise InputError(f"expected one run for each technique and repeat; got {where}: {advice}")
        raise InputError(
            f"expected one run for each technique and repeat; got {where}, which also differ in {some(differ)}: add "
            f"{differ[0]} to --technique, or leave all but one of its values out"
        )
    ordered = frame.sort_values("_lost", kind="stable")
    kept = ordered.drop_duplicates(cell).sort_values("_row")
    again = len(frame) - len(kept)
    if again:
        said.append(f"{count(again, 'run')} that failed {'was' if again == 1 else 'were'} done again, and not counted.")
    return kept


def repeated(frame: pd.DataFrame, compared: Sequence[str], seeds: Sequence[str], said: list[str]) -> pd.DataFrame:
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
    ran = f"{settings:,} settings of {some(compared)}, {'all but one' if often else 'each'} run once"
    advice = "run each setting that is to be compared with several seeds, and record the seed as a setting"
    if not seeds:
        advice += "; --technique names the settings to compare, --seed what repeats"
    else:
        advice += f"; --technique names fewer of {some(compared)}"
    return f"expected repeats, without which no difference can be told from luck; got {ran}: {advice}"
