"""From the predictions of a data set to what the report shows of them; each variant is read once and let go."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.intervals import Array
from regfleet.analysis.predicted import (
    Band,
    Bin,
    Changed,
    Changes,
    ClassScore,
    Confused,
    HardRow,
    Predicted,
    Residuals,
    Spread,
    Threshold,
    Together,
    VariantPredicted,
)
from regfleet.predictions import Predictions

Whole = NDArray[np.int64]
Score = Callable[[Predictions], float]

BINS = 15
"""Of confidence, of equal width, as the calibration error of a trial has them."""
POINTS = 41
"""Of a ROC or precision-recall curve, evenly spaced."""
MATRIX_CELLS = 2_000
"""Cells of all matrices of a data set up to which they are shown whole."""
PAIRS, ROWS, HARD = 10, 8, 20
"""Pairs of classes, rows that change and rows nobody gets right that are listed."""
CURVED_CLASSES, CURVES = 10, 400
"""Classes up to which each has curves against the rest; curves that are averaged, over classes and seeds."""
LISTED_CLASSES = 50
SEEDS = 100
"""Seeds that enter what is worked out seed by seed, evenly chosen of more."""
DOTS, SLICES = 120, 8
"""Rows and bins that are drawn of a regression."""
ENOUGH, NEARLY = 3, 0.9
"""Tests of a row from which it is judged; the share of wrong ones from which it is hard."""
DENSE = 20_000_000
"""Numbers up to which a table of rows and classes is held whole."""
MANY = 2**24
"""More than there are classes."""
FAR = 3.0
"""Mean absolute errors, in root mean squared errors of all rows, from which a row of a regression is hard."""


def predicted_of(
    parts: Iterable[tuple[str, Predictions]],
    controls: Mapping[str, str | None],
    score: Score,
    idle: Collection[str] = (),
) -> Predicted | None:
    """What was predicted on a data set; None where nothing was kept.

    Args:
        parts: (variant, all its predictions), each variant once; those that the study does not have are passed over.
        controls: variant → its control, for all variants of the study.
        score: a metric of predictions, for the networks of a variant taken together.
        idle: variants that learned nothing, which say nothing about a row.
    """
    told: dict[str, VariantPredicted] = {}
    said: dict[str, _Said] = {}
    hard = _Hard()
    last: _Said | None = None
    classes, is_class = 0, True
    for name, part in parts:
        if name not in controls or not len(part):
            continue
        is_class, classes = part.is_class, max(classes, _classes(part))
        cells = _Cells.of(part, classes)
        told[name] = _variant(name, part, cells, score)
        # Variants share their seeds and rows, as a rule: those are held once.
        last = said[name] = _Said.of(cells, last)
        if name not in idle:
            hard.add(cells)
    if not told:
        return None
    whole = is_class and len(told) * classes**2 <= MATRIX_CELLS
    for name, one in told.items():
        control = said.get(controls[name] or "")
        confusion = _confusion(said[name], control, classes, whole=whole) if is_class else one
        changes = None if control is None else _changes(said[name], control, is_class=is_class)
        told[name] = replace(
            one,
            matrix=confusion.matrix,
            change=confusion.change,
            confused=confusion.confused,
            changes=changes,
        )
    learned = tuple(name for name in told if name not in idle)
    return hard.result(told, learned, classes, is_class=is_class)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """The cells of a variant; all (cells,) but ``numbers``, (seeds,), and ``starts``, where each seed begins.

    ``said``: int64 class numbers, −1 for none, or float64 values. ``miss``: 1 where wrong, or the absolute error.
    ``sure``: the probability of the predicted class; of a regression all NaN.
    """

    numbers: Whole
    starts: Whole
    seed: Whole
    rows: Whole
    target: Array
    said: Array
    miss: Array
    sure: Array
    is_class: bool

    @classmethod
    def of(cls, part: Predictions, classes: int) -> _Cells:
        numbers, starts = np.unique(part.seeds, return_index=True)
        seed = np.repeat(np.arange(len(numbers)), np.diff(np.append(starts, len(part))))
        if part.probabilities is None:
            with np.errstate(over="ignore", invalid="ignore"):
                miss = part.absolute_error()
            sure = np.full(len(part), np.nan)
        else:
            miss = 1.0 - part.correct()
            with np.errstate(invalid="ignore"):
                sure = part.probabilities.max(axis=1).astype(np.float64)
        said = part.predicted
        if part.is_class:
            said = np.where((said >= 0) & (said < classes), said, -1.0)
        return cls(
            numbers, starts, seed, part.rows.astype(np.int64), part.target, said, miss, sure, is_class=part.is_class
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What is kept of a variant's cells until its control has been read."""

    numbers: Whole
    seed: NDArray[np.int32]
    rows: NDArray[np.int32]
    target: NDArray[np.float32] | Array
    said: NDArray[np.float32] | NDArray[np.int32]

    @classmethod
    def of(cls, cells: _Cells, other: _Said | None) -> _Said:
        said = cells.said.astype(np.int32) if cells.is_class else cells.said.astype(np.float32)
        pairs = (
            ()
            if other is None
            else ((other.numbers, cells.numbers), (other.seed, cells.seed), (other.rows, cells.rows))
        )
        if other is not None and all(np.array_equal(*pair) for pair in pairs):
            return cls(other.numbers, other.seed, other.rows, other.target, said)
        return cls(cells.numbers, cells.seed.astype(np.int32), cells.rows.astype(np.int32), cells.target, said)

    def beside(self, other: _Said) -> tuple[NDArray[np.intp], NDArray[np.intp]] | tuple[slice, slice]:
        """Where the cells that both have lie in each."""
        if self.rows is other.rows:
            return slice(None), slice(None)
        width = 1 + max(int(self.rows.max()), int(other.rows.max()))
        mine, its = (one.numbers[one.seed] * width + one.rows for one in (self, other))
        _, here, there = np.intersect1d(mine, its, assume_unique=True, return_indices=True)
        return here, there


def _classes(part: Predictions) -> int:
    if part.probabilities is None:
        return 0
    if part.classes is None:
        return int(part.probabilities.shape[1])
    return 1 + int(max(part.classes.max(), np.nanmax(part.target), np.nanmax(part.predicted)))


def _variant(name: str, part: Predictions, cells: _Cells, score: Score) -> VariantPredicted:
    rows, place = np.unique(cells.rows, return_inverse=True)
    one = VariantPredicted(
        name,
        len(cells.numbers),
        len(part),
        rows=rows,
        tested=np.bincount(place).astype(np.float64),
        wrong=np.bincount(place, weights=cells.miss).astype(np.float64),
        together=_together(part, cells, place, score),
    )
    if not cells.is_class:
        return replace(one, residuals=_residuals(cells, place))
    bins, ece, seed_ece = _reliability(cells)
    return replace(
        one,
        classes=_class_scores(cells, _classes(part)),
        bins=bins,
        ece=ece,
        seed_ece=seed_ece,
        thresholds=_thresholds(part, cells),
    )


def _spread(values: Array) -> Spread:
    known = values[np.isfinite(values)]
    mean = float(known.mean()) if len(known) else math.nan
    return Spread(mean, float(known.std(ddof=1)) if len(known) > 1 else math.nan)


def _class_scores(cells: _Cells, classes: int) -> tuple[ClassScore, ...]:
    """Of each class that has test rows or was predicted, those of the most rows where there are many."""
    truth, said = cells.target.astype(np.int64), cells.said.astype(np.int64)
    seeds = len(cells.numbers)
    counts = np.bincount(truth, minlength=classes) + np.bincount(said[said >= 0], minlength=classes)
    chosen = np.sort(np.argsort(-counts, kind="stable")[:LISTED_CLASSES])
    found = []
    for number in chosen[counts[chosen] > 0]:
        real, called = truth == number, said == number
        there, taken, hits = (
            np.bincount(cells.seed[which], minlength=seeds).astype(np.float64)
            for which in (real, called, real & called)
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            scores = hits / taken, hits / there, 2 * hits / (taken + there)
        found.append(ClassScore(int(number), float(there.mean()), *map(_spread, scores)))
    return tuple(found)


def _reliability(cells: _Cells) -> tuple[tuple[Bin, ...], float, float]:
    """The bins of confidence that hold predictions, and the expected calibration error over them.

    Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015): 15 bins
    of equal width, each with its upper edge.

    Returns:
        the bins, the error of all seeds together, and the mean of that of each seed.
    """
    known = np.isfinite(cells.sure)
    sure, right, seed = cells.sure[known], 1 - cells.miss[known], cells.seed[known]
    if not len(sure):
        return (), math.nan, math.nan
    place = np.clip(np.ceil(sure * BINS).astype(np.int64) - 1, 0, BINS - 1)
    many, surely, rightly = (
        np.bincount(place, weights=weights, minlength=BINS) for weights in (np.ones(len(sure)), sure, right)
    )
    bins = tuple(
        Bin(float(many[b] / len(sure)), float(surely[b] / many[b]), float(rightly[b] / many[b]))
        for b in np.flatnonzero(many)
    )
    seeds = len(cells.numbers)
    gaps = np.bincount(seed * BINS + place, weights=right - sure, minlength=seeds * BINS).reshape(seeds, BINS)
    tested = np.bincount(seed, minlength=seeds)
    alone = np.abs(gaps).sum(axis=1)[tested > 0] / tested[tested > 0]
    return bins, float(np.abs(rightly - surely).sum() / len(sure)), float(alone.mean())


def _thresholds(part: Predictions, cells: _Cells) -> tuple[Threshold, ...]:
    """The curves of the second of two classes, or of each of several against the rest; none of more than a few."""
    if part.probabilities is None or part.classes is not None or part.probabilities.shape[1] > CURVED_CLASSES:
        return ()
    many = part.probabilities.shape[1]
    numbers = range(1, 2) if many == 2 else range(many)
    slices = list(_slices(cells, max(10, CURVES // len(numbers))))
    found = []
    for number in numbers:
        curves = [_curves(part.probabilities[at, number], part.target[at] == number) for at in slices]
        known = [one for one in curves if one is not None]
        if known:
            roc, pr, auc, average = (np.array(values) for values in zip(*known, strict=True))
            found.append(Threshold(number, len(known), _band(roc), _band(pr), _spread(auc), _spread(average)))
    return tuple(found)


def _slices(cells: _Cells, most: int) -> Iterator[slice]:
    """The cells of each seed, of at most ``most`` seeds, evenly chosen."""
    ends = np.append(cells.starts[1:], len(cells.rows))
    step = -(-len(cells.starts) // most)
    for start, end in zip(cells.starts[::step], ends[::step], strict=True):
        yield slice(int(start), int(end))


def _curves(p: Array, truth: NDArray[np.bool_]) -> tuple[Array, Array, float, float] | None:
    """ROC and precision-recall curve at `POINTS` points, the area below the ROC curve, and average precision.

    The ROC curve is linear between its corners. Precision at a recall is that of the highest threshold that reaches it,
    as average precision sums it up. None where all rows are of one kind, or a probability is not known.
    """
    positive = int(truth.sum())
    if not 0 < positive < len(truth) or not np.isfinite(p).all():
        return None
    order = np.argsort(-p, kind="stable")
    last = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    hits = np.cumsum(truth[order])[last].astype(np.float64)
    taken = last + 1.0
    recall, precision = hits / positive, hits / taken
    false = (taken - hits) / (len(truth) - positive)
    grid = np.linspace(0, 1, POINTS)
    x, y = np.append(0.0, false), np.append(0.0, recall)
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)
    average = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
    at = np.minimum(np.searchsorted(recall, grid - 1e-12), len(recall) - 1)
    return np.interp(grid, x, y), precision[at], area, average


def _band(curves: Array) -> Band:
    low, high = np.quantile(curves, (0.05, 0.95), axis=0)
    return Band(tuple(curves.mean(axis=0).tolist()), tuple(low.tolist()), tuple(high.tolist()))


def _residuals(cells: _Cells, place: NDArray[np.intp]) -> Residuals:
    known = np.isfinite(cells.said) & np.isfinite(cells.target)
    said, target = cells.said[known], cells.target[known]
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


def _together(part: Predictions, cells: _Cells, place: NDArray[np.intp], score: Score) -> Together | None:
    """The networks of a variant as one; None where no row was tested twice, or there are too many classes to add up."""
    tested = np.bincount(place)
    often = tested >= 2
    values = part.predicted[:, None] if part.probabilities is None else part.probabilities
    if not often.any() or part.classes is not None or values.shape[1] * len(tested) > DENSE:
        return None
    sums = np.stack([np.bincount(place, weights=column).astype(np.float64) for column in values.T], axis=1)
    target = np.zeros(len(tested))
    target[place] = part.target
    rows = np.zeros(len(tested), np.int32)
    rows[place] = part.rows
    whole = score(_mean_of(sums[often], tested[often], rows[often], target[often], is_class=part.is_class))
    others, alone = [], []
    for at in _slices(cells, SEEDS):
        here = place[at]
        shared = often[here]
        if shared.any():
            mine, here = values[at][shared], here[shared]
            kind = part.is_class
            rest = _mean_of(sums[here] - mine, tested[here] - 1, rows[here], target[here], is_class=kind)
            others.append(score(rest))
            alone.append(score(_mean_of(mine, np.ones(len(here)), rows[here], target[here], is_class=kind)))
    counts = tested[often]
    networks = int(counts.min()), int(np.median(counts)), int(counts.max())
    return Together(networks, int(often.sum()), whole, _spread(np.array(others)).mean, _spread(np.array(alone)).mean)


def _mean_of(
    sums: Array, many: Array | Whole, rows: NDArray[np.int32], target: Array, *, is_class: bool
) -> Predictions:
    mean = sums / np.asarray(many)[:, None]
    seeds = np.zeros(len(rows), np.int64)
    if not is_class:
        return Predictions(seeds, rows, target, mean[:, 0])
    return Predictions(seeds, rows, target, mean.argmax(axis=1).astype(np.float64), mean.astype(np.float32))


@dataclass(frozen=True, slots=True)
class _Confusion:
    matrix: tuple[tuple[float, ...], ...] | None
    change: tuple[tuple[float, ...], ...] | None
    confused: tuple[Confused, ...]


def _confusion(mine: _Said, control: _Said | None, classes: int, *, whole: bool) -> _Confusion:
    """Rows a seed by true and predicted class, of all of a variant's seeds; what is less the control's, of shared ones.

    The change is over the seeds that both finished, as the comparison is.
    """
    pairs, counts = _pairs(mine, classes, slice(None))
    rates = counts / len(mine.numbers)
    more, less = np.zeros(0, np.int64), np.zeros(0)
    if control is not None:
        here, there = mine.beside(control)
        seeds = len(np.intersect1d(mine.numbers, control.numbers))
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
        return _Confusion(None, None, confused)
    return _Confusion(
        _table(pairs, rates, classes), _table(more, less, classes) if control is not None else None, confused
    )


def _pairs(one: _Said, classes: int, at: slice | NDArray[np.intp]) -> tuple[Whole, Whole]:
    """Pairs of true and predicted class as single numbers, with their counts; no class at all is a class of its own."""
    said = one.said[at].astype(np.int64)
    codes = one.target[at].astype(np.int64) * (classes + 1) + np.where(said < 0, classes, said)
    return np.unique(codes, return_counts=True)


def _table(pairs: Whole, values: Array, classes: int) -> tuple[tuple[float, ...], ...]:
    table = np.zeros((classes, classes + 1))
    table.flat[pairs] = values
    return tuple(map(tuple, table[:, :classes].tolist()))


def _changes(mine: _Said, control: _Said, *, is_class: bool) -> Changes:
    """Cell by cell, on the seeds that both finished."""
    here, there = mine.beside(control)
    rows, target = mine.rows[here], mine.target[here]
    ours, its = mine.said[here], control.said[there]
    if is_class:
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
    moved = np.abs(b - a) if is_class else np.abs(b - a) / tested
    moved = np.where(np.isfinite(moved), moved, 0.0)
    # Of equals those that were tested more often, then the lower number.
    order = [at for at in np.lexsort((numbers, -tested, -moved))[:ROWS] if moved[at] > 0]
    told = np.zeros(len(numbers))
    told[place] = target
    sign, by = (1.0, np.ones(len(numbers))) if is_class else (-1.0, tested)
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


class _Hard:
    """Adds up over variants what was said of each row."""

    def __init__(self) -> None:
        self.rows: Whole = np.zeros(0, np.int64)
        self.sums: Array = np.zeros((5, 0))  # target, tested, wrong, sum of values, variants
        self.votes: Whole = np.zeros(0, np.int64)  # row · MANY + 1 + the class it was wrongly taken for
        self.counts: Array = np.zeros((2, 0))  # how often, sum of confidence
        self.squares = 0.0
        self.cells = 0

    def add(self, cells: _Cells) -> None:
        """The cells of one more variant."""
        fine = np.isfinite(cells.miss)
        rows, place = np.unique(cells.rows[fine], return_inverse=True)
        target = np.zeros(len(rows))
        target[place] = cells.target[fine]
        many = np.bincount(place, minlength=len(rows))
        wrong, values = (np.bincount(place, weights=w[fine], minlength=len(rows)) for w in (cells.miss, cells.said))
        self.squares += float((cells.miss[fine] ** 2).sum())
        self.cells += len(place)
        both, back = np.unique(np.concatenate([self.rows, rows]), return_inverse=True)
        sums = np.zeros((5, len(both)))
        for index, new in enumerate((target, many, wrong, values, np.ones(len(rows)))):
            sums[index] = np.bincount(back, weights=np.concatenate([self.sums[index], new]), minlength=len(both))
        sums[0, back] = np.concatenate([self.sums[0], target])
        self.rows, self.sums = both, sums
        if cells.is_class:
            self._vote(cells)

    def _vote(self, cells: _Cells) -> None:
        wrong = cells.miss > 0
        sure = np.nan_to_num(cells.sure[wrong])
        new = cells.rows[wrong] * MANY + cells.said[wrong].astype(np.int64) + 1
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
