"""Whether the odds of "If you must choose now" keep what they say, by the truth of simulated studies.

    python benchmarks/odds.py [--quick] [--only WORD] [--jobs 2] [--seed 0]

Each study draws a fresh data set and nine techniques, of which each sees the features that all share and a block of its
own, as in benchmarks/false_verdicts.py; here the blocks are not equally informative, but as much as chance gives them.
How accurate a technique is on new data follows from that alone, and is averaged over data sets of their own. So it is
known which technique is the best, whether it beats the control by more than a point, and what is lost by another. The
odds are regfleet's own, from `summarize`.

Printed are, for each range of a stated chance, its mean and how often it came true, with the number of statements, for
single rows and for one score per seed; then the loss that was expected of the choice with the least, and the real one.
Where techniques hardly differ (spread .02) chances by one score per seed are too high.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import false_verdicts as studies  # noqa: E402 - its folder is no package

from regfleet.analysis import Question, summarize  # noqa: E402
from regfleet.predictions import Predictions  # noqa: E402
from regfleet.settings import Training  # noqa: E402
from regfleet.settings.values import Variant  # noqa: E402

TECHNIQUES, SEEDS, ROPE = 9, 10, 0.01
STUDIES, QUICK, CHUNK = 60, 10, 20
BOUNDS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
FRESH = 2000
"""Rows on which the truth is measured, of each of `DRAWS` data sets."""
DRAWS = 60
NAMES = ("control", *(f"technique {number}" for number in range(1, TECHNIQUES)))
VARIANTS = tuple(Variant(name, name, (), Training(), None if name == "control" else "control") for name in NAMES)


@dataclass(frozen=True)
class Case:
    """``rows`` of a data set; how much the blocks of techniques differ, by their standard deviation; who learns."""

    rows: int
    spread: float
    learner: str = "least squares"

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.learner}, {self.rows} rows, spread {self.spread:g}"

    @property
    def study(self) -> studies.Case:
        """The same for the tools of the other benchmark."""
        return studies.Case(self.name, self.learner, rows=self.rows, seeds=(SEEDS,), shift=0.4)


CASES = (
    Case(150, 0.02),
    Case(150, 0.1),
    Case(150, 0.2),
    Case(600, 0.05),
    Case(600, 0.1),
    Case(600, 0.2),
    Case(150, 0.2, "nearest neighbour"),
)


def features_of(
    case: Case, scales: np.ndarray, rows: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], np.ndarray]:
    """What each technique sees of ``rows`` rows, half of them of either class, and the class of each."""
    labels = np.arange(rows) % 2
    signs = 2.0 * labels[:, None] - 1
    shared = rng.normal(size=(rows, studies.SHARED)) + case.study.shift * signs
    return [np.hstack([shared, rng.normal(size=(rows, studies.OWN)) + scale * signs]) for scale in scales], labels


@lru_cache
def truth(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Scales of a block, and the mean accuracy on fresh rows of a technique that sees it."""
    rng = np.random.default_rng([7, case.rows, len(case.learner)])
    scales = case.study.shift + case.spread * np.linspace(-3.5, 3.5, 15)
    found = np.zeros(len(scales))
    trained = round(0.6 * case.rows)
    for _ in range(DRAWS):
        seen, labels = features_of(case, scales, trained + FRESH, rng)
        train = (np.arange(trained + FRESH) < trained)[None]
        for place, x in enumerate(seen):
            said = studies.LEARNERS[case.learner](x, np.eye(2)[labels], train, rng)[0, trained:]
            found[place] += np.mean(np.argmax(said, axis=1) == labels[trained:]) / DRAWS
    # It rises with the scale, and a parabola takes the noise out.
    return scales, np.polyval(np.polyfit(scales, found, 2), scales)


def judged(case: Case, rng: np.random.Generator, *, by_rows: bool) -> tuple[dict[str, object], dict[str, float]]:
    """The odds of each technique in a fresh study, and its true accuracy."""
    scales = case.study.shift + case.spread * np.clip(rng.normal(size=TECHNIQUES), -3.5, 3.5)
    seen, labels = features_of(case, scales, case.rows, rng)
    train, test = studies.splits(case.study, rng, labels)
    seeds, rows = np.nonzero(test)
    frames, kept = [], {}
    for name, x in zip(NAMES, seen, strict=True):
        said = np.argmax(studies.LEARNERS[case.learner](x, np.eye(2)[labels], train, rng), axis=2)[seeds, rows]
        right = np.bincount(seeds, said == labels[rows])
        frames.append(pd.DataFrame({"variant": name, "seed": np.arange(SEEDS), "last_test_correct": right}))
        kept[name] = Predictions(seeds, rows.astype(np.int32), labels[rows].astype(float), said.astype(float))
    trials = pd.concat(frames).assign(
        dataset="data", status="done", n_train=int(train[0].sum()), n_val=0, n_test=int(test[0].sum()), n_rows=case.rows
    )
    trials["last_val_accuracy"] = 0.5
    given = (lambda _: iter(kept.items())) if by_rows else None
    (dataset,) = summarize(trials, None, VARIANTS, Question(), predictions=given).datasets
    known, accuracy = truth(case)
    return {one.name: one for one in dataset.odds}, dict(zip(NAMES, np.interp(scales, known, accuracy), strict=True))


def chunk(case: Case, seed: int, number: int, count: int) -> Iterator[tuple[str, str, float, float]]:
    """(rule, statement, what was said, what was so) of ``count`` studies."""
    rng = np.random.default_rng([seed, number, case.rows, round(1000 * case.spread), len(case.learner)])
    for _ in range(count):
        for rule in ("rows", "seeds"):
            found, true = judged(case, rng, by_rows=rule == "rows")
            highest = max(true.values())
            for name, one in found.items():
                yield rule, "best", one.best, float(true[name] == highest)
                if name != "control":
                    yield rule, "matters", one.matters, float(true[name] - true["control"] > ROPE)
            chosen = next(iter(found.values()))
            yield rule, "loss", chosen.loss, highest - true[chosen.name]


def _chunk(case: Case, seed: int, job: tuple[int, int]) -> list[tuple[str, str, float, float]]:
    return list(chunk(case, seed, *job))


def table(found: list[tuple[str, str, float, float]]) -> Iterator[str]:
    """Each range of a stated chance beside what came true."""
    for rule in ("rows", "seeds"):
        for statement in ("best", "matters"):
            said = np.array([one[2:] for one in found if one[:2] == (rule, statement) and math.isfinite(one[2])])
            parts = []
            for low, high in pairwise(BOUNDS):
                here = said[(said[:, 0] >= low) & ((said[:, 0] < high) | (high == BOUNDS[-1]))]
                if len(here) > 9:
                    parts.append(f"{here[:, 0].mean():.2f} → {here[:, 1].mean():.2f} ({len(here)})")
            yield f"  {rule:5} {statement:7} {'  '.join(parts)}"
        losses = np.array([one[2:] for one in found if one[:2] == (rule, "loss")])
        yield f"  {rule:5} loss    {losses[:, 0].mean():.4f} → {losses[:, 1].mean():.4f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    count, each = (QUICK, QUICK) if given.quick else (STUDIES, CHUNK)
    jobs = [(number, each) for number in range(count // each)]
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("fork")) as pool:
        for case in (case for case in CASES if given.only in case.name):
            truth(case)
            found = [one for part in pool.map(partial(_chunk, case, given.seed), jobs) for one in part]
            print(f"{case.name}, {count} studies")
            print("\n".join(table(found)), flush=True)


if __name__ == "__main__":
    main()
