"""Trials with all that belongs to them, from one results directory to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.results.loading import BATCH_PREDICTIONS, BATCH_ROWS, batches
from regfleet.results.parts import dictionaries, keys_hash, schema_of, trial_schema, write_part
from regfleet.results.place import FOLDERS
from regfleet.results.store import by_variant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from regfleet.results.loading import Stored
    from regfleet.results.place import Place

ORDER = {"histories": ("epoch",), "predictions": ("weights", "row")}
"""What tells the rows of a trial in a table apart."""


def copy_trials(source: Stored, keys: Collection[str], place: Place, advance: Callable[[int], None]) -> None:
    """Write the trials with these ``keys`` into ``place``, some whole variants at a time, each part's trials last."""
    import pyarrow as pa

    for dataset, variants, trials in _some(source, keys):
        hashed = keys_hash(trials["key"])
        for folder in reversed(FOLDERS[1:]):
            table = details(source, folder, dataset, variants, trials["key"])
            if len(table):
                write_part(place, folder, hashed, by_variant([table], schema_of(folder)))
        rows = pa.Table.from_pandas(trials, schema=trial_schema(), preserve_index=False)
        write_part(place, "trials", hashed, [rows])
        advance(len(trials))


def differing_details(first: Stored, second: Stored, keys: Collection[str]) -> Mapping[str, str]:
    """Of the trials that both hold, those whose histories or predictions are not the same to the last bit.

    Key → which of the two differs.
    """
    found: dict[str, str] = {}
    for dataset, variants, trials in _some(first, keys):
        for folder in FOLDERS[1:]:
            mine, other = (details(one, folder, dataset, variants, trials["key"]) for one in (first, second))
            found |= {key: found.get(key, folder) for key in _unlike(mine, other, folder)}
    return found


def details(source: Stored, folder: str, dataset: str, variants: Collection[str], keys: Collection[str]) -> pa.Table:
    """The rows of histories or predictions of the trials with these ``keys``, each once, in order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = source.read_table(folder, dictionaries(schema_of(folder)).names, dataset, variants)
    table = table.filter(pc.is_in(table["key"].cast(pa.string()), pa.array(sorted(keys), pa.string())))
    frame = table.select(["key", *ORDER[folder]]).to_pandas()
    # After a merger that was cut short a row is there twice.
    order = frame.astype({"key": str}).drop_duplicates().sort_values(["key", *ORDER[folder]]).index
    return table.take(pa.array(order.to_numpy()))


def _some(source: Stored, keys: Collection[str]) -> Iterator[tuple[str, set[str], pd.DataFrame]]:
    """The trials with these ``keys`` of a few variants on a data set, as many as memory bears."""
    wanted = source.trials[source.trials["key"].isin(set(keys))]
    for dataset, rows in wanted.groupby("dataset"):
        many = rows["epochs_run"].fillna(0) + rows["n_predicted"].fillna(0) * 2 + 1
        for variants in batches(many.groupby(rows["variant"]).sum().astype(int), min(BATCH_ROWS, BATCH_PREDICTIONS)):
            yield str(dataset), variants, rows[rows["variant"].isin(variants)]


def _unlike(mine: pa.Table, other: pa.Table, folder: str) -> set[str]:
    """The keys whose rows differ between two tables that are in one order."""
    import numpy as np
    import pyarrow as pa

    tables = [one.cast(schema_of(folder)) for one in (mine, other)]
    keys = [one["key"].to_numpy() for one in tables]
    counts = [dict(zip(*np.unique(one, return_counts=True), strict=True)) for one in keys]
    unlike = {str(key) for key in counts[0].keys() | counts[1].keys() if counts[0].get(key) != counts[1].get(key)}
    first, second = (
        one.filter(pa.array(~np.isin(there, sorted(unlike)))) for one, there in zip(tables, keys, strict=True)
    )
    of_row = first["key"].to_numpy()
    for name in first.column_names:
        differ = _unlike_rows(first[name].combine_chunks(), second[name].combine_chunks())
        unlike |= set(map(str, of_row[differ]))
    return unlike


def _unlike_rows(first: pa.Array, second: pa.Array) -> np.ndarray:
    """Which rows of two columns are not the same to the last bit, (rows,); what is no number is like itself."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(first.type):
        values = [one.to_numpy(zero_copy_only=False) for one in (first, second)]
        differ: np.ndarray = np.asarray(values[0] != values[1], dtype=bool)
        if values[0].dtype.kind == "f":
            differ &= ~(np.isnan(values[0]) & np.isnan(values[1]))
        return differ
    lengths = [pc.fill_null(pc.list_value_length(one), -1).to_numpy() for one in (first, second)]
    found: np.ndarray = lengths[0] != lengths[1]
    same = pa.array(~found)
    inner = _unlike_rows(*(one.filter(same).flatten() for one in (first, second)))
    rows: np.ndarray = np.repeat(np.flatnonzero(~found), np.maximum(lengths[0][~found], 0))
    found[rows[inner]] = True
    return found
