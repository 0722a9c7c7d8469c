"""Small multiples: one card per variant and metric, all on the same axes, the control's curve behind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.analysis.variant import Curve, VariantSummary
from regfleet.metrics import METRICS as KNOWN
from regfleet.metrics import Metric
from regfleet.numbers import Scale, number
from regfleet.report.figures.style import (
    BAND,
    GHOST,
    LINE,
    Plate,
    canvas,
    grid,
    room,
    spread_apart,
    styled,
    thin,
    tick,
    write,
)
from regfleet.report.tokens import LIGHT
from regfleet.settings.values import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 350, 196
TITLES = {"accuracy": "Accuracy", "cross_entropy": "Loss", "r2": "R²", "mse": "MSE", "mae": "MAE", "loss": "Loss"}
"""What the switch calls each metric of a history."""
METRICS: Mapping[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "cross_entropy", "mse"),
    "regression": ("r2", "mae", "loss"),
}
"""What is drawn of each task, the first at first."""
TRAINING_MODE_DIFFERS = 0.03
CROWD, TICKS = 15, 4
MANY = 12
"""Data sets from which on each of their curves has half of the points again."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The axes that all cards of a metric share, and how many points a line may have."""

    metric: str
    unit: Scale
    epochs: int
    low: float
    high: float
    points: int
    left: float


def curves(dataset: DatasetSummary, summary: Summary, metrics: Sequence[str] | None = None) -> Iterator[Plate]:
    """A card per variant and metric, by default all `metrics_of`; none for a variant without a finished trial."""
    points = resolution(summary)
    for metric in metrics or metrics_of(dataset):
        frame = _frame(dataset.variants, metric, points)
        for place, row in enumerate(dataset.variants):
            if row.curve(f"val_{metric}"):
                control = dataset.variant(row.control)
                yield card(card_name(place, metric), row, control.curve(f"val_{metric}") if control else None, frame)


def metrics_of(dataset: DatasetSummary) -> tuple[str, ...]:
    """What is drawn of a data set: `METRICS`, the loss of a regression only where penalties make it more than MSE."""
    penalized = any(row.curve("val_loss") != row.curve("val_mse") for row in dataset.variants)
    return tuple(metric for metric in METRICS[dataset.task] if metric != "loss" or penalized)


def resolution(summary: Summary) -> int:
    """How many points a mean may have: fewer where there are many cards, so that the file stays small."""
    cards = sum(len(dataset.variants) for dataset in summary.datasets)
    return 175 if cards <= CROWD else 90 if len(summary.datasets) <= MANY else 45


def card_name(place: int, metric: str) -> str:
    """The name of the plate that shows ``metric`` of the variant at ``place``."""
    return f"curve-{metric}-{place}"


def training_mode_differs(row: VariantSummary) -> bool:
    """Whether Keras' own training accuracy leaves the inference-mode one after the first tenth of the epochs."""
    training, inference = row.curve("accuracy"), row.curve("train_accuracy")
    if training is None or inference is None:
        return False
    start = len(training.mean) // 10
    pairs = zip(training.mean[start:], inference.mean[start:], strict=False)
    return any(abs(a - b) > TRAINING_MODE_DIFFERS for a, b in pairs)


def _frame(rows: Sequence[VariantSummary], metric: str, points: int) -> Frame:
    """Limits from what comes after the first tenth of the epochs; the steep start may leave them."""
    lows, highs, epochs = [], [], 1
    for row in rows:
        for one in (row.curve(f"train_{metric}"), row.curve(f"val_{metric}")):
            settled = [value for value in one.mean[len(one.mean) // 10 :] if math.isfinite(value)] if one else []
            if one and settled:
                epochs = max(epochs, one.epochs[-1])
                lows.append(min(settled))
                highs.append(max(settled))
    low, high = min(lows, default=0.0), max(highs, default=1.0)
    # One variant that runs away must not flatten all others.
    if metric == "r2" and lows:
        low = max(low, 1 - 3 * (1 - sorted(lows)[len(lows) // 2]))
    elif metric != "accuracy" and highs:
        high = min(high, 3 * sorted(highs)[len(highs) // 2])
    margin = 0.06 * (high - low) or 0.05
    # Room above 100 %, or half of a line that lies there is cut off.
    top = min(high + margin, 1 + margin / 4) if metric in {"accuracy", "r2"} else high + margin
    unit = Scale(KNOWN.get(metric) or Metric(metric, metric, higher_is_better=False, rope=0.0, decimals=4))
    bottom = low - margin if metric == "r2" else max(low - margin, 0.0)
    return Frame(metric, unit, epochs, bottom, top, points, room(bottom, top, unit, TICKS))


@styled
def card(name: str, row: VariantSummary, ghost: Curve | None, frame: Frame) -> Plate:
    """The card of one variant: training dashed, validation solid, bands over seeds, the control's validation behind."""
    figure, axes = canvas(WIDTH, HEIGHT, left=frame.left, right=66, top=8, bottom=24)
    axes.set_xlim(0, frame.epochs)
    axes.set_ylim(frame.low, frame.high)
    axes.locator_params(axis="y", nbins=TICKS)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: tick(value, frame.unit))
    grid(axes, "y")
    write(axes, 1, frame.low - 9 * _pixel(frame), "epochs", colour=LIGHT["muted"], shift=12)
    ends: list[tuple[float, str, str]] = []
    if ghost:
        _line(axes, ghost, frame, LIGHT["ghost"], "-", GHOST)
        ends.append((ghost.mean[-1], "control", LIGHT["muted"]))
    moving = row.curve(frame.metric) if frame.metric == "accuracy" and training_mode_differs(row) else None
    if moving:
        _line(axes, moving, frame, LIGHT["train"], (0, (1, 1.6)), 1.2)
        ends.append((moving.mean[-1], "train mode", LIGHT["train"]))
    for column, word, colour, dash in (
        (f"train_{frame.metric}", "train", LIGHT["train"], (0, (4, 1.8))),
        (f"val_{frame.metric}", "validation", LIGHT["validation"], "-"),
    ):
        one = row.curve(column)
        if one:
            _band(axes, one, frame, colour, filled=column.startswith("val"))
            _line(axes, one, frame, colour, dash, LINE)
            ends.append((one.mean[-1], word, colour))
    _end_labels(axes, ends, frame)
    return Plate(
        name,
        f"{row.label}: {frame.unit.metric.title} per epoch",
        "After the last epoch: " + ", ".join(f"{word} {frame.unit.full(value)}" for value, word, _ in reversed(ends)),
        figure,
    )


def _line(
    axes: Axes, one: Curve, frame: Frame, colour: str, dash: str | tuple[float, tuple[float, ...]], width: float
) -> None:
    indices = thin(len(one.epochs), frame.points if width == LINE else frame.points // 2)
    axes.plot(
        [one.epochs[i] for i in indices],
        [one.mean[i] for i in indices],
        color=colour,
        linestyle=dash,
        linewidth=width,
    )


def _band(axes: Axes, one: Curve, frame: Frame, colour: str, *, filled: bool) -> None:
    """The band of a curve: filled, or its two ends, for two fills on one another are of a third colour."""
    indices = thin(len(one.epochs), frame.points // 2)
    epochs, low, high = ([side[i] for i in indices] for side in (one.epochs, one.low, one.high))
    if filled:
        axes.fill_between(epochs, low, high, color=colour, alpha=BAND, linewidth=0)
        return
    for side in (low, high):
        axes.plot(epochs, side, color=colour, linewidth=0.7, alpha=0.55)


def _pixel(frame: Frame) -> float:
    """The height of a CSS pixel in units of the y axis."""
    return (frame.high - frame.low) / (HEIGHT - 32)


def _end_labels(axes: Axes, ends: Sequence[tuple[float, str, str]], frame: Frame) -> None:
    """The lines' names where they end, pushed apart until they can be read."""
    ends = [end for end in ends if math.isfinite(end[0])]
    pixel = _pixel(frame)
    places = spread_apart([value for value, _, _ in ends], 12.5 * pixel, frame.low + 4 * pixel, frame.high - 2 * pixel)
    for place, (_, word, colour) in zip(places, ends, strict=True):
        write(axes, 1, place, word, colour=colour, shift=5)


def caption(row: VariantSummary, unit: Scale, gap: Scale) -> str:
    """The line under a card: test score, difference, gap, best epoch."""
    parts = [f"test {unit.full(row.score.mean)}"]
    if row.comparison:
        parts[0] += f" ({unit.difference(row.comparison.difference.mean)})"
    if math.isfinite(row.gap.mean):
        parts.append(f"gap {gap.score(row.gap.mean)} {gap.points}".rstrip())
    if math.isfinite(row.best_epoch):
        parts.append(f"best epoch {number(row.best_epoch, 0)}")
    return " · ".join(parts)
