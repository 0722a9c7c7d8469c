"""How often what is said of techniques in combination is wrong, and what it can see, by the truth of simulated studies.

    python benchmarks/combinations.py [--quick] [--jobs 2] [--json FILE] [--seed 0]

Each study draws a fresh data set of two classes, splits it for every seed as regfleet does, and trains all combinations
of a design. A technique takes one block of features in place of another. Effects are judged by single rows and, on the
same runs, by the corrected t of one score per seed, simultaneously over all main effects and interactions.

- exchangeable: both blocks of a technique are equally informative, so that every effect is zero and any claim is false.
- additive: rows are of as many kinds as there are techniques, each kind is learned by itself, and a technique changes
  the blocks of its own kind, for better ones. Main effects are there, and every interaction is exactly zero.
- redundant: two techniques show the same better block, so that together they give less than both add alone. The true
  effects are the means over all studies; shares say how often the interaction is called, and how often an interval
  leaves the truth out.
- greedy: techniques are added by validation rows of other seeds, and the set is compared with its control and with the
  best single technique on the test rows of seeds that no step saw. All are exchangeable: any claim is false.

Shares are printed for single rows and, in brackets, for the corrected t. A share p of N studies has the standard error
√(p(1 − p)/N): .011 for .05 of 400. Same figures whatever the number of jobs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from false_verdicts import ALPHA, LEARNERS, Case, splits

from regfleet.analysis.design import Design
from regfleet.analysis.effects import contrasts
from regfleet.analysis.intervals import Array, estimate, excludes_zero, interval, sd_floor
from regfleet.analysis.question import Question
from regfleet.analysis.row_rule import row_estimate
from regfleet.analysis.runs import Runs, scores_alone
from regfleet.analysis.stepwise import take_step
from regfleet.analysis.variant import Interval

STUDIES, QUICK, CHUNK = 400, 10, 25
SHARED, BLOCK = 2, 3
"""Features that all combinations see, and those of a block."""


@dataclass(frozen=True)
class Kind:
    """A kind of study: what its techniques do, by which learner, on how many rows; ``better`` blocks are by so much."""

    name: str
    of: Literal["exchangeable", "additive", "redundant", "greedy"]
    learner: str = "least squares"
    rows: int = 150
    factors: int = 3
    better: float = 0.0
    seeds: tuple[int, ...] = (5, 10, 30)


KINDS = (
    Kind("exchangeable, least squares", "exchangeable"),
    Kind("exchangeable, least squares, 600 rows", "exchangeable", rows=600),
    Kind("exchangeable, nearest neighbour", "exchangeable", "nearest neighbour"),
    Kind("exchangeable, two hidden units", "exchangeable", "two hidden units"),
    Kind("exchangeable, six techniques", "exchangeable", factors=6, seeds=(5, 10)),
    Kind("additive, least squares, 600 rows", "additive", rows=600, better=0.5),
    Kind("additive, nearest neighbour, 600 rows", "additive", "nearest neighbour", rows=600, better=0.5),
    Kind("redundant, least squares", "redundant", better=0.3),
    Kind("redundant, least squares, 600 rows", "redundant", rows=600, better=0.2),
    Kind("greedy, least squares", "greedy", seeds=(10,)),
    Kind("greedy, nearest neighbour", "greedy", "nearest neighbour", seeds=(10,)),
)


def right_of(kind: Kind, runs: Array, train: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Array:
    """Whether each combination is right about each row on each seed, (runs, seeds, rows)."""
    n, factors = kind.rows, kind.factors
    signs = np.where(labels, 1.0, -1.0)[:, None]

    def block(shift: float, width: int = BLOCK) -> Array:
        return rng.normal(size=(n, width)) + shift * signs

    targets, learn = np.eye(2)[labels], LEARNERS[kind.learner]
    shared = block(0.3, SHARED)
    off = [block(0.3) for _ in range(factors)]
    on = [block(0.3 + kind.better) for _ in range(factors)]
    if kind.of == "redundant":
        off = [rng.normal(size=(n, BLOCK)) for _ in range(factors)]
        on[1] = on[0]
        on[2:] = [rng.normal(size=(n, BLOCK)) for _ in range(factors - 2)]

    def said(blocks: list[Array], who: np.ndarray) -> np.ndarray:
        found = learn(np.hstack([shared, *blocks]), targets, train & who, rng)
        return np.argmax(found, axis=2) == labels

    if kind.of == "additive":
        of_row = rng.integers(0, factors, n)
        found = np.zeros((len(runs), *train.shape))
        for number in range(factors):
            mine = of_row == number
            for level, blocks in ((False, off), (True, on)):
                at = np.ix_(runs[:, number] == level, np.ones(len(train), bool), mine)
                found[at] = said([blocks[number]], mine)[:, mine]
        return found
    everybody = np.ones(n, bool)
    return np.array(
        [said([(on if level else off)[place] for place, level in enumerate(run)], everybody) for run in runs], float
    )


def drawn(kind: Kind, seeds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training and test rows of every seed, (seeds, rows), and the classes."""
    labels = np.arange(kind.rows) * 2 // kind.rows
    train, test = splits(Case("", rows=kind.rows, seeds=(seeds,)), rng, labels)
    return train, test, labels


def judged(
    weights: Array, size: float, right: Array, train: np.ndarray, test: np.ndarray, count: int
) -> tuple[Interval, Interval]:
    """The simultaneous intervals of a contrast of runs: by single rows, and by the corrected t."""
    seeds, rows = np.nonzero(test)
    n, n_train = test.shape[1], int(train[0].sum())
    e = np.round(np.tensordot(weights, right[:, seeds, rows], 1), 14) / size
    of = row_estimate(seeds, rows, e, n, n_train, counts=True).interval(ALPHA, count)
    tested = test.sum(axis=1)
    d = np.round(np.bincount(seeds, e) / tested, 14)
    floor = sd_floor(round(float(tested.mean())), len(d))
    t = interval(estimate(d, float(tested.mean()) / n_train, floor), ALPHA, count)
    return tuple(Interval(size * one.mean, size * one.low, size * one.high) for one in (of, t))  # type: ignore[return-value]


def factorial(kind: Kind, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Number of seeds → (rules, effects, mean and both ends) of a study."""
    design = Design(kind.factors)
    runs = np.array(design.runs)
    train, test, labels = drawn(kind, max(kind.seeds), rng)
    right = right_of(kind, runs, train, labels, rng)
    asked, found = contrasts(design), {}
    for seeds in kind.seeds:
        intervals = [
            judged(one.weights, one.size, right[:, :seeds], train[:seeds], test[:seeds], len(asked)) for one in asked
        ]
        found[str(seeds)] = np.array([[(i.mean, i.low, i.high) for i in of] for of in zip(*intervals, strict=True)])
    return found


def stepped(kind: Kind, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Whether the set that steps come to is called ahead, or behind, by either rule; and how many it holds."""
    (seeds,) = kind.seeds
    design = Design(kind.factors)
    runs = np.array(design.runs)
    train, test, labels = drawn(kind, 2 * seeds, rng)
    right = right_of(kind, runs, train, labels, rng)
    validates = ~train & ~test
    place = {tuple(map(bool, run)): number for number, run in enumerate(runs)}
    scores = [(one * validates).sum(axis=1)[:seeds] / validates.sum(axis=1)[:seeds] for one in right]
    current, single = (False,) * kind.factors, ()
    while not all(current):
        further = [tuple(on or here == new for here, on in enumerate(current)) for new in range(kind.factors)]
        further = [one for one in further if one != current]
        names = {str(place[one]): ("", runs_from(scores[place[one]])) for one in further}
        rows = int(train[0].sum()), int(validates[0].sum())
        step = take_step(runs_from(scores[place[current]]), names, Question(), rows, fixed=False)
        best = tuple(map(bool, runs[int(step.name)]))
        single = single or best
        if not step.clear:
            break
        current = best
    later = slice(seeds, None)
    pairs = {(current, runs_of) for runs_of in (single, (False,) * kind.factors) if runs_of != current}
    pairs |= {(single, (False,) * kind.factors)}
    wrong = np.zeros(2)
    for one, other in pairs:
        weights = np.zeros(len(runs))
        weights[place[one]], weights[place[other]] = 1, -1
        both = judged(weights, 1.0, right[:, later], train[later], test[later], 2)
        wrong = np.maximum(wrong, [excludes_zero(of) for of in both])
    return {"wrong": wrong, "techniques": np.array([float(sum(current))])}


def runs_from(scores: Array) -> Runs:
    """Runs of which only validation scores are asked."""
    seeds = np.arange(len(scores))
    return replace(scores_alone(seeds, scores), val_scores=scores)


def work(job: tuple[Kind, int, int, int]) -> tuple[str, list[dict[str, np.ndarray]]]:
    """Some studies of a kind, from a random stream of their own."""
    kind, seed, number, studies = job
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    run = stepped if kind.of == "greedy" else factorial
    return kind.name, [run(kind, rng) for _ in range(studies)]


def shares(kind: Kind, studies: list[dict[str, np.ndarray]]) -> dict[str, dict[str, list[float]]]:
    """What is printed: by number of seeds, for single rows and the corrected t."""
    if kind.of == "greedy":
        added = float(np.mean([one["techniques"][0] for one in studies]))
        wrong = np.mean([one["wrong"] for one in studies], axis=0).tolist()
        return {str(kind.seeds[0]): {"any false claim": wrong, "techniques added": [added, added]}}
    found: dict[str, dict[str, list[float]]] = {}
    pairs = slice(kind.factors, None)
    truth = np.mean([one[str(max(kind.seeds))][0, :, 0] for one in studies], axis=0)
    for seeds in map(str, kind.seeds):
        of = np.array([one[seeds] for one in studies])
        claimed = (of[..., 1] > 0) | (of[..., 2] < 0)
        missed = (of[..., 1] > truth) | (of[..., 2] < truth)
        mine = found.setdefault(seeds, {})
        if kind.of == "exchangeable":
            mine["any false claim"] = claimed.any(axis=2).mean(axis=0).tolist()
        if kind.of == "additive":
            mine["any false interaction"] = claimed[:, :, pairs].any(axis=2).mean(axis=0).tolist()
            mine["main effects called"] = claimed[:, :, : kind.factors].mean(axis=(0, 2)).tolist()
        if kind.of == "redundant":
            mine["the interaction called"] = (of[:, :, kind.factors, 2] < 0).mean(axis=0).tolist()
            mine["any interval leaves the truth out"] = missed.any(axis=2).mean(axis=0).tolist()
            mine["true interaction"] = [float(truth[kind.factors])] * 2
        mine["width"] = (
            np.median((of[..., 2] - of[..., 1])[:, 0] / (of[..., 2] - of[..., 1])[:, 1], axis=0)
            .mean(keepdims=True)
            .tolist()
        )
    return found


def main() -> None:
    """Run all kinds and print their shares as a table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} studies of a kind")
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    began, many = time.monotonic(), QUICK if asked.quick else asked.studies
    kinds = [kind for kind in KINDS if asked.only in kind.name]
    jobs = [(k, asked.seed, n, min(CHUNK, many - n)) for k in kinds for n in range(0, many, CHUNK)]
    studies: dict[str, list[dict[str, np.ndarray]]] = {kind.name: [] for kind in kinds}
    with ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn")) as pool:
        for name, found in pool.map(work, jobs):
            studies[name] += found
    table = {kind.name: shares(kind, studies[kind.name]) for kind in kinds}
    print(f"| case | what | {' | '.join(map(str, (5, 10, 30)))} |\n| --- | --- | --- | --- | --- |")
    for name, of in table.items():
        for what in dict.fromkeys(key for one in of.values() for key in one):
            cells = [
                f"{of[s][what][0]:.3f}" + (f" ({of[s][what][1]:.3f})" if len(of[s][what]) > 1 else "")
                if s in of
                else ""
                for s in ("5", "10", "30")
            ]
            print(f"| {name} | {what} | {' | '.join(cells)} |")
    print(f"\n{many} studies of a kind, {time.monotonic() - began:.0f} s")
    if asked.json:
        asked.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
