"""Attempts to make a verdict lie, by studies whose truth is known and that benchmarks/false_verdicts.py does not draw.

    python benchmarks/attacks.py [--studies 200] [--only WORD] [--seed 0]

Each attack goes through the functions that a study's summary, `diff`, `check` and `fit` are made with, by closed-form
learners or pretended models, without training. Printed is, for each claim, how often it was false, or an interval of
95 % left the truth out, and what it may be at most; a share p of N studies has the standard error √(p(1 − p)/N).

- one comparison: nothing is shared with seven others, so that an interval is as narrow as it gets.
- validation chooses: each fit takes, of four blocks of features, the one that does best on its validation rows, which
  therefore train too, though they are not counted as rows that do.
- rare disagreements: a technique ruins a share of the rows, the same on every seed; exact, by counting.
- a rare class: a technique misses a tenth of the rows of a class that has few; rare rows, where there are only scores.
- no scatter: the same difference on every seed, so that the standard deviation is zero.
- lead, lost runs, sweeps, looks, more seeds: what else is claimed or withdrawn, or is asked again and again.
- odds: chances and losses of `If you must choose now`, after racing, with twins, runs that collapse, one class rare.
- between runs: `diff` with a true drop, with the same seeds, new ones and other rows; `check` of an error whose tails
  are heavy; two runs of which one has few training rows.
- rows, columns, importance: the learning curve, ablation, columns of noise that are shuffled.
- data sets: what is claimed over five and more of them, where a technique ruins one in ten.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import false_verdicts as studies  # noqa: E402 - its folder is no package
import nightly  # noqa: E402
from odds import Case as Spread  # noqa: E402
from odds import truth as truth_of  # noqa: E402

from regfleet.analysis.across import compare_across  # noqa: E402
from regfleet.analysis.between import change  # noqa: E402
from regfleet.analysis.cells import Cells  # noqa: E402
from regfleet.analysis.choosing import odds  # noqa: E402
from regfleet.analysis.comparing import Terms, compare, lead  # noqa: E402
from regfleet.analysis.effects import weighed  # noqa: E402
from regfleet.analysis.intervals import Array, excludes_zero  # noqa: E402
from regfleet.analysis.judging import Tested, unfit  # noqa: E402
from regfleet.analysis.question import Question, spent  # noqa: E402
from regfleet.analysis.row_rule import RowEstimate, row_estimate  # noqa: E402
from regfleet.analysis.rows import tuned, variant_row  # noqa: E402
from regfleet.analysis.runs import PER_SEED, Runs  # noqa: E402
from regfleet.analysis.summary import Interval  # noqa: E402
from regfleet.concluding.checking import LOOKS, item_of  # noqa: E402
from regfleet.metrics import METRICS  # noqa: E402
from regfleet.saving.importance import over_seeds  # noqa: E402
from regfleet.settings import Training  # noqa: E402
from regfleet.settings.values import Variant  # noqa: E402

ALPHA = 0.05
Draw = np.random.Generator


@dataclass(frozen=True)
class Line:
    """How often a claim was false, of so many, and at most how often it may be; None where a figure only describes."""

    what: str
    share: float
    count: int
    most: float | None = ALPHA


def runs_of(right: np.ndarray, test: np.ndarray, first: int = 0, lost: np.ndarray | None = None) -> Runs:
    """Runs of a variant by whether it is right, (seeds, rows), about the rows of ``test``, (seeds, rows)."""
    there = np.ones(len(test), bool) if lost is None else ~lost
    seeds = np.arange(first, first + len(test))
    places, rows = np.nonzero(test[there])
    told = right[there][places, rows]
    counts = test[there].sum(axis=1)
    cells = Cells(
        seeds[there],
        counts,
        rows.astype(np.int32),
        np.zeros(len(rows)),
        np.where(told, 0, -1).astype(np.int32),
        np.full(len(rows), np.nan, np.float32),
        np.full(int(there.sum()), np.nan),
        2,
    )
    unknown = dict.fromkeys(PER_SEED, np.full(int(there.sum()), np.nan))
    scores = np.bincount(places, told, int(there.sum())) / counts
    return Runs(
        **(unknown | {"scores": scores}),
        seeds=seeds[there],
        lost=seeds[~there],
        failed=int((~there).sum()),
        diverged=0,
        cells=cells,
    )


def scored_runs(scores: Array, first: int = 0) -> Runs:
    """Runs of a variant by its scores, (seeds,), without predictions."""
    unknown = dict.fromkeys(PER_SEED, np.full(len(scores), np.nan))
    seeds = np.arange(first, first + len(scores))
    return Runs(**(unknown | {"scores": scores}), seeds=seeds, lost=seeds[:0], failed=0, diverged=0)


def terms_of(
    rows: int,
    n_train: int,
    n_test: int,
    comparisons: int,
    metric: str = "accuracy",
    *,
    question: Question | None = None,
    shares: tuple[float, ...] = (0.5, 0.5),
) -> Terms:
    """What comparisons of a study of so many rows have in common."""
    by = METRICS[metric]
    tested = Tested(rows, n_train, unfit(by), "no predictions")
    asked = replace(question or Question(), metric=by)
    return Terms(
        asked, n_test / n_train, 0.0, comparisons, n_test, n_test, shares, "new data", {}, "classification", tested
    )


def missed(found: Interval, truth: float) -> bool:
    """Whether an interval leaves the truth out."""
    return bool(found.low > truth or found.high < truth)


def told(case: studies.Case, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Whether each technique of a study is right, (techniques, seeds, rows); training and test rows, and the labels."""
    features, y, labels = studies.draw(case, draw)
    train, test = studies.splits(case, draw, labels)
    learn = studies.LEARNERS[case.learner]
    right = np.stack([np.argmax(learn(x, y, train, draw), axis=2) == labels for x in features])
    return right, train, test, labels


def one_comparison(count: int, draw: Draw) -> Iterator[Line]:
    """Exchangeable techniques, each compared alone."""
    for name in (
        "least squares",
        "least squares, 60 rows",
        "least squares, 600 rows",
        "least squares, 85/15 classes",
        "least squares, random splits",
        "nearest neighbour",
        "nearest neighbour, 600 rows",
        "stump",
        "two hidden units, other initial weights only",
    ):
        case = replace(next(one for one in studies.NULLS if one.name == name), seeds=(5, 10, 30))
        found: dict[int, list[bool]] = {drawn: [] for drawn in case.seeds}
        for _ in range(max(20, count // 4)):  # eight comparisons of each, one after the other
            seeds, rows, differences, n_train = studies.study(case, draw)
            cells = studies.Cells(seeds, rows, differences["accuracy"], case.rows, n_train, counts=True)
            for drawn in case.seeds:
                found[drawn] += [excludes_zero(one.interval(ALPHA)) for one in cells.first(drawn).by_rows()]
        for drawn, claims in found.items():
            yield Line(f"{name}, {drawn} seeds", float(np.mean(claims)), len(claims))


BLOCKS = 4
"""Blocks of features of which validation rows choose one."""


def chosen(case: studies.Case, draw: Draw, shifts: Array) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two techniques that choose among four blocks of their own by validation rows, and one that has a single block.

    Returns:
        who is right, (three, seeds, rows); the training rows, the test rows, and which rows validate.
    """
    labels = np.arange(case.rows) % 2
    train, test = studies.splits(case, draw, labels)
    aside, y, signs = ~train & ~test, np.eye(2)[labels], 2.0 * labels[:, None] - 1
    learn, right = studies.LEARNERS[case.learner], []
    shared = draw.normal(size=(case.rows, 2)) + 0.4 * signs
    for _ in range(2):
        each = []
        for shift in shifts:
            x = np.hstack([shared, draw.normal(size=(case.rows, 3)) + shift * signs])
            each.append(np.argmax(learn(x, y, train, draw), axis=2) == labels)
        of = np.stack(each)  # (blocks, seeds, rows)
        best = np.argmax((of & aside).sum(axis=2), axis=0)
        right += [of[best, np.arange(len(train))], of[0]]
    return np.stack([right[0], right[2], right[1]]), train, test, aside


def validation_chooses(count: int, draw: Draw) -> Iterator[Line]:
    """Techniques that are tuned on validation rows, against each other and against one that is not."""
    for learner in ("least squares", "nearest neighbour", "stump"):
        for rows in (60, 150, 600):
            if rows == 600 and learner != "least squares":
                continue
            case = studies.Case("", learner, rows=rows, seeds=(30,))
            false: dict[int, list[bool]] = {5: [], 10: [], 30: []}
            means, ends = [], []
            for _ in range(count):
                right, train, test, _ = chosen(case, draw, np.full(BLOCKS, 0.4))
                seeds, cells = np.nonzero(test)
                values = right[:2, seeds, cells].astype(float) - right[[1, 2]][:, seeds, cells]
                of = studies.Cells(seeds, cells, values, rows, int(train[0].sum()), counts=True)
                for drawn, claims in false.items():
                    alike, untuned = of.first(drawn).by_rows()
                    claims.append(excludes_zero(alike.interval(ALPHA)))
                    if drawn == 10:
                        means.append(untuned.mean)
                        ends.append(untuned.interval(ALPHA))
            for drawn, claims in false.items():
                yield Line(f"both tuned, {learner}, {rows} rows, {drawn} seeds", float(np.mean(claims)), count)
            truth = float(np.mean(means))
            share = float(np.mean([missed(one, truth) for one in ends]))
            yield Line(f"tuned against untuned ({truth:+.3f}), {learner}, {rows} rows, 10 seeds", share, count)


def rare_disagreements(count: int, draw: Draw) -> Iterator[Line]:
    """Of n rows each is ruined with a chance: how often the interval of one comparison leaves that chance out."""
    del count, draw
    for rows in (50, 150, 600, 2000):
        per, most = rows // 5, min(rows, 60)
        seeds = np.tile(np.repeat(np.arange(5), per), 2) + np.repeat([0, 5], rows)
        who = np.tile(np.arange(rows), 2)
        for comparisons in (1, 8):
            ends = []
            for ruined in range(most):
                e = -(((who * 7) % rows) < ruined).astype(float)
                ends.append(row_estimate(seeds, who, e, rows, rows * 3 // 5, counts=True).interval(ALPHA, comparisons))
            worst = 0.0
            for chance in np.linspace(1 / (20 * rows), 35 / rows, 400):
                likely = stats.binom.pmf(np.arange(most), rows, chance)
                worst = max(worst, float(sum(p for p, one in zip(likely, ends, strict=True) if missed(one, -chance))))
            yield Line(f"{rows} rows, {comparisons} comparisons, the worst chance", worst, 0, ALPHA / comparisons)
            likely = stats.binom.pmf(np.arange(most), rows, 0.0101)
            alike = sum(p for p, one in zip(likely, ends, strict=True) if one.low >= -0.01 and one.high <= 0.01)
            yield Line(f"{rows} rows, {comparisons} comparisons, equivalent at 1.01 points", float(alike), 0)


def rare_class(count: int, draw: Draw) -> Iterator[Line]:
    """A technique misses a tenth of a class that has few rows, on every seed; or, without predictions, rare rows."""
    for few, rows, seeds in ((15, 1500, 10), (30, 1500, 10), (50, 150, 10)):
        labels = (np.arange(rows) < few).astype(int)
        case = studies.Case("", rows=rows, seeds=(seeds,))
        shares = (1 - few / rows, few / rows)
        for name in ("balanced_accuracy", "macro_f1", "auc"):
            found = []
            for _ in range(count):
                train, test = studies.splits(case, draw, labels)
                hard = draw.random(rows) < 0.1 * labels
                margin = (2.0 * labels - 1) * 3 + draw.normal(size=(2, seeds, rows))
                margin[1][:, hard] -= 6
                of = [[score(name, labels[t], m[t]) for m, t in zip(one, test, strict=True)] for one in margin]
                terms = terms_of(rows, int(train[0].sum()), int(test[0].sum()), 1, name, shares=shares)
                found.append(compare(scored_runs(np.array(of[1])), scored_runs(np.array(of[0])), "c", terms))
            true = float(np.mean([one.difference.mean for one in found]))
            alike = float(np.mean([one.verdict == "equivalent" for one in found]))
            what = f"{name}, {few} of {rows} rows"
            yield Line(f"{what}, called equivalent at {true:+.3f}", alike, count)
            out = float(np.mean([missed(one.difference, true) for one in found]))
            yield Line(f"{what}, the interval leaves {true:+.3f} out", out, count)
    for rows, seeds, ruined in ((150, 30, 0.012), (150, 100, 0.012), (300, 100, 0.012)):
        alike = []
        for _ in range(count):
            train, test = studies.splits(studies.Case("", rows=rows, seeds=(seeds,)), draw, np.arange(rows) % 2)
            off = (test & (draw.random(rows) < ruined)).sum(axis=1) / test.sum(axis=1)
            terms = terms_of(rows, int(train[0].sum()), int(test[0].sum()), 1)
            one = compare(scored_runs(0.9 - off), scored_runs(np.full(seeds, 0.9)), "c", terms)
            alike.append(one.verdict == "equivalent")
        what = f"accuracy without predictions, {rows} rows, {seeds} seeds, {ruined:.1%} ruined: called equivalent"
        yield Line(what, float(np.mean(alike)), count)


def score(name: str, labels: np.ndarray, margin: Array) -> float:
    """Balanced accuracy, macro-F1 or AUC of ``margin``, above zero for class 1."""
    yes, hit = labels == 1, margin > 0
    if name == "balanced_accuracy":
        return float((hit[yes].mean() + (~hit[~yes]).mean()) / 2)
    if name == "auc":
        rank = stats.rankdata(margin)[yes].sum() - yes.sum() * (yes.sum() + 1) / 2
        return float(rank / (yes.sum() * (~yes).sum()))
    both = [
        2 * (hit & yes).sum() / max(1, hit.sum() + yes.sum()),
        2 * (~hit & ~yes).sum() / ((~hit).sum() + (~yes).sum()),
    ]
    return float(np.mean(both))


def no_scatter(count: int, draw: Draw) -> Iterator[Line]:
    """The same score on every seed, as a tool gives whose seed does nothing; any claim on new data is false."""
    del count, draw
    for name, apart in (("auc", 0.02), ("auc", 0.001), ("auc", 0.0), ("rmse", 0.1), ("accuracy", 0.0)):
        terms = terms_of(150, 90, 0 if name == "accuracy" else 30, 1, name)
        terms = replace(terms, ratio=1 / 3)
        one = compare(scored_runs(np.full(10, 0.9 + apart)), scored_runs(np.full(10, 0.9)), "c", terms)
        yield Line(f"{name}, {apart:+g} on every seed: a claim", float(one.verdict != "undecided"), 1)
    five = compare_across("v", "v", "c", dict.fromkeys("abcde", 0.0), 0.01, ALPHA, 1)
    yield Line("no difference at all on five data sets: a claim", float(five.verdict != "undecided"), 1)


def leads(count: int, draw: Draw) -> Iterator[Line]:
    """The best of nine against the runner-up, where none is better; a third of them are twins."""
    for name in ("least squares", "nearest neighbour", "two hidden units, other initial weights only"):
        case = replace(next(one for one in studies.NULLS if one.name == name), seeds=(10,))
        clear = {"none better": [], "three pairs of twins": []}
        for _ in range(count):
            right, train, test, _ = told(case, draw)
            for what, clears in clear.items():
                if what != "none better":
                    for twin in (0, 2, 4):  # right about the same rows but for one in fifty
                        right[twin + 1] = right[twin] ^ (draw.random(right[0].shape) < 0.02)
                runs = [(str(place), runs_of(one, test)) for place, one in enumerate(right)]
                runs.sort(key=lambda pair: -pair[1].scores.mean())
                terms = terms_of(case.rows, int(train[0].sum()), int(test[0].sum()), 8)
                found = lead(runs, terms)
                clears.append(found is not None and found.clear)
        for what, clears in clear.items():
            yield Line(f"{name}, {what}", float(np.mean(clears)), count)


def lost_runs(count: int, draw: Draw) -> Iterator[Line]:
    """Runs are lost on the seeds where they would have done worst; what is claimed of all of them."""
    for name, chance in (("least squares", 0.1), ("least squares", 0.3), ("nearest neighbour", 0.2)):
        case = replace(next(one for one in studies.NULLS if one.name == name), seeds=(10,))
        false: dict[str, list[bool]] = {"at random": [], "the worst": []}
        for _ in range(count):
            right, train, test, _ = told(case, draw)
            terms = terms_of(case.rows, int(train[0].sum()), int(test[0].sum()), 1)
            control, many = runs_of(right[0], test), round(chance * len(test))
            for what, claims in false.items():
                order = np.argsort((right[1] & test).sum(axis=1) if what == "the worst" else draw.random(len(test)))
                lost = np.isin(np.arange(len(test)), order[:many])
                one = compare(runs_of(right[1], test, lost=lost), control, "c", terms)
                claims.append(one.verdict == "better" or (what == "at random" and one.verdict == "worse"))
        for what, claims in false.items():
            said = "called better" if what == "the worst" else "any claim"
            yield Line(f"{name}, {chance:.0%} of runs lost, {what}: {said}", float(np.mean(claims)), count)


def sweeps(count: int, draw: Draw) -> Iterator[Line]:
    """The best of five members that are alike by validation rows, which test too or do not, beside a control."""
    for name in ("least squares", "hidden layer, other initial weights only"):
        for own in (True, False):
            split = "dealt" if own else "75/25"
            case = replace(next(one for one in studies.NULLS if one.name == name), seeds=(10,), split=split)
            ahead, called = [], []
            for _ in range(count):
                right, train, test, _ = told(case, draw)
                chooses = ~train & ~test if own else test
                runs = [runs_of(one, test) for one in right[:6]]
                valid = [(one & chooses).sum(axis=1) / chooses.sum(axis=1) for one in right[:6]]
                members = [replace(r, val_scores=v, val_error=-v) for r, v in zip(runs[1:], valid[1:], strict=True)]
                terms = terms_of(case.rows, int(train[0].sum()), int(test[0].sum()), 6)
                one = compare(tuned(members, METRICS["accuracy"])[0], runs[0], "c", terms)
                ahead.append(one.difference.mean)
                called.append(one.verdict in ("better", "worse"))
            what = f"{name}, chosen on {'rows of their own' if own else 'the test rows'}"
            yield Line(f"{what}: a claim, were there a verdict", float(np.mean(called)), count, ALPHA if own else None)
            yield Line(f"{what}: ahead by", float(np.mean(ahead)), count, None)


MIXED = tuple(one for one in studies.RACES if one.leads)[:3]


def looks(count: int, draw: Draw) -> Iterator[Line]:
    """Racing with mixed effects: whether the intervals that variants stop with hold the truth, all eight at once."""
    for case in (*MIXED, studies.RACES[0], studies.RACES[2]):
        found, worth = [], []
        for _ in range(count):
            seeds, rows, differences, n_train = studies.study(case, draw)
            cells = studies.Cells(seeds, rows, differences["accuracy"], case.rows, n_train, counts=True)
            seen = [cells.first(drawn) for drawn in (studies.GLANCE, *studies.LOOKS)]
            of = [list(zip(some.by_rows(), some.by_seeds(), strict=True)) for some in seen]
            ran = studies.race(of, "rows", case, round(len(seeds) / studies.LOOKS[-1]), stops=True)
            ends = []
            for variant, (word, used) in enumerate(ran):
                number = (studies.GLANCE, *studies.LOOKS).index(used)
                alpha = spent(ALPHA, max(number, 1), len(studies.LOOKS))
                ends.append((word, of[number][variant][0].interval(alpha, studies.VARIANTS)))
            found.append(ends)
            worth.append(cells.values.mean(axis=1))
        truth = np.mean(worth, axis=0) if case.leads else np.zeros(studies.VARIANTS)
        out = [any(missed(e, t) for (_, e), t in zip(ends, truth, strict=True)) for ends in found]
        yield Line(f"{case.name}: any interval leaves the truth out", float(np.mean(out)), count)
        bias = [
            abs(end.mean) - abs(true)
            for ends in found
            for (word, end), true in zip(ends, truth, strict=True)
            if word in ("better", "worse")
        ]
        if bias:
            yield Line(f"{case.name}: what is called, larger than true by", float(np.mean(bias)), len(bias), None)


def more_seeds(count: int, draw: Draw) -> Iterator[Line]:
    """Five seeds, and five more as long as nothing is clear, up to fifty, each time with all of alpha: not by looks."""
    for name in ("least squares", "nearest neighbour", "two hidden units, other initial weights only"):
        case = replace(next(one for one in studies.NULLS if one.name == name), seeds=(50,))
        claims: dict[int, list[bool]] = {1: [], 8: []}
        for _ in range(count):
            seeds, rows, differences, n_train = studies.study(case, draw)
            cells = studies.Cells(seeds, rows, differences["accuracy"], case.rows, n_train, counts=True)
            of = [cells.first(drawn).by_rows() for drawn in range(5, 51, 5)]
            claims[1].append(any(excludes_zero(one[0].interval(ALPHA)) for one in of))
            claims[8].append(any(excludes_zero(each.interval(ALPHA, 8)) for one in of for each in one))
        for comparisons, found in claims.items():
            yield Line(f"{name}, {comparisons} comparisons, 5, 10, … 50 seeds", float(np.mean(found)), count)


BANDS = ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01))
TECHNIQUES = 9
CHANCES = {
    "plain": Spread(150, 0.1),
    "racing": Spread(600, 0.1),
    "twins": Spread(150, 0.1),
    "one run in five collapses": Spread(150, 0.1),
    "one run in five lost": Spread(150, 0.1),
    "60 rows": Spread(60, 0.1),
}


def choice(what: str, case: Spread, draw: Draw) -> tuple[dict[str, Runs], Terms, Array]:
    """The runs of nine techniques of which the first is the control, and their true accuracies."""
    scales, accuracy = truth_of(case)
    own = case.study.shift + case.spread * np.clip(draw.normal(size=TECHNIQUES), -3.5, 3.5)
    if what == "twins":
        own[1::2] = own[:-1:2]
    true = np.interp(own, scales, accuracy)
    study = replace(case.study, seeds=(30 if what == "racing" else 10,))
    labels = np.arange(case.rows) % 2
    signs = 2.0 * labels[:, None] - 1
    shared = draw.normal(size=(case.rows, 2)) + study.shift * signs
    train, test = studies.splits(study, draw, labels)
    gone = draw.random((TECHNIQUES, study.most)) < 0.2
    gone[0] = False
    runs = {}
    for place, scale in enumerate(own):
        x = np.hstack([shared, draw.normal(size=(case.rows, 3)) + scale * signs])
        right = np.argmax(studies.LEARNERS[case.learner](x, np.eye(2)[labels], train, draw), axis=2) == labels
        if what.endswith("collapses"):
            right[gone[place]] = labels == 0
        runs[str(place)] = runs_of(right, test, lost=gone[place] if what.endswith("lost") else None)
    if what.endswith("collapses"):
        true[1:] = 0.8 * true[1:] + 0.1
    question = Question(looks=3, look=3, planned=studies.LOOKS) if what == "racing" else Question()
    terms = terms_of(case.rows, int(train[0].sum()), int(test[0].sum()), TECHNIQUES - 1, question=question)
    return runs, replace(terms, labels=dict(zip(runs, runs, strict=True))), true


def chances(count: int, draw: Draw) -> Iterator[Line]:
    """Stated chances beside what came true, of nine techniques whose accuracy on new data is known."""
    for what, case in CHANCES.items():
        said: list[tuple[float, float]] = []
        matter: list[tuple[float, float]] = []
        loss = []
        for _ in range(count):
            runs, terms, true = choice(what, case, draw)
            variants = [Variant(name, name, (), Training(), None if name == "0" else "0") for name in runs]
            runs = raced(runs, variants, terms) if what == "racing" else runs
            rows = [replace(variant_row(one, runs, terms), rank=1) for one in variants]
            found = {int(one.name): one for one in odds(rows, runs, terms, {})}
            top = true == true.max()
            said += [(one.best, top[place] / top.sum()) for place, one in found.items()]
            matter += [(one.matters, float(true[place] - true[0] > 0.01)) for place, one in found.items() if place]
            first_of = next(iter(found))
            loss.append((found[first_of].loss, true.max() - true[first_of]))
        for title, pairs in (("best", said), ("enough to matter", matter)):
            table = np.array(pairs, float)
            for low, high in BANDS:
                here = table[(table[:, 0] >= low) & (table[:, 0] < high)]
                if len(here) > 9:
                    mean, came = here.mean(axis=0)
                    yield Line(f"{what}: {title}, said {mean:.2f}, came true", float(came), len(here), None)
        mean, came = np.mean(loss, axis=0)
        yield Line(f"{what}: loss, said {mean:.4f}, real", float(came), count, None)


def raced(runs: dict[str, Runs], variants: list[Variant], terms: Terms) -> dict[str, Runs]:
    """``runs`` with the seeds that `--seeds auto` would have trained of each."""
    from regfleet.analysis.prospects import LIKELY, chance_of_verdict

    used = dict.fromkeys(runs, 0)
    open_ = {one.name for one in variants if one.control}
    for number, seeds in enumerate((studies.GLANCE, *studies.LOOKS)):
        for name in [*open_, "0"]:
            used[name] = seeds
        at = replace(terms, question=replace(terms.question, look=max(number, 1)))
        for name in sorted(open_):
            one = compare(first(runs[name], seeds), first(runs["0"], seeds), "0", at)
            settled = one.verdict != "undecided"
            if settled or chance_of_verdict(one, terms.ahead) < LIKELY:  # type: ignore[arg-type]
                open_.discard(name)
        if not open_:
            break
    return {name: first(one, max(used[name], 10 if name == "0" else 0)) for name, one in runs.items()}


def first(runs: Runs, seeds: int) -> Runs:
    """The runs of the first so many seeds."""
    there = runs.seeds < seeds
    cells = None if runs.cells is None else runs.cells.at(runs.seeds[there])
    parts = {name: getattr(runs, name)[there] for name in PER_SEED}
    return replace(runs, **parts, seeds=runs.seeds[there], lost=runs.lost[runs.lost < seeds], cells=cells)


def between_runs(count: int, draw: Draw) -> Iterator[Line]:
    """A later run with a true drop, or none, against an earlier one; and one whose training set is another."""
    ease = nightly.EASE + nightly.SPREAD * draw.normal(size=200_000)
    noise = math.hypot(nightly.WHOLE, nightly.CHANCE) * draw.normal(size=200_000)
    for nights in ("same seeds", "new seeds", "other rows"):
        for rows, seeds, drop in ((150, 10, 0.0), (150, 10, 1.0), (600, 30, 0.3), (150, 5, 0.0)):
            case = nightly.Case("", nights, rows=rows, seeds=seeds)
            terms = nightly.terms(case)
            true = float(np.mean(ease - drop + noise > 0) - np.mean(ease + noise > 0))
            out, words = [], []
            for _ in range(count):
                before = nightly.EASE + nightly.SPREAD * draw.normal(size=rows)
                dealt = nightly.tested(case, draw)
                now = nightly.EASE + nightly.SPREAD * draw.normal(size=rows) if nights == "other rows" else before
                same = nights == "same seeds"
                old = nightly.runs(case, before, dealt, 0, draw)
                new = nightly.runs(
                    case, now - drop, dealt if same else nightly.tested(case, draw), 0 if same else 1000, draw
                )
                one = change("v", "v", new, old, terms, "" if same else "no seed is in both runs")
                out.append(missed(one.difference, true))
                words.append(studies.is_wrong(one.verdict, true))
            yield Line(f"diff, {nights}, {rows} rows, {seeds} seeds, {true:+.3f}", float(np.mean(out)), count)
            yield Line(
                f"diff, {nights}, {rows} rows, {seeds} seeds, {true:+.3f}: wrong word", float(np.mean(words)), count
            )
    for old_rows, new_rows in ((0.2, 0.6), (0.6, 0.2)):
        out = []
        for _ in range(count):
            old, new = (means_of(share, draw) for share in (old_rows, new_rows))
            terms = terms_of(200, round(200 * new_rows), 40, 1, "auc")
            before = terms_of(200, round(200 * old_rows), 40, 1, "auc")
            one = change("v", "v", new, old, terms, "rows were split otherwise", before)
            out.append(missed(one.difference, 0.0))
        yield Line(f"diff, {old_rows:.0%} of rows trained before, {new_rows:.0%} now", float(np.mean(out)), count)


def means_of(share: float, draw: Draw) -> Runs:
    """Ten scores whose common part has the variance that Nadeau and Bengio's correction takes for it."""
    ratio = 0.2 / share
    return scored_runs(0.8 + 0.05 * (draw.normal(size=10) + math.sqrt(ratio) * draw.normal()))


def nights_of_errors(count: int, draw: Draw) -> Iterator[Line]:
    """A year of checks of an error whose scatter over seeds is heavy-tailed or skewed, seeds the same or new."""
    for seeds in (5, 10):
        for kind in ("t with two degrees of freedom", "log-normal"):
            for same in (True, False):
                false = []
                terms = terms_of(150, 90, 30, 1, "mse")

                def night(kind: str = kind, seeds: int = seeds, start: int = 0) -> Runs:
                    noise = draw.standard_t(2, seeds) if kind[0] == "t" else np.exp(1.2 * draw.normal(size=seeds))
                    return scored_runs(np.abs(10 + noise), start)

                for _ in range(max(20, count // 10)):
                    old = night()
                    found = False
                    for _ in range(LOOKS):
                        new = night(start=0 if same else 1000)
                        why = "" if same else "no seed is in both runs"
                        one = item_of("v", "v", (new, old), terms, why, LOOKS, same_rows=True)
                        found |= one.difference.high < 0
                    false.append(found)
                which = "same" if same else "new"
                yield Line(
                    f"check, {kind}, {seeds} {which} seeds: an alarm in a year", float(np.mean(false)), len(false)
                )


def rows_and_columns(count: int, draw: Draw) -> Iterator[Line]:
    """The learning curve and ablation, whose true effects are the means over all studies."""
    for learner in ("least squares", "nearest neighbour"):
        for rows in (60, 150):
            case, labels = studies.Case("", learner, rows=rows, seeds=(10,)), np.arange(rows) % 2
            signs, learn = 2.0 * labels[:, None] - 1, studies.LEARNERS[learner]
            asked = {
                "what twice the rows gain": ((0, 1), (1, -1)),
                "rows against a technique": ((0, 1, 2), (2, -1, -1)),
                "a column of noise": ((0, 3), (1, -1)),
                "a column that tells": ((0, 4), (1, -1)),
            }
            found: dict[str, list[tuple[Interval, str]]] = {name: [] for name in asked}
            for _ in range(count):
                x = draw.normal(size=(rows, 6)) + np.array([0.5, 0.5, 0.5, 0.5, 0.0, 0.0]) * signs
                other = np.hstack([x[:, :3], draw.normal(size=(rows, 3)) + 0.5 * signs])
                train, test = studies.splits(case, draw, labels)
                half = train & (
                    np.argsort(np.argsort(draw.random((10, rows)) + 2.0 * ~train, axis=1), axis=1) < train[0].sum() // 2
                )
                sets = [(x, train), (x, half), (other, train), (x[:, :5], train), (x[:, 1:], train)]
                y = np.eye(2)[labels]
                runs = [runs_of(np.argmax(learn(of, y, who, draw), axis=2) == labels, test) for of, who in sets]
                terms = terms_of(rows, int(train[0].sum()), int(test[0].sum()), 1)
                for name, (which, weights) in asked.items():
                    effect = weighed((name,), [runs[one] for one in which], weights, terms, 1)[0]
                    found[name].append((effect.difference, effect.verdict))
            for name, of in found.items():
                true = float(np.mean([one.mean for one, _ in of]))
                out = float(np.mean([missed(one, true) for one, _ in of]))
                yield Line(f"{name} ({true:+.3f}), {learner}, {rows} rows", out, count)
                wrong = float(np.mean([studies.is_wrong(word, true) for _, word in of]))
                yield Line(f"{name} ({true:+.3f}), {learner}, {rows} rows: wrong word", wrong, count)


FRESH = 4_000


def lost_by(x: Array, labels: np.ndarray, weights: Array, draw: Draw, repeats: int) -> dict[str, float]:
    """What a linear model of ``weights`` loses of its accuracy when a column is shuffled, by column."""
    said = np.column_stack([np.ones(len(x)), x]) @ weights
    before, found = np.mean(np.argmax(said, axis=1) == labels), {}
    for column in range(x.shape[1]):
        shuffled = np.stack([draw.permutation(x[:, column]) for _ in range(repeats)])
        moved = said + (shuffled - x[:, column])[:, :, None] * weights[1 + column]
        found[str(column)] = float(before - np.mean(np.argmax(moved, axis=2) == labels))
    return found


def importance(count: int, draw: Draw) -> Iterator[Line]:
    """Three columns of noise beside three that tell; shuffled among the test rows of each seed, as `fit` does.

    What these networks look at is what fresh rows say of them.
    """
    for rows, seeds, share in ((60, 5, 0.5), (150, 5, 0.5), (150, 10, 0.5), (150, 30, 0.5), (150, 10, 0.1)):
        noise, alone, tells, truths = [], [], [], []

        def sample(many: int, share: float = share) -> tuple[Array, np.ndarray]:
            labels = (np.arange(many) < share * many).astype(int)
            tell = np.array([0.8, 0.8, 0.8, 0.0, 0.0, 0.0]) * (2.0 * labels[:, None] - 1)
            return draw.normal(size=(many, 6)) + tell, labels

        for _ in range(count):
            (x, labels), (fresh, theirs) = sample(rows), sample(FRESH)
            train, test = studies.splits(studies.Case("", rows=rows, seeds=(seeds,)), draw, labels)
            worth, true = [], []
            for who, where in zip(train, test, strict=True):
                z = np.column_stack([np.ones(rows), x])[who]
                weights = np.linalg.lstsq(z, np.eye(2)[labels[who]], rcond=None)[0]
                worth.append(lost_by(x[where], labels[where], weights, draw, 5))
                true.append(lost_by(fresh, theirs, weights, draw, 1)["0"])

            def of(*columns: str, worth: list[dict[str, float]] = worth) -> list[tuple[float, float]]:
                chosen = [{name: one[name] for name in columns} for one in worth]
                found = {one.column: one for one in over_seeds(chosen, METRICS["accuracy"], 1 / 3, ALPHA)}
                return [(found[name].low or 0.0, found[name].high or 0.0) for name in columns]

            noise.append(any(low > 0 or high < 0 for low, high in of(*"012345")[3:]))
            alone.append(any(low > 0 or high < 0 for low, high in of("3")))
            ((low, high),) = of("0")
            truths.append(float(np.mean(true)))
            tells.append(low > truths[-1] or high < truths[-1])
        name = f"{rows} rows, {seeds} networks" + (", one class a tenth" if share < 0.5 else "")
        yield Line(f"any column of noise clear, {name}", float(np.mean(noise)), count)
        yield Line(f"a column of noise alone, {name}", float(np.mean(alone)), count)
        yield Line(f"a column that tells ({np.mean(truths):+.3f}) alone, {name}", float(np.mean(tells)), count)


def data_sets(count: int, draw: Draw) -> Iterator[Line]:
    """Over data sets: no difference on average; and a technique that ruins one data set in ten by twenty points."""
    for many in (5, 10, 20):
        null, skewed, alike, out = [], [], [], []
        for _ in range(5 * count):
            names = [str(one) for one in range(many)]
            level = dict(zip(names, 0.02 * draw.normal(size=many) + 0.01 * draw.normal(size=many), strict=True))
            one = compare_across("v", "v", "c", level, 0.01, ALPHA, 1)
            null.append(one.verdict in ("better", "worse"))
            values = 0.02 * (draw.exponential(size=many) - 1)
            one = compare_across("v", "v", "c", dict(zip(names, values.tolist(), strict=True)), 0.01, ALPHA, 1)
            skewed.append(one.verdict in ("better", "worse"))
            values = np.where(draw.random(many) < 0.1, -0.2, 0.0) + 0.002 * draw.normal(size=many)
            one = compare_across("v", "v", "c", dict(zip(names, values.tolist(), strict=True)), 0.01, ALPHA, 1)
            alike.append(one.verdict == "equivalent")
            out.append(missed(one.difference, -0.02))
        yield Line(f"{many} data sets, no difference on average", float(np.mean(null)), 5 * count)
        yield Line(f"{many} data sets, no difference on average, skewed", float(np.mean(skewed)), 5 * count, None)
        yield Line(
            f"{many} data sets, one in ten ruined (−0.02): called equivalent", float(np.mean(alike)), 5 * count, None
        )
        yield Line(
            f"{many} data sets, one in ten ruined: the interval leaves −0.02 out", float(np.mean(out)), 5 * count
        )


ATTACKS: dict[str, Callable[[int, Draw], Iterator[Line]]] = {
    "one comparison": one_comparison,
    "validation chooses": validation_chooses,
    "rare disagreements": rare_disagreements,
    "a rare class": rare_class,
    "no scatter": no_scatter,
    "lead": leads,
    "lost runs": lost_runs,
    "sweeps": sweeps,
    "looks": looks,
    "more seeds": more_seeds,
    "odds": chances,
    "between runs": between_runs,
    "check": nights_of_errors,
    "rows and columns": rows_and_columns,
    "importance": importance,
    "data sets": data_sets,
}


def main() -> None:
    """Print a table of each attack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--only", default="", metavar="WORD")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    RowEstimate.p_value = lambda *_: math.nan  # type: ignore[method-assign] # most of the time, and nothing asks for it
    for name, attack in ATTACKS.items():
        if asked.only not in name:
            continue
        started = time.perf_counter()
        print(f"{name}\n\n| what | share | of | at most |\n| --- | --- | --- | --- |", flush=True)
        for line in attack(asked.studies, np.random.default_rng([asked.seed, *name.encode()])):
            most = "" if line.most is None else f"{line.most:.3g}"
            late = (
                " !"
                if line.most is not None and line.share > line.most + 2 * math.sqrt(0.05 / max(1, line.count))
                else ""
            )
            print(f"| {line.what} | {line.share:.3f}{late} | {line.count or 'all'} | {most} |", flush=True)
        print(f"\n{time.perf_counter() - started:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
