"""How often `regfleet check` raises a false alarm in a year of nightly runs, and which drops it sees.

    python benchmarks/nightly.py [--studies 100] [--only WORD] [--seed 0]

Each study is one earlier run and 365 later ones that differ from it by chance alone; every alarm is false, and a study
errs if any of its nights does. Models are pretended: a test row of the class is right where its own ease, a part of the
network as a whole, and chance add up to more than zero. Nights have new seeds, or the same seeds trained anew (as on a
GPU that does not add in order), or other rows. `--max-drop 0` is the harshest: any clear drop is an alarm.

Then the share of single checks, of 365 planned ones, that see a true drop.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.analysis.cells import Cells
from regfleet.analysis.comparing import Terms
from regfleet.analysis.judging import Tested, unfit
from regfleet.analysis.question import Question
from regfleet.analysis.row_rule import RowEstimate
from regfleet.analysis.runs import Runs, scores_alone
from regfleet.concluding.checking import LOOKS, item_of
from regfleet.metrics import METRICS

FOLDS = 5
EASE, SPREAD, WHOLE, CHANCE = 2.0, 2.0, 0.5, 1.5
"""Of rows the mean ease and its spread; the spread of networks as a whole; that of chance."""


@dataclass(frozen=True)
class Case:
    """A kind of nights: ``nights`` have new seeds, the same seeds, or other rows.

    ``collapse`` is the chance of a network that is right on a third of the rows, ``by_rows`` whether predictions were
    kept, ``variants`` how many are checked at once.
    """

    name: str
    nights: str = "new seeds"
    rows: int = 150
    seeds: int = 10
    collapse: float = 0.0
    by_rows: bool = True
    variants: int = 1
    whole: float = WHOLE


NULLS = (
    Case("new seeds"),
    Case("new seeds, 5 of them", seeds=5),
    Case("new seeds, 600 rows, 30 seeds", rows=600, seeds=30),
    Case("new seeds, networks differ as a whole", whole=2.0),
    Case("new seeds, one network in ten collapses", collapse=0.1),
    Case("same seeds", "same seeds"),
    Case("same seeds, 5 of them", "same seeds", seeds=5),
    Case("same seeds, 600 rows, 30 seeds", "same seeds", rows=600, seeds=30),
    Case("same seeds, networks differ as a whole", "same seeds", whole=2.0),
    Case("same seeds, one network in ten collapses", "same seeds", collapse=0.1),
    Case("same seeds, no predictions", "same seeds", by_rows=False),
    Case("same seeds, no predictions, 5 of them", "same seeds", seeds=5, by_rows=False),
    Case("other rows", "other rows"),
    Case("other rows, 5 seeds", "other rows", seeds=5),
    Case("same seeds, four variants", "same seeds", variants=4),
)
LEADS = (
    Case("same seeds", "same seeds"),
    Case("same seeds, 600 rows, 10 seeds", "same seeds", rows=600),
    Case("same seeds, 600 rows, 30 seeds", "same seeds", rows=600, seeds=30),
    Case("new seeds, 600 rows, 30 seeds", rows=600, seeds=30),
    Case("same seeds, 5000 rows, 10 seeds", "same seeds", rows=5000),
)


def tested(case: Case, draw: np.random.Generator) -> np.ndarray:
    """The rows that each seed tests: folds of five, dealt anew for the next five seeds; (seeds, rows of a seed)."""
    dealt = [draw.permutation(case.rows).reshape(FOLDS, -1) for _ in range(math.ceil(case.seeds / FOLDS))]
    return np.sort(np.concatenate(dealt)[: case.seeds], axis=1)


def runs(case: Case, ease: np.ndarray, rows: np.ndarray, first: int, draw: np.random.Generator) -> Runs:
    """A variant's runs on the seeds from ``first`` on; ``drop`` is what makes it worse, in units of the ease."""
    many, per = rows.shape
    score = ease[rows] + case.whole * draw.normal(size=(many, 1)) + CHANCE * draw.normal(size=(many, per))
    right = score > 0
    gone = draw.random(many) < case.collapse
    right[gone] = draw.random((int(gone.sum()), per)) < 1 / 3
    seeds = np.arange(first, first + many)
    cells = Cells(
        seeds,
        np.full(many, per, np.intp),
        rows.ravel().astype(np.int32),
        np.zeros(many * per),
        np.where(right.ravel(), 0, -1).astype(np.int32),
        np.full(many * per, np.nan, np.float32),
        np.full(many, np.nan),
        3,
    )
    return scores_alone(seeds, right.mean(axis=1), cells=cells if case.by_rows else None)


def terms(case: Case) -> Terms:
    """What comparisons of such a study have in common."""
    metric, n_test, n_train = METRICS["accuracy"], case.rows // 5, case.rows * 3 // 5
    rows = Tested(case.rows, n_train, unfit(metric), "no predictions")
    ratio = n_test / n_train
    return Terms(
        Question(metric), ratio, 0.0, case.variants, n_test, n_test, (1.0,), "new data", {}, "classification", rows
    )


def drops(case: Case, draw: np.random.Generator, nights: int, looks: int, drop: float = 0.0) -> np.ndarray:
    """Which nights of a study call a drop, of so many planned ``looks``; ``drop`` is what makes rows harder."""
    allowed = 0.01 if drop else 0.0
    ease, rows, asked = EASE + SPREAD * draw.normal(size=case.rows), tested(case, draw), terms(case)
    old = [runs(case, ease, rows, 0, draw) for _ in range(case.variants)]
    same, other = case.nights == "same seeds", case.nights == "other rows"
    why = "" if same else "no seed is in both runs"
    found = np.zeros(nights, bool)
    for night in range(nights):
        now = EASE + SPREAD * draw.normal(size=case.rows) if other else ease
        dealt = rows if same else tested(case, draw)
        for before in old:
            new = runs(case, now - drop, dealt, 0 if same else 1000, draw)
            one = item_of("v", "v", (new, before), asked, why, looks, same_rows=not other)
            found[night] |= one.difference.high < 0 and -one.difference.mean > allowed
    return found


def alarms(case: Case, studies: int, seed: int) -> float:
    """The share of studies with any alarm in a year."""
    return float(np.mean([drops(case, np.random.default_rng([seed, n]), LOOKS, LOOKS).any() for n in range(studies)]))


def seen(case: Case, drop: float, looks: int, studies: int, seed: int) -> tuple[float, float]:
    """The true drop, and the share of single checks, of so many ``looks``, that see it, a point being allowed."""
    truth, hits = [], []
    for n in range(studies):
        draw = np.random.default_rng([seed, n, 1])
        hits.append(drops(case, draw, 1, looks, drop)[0])
        ease = EASE + SPREAD * draw.normal(size=20_000)
        noise = math.hypot(case.whole, CHANCE) * draw.normal(size=20_000)
        truth.append(np.mean(ease + noise > 0) - np.mean(ease + noise - drop > 0))
    return float(np.mean(truth)), float(np.mean(hits))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    RowEstimate.p_value = lambda *_: math.nan  # type: ignore[method-assign] # most of the time, and no check asks for it
    print("| nights | any false alarm in a year |\n| --- | --- |", flush=True)
    for case in NULLS:
        if asked.only in case.name:
            print(f"| {case.name} | {alarms(case, asked.studies, asked.seed):.3f} |", flush=True)
    print("\n| nights | true drop | seen, of 365 | of 20 | alone |\n| --- | --- | --- | --- | --- |", flush=True)
    for case in LEADS:
        for drop in (0.4, 1.0, 2.0) if asked.only in case.name else ():
            found = [seen(case, drop, looks, asked.studies, asked.seed) for looks in (LOOKS, 20, 1)]
            shares = " | ".join(f"{share:.2f}" for _, share in found)
            print(f"| {case.name} | {found[0][0]:.3f} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
