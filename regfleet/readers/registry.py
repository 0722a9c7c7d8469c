"""Which tools' results can be read. One more is a module with TOOL, TAKES and read, and its name here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.readers import (
    benchopt,
    keras_tuner,
    mlflow,
    optuna,
    pytest_benchmark,
    ray_tune,
    scikit_learn,
    wandb,
)

if TYPE_CHECKING:
    from regfleet.readers.runs import Reader, Runs
    from regfleet.readers.source import Source

READERS: tuple[Reader, ...] = (
    optuna,
    ray_tune,
    keras_tuner,
    scikit_learn,
    mlflow,
    wandb,
    benchopt,
    pytest_benchmark,
)
TOOLS = "; ".join(f"{reader.TOOL}: {reader.TAKES}" for reader in READERS)
"""What can be read, for a message."""
_NEVER = {
    "pickle": "a pickle, which may run anything when it is read: save it as CSV or JSON, of cv_results_ with "
    "pandas.DataFrame(search.cv_results_).to_csv(FILE)",
    "sql": "SQL text, which is not run: give the database file itself, or a CSV file of its runs",
    "zip": "an archive: unpack it, or save the results as CSV or JSON",
    "gzip": "a compressed file: unpack it",
}


def find(source: Source) -> Runs | None:
    """The runs in ``source``, None where it is a table or a frame of no tool's, or has technique and seed.

    Raises:
        InputError: it is of a kind that is never read, or nearly what a tool writes: the message says what is missing.
        OSError: it cannot be read.
    """
    if source.kind in _NEVER:
        raise InputError(f"{source.name}: expected results; got {_NEVER[source.kind]}")
    if {"technique", "seed"} <= {*source.columns}:  # prepared for us, from whatever tool
        return None
    for reader in READERS:
        found = reader.read(source)
        if found is not None:
            return found
    if source.kind in ("csv", "parquet") or hasattr(source.given, "columns"):
        return None
    got = {
        "folder": "a folder with nothing of these in it",
        "sqlite": "a SQLite file of none of these",
        "json": "JSON of none of these",
        "journal": "a journal of none of these",
        "object": f"{type(source.given).__name__}, which is none of these",
    }[source.kind]
    if source.kind == "folder" and source.path is not None and (source.path / "study.toml").is_file():
        got = "a folder of regfleet's own results, for which there is regfleet report"
    raise InputError(f"{source.name}: expected a CSV or Parquet file of scores, or results of {TOOLS}; got {got}")
