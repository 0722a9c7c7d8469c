"""The one writer of results. It merges small parts into larger ones: no number of trials makes too many files.

The merged part is written first, histories before trials, and only then are the parts that it replaces deleted, trials
before histories. Between any two steps every row is there once or twice, and what is read twice counts once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.errors import ResultsError
from regfleet.results.address import place_of
from regfleet.results.loading import RANK
from regfleet.results.parts import (
    REPEATED,
    Problem,
    dictionaries,
    each_part,
    history_schema,
    keys_hash,
    open_part,
    read_groups,
    trial_row,
    trial_schema,
    write_part,
)
from regfleet.results.place import PART, Place
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
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

        keys = keys_hash(outcome.trial.key for outcome in outcomes)
        rows = [trial_row(outcome, self.variants[outcome.trial.variant]) for outcome in outcomes]
        trained = [outcome for outcome in outcomes if outcome.status != "failed"]
        if trained:
            self._put("histories", keys, _histories(trained))
        name = self._put("trials", keys, pa.Table.from_pylist(rows, schema=trial_schema()))
        log.info("kept %d trials, %d failed, in %s", len(outcomes), len(outcomes) - len(trained), name)
        self._new += 1
        if self._new >= MERGE_EVERY:
            self.merge()

    def _put(self, folder: str, keys: str, table: pa.Table) -> str:
        """Write a part and return its name; an object store that does not answer gets time to come back."""
        for pause in patience.SECONDS.store_pauses if self.place.local is None else ():
            try:
                return write_part(self.place, folder, keys, [table])
            except ResultsError as problem:
                log.warning("%s; trying again in %g s", problem, pause)
                time.sleep(pause)
        return write_part(self.place, folder, keys, [table])

    def merge(self) -> None:
        """Merge small parts into larger ones; what stands in the way is logged, and the parts stay as they are."""
        self._new = 0
        try:
            merge(self.place)
        except (OSError, ResultsError) as problem:
            log.warning("parts are left unmerged: %s", problem)

    def set_aside(self, problems: Sequence[Problem]) -> list[str]:
        """Rename our own parts that cannot be used, so that each is named once; says what was done with each file."""
        return [set_aside(self.place, problem) for problem in problems]


def set_aside(place: Place, problem: Problem) -> str:
    """Rename a torn part of ours; says what was done. What is not ours stays where it is."""
    folder, _, name = problem.part.rpartition("/")
    if problem.kind == "missing":
        return f"{problem}; they run again"
    if problem.kind == "torn" and PART.fullmatch(name):
        aside = name.removesuffix(".parquet") + ".torn"
        place.move(problem.part, f"{folder}/{aside}")
        return f"{problem}; set aside as {aside}"
    return f"{problem}; left where it is"


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


SMALL_BYTES = 4 << 20
MERGED_BYTES = 16 << 20
"""Of Parquet: a part below the first is merged until it reaches the second, which the driver's memory bears."""


def merge(place: Place) -> None:
    """Merge what is small; raises OSError or ResultsError when the place cannot be read or written, and loses nothing.

    A part that cannot be read is left where it is.
    """
    trials, histories = _ours(place, "trials"), _ours(place, "histories")
    sizes = {keys: _bytes(trials, keys) + _bytes(histories, keys) for keys in sorted({*trials, *histories})}
    # Histories without trials are what a driver left that was killed on its way through here.
    small = {keys: size for keys, size in sizes.items() if size < SMALL_BYTES or keys not in trials}
    for group in _groups(small):
        _merge(place, *([name for keys in group for name in parts.get(keys, ())] for parts in (trials, histories)))


def _ours(place: Place, folder: str) -> dict[str, dict[str, int]]:
    """Our parts in a folder by the hash of their keys, each with its bytes."""
    found: dict[str, dict[str, int]] = {}
    for name, size in place.sizes(folder).items():
        if size is not None and (known := PART.fullmatch(name)):
            found.setdefault(known[1], {})[name] = size
    return found


def _bytes(parts: Mapping[str, Mapping[str, int]], keys: str) -> int:
    return sum(parts.get(keys, {}).values())


def _groups(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The hashes of keys in groups whose parts make one of about MERGED_BYTES."""
    group: list[str] = []
    total = 0
    for name, size in sizes.items():
        group.append(name)
        total += size
        if total >= MERGED_BYTES:
            yield group
            group, total = [], 0
    if group:
        yield group


def _merge(place: Place, trials: Sequence[str], histories: Sequence[str]) -> None:
    import pyarrow as pa

    if max(len(trials), len(histories)) < 2:
        return

    def rows(name: str) -> pa.Table:
        with open_part(place, name, trial_schema()) as part:
            return read_groups(part, trial_schema())

    def epochs(name: str) -> list[pa.Table]:
        with open_part(place, name, history_schema()) as part:
            schema = dictionaries(history_schema())
            return [read_groups(part, schema, [number]) for number in range(part.num_row_groups)]

    old_trials = each_part(place, "trials", rows, [], trials)
    old_histories = each_part(place, "histories", epochs, [], histories)
    if not old_trials or max(len(old_trials), len(old_histories)) < 2:
        return
    best = _best(pa.concat_tables(old_trials.values()))
    keys = keys_hash(best["key"].to_pylist())
    new = {}
    if old_histories:
        new["histories"] = write_part(place, "histories", keys, _by_variant(_once(old_histories.values())))
    new["trials"] = write_part(place, "trials", keys, [best])
    for folder, old in (("trials", old_trials), ("histories", old_histories)):
        for part in old.keys() - {new.get(folder)}:
            place.remove(f"{folder}/{part}")
    log.info("merged %d parts into %s, %d trials", len(old_trials), new["trials"], len(best))


def _best(trials: pa.Table) -> pa.Table:
    """One row for each key: a finished trial before a failed one, the first of equals."""
    chosen: dict[str, tuple[int, int]] = {}
    for row, (key, status) in enumerate(zip(trials["key"].to_pylist(), trials["status"].to_pylist(), strict=True)):
        chosen[key] = min(chosen.get(key, (9, 0)), (RANK.get(status, 3), row))
    return trials.take(sorted(row for _, row in chosen.values()))


def _once(parts: Iterable[list[pa.Table]]) -> Iterator[pa.Table]:
    """The tables without the rows of keys that an earlier part held: each part holds all rows of its keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seen: set[str] = set()
    for tables in parts:
        keys = {key for table in tables for key in table["key"].unique().to_pylist()}
        known = pa.array(sorted(keys & seen), pa.string())
        seen |= keys
        for table in tables:
            yield table.filter(pc.invert(pc.is_in(table["key"].cast(pa.string()), known))) if len(known) else table


def _by_variant(tables: Iterable[pa.Table]) -> list[pa.Table]:
    """The rows with a table for each data set and variant, so that a reader can take one without the others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[tuple[str, str], list[pa.Table]] = {}
    for table in tables:
        for dataset in table["dataset"].unique().to_pylist():
            for variant in table["variant"].unique().to_pylist():
                own = pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["variant"], variant))
                found.setdefault((dataset, variant), []).append(table if pc.all(own).as_py() else table.filter(own))
    whole = {pair: pa.concat_tables(of_pair).unify_dictionaries() for pair, of_pair in sorted(found.items())}
    return [table for table in whole.values() if len(table)] or [dictionaries(history_schema()).empty_table()]
