"""From the predictions of a data set to what the report shows of them; each variant is read once and let go."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from regfleet.analysis.cells import Cells, Seeds, cells_of
from regfleet.analysis.certainty import reliability, thresholds
from regfleet.analysis.confusion import changes, class_scores, confusion
from regfleet.analysis.hard_rows import HardRows
from regfleet.analysis.predicted import Predicted, Residuals, Threshold, Together, VariantPredicted
from regfleet.analysis.together import Score, together
from regfleet.predictions import Predictions

MATRIX_CELLS = 2_000
"""Cells of all matrices of a data set up to which they are shown whole."""
DOTS, SLICES = 120, 8
"""Rows and bins that are drawn of a regression."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What is kept of a variant's predictions: its cells, and what all of its probabilities say together.

    ``made_up``: only which rows are right is known, and the classes say nothing.
    """

    cells: Cells
    thresholds: tuple[Threshold, ...] = ()
    together: Together | None = None
    made_up: bool = False


def read(
    parts: Iterable[tuple[str, Predictions]], seeds: Mapping[str, Seeds], score: Score | None = None
) -> dict[str, Read]:
    """The predictions of a data set by variant.

    Args:
        parts: (variant, all its predictions), each variant once.
        seeds: variant → those that it finished; what others said is passed over.
        score: a metric of predictions, for the networks of a variant taken together; None: only cells are wanted.
    """
    found: dict[str, Read] = {}
    last: Cells | None = None
    for name, whole in parts:
        wanted = np.isin(whole.seeds, seeds.get(name, ()))
        part = whole if wanted.all() else whole.taken(wanted)
        if not len(part):
            continue
        # Variants share their seeds and rows, as a rule: those are held once.
        last = cells_of(part, last)
        found[name] = Read(last, made_up=part.only == "right")
        if score is not None:
            curves, as_one = thresholds(part, last), together(part, last, score)
            found[name] = replace(found[name], thresholds=curves, together=as_one)
    return found


def predicted_of(
    found: Mapping[str, Read], controls: Mapping[str, str | None], idle: Collection[str] = ()
) -> Predicted | None:
    """What was predicted on a data set; None where nothing was kept.

    Args:
        found: from `read`.
        controls: variant → its control, for all variants of the study.
        idle: variants that learned nothing, which say nothing about a row.
    """
    if not found:
        return None
    made_up = any(one.made_up for one in found.values())
    classes = 0 if made_up else max(one.cells.classes for one in found.values())
    hard = HardRows()
    for name, one in found.items():
        if name not in idle:
            hard.add(one.cells)
    whole = len(found) * classes**2 <= MATRIX_CELLS
    told = {}
    for name, one in found.items():
        control = found.get(controls.get(name) or "")
        told[name] = _told(name, one, control, classes, whole=whole)
    is_class = any(one.cells.is_class for one in found.values())
    learned = tuple(name for name in told if name not in idle)
    return hard.result(told, learned, classes, is_class=is_class)


def _told(name: str, one: Read, control: Read | None, classes: int, *, whole: bool) -> VariantPredicted:
    cells, its = one.cells, None if control is None else control.cells
    rows, place = np.unique(cells.rows, return_inverse=True)
    told = VariantPredicted(
        name,
        len(cells.seeds),
        len(cells.rows),
        rows=rows.astype(np.int64),
        tested=np.bincount(place).astype(np.float64),
        wrong=np.bincount(place, weights=cells.miss).astype(np.float64),
        changes=None if its is None else changes(cells, its),
        thresholds=one.thresholds,
        together=one.together,
    )
    if not cells.is_class:
        return replace(told, residuals=_residuals(cells))
    if not classes:
        return told
    confused, (bins, ece, seed_ece) = confusion(cells, its, classes, whole=whole), reliability(cells)
    return replace(
        told,
        matrix=confused.matrix,
        change=confused.change,
        confused=confused.confused,
        classes=class_scores(cells),
        bins=bins,
        ece=ece,
        seed_ece=seed_ece,
    )


def _residuals(cells: Cells) -> Residuals:
    """What a regression misses by, by its size and over all."""
    known = np.isfinite(cells.said) & np.isfinite(cells.targets)
    said, target = cells.said[known], cells.targets[known]
    _, place = np.unique(cells.rows, return_inverse=True)
    if not len(said):
        return Residuals((), (), math.nan)
    tested = np.bincount(place[known])
    there = np.flatnonzero(tested)
    mean = np.bincount(place[known], weights=said)[there] / tested[there]
    truth = np.bincount(place[known], weights=target)[there] / tested[there]
    order = np.argsort(truth, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, DOTS).astype(np.int64))]
    points = tuple(zip(truth[chosen].tolist(), mean[chosen].tolist(), strict=True))
    by_said = np.argsort(said, kind="stable")
    bins = []
    for one in np.array_split(by_said, min(SLICES, max(1, len(by_said) // 5))):
        error = said[one] - target[one]
        low, high = np.quantile(error, (0.05, 0.95))
        bins.append((float(said[one].mean()), float(error.mean()), float(low), float(high)))
    return Residuals(points, tuple(bins), float((said - target).mean()))
