"""The one writer of results. It merges small parts into larger ones: no number of trials makes too many files.

The merged parts are written first, trials last, and only then are the parts that they replace deleted, trials first.
Between any two steps every row is there once or twice, and what is read twice counts once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, get_args

from regfleet import patience
from regfleet.errors import ResultsError
from regfleet.predictions import Weights
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
    prediction_schema,
    read_groups,
    schema_of,
    trial_row,
    trial_schema,
    write_part,
)
from regfleet.results.place import FOLDERS, PART, Place
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
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
        """Write the outcomes as parts of predictions, of histories and of trials, the last being the commit."""
        import pyarrow as pa

        keys = keys_hash(outcome.trial.key for outcome in outcomes)
        rows = [trial_row(outcome, self.variants[outcome.trial.variant]) for outcome in outcomes]
        trained = [outcome for outcome in outcomes if outcome.status != "failed"]
        predicted = [outcome for outcome in outcomes if outcome.predictions]
        if predicted:
            self._put("predictions", keys, _predictions(predicted))
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


def _predictions(outcomes: Sequence[Outcome]) -> pa.Table:
    """The outcomes' rows of the predictions, one per weights and test row; columns: PREDICTION_FIELDS."""
    import numpy as np
    import pyarrow as pa

    found = []
    for outcome in outcomes:
        last, best = (outcome.predictions[when] for when in get_args(Weights))
        kinds = [("both", last)] if last is best else [("last", last), ("best", best)]
        found += [(outcome.trial, weights, part) for weights, part in kinds]
    counts = [len(part) for *_, part in found]
    columns: dict[str, Any] = {
        name: np.repeat(np.array([getattr(trial, name) for trial, *_ in found], object), counts)
        for name in (*REPEATED, "seed")
    }
    columns["weights"] = np.repeat(np.array([weights for _, weights, _ in found], object), counts)
    columns |= {
        column: np.concatenate([getattr(part, name) for *_, part in found])
        for column, name in {"row": "rows", "target": "target", "predicted": "predicted"}.items()
    }
    columns["probabilities"] = _lists([part.probabilities for *_, part in found], counts, pa.float32())
    columns["classes"] = _lists([part.classes for *_, part in found], counts, pa.int32())
    briers = [pa.nulls(len(part), pa.float32()) if part.brier is None else pa.array(part.brier) for *_, part in found]
    columns["brier"] = pa.chunked_array(briers)
    return pa.table(columns, schema=dictionaries(prediction_schema()))


def _lists(parts: Sequence[np.ndarray | None], counts: Sequence[int], kind: pa.DataType) -> pa.ChunkedArray:
    """A list for each row of each part (rows, width); missing ones for each row of None, of which ``counts`` tells."""
    import numpy as np
    import pyarrow as pa

    def lists(part: np.ndarray | None, count: int) -> pa.Array:
        if part is None:
            return pa.nulls(count, pa.list_(kind))
        ends = np.arange(count + 1, dtype=np.int32) * part.shape[1]
        return pa.ListArray.from_arrays(ends, pa.array(part.ravel(), kind))

    return pa.chunked_array([lists(part, count) for part, count in zip(parts, counts, strict=True)])


SMALL_BYTES = 4 << 20
MERGED_BYTES = 16 << 20
"""Of Parquet: a part below the first is merged until it reaches the second, which the driver's memory bears."""


def merge(place: Place) -> None:
    """Merge what is small; raises OSError or ResultsError when the place cannot be read or written, and loses nothing.

    A part that cannot be read is left where it is.
    """
    parts = {folder: _ours(place, folder) for folder in FOLDERS}
    hashes = sorted(set().union(*parts.values()))
    sizes = {keys: sum(sum(of_folder.get(keys, {}).values()) for of_folder in parts.values()) for keys in hashes}
    # Others without trials are what a driver left that was killed on its way through here.
    small = {keys: size for keys, size in sizes.items() if size < SMALL_BYTES or keys not in parts["trials"]}
    for group in _groups(small):
        names = {folder: [one for keys in group for one in own.get(keys, ())] for folder, own in parts.items()}
        _merge(place, names)


def _ours(place: Place, folder: str) -> dict[str, dict[str, int]]:
    """Our parts in a folder by the hash of their keys, each with its bytes."""
    found: dict[str, dict[str, int]] = {}
    for name, size in place.sizes(folder).items():
        if size is not None and (known := PART.fullmatch(name)):
            found.setdefault(known[1], {})[name] = size
    return found


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


def _merge(place: Place, names: Mapping[str, Sequence[str]]) -> None:
    """Make one of the parts of each folder that have these names."""
    import pyarrow as pa

    if max(map(len, names.values())) < 2:
        return

    def tables(name: str) -> list[pa.Table]:
        schema = schema_of(name.partition("/")[0])
        with open_part(place, name, schema) as part:
            return [read_groups(part, dictionaries(schema), [number]) for number in range(part.num_row_groups)]

    old = {folder: each_part(place, folder, tables, [], names[folder]) for folder in FOLDERS}
    if not old["trials"] or max(map(len, old.values())) < 2:
        return
    predicted = {key for part in old["predictions"].values() for table in part for key in _keys(table)}
    best = _best(pa.concat_tables(table for part in old["trials"].values() for table in part), predicted)
    keys = keys_hash(best["key"].to_pylist())
    new = {
        folder: write_part(place, folder, keys, by_variant(_once(old[folder].values()), schema_of(folder)))
        for folder in reversed(FOLDERS[1:])
        if old[folder]
    }
    new["trials"] = write_part(place, "trials", keys, [best.cast(trial_schema())])
    for folder in FOLDERS:
        for part in old[folder].keys() - {new.get(folder)}:
            place.remove(f"{folder}/{part}")
    log.info("merged %d parts into %s, %d trials", len(old["trials"]), new["trials"], len(best))


def _keys(table: pa.Table) -> list[str]:
    keys: list[str] = table["key"].unique().to_pylist()
    return keys


def _best(trials: pa.Table, predicted: Collection[str]) -> pa.Table:
    """One row for each key: a finished trial before a failed one, the first of equals.

    Whose predictions are said to be kept and are not in ``predicted``, the keys of those that are, comes after.
    """
    chosen: dict[str, tuple[int, bool, int]] = {}
    columns = (trials[name].to_pylist() for name in ("key", "status", "n_predicted"))
    for row, (key, status, said) in enumerate(zip(*columns, strict=True)):
        chosen[key] = min(
            chosen.get(key, (9, False, 0)), (RANK.get(status, 3), bool(said) and key not in predicted, row)
        )
    return trials.take(sorted(row for *_, row in chosen.values()))


def _once(parts: Iterable[list[pa.Table]]) -> Iterator[pa.Table]:
    """The tables without the rows of keys that an earlier part held: each part holds all rows of its keys."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seen: set[str] = set()
    for tables in parts:
        keys = {key for table in tables for key in _keys(table)}
        known = pa.array(sorted(keys & seen), pa.string())
        seen |= keys
        for table in tables:
            yield table.filter(pc.invert(pc.is_in(table["key"].cast(pa.string()), known))) if len(known) else table


def by_variant(tables: Iterable[pa.Table], schema: pa.Schema) -> list[pa.Table]:
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
    return [table for table in whole.values() if len(table)] or [dictionaries(schema).empty_table()]
