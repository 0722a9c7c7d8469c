"""What all figures share: the value they are returned in, sizes in CSS pixels, quiet axes, text, rows of variants."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from regfleet.numbers import Scale, short
from regfleet.report.tokens import LIGHT
from regfleet.text import between, elide, head_and_detail

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

WIDE, NARROW = 760, 350
BODY, SMALL, TINY = 12.0, 11.0, 9.5
LINE, BAND, GHOST = 1.6, 0.18, 1.1
APART = 8.0
"""CSS pixels between two numbers of an axis."""
LETTER = 6.9
"""The mean width of a letter of size SMALL in CSS pixels."""
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "regfleet",
    "pdf.fonttype": 42,
    "text.parse_math": False,
    "path.simplify": False,
    "font.family": "DejaVu Sans",
    "font.size": BODY,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A drawn figure: ``name`` is unique on its data set, ``description`` gives the numbers to those who cannot see."""

    name: str
    title: str
    description: str
    figure: Figure


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run ``draw`` with the report's settings for matplotlib, and leave everybody else's as they were."""

    @functools.wraps(draw)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib as mpl

        with mpl.rc_context(SETTINGS), warnings.catch_warnings():
            # Text stays text in SVG: the reader's fonts draw the letters that matplotlib's own font lacks.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
            return draw(*args, **kwargs)

    return with_settings


def canvas(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> tuple[Figure, Axes]:
    """An empty figure of ``width`` × ``height`` CSS pixels and its axes, inset by the margins in pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LIGHT["line-strong"])
    axes.tick_params(
        which="both", length=0, bottom=False, left=False, labelsize=SMALL, labelcolor=LIGHT["muted"], pad=5
    )
    axes.set_axisbelow(True)
    return figure, axes


def tick(value: float, unit: Scale) -> str:
    """A number of an axis, with its unit."""
    return f"{short(value * unit.factor, 4)}{unit.unit}"


def room(low: float, high: float, unit: Scale, bins: int, least: float = 42.0) -> float:
    """The CSS pixels that the numbers of a y axis from ``low`` to ``high`` take, of at most ``bins`` steps."""
    from matplotlib.ticker import MaxNLocator

    steps = MaxNLocator(bins, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return max(least, 10 + LETTER * max(len(tick(value, unit)) for value in steps))


def grid(axes: Axes, along: Literal["x", "y"]) -> None:
    """Faint lines at the ticks of one axis."""
    axes.grid(visible=True, axis=along, color=LIGHT["line"], linewidth=1, clip_on=False)


def write(
    axes: Axes,
    side: Literal[0, 1],
    y: float,
    text: str,
    *,
    colour: str = LIGHT["fg"],
    size: float = SMALL,
    shift: float = 0,
) -> None:
    """Text at the left (0) or right (1) edge of the axes and at ``y``, ``shift`` pixels to the right.

    It begins there; left of the axes, and at their right edge itself, it ends there.
    """
    from matplotlib.transforms import ScaledTranslation

    place = axes.get_yaxis_transform() + ScaledTranslation(shift / 72, 0, axes.figure.dpi_scale_trans)
    align: Literal["left", "right"] = "right" if shift < 0 or (side == 1 and not shift) else "left"
    axes.text(side, y, text, color=colour, fontsize=size, ha=align, va="center_baseline", transform=place)


def spread_apart(places: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """``places`` pushed to at least ``apart`` from each other within [low, high], order kept.

    They move as little as a single pass up and a single pass down allow.
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [min(max(places[index], low), high) for index in order]
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + apart)
    if moved and moved[-1] > high:
        moved[-1] = high
        for index in range(len(moved) - 2, -1, -1):
            moved[index] = min(moved[index], moved[index + 1] - apart)
    result = list(places)
    for index, place in zip(order, moved, strict=True):
        result[index] = place
    return result


def thin(length: int, most: int) -> list[int]:
    """At most about ``most`` evenly spaced indices of ``length``, the first and the last among them."""
    step = max(1, -(-length // most))
    indices = list(range(0, length, step))
    if length and indices[-1] != length - 1:
        indices.append(length - 1)
    return indices


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The figure, its axes, and whether it is the wide form. Row ``i`` lies at i on the y axis, the first on top."""

    figure: Figure
    axes: Axes
    wide: bool

    def middle(self, index: int) -> float:
        """Where the drawing of a row is centred: on a phone below the row's words."""
        return index if self.wide else index + 0.2

    def words(self, index: int, label: str, value: str, colour: str, below: str = "") -> None:
        """A row's name, with ``below`` under it in small letters where there is room, and its numbers."""
        if not self.wide:
            write(self.axes, 0, index - 0.24, between(label, 48 - len(value)))
            write(self.axes, 1, index - 0.24, value, colour=colour)
            return
        name, detail = head_and_detail(label, 34)
        small = ", ".join(part for part in (detail, below) if part)
        write(self.axes, 0, index - (0.17 if small else 0), name, size=BODY, shift=-12)
        write(self.axes, 0, index + 0.27, elide(small, 44), size=TINY, colour=LIGHT["muted"], shift=-12)
        write(self.axes, 1, index, value, colour=colour, shift=12)

    def describe_axis(self, text: str) -> None:
        """What the x axis shows, whose limits are set; it gets as many numbers as stand apart."""
        low, high = self.axes.get_xlim()
        pixels = self.axes.get_position().width * self.figure.get_figwidth() * 72
        for bins in range(8 if self.wide else 6, 0, -1):
            self.axes.locator_params(axis="x", nbins=bins)
            ticks = [tick for tick in self.axes.get_xticks() if low <= tick <= high]
            longest = LETTER * max((len(short(tick)) for tick in ticks), default=0)
            if len(ticks) < 2 or pixels * (ticks[1] - ticks[0]) / (high - low) >= longest + APART:
                break
        self.axes.set_xlabel(text, fontsize=SMALL, color=LIGHT["muted"], labelpad=6)


def rows(many: int, width: int, longest: int) -> Rows:
    """An empty figure for ``many`` rows whose numbers take up to ``longest`` letters."""
    wide = width == WIDE
    left, right = (262, 20 + LETTER * longest) if wide else (10, 14)
    figure, axes = canvas(width, (32 if wide else 46) * many + 58, left=left, right=right, top=6, bottom=52)
    axes.set_ylim(many - 0.5, -0.5)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    grid(axes, "x")
    return Rows(figure, axes, wide)
