"""The metrics a study can be judged by, what the analysis must know of each, and how a name becomes one."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from regfleet.errors import InputError

Tasks = tuple[Literal["classification", "regression"], ...]
BOTH: Tasks = ("classification", "regression")


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a trial on a set of rows.

    ``rope`` is the half-width of the region of practical equivalence: in units of the metric, or, with
    ``relative_rope``, as a share of the control's mean. ``counts`` is true where the score is a count of rows divided
    by their number, so that it cannot move by less than one row. ``decimals`` are those of the written score, of a
    percentage where it is ``percent``. ``tasks`` are those it can judge. It lies between ``lowest`` and ``highest``.
    """

    name: str
    title: str
    higher_is_better: bool
    rope: float
    relative_rope: bool = False
    counts: bool = False
    percent: bool = False
    decimals: int = 3
    tasks: Tasks = BOTH
    lowest: float = -math.inf
    highest: float = math.inf

    def rope_at(self, control_mean: float) -> float:
        """The ROPE in units of the metric, beside a control of that mean."""
        return self.rope * abs(control_mean) if self.relative_rope else self.rope

    @property
    def sign(self) -> int:
        """1, or −1 where lower is better: a score times it is larger where it is better."""
        return 1 if self.higher_is_better else -1


def share(name: str, title: str, *, higher_is_better: bool = True, counts: bool = False) -> Metric:
    """A metric of classifiers between 0 and 1."""
    return Metric(
        name,
        title,
        higher_is_better,
        rope=0.01,
        counts=counts,
        percent=True,
        decimals=1,
        tasks=BOTH[:1],
        lowest=0.0,
        highest=1.0,
    )


def error(name: str, title: str, tasks: Tasks, decimals: int = 3, highest: float = math.inf) -> Metric:
    """A metric from 0 up, in units of its own, of which less is better."""
    return Metric(
        name, title, False, 0.01, relative_rope=True, decimals=decimals, tasks=tasks, lowest=0.0, highest=highest
    )


METRICS = {
    metric.name: metric
    for metric in (
        share("accuracy", "accuracy", counts=True),
        share("balanced_accuracy", "balanced accuracy"),
        share("macro_f1", "macro-F1"),
        Metric("auc", "AUC", True, 0.01, tasks=BOTH[:1], lowest=0.0, highest=1.0),
        error("cross_entropy", "cross-entropy", BOTH[:1]),
        share("calibration_error", "calibration error", higher_is_better=False),
        Metric("r2", "R²", True, 0.01, tasks=BOTH[1:], highest=1.0),
        error("mae", "mean absolute error", BOTH[1:]),
        error("rmse", "root mean squared error", BOTH[1:]),
        error("mse", "mean squared error", BOTH, decimals=4),
    )
}


def resolve_metric(name: str, *, higher_is_better: bool | None = None, task: str | None = None) -> Metric:
    """The metric called ``name``, ours or anybody's.

    Args:
        name: of a metric in METRICS, or of another, whose ROPE is 1 % of the control's mean.
        higher_is_better: which way it points; None leaves that to METRICS.
        task: what it has to judge, classification or regression; None: it is not known.

    Raises:
        InputError: it cannot judge ``task``, or neither METRICS nor ``higher_is_better`` says which way it points.
    """
    if task is not None and name not in metrics_of(task):
        raise InputError(f"--metric: expected one of {', '.join(metrics_of(task))} for a {task}; got {name}")
    metric = METRICS.get(name)
    if metric is None:
        if higher_is_better is None:
            raise InputError(
                f"metric must be one of {', '.join(METRICS)}, or it must be said whether higher is better. Got {name!r}"
            )
        title = name.replace("_", " ")
        metric = Metric(name, title, higher_is_better, 0.01, relative_rope=True, decimals=4)
    if higher_is_better is not None:
        metric = replace(metric, higher_is_better=higher_is_better)
    return metric


def metrics_of(task: str) -> tuple[str, ...]:
    """The names of the metrics that can judge ``task``, classification or regression."""
    return tuple(metric.name for metric in METRICS.values() if task in metric.tasks)


def default_metric(task: str) -> str:
    """What ``task`` is judged by unless somebody says otherwise, and what its gap is measured in."""
    return "accuracy" if task == "classification" else "r2"


def error_of(task: str) -> str:
    """What a model of ``task`` minimizes, penalties apart: it picks the best epoch and ends a fit early."""
    return "cross_entropy" if task == "classification" else "mse"
