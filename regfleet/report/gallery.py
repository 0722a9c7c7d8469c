"""The report's figures by themselves: as files for a paper, or as matplotlib figures for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.analysis.summary import Summary
from regfleet.paths import expanded, write_listed
from regfleet.report.figures import FIGURES, OVERVIEW
from regfleet.report.figures.cards import TITLES, card_name
from regfleet.report.figures.predictions import plate_name
from regfleet.report.figures.style import NARROW, WIDE, Plate
from regfleet.report.svg import save
from regfleet.text import slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def export(summary: Summary, directory: Path) -> tuple[Path, ...]:
    """Write every figure as ``DATA_SET-FIGURE.svg`` and ``.pdf``; returns the files, sorted.

    Raises InputError, and writes nothing, where a file of such a name is somebody else's.
    """
    drawn = ((f"{stem}.{form}", save(plate, form)) for stem, plate in plates(summary) for form in ("svg", "pdf"))
    return tuple(sorted(write_listed(expanded(directory, "--figures"), drawn, "--figures")))


def figures(summary: Summary) -> Iterator[tuple[str, Figure]]:
    """(name, matplotlib figure) of everything that the report draws, one at a time; a notebook shows it as it is."""
    for name, plate in plates(summary):
        # Without it only %matplotlib makes IPython show one.
        plate.figure._repr_svg_ = partial(_svg, plate)  # type: ignore[attr-defined]
        yield name, plate.figure


def _svg(plate: Plate) -> str:
    return save(plate, "svg").decode()


def plates(summary: Summary) -> Iterator[tuple[str, Plate]]:
    """(file name, figure) of everything the report draws but the narrow forms for phones; no name twice."""
    taken: set[str] = set()
    for name, plate in _all(summary):
        if plate.name.endswith(f"-{NARROW}"):
            continue
        stem, number = slug(name.removesuffix(f"-{WIDE}")), 2
        while stem in taken:
            stem, number = f"{slug(name)}-{number}", number + 1
        taken.add(stem)
        yield stem, plate


def _all(summary: Summary) -> Iterator[tuple[str, Plate]]:
    for draw in OVERVIEW:
        for plate in draw(summary):
            yield plate.name, plate
    for dataset in summary.datasets:
        variants = {
            card_name(place, metric): f"curve-{metric}-{row.name}"
            for place, row in enumerate(dataset.variants)
            for metric in TITLES
        } | {plate_name(place): f"predicted-{row.name}" for place, row in enumerate(dataset.variants)}
        for drawing in FIGURES:
            for plate in drawing.draw(dataset, summary):
                yield f"{dataset.dataset}-{variants.get(plate.name, plate.name)}", plate
