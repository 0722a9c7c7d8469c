"""The three tables of a results directory: their columns, and Parquet parts of them, written whole and checked."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from regfleet.metrics import METRICS
from regfleet.paths import MOST_BYTES
from regfleet.results.place import PART
from regfleet.settings.values import Variant
from regfleet.text import bounded, reason
from regfleet.trials import HISTORY_COLUMNS, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.parquet as pq

    from regfleet.results.place import Place


_SETS, _WHEN = ("train", "val", "test"), ("last", "best")
_SCORES = ("loss", *METRICS)
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
        "engine": "fused or keras; scikit-learn of a reference row",
        "execution": "how the engine ran: graph, xla, seeds stacked or why not, or why it fell back to Keras; "
        "scikit-learn",
        "best_epoch": "the epoch, from 1, with the lowest validation cross-entropy, or MSE of regression",
        "diverged_at": "the epoch, from 1, whose loss was not finite; missing otherwise",
        "epochs_run": "epochs trained",
        "n_train": "rows that fitted weights",
        "n_val": "validation rows",
        "n_test": "test rows",
        "n_predicted": "test rows whose predictions were kept, 0 without any; missing from before they were",
        "weights": "numbers in the model's weights",
        "seconds": "from cutting the data to the last score; a share of what seeds stacked took together",
        "trace_seconds": "of these, what the worker's first trial of its kind paid to be traced",
        "host": "the node it ran on",
        "device": "the processor it ran on",
        "tuning": "what was tried to choose the trial's setting on validation rows, as JSON: by which score, the names "
        "of what varied, all settings, their scores and errors, the seconds of each, and which was chosen, from 0; "
        "empty without tuning, missing from before there was any",
        "rate_test": "training errors at other learning rates, as JSON, with the first trial of a control; empty else",
        "error": "what went wrong, in a line",
        "traceback": "the whole traceback of a failed trial",
    }
    | dict.fromkeys(
        METRIC_COLUMNS,
        "the score on those rows in inference mode, weights of the last or the best epoch; of regression in units of "
        "the target, but for the loss; missing where the task has no such score",
    )
    | dict.fromkeys(CORRECT_COLUMNS, "test rows whose class was predicted; missing for regression")
)
HISTORY_FIELDS = {
    "key": "the trial's hash",
    "dataset": "the data set's name",
    "variant": "the variant's canonical name",
    "seed": "the seed",
    "epoch": "the epoch, from 1",
} | {
    name: (
        "inference mode after the epoch, penalties in the loss"
        if name.startswith(("train_", "val_"))
        else "training mode, penalties and class weights in the loss, as Keras reports it"
    )
    + "; of regression on the scale of the standardised target; missing where the task has no such score"
    for name in HISTORY_COLUMNS
}
PREDICTION_FIELDS = {
    "key": "the trial's hash",
    "dataset": "the data set's name",
    "variant": "the variant's canonical name",
    "seed": "the seed",
    "weights": "whose prediction it is: weights of the last or the best epoch, both where these predict alike",
    "row": "the test row's number in the data set, from 0: rows that were left out when it was read, as notes say, are "
    "not counted, and those of a test file come after the others",
    "target": "what is true: the number of a class, in the order of provenance.json, or a value in its units",
    "predicted": "the number of the likeliest class, or a value in units of the target",
    "probabilities": "of each class in order, or of those in classes; missing for regression",
    "classes": "with more than 32 classes those whose probabilities are kept: the true one, then the five likeliest of "
    "the others; missing where all are",
    "brier": "the sum over all classes of (probability - truth) squared, where classes leaves some out; missing else",
}


def trial_schema() -> pa.Schema:
    """The Parquet schema of a part of trials."""
    import pyarrow as pa

    special = {"seed": pa.int64(), "seconds": pa.float64(), "trace_seconds": pa.float64()}
    special |= dict.fromkeys(("best_epoch", "diverged_at", "epochs_run"), pa.int32())
    special |= dict.fromkeys(("n_train", "n_val", "n_test", "n_predicted"), pa.int32())
    special |= {"weights": pa.int64()} | dict.fromkeys(METRIC_COLUMNS, pa.float64())
    special |= dict.fromkeys(CORRECT_COLUMNS, pa.int32())
    return pa.schema([(name, special.get(name, pa.string())) for name in TRIAL_FIELDS])


def history_schema() -> pa.Schema:
    """The Parquet schema of a part of histories."""
    import pyarrow as pa

    special = {"seed": pa.int64(), "epoch": pa.int32()}
    special |= dict.fromkeys(HISTORY_COLUMNS, pa.float32())
    return pa.schema([(name, special.get(name, pa.string())) for name in HISTORY_FIELDS])


def prediction_schema() -> pa.Schema:
    """The Parquet schema of a part of predictions."""
    import pyarrow as pa

    special = {"seed": pa.int64(), "row": pa.int32(), "target": pa.float64(), "predicted": pa.float64()}
    special |= {"probabilities": pa.list_(pa.float32()), "classes": pa.list_(pa.int32()), "brier": pa.float32()}
    return pa.schema([(name, special.get(name, pa.string())) for name in PREDICTION_FIELDS])


def schema_of(folder: str) -> pa.Schema:
    """The Parquet schema of a part in that folder."""
    schemas = {"trials": trial_schema, "histories": history_schema, "predictions": prediction_schema}
    return schemas[folder]()


def trial_row(outcome: Outcome, variant: Variant) -> dict[str, object]:
    """The outcome's row of the trials; columns: TRIAL_FIELDS."""
    own = {name: getattr(outcome, name) for name in TRIAL_FIELDS if hasattr(outcome, name)}
    row = {name: bounded(value) if isinstance(value, str) else value for name, value in own.items()}
    trial = outcome.trial
    row |= {"key": trial.key, "dataset": trial.dataset, "variant": trial.variant, "seed": trial.seed}
    row |= {"label": variant.label, "control": variant.control}
    row |= {"epochs_run": len(next(iter(outcome.history.values()), ()))}
    row |= {"n_predicted": len(next(iter(outcome.predictions.values()), ()))}
    row |= {"tuning": outcome.tuning}  # as JSON it is text of ours, which must stay whole
    row |= {"execution": bounded(str(outcome.execution or ""))}
    return row | dict(outcome.metrics)


GROUPED = ("dataset", "variant")
REPEATED = ("key", *GROUPED)
"""Columns with few values: read as dictionaries, so that a value is held once."""
THREADS = 8
SKIPPED = (".tmp", ".torn", ".foreign")
WORDS = {"status": ("done", "diverged", "failed"), "weights": ("last", "best", "both")}
"""Columns of texts, and what they may say."""
_LATER = {*METRIC_COLUMNS, *CORRECT_COLUMNS, *HISTORY_COLUMNS, "n_predicted", "tuning", "rate_test"}
"""Columns that an older part may lack."""
_NEVER_EMPTY = {*REPEATED, "seed", "status", "epoch", "row", "target", "predicted"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be used: a part that is ``torn`` or none of ours, what is no file at all (``link``).

    ``missing`` stands for trials that were kept and are not there, or not in a part that can be used,
    ``study`` for a study.toml that is not the one that the results were made with.
    """

    part: str
    kind: Literal["torn", "link", "missing", "study"]
    reason: str = ""

    def __str__(self) -> str:
        if self.kind in ("missing", "study"):
            return self.reason
        if self.kind == "link":
            return f"{self.part} is a symbolic link or a folder, which is not followed"
        return f"{self.part} is torn or not a part of results; its trials count as missing ({self.reason})"


def keys_hash(keys: Iterable[str]) -> str:
    """The hash of the keys that a part holds, which begins its name."""
    return hashlib.sha256("".join(sorted(keys)).encode()).hexdigest()[:16]


def write_part(place: Place, folder: str, keys: str, tables: Sequence[pa.Table]) -> str:
    """Write a Parquet file with a row group for each table, and return its name; readers see a whole one or none.

    The name begins with ``keys``, the hash of the keys, and ends with one of the content, by which it is checked.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    schema = tables[0].schema
    texts = [field.name for field in schema if not (pa.types.is_primitive(field.type) or pa.types.is_list(field.type))]
    settings = {"compression": "zstd", "use_dictionary": texts, "write_statistics": list(GROUPED)}
    # Without Arrow's own schema, dictionaries of ours are plain strings to whoever reads the file.
    with pq.ParquetWriter(sink, schema, store_schema=False, write_page_checksum=True, **settings) as writer:
        for table in tables:
            writer.write_table(table)
    content = sink.getvalue()
    name = f"part-{keys}-{_content_hash(content)}.parquet"
    place.write(f"{folder}/{name}", content)
    return name


def checked_by(name: str) -> str:
    """The hash of the content that a part's name ends with; empty for one from before there were such names."""
    stem = name.rpartition("/")[2].removesuffix(".torn").removesuffix(".parquet")
    known = PART.fullmatch(f"{stem}.parquet")
    return (known[2] or "") if known else ""


def _content_hash(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@contextmanager
def open_part(place: Place, name: str, schema: pa.Schema, *, whole: bool = True) -> Iterator[pq.ParquetFile]:
    """Open a part of results; raises ValueError for any other file, and OSError where it cannot be read now.

    Its content must have the hash of its name, unless not ``whole``: then only the pages that are read are checked.
    A part that was written before a metric was added lacks its columns, and is one nevertheless.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = place.read(name) if whole else b""
    if whole and checked_by(name) not in ("", _content_hash(content)):
        raise ValueError("its checksum differs: it was changed or damaged")
    source = pa.BufferReader(content) if whole else place.filesystem.open_input_file(place.path(name))
    with source:
        try:
            with pq.ParquetFile(source, read_dictionary=_coded(schema), page_checksum_verification=True) as part:
                own = (name for name in schema.names if name not in _LATER)
                missing = next((name for name in own if name not in part.schema_arrow.names), None)
                if missing:
                    raise ValueError(f"it has no column {missing}")
                yield part
        except (OSError, KeyError, IndexError, pa.ArrowException) as problem:
            if not whole:
                place.read(name)  # raises where it is the place that fails
            raise ValueError(reason(problem)) from None


def read_groups(part: pq.ParquetFile, schema: pa.Schema, groups: Sequence[int] | None = None) -> pa.Table:
    """The rows of some row groups, or all, with the columns of ``schema``; what the part lacks is missing.

    Raises ValueError or ArrowException for rows that are none of results.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    there = set(part.schema_arrow.names)
    numbers = range(part.num_row_groups) if groups is None else groups
    table = part.read_row_groups(list(numbers), [name for name in schema.names if name in there])
    for number, field in enumerate(schema):
        if field.name not in there:
            table = table.add_column(number, field, pa.nulls(len(table), field.type))
    table = table.select(schema.names).cast(schema)
    table.validate(full=True)
    empty = next((name for name in schema.names if name in _NEVER_EMPTY and table[name].null_count), None)
    if empty:
        raise ValueError(f"it has rows without {empty}")
    for name, words in WORDS.items():
        if name in schema.names and not pa.types.is_integer(schema.field(name).type):
            said = table[name].unique().cast(pa.string())
            if not pc.all(pc.is_in(said, pa.array(words)), min_count=0).as_py():
                raise ValueError(f"it has a {name} that is none of {', '.join(words)}")
    return table


def _coded(schema: pa.Schema) -> list[str]:
    """The columns of texts that have few values; ``weights`` of trials are a number."""
    import pyarrow as pa

    return [field.name for field in schema if field.name in (*REPEATED, "weights") and field.type == pa.string()]


def dictionaries(schema: pa.Schema) -> pa.Schema:
    """The schema with the repeated columns as dictionaries."""
    import pyarrow as pa

    coded, names = pa.dictionary(pa.int32(), pa.string()), _coded(schema)
    return pa.schema([field.with_type(coded) if field.name in names else field for field in schema])


def _listed(place: Place, folder: str) -> dict[str, int | None]:
    """The parts of a folder and their sizes, as two listings in a row found them.

    One that is made while parts are merged may have neither those that go nor the one that comes.
    """

    def listing() -> dict[str, int | None]:
        return {part: size for part, size in place.sizes(folder).items() if not part.endswith(SKIPPED)}

    before, now = listing(), listing()
    while before.keys() != now.keys():
        before, now = now, listing()
    return now


def each_part(
    place: Place, folder: str, read: Callable[[str], Any], problems: list[Problem], names: Iterable[str] | None = None
) -> dict[str, Any]:
    """Name → what ``read`` makes of each part of a folder, in order of names; one that is none is a problem.

    Raises OSError when a part cannot be read now, as FileNotFoundError when it has gone meanwhile: a driver at work
    has merged it into another.
    """
    found: dict[str, Any] = {}
    sizes = _listed(place, folder) if names is None else dict.fromkeys(names, 0)
    wanted = []
    for part, size in sizes.items():
        if size is None:
            problems.append(Problem(f"{folder}/{part}", "link"))
        elif size > MOST_BYTES:
            problems.append(Problem(f"{folder}/{part}", "torn", "it is larger than any part"))
        else:
            wanted.append(part)

    def attempt(part: str) -> Any:
        try:
            return read(f"{folder}/{part}")
        except ValueError as problem:
            return problem

    with ThreadPoolExecutor(THREADS) as pool:
        for part, got in zip(wanted, pool.map(attempt, wanted), strict=True):
            if isinstance(got, Exception):
                problems.append(Problem(f"{folder}/{part}", "torn", reason(got)))
            else:
                found[part] = got
    return found
