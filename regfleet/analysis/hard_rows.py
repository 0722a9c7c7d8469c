"""The rows that hardly any network gets right, over all variants."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Cells, Whole
from regfleet.analysis.intervals import Array
from regfleet.analysis.predicted import HardRow, Predicted, VariantPredicted

HARD = 20
"""Rows nobody gets right that are listed."""
ENOUGH, NEARLY = 3, 0.9
"""Tests of a row from which it is judged; the share of wrong ones from which it is hard."""
FAR = 3.0
"""Mean absolute errors, in root mean squared errors of all rows, from which a row of a regression is hard."""
MANY = 2**24
"""More than there are classes."""


class HardRows:
    """Adds up over variants what was said of each row."""

    def __init__(self) -> None:
        self.rows: Whole = np.zeros(0, np.int64)
        self.sums: Array = np.zeros((5, 0))  # target, tested, wrong, sum of values, variants
        self.votes: Whole = np.zeros(0, np.int64)  # row · MANY + 1 + the class it was wrongly taken for
        self.counts: Array = np.zeros((2, 0))  # how often, sum of confidence
        self.squares = 0.0
        self.cells = 0

    def add(self, cells: Cells) -> None:
        """The cells of one more variant."""
        miss = cells.miss
        fine = np.isfinite(miss)
        rows, place = np.unique(cells.rows[fine], return_inverse=True)
        target = np.zeros(len(rows))
        target[place] = cells.targets[fine]
        many = np.bincount(place, minlength=len(rows))
        wrong, values = (np.bincount(place, weights=w[fine], minlength=len(rows)) for w in (miss, cells.said))
        self.squares += float((miss[fine] ** 2).sum())
        self.cells += len(place)
        both, back = np.unique(np.concatenate([self.rows, rows]), return_inverse=True)
        sums = np.zeros((5, len(both)))
        for index, new in enumerate((target, many, wrong, values, np.ones(len(rows)))):
            sums[index] = np.bincount(back, weights=np.concatenate([self.sums[index], new]), minlength=len(both))
        sums[0, back] = np.concatenate([self.sums[0], target])
        self.rows, self.sums = both, sums
        if cells.is_class:
            self._vote(cells)

    def _vote(self, cells: Cells) -> None:
        wrong = ~cells.right
        sure = cells.sure[wrong].astype(np.float64)
        new = cells.rows[wrong].astype(np.int64) * MANY + cells.said[wrong].astype(np.int64) + 1
        self.votes, back = np.unique(np.concatenate([self.votes, new]), return_inverse=True)
        counts = np.concatenate([self.counts, np.stack([np.ones(len(sure)), sure])], axis=1)
        self.counts = np.stack([np.bincount(back, weights=one, minlength=len(self.votes)) for one in counts])

    def result(
        self, told: Mapping[str, VariantPredicted], learned: tuple[str, ...], classes: int, *, is_class: bool
    ) -> Predicted:
        """Everything that was predicted, with the rows that are hard."""
        target, tested, wrong, values, variants = self.sums
        judged = tested >= ENOUGH
        with np.errstate(invalid="ignore", divide="ignore"):
            share = wrong / tested
            unit = share / math.sqrt(self.squares / max(self.cells, 1)) if self.squares else np.zeros(len(share))
        hard = np.flatnonzero(judged & (share >= NEARLY if is_class else unit >= FAR))
        said, votes, sure = self._said(hard) if is_class else (values[hard] / tested[hard], hard * 0, unit[hard])
        # The surest of those that are always wrong first: a wrong label is what makes networks sure and wrong.
        first = -share[hard] if is_class else np.zeros(len(hard))
        order = np.lexsort((self.rows[hard], -sure, first))[:HARD]
        listed = tuple(
            HardRow(
                int(self.rows[hard[at]]),
                float(target[hard[at]]),
                int(tested[hard[at]]),
                int(wrong[hard[at]]) if is_class else 0,
                float(said[at]),
                int(votes[at]),
                float(sure[at]),
                int(variants[hard[at]]),
            )
            for at in order
        )
        return Predicted(
            kind="classes" if is_class else "values",
            classes=classes,
            rows=len(self.rows),
            judged=int(judged.sum()),
            hopeless=int((share[hard] >= 1).sum()) if is_class else len(hard),
            hard=listed,
            learned=learned,
            variants=told,
            numbers=self.rows,
            targets=target,
            tested=tested,
            wrong=wrong,
        )

    def _said(self, hard: NDArray[np.intp]) -> tuple[Array, Whole, Array]:
        """Of each hard row the class that it was most often taken for, how often, and how surely."""
        rows, classes = self.votes // MANY, self.votes % MANY - 1
        many, sure = self.counts
        order = np.lexsort((classes, -sure, -many, rows))
        _, first = np.unique(rows[order], return_index=True)
        best = order[first]
        at = best[np.searchsorted(rows[best], self.rows[hard])]
        return classes[at].astype(np.float64), many[at].astype(np.int64), sure[at] / many[at]
