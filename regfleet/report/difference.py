"""What changed from one run to another: a record, JSON and one HTML page; the same one gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regfleet import atomic
from regfleet.analysis.between import WITHDRAWN, Change
from regfleet.analysis.intervals import FEW_ROWS, NO_SCATTER, TOO_FEW
from regfleet.analysis.variant import Interval
from regfleet.errors import InputError
from regfleet.metrics import Metric
from regfleet.numbers import DASH, Scale, level
from regfleet.paths import is_ours, unwritable
from regfleet.report.background import day
from regfleet.report.templates import assets, environment
from regfleet.report.verdicts import SAME, VERDICTS, Chip
from regfleet.text import json_text

PAIRED = {
    "rows": "paired by seed and test row",
    "seeds": "paired by seed",
    "unpaired": "not paired",
}
"""How the runs of a variant are held against each other, in words."""
SAID = (TOO_FEW, WITHDRAWN, NO_SCATTER, FEW_ROWS)
"""Notes that want a sentence."""
_MARK = b'<meta name="generator" content="regfleet diff">'


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that has another value now; empty where it has none."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class DataChange:
    """What is different about a data set, and sentences on its rows and columns."""

    dataset: str
    settings: tuple[Setting, ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetChange:
    """What became of the variants on a data set: ``changes`` in the order of the later study.

    ``where`` says what the intervals are about, ``headline`` what came of all of them; ``judged`` how they were made.
    ``comparisons`` hold at once. ``only_old`` and ``only_new`` are labels of variants that one run alone has.
    """

    dataset: str
    metric: Metric
    where: str
    comparisons: int
    headline: str
    judged: str
    changes: tuple[Change, ...]
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]

    def caption(self, level: str) -> str:
        """What the intervals of the table are, ``level`` being theirs, and how they were made."""
        unit = Scale(self.metric)
        every = "both" if self.comparisons == 2 else f"all {self.comparisons}"
        many = f", which hold for {every} at once" if self.comparisons > 1 else ""
        points = " in percentage points" if unit.points else ""
        less = "now minus before" if self.metric.higher_is_better else "before minus now"
        return (
            f"{level} intervals about {self.where}{many}. Change: {less}{points}, above zero is better. "
            f"Too small to matter: {unit.rope.replace('the control', 'the earlier run')}. {self.judged}"
        )

    @property
    def telling(self) -> tuple[Change, ...]:
        """The changes that a sentence says more of than the table."""
        return tuple(one for one in self.changes if one.verdict in ("better", "worse") or one.note in SAID)


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changed from one run to another; ``old`` and ``new`` are what the user called them.

    ``finished`` is when each was, as recorded. ``study``, ``versions`` and ``hardware`` have what differs.
    ``notes`` are for people, those on data sets that only one run has among them.
    """

    old: str
    new: str
    finished: tuple[str, str]
    study: tuple[Setting, ...]
    data: tuple[DataChange, ...]
    versions: tuple[Setting, ...]
    hardware: tuple[Setting, ...]
    sets: tuple[SetChange, ...]
    alpha: float
    notes: tuple[str, ...]

    @property
    def background(self) -> tuple[tuple[str, tuple[Setting, ...]], ...]:
        """What differs about the runs beside their data, under its title."""
        return (("Study", self.study), ("Versions", self.versions), ("Hardware", self.hardware))

    def json(self) -> str:
        """The difference for machines; NaN becomes null."""
        return json_text(asdict(self))


def chip_of(one: Change) -> Chip:
    """The verdict as it is shown; that nothing was predicted differently is more than undecided."""
    return SAME if one.same and one.verdict == "undecided" else VERDICTS[one.verdict]


@dataclass(frozen=True, slots=True)
class Line:
    """A variant in the page's table, every number written out; ``bar`` are places from 0 to 100."""

    label: str
    old: str
    new: str
    difference: str
    interval: str
    chip: Chip
    note: str
    seeds: str
    lost: str
    bar: dict[str, float] | None


def lines(found: SetChange) -> tuple[Line, ...]:
    """The rows of the table of a data set."""
    ends = [end for one in found.changes for end in (one.difference.low, one.difference.high, one.rope, -one.rope, 0.0)]
    known = [end for end in ends if math.isfinite(end)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return tuple(_line(one, Scale(found.metric), low, max(high, low + 1e-9)) for one in found.changes)


def _line(one: Change, unit: Scale, low: float, high: float) -> Line:
    return Line(
        label=one.label,
        old=unit.score(one.old),
        new=unit.score(one.new),
        difference=unit.difference(one.difference.mean),
        interval=unit.from_to(one.difference.low, one.difference.high),
        chip=chip_of(one),
        note=one.note,
        seeds=seeds_of(one),
        lost=lost_of(one),
        bar=_bar(one.difference, one.rope, low, high),
    )


def seeds_of(one: Change) -> str:
    """How many seeds are compared: ``10``, or ``10, then 12``."""
    return str(one.seeds[0]) if one.pairing != "unpaired" else f"{one.seeds[0]}, then {one.seeds[1]}"


def lost_of(one: Change) -> str:
    """The trials that failed or diverged; empty where none did in either run."""
    return f"{one.lost[0]}, then {one.lost[1]}" if any(one.lost) else ""


def _bar(of: Interval, rope: float, low: float, high: float) -> dict[str, float] | None:
    if not math.isfinite(of.low):
        return None
    values = {"low": of.low, "high": of.high, "mean": of.mean, "zero": 0.0, "rope_low": -rope, "rope_high": rope}
    return {name: round(3 + 94 * (value - low) / (high - low), 1) for name, value in values.items()}


def page(difference: Difference) -> str:
    """The difference as one HTML file."""
    made, sure = environment(), level(difference.alpha)
    return made.get_template("diff.html.j2").render(
        found=difference,
        days=tuple(map(day, difference.finished)),
        level=sure,
        sections=tuple((one, Scale(one.metric), lines(one), one.caption(sure)) for one in difference.sets),
        dash=DASH,
        **_looks(made),
    )


def _looks(made: Any) -> dict[str, Any]:
    """Colours and style sheet: the page has no script."""
    found = assets(made, "report.js", "report.css", "site.css")
    return {name: found[name] for name in ("tokens", "style")}


def write_page(difference: Difference, path: Path) -> None:
    """Write the page; raises InputError where a file lies there that is no such page."""
    write_own(path, page(difference), "--html", lambda content: _MARK in content[:4000])


def write_own(path: Path, text: str, flag: str, own: Callable[[bytes], bool]) -> None:
    """Write one file; raises InputError where a file lies there that ``own`` does not know by its content."""
    try:
        if not is_ours(path, {}, path.name, own):
            raise InputError(f"{flag}: expected a new file, or one that this command wrote; got {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, [text.encode()])
    except OSError as problem:
        raise unwritable(flag, path, problem) from None


def differing(old: dict[str, str], new: dict[str, str]) -> tuple[Setting, ...]:
    """What two tables do not have alike, in the order of the new one."""
    names: Sequence[str] = list(dict.fromkeys((*new, *old)))
    return tuple(
        Setting(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name, "") != new.get(name, "")
    )
