"""Which rows of a data set are the same in two runs, by what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.numbers import count
from regfleet.report.exports import PREDICTED
from regfleet.text import listed, printable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RowChange:
    """How many rows are the same in both runs, were added, removed, or changed in some of their columns.

    ``columns`` that changed rows differ in; ``more`` and ``fewer`` are columns that one run alone has, ``renamed`` old
    and new names of those that hold the same. ``numbered``: whether each row of either run has the number of the same
    row in the other. ``whole``: whether all rows are known; else these are the tested ones, which say nothing of how
    many were added or removed.
    """

    same: int
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    more: tuple[str, ...]
    fewer: tuple[str, ...]
    numbered: bool
    whole: bool = True
    renamed: tuple[tuple[str, str], ...] = ()

    def sentences(self) -> list[str]:
        """What changed, for people."""
        said = [self._of_all() if self.whole else self._of_tested()]
        said += [f"Column {printable(old)} is called {printable(new)} now." for old, new in self.renamed]
        for names, word in ((self.more, "New"), (self.fewer, "Gone")):
            if names:
                said.append(
                    f"{word}: {'columns' if len(names) > 1 else 'column'} {listed(list(map(printable, names)))}."
                )
        return said

    def _of_all(self) -> str:
        counts = [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        parts = [f"{count(many, 'row')} {word}" for many, word in counts if many]
        if parts:
            where = f" in {self._where}" if self.changed else ""
            return f"{listed(parts)}{where}; {count(self.same, 'row')} as before."
        return f"The same {count(self.same, 'row')}{'' if self.numbered else ', in another order'}."

    def _of_tested(self) -> str:
        if not self.numbered:
            return (
                f"{count(self.same, 'row')} that both runs tested {'is' if self.same == 1 else 'are'} as before; how "
                "many were added, removed or changed is not known, because not every row was tested."
            )
        if self.changed:
            return (
                f"{count(self.changed, 'row')} changed in {self._where}, of {self.same + self.changed:,} that both "
                "runs tested."
            )
        others = "" if self.more or self.fewer or self.renamed else ", and other rows are not"
        return f"{count(self.same, 'row')} that both runs tested {'is' if self.same == 1 else 'are'} as before{others}."

    @property
    def _where(self) -> str:
        return listed(list(map(printable, self.columns)))


def row_change(old: pd.DataFrame, new: pd.DataFrame, rows: tuple[int, int] | None = None) -> RowChange | None:
    """What became of the rows of two tables of texts by row number; None where they have nothing in common.

    Rows are the same that hold the same in the columns of both. Of the others two are one row, changed, where they
    follow the same row and hold the same in half of the columns at least.

    Args:
        old, new: the tables of tested rows.
        rows: how many there are of the data set in both runs, where these may be more; where they are as many, rows
            are looked for under their own numbers.
    """
    import numpy as np

    whole = rows is None or rows == (len(old), len(new))
    old, new = _own(old), _own(new)
    if rows is not None and not whole and rows[0] == rows[1]:
        tested = old.index.intersection(new.index)
        old, new = old.loc[tested], new.loc[tested]
    both = [name for name in new.columns if name in old.columns]
    if not set(both) - {PREDICTED} or not len(old):
        return None
    before, after = old[both].to_numpy(), new[both].to_numpy()
    numbers = old.index.to_numpy(), new.index.to_numpy()
    texts = [["\x1f".join(row) for row in table.tolist()] for table in (before, after)]
    match = _matched((texts[0], texts[1]), (numbers[0].tolist(), numbers[1].tolist()))
    same = int(np.sum(match >= 0))
    taken = set(match.tolist())
    changed: list[tuple[int, int]] = []
    anchor = (-1, -1)
    for place, found in enumerate(match.tolist()):
        if found >= 0:
            anchor = (place, found)
            continue
        there = anchor[1] + place - anchor[0]
        if there in taken or not 0 <= there < len(after):
            continue
        if 2 * np.sum(before[place] == after[there]) >= len(both):
            changed.append((place, there))
            taken.add(there)
    places = [(place, found) for place, found in enumerate(match.tolist()) if found >= 0] + changed
    differ = {
        name for a, b in changed for name, one, other in zip(both, before[a], after[b], strict=True) if one != other
    }
    added, removed = len(after) - len(places), len(before) - len(places)
    more, fewer = ([str(name) for name in one if name not in both] for one in (new, old))
    renamed = _renamed(old[fewer], new[more], places)
    return RowChange(
        same=same,
        added=added,
        removed=removed,
        changed=len(changed),
        columns=tuple(name for name in both if name in differ),
        more=tuple(name for name in more if name not in renamed.values()),
        fewer=tuple(name for name in fewer if name not in renamed),
        numbered=not (added or removed) and all(numbers[0][a] == numbers[1][b] for a, b in places),
        whole=whole,
        renamed=tuple(renamed.items()),
    )


def _renamed(old: pd.DataFrame, new: pd.DataFrame, places: Sequence[tuple[int, int]]) -> dict[str, str]:
    """Old name → new name of columns that hold the same in rows that are the same, whose places are given."""
    found: dict[str, str] = {}
    held = {name: new[name].to_numpy()[[there for _, there in places]].tolist() for name in new}
    for name in old:
        values = old[name].to_numpy()[[here for here, _ in places]].tolist()
        there = next((one for one in held if one not in found.values() and held[one] == values), None)
        if values and there is not None:
            found[str(name)] = str(there)
    return found


def _own(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that the data set has: the table of all data sets has those of the others too, empty."""
    own = table[[name for name in table.columns if (table[name] != "").any()]]
    return own.loc[:, ~own.columns.duplicated()].sort_index()


def _matched(texts: tuple[list[str], list[str]], numbers: tuple[list[int], list[int]]) -> np.ndarray:
    """Of each old row the place of the same one among the new, −1 for none; that of its own number before others."""
    import numpy as np

    old, new = texts
    match = np.full(len(old), -1)
    by_number = {number: place for place, number in enumerate(numbers[1])}
    left: dict[str, list[int]] = {}
    taken = set()
    for place, (text, number) in enumerate(zip(old, numbers[0], strict=True)):
        there = by_number.get(number, -1)
        if there >= 0 and new[there] == text:
            match[place] = there
            taken.add(there)
    for place in range(len(new) - 1, -1, -1):
        if place not in taken:
            left.setdefault(new[place], []).append(place)
    for place, text in enumerate(old):
        if match[place] < 0 and left.get(text):
            match[place] = left[text].pop()
    return match
