"""Trials, the chunks that run as tasks, and what comes of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from regfleet.predictions import Predictions, Weights
from regfleet.settings.values import ModelSpec, SplitSpec, Task, Variant
from regfleet.text import bounded

if TYPE_CHECKING:
    import numpy as np

Status = Literal["done", "diverged", "failed"]

HISTORY_OF: Mapping[Task, tuple[str, ...]] = {
    "classification": ("loss", "cross_entropy", "accuracy", "mse"),
    "regression": ("loss", "mse", "mae"),
}
"""What a history measures for each task; of regression on the scale of `Rows.y`, the standardised target."""
HISTORY_METRICS = tuple(dict.fromkeys(metric for metrics in HISTORY_OF.values() for metric in metrics))
ROW_COUNTS = ("n_train", "n_val", "n_test")
"""The columns that count the rows of a trial."""
HISTORY_SETS = ("", "train_", "val_")
"""Column prefixes of a history: none for Keras' own training-mode averages over the epoch's batches, ``train_`` and
``val_`` for inference mode after the epoch's last update."""
HISTORY_COLUMNS = tuple(rows + metric for rows in HISTORY_SETS for metric in HISTORY_METRICS)
"""The columns of every table of histories; those of the other task are missing."""


def history_columns(task: Task) -> tuple[str, ...]:
    """The columns of a history of ``task``, in the order in which an engine records them."""
    return tuple(rows + metric for rows in HISTORY_SETS for metric in HISTORY_OF[task])


_EXECUTION = re.compile(
    r"(?P<path>graph|xla|keras|scikit-learn)(?P<stacked>, seeds stacked)?"
    r"(?: \(not traceable: (?P<untraceable>.*?)\))?(?: \(one by one: (?P<unstacked>.*)\))?"
)


@dataclass(frozen=True, slots=True)
class Execution:
    """How an engine trained a fit: by ``path``, several seeds of a variant ``stacked`` in one program or each alone.

    The path of a reference row is scikit-learn.
    ``untraceable`` says why Keras' own `fit` had to stand in for the fast engine, ``unstacked`` why seeds that should
    have been stacked ran one by one; empty where they did not. Its text is a trial's column ``execution``.
    """

    path: Literal["graph", "xla", "keras", "scikit-learn"]
    stacked: bool = False
    untraceable: str = ""
    unstacked: str = ""

    def __str__(self) -> str:
        untraceable = f" (not traceable: {self.untraceable})" if self.untraceable else ""
        unstacked = f" (one by one: {self.unstacked})" if self.unstacked else ""
        return self.path + ", seeds stacked" * self.stacked + untraceable + unstacked

    @classmethod
    def read(cls, text: str) -> Execution | None:
        """The execution whose text this is; None for any other text, such as a failed trial's empty one."""
        match = _EXECUTION.fullmatch(text)
        if not match:
            return None
        fields = match.groupdict("")
        return cls(match["path"], bool(fields["stacked"]), fields["untraceable"], fields["unstacked"])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Trial:
    """Variant × data set × seed. ``key`` is a hash of everything that determines the result.

    A half of a data set is called as `half_name` says.
    """

    key: str
    dataset: str
    variant: str
    seed: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Trials of one variant on one data set that run as one task; a GPU trains ``stack`` of them side by side.

    ``keep_predictions``: whether what they say of the test rows comes back with them. ``rate_test``: the seed whose
    trial tries other learning rates too, None for none. ``shared``: how the rows of a seed are encoded once for all
    variants, as they are cut or padded to the width that serves every seed; empty where every trial encodes its own.
    """

    dataset: str
    variant: Variant
    model: ModelSpec
    split: SplitSpec
    engine: str
    trials: Sequence[Trial]
    stack: int = 1
    keep_predictions: bool = True
    rate_test: int | None = None
    shared: Literal["", "cut", "padded"] = ""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What an engine returns for one seed.

    ``history``: float32 (epochs run,) for each of `history_columns`. ``predictions[when][rows]``: float32 (rows,
    classes) of probabilities, or (rows, 1) on the scale of `Rows.y`, with ``when`` in last, best and ``rows`` in train,
    val, test, in inference mode. ``penalty[when]`` is what the regularizers add to the loss. ``best_epoch`` (from 1)
    has the lowest validation cross-entropy, or MSE of regression, the first of equals. ``diverged_at`` is the epoch
    (from 1) whose loss was not finite; the history ends there. ``execution`` says how the engine ran,
    ``trace_seconds`` what the first fit of its kind in a process paid to be traced. ``weights`` are the model's last.
    ``losses[when][rows]`` are those of a loss of the model's own, without penalties; empty where it has none.
    ``states[when]`` are the values of ``model.variables`` that predicted: one set, or several whose mean it is.
    """

    history: Mapping[str, np.ndarray]
    predictions: Mapping[str, Mapping[str, np.ndarray]]
    penalty: Mapping[str, float]
    best_epoch: int
    diverged_at: int | None
    execution: Execution
    trace_seconds: float = 0.0
    weights: tuple[np.ndarray, ...] = ()
    losses: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    states: Mapping[str, Sequence[Sequence[np.ndarray]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A finished trial: its history, metrics and execution, or its failure with traceback.

    ``metrics`` has ``{last,best}_{train,val,test}_{…}`` as floats, the loss and `metrics.metrics_of` the task (of
    regression in units of the target, but for the loss), and for classes ``{last,best}_test_correct`` as counts of
    rows; it is empty for a failed trial. ``predictions`` of the test rows are by the weights that made them, one object
    where these predict alike; empty unless the trial is done and they are to be kept. ``tuning``: what was tried to
    choose the trial's setting, as JSON: by which score, the names of what varied, all ``settings``, their validation
    scores and errors (null where a fit diverged), the seconds of each, and which was chosen; empty without. ``error``
    and ``traceback`` are `bounded`. ``rate_test`` is what `training.rate_test` gave, where there was one.
    """

    trial: Trial
    status: Status
    engine: str
    execution: Execution | None = None
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    predictions: Mapping[Weights, Predictions] = field(default_factory=dict)
    best_epoch: int | None = None
    diverged_at: int | None = None
    n_train: int = 0
    n_val: int = 0
    n_test: int = 0
    weights: int = 0
    seconds: float = 0.0
    trace_seconds: float = 0.0
    host: str = ""
    device: str = ""
    tuning: str = ""
    error: str = ""
    traceback: str = ""
    rate_test: str = ""

    def __post_init__(self) -> None:
        for name in ("error", "traceback"):
            object.__setattr__(self, name, bounded(getattr(self, name)))
