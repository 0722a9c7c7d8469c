"""Which figures the report has, and where they stand.

To add one, write a function (dataset, summary) → plates in a file of its own and add its line to FIGURES; one that is
about all data sets together takes the summary alone and stands in OVERVIEW. A figure for wide pages and for phones is
two plates, named ``…-760`` and ``…-350``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from regfleet.analysis.summary import DatasetSummary, Summary
from regfleet.report.figures.cards import curves
from regfleet.report.figures.effects import effects
from regfleet.report.figures.forest import across, forest
from regfleet.report.figures.gap import gap
from regfleet.report.figures.helps_more import columns, learning
from regfleet.report.figures.predictions import predictions
from regfleet.report.figures.ranks import ranks
from regfleet.report.figures.style import Plate
from regfleet.report.figures.sweep import sweep
from regfleet.report.figures.time import time


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure of a data set, and the section of the report in which it stands."""

    section: str
    draw: Callable[[DatasetSummary, Summary], Iterator[Plate]]


FIGURES = (
    Drawing("differences", forest),
    Drawing("combinations", effects),
    Drawing("rows", learning),
    Drawing("columns", columns),
    Drawing("choice", time),
    Drawing("curves", curves),
    Drawing("gap", gap),
    Drawing("sweeps", sweep),
    Drawing("mistakes", predictions),
)
OVERVIEW: tuple[Callable[[Summary], Iterator[Plate]], ...] = (across, ranks)
