"""Merges small parts into larger ones, so that no number of trials makes more files than reading can bear.

The merged part is written first, histories before trials, and only then are the parts that it replaces deleted, trials
before histories. Between any two steps every row is there once or twice, and what is read twice counts once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from regfleet.results.parts import dictionaries, each_part, open_part, part_name, read_groups, write_part
from regfleet.results.reading import RANK
from regfleet.results.schema import history_schema, trial_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from regfleet.results.place import Place

log = logging.getLogger("regfleet.results")

SMALL_BYTES = 4 << 20
MERGED_BYTES = 16 << 20
"""Of Parquet: a part below the first is merged until it reaches the second, which the driver's memory bears."""


def merge(place: Place) -> None:
    """Merge what is small; raises OSError or ResultsError when the place cannot be read or written, and loses nothing.

    A part that cannot be read is left where it is.
    """
    trials, histories = _ours(place, "trials"), _ours(place, "histories")
    sizes = {name: trials.get(name, 0) + histories.get(name, 0) for name in sorted({*trials, *histories})}
    # Histories without trials are what a driver left that was killed on its way through here.
    small = {name: size for name, size in sizes.items() if size < SMALL_BYTES or name not in trials}
    for names in _groups(small):
        _merge(place, [name for name in names if name in trials], [name for name in names if name in histories])


def _ours(place: Place, folder: str) -> dict[str, int]:
    return {
        name: size
        for name, size in place.sizes(folder).items()
        if size is not None and name.startswith("part-") and name.endswith(".parquet")
    }


def _groups(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The parts in groups that make a part of about MERGED_BYTES."""
    group: list[str] = []
    total = 0
    for name, size in sizes.items():
        group.append(name)
        total += size
        if total >= MERGED_BYTES:
            yield group
            group, total = [], 0
    if len(group) > 1:
        yield group


def _merge(place: Place, trials: Sequence[str], histories: Sequence[str]) -> None:
    import pyarrow as pa

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
    name = part_name(best["key"].to_pylist())
    if old_histories:
        write_part(place, f"histories/{name}", _by_variant(_once(old_histories.values())))
    write_part(place, f"trials/{name}", [best])
    for folder, old in (("trials", old_trials), ("histories", old_histories)):
        for part in old.keys() - {name}:
            place.remove(f"{folder}/{part}")
    log.info("merged %d parts into %s, %d trials", len(old_trials), name, len(best))


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
