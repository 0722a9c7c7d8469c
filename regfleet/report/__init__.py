"""The report: figures, page and exports, written from the analysis' records; nothing here computes a statistic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.records import Failure, StudyFacts, Summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def render(
    summary: Summary,
    facts: StudyFacts,
    failures: Sequence[Failure],
    trials: pd.DataFrame,
    headlines: Mapping[str, tuple[str, ...]],
    templates: Path | None = None,
) -> str:
    """The report as one HTML file.

    ``headlines`` maps a data set to its sentences, the verdict first; ``trials`` has a row per trial and is embedded as
    CSV; a file in the folder ``templates`` stands in for ours of the same name.
    """
    from regfleet.report import page

    return page.render(summary, facts, failures, trials, headlines, templates)


def summary_html(summary: Summary, headlines: Mapping[str, tuple[str, ...]]) -> str:
    """The verdict and the leaderboard as HTML without styles, for a notebook's ``_repr_html_``."""
    from regfleet.report import page

    return page.fragment(summary, headlines)


def export_figures(summary: Summary, directory: Path) -> tuple[Path, ...]:
    """Write every figure of the report as SVG and as PDF into ``directory``; returns the files, sorted."""
    from regfleet.report import gallery

    return gallery.export(summary, directory)


def matplotlib_figures(summary: Summary) -> Iterator[tuple[str, Figure]]:
    """(name, matplotlib figure) of everything that the report draws, one at a time."""
    from regfleet.report import gallery

    for name, plate in gallery.plates(summary):
        yield name, plate.figure
