"""Which rows of a data set are the same in two runs, by what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.numbers import count
from regfleet.text import listed, printable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, slots=True)
class RowChange:
    """How many tested rows are the same in both runs, were added, removed, or changed in some of their columns.

    ``columns`` that changed rows differ in; ``more`` and ``fewer`` are columns that one run alone has. ``numbered``:
    whether each row of either run has the number of the same row in the other.
    """

    same: int
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    more: tuple[str, ...]
    fewer: tuple[str, ...]
    numbered: bool

    def sentences(self) -> list[str]:
        """What changed, for people."""
        said = []
        counts = [(self.added, "added"), (self.removed, "removed"), (self.changed, "changed")]
        parts = [f"{count(many, 'row')} {word}" for many, word in counts if many]
        if parts:
            where = f" in {listed(list(map(printable, self.columns)))}" if self.changed else ""
            said.append(f"{listed(parts)}{where}; {count(self.same, 'row')} as before.")
        else:
            moved = "" if self.numbered else ", in another order"
            said.append(f"The same {count(self.same, 'row')}{moved}.")
        for names, word in ((self.more, "New"), (self.fewer, "Gone")):
            if names:
                said.append(
                    f"{word}: {'columns' if len(names) > 1 else 'column'} {listed(list(map(printable, names)))}."
                )
        return said


def row_change(old: pd.DataFrame, new: pd.DataFrame) -> RowChange | None:
    """What became of the rows of two tables of texts by row number; None where they have no column in common.

    Rows are the same that hold the same in the columns of both. Of the others two are one row, changed, where they
    follow the same row and hold the same in half of the columns at least.
    """
    import numpy as np

    old, new = _own(old), _own(new)
    both = [name for name in new.columns if name in old.columns]
    if not both:
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
    return RowChange(
        same=same,
        added=added,
        removed=removed,
        changed=len(changed),
        columns=tuple(name for name in both if name in differ),
        more=tuple(name for name in new.columns if name not in both),
        fewer=tuple(name for name in old.columns if name not in both),
        numbered=not (added or removed) and all(numbers[0][a] == numbers[1][b] for a, b in places),
    )


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
