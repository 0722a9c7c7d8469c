"""What a reader returns: the runs of another tool, a line each, and what the tool itself says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from regfleet.numbers import count
from regfleet.readers.source import Source

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Runs:
    """Runs in the order of the tool.

    ``settings``: what each was run with, columns of plain values, None where not set. ``extras``: what else is known of
    it, by which it is told apart only where somebody says so. ``scores``: numbers, NaN where there is none, and
    ``directions`` which of them are better when higher, as far as the tool says. ``lost``: whether a run has no score
    because it failed or was stopped.

    The tool's own words, empty where it has none: ``metric`` is the score it was after, ``technique`` the settings that
    are compared, ``seed`` what tells repeats apart, ``dataset`` the data set, ``label`` the name of a run. ``mixed``:
    nothing says which columns were set and which came out. ``overlap``: n_test/n_train, where the seeds are folds, and
    ``guess`` how that was found, for when nobody gives the numbers of rows. ``notes`` are sentences on what was found
    and what was left out.
    """

    tool: str
    settings: pd.DataFrame
    scores: pd.DataFrame
    extras: pd.DataFrame | None = None
    directions: Mapping[str, bool] = field(default_factory=dict)
    lost: Sequence[bool] = ()
    metric: str = ""
    technique: tuple[str, ...] = ()
    seed: str = ""
    dataset: str = ""
    label: str = ""
    mixed: bool = False
    overlap: float | None = None
    guess: str = ""
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """A module that reads the results of one tool."""

    TOOL: str
    """Its name."""
    TAKES: str
    """What of it can be read, for the message on what cannot."""

    def read(self, source: Source) -> Runs | None:
        """The runs in ``source``; None where it is nothing of this tool's, InputError where it nearly is."""


def frame_of(rows: Sequence[Mapping[str, Any]], *, numbers: bool = False) -> pd.DataFrame:
    """A frame with a line for each of ``rows``, columns in order of appearance; None, or NaN, where one lacks it."""
    import pandas as pd

    names = dict.fromkeys(str(name) for row in rows for name in row)
    empty = np.nan if numbers else None
    kind = np.float64 if numbers else object
    columns = {name: np.array([None] * len(rows), dtype=object) for name in names}
    for place, row in enumerate(rows):
        for name, value in row.items():
            columns[str(name)][place] = value
    return pd.DataFrame(
        {
            name: np.array([_number(one, empty) for one in column], dtype=kind) if numbers else column
            for name, column in columns.items()
        },
        index=range(len(rows)),
        dtype=kind,
    )


def _number(value: Any, empty: float | None) -> Any:
    return value if isinstance(value, int | float | np.number) and not isinstance(value, bool) else empty


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` where it is a mapping; else an empty one."""
    return value if isinstance(value, dict) else {}


def flat(values: Mapping[str, Any], most: int = 2000) -> dict[str, Any]:
    """``values`` with those of tables in it beside them, by ``outer/inner``; lists and what else there is as text."""
    found: dict[str, Any] = {}
    waiting = [(str(name), value) for name, value in reversed([*values.items()])]
    while waiting and len(found) < most:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(f"{name}/{inner}", one) for inner, one in reversed([*value.items()])]
        else:
            found[name] = value if value is None or isinstance(value, str | int | float) else str(value)[:200]
    return found


def left_out(counts: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    """What was left out and why, in a sentence: pairs of how many, and which they are; none where nothing was."""
    parts = [f"{number:,} {which}" for number, which in counts if number]
    return (f"Left out: {', '.join(parts)}.",) if parts else ()


def without_score(failed: int, stopped: int = 0) -> tuple[str, ...]:
    """That runs which failed, and those that were stopped for doing badly, count as runs without a score."""
    parts = [count(failed, "failed run")] * bool(failed) + [count(stopped, "run") + " stopped early"] * bool(stopped)
    if not parts:
        return ()
    why = (
        " A run that was stopped because it did badly would flatter its setting if it were left out." if stopped else ""
    )
    return (f"{' and '.join(parts)} {'counts' if failed + stopped == 1 else 'count'} as runs without a score.{why}",)
