"""How often verdicts are wrong, how wide their intervals are and what they can see, by the truth of simulated studies.

    python benchmarks/false_verdicts.py [--quick] [--only WORD] [--jobs 2] [--json FILE] [--seed 0]

Each study draws a fresh data set, splits it for every seed as regfleet does, trains nine techniques on the same splits
and compares eight of them with the ninth. Technique k sees the features that all share and a block of its own. All
blocks are equally informative, so that on new data no technique is better than another: the techniques are
exchangeable, and every interval that excludes zero is a false claim. A study errs if any of its eight does. Intervals
are regfleet's own: `row_estimate` of single rows and, beside it on the same runs, the corrected t of one score per
seed. Learners come in closed form, from the stablest to the nearest neighbour, which comes near the worst that the rule
allows for.

- Several scores are judged on the same predictions: right or wrong, Brier, squared and absolute error. Errors show why
  single rows do not judge them: a penalty makes what all fits owe to their training rows alone count in first order.
- looks: a study that adds seeds until the answer is clear looks at 10, 20 and 30 and spends alpha over them.
- racing: the same, where a variant stops that has its verdict or that the last look would hardly settle, as `--seeds
  auto` does; variants that are equal, that hardly differ from each other, and that differ by more or less. How many
  seeds that takes and what it settles stands beside the same looks without the latter.
- Neighbouring L1 strengths are not exchangeable. Their true difference is known in closed form from the weights of
  every fit, averaged over all studies, and a study errs if an interval leaves it out.
- networks: nine times the same small network with other initial weights, through regfleet's own training.
- conservative-Z: scores that are no mean over rows, beside accuracy, from ten pairs of halves as `--interval
  conservative` trains them: the only rule that asks nothing of the score.
- power: the first technique's own block is more informative; the true lead is the mean over all studies.

Shares of studies are printed for single rows, or conservative-Z, and, in brackets, for the corrected t; widths are
those of the former relative to the latter. A share p of N studies has the standard error √(p(1 − p)/N): .011 for .05
of 400. Same figures whatever the number of jobs.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.analysis.halves import halves_estimate
from regfleet.analysis.intervals import Array, Estimate, decide, estimate, excludes_zero, interval, sd_floor
from regfleet.analysis.prospects import LIKELY, Ahead, chance_of_verdict
from regfleet.analysis.question import spent
from regfleet.analysis.row_rule import RowEstimate, row_estimate
from regfleet.analysis.sequential import GLANCE
from regfleet.analysis.variant import Comparison, Interval

ALPHA = 0.05
VARIANTS = 8
ROPE = 0.01
SHARED, OWN = 2, 3
"""Features that all techniques see, and features of each technique's own."""
LOOKS = (10, 20, 30)
PAIRS = 10
"""Pairs of halves of conservative-Z, as `--interval conservative` has them."""
STUDIES, QUICK = 400, 10
CHUNK = 25
"""Studies that a job does at a time, from a random stream of their own."""
Learner = Callable[[Array, Array, np.ndarray, np.random.Generator], Array]
"""Features (rows, features), targets (rows, outputs), who trains (seeds, rows) → predictions (seeds, rows, outputs)."""


@dataclass(frozen=True)
class Case:
    """A kind of study. ``classes`` are their shares of the rows, () for a regression, whose ``noise`` may be heavy.

    ``shift`` says how informative features are, ``lead`` how much more those of the first variant's own, ``leads`` the
    same of every variant's; ``own`` False gives every technique the same features. ``split`` is dealt folds of five,
    random draws, or draws of 75/25 without validation. ``collapse`` is the chance of a run that says the same class of
    every row. ``group`` rows share their class and most of their features. ``usual`` asks the usual tests too.
    """

    name: str
    learner: str = "least squares"
    rows: int = 150
    classes: tuple[float, ...] = (0.5, 0.5)
    split: Literal["dealt", "drawn", "75/25"] = "dealt"
    shift: float = 0.6
    noise: Literal["normal", "heavy"] = "normal"
    seeds: tuple[int, ...] = (5, 10, 30)
    blocks: int = OWN
    own: bool = True
    lead: float = 0.0
    leads: tuple[float, ...] = ()
    collapse: float = 0.0
    group: int = 1
    usual: bool = False

    @property
    def scores(self) -> tuple[str, ...]:
        """What is judged by."""
        return ("accuracy", "Brier") if self.classes else ("squared error", "absolute error")

    @property
    def most(self) -> int:
        """The seeds of a study, of which the first few are judged as smaller ones."""
        return max(self.seeds)


FOUR = (0.25,) * 4
NULLS = (
    Case("least squares", usual=True),
    Case("least squares, 60 rows", rows=60),
    Case("least squares, 600 rows", rows=600),
    Case("least squares, 82 features", blocks=80, shift=0.15),
    Case("least squares, 85/15 classes", classes=(0.85, 0.15)),
    Case("least squares, heavy tails", noise="heavy"),
    Case("least squares, random splits", split="drawn"),
    Case("least squares, 75/25", split="75/25"),
    Case("least squares, four unequal classes", classes=(0.55, 0.25, 0.15, 0.05), shift=1.0),
    Case("least squares, one run in ten collapses", collapse=0.1),
    Case("shrunken, 75/25 classes, 600 rows", "shrunken", rows=600, classes=(0.75, 0.25)),
    Case("nearest neighbour", "nearest neighbour", usual=True, seeds=(5, 10, 30, 100)),
    Case("nearest neighbour, 60 rows", "nearest neighbour", rows=60),
    Case("nearest neighbour, 600 rows", "nearest neighbour", rows=600),
    Case("nearest neighbour, random splits", "nearest neighbour", split="drawn"),
    Case("nearest neighbour, 75/25", "nearest neighbour", split="75/25"),
    Case("nearest neighbour, four classes", "nearest neighbour", classes=FOUR, shift=1.0),
    Case("nearest neighbour, one run in ten collapses", "nearest neighbour", collapse=0.1),
    Case("stump", "stump"),
    Case("stump, random splits", "stump", split="drawn"),
    Case("hidden layer", "hidden layer"),
    Case("hidden layer, other initial weights only", "hidden layer", own=False),
    Case("two hidden units, other initial weights only", "two hidden units", own=False),
    Case("regression, least squares", classes=()),
    Case("regression, least squares, 600 rows", rows=600, classes=()),
    Case("regression, shrunken", "shrunken", classes=()),
    Case("regression, shrunken, 600 rows", "shrunken", rows=600, classes=()),
    Case("regression, nearest neighbour, heavy tails", "nearest neighbour", classes=(), noise="heavy"),
)
LASSOS = (
    Case("lasso", shift=0.3),
    Case("lasso, 600 rows", rows=600, shift=0.3),
    Case("lasso, regression", classes=(), shift=0.4),
    Case("lasso, regression, 600 rows", rows=600, classes=(), shift=0.4),
)
NETWORKS = (Case("networks", own=False, seeds=(5, 10)),)
LIMITS = (
    Case("groups of five rows, least squares", group=5),
    Case("groups of five rows, nearest neighbour", "nearest neighbour", group=5),
    Case("half of all runs collapse, least squares", collapse=0.5),
)
HALVED = (
    Case("least squares", seeds=(5, 10)),
    Case("least squares, 85/15 classes", classes=(0.85, 0.15), seeds=(5, 10)),
    Case("least squares, 75/25", split="75/25", seeds=(5, 10)),
    Case("shrunken, 75/25 classes", "shrunken", classes=(0.75, 0.25), seeds=(5, 10)),
    Case("nearest neighbour", "nearest neighbour", seeds=(5, 10)),
    Case("nearest neighbour, 75/25", "nearest neighbour", split="75/25", seeds=(5, 10)),
    Case("stump", "stump", seeds=(5, 10)),
    Case("hidden layer, other initial weights only", "hidden layer", own=False, seeds=(5, 10)),
    Case("two hidden units, other initial weights only", "two hidden units", own=False, seeds=(5, 10)),
    Case("regression, shrunken", "shrunken", classes=(), seeds=(5, 10)),
    Case("groups of five rows, least squares", group=5, seeds=(5, 10)),
)
POWER = (
    Case("least squares", shift=0.3, lead=0.13),
    Case("least squares, 600 rows", rows=600, shift=0.3, lead=0.11),
    Case("nearest neighbour", "nearest neighbour", lead=0.19),
    Case("least squares, four classes, 600 rows", rows=600, classes=FOUR, shift=0.8, lead=0.165),
    Case("regression, least squares, 600 rows", rows=600, classes=(), lead=0.4),
)
MIXED = (0.0, 0.0, 0.1, 0.2, 0.3, -0.1, -0.2, -0.3)
RACES = (
    Case("least squares"),
    Case("least squares, 600 rows", rows=600),
    Case("nearest neighbour", "nearest neighbour"),
    Case("nearest neighbour, 600 rows", "nearest neighbour", rows=600),
    Case("least squares, variants nearly alike, 600 rows", rows=600, blocks=1, shift=0.5),
    Case("two hidden units, other initial weights only", "two hidden units", own=False),
    Case("stump", "stump"),
    Case("least squares, mixed effects", shift=0.4, leads=MIXED),
    Case("least squares, mixed effects, 600 rows", rows=600, shift=0.4, leads=MIXED),
    Case("nearest neighbour, mixed effects", "nearest neighbour", leads=MIXED),
    Case("nearest neighbour, mixed effects, 600 rows", "nearest neighbour", rows=600, leads=MIXED),
)


def splits(case: Case, rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of every seed, as masks (seeds, rows): stratified by class, groups whole.

    Dealt: each repeat deals all rows into five test sets; a fourth of the other rows validates.
    """
    units = case.rows // case.group
    of_unit = labels[:: case.group]

    def dealt(hands: int, count: int, after: np.ndarray) -> np.ndarray:
        """Numbers below ``hands``, (count, units), as even as can be over rows and classes; last those ``after``."""
        order = np.argsort(rng.random((count, units)) + 2 * of_unit + 1e6 * after, axis=1)
        hand = np.empty((count, units), int)
        np.put_along_axis(hand, order, np.arange(units) % hands, axis=1)
        return hand

    nobody = np.zeros(units)
    if case.split == "75/25":
        test = dealt(4, case.most, nobody) == 0
        train = ~test
    elif case.split == "drawn":
        hand = dealt(5, case.most, nobody)
        test, train = hand == 0, hand > 1
    else:
        folds = dealt(5, math.ceil(case.most / 5), nobody)
        test = (folds[:, None] == np.arange(5)[:, None]).reshape(-1, units)[: case.most]
        train = ~test & (dealt(4, case.most, test) > 0)
    return np.repeat(train, case.group, axis=1), np.repeat(test, case.group, axis=1)


def least_squares(x: Array, y: Array, train: np.ndarray, rng: np.random.Generator) -> Array:
    """Linear least squares with an intercept."""
    del rng
    x = np.column_stack([np.ones(len(x)), x])
    width = x.shape[1]
    weight = train.astype(float)
    gram = (weight @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(-1, width, width)
    moments = (weight @ (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)).reshape(-1, width, y.shape[1])
    return x @ np.linalg.solve(gram + 1e-6 * np.eye(width), moments)


def nearest_neighbour(x: Array, y: Array, train: np.ndarray, rng: np.random.Generator) -> Array:
    """The target of the nearest training row."""
    del rng
    square = np.sum(x**2, axis=1)
    distance = square[:, None] + square - 2 * x @ x.T
    near = np.argpartition(distance, 30, axis=1)[:, :30]  # that none of them trains is as likely as 0.4^30
    near = np.take_along_axis(near, np.argsort(np.take_along_axis(distance, near, axis=1), axis=1), axis=1)
    first = np.argmax(train[:, near], axis=2)
    return y[near[np.arange(len(x)), first]]


def stump(x: Array, y: Array, train: np.ndarray, rng: np.random.Generator) -> Array:
    """The one cut through one feature that leaves least squared error, with the mean of the targets on either side.

    Of classes, which come as one-hot targets, the commonest on either side is said.
    """
    del rng
    weight = train.astype(float)
    said = np.zeros((len(train), len(x), y.shape[1]))
    best = np.full(len(train), -np.inf)
    count = weight.sum(axis=1)[:, None]
    total = (weight @ y)[:, None]
    for feature in x.T:
        order = np.argsort(feature, kind="stable")
        below = np.cumsum(weight[:, order], axis=1)
        sums = np.cumsum(weight[:, order, None] * y[order], axis=1)
        left, right = np.maximum(below, 1), np.maximum(count - below, 1)
        gain = np.sum(sums**2, axis=2) / left + np.sum((total - sums) ** 2, axis=2) / right
        cut = np.argmax(gain, axis=1)
        seeds = np.arange(len(train))
        better = gain[seeds, cut] > best
        best = np.where(better, gain[seeds, cut], best)
        sides = sums[seeds, cut] / left[seeds, cut, None], (total[:, 0] - sums[seeds, cut]) / right[seeds, cut, None]
        rank = np.empty(len(x), int)
        rank[order] = np.arange(len(x))
        mine = np.where((rank <= cut[:, None])[:, :, None], sides[0][:, None], sides[1][:, None])
        said = np.where(better[:, None, None], mine, said)
    return said


def shrunken(x: Array, y: Array, train: np.ndarray, rng: np.random.Generator) -> Array:
    """Ridge regression with a penalty as large as the variance of a feature, which halves every weight."""
    del rng
    weight = train / train.sum(axis=1, keepdims=True)
    x_mean, y_mean = (weight @ x)[:, :, None], (weight @ y)[:, None]
    width = x.shape[1]
    gram = (weight @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(-1, width, width)
    moments = (weight @ (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)).reshape(-1, width, y.shape[1])
    gram += np.eye(width) - x_mean * x_mean.transpose(0, 2, 1)
    fitted = np.linalg.solve(gram, moments - x_mean * y_mean)
    return x @ fitted + y_mean - x_mean.transpose(0, 2, 1) @ fitted


def hidden_layer(x: Array, y: Array, train: np.ndarray, rng: np.random.Generator, units: int = 16) -> Array:
    """Ridge regression on random hidden ``units``, redrawn for every seed."""
    weights = rng.normal(size=(len(train), x.shape[1], units))
    hidden = np.tanh(x @ weights / 2 + rng.normal(size=(len(train), 1, units)))
    hidden = np.concatenate([np.ones((*hidden.shape[:2], 1)), hidden], axis=2)
    fitted = (hidden * train[:, :, None]).transpose(0, 2, 1)
    return hidden @ np.linalg.solve(fitted @ hidden + 0.1 * np.eye(units + 1), fitted @ y)


LEARNERS: dict[str, Learner] = {
    "least squares": least_squares,
    "nearest neighbour": nearest_neighbour,
    "stump": stump,
    "hidden layer": hidden_layer,
    "two hidden units": partial(hidden_layer, units=2),
    "shrunken": shrunken,
}


def draw(case: Case, rng: np.random.Generator) -> tuple[list[Array], Array, np.ndarray]:
    """The features of each technique, the targets (rows, outputs), and the class of each row, 0 of a regression."""
    n, blocks = case.rows, 1 + VARIANTS
    width = SHARED + case.blocks * (blocks if case.own else 1)
    noise = rng.standard_t(3, (n, width)) if case.noise == "heavy" and case.classes else rng.normal(size=(n, width))
    scale = np.full(width, case.shift)
    scale[SHARED + case.blocks : SHARED + 2 * case.blocks] += case.lead
    scale[SHARED + case.blocks :] += np.repeat(case.leads, case.blocks) if case.leads else 0.0
    if case.classes:
        edges = np.round(np.cumsum(case.classes) * n / case.group).astype(int)[:-1] * case.group
        labels = np.searchsorted(edges, np.arange(n), side="right")
        if case.group > 1:
            noise = 0.8 * np.repeat(noise[:: case.group], case.group, axis=0) + 0.6 * noise
        signs = centres(len(case.classes), width, SHARED, case.blocks)
        x, y = noise + scale * signs[labels], np.eye(len(case.classes))[labels]
    else:
        labels = np.zeros(n, int)
        own = 3 * rng.standard_t(3, n) if case.noise == "heavy" else rng.normal(size=n)
        x = noise
        y = (noise @ scale + own)[:, None]
    starts = [SHARED + case.blocks * (k if case.own else 0) for k in range(blocks)]
    return [np.hstack([x[:, :SHARED], x[:, start : start + case.blocks]]) for start in starts], y, labels


def centres(classes: int, width: int, shared: int, block: int) -> Array:
    """Where each class lies along each feature, (classes, width); every block is like every other."""
    if classes == 2:
        return np.repeat([[-1.0], [1.0]], width, axis=1)
    fixed = np.random.default_rng(classes)
    first, each = fixed.normal(size=(classes, shared)), fixed.normal(size=(classes, block))
    return np.hstack([first, *[each] * ((width - shared) // block)])


def study(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Array], int]:
    """Seeds and rows of the cells, the differences of each score (variants, cells), and how many rows train a seed."""
    features, y, labels = draw(case, rng)
    train, test = splits(case, rng, labels)
    seeds, rows = np.nonzero(test)
    found: dict[str, list[Array]] = {score: [] for score in case.scores}
    for x in features:
        said = LEARNERS[case.learner](x, y, train, rng)
        if case.collapse:
            said[rng.random(len(said)) < case.collapse] = np.eye(y.shape[1])[0]
        said = said[seeds, rows]
        for score, values in judge_cells(said, y[rows], labels[rows], classes=bool(case.classes)).items():
            found[score].append(values)
    differences = {score: np.array(values[1:]) - values[0] for score, values in found.items()}
    return seeds, rows, differences, int(train[0].sum())


def judge_cells(said: Array, y: Array, labels: np.ndarray, *, classes: bool) -> dict[str, Array]:
    """The scores of each cell, larger is better, from what was ``said`` of it, (cells, outputs)."""
    if not classes:
        off = said[:, 0] - y[:, 0]
        return {"squared error": -(off**2), "absolute error": -np.abs(off)}
    share = np.clip(said, 0, None) + 1e-12
    share /= share.sum(axis=1, keepdims=True)
    return {
        "accuracy": (np.argmax(said, axis=1) == labels).astype(float),
        "Brier": -np.sum((share - y) ** 2, axis=1),
    }


@dataclass(frozen=True)
class Cells:
    """What one study saw: ``values`` of the differences, (variants, cells), in order of seeds."""

    seeds: np.ndarray
    rows: np.ndarray
    values: Array
    n: int
    n_train: int
    counts: bool

    def first(self, drawn: int) -> Cells:
        """Those of the first ``drawn`` seeds."""
        end = np.searchsorted(self.seeds, drawn)
        return replace(self, seeds=self.seeds[:end], rows=self.rows[:end], values=self.values[:, :end])

    def by_rows(self) -> list[RowEstimate]:
        """What single rows say."""
        return [
            row_estimate(self.seeds, self.rows, values, self.n, self.n_train, counts=self.counts)
            for values in self.values
        ]

    def means(self) -> Array:
        """The mean difference of each seed, (variants, seeds)."""
        tested = np.bincount(self.seeds)
        return np.round(np.array([np.bincount(self.seeds, values) for values in self.values]) / tested, 14)

    def by_seeds(self) -> list[Estimate]:
        """What the corrected t says of one score per seed."""
        d = self.means()
        tested = len(self.seeds) / d.shape[1]
        floor = sd_floor(round(tested), d.shape[1]) if self.counts else 0.0
        return [estimate(one, tested / self.n_train, floor) for one in d]


def by_rows(of: list[RowEstimate], alpha: float = ALPHA) -> list[Interval]:
    """The simultaneous intervals of single rows."""
    return [one.interval(alpha, VARIANTS) for one in of]


def by_seeds(of: list[Estimate], alpha: float = ALPHA) -> list[Interval]:
    """The simultaneous intervals of the corrected t."""
    return [interval(one, alpha, VARIANTS) for one in of]


def usual_tests(d: Array) -> dict[str, bool]:
    """Whether the usual tests call any of the differences d (variants, seeds)."""
    scatter = d.std(axis=1) > 0
    t, signed_rank = np.ones(len(d)), np.ones(len(d))
    if scatter.any():
        t[scatter] = stats.ttest_1samp(d[scatter], 0, axis=1).pvalue
        signed_rank[scatter] = stats.wilcoxon(d[scatter], axis=1, method="asymptotic").pvalue
    called = {"paired t": t < ALPHA, "Wilcoxon": signed_rank < ALPHA, "paired t, Bonferroni": t * len(d) < ALPHA}
    return {name: bool(any_of.any()) for name, any_of in called.items()}


def wide(found: list[Interval]) -> float:
    """The mean width of intervals."""
    return float(np.mean([one.high - one.low for one in found]))


def any_claim(found: list[Interval], truth: Array | None = None) -> bool:
    """Whether any interval excludes the truth, which is zero unless said."""
    if truth is None:
        return any(map(excludes_zero, found))
    return any(not one.low <= true <= one.high for one, true in zip(found, truth, strict=True))


Row = dict[str, object]
Race = tuple[str, int]
"""The verdict of a variant, and the seeds that it took."""


def null_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """What each of some studies of exchangeable techniques claims, one row per score and number of seeds."""
    rng = np.random.default_rng([seed, chunk, *case.name.encode()])
    found: list[Row] = []
    for _ in range(studies):
        seeds, rows, differences, n_train = study(case, rng)
        for score, values in differences.items():
            cells = Cells(seeds, rows, values, case.rows, n_train, score == "accuracy")
            found += claims(case, score, cells)
    return found


def claims(case: Case, score: str, cells: Cells) -> list[Row]:
    """What a study of exchangeable techniques claims, for each number of seeds and by looks."""
    found: list[Row] = []
    first = {drawn: cells.first(drawn) for drawn in sorted({*case.seeds, *(LOOKS if case.most >= LOOKS[-1] else ())})}
    ours = {drawn: some.by_rows() for drawn, some in first.items()}
    theirs = {drawn: some.by_seeds() for drawn, some in first.items()}
    of: Row = {"case": case.name, "score": score}
    for drawn in case.seeds:
        rows, seeds = by_rows(ours[drawn]), by_seeds(theirs[drawn])
        row = of | {"seeds": str(drawn), "any false claim": any_claim(rows), "corrected t": any_claim(seeds)}
        row |= {"width": wide(rows), "t width": wide(seeds)}
        found.append(row | (usual_tests(first[drawn].means()) if case.usual and cells.counts else {}))
    if case.most >= LOOKS[-1]:
        spend = [(drawn, spent(ALPHA, look, len(LOOKS))) for look, drawn in enumerate(LOOKS, 1)]
        looks = {
            "any false claim": any(any_claim(by_rows(ours[drawn], alpha)) for drawn, alpha in spend),
            "corrected t": any(any_claim(by_seeds(theirs[drawn], alpha)) for drawn, alpha in spend),
        }
        found.append(of | {"seeds": "looks 10, 20, 30"} | looks)
    return found


def halved(case: Case, rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`splits` of all rows, then of either half of each of `PAIRS` pairs: (parts, seeds, rows), stratified."""
    units = case.rows // case.group
    parts = [splits(case, rng, labels)]
    for _ in range(PAIRS):
        order = np.argsort(rng.random(units) + 2 * labels[:: case.group])
        for side in range(2):
            taken = np.repeat(np.isin(np.arange(units), order[side::2]), case.group)
            own = splits(replace(case, rows=int(taken.sum())), rng, labels[taken])
            whole = np.zeros((2, case.most, case.rows), bool)
            whole[:, :, taken] = own
            parts.append((whole[0], whole[1]))
    train, test = (np.stack(masks) for masks in zip(*parts, strict=True))
    return train, test


def score_seed(said: Array, y: Array, labels: np.ndarray) -> dict[str, float]:
    """The scores of one fit on its test rows, from what was ``said`` of them, (rows, outputs)."""
    if y.shape[1] == 1:
        off = float(np.sum((said - y) ** 2))
        return {"squared error": -off / len(y), "R²": 1 - off / float(np.sum((y - y.mean()) ** 2))}
    right = np.argmax(said, axis=1) == labels
    found = {"accuracy": float(right.mean())}
    found["balanced accuracy"] = float(np.mean([right[labels == kind].mean() for kind in np.unique(labels)]))
    ahead = said[:, 1] - said[:, 0]
    gaps = ahead[labels == 1][:, None] - ahead[labels == 0]
    found["AUC"] = float(np.mean((gaps > 0) + 0.5 * (gaps == 0))) if gaps.size else 0.5
    return found


def halved_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """What conservative-Z and the corrected t claim of exchangeable techniques, by score and number of seeds."""
    rng = np.random.default_rng([seed, chunk, 4, *case.name.encode()])
    found: list[Row] = []
    for _ in range(studies):
        features, y, labels = draw(case, rng)
        train, test = halved(case, rng, labels)
        flat, which = train.reshape(-1, case.rows), test.reshape(-1, case.rows)
        scores: list[list[dict[str, float]]] = []
        for x in features:
            said = LEARNERS[case.learner](x, y, flat, rng)
            scores.append([score_seed(one[rows], y[rows], labels[rows]) for one, rows in zip(said, which, strict=True)])
        for name in scores[0][0]:
            values = np.array([[one[name] for one in of] for of in scores]).reshape(-1, *train.shape[:2])
            d = values[1:] - values[0]  # (variants, parts, seeds)
            of: Row = {"case": case.name, "score": name}
            tested, trained = int(which[0].sum()), int(flat[0].sum())
            for drawn in case.seeds:
                means = d[:, :, :drawn].mean(axis=2)
                floor = sd_floor(tested, drawn) if name == "accuracy" else 0.0
                ours = [
                    halves_estimate(own[:drawn], one[1:].reshape(-1, 2), floor).interval(ALPHA, VARIANTS)
                    for own, one in zip(d[:, 0], means, strict=True)
                ]
                theirs = by_seeds([estimate(one, tested / trained, floor) for one in d[:, 0, :drawn]])
                row = of | {"seeds": str(drawn), "any false claim": any_claim(ours), "corrected t": any_claim(theirs)}
                found.append(row | {"width": wide(ours), "t width": wide(theirs)})
    return found


def power_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """What each of some studies says of a true lead of the first variant, as one of eight comparisons."""
    rng = np.random.default_rng([seed, chunk, 1, *case.name.encode()])
    found = []
    for _ in range(studies):
        seeds, rows, differences, n_train = study(case, rng)
        for score, values in differences.items():
            cells = Cells(seeds, rows, values, case.rows, n_train, score == "accuracy")
            for drawn in case.seeds:
                some = cells.first(drawn)
                ours, theirs = by_rows(some.by_rows())[0], by_seeds(some.by_seeds())[0]
                row: Row = {"case": case.name, "score": score, "seeds": str(drawn), "lead": float(values[0].mean())}
                row |= {"called better": ours.low > 0, "corrected t": theirs.low > 0, "called worse": ours.high < 0}
                found.append(row)
    return found


def race(
    of: list[list[tuple[RowEstimate, Estimate]]], rule: str, case: Case, n_test: int, *, stops: bool
) -> list[Race]:
    """Verdict and seeds of each variant where it stopped; ``of`` has what `GLANCE` and each look see of each."""
    found: list[Race] = []
    last = spent(ALPHA, len(LOOKS), len(LOOKS))
    for seen in zip(*of, strict=True):
        verdict, used = "undecided", 0
        for number, (rows, seeds) in enumerate(seen):
            used, alpha = (GLANCE, *LOOKS)[number], spent(ALPHA, max(number, 1), len(LOOKS))
            around = rows.interval(alpha, VARIANTS) if rule == "rows" else interval(seeds, alpha, VARIANTS)
            word, note = decide(around, ROPE, used)
            outlook = rows if rule == "rows" else None
            one = comparison(around, seeds.sd, used, word, note, outlook)
            ratio = seeds.se**2 / seeds.sd**2 - 1 / used
            ahead = Ahead(LOOKS[-1], last, VARIANTS, ratio, n_test, case.rows)
            verdict = word if number else "undecided"
            if verdict != "undecided" or (stops and word == "undecided" and chance_of_verdict(one, ahead) < LIKELY):
                break
        found.append((verdict, used))
    return found


def comparison(around: Interval, sd: float, used: int, verdict: str, note: str, of: RowEstimate | None) -> Comparison:
    """A variant against its control, with what stops it or lets it go on."""
    return Comparison(
        control="",
        seeds=tuple(range(used)),
        differences=(),
        difference=around,
        sd=sd,
        p=math.nan,
        wins=0,
        ties=0,
        losses=0,
        rope=ROPE,
        floor=math.nan,
        verdict=verdict,
        note=note,
        outlook=of,
    )


def race_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """What studies claim that stop variants, and those that do not, by the rule of rows and of seeds."""
    rng = np.random.default_rng([seed, chunk, 5, *case.name.encode()])
    found: list[Row] = []
    for _ in range(studies):
        seeds, rows, differences, n_train = study(case, rng)
        cells = Cells(seeds, rows, differences["accuracy"], case.rows, n_train, counts=True)
        looks = [cells.first(drawn) for drawn in (GLANCE, *LOOKS)]
        of = [list(zip(some.by_rows(), some.by_seeds(), strict=True)) for some in looks]
        worth, n_test = cells.values.mean(axis=1), round(len(cells.seeds) / LOOKS[-1])
        for rule in ("rows", "seeds"):
            row: Row = {"case": case.name, "rule": rule, "worth": worth, "null": not case.leads}
            row |= {"racing": race(of, rule, case, n_test, stops=True)}
            found.append(row | {"looks": race(of, rule, case, n_test, stops=False)})
    return found


def race_shares(found: list[Row]) -> list[Row]:
    """One row per case and rule: false claims, seeds a variant, and how many variants have a verdict."""
    lines = []
    for of in grouped(found, ("case", "rule")):
        truth = np.mean([row["worth"] for row in of], axis=0)
        if of[0]["null"]:
            truth = np.zeros(VARIANTS)
        line: Row = {"case": of[0]["case"], "rule": of[0]["rule"]}
        for kind in ("racing", "looks"):
            wrong = [any(is_wrong(word, true) for (word, _), true in zip(row[kind], truth, strict=True)) for row in of]
            line[f"false, {kind}"] = float(np.mean(wrong))
        line["±"] = math.sqrt(line["false, racing"] * (1 - line["false, racing"]) / len(of))
        for kind in ("racing", "looks"):
            line[f"seeds, {kind}"] = float(np.mean([used for row in of for _, used in row[kind]]))
        for kind in ("racing", "looks"):
            line[f"settled, {kind}"] = float(np.mean([word != "undecided" for row in of for word, _ in row[kind]]))
        lines.append(line | {"studies": len(of)})
    return lines


def is_wrong(verdict: str, truth: float) -> bool:
    """Whether a verdict says what is not so of a true difference; of none at all only a difference is false."""
    if verdict == "equivalent":
        return abs(truth) > ROPE
    return (verdict == "better" and truth <= 0) or (verdict == "worse" and truth >= 0)


STRENGTHS = 0.08 * (1 + 0.02 * np.arange(1 + VARIANTS))
"""L1 strengths of the techniques of a lasso study, each next to the other."""


def lasso(x: Array, y: Array, train: np.ndarray) -> tuple[Array, Array]:
    """Weights (seeds, strengths, features) and intercepts of the lasso at all `STRENGTHS`, by coordinate descent."""
    count = train.sum(axis=1, keepdims=True)
    weight = train / count
    x_mean, y_mean = weight @ x, weight @ y
    gram = (weight @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(-1, x.shape[1], x.shape[1])
    gram -= x_mean[:, :, None] * x_mean[:, None, :]
    moments = weight @ (x * y[:, None]) - x_mean * y_mean[:, None]
    fitted = np.zeros((len(train), len(STRENGTHS), x.shape[1]))
    for _ in range(40):
        for j in range(x.shape[1]):
            own = gram[:, None, j, j]
            pull = moments[:, None, j] - (fitted @ gram[:, :, j, None])[:, :, 0] + own * fitted[:, :, j]
            fitted[:, :, j] = np.sign(pull) * np.maximum(np.abs(pull) - STRENGTHS, 0) / own
    return fitted, y_mean[:, None] - np.einsum("skj,sj->sk", fitted, x_mean)


def lasso_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """Intervals of neighbouring strengths against the first, and what their fits are truly worth on fresh rows."""
    rng = np.random.default_rng([seed, chunk, 2, *case.name.encode()])
    found: list[Row] = []
    informative = case.shift * (np.arange(20) < 5)
    for _ in range(studies):
        labels = np.arange(case.rows) % 2 if case.classes else np.zeros(case.rows, int)
        x = rng.normal(size=(case.rows, 20))
        if case.classes:
            x += (2 * labels[:, None] - 1) * informative
            y = 2.0 * labels - 1
        else:
            y = x @ informative + rng.normal(size=case.rows)
        train, test = splits(case, rng, labels)
        weights, intercepts = lasso(x, y, train)
        said = weights @ x.T + intercepts[:, :, None]
        seeds, rows = np.nonzero(test)
        if case.classes:
            score, right = "accuracy", ((said > 0) == (y > 0))[seeds, :, rows].T.astype(float)
            size = np.linalg.norm(weights, axis=2) + 1e-300
            sides = [(weights @ informative + sign * intercepts) / size for sign in (1, -1)]
            worth = np.mean([stats.norm.cdf(side) for side in sides], axis=0)
        else:
            score, right = "squared error", -((said - y)[seeds, :, rows].T ** 2)
            worth = -np.sum((weights - informative) ** 2, axis=2) - intercepts**2
        cells = Cells(seeds, rows, right[1:] - right[0], case.rows, int(train[0].sum()), bool(case.classes))
        for drawn in case.seeds:
            row: Row = {"case": case.name, "score": score, "seeds": str(drawn)}
            row["worth"] = (worth[:, 1:] - worth[:, :1])[:drawn].mean(axis=0)
            some = cells.first(drawn)
            row |= {"ours": by_rows(some.by_rows()), "theirs": by_seeds(some.by_seeds())}
            found.append(row)
    return found


def against_truth(found: list[Row]) -> list[Row]:
    """Rows of `lasso_chunk` judged by the true differences, which are the means of all."""
    judged = []
    for of in grouped(found, ("case", "score", "seeds")):
        truth = np.mean([row["worth"] for row in of], axis=0)
        for row in of:
            ours, theirs = row.pop("ours"), row.pop("theirs")
            del row["worth"]
            row |= {"any false claim": any_claim(ours, truth), "corrected t": any_claim(theirs, truth)}
            judged.append(row | {"width": wide(ours), "t width": wide(theirs)})
    return judged


def grouped(rows: list[Row], names: tuple[str, ...]) -> Iterator[list[Row]]:
    """Rows that agree in ``names``, in order of their first."""
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    yield from found.values()


def shares(rows: list[Row]) -> list[Row]:
    """One row per case, score and number of seeds: the share of studies with each claim, and how wide intervals are."""
    lines = []
    for of in grouped(rows, ("case", "score", "seeds")):
        line: Row = {name: of[0][name] for name in ("case", "score", "seeds")}
        for name in of[0]:
            values = [row[name] for row in of]
            if isinstance(values[0], bool):
                line[name] = float(np.mean(values))
            if name in {"any false claim", "called better"}:
                line["±"] = math.sqrt(line[name] * (1 - line[name]) / len(of))
        if "width" in of[0]:
            line["width"] = float(np.sum([row["width"] for row in of]) / np.sum([row["t width"] for row in of]))
        if "lead" in of[0]:
            line["lead"] = float(np.mean([row["lead"] for row in of]))
        lines.append(line | {"studies": len(of)})
    return lines


def network_chunk(case: Case, studies: int, seed: int, chunk: int) -> list[Row]:
    """What studies claim that train the same small network nine times, from other seeds, on the splits of each seed."""
    from regfleet import techniques, training
    from regfleet.data.dataset import Rows, Sets
    from regfleet.settings import Training
    from regfleet.settings.values import ModelSpec
    from regfleet.training import runtime

    runtime.prepare(gpu=False)
    recipe = techniques.recipe(ModelSpec((16,), ("relu",)), Training(epochs=20), ())
    rng = np.random.default_rng([seed, chunk, 3, *case.name.encode()])
    found: list[Row] = []
    for number in range(studies):
        (x, *_), y, labels = draw(case, rng)
        train, test = splits(case, rng, labels)
        x, y = x.astype("float32"), y.astype("float32")
        seeds, rows = np.nonzero(test)
        techniques_said = []
        for technique in range(1 + VARIANTS):
            said = np.zeros((case.most, *y.shape))
            for drawn in range(case.most):
                here, there = train[drawn], test[drawn]
                aside = ~here & ~there
                sets = Sets(Rows(x[here], y[here]), Rows(x[aside], y[aside]), Rows(x[there], y[there]))
                own = ((chunk * CHUNK + number) * 100 + technique) * 1000 + drawn
                said[drawn, there] = training.fit(recipe, sets, own, "fused", "network").predictions["last"]["test"]
            techniques_said.append(judge_cells(said[seeds, rows], y[rows], labels[rows], classes=True))
        for score in case.scores:
            values = np.array([of[score] for of in techniques_said])
            cells = Cells(seeds, rows, values[1:] - values[0], case.rows, int(train[0].sum()), score == "accuracy")
            found += claims(case, score, cells)
    return found


Task = tuple[Callable[[Case, int, int, int], list[Row]], Case, int, int, int]


def work(task: Task) -> tuple[str, list[Row]]:
    """A chunk of studies in a process of its own."""
    chunk, case, studies, seed, number = task
    return case.name, chunk(case, studies, seed, number)


def simulate(
    chunk: Callable[[Case, int, int, int], list[Row]], cases: tuple[Case, ...], studies: int, seed: int, jobs: int
) -> list[Row]:
    """The rows of ``studies`` studies of each case, with progress on standard error."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # a job is a process of its own
    parts = [min(CHUNK, studies - done) for done in range(0, studies, CHUNK)]
    tasks: list[Task] = [(chunk, case, part, seed, number) for case in cases for number, part in enumerate(parts)]
    found: list[Row] = []
    started, shown = time.perf_counter(), 0.0
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for done, (name, rows) in enumerate(pool.map(work, tasks), 1):
            found += rows
            took = time.perf_counter() - started
            if done < len(tasks) and took < shown + 2:
                continue
            shown = took
            print(f"\r{done} of {len(tasks)} parts, {took:.0f} s: {name:<50}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def table(rows: list[Row]) -> str:
    """``rows`` as a Markdown table; a figure that a row lacks is left blank."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    found = [[row.get(name, "") for name in names] for row in rows]
    cells = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in line] for line in found]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *cells])


def side_by_side(rows: list[Row]) -> list[Row]:
    """A line per case and score, with a column per number of seeds: single rows (corrected t); then the widths."""
    lines = []
    columns = list(dict.fromkeys(row["seeds"] for row in rows))
    for of in grouped(rows, ("case", "score")):
        line: Row = {name: of[0][name] for name in ("case", "score")}
        if "lead" in of[0]:
            line["true lead"] = of[-1]["lead"]
        for seeds in columns:
            line[str(seeds)] = next((pair(row) for row in of if row["seeds"] == seeds), "")
        widths = [f"{row['width']:.2f}" for row in of if "width" in row]
        lines.append(line | ({"width": " / ".join(widths)} if widths else {}))
    return lines


def pair(row: Row) -> str:
    """The share of studies with a claim, and behind it that of the corrected t."""
    ours = row["any false claim"] if "any false claim" in row else row["called better"]
    return f"{ours:.3f} ({row['corrected t']:.3f})"


def parts(title: str, rows: list[Row]) -> dict[str, list[Row]]:
    """What single rows judge, and what is left to the corrected t; conservative-Z judges any score."""
    if title == HALVES:
        return {"any score": rows}
    found = {"accuracy": [row for row in rows if row["score"] == "accuracy"]}
    found["errors of rows"] = [row for row in rows if row["score"] != "accuracy"]
    return {score: part for score, part in found.items() if part}


def usual(rows: list[Row]) -> list[Row]:
    """Both rules beside the usual tests, where these were asked."""
    names = ("case", "seeds", "any false claim", "corrected t", "paired t", "Wilcoxon", "paired t, Bonferroni")
    return [{name: row[name] for name in names} for row in rows if "paired t" in row]


HALVES = "Conservative-Z, any interval that excludes zero"
RACING = "Racing, any false verdict, seeds a variant and share of verdicts"
KINDS = {
    "Exchangeable techniques, any interval that excludes zero": (null_chunk, NULLS, 1.0),
    "Neighbouring L1 strengths, any interval that leaves out the true difference": (lasso_chunk, LASSOS, 0.5),
    "Networks, nine times the same one with other initial weights": (network_chunk, NETWORKS, 0.25),
    HALVES: (halved_chunk, HALVED, 0.5),
    "Limits of single rows": (null_chunk, LIMITS, 0.5),
    RACING: (race_chunk, RACES, 0.25),
    "Power, a true lead of one of eight comparisons": (power_chunk, POWER, 0.5),
}


def main() -> None:
    """Run the studies, print the tables, and write them as JSON if asked."""
    parser = argparse.ArgumentParser(description="How often verdicts are wrong, how wide intervals are, what they see.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} studies a case instead of {STUDIES}")
    parser.add_argument("--only", default="", metavar="WORD", help="cases and kinds whose name has it")
    parser.add_argument("--jobs", type=int, default=2, help="processes; the figures are the same")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    tables: dict[str, list[Row]] = {}
    for title, (chunk, cases, share) in KINDS.items():
        wanted = tuple(case for case in cases if arguments.only in title or arguments.only in case.name)
        if wanted:
            studies = max(2, round(share * (QUICK if arguments.quick else STUDIES)))
            found = simulate(chunk, wanted, studies, arguments.seed, arguments.jobs)
            if chunk is race_chunk:
                tables[title] = race_shares(found)
                print(f"{title} ({studies} studies)\n\n{table(tables[title])}\n", flush=True)
                continue
            tables[title] = shares(against_truth(found) if chunk is lasso_chunk else found)
            for score, part in parts(title, tables[title]).items():
                print(f"{title}: {score} ({studies} studies)\n\n{table(side_by_side(part))}\n", flush=True)
            if asked := usual(tables[title]):
                print(f"Beside the usual tests\n\n{table(asked)}\n", flush=True)
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"alpha": ALPHA, "seed": arguments.seed, "tables": tables}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
