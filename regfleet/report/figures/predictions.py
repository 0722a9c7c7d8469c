"""How sure and how right: a card per variant with its reliability and curves, or what a regression misses by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regfleet.analysis.predicted import Band, Bin, Residuals, Threshold, VariantPredicted
from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.numbers import percent, short
from regfleet.report.figures.style import BAND, GHOST, LINE, SMALL, Plate, styled
from regfleet.report.tokens import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 350, 158
LEFT, RIGHT, BETWEEN, TOP, BOTTOM = 26, 8, 24, 18, 30
SIDE, TALL = (WIDTH - LEFT - RIGHT - 2 * BETWEEN) / 3, HEIGHT - TOP - BOTTOM


def plate_name(place: int) -> str:
    """The name of the plate of the variant at ``place``."""
    return f"predicted-{place}"


def predictions(dataset: DatasetSummary, summary: Summary) -> Iterator[Plate]:  # noqa: ARG001 - as all of them
    """A card per variant whose predictions were kept."""
    found = dataset.predicted
    for place, row in enumerate(dataset.variants):
        one = found.variants.get(row.name) if found else None
        control = found.variants.get(row.control or "") if found else None
        if one and one.bins:
            yield sure(plate_name(place), row.label, one, control)
        elif one and one.residuals and one.residuals.points:
            yield missed(plate_name(place), row.label, one.residuals)


@dataclass(frozen=True, slots=True, eq=False)
class _Panel:
    """A unit square at ``left`` pixels on axes that are measured in pixels: three of matplotlib's own take the time."""

    axes: Axes
    left: float

    def line(
        self,
        x: Sequence[float],
        y: Sequence[float],
        colour: str,
        width: float,
        dash: str | tuple[float, tuple[float, ...]] = "-",
    ) -> None:
        """A line through points in the square."""
        self.axes.plot(self._across(x), self._up(y), color=colour, linewidth=width, linestyle=dash)

    def band(self, x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str) -> None:
        """The space between two lines."""
        self.axes.fill_between(self._across(x), self._up(low), self._up(high), color=colour, alpha=BAND, linewidth=0)

    def strokes(
        self, x: Sequence[float], y: Sequence[float], colour: str, width: float, cap: Literal["butt", "round"]
    ) -> None:
        """Lines from each even point to the next."""
        _strokes(self.axes, list(zip(self._across(x), self._up(y), strict=True)), colour, width, cap)

    def frame(self, title: str, below: str, *, numbers: bool) -> None:
        """Its base, its title, what it shows along the base, and ``numbers`` at its left side."""
        muted = LIGHT["muted"]
        self.line([0, 1], [0, 0], LIGHT["line-strong"], 0.8)
        self.axes.text(self.left, BOTTOM + TALL + 6, title, fontsize=SMALL, color=LIGHT["fg"])
        self.axes.text(self.left + SIDE / 2, 3, below, fontsize=SMALL, color=muted, ha="center")
        for at, text in ((0.0, "0"), (0.5, ".5"), (1.0, "1")):
            self.axes.text(self.left + SIDE * at, BOTTOM - 12, text, fontsize=SMALL, color=muted, ha="center")
            if numbers:
                self.axes.text(self.left - 4, BOTTOM + TALL * at - 4, text, fontsize=SMALL, color=muted, ha="right")

    def _across(self, x: Sequence[float]) -> list[float]:
        return [self.left + SIDE * value for value in x]

    def _up(self, y: Sequence[float]) -> list[float]:
        return [BOTTOM + TALL * value for value in y]


@styled
def sure(name: str, label: str, one: VariantPredicted, control: VariantPredicted | None) -> Plate:
    """Reliability, and beside it the ROC and precision-recall curves where there are few classes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(0, HEIGHT)
    axes.axis("off")
    reliability, roc, pr = (_Panel(axes, LEFT + place * (SIDE + BETWEEN)) for place in range(3))
    _reliability(reliability, one.bins, control.bins if control else ())
    told = [f"{percent(round(b.confidence, 2))} sure, {percent(round(b.right, 2))} right" for b in one.bins]
    if one.thresholds:
        before = {curve.number: curve for curve in control.thresholds} if control else {}
        _against(roc, pr, one.thresholds, before)
        told += [
            f"class {c.number}: AUC {c.auc.mean:.3f}, average precision {c.average_precision.mean:.3f}"
            for c in one.thresholds
        ]
    title = f"{label}: how often it is right by how sure it is{', and its curves' if one.thresholds else ''}"
    return Plate(name, title, "; ".join(told), figure)


def _reliability(panel: _Panel, bins: Sequence[Bin], control: Sequence[Bin]) -> None:
    panel.frame("Reliability", "confidence", numbers=True)
    panel.line([0, 1], [0, 1], LIGHT["line-strong"], 1, (0, (2, 2)))
    panel.line([b.confidence for b in control], [b.right for b in control], LIGHT["ghost"], GHOST)
    x, y = [b.confidence for b in bins], [b.right for b in bins]
    panel.line(x, y, LIGHT["validation"], LINE)
    most = max(b.share for b in bins)
    # How many predictions there are is drawn at the base, where it hides nothing.
    heights = [height for b in bins for height in (0.0, 0.25 * b.share / most)]
    panel.strokes([at for at in x for _ in (0, 1)], heights, LIGHT["neutral-mark"], 3, "butt")
    panel.strokes([at for at in x for _ in (0, 1)], [at for at in y for _ in (0, 1)], LIGHT["validation"], 4.5, "round")


def _against(roc: _Panel, pr: _Panel, curves: Sequence[Threshold], before: dict[int, Threshold]) -> None:
    """The hardest class with its band, and its control's; the other classes behind."""
    hardest = min(curves, key=lambda curve: curve.auc.mean)
    roc.frame("ROC", "false positives", numbers=False)
    pr.frame("Precision–recall", "recall", numbers=False)
    for panel, name in ((roc, "roc"), (pr, "pr")):
        start = panel is roc
        for curve in curves:
            if curve is not hardest:
                _line(panel, _thinned(getattr(curve, name)), LIGHT["line-strong"], 0.8, start=start)
        if hardest.number in before:
            _line(panel, getattr(before[hardest.number], name), LIGHT["ghost"], GHOST, start=start, dash=(0, (1, 1.6)))
        one: Band = getattr(hardest, name)
        panel.band(_grid(one), one.low, one.high, LIGHT["validation"])
        _line(panel, one, LIGHT["validation"], LINE, start=start)


def _thinned(band: Band) -> Band:
    """Every second point: those that stand behind need no more."""
    return Band(band.mean[::2], band.low[::2], band.high[::2])


def _grid(band: Band) -> list[float]:
    return [place / (len(band.mean) - 1) for place in range(len(band.mean))]


def _line(
    panel: _Panel,
    band: Band,
    colour: str,
    width: float,
    *,
    start: bool,
    dash: str | tuple[float, tuple[float, ...]] = "-",
) -> None:
    x, y = ([0.0, *_grid(band)], [0.0, *band.mean]) if start else (_grid(band), list(band.mean))
    panel.line(x, y, colour, width, dash)


def _dots(axes: Axes, points: Sequence[tuple[float, float]], colour: str, size: float) -> None:
    # A dot is a line of no length with round ends, as in the forest.
    _strokes(axes, [point for point in points for _ in (0, 1)], colour, size, "round")


def _strokes(
    axes: Axes, ends: Sequence[tuple[float, float]], colour: str, width: float, cap: Literal["butt", "round"]
) -> None:
    """Lines from each even one of ``ends`` to the next, as a single path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    path = Path(list(ends), [Path.MOVETO, Path.LINETO] * (len(ends) // 2))
    strokes = PathPatch(path, fill=False, edgecolor=colour, linewidth=width, capstyle=cap)
    strokes.set(zorder=3, clip_on=False)
    axes.add_patch(strokes)


def _panels(titles: Sequence[str], between: float) -> tuple[Figure, list[Axes]]:
    """Panels side by side, ``between`` pixels apart."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
    side = (WIDTH - LEFT - RIGHT - (len(titles) - 1) * between) / len(titles)
    panels = []
    for place, title in enumerate(titles):
        x = LEFT + place * (side + between)
        axes = figure.add_axes((x / WIDTH, BOTTOM / HEIGHT, side / WIDTH, TALL / HEIGHT))
        for edge in ("top", "right", "left"):
            axes.spines[edge].set_visible(False)
        axes.spines["bottom"].set_color(LIGHT["line-strong"])
        axes.tick_params(length=0, labelsize=SMALL, labelcolor=LIGHT["muted"], pad=3)
        axes.set_title(title, fontsize=SMALL, color=LIGHT["fg"], loc="left", pad=5)
        panels.append(axes)
    return figure, panels


@styled
def missed(name: str, label: str, one: Residuals) -> Plate:
    """Prediction against truth, and what the predictions miss by along the prediction."""
    figure, (left, right) = _panels(["Predicted against true", "Error by prediction"], 44)
    ends = [value for point in one.points for value in point]
    low, high = min(ends), max(ends)
    margin = 0.04 * (high - low) or 1.0
    for axes in (left, right):
        axes.locator_params(nbins=4)
    left.set_xlim(low - margin, high + margin)
    left.set_ylim(low - margin, high + margin)
    left.plot([low, high], [low, high], color=LIGHT["line-strong"], linewidth=1, linestyle=(0, (2, 2)))
    _dots(left, one.points, LIGHT["validation"], 3.2)
    said, mean, lowest, highest = (list(values) for values in zip(*one.bins, strict=True))
    right.axhline(0, color=LIGHT["line-strong"], linewidth=1, linestyle=(0, (2, 2)))
    right.fill_between(said, lowest, highest, color=LIGHT["validation"], alpha=BAND, linewidth=0)
    right.plot(said, mean, color=LIGHT["validation"], linewidth=LINE)
    if len(said) == 1:
        right.plot(said * 2, [lowest[0], highest[0]], color=LIGHT["validation"], linewidth=LINE)
        _dots(right, [(said[0], mean[0])], LIGHT["validation"], 5)
    for axes in (left, right):
        axes.xaxis.set_major_formatter(lambda value, _: short(value, 3))
        axes.yaxis.set_major_formatter(lambda value, _: short(value, 3))
    left.set_xlabel("true", fontsize=SMALL, color=LIGHT["muted"], labelpad=1)
    right.set_xlabel("predicted", fontsize=SMALL, color=LIGHT["muted"], labelpad=1)
    told = (
        f"about {short(s, 3)} predicted: off by {short(m, 3)}, nine in ten from {short(a, 3)} to {short(b, 3)}"
        for s, m, a, b in one.bins
        if all(map(math.isfinite, (s, m, a, b)))
    )
    return Plate(name, f"{label}: predictions against the truth, and their errors", "; ".join(told), figure)
