"""The frame of figures with a row per variant: names on the left and numbers on the right, or above on a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regfleet.numbers import short
from regfleet.report.figures.style import BODY, SMALL, TINY, WIDE, canvas, grid, write
from regfleet.report.tokens import LIGHT
from regfleet.text import elide, head_and_detail

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTER = 6.9
"""The mean width of a letter of size SMALL in CSS pixels."""


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
            write(self.axes, 0, index - 0.24, elide(label, 48 - len(value)))
            write(self.axes, 1, index - 0.24, value, colour=colour)
            return
        name, detail = head_and_detail(label, 34)
        small = ", ".join(part for part in (detail, below) if part)
        write(self.axes, 0, index - (0.17 if small else 0), name, size=BODY, shift=-12)
        write(self.axes, 0, index + 0.27, elide(small, 44), size=TINY, colour=LIGHT["muted"], shift=-12)
        write(self.axes, 1, index, value, colour=colour, shift=12)

    def describe_axis(self, text: str) -> None:
        """What the x axis shows."""
        self.axes.set_xlabel(text, fontsize=SMALL, color=LIGHT["muted"], labelpad=6)


def rows(many: int, width: int, longest: int) -> Rows:
    """An empty figure for ``many`` rows whose numbers take up to ``longest`` letters."""
    wide = width == WIDE
    left, right = (262, 20 + LETTER * longest) if wide else (10, 14)
    figure, axes = canvas(width, (32 if wide else 46) * many + 58, left=left, right=right, top=6, bottom=52)
    axes.set_ylim(many - 0.5, -0.5)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=8 if wide else 6)
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    grid(axes, "x")
    return Rows(figure, axes, wide)
