"""The one writer of results."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.errors import ResultsError
from regfleet.results.merging import merge
from regfleet.results.parts import REPEATED, Problem, dictionaries, part_name, write_part
from regfleet.results.place import Place
from regfleet.results.places import place_of
from regfleet.results.schema import history_schema, trial_row, trial_schema
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

log = logging.getLogger("regfleet.results")

MERGE_EVERY = 64
"""Parts between two mergers."""


class Store:
    """The one writer of results: a directory, a URL or a `Place`; ``variants`` are the study's, by name."""

    def __init__(self, path: str | Path | Place, variants: Mapping[str, Variant]) -> None:
        self.place = place_of(path)
        self.variants = variants
        self._new = 0

    def append(self, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes as one part of histories and one of trials, the second being the commit."""
        import pyarrow as pa

        name = part_name(outcome.trial.key for outcome in outcomes)
        rows = [trial_row(outcome, self.variants[outcome.trial.variant]) for outcome in outcomes]
        trained = [outcome for outcome in outcomes if outcome.status != "failed"]
        if trained:
            self._put(f"histories/{name}", _histories(trained))
        self._put(f"trials/{name}", pa.Table.from_pylist(rows, schema=trial_schema()))
        log.info("kept %d trials, %d failed, in %s", len(outcomes), len(outcomes) - len(trained), name)
        self._new += 1
        if self._new >= MERGE_EVERY:
            self.merge()

    def _put(self, name: str, table: pa.Table) -> None:
        """Write a part; an object store that does not answer gets time to come back."""
        for pause in patience.SECONDS.store_pauses if self.place.local is None else ():
            try:
                write_part(self.place, name, [table])
            except ResultsError as problem:
                log.warning("%s; trying again in %g s", problem, pause)
                time.sleep(pause)
            else:
                return
        write_part(self.place, name, [table])

    def merge(self) -> None:
        """Merge small parts into larger ones; what stands in the way is logged, and the parts stay as they are."""
        self._new = 0
        try:
            merge(self.place)
        except (OSError, ResultsError) as problem:
            log.warning("parts are left unmerged: %s", problem)

    def set_aside(self, problems: Sequence[Problem]) -> list[str]:
        """Rename our own parts that cannot be read, so that each is named once; says what was done with each file."""
        done = []
        for problem in problems:
            folder, _, name = problem.part.rpartition("/")
            if problem.kind == "torn" and name.startswith("part-"):
                aside = name.removesuffix(".parquet") + ".torn"
                self.place.move(problem.part, f"{folder}/{aside}")
                done.append(f"{problem}; set aside as {aside}")
            else:
                done.append(f"{problem}; left where it is")
        return done


def _histories(outcomes: Sequence[Outcome]) -> pa.Table:
    """The outcomes' rows of the histories, one per epoch; columns: HISTORY_FIELDS."""
    import numpy as np
    import pyarrow as pa

    schema = dictionaries(history_schema())
    epochs = [len(outcome.history["loss"]) for outcome in outcomes]
    columns: dict[str, Any] = {
        name: np.repeat(np.array([getattr(outcome.trial, name) for outcome in outcomes], object), epochs)
        for name in (*REPEATED, "seed")
    }
    columns["epoch"] = np.concatenate([np.arange(1, count + 1, dtype="int32") for count in epochs])
    for name in HISTORY_COLUMNS:
        known = [outcome.history.get(name) for outcome in outcomes]
        if any(values is not None for values in known):
            pairs = zip(known, epochs, strict=True)
            columns[name] = np.concatenate([np.full(n, np.nan, "float32") if v is None else v for v, n in pairs])
        else:
            columns[name] = pa.nulls(sum(epochs), pa.float32())
    return pa.table(columns, schema=schema)
