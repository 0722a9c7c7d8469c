"""Reads a results directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import ResultsError
from regfleet.results.schema import history_schema, trial_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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
