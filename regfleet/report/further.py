"""A sweep whose best value is the last that was tried: the best may lie beyond, and here is what tries it."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from regfleet.numbers import short
from regfleet.report.figures.sweep import LOG_RATIO, points_of
from regfleet.text import printable

if TYPE_CHECKING:
    from regfleet.analysis.summary import DatasetSummary, FamilySummary
    from regfleet.report.figures.sweep import Point

LEAST = 3
"""Values of a sweep below which an end is no sign of anything."""


def further(dataset: DatasetSummary, family: FamilySummary, command: str) -> tuple[str, str]:
    """What to say of a sweep that is best at an end of its values, and the command that goes on there; else empty.

    ``command`` is the study's own. The command is empty where nothing can be added to it on a line.
    """
    points = points_of(family, {row.name: row for row in dataset.variants})
    if len(points) < LEAST:
        return "", ""
    best = max(points, key=_difference)
    place = points.index(best)
    if 0 < place < len(points) - 1 or _difference(best) <= 0:  # beyond an end that gains nothing lies the control
        return "", ""
    value, row = best
    end = "largest" if place else "smallest"
    said = f"The best value on {printable(dataset.dataset)}, {short(value)}, is the {end} that was tried"
    beyond = _next([value for value, _ in points], place)
    name = row.name.partition("[")[0].replace(f"({value:g})", f"({beyond:g})")
    if not math.isfinite(beyond) or f"({beyond:g})" not in name or not _exists(name):
        return f"{said}, so the best may lie beyond.", ""
    if " -t " not in command and " --technique" not in command:
        return f"{said}, so the best may lie beyond. Go further: add {name} to the study's variants and run it.", ""
    return f"{said}, so the best may lie beyond. Go further:", f"{command} -t {shlex.quote(name)}"


def _difference(point: Point) -> float:
    one = point[1].comparison
    return one.difference.mean if one is not None else -math.inf


def _next(values: list[float], place: int) -> float:
    """The value that goes on from the end at ``place`` as the values before it went."""
    end, before = (values[-1], values[-2]) if place else (values[0], values[1])
    if end > 0 and before > 0 and (values[0] > 0 and values[-1] / values[0] >= LOG_RATIO):
        return float(f"{end * end / before:.3g}")
    beyond = float(f"{2 * end - before:.6g}")
    if beyond >= 1 > end:  # a rate, perhaps: half of what is left
        return float(f"{(1 + end) / 2:.3g}")
    return beyond if beyond > 0 else float(f"{end / 2:.3g}") if end > 0 else math.nan


def _exists(name: str) -> bool:
    """Whether there is such a technique with such a value, at a place that any model of five hidden layers has."""
    from regfleet.errors import InputError
    from regfleet.settings.defaults import ARTICLE_MODEL
    from regfleet.techniques.grammar import parse_techniques

    try:
        parse_techniques(name, ARTICLE_MODEL)
    except InputError:
        return False
    return True
