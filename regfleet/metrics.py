"""The metrics a study can be judged by, and what the analysis must know of each."""

import math
from dataclasses import dataclass
from typing import Literal

Tasks = tuple[Literal["classification", "regression"], ...]
BOTH: Tasks = ("classification", "regression")


@dataclass(frozen=True, slots=True)
class Metric:
    """A score of a trial on a set of rows.

    ``rope`` is the default half-width of the region of practical equivalence: in units of the metric,
    or, with ``relative_rope``, as a share of the control's mean. ``counts`` is true where the score is a
    count of rows divided by their number, so that it cannot move by less than one row. ``tasks`` are those it
    can judge. It lies between ``lowest`` and ``highest``.
    """

    name: str
    title: str
    higher_is_better: bool
    rope: float
    relative_rope: bool = False
    counts: bool = False
    percent: bool = False
    tasks: Tasks = BOTH
    lowest: float = -math.inf
    highest: float = math.inf


def _share(name: str, title: str, *, higher_is_better: bool = True, counts: bool = False) -> Metric:
    """A metric of classifiers between 0 and 1."""
    return Metric(name, title, higher_is_better, 0.01, False, counts, True, BOTH[:1], 0.0, 1.0)


def _error(name: str, title: str, tasks: Tasks) -> Metric:
    """A metric from 0 up, in units of its own."""
    return Metric(name, title, False, 0.01, relative_rope=True, tasks=tasks, lowest=0.0)


METRICS = {
    metric.name: metric
    for metric in (
        _share("accuracy", "accuracy", counts=True),
        _share("balanced_accuracy", "balanced accuracy"),
        _share("macro_f1", "macro-F1"),
        Metric("auc", "AUC", True, 0.01, tasks=BOTH[:1], lowest=0.0, highest=1.0),
        _error("cross_entropy", "cross-entropy", BOTH[:1]),
        _share("calibration_error", "calibration error", higher_is_better=False),
        Metric("r2", "R²", True, 0.01, tasks=BOTH[1:], highest=1.0),
        _error("mae", "mean absolute error", BOTH[1:]),
        _error("rmse", "root mean squared error", BOTH[1:]),
        _error("mse", "mean squared error", BOTH),
    )
}


def metrics_of(task: str) -> tuple[str, ...]:
    """The names of the metrics that can judge ``task``, classification or regression."""
    return tuple(metric.name for metric in METRICS.values() if task in metric.tasks)


def default_metric(task: str) -> str:
    """What ``task`` is judged by unless somebody says otherwise, and what its gap is measured in."""
    return "accuracy" if task == "classification" else "r2"


def error_of(task: str) -> str:
    """What a model of ``task`` minimizes, penalties apart: it picks the best epoch and ends a fit early."""
    return "cross_entropy" if task == "classification" else "mse"
