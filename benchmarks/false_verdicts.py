"""How often the verdict rule is wrong, and what it can see, beside the usual tests.

    python benchmarks/false_verdicts.py [--quick] [--json FILE]

Each study draws a fresh data set, splits it anew for every seed, trains nine techniques on the same splits and compares
eight of them with the ninth. The splits overlap, as they do in any repeated split of one data set. Technique k sees the
features that all share and a block of its own. All features are equally informative, so that on new data no technique
is better than another: the techniques are exchangeable, and every "better" or "worse" is false. In the studies of power
the first technique's own block is more informative, by as much as makes its true lead one, two or three resolution
floors of the study. Learners are least squares and the nearest neighbour, in closed form; intervals and verdicts are
regfleet's own.

The last case is the limit of the correction: a learner as unstable as the nearest neighbour, without any chance of its
own from seed to seed, on splits that leave no rows aside. There n_test / n_train is too little for how much the splits
have in common, and more than one study in twenty claims a difference. Validation rows set aside, as in the other cases,
keep even this learner below.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.analysis.intervals import decide, estimate, interval, sd_floor
from regfleet.analysis.power import resolution_floor
from regfleet.analysis.question import spent
from regfleet.analysis.sequential import planned_looks

ALPHA, ROPE = 0.05, 0.01
SEEDS = (10, 30, 100)
CLAIMS = {"better", "worse"}
VARIANTS = 8
SHARED, OWN = 2, 3
"""Features that all techniques see, and features of each technique's own."""


@dataclass(frozen=True)
class Case:
    """A kind of study: two classes of equal size, ``shift`` from zero in each feature, to one side or the other."""

    learner: str
    rows: int
    train: int
    test: int
    shift: float = 0.6

    @property
    def facts(self) -> dict[str, object]:
        """The first columns of a table."""
        return {"rows": self.rows, "train/test": f"{self.train}/{self.test}", "learner": self.learner}


NULL_CASES = (
    Case("least squares", 150, 90, 30),
    Case("nearest neighbour", 150, 90, 30),
    Case("least squares", 600, 360, 120),
    Case("least squares", 400, 320, 40),
    Case("least squares", 150, 112, 38),
    Case("nearest neighbour", 150, 112, 38),
)
# Harder to tell apart, so that there is room above for a lead of three floors.
POWER_CASES = (Case("least squares", 150, 90, 30, shift=0.1), Case("nearest neighbour", 150, 90, 30, shift=0.3))


def splits(case: Case, seeds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stratified random splits as masks (seeds, rows), for training and for testing; rows alternate between classes."""
    half = case.rows // 2
    place = rng.permuted(np.broadcast_to(np.arange(half), (seeds, 2, half)), axis=2)
    train, test = place < case.train // 2, place >= half - case.test // 2
    return (mask.transpose(0, 2, 1).reshape(seeds, case.rows) for mask in (train, test))


def least_squares(features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predicted labels (seeds, rows) of the linear least-squares classifier fitted on each seed's training rows."""
    x = np.column_stack([np.ones(len(features)), features])
    width = x.shape[1]
    gram = (train @ (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)).reshape(-1, width, width)
    weights = np.linalg.solve(gram + 1e-6 * np.eye(width), (train @ (x * labels[:, None]))[:, :, None])[:, :, 0]
    return np.where(weights @ x.T > 0, 1, -1)


def nearest_neighbour(features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Predicted labels (seeds, rows) of the nearest training row of each seed."""
    square = np.sum(features**2, axis=1)
    order = np.argsort(square[:, None] + square - 2 * features @ features.T, axis=1)
    nearest = np.argmax(train[:, order], axis=2)
    return labels[order[np.arange(len(order)), nearest]]


LEARNERS = {"least squares": least_squares, "nearest neighbour": nearest_neighbour}


def study(case: Case, seeds: int, lead: float, variants: int, rng: np.random.Generator) -> np.ndarray:
    """Correct test rows (1 + variants, seeds) of the control and the variants on one data set.

    ``lead`` is added to the shift of the first variant's own features.
    """
    labels = np.tile([-1, 1], case.rows // 2)
    blocks = 1 + variants
    shift = np.full(SHARED + OWN * blocks, case.shift)
    shift[SHARED + OWN : SHARED + 2 * OWN] += lead
    data = labels[:, None] * shift + rng.standard_normal((case.rows, len(shift)))
    train, test = splits(case, seeds, rng)
    correct = []
    for block in range(blocks):
        start = SHARED + OWN * block
        features = np.hstack([data[:, :SHARED], data[:, start : start + OWN]])
        predicted = LEARNERS[case.learner](features, labels, train.astype(float if case.learner[0] == "l" else bool))
        correct.append(np.sum((predicted == labels) & test, axis=1))
    return np.array(correct)


def verdict(d: np.ndarray, case: Case, alpha: float, comparisons: int) -> str:
    """The verdict on the differences ``d`` (seeds,), by the product's own rule."""
    of = estimate(d, case.test / case.train, sd_floor(case.test, len(d)))
    return decide(interval(of, alpha, comparisons), ROPE, len(d))[0]


def usual_tests(d: np.ndarray) -> dict[str, np.ndarray]:
    """Which differences d (variants, seeds) the usual tests call: paired t, Wilcoxon, paired t by Bonferroni."""
    scatter = d.std(axis=1) > 0
    t, signed_rank = np.ones(len(d)), np.ones(len(d))
    if scatter.any():
        t[scatter] = stats.ttest_1samp(d[scatter], 0, axis=1).pvalue
        signed_rank[scatter] = stats.wilcoxon(d[scatter], axis=1, method="asymptotic").pvalue
    return {"paired t": t < ALPHA, "Wilcoxon": signed_rank < ALPHA, "paired t, Bonferroni": t * len(d) < ALPHA}


def false_verdicts(case: Case, studies: int, seed: int) -> list[dict[str, object]]:
    """Shares of studies of exchangeable techniques in which a rule claims any difference, by number of seeds."""
    rng = np.random.default_rng([seed, case.rows, case.test, len(case.learner)])
    counts = {(k, n): Counter() for k in (1, VARIANTS) for n in SEEDS}
    looks = 0
    for _ in range(studies):
        correct = study(case, SEEDS[-1], 0.0, VARIANTS, rng)
        d = np.round((correct[1:] - correct[0]) / case.test, 14)
        for (variants, n), count in counts.items():
            shown = d[:variants, :n]
            count["regfleet"] += any(verdict(one, case, ALPHA, variants) in CLAIMS for one in shown)
            count.update({name: int(called.any()) for name, called in usual_tests(shown).items()})
            if variants == VARIANTS:
                count["false lead"] += false_lead(correct[:, :n], case)
        looks += false_look(d, case)
    rows = [
        case.facts | {"variants": k, "seeds": str(n)} | {name: count / studies for name, count in counted.items()}
        for (k, n), counted in counts.items()
    ]
    planned = ", ".join(str(look) for look in planned_looks(case.test / case.train))
    return [*rows, case.facts | {"variants": VARIANTS, "seeds": f"auto: {planned}", "regfleet": looks / studies}]


def false_lead(correct: np.ndarray, case: Case) -> bool:
    """Whether the best of all is called clearly ahead of the runner-up."""
    best, second = np.argsort(-correct.mean(axis=1), kind="stable")[:2]
    d = np.round((correct[best] - correct[second]) / case.test, 14)
    of = estimate(d, case.test / case.train, sd_floor(case.test, len(d)))
    return interval(of, ALPHA, len(correct) - 1).low > 0


def false_look(d: np.ndarray, case: Case) -> bool:
    """Whether a study that adds seeds until the answer is clear claims any difference at any look."""
    looks = planned_looks(case.test / case.train)
    undecided = list(range(len(d)))
    for number, seeds in enumerate(looks, 1):
        found = {k: verdict(d[k, :seeds], case, spent(ALPHA, number, len(looks)), len(d)) for k in undecided}
        if any(word in CLAIMS for word in found.values()):
            return True
        undecided = [k for k in undecided if found[k] == "undecided"]
    return False


def leads(case: Case, lead: float, studies: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """Differences of the leading variant from the control, (studies, seeds)."""
    found = [study(case, seeds, lead, 1, rng) for _ in range(studies)]
    return np.array([np.round((correct[1] - correct[0]) / case.test, 14) for correct in found])


def in_floors(d: np.ndarray, case: Case) -> float:
    """The true lead in resolution floors of one of eight comparisons, from d (studies, seeds)."""
    sd = float(d.std(axis=1, ddof=1).mean())
    return float(d.mean()) / resolution_floor(sd, case.test / case.train, ALPHA, VARIANTS)


def power(case: Case, studies: int, seed: int) -> list[dict[str, object]]:
    """Shares of studies that call a lead of one, two and three floors, as one of eight comparisons."""
    rows = []
    for wanted in (1, 2, 3):
        low, high = 0.0, 4.0
        for _ in range(8):  # the lead that is worth so many floors, on the same pilot studies each time
            middle = (low + high) / 2
            pilot = leads(case, middle, 50, 30, np.random.default_rng([seed, 1]))
            low, high = (middle, high) if in_floors(pilot, case) < wanted else (low, middle)
        d = leads(case, high, studies, SEEDS[-1], np.random.default_rng([seed, 2]))
        for n in SEEDS:
            called = [verdict(one[:n], case, ALPHA, VARIANTS) for one in d]
            rows.append(
                case.facts
                | {"lead in floors": in_floors(d, case), "lead in points": 100 * float(d.mean()), "seeds": str(n)}
                | {"called better": called.count("better") / studies, "called worse": called.count("worse") / studies}
            )
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """``rows`` as a Markdown table; a figure that a row lacks is left blank."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    found = [[row.get(name, "") for name in names] for row in rows]
    cells = [[f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in line] for line in found]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *cells])


def main() -> None:
    """Run the studies, print the tables, and write them as JSON if asked."""
    parser = argparse.ArgumentParser(description="How often the verdict rule is wrong, and what it can see.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    studies = 100 if arguments.quick else 1000
    started = time.perf_counter()
    null = [row for case in NULL_CASES for row in false_verdicts(case, studies, arguments.seed)]
    print(f"Share of {studies} studies of exchangeable techniques with any false verdict\n\n{table(null)}\n")
    seen = [row for case in POWER_CASES for row in power(case, studies // 2, arguments.seed)]
    print(f"Share of {studies // 2} studies that call a true lead, one of {VARIANTS} comparisons\n\n{table(seen)}\n")
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.json:
        facts = {"studies": studies, "seed": arguments.seed, "alpha": ALPHA, "rope": ROPE}
        arguments.json.write_text(json.dumps(facts | {"false_verdicts": null, "power": seen}, indent=1) + "\n")


if __name__ == "__main__":
    main()
