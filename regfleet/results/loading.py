"""Reads results: the trials at once, the histories and predictions when they are asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from regfleet.errors import ResultsError
from regfleet.predictions import Predictions, Weights
from regfleet.results.address import place_of
from regfleet.results.parts import (
    PREDICTION_FIELDS,
    REPEATED,
    Problem,
    dictionaries,
    each_part,
    history_schema,
    open_part,
    read_groups,
    schema_of,
    trial_schema,
)
from regfleet.results.place import FOLDERS, Place, unreadable
from regfleet.results.provenance import Provenance, read_provenance
from regfleet.results.seals import study_seal
from regfleet.trials import HISTORY_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

T = TypeVar("T")
RANK = {"done": 0, "diverged": 1, "failed": 2}
_CURVE_COLUMNS = ["dataset", "variant", "seed", "epoch", *HISTORY_COLUMNS]
BATCH_ROWS = 1_000_000
"""Rows of histories that the analysis holds at once, unless one variant has more."""
BATCH_PREDICTIONS = 300_000
"""Of predictions, each with up to 32 probabilities."""
READINGS = 10


@dataclass(frozen=True)
class Stored:
    """What a directory holds. ``trials`` is a frame sorted by data set, variant and seed.

    ``problems`` names the files that could not be used and why, whose trials count as missing, and says how many trials
    are not there that were.
    """

    place: Place
    trials: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def path(self) -> Path | str:
        """Where the results are, for people: a path, or a URL without its credentials."""
        return self.place.local or self.place.shown

    @cached_property
    def histories(self) -> pd.DataFrame:
        """A row per trial and epoch, sorted as the trials are; read on first use, all into memory."""
        import pandas as pd

        frame = pd.DataFrame(self.read_table("histories", history_schema().names).to_pandas(self_destruct=True))
        frame = frame[frame["key"].isin(self.trials["key"])].drop_duplicates(["key", "epoch"])
        for name in REPEATED:
            frame[name] = frame[name].cat.set_categories(sorted(frame[name].unique()))
        return frame.sort_values(["dataset", "variant", "seed", "epoch"], ignore_index=True)

    def curves(self, dataset: str) -> Iterator[pd.DataFrame]:
        """The histories of a data set without keys, some whole variants at a time, so that memory stays bounded."""
        own = self.trials[self.trials["dataset"] == dataset]
        for variants in batches(own.groupby("variant")["epochs_run"].sum(), BATCH_ROWS):
            table = self.read_table("histories", _CURVE_COLUMNS, dataset, variants)
            yield table.to_pandas(self_destruct=True, split_blocks=True)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row per trial, weights and test row (columns: `PREDICTION_FIELDS`), sorted as the trials are, then by row.

        Read on first use, all into memory; empty where no predictions were kept.
        """
        import pandas as pd

        frame = pd.DataFrame(self.read_table("predictions", [*PREDICTION_FIELDS]).to_pandas(self_destruct=True))
        frame = frame[frame["key"].isin(self._predicted["key"])].drop_duplicates(["key", "weights", "row"])
        for name in (*REPEATED, "weights"):
            frame[name] = frame[name].cat.set_categories(sorted(frame[name].unique()))
        return frame.sort_values(["dataset", "variant", "seed", "weights", "row"], ignore_index=True)

    def predicted(self, dataset: str, at: Weights) -> Iterator[tuple[str, Predictions]]:
        """The name of each variant in order, and what its trials on the data set said of their test rows.

        Trials whose predictions were not kept are left out, and variants without any. Some whole variants are read at a
        time, so that memory stays bounded. Raises ResultsError for a part that was damaged since the trials were read.
        """
        own = self._predicted[self._predicted["dataset"] == dataset]
        for variants in batches(own.groupby("variant")["n_predicted"].sum(), BATCH_PREDICTIONS):
            yield from _by_variant(
                self.read_table("predictions", [*PREDICTION_FIELDS], dataset, variants), own["key"], at
            )

    @property
    def _predicted(self) -> pd.DataFrame:
        """The trials whose predictions were kept."""
        return self.trials[self.trials["n_predicted"].fillna(0) > 0]

    def read_table(
        self, folder: str, columns: list[str], dataset: str | None = None, variants: Collection[str] = ()
    ) -> pa.Table:
        """The ``columns`` of a table, all of it or those of some variants on a data set; see `predicted` for errors."""
        import pyarrow as pa

        whole_schema = schema_of(folder)
        schema = dictionaries(pa.schema([whole_schema.field(name) for name in columns]))
        known = {problem.part for problem in self.problems}

        def read(name: str) -> pa.Table:
            if name in known:
                return schema.empty_table()
            with open_part(self.place, name, whole_schema, whole=dataset is None) as part:
                if dataset is None:
                    return read_groups(part, schema)
                return _of(read_groups(part, schema, _groups(part, dataset, variants)), dataset, variants)

        problems: list[Problem] = []
        try:
            tables = _settled(lambda: each_part(self.place, folder, read, problems))
        except OSError as problem:
            raise unreadable(self.place, problem) from None
        new = next((problem for problem in problems if problem.part not in known), None)
        if new:
            raise ResultsError(f"{self.place}: {new}. Run: regfleet doctor {self.place}")
        return pa.concat_tables([schema.empty_table(), *tables.values()]).unify_dictionaries()

    @cached_property
    def provenance(self) -> Provenance:
        """The content of provenance.json; empty when there is none."""
        return read_provenance(self.place)

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


def load(path: str | Path | Place) -> Stored:
    """Read results from a directory, or from a URL with s3://, gs:// or file://.

    TRIAL_FIELDS, HISTORY_FIELDS and PREDICTION_FIELDS say what each column of the three frames holds. A torn or foreign
    part is named in ``problems`` and left out. Raises ResultsError when there are no results, StorageError when they
    cannot be read now.
    """
    place = place_of(path)
    try:
        if not place.exists("study.toml"):
            raise no_results(place)
        if not place.is_ours():
            raise ResultsError(f"{place}: expected a results directory; got a study.toml without results")
        return _settled(lambda: _load(place))
    except OSError as problem:
        raise unreadable(place, problem) from None


def no_results(place: Place) -> ResultsError:
    """What lies where results were expected, as an error; where they are, if in a folder of it."""
    folder = place.local
    given = "no directory"
    if folder is not None and folder.is_dir():
        inside = sorted(file.parent for file in folder.glob("*/study.toml") if place_of(file.parent).is_ours())
        held = f"one: {inside[0]}" if len(inside) == 1 else f"{len(inside)} of them: {folder}/*/"
        given = f"a directory that holds {held}" if inside else "a directory without study.toml"
    return ResultsError(f"{place}: expected a results directory; got {given}")


def _settled(read: Callable[[], T]) -> T:
    """What ``read`` returns once no part went away under it: a driver at work merges parts."""
    for _ in range(READINGS):
        with suppress(FileNotFoundError):
            return read()
    raise ResultsError("expected parts that stay for a moment; got a directory where they go while they are read")


def _load(place: Place) -> Stored:
    import pandas as pd
    import pyarrow as pa

    problems: list[Problem] = []
    schema = trial_schema()
    # First: a driver at work only adds to what was kept.
    facts = read_provenance(place)
    expected, seal = facts.kept, study_seal(place)
    if facts.study and seal and seal != facts.study:
        words = "study.toml is not the one that these results were made with: they are judged by another study"
        problems.append(Problem("study.toml", "study", words))

    def rows(name: str) -> pa.Table:
        with open_part(place, name, schema) as part:
            return read_groups(part, schema)

    def keys(name: str) -> pa.Array:
        # A bucket sends one column; `doctor` reads all of it.
        schema = schema_of(name.partition("/")[0])
        with open_part(place, name, schema, whole=place.local is not None) as part:
            return part.read(["key"])["key"].unique()

    # Trials first: the others of what they hold were written before them.
    tables = each_part(place, "trials", rows, problems)
    known = {
        folder: {key for part in each_part(place, folder, keys, problems).values() for key in part.to_pylist()}
        for folder in FOLDERS[1:]
    }
    table = pa.concat_tables([schema.empty_table(), *tables.values()])
    # Rows are chosen by a few columns, so that all the others are held once.
    trials = table.select(["key", "status", "dataset", "variant", "seed", "n_predicted"]).to_pandas()
    trials = trials.sort_values("status", key=lambda status: status.map(RANK), kind="stable")
    # A finished trial counts only with its history, and the predictions that it says were kept; a failed one has none.
    whole = trials["key"].isin(known["histories"]) | (trials["status"] == "failed")
    whole &= trials["key"].isin(known["predictions"]) | ~(trials["n_predicted"].fillna(0) > 0)
    chosen = trials[whole].drop_duplicates("key").sort_values(["dataset", "variant", "seed"]).index
    tables.clear()
    table = table.take(pa.array(chosen))
    if expected and len(table) < expected:
        words = f"{expected - len(table)} of the {expected} trials that were kept are not there, or not in a whole part"
        problems.append(Problem("trials", "missing", words))
    return Stored(place, pd.DataFrame(table.to_pandas(self_destruct=True)), tuple(problems))


def batches(counts: pd.Series[int], most: int) -> Iterator[set[str]]:
    """Variants whose ``counts`` add up to at most ``most``, or single ones with more, in their order."""
    wanted: set[str] = set()
    rows = 0
    for variant, count in counts.items():
        if wanted and rows + count > most:
            yield wanted
            wanted, rows = set(), 0
        wanted.add(str(variant))
        rows += int(count)
    if wanted:
        yield wanted


def _by_variant(table: pa.Table, keys: Iterable[str], at: Weights) -> Iterator[tuple[str, Predictions]]:
    """The predictions of the trials with these ``keys`` by weights ``at``, those of each variant in order of names."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    own = pc.is_in(table["key"].cast(pa.string()), pa.array(keys, pa.string()))
    table = table.filter(pc.and_(own, pc.is_in(table["weights"].cast(pa.string()), pa.array([at, "both"]))))
    names, variant = np.unique(table["variant"].cast(pa.string()).to_numpy(), return_inverse=True)
    place = np.stack([table["row"].to_numpy(), table["seed"].to_numpy(), variant])
    order = np.lexsort(place)
    # After a merger that was cut short a row is there twice.
    first = np.append(True, np.diff(place[:, order]).any(axis=0))[: len(order)]
    table, variant = table.take(order[first]), variant[order[first]]
    for number, name in enumerate(names):
        begin, end = np.searchsorted(variant, [number, number + 1])
        yield str(name), _predictions(table.slice(begin, end - begin))


def _predictions(table: pa.Table) -> Predictions:
    import numpy as np
    import pyarrow as pa

    def numbers(name: str) -> np.ndarray | None:
        column = table[name].combine_chunks()
        if column.null_count:
            return None
        return (
            np.asarray(column.flatten()).reshape(len(table), -1)
            if pa.types.is_list(column.type)
            else np.asarray(column)
        )

    return Predictions(
        *(table[name].to_numpy() for name in ("seed", "row", "target", "predicted")),
        *(numbers(name) for name in ("probabilities", "classes", "brier")),
    )


def _groups(part: pq.ParquetFile, dataset: str, variants: Collection[str]) -> list[int]:
    """The row groups that may hold a variant of ``variants`` on the data set, by their statistics."""
    names = part.schema_arrow.names
    found = []
    for number in range(part.metadata.num_row_groups):
        group = part.metadata.row_group(number)
        sets, kinds = (group.column(names.index(name)).statistics for name in ("dataset", "variant"))
        if not (sets and kinds and sets.has_min_max and kinds.has_min_max) or (
            sets.min <= dataset <= sets.max and any(kinds.min <= name <= kinds.max for name in variants)
        ):
            found.append(number)
    return found


def _of(table: pa.Table, dataset: str, variants: Collection[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    right = pc.and_(
        pc.equal(table["dataset"].cast(pa.string()), dataset),
        pc.is_in(table["variant"].cast(pa.string()), pa.array(sorted(variants))),
    )
    return table if pc.all(right).as_py() else table.filter(right)
