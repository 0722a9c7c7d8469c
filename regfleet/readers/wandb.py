"""Weights & Biases: the CSV file of a project's table, or that of its runs with their config and summary."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.mixed import mixed_runs
from regfleet.readers.runs import Runs, flat, frame_of
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
        return mixed_runs(source, TOOL, _BOOKS, "Name", "State", "a project")
    if source.kind == "folder" and source.found("*/run-*.wandb"):
        raise InputError(
            f"{source.name}: expected a CSV file of W&B's runs; got the folder of its log: export the project's table, "
            "or write its runs with wandb.Api()"
        )
    return None


def _of_api(source: Source) -> Runs:
    table = source.table(lambda name: name in ("summary", "config", "name"))
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
        label="name",
        notes=(f"Read as W&B's: {count(len(table), 'run')}, each by its summary.",),
    )


def _cell(value: Any, name: str, column: str) -> dict[str, Any]:
    """The table in a cell: a dictionary, or one as JSON or as Python writes it, of plain values only."""
    found = value
    if isinstance(value, str):
        if len(value) > MOST_CELL:
            raise InputError(f"{name}: expected at most {MOST_CELL:,} characters in {column}; got {len(value):,}")
        try:
            found = json_of(value.encode(), name) if value.startswith('{"') else ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError, InputError):
            found = None
    if not isinstance(found, Mapping):
        raise InputError(f"{name}: expected a dictionary in each cell of {column}; got {given(value)}")
    return flat(found)
