"""The results directory: atomic, content-addressed, readable with pandas alone.

    study.toml  provenance.json  regfleet.log  report.html  leaderboard.csv  trials.csv
    trials/part-*.parquet       one row per trial; columns: see TRIAL_FIELDS
    histories/part-*.parquet    one row per trial and epoch; columns: see HISTORY_FIELDS

Only the driver writes. A part is written beside its place, flushed to disk and renamed; a part of histories lands
before its part of trials, and that one is the commit. Both have the same name, a hash of the keys they hold.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError, ResultsError
from regfleet.records import HISTORY_COLUMNS, Outcome, Variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

_SETS, _WHEN = ("train", "val", "test"), ("last", "best")
_SCORES = ("loss", "cross_entropy", "accuracy", "mse", "macro_f1", "calibration_error")
METRIC_COLUMNS = tuple(f"{when}_{rows}_{score}" for when in _WHEN for rows in _SETS for score in _SCORES)
CORRECT_COLUMNS = tuple(f"{when}_test_correct" for when in _WHEN)
TRIAL_FIELDS = (
    {
        "key": "the trial's hash: everything that determines its result",
        "dataset": "the data set's name",
        "variant": "the variant's canonical name",
        "label": "the variant's name for people",
        "control": "the canonical name of its control; missing for a control",
        "seed": "the seed",
        "status": "done, diverged or failed",
        "engine": "fused or keras",
        "execution": "how the engine ran: graph, xla, or why it fell back to Keras",
        "best_epoch": "the epoch, from 1, with the lowest validation cross-entropy",
        "diverged_at": "the epoch, from 1, whose loss was not finite; missing otherwise",
        "epochs_run": "epochs trained",
        "n_train": "rows that fitted weights",
        "n_val": "validation rows",
        "n_test": "test rows",
        "weights": "numbers in the model's weights",
        "seconds": "from cutting the data to the last score",
        "trace_seconds": "of these, what the worker's first trial of its kind paid to be traced",
        "host": "the node it ran on",
        "device": "the processor it ran on",
        "error": "what went wrong, in a line",
        "traceback": "the whole traceback of a failed trial",
    }
    | dict.fromkeys(METRIC_COLUMNS, "the score on those rows in inference mode, weights of the last or the best epoch")
    | dict.fromkeys(CORRECT_COLUMNS, "test rows whose class was predicted")
)
HISTORY_FIELDS = {
    "key": "the trial's hash",
    "dataset": "the data set's name",
    "variant": "the variant's canonical name",
    "seed": "the seed",
    "epoch": "the epoch, from 1",
} | {
    name: "training mode, penalties in the loss, as Keras reports it"
    if not name.startswith(("train_", "val_"))
    else "inference mode after the epoch"
    for name in HISTORY_COLUMNS
}
_OWN = {
    "study.toml",
    "provenance.json",
    "regfleet.log",
    "report.html",
    "leaderboard.csv",
    "trials.csv",
    "trials",
    "histories",
}
_RANK = {"done": 0, "diverged": 1, "failed": 2}


@dataclass(frozen=True)
class Results:
    """What a directory holds. ``trials`` and ``histories`` are frames sorted by data set, variant and seed.

    ``problems`` names the files that could not be used and why; their trials count as missing.
    """

    path: Path
    trials: pd.DataFrame
    histories: pd.DataFrame
    problems: tuple[str, ...]

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The content of provenance.json; empty when there is none."""
        file = self.path / "provenance.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    @property
    def finished(self) -> frozenset[str]:
        """Keys of the trials that need not run again; a failed trial is tried again, a diverged one is a result."""
        return frozenset(self.trials.loc[self.trials["status"] != "failed", "key"])

    def seconds_per_trial(self) -> dict[tuple[str, str], float]:
        """Median seconds of a trial, tracing apart, by data set and variant."""
        done = self.trials[self.trials["status"] == "done"]
        done = done.assign(seconds=done["seconds"] - done["trace_seconds"])
        medians = done.groupby(["dataset", "variant"], as_index=False)["seconds"].median()
        return dict(zip(zip(medians["dataset"], medians["variant"], strict=True), medians["seconds"], strict=True))


def load(path: str | Path) -> Results:
    """Read a results directory.

    TRIAL_FIELDS and HISTORY_FIELDS say what each column of the two frames holds. A torn or foreign part is named in
    ``problems`` and left out. Raises ResultsError when there is no such directory.
    """
    path = Path(path)
    if not (path / "study.toml").exists():
        given = "a directory without study.toml" if path.is_dir() else "no directory"
        msg = f"{path}: expected a results directory; got {given}"
        raise ResultsError(msg)
    import pandas as pd

    problems: list[str] = []
    trials = _read_parts(path / "trials", trial_schema(), problems)
    histories = _read_parts(path / "histories", history_schema(), problems)
    trials = trials.sort_values("status", key=lambda status: status.map(_RANK), kind="stable")
    # A finished trial counts only with its history; a failed one has none.
    whole = trials["key"].isin(histories["key"]) | (trials["status"] == "failed")
    trials = trials[whole].drop_duplicates("key").sort_values(["dataset", "variant", "seed"], ignore_index=True)
    histories = histories[histories["key"].isin(trials["key"])].drop_duplicates(["key", "epoch"])
    histories = histories.sort_values(["dataset", "variant", "seed", "epoch"], ignore_index=True)
    return Results(path, pd.DataFrame(trials), pd.DataFrame(histories), tuple(problems))


@dataclass(frozen=True)
class Store:
    """The one writer of a results directory."""

    path: Path
    variants: Mapping[str, Variant]

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes as one part of histories and one of trials, the second being the commit."""
        import pyarrow as pa

        name = (
            f"part-{hashlib.sha256(''.join(sorted(o.trial.key for o in outcomes)).encode()).hexdigest()[:16]}.parquet"
        )
        rows = [_trial_row(outcome, self.variants[outcome.trial.variant]) for outcome in outcomes]
        tables = [_history_table(outcome) for outcome in outcomes if outcome.status != "failed"]
        if tables:
            write_table(self.path / "histories" / name, pa.concat_tables(tables))
        write_table(self.path / "trials" / name, pa.Table.from_pylist(rows, schema=trial_schema()))

    def set_aside(self, problems: Sequence[str]) -> list[str]:
        """Rename our own parts that cannot be read, so that each is named once; says what was done with each file."""
        said = []
        for problem in problems:
            part = self.path / problem.split(" ", 1)[0]
            torn = part.name.startswith("part-")
            if torn:
                part.rename(part.with_suffix(".torn"))
            said.append(
                f"{problem}; {'set aside as ' + part.with_suffix('.torn').name if torn else 'left where it is'}"
            )
        return said


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Make the directory and hold it against a second driver; the claim ends with the process, however it ends.

    Raises InputError when the directory is not writable, holds something else, or is in use.
    """
    foreign = sorted(entry.name for entry in path.iterdir() if not _is_own(entry)) if path.is_dir() else []
    if foreign and not (path / "study.toml").exists():
        msg = f"--out: expected an empty or a results directory; got {path}, which holds {foreign[0]}"
        raise InputError(msg)
    new = not (path / "study.toml").exists()
    try:
        for folder in (path, path / "trials", path / "histories"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as problem:
        msg = f"--out: expected a directory that can be written; got {path} ({problem.strerror})"
        raise InputError(msg) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"--out: expected a directory no other regfleet writes to; got {path}, which is in use"
            raise InputError(msg) from None
        for left_over in path.rglob("*.tmp"):
            left_over.unlink()
        try:
            yield
        except InputError:
            if new:
                _take_back(path)
            raise


def _take_back(path: Path) -> None:
    """Leave nothing behind of a study that was refused before it began."""
    for name in ("regfleet.log", ".lock", "study.toml"):
        (path / name).unlink(missing_ok=True)
    for folder in (path / "trials", path / "histories", path):
        with suppress(OSError):
            folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a file so that readers see the old text or the new one, never a part."""
    _replace(path, text.encode())


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file so that readers see a whole one or none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    _replace(path, sink.getvalue().to_pybytes())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _is_own(entry: Path) -> bool:
    return entry.name in _OWN or entry.name == ".lock" or entry.name.endswith(".tmp")


def _read_parts(folder: Path, schema: pa.Schema, problems: list[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [schema.empty_table()]
    for part in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = f"{folder.name}/{part.name}"
        if part.suffix in (".tmp", ".torn"):
            continue
        try:
            table = pq.read_table(part)
            tables.append(table.select(schema.names).cast(schema))
        except (OSError, ValueError, KeyError) as problem:
            first = str(problem).splitlines()[0]
            problems.append(f"{name} is torn or not a part of results; its trials count as missing ({first})")
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame


def trial_schema() -> pa.Schema:
    """The Parquet schema of a part of trials."""
    import pyarrow as pa

    special = {"seed": pa.int64(), "seconds": pa.float64(), "trace_seconds": pa.float64()}
    special |= dict.fromkeys(("best_epoch", "diverged_at", "epochs_run", "n_train", "n_val", "n_test"), pa.int32())
    special |= {"weights": pa.int64()} | dict.fromkeys(METRIC_COLUMNS, pa.float64())
    special |= dict.fromkeys(CORRECT_COLUMNS, pa.int32())
    return pa.schema([(name, special.get(name, pa.string())) for name in TRIAL_FIELDS])


def history_schema() -> pa.Schema:
    """The Parquet schema of a part of histories."""
    import pyarrow as pa

    special = {"seed": pa.int64(), "epoch": pa.int32()}
    special |= dict.fromkeys(HISTORY_COLUMNS, pa.float32())
    return pa.schema([(name, special.get(name, pa.string())) for name in HISTORY_FIELDS])


def _trial_row(outcome: Outcome, variant: Variant) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(outcome, name) for name in TRIAL_FIELDS if hasattr(outcome, name)}
    trial = outcome.trial
    row |= {"key": trial.key, "dataset": trial.dataset, "variant": trial.variant, "seed": trial.seed}
    row |= {"label": variant.label, "control": variant.control}
    row |= {"epochs_run": len(next(iter(outcome.history.values()), ()))}
    return row | dict(outcome.metrics)


def _history_table(outcome: Outcome) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    epochs = len(outcome.history["loss"])
    trial = outcome.trial
    same = {"key": trial.key, "dataset": trial.dataset, "variant": trial.variant, "seed": trial.seed}
    columns: dict[str, Any] = {name: [value] * epochs for name, value in same.items()}
    columns |= {"epoch": np.arange(1, epochs + 1, dtype="int32")} | dict(outcome.history)
    return pa.table(columns, schema=history_schema())
