"""A variant against its control, and the best against the runner-up, from their runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regfleet.analysis.cells import Cells, Pair, Seeds, ignorant, joined
from regfleet.analysis.halves import halves_estimate
from regfleet.analysis.intervals import (
    FEW_ROWS,
    MINIMUM_PAIRS,
    NO_SCATTER,
    NOT_YET,
    TOO_FEW,
    Array,
    decide,
    estimate,
    interval,
    sd_floor,
    unknown,
    without_scatter,
)
from regfleet.analysis.judging import (
    BRIER,
    NO_HALVES,
    Judged,
    Tested,
    by_rows,
    judged_by_halves,
    judged_by_rows,
    judged_by_seeds,
    pair_of,
)
from regfleet.analysis.power import rows_for_equivalence
from regfleet.analysis.prospects import Ahead
from regfleet.analysis.question import Question
from regfleet.analysis.runs import Runs, differences, ignorant_score, scored, shared
from regfleet.analysis.summary import Lead
from regfleet.analysis.variant import Companion, Comparison, Interval, Rule
from regfleet.metrics import METRICS, Metric, default_metric
from regfleet.settings.values import Task

BY_CLASS = frozenset({"balanced_accuracy", "macro_f1", "auc"})
"""Metrics that count each class alike, however few rows it has."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every row of one data set has in common.

    ``ratio`` n_test/n_train and ``gap_ratio`` n_val/n_train as they enter the intervals, ``comparisons`` the number of
    simultaneous intervals, ``shares`` of the classes where they are known, ``where`` the words for what the intervals
    are about, ``labels`` of the variants by name. ``tested`` are the rows that can be judged one by one.
    ``test_validates`` says that the rows that test choose too, as in the article's split.
    """

    question: Question
    ratio: float
    gap_ratio: float
    comparisons: int
    n_test: int
    n_val: int
    shares: Sequence[float] | None
    where: str
    labels: Mapping[str, str]
    task: Task
    tested: Tested
    test_validates: bool = False

    @property
    def metric(self) -> Metric:
        """What the variants are judged by."""
        return self.question.metric

    @property
    def gap_rows(self) -> int:
        """The validation rows that a gap counts; 0 where it is no count of rows."""
        return self.n_val if METRICS[default_metric(self.task)].counts else 0

    @property
    def ahead(self) -> Ahead | None:
        """The last look of a study that adds seeds until the answer is clear; None of any other."""
        planned, rows = self.question.planned, self.tested.rows
        if not planned:
            return None
        return Ahead(planned[-1], self.question.alpha_last, self.comparisons, self.ratio, self.n_test, rows)

    def alpha(self, first: Runs, second: Runs) -> float:
        """The share of alpha that a comparison of the two may spend, by the seeds that both were tried on."""
        return self.question.alpha_at(min(first.attempted, second.attempted))

    @property
    def telling(self) -> float:
        """The rows, or as many in classes of equal size, that scores on new data rest on; infinite where not known.

        Of scores that count each class alike those of the rarest one, times the classes.
        """
        rows = self.tested.rows or self.tested.training + self.n_test
        if not self.ratio or not rows or self.metric.name not in (*BY_CLASS, "accuracy", "calibration_error"):
            return math.inf
        there = [share for share in self.shares or () if share > 0]
        if self.metric.name not in BY_CLASS or not there:
            return rows
        areas = 1 if self.metric.name == "auc" and len(there) == 2 else len(there)  # that of one class says the other's
        return min(there) * areas * rows

    def too_few_rows(self, rule: Rule, rope: float, alpha: float, comparisons: int) -> bool:
        """Whether rows are too few to show an equivalence that scores of seeds seem to show.

        What is wrong on a share of the rows is on none of n with a chance of exp(−n·share), whatever the seeds.
        """
        return rule != "rows" and rope > 0 and self.telling < rows_for_equivalence(rope, alpha, comparisons)

    def floor(self, seeds: int) -> float:
        """The least standard deviation of a mean of ``seeds`` scores or differences."""
        return sd_floor(self.n_test, seeds) if self.metric.counts else 0.0


def compare(variant: Runs, control: Runs, control_name: str, terms: Terms) -> Comparison:
    """A variant against its control, over the seeds that both finished."""
    seeds, here, there = shared(variant, control)
    alpha = terms.alpha(variant, control)
    _, d, pair, judged = measured(variant, control, terms, terms.comparisons)
    rope = terms.metric.rope_at(float(np.mean(control.scores[there])) if len(d) else 0.0)
    verdict, note = decide(judged.interval, rope, len(d))
    same = pair.tested if pair is not None and pair.same else 0
    if len(d) >= MINIMUM_PAIRS and _says_nothing(judged, d, terms, rope):
        judged = replace(judged, interval=unknown(judged.interval), p=math.nan, floor=math.nan)
        verdict, note = "undecided", NO_SCATTER
    elif verdict == "equivalent" and terms.too_few_rows(judged.rule, rope, alpha, terms.comparisons):
        verdict, note = "undecided", FEW_ROWS
    if judged.rule == "halves" and note == TOO_FEW and len(d) >= MINIMUM_PAIRS:
        note = NO_HALVES
    dropped = _dropped(variant, control) + sum(map(_dropped, variant.halves, control.halves))
    claims = terms.question.claims(min(variant.attempted, control.attempted))
    if verdict != "undecided" and not claims:
        verdict, note = "undecided", NOT_YET
    withdrawn = None
    if dropped and verdict != "undecided" and _with_failures(variant, control, judged.rule, terms, rope) != verdict:
        verdict, note, withdrawn = "undecided", "withdrawn because of failed runs", verdict
    return Comparison(
        control=control_name,
        seeds=tuple(seeds.tolist()),
        differences=tuple(d.tolist()),
        difference=judged.interval,
        sd=estimate(d, terms.ratio, terms.floor(len(d))).sd,
        p=judged.p,
        wins=int(np.sum(d > 0)),
        ties=int(np.sum(d == 0)),
        losses=int(np.sum(d < 0)),
        rope=rope,
        floor=judged.floor,
        verdict=verdict,
        note=note,
        dropped=dropped,
        withdrawn=withdrawn,
        identical=not d.any() and _identical(variant.train_error[here], control.train_error[there]),
        this_dataset=interval(estimate(d, 0.0, terms.floor(len(d))), alpha, terms.comparisons),
        rule=judged.rule,
        rule_why=judged.why,
        same=same,
        companion=_companion(pair, alpha, terms) if claims else None,
        outlook=judged.outlook,
    )


def _says_nothing(judged: Judged, d: Array, terms: Terms, rope: float = 0.0) -> bool:
    """Whether differences are the same on every seed, which makes an interval of no width.

    The rows behind them say less than that of fresh rows. How much less is known of a count of rows alone.
    """
    if judged.rule == "halves":
        return without_scatter(judged.interval, rope) or not d.any()
    return judged.rule == "seeds" and bool(terms.ratio) and without_scatter(judged.interval, rope)


def lead(ranked: Sequence[tuple[str, Runs]], terms: Terms) -> Lead | None:
    """The first of ``ranked`` (name and runs, best mean first) against the second; None below two."""
    if len(ranked) < 2:
        return None
    (best, first), (runner_up, second) = ranked[:2]
    seeds, d, _, judged = measured(first, second, terms, len(ranked) - 1)
    claims = terms.question.claims(min(first.attempted, second.attempted))
    if _says_nothing(judged, d, terms):
        judged = replace(judged, interval=unknown(judged.interval))
    clear = claims and len(d) >= MINIMUM_PAIRS and judged.interval.low > 0
    return Lead(best, runner_up, judged.interval, clear, tuple(seeds.tolist()), rule=judged.rule)


def measured(first: Runs, second: Runs, terms: Terms, comparisons: int = 1) -> tuple[Seeds, Array, Pair | None, Judged]:
    """Two variants over the seeds that both finished: those, (seeds,) differences, rows side by side, the interval."""
    seeds, here, there = shared(first, second)
    d = differences(first.scores[here], second.scores[there], terms.metric)
    pair, why = pair_of(first.cells, second.cells, seeds, terms.tested)
    return seeds, d, pair, _judged(d, pair, why, (first, second), terms, comparisons)


def _judged(d: Array, pair: Pair | None, why: str, runs: tuple[Runs, Runs], terms: Terms, comparisons: int) -> Judged:
    """The interval of a difference: of pairs of halves where asked for, of single rows, or of ``d`` (seeds,)."""
    alpha = terms.alpha(*runs)
    if terms.question.halves:
        pairs = _pairs(
            [_paired(one, other, terms.metric) for one, other in zip(runs[0].halves, runs[1].halves, strict=True)]
        )
        of_halves = halves_estimate(d, pairs, terms.floor(len(d)))
        return judged_by_halves(of_halves, alpha, comparisons)
    of = by_rows(pair, terms.tested)
    if of is not None:
        return judged_by_rows(of, alpha, comparisons)
    why = terms.tested.unfit or why
    return judged_by_seeds(d, terms.ratio, terms.floor(len(d)), alpha, comparisons, why)


def _paired(first: Runs, second: Runs, metric: Metric) -> Array:
    """The differences of two variants on the seeds that both finished."""
    _, here, there = shared(first, second)
    return differences(first.scores[here], second.scores[there], metric)


def _pairs(halves: Sequence[Array]) -> Array:
    """The mean of the differences on each half, (pairs, 2); NaN where there are none."""
    means = [float(np.mean(d)) if len(d) else np.nan for d in halves]
    return np.array(means, dtype=np.float64).reshape(-1, 2)


def _companion(pair: Pair | None, alpha: float, terms: Terms) -> Companion | None:
    """The Brier scores beside each other, by seed; None where there are none, or the verdict is by them already."""
    if pair is None or not len(pair.brier) or not np.isfinite(pair.brier).all():
        return None
    if terms.metric.name in ("mse", "brier"):
        return None
    gain = interval(estimate(-pair.brier, terms.ratio), alpha, terms.comparisons)
    verdict, _ = decide(gain, BRIER.rope, len(pair.brier))
    return Companion(Interval(-gain.mean, -gain.high, -gain.low), verdict)


def score_interval(scores: Array, terms: Terms) -> Interval:
    """The mean of ``scores`` (seeds,) with its own interval, cut to what the metric can be."""
    around = interval(estimate(scores, terms.ratio, terms.floor(len(scores))), terms.question.alpha)
    return Interval(around.mean, max(around.low, terms.metric.lowest), min(around.high, terms.metric.highest))


def _dropped(variant: Runs, control: Runs) -> int:
    attempted = np.intersect1d(
        np.concatenate([variant.seeds, variant.lost]), np.concatenate([control.seeds, control.lost])
    )
    return int(np.sum(np.isin(attempted, variant.lost) | np.isin(attempted, control.lost)))


def _with_failures(variant: Runs, control: Runs, rule: Rule, terms: Terms, rope: float) -> str:
    """The verdict with every lost run scored as a model that has learned nothing, on halves of the rows too.

    Single rows take from the other side which rows a lost run would have tested; a seed that both lost says nothing.
    """
    if rule == "rows":
        return _with_failed_cells(variant, control, terms, rope)
    score = ignorant_score(terms.metric, terms.shares, np.concatenate([variant.scores, control.scores]))

    def filled(first: Runs, second: Runs) -> Array:
        (seeds, scores), (control_seeds, control_scores) = scored(first, score), scored(second, score)
        _, here, there = np.intersect1d(seeds, control_seeds, return_indices=True)
        return differences(scores[here], control_scores[there], terms.metric)

    d, alpha = filled(variant, control), terms.alpha(variant, control)
    if rule == "halves":
        pairs = _pairs([filled(one, other) for one, other in zip(variant.halves, control.halves, strict=True)])
        around = halves_estimate(d, pairs, terms.floor(len(d))).interval(alpha, terms.comparisons)
    else:
        around = interval(estimate(d, terms.ratio, terms.floor(len(d))), alpha, terms.comparisons)
    return decide(around, rope, len(d))[0]


def _with_failed_cells(variant: Runs, control: Runs, terms: Terms, rope: float) -> str:
    seeds = np.union1d(
        np.intersect1d(variant.seeds, np.concatenate([control.seeds, control.lost])),
        np.intersect1d(control.seeds, variant.lost),
    )
    first, second = (_filled(one, other, seeds, terms) for one, other in ((variant, control), (control, variant)))
    of = by_rows(pair_of(first, second, seeds, terms.tested)[0], terms.tested)
    if of is None:
        return "undecided"
    return decide(of.interval(terms.alpha(variant, control), terms.comparisons), rope, len(seeds))[0]


def _filled(runs: Runs, other: Runs, seeds: Seeds, terms: Terms) -> Cells | None:
    """The cells of ``runs`` on ``seeds``, those of a model that learned nothing where it was lost; None: not there."""
    lost = np.intersect1d(seeds, runs.lost)
    own = None if runs.cells is None else runs.cells.at(np.intersect1d(seeds, runs.seeds))
    if own is None or not len(lost):
        return own
    beside = None if other.cells is None else other.cells.at(lost)
    return None if beside is None else joined([own, ignorant(beside, terms.shares)])


def _identical(loss: Array, control_loss: Array) -> bool:
    """Whether the training loss is the same to the last bit on every seed: the technique is not wired in."""
    return len(loss) > 0 and bool(np.array_equal(loss, control_loss))
