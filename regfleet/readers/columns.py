"""What is known of runs, by name, and values as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.text import elide, given, nearest

if TYPE_CHECKING:
    from regfleet.readers.runs import Runs

UNSET = "not set"
MOST_NAMED = 12


class Columns:
    """What is known of the runs, by name: settings before extras, and scores for themselves."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self.mixed = runs.mixed
        self.settings = [str(one) for one in runs.settings]
        self.extras = [] if runs.extras is None else [str(one) for one in runs.extras if one not in self.settings]
        self.measured = [str(one) for one in runs.scores]

    @property
    def names(self) -> list[str]:
        """Settings, then extras."""
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
        return np.array([number_of(one) for one in self.values(name)], dtype=np.float64)

    def numeric(self) -> list[str]:
        """The extras that could be a score."""
        return [name for name in self.extras if any(is_number(one) for one in self.values(name))]

    def varies(self, name: str) -> bool:
        """Whether the runs have several values of it."""
        return len({text_of(one) for one in self.values(name)}) > 1

    def parts(self, text: str) -> list[str]:
        """The names in a text: itself where a column is called so, else what commas part."""
        return [text] if text in self.names else [one.strip() for one in text.split(",")]

    def find(self, flag: str, name: str) -> str:
        """The column that somebody named; raises InputError where there is none."""
        names = list(dict.fromkeys([*self.names, *self.measured]))
        if name in names:
            return name
        ends = [one for one in names if last(one) == name.lower()]
        if len(ends) == 1:
            return ends[0]
        raise InputError(f"{flag}: expected one of {some(names)}; got {given(name)}{nearest(name, names)}")


def last(name: str, *, keep: bool = False) -> str:
    """The last part of a name, in small letters: of ``params.Seed`` and ``config/seed`` it is ``seed``."""
    end = name.replace(".", "/").rpartition("/")[2] or name
    return end if keep else end.strip().lower().replace(" ", "_").replace("-", "_")


def is_number(value: Any) -> bool:
    """Whether a value is a plain number, and not NaN."""
    is_one = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    return is_one and bool(abs(value) < 1e300)


def number_of(value: Any) -> float:
    """A plain number, NaN where it is none."""
    return float(value) if is_number(value) else np.nan


def whole_of(value: Any) -> int | None:
    """The whole number that a value is, also as text."""
    if isinstance(value, str) and len(value) < 19 and value.lstrip("-").isdecimal() and value.isascii():
        return int(value)
    return int(value) if is_number(value) and abs(value) < 2**53 and value % 1 == 0 else None


def text_of(value: Any) -> str:
    """A value as it is written in a name: the same for 1 and 1.0."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return UNSET
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value)) if abs(int(value)) < 10**30 else given(int(value))
    return exact(float(value)) if isinstance(value, float | np.floating) else str(value)


def short(name: str) -> str:
    """A name as it stands in a sentence."""
    return elide(name, 80)


def some(names: Sequence[str]) -> str:
    """Names, the first of them where they are many."""
    shown = [short(one) for one in names[:MOST_NAMED]]
    return ", ".join(shown) + (f", … ({len(names):,} in all)" if len(names) > MOST_NAMED else "")
