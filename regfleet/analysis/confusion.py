"""Which classes are taken for which, how each class is scored, and what a variant says otherwise than its control."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Cells, Whole
from regfleet.analysis.intervals import Array
from regfleet.analysis.predicted import Changed, Changes, ClassScore, Confused, spread

PAIRS, ROWS = 10, 8
"""Pairs of classes, and rows that change, that are listed."""
LISTED_CLASSES = 50


def class_scores(cells: Cells) -> tuple[ClassScore, ...]:
    """Of each class that has test rows or was predicted, those of the most rows where there are many."""
    truth, said = cells.targets.astype(np.int64), cells.said.astype(np.int64)
    seeds, place, classes = len(cells.seeds), cells.places, cells.classes
    counts = np.bincount(truth, minlength=classes) + np.bincount(said[said >= 0], minlength=classes)
    chosen = np.sort(np.argsort(-counts, kind="stable")[:LISTED_CLASSES])
    found = []
    for number in chosen[counts[chosen] > 0]:
        real, called = truth == number, said == number
        there, taken, hits = (
            np.bincount(place[which], minlength=seeds).astype(np.float64) for which in (real, called, real & called)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = hits / taken, hits / there, 2 * hits / (taken + there)
        found.append(ClassScore(int(number), float(there.mean()), *map(spread, scores)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows a seed by true and predicted class, the change of that from the control, and the pairs confused most."""

    matrix: tuple[tuple[float, ...], ...] | None
    change: tuple[tuple[float, ...], ...] | None
    confused: tuple[Confused, ...]


def confusion(mine: Cells, control: Cells | None, classes: int, *, whole: bool) -> Confusion:
    """Rows a seed by true and predicted class, of all of a variant's seeds; what is less the control's, of shared ones.

    The change is over the seeds that both finished, as the comparison is.
    """
    pairs, counts = _pairs(mine, classes, slice(None))
    rates = counts / len(mine.seeds)
    more, less = np.zeros(0, np.int64), np.zeros(0)
    if control is not None:
        here, there = mine.beside(control)
        seeds = len(np.intersect1d(mine.seeds, control.seeds))
        a, b = _pairs(mine, classes, here), _pairs(control, classes, there)
        more, back = np.unique(np.concatenate([a[0], b[0]]), return_inverse=True)
        less = np.bincount(back, weights=np.concatenate([a[1], -b[1]]), minlength=len(more)) / max(seeds, 1)
    wrong = pairs // (classes + 1) != pairs % (classes + 1)
    order = np.lexsort((pairs[wrong], -rates[wrong]))[:PAIRS]
    known = dict(zip(more.tolist(), less.tolist(), strict=True))
    confused = tuple(
        Confused(pair // (classes + 1), pair % (classes + 1), rate, known.get(pair, math.nan))
        for pair, rate in zip(pairs[wrong][order].tolist(), rates[wrong][order].tolist(), strict=True)
        if pair % (classes + 1) < classes
    )
    if not whole:
        return Confusion(None, None, confused)
    return Confusion(
        _table(pairs, rates, classes), _table(more, less, classes) if control is not None else None, confused
    )


def _pairs(one: Cells, classes: int, at: slice | NDArray[np.intp]) -> tuple[Whole, Whole]:
    """Pairs of true and predicted class as single numbers, with their counts; no class at all is a class of its own."""
    said = one.said[at].astype(np.int64)
    codes = one.targets[at].astype(np.int64) * (classes + 1) + np.where(said < 0, classes, said)
    return np.unique(codes, return_counts=True)


def _table(pairs: Whole, values: Array, classes: int) -> tuple[tuple[float, ...], ...]:
    table = np.zeros((classes, classes + 1))
    table.flat[pairs] = values
    return tuple(map(tuple, table[:, :classes].tolist()))


def changes(mine: Cells, control: Cells) -> Changes:
    """Where a variant and its control differ, cell by cell, on the seeds that both finished."""
    here, there = mine.beside(control)
    rows, target = mine.rows[here], mine.targets[here]
    ours, its = mine.said[here], control.said[there]
    if mine.is_class:
        ours_good, its_good = (ours == target).astype(np.float64), (its == target).astype(np.float64)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            ours_good, its_good = -np.abs(ours - target), -np.abs(its - target)
    differ = ours != its
    if not len(rows):
        return Changes(0, 0, 0, 0, ())
    numbers, place = np.unique(rows, return_inverse=True)
    tested = np.bincount(place)
    a, b = (np.bincount(place, weights=good) for good in (its_good, ours_good))
    moved = np.abs(b - a) if mine.is_class else np.abs(b - a) / tested
    moved = np.where(np.isfinite(moved), moved, 0.0)
    # Of equals those that were tested more often, then the lower number.
    order = [at for at in np.lexsort((numbers, -tested, -moved))[:ROWS] if moved[at] > 0]
    told = np.zeros(len(numbers))
    told[place] = target
    sign, by = (1.0, np.ones(len(numbers))) if mine.is_class else (-1.0, tested)
    return Changes(
        len(rows),
        int(differ.sum()),
        int((ours_good > its_good).sum()),
        int((ours_good < its_good).sum()),
        tuple(
            Changed(
                int(numbers[at]),
                float(told[at]),
                int(tested[at]),
                float(sign * a[at] / by[at]),
                float(sign * b[at] / by[at]),
            )
            for at in order
        ),
    )
