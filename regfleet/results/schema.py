"""The columns of the two tables of a results directory, and a row of each from an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.metrics import METRICS
from regfleet.settings.values import Variant
from regfleet.trials import HISTORY_COLUMNS, Outcome

if TYPE_CHECKING:
    import pyarrow as pa

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
        "engine": "fused or keras",
        "execution": "how the engine ran: graph, xla, seeds stacked or why not, or why it fell back to Keras",
        "best_epoch": "the epoch, from 1, with the lowest validation cross-entropy, or MSE of regression",
        "diverged_at": "the epoch, from 1, whose loss was not finite; missing otherwise",
        "epochs_run": "epochs trained",
        "n_train": "rows that fitted weights",
        "n_val": "validation rows",
        "n_test": "test rows",
        "weights": "numbers in the model's weights",
        "seconds": "from cutting the data to the last score; a share of what seeds stacked took together",
        "trace_seconds": "of these, what the worker's first trial of its kind paid to be traced",
        "host": "the node it ran on",
        "device": "the processor it ran on",
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


def trial_row(outcome: Outcome, variant: Variant) -> dict[str, object]:
    """The outcome's row of the trials; columns: TRIAL_FIELDS."""
    row: dict[str, object] = {name: getattr(outcome, name) for name in TRIAL_FIELDS if hasattr(outcome, name)}
    trial = outcome.trial
    row |= {"key": trial.key, "dataset": trial.dataset, "variant": trial.variant, "seed": trial.seed}
    row |= {"label": variant.label, "control": variant.control}
    row |= {"epochs_run": len(next(iter(outcome.history.values()), ()))}
    row |= {"execution": str(outcome.execution or "")}
    return row | dict(outcome.metrics)
