"""Weights & Biases: the CSV file of a project's table, or that of its runs with their config and summary."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.mixed import ended, mixed_runs
from regfleet.readers.runs import Runs, flat, frame_of, left_out, without_score
from regfleet.readers.source import json_of
from regfleet.text import given

if TYPE_CHECKING:
    from regfleet.readers.source import Source

TOOL = "W&B"
TAKES = "a CSV file of a project's table or of the API's runs"
_BOOKS = (
    *(
        "Name",
        "State",
        "Notes",
        "User",
        "Tags",
        "Created",
        "Runtime",
        "Sweep",
        "ID",
        "Agent",
        "Description",
        "GPU Count",
    ),
    *(
        "GPU Type",
        "Github",
        "GitHub",
        "Group",
        "Host",
        "Hostname",
        "Job Type",
        "Project",
        "Updated",
        "End Time",
        "Commit",
    ),
)
MOST_CELL = 100_000
"""Characters of a cell that holds a table."""


def read(source: Source) -> Runs | None:
    """The runs of a project; None where it is nothing of W&B's."""
    columns = {*source.columns}
    if {"summary", "config", "name"} <= columns:
        return _of_api(source)
    if {"Name", "State"} <= columns and columns & {"Created", "Runtime", "Sweep", "User", "ID"}:
        return mixed_runs(source, TOOL, _BOOKS, "State", "a project")
    if source.kind == "folder" and source.found("*/run-*.wandb"):
        raise InputError(
            f"{source.name}: expected a CSV file of W&B's runs; got the folder of its log: export the project's table, "
            "or write its runs with wandb.Api()"
        )
    return None


def _of_api(source: Source) -> Runs:
    table = source.table(lambda name: name in ("summary", "config", "name", "state"))
    runs = len(table)
    kept, lost = ended(table, "state")
    table = table.iloc[kept].reset_index(drop=True)
    settings = [_cell(one, source.name, "config") for one in table["config"]]
    scores = [_cell(one, source.name, "summary") for one in table["summary"]]
    measured = frame_of(
        [{name: one for name, one in row.items() if not name.startswith("_")} for row in scores], numbers=True
    )
    return Runs(
        tool=TOOL,
        settings=frame_of([{key: one for key, one in row.items() if not key.startswith("_")} for row in settings]),
        extras=frame_of([{"name": one} for one in table["name"]]),
        scores=measured[[name for name in measured if measured[name].notna().any()]],
        lost=lost,
        label="name",
        notes=(
            f"Read as W&B's: {count(runs, 'run')}, each by its summary.",
            *left_out([(runs - len(kept), "still running")]),
            *without_score(sum(lost)),
        ),
    )


def _cell(value: Any, name: str, column: str) -> dict[str, Any]:
    """The table in a cell: a dictionary, or one as JSON or as Python writes it, of plain values only."""
    found = value
    if isinstance(value, str):
        if len(value) > MOST_CELL:
            raise InputError(f"{name}: expected at most {MOST_CELL:,} characters in {column}; got {len(value):,}")
        try:
            found = json_of(value.encode(), name)
        except InputError:
            found = _python(value)
    if not isinstance(found, Mapping):
        raise InputError(f"{name}: expected a dictionary in each cell of {column}; got {given(value)}")
    return flat(found)


def _python(text: str) -> Any:
    """A value of plain ones as Python writes it; None for anything else."""
    try:
        return ast.literal_eval(_Numbers().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


class _Numbers(ast.NodeTransformer):
    """The names that Python writes for floats which are no finite numbers, as of a run that diverged, as floats."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(float(node.id)) if node.id in ("nan", "inf") else node
