"""benchopt: the Parquet or CSV file of a benchmark's results, or the folder of its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import count
from regfleet.readers.runs import Runs
from regfleet.readers.source import Source
from regfleet.text import given, listed, named

if TYPE_CHECKING:
    import pandas as pd

TOOL = "benchopt"
TAKES = "its Parquet or CSV file, or its folder outputs"
_NAMES = ("solver_name", "dataset_name", "data_name", "objective_name", "idx_rep", "stop_val", "time", "run_date")


def read(source: Source) -> Runs | None:
    """The last point of each solver's curve; None where it is nothing of benchopt's."""
    if source.kind == "folder" and source.path is not None:
        files = source.found("*.parquet") or source.found("outputs/*.parquet")
        found = [Source(path, source.advance) for path in files]
        if not found or not all("solver_name" in one.columns for one in found):
            return None
        if len(found) > 1:
            raise InputError(
                f"{source.name}: expected one file of benchopt's; got {listed([named(path.name) for path in files])}: "
                "give one, or what benchopt merge makes of them"
            )
        return read(found[0])
    columns = source.columns
    if "solver_name" not in columns or not any(name.startswith("objective_") for name in columns):
        return None
    needed = ("solver_name", "objective_name", "idx_rep", "stop_val")
    lacking = [name for name in needed if name not in columns]
    lacking += [] if {"dataset_name", "data_name"} & {*columns} else ["dataset_name"]
    if lacking:
        raise InputError(f"{source.name}: expected benchopt's column {lacking[0]}; got none")
    table = source.table(lambda name: name in _NAMES or name.startswith(("objective_", "p_solver_")))
    return _runs(source, table.rename(columns={"data_name": "dataset_name"}))


def _runs(source: Source, table: pd.DataFrame) -> Runs:
    """A run for each solver, data set, objective and repetition."""
    keys = ["dataset_name", "objective_name", "solver_name", "idx_rep"]
    measured = [str(name) for name in table if str(name).startswith("objective_") and name != "objective_name"]
    measured = [name for name in measured if any(_is_number(one) for one in table[name])]
    if not measured:
        raise InputError(f"{source.name}: expected benchopt's columns objective_… of numbers; got none")
    notes = []
    if "run_date" in table and len({*table["run_date"]}) > 1:
        newest = table.groupby(keys, sort=False)["run_date"].transform("max")
        notes = ["Of runs that were done several times the last counts."] if (table["run_date"] != newest).any() else []
        table = table[table["run_date"] == newest]
    order = table["stop_val"].map(lambda one: float(one) if _is_number(one) else 0.0)
    last = table[order == order.groupby([table[key] for key in keys]).transform("max")]
    twice = last.duplicated(keys)
    if twice.any():
        where = last[twice].iloc[0]
        raise InputError(
            f"{source.name}: expected one line for each solver, repetition and stop_val; got several for "
            f"{given(where['solver_name'])}, repetition {where['idx_rep']}"
        )
    last = last.reset_index(drop=True)
    several = len({*last["objective_name"]}) > 1
    data = [
        f"{one}, {of}" if several else str(one)
        for one, of in zip(last["dataset_name"], last["objective_name"], strict=True)
    ]
    settings = last[["solver_name", "idx_rep"]].rename(columns={"solver_name": "solver"}).assign(dataset=data)
    scores = [*measured, *(["time"] if "time" in last else [])]
    return Runs(
        tool=TOOL,
        settings=settings,
        scores=last[scores].map(lambda one: float(one) if _is_number(one) else float("nan")),
        directions={"objective_value": False, "time": False},
        metric="objective_value" if "objective_value" in measured else measured[0] if len(measured) == 1 else "",
        technique=("solver",),
        seed="idx_rep",
        dataset="dataset" if len(set(data)) > 1 else "",
        notes=(
            f"Read as benchopt's: {count(len(last), 'run')}, each by the last point of its curve.",
            *notes,
        ),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
