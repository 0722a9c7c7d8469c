"""The data of the panel that lays curves over one another: means and bands, thinned; never a single seed's curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Curve
from regfleet.metrics import Metric
from regfleet.report.figures.style import thin
from regfleet.text import printable

SERIES = (
    ("val_accuracy", "validation accuracy", 1),
    ("train_accuracy", "training accuracy", 1),
    ("accuracy", "training accuracy in training mode", 1),
    ("val_cross_entropy", "validation cross-entropy", 3),
    ("train_cross_entropy", "training cross-entropy", 3),
    ("val_r2", "validation R²", 3),
    ("train_r2", "training R²", 3),
    ("val_mse", "validation mean squared error", 4),
    ("train_mse", "training mean squared error", 4),
    ("val_mae", "validation mean absolute error", 4),
    ("train_mae", "training mean absolute error", 4),
    ("loss", "training loss with penalties", 3),
)
"""Column, title, and decimals as shown: of percent for accuracies."""


def data(dataset: DatasetSummary, metric: Metric, points: int) -> dict[str, object]:
    """What the script draws from: values are integers, in the last decimal shown; null where there is none.

    ``epochs`` are those of means and bands, two thirds of ``points``. ``start`` says what is shown at first: the best
    variant, its control and the runner-up.
    """
    rows = [row for row in dataset.ordered(metric) if row.curves]
    names = [row.name for row in rows]
    start = [*(names.index(row.control) for row in rows[:1] if row.control in names), 0, 1]
    lengths = [len(one.epochs) for row in rows for one in row.curves.values()]
    indices = thin(max(lengths, default=0), 2 * points // 3)
    series = [one for one in SERIES if any(row.curve(one[0]) for row in rows)]
    return {
        "start": [place for place in dict.fromkeys(start) if place < len(rows)],
        "epochs": [index + 1 for index in indices],
        "series": [
            {"title": title, "digits": digits, "percent": " %" if "accuracy" in column else ""}
            for column, title, digits in series
        ],
        "variants": [
            {
                "label": printable(row.label),
                "values": [_values(row.curve(column), indices, digits) for column, _, digits in series],
            }
            for row in rows
        ],
    }


def _values(one: Curve | None, indices: Sequence[int], digits: int) -> list[list[int | None]]:
    """[means, lows, highs] of a curve at ``indices``."""
    if one is None:
        return [[], [], []]
    factor = 10 ** (digits + 2 if digits == 1 else digits)
    return [[_whole(side, index, factor) for index in indices] for side in (one.mean, one.low, one.high)]


def _whole(values: Sequence[float], index: int, factor: int) -> int | None:
    inside = index < len(values) and math.isfinite(values[index])
    return round(factor * values[index]) if inside else None
