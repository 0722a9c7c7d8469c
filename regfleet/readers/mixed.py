"""Tables of trackers in which what was set and what came out stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from regfleet.numbers import count
from regfleet.readers.runs import Runs, left_out, without_score

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.readers.source import Source

FINISHED = ("finished", "done", "completed", "")
LOST = ("failed", "crashed", "killed", "preempted")


def mixed_runs(source: Source, tool: str, books: Sequence[str], state: str, where: str) -> Runs:
    """The runs of a table, ``books`` its columns that are neither.

    Args:
        source: the table.
        tool: whose it is.
        books: columns of the tool's own books.
        state: the column with what became of it.
        where: where in the tool the table comes from, for the note.
    """
    table = source.table(bool)  # a column without a name is the index that pandas writes
    runs = len(table)
    kept, lost = ended(table, state)
    table = table.iloc[kept].reset_index(drop=True)
    columns = [str(name) for name in table if name not in books and not str(name).startswith("_")]
    numeric = [name for name in columns if _is_numeric(list(table[name]))]
    return Runs(
        tool=tool,
        settings=table[columns],
        extras=table[[name for name in table if name in books]],
        scores=table[numeric].astype(float),
        lost=lost,
        label="Name",
        mixed=True,
        notes=(
            f"Read as {tool}'s table of {where}: {count(runs, 'run')}.",
            "It does not say which columns were set and which came out.",
            *left_out([(runs - len(kept), "still running")]),
            *without_score(sum(lost)),
        ),
    )


def ended(table: pd.DataFrame, state: str) -> tuple[list[int], list[bool]]:
    """Which lines are of runs that ended, and whether each of these failed; all ended where no ``state`` is there."""
    states = [str(one or "").strip().lower() for one in table[state]] if state in table else [""] * len(table)
    kept = [place for place, one in enumerate(states) if one in (*FINISHED, *LOST)]
    return kept, [states[place] in LOST for place in kept]


def _is_numeric(values: list[object]) -> bool:
    there = [one for one in values if one is not None]
    return bool(there) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in there)
