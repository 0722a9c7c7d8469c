"""A table of no tool's, of which somebody said which columns are compared or repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.readers.runs import Runs

if TYPE_CHECKING:
    from regfleet.readers.source import Source


def runs_of(source: Source) -> Runs:
    """Each line is a run; its numbers are scores, and every column may be a setting."""
    table = source.table(bool)  # a column without a name is the index that pandas writes
    numeric = [
        name
        for name in table
        if table[name].notna().any()
        and all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in table[name])
    ]
    scores = table[numeric].astype(float)
    return Runs(tool="the table", settings=table, scores=scores, mixed=True)
