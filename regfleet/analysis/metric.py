"""Which way a metric points and how much of it matters: the settings' choice on top of the table of metrics."""

from __future__ import annotations

import re
from dataclasses import replace

from regfleet.analysis.intervals import Array
from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric, metrics_of
from regfleet.settings.values import AnalysisSettings, Task

LOWER = {"brier", "ece", "entropy", "err", "error", "loss", "mae", "mape", "mse", "nll", "perplexity", "rmse", "wer"}
HIGHER = {"acc", "accuracy", "ap", "auc", "bleu", "dice", "f1", "iou", "map", "precision", "r2", "recall", "score"}
"""Words in the name of a metric that say which way it points."""


def metric_of(settings: AnalysisSettings) -> Metric:
    """The metric of ``settings``; one that the table does not hold points as its name or ``higher_is_better`` says.

    Raises:
        InputError: neither the table nor the name nor ``higher_is_better`` says whether higher is better.
    """
    known = METRICS.get(settings.metric)
    direction = settings.higher_is_better
    if known is not None:
        return known if direction is None else replace(known, higher_is_better=direction)
    if direction is None:
        words = set(re.split(r"[^a-z0-9]+", settings.metric.lower()))
        if not words & (LOWER | HIGHER):
            raise InputError(
                f"metric must be one of {', '.join(METRICS)}, or it must be said whether higher is better. "
                f"Got {settings.metric!r}"
            )
        direction = not words & LOWER
    return Metric(settings.metric, settings.metric.replace("_", " "), direction, rope=0.01, relative_rope=True)


def check_metric(name: str, task: Task) -> None:
    """Raise InputError if the metric called ``name`` cannot judge ``task``."""
    if name not in metrics_of(task):
        raise InputError(f"--metric: expected one of {', '.join(metrics_of(task))} for a {task}; got {name}")


def rope_of(settings: AnalysisSettings, metric: Metric, control_mean: float) -> float:
    """Half-width of the region of practical equivalence in units of the metric, relative to the control if it is so."""
    if settings.rope is not None:
        return settings.rope
    return metric.rope * abs(control_mean) if metric.relative_rope else metric.rope


def oriented(values: Array, metric: Metric) -> Array:
    """``values`` with their sign turned so that larger is better."""
    return values if metric.higher_is_better else -values
