"""A variant against its control, and the best against the runner-up, from their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.intervals import MINIMUM_PAIRS, Array, decide, estimate, interval, p_value, sd_floor
from regfleet.analysis.power import resolution_floor
from regfleet.analysis.question import Question
from regfleet.analysis.runs import Runs, differences, ignorant_score, scored, shared
from regfleet.analysis.summary import Comparison, Interval, Lead
from regfleet.metrics import METRICS, Metric, default_metric
from regfleet.settings.values import Task


@dataclass(frozen=True, slots=True)
class Terms:
    """What every row of one data set has in common.

    ``ratio`` n_test/n_train and ``gap_ratio`` n_val/n_train as they enter the intervals, ``comparisons`` the number of
    simultaneous intervals, ``shares`` of the classes where they are known, ``where`` the words for what the intervals
    are about, ``labels`` of the variants by name.
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

    @property
    def metric(self) -> Metric:
        """What the variants are judged by."""
        return self.question.metric

    @property
    def gap_rows(self) -> int:
        """The validation rows that a gap counts; 0 where it is no count of rows."""
        return self.n_val if METRICS[default_metric(self.task)].counts else 0

    def floor(self, seeds: int) -> float:
        """The least standard deviation of a mean of ``seeds`` scores or differences."""
        return sd_floor(self.n_test, seeds) if self.metric.counts else 0.0


def compare(variant: Runs, control: Runs, control_name: str, terms: Terms) -> Comparison:
    """A variant against its control, over the seeds that both finished."""
    seeds, here, there = shared(variant, control)
    d = differences(variant.scores[here], control.scores[there], terms.metric)
    of = estimate(d, terms.ratio, terms.floor(len(d)))
    simultaneous = interval(of, terms.question.alpha_now, terms.comparisons)
    rope = terms.metric.rope_at(float(np.mean(control.scores[there])) if len(d) else 0.0)
    verdict, note = decide(simultaneous, rope, len(d))
    dropped = _dropped(variant, control)
    withdrawn = None
    if dropped and verdict != "undecided" and _with_failures(variant, control, terms, rope) != verdict:
        verdict, note, withdrawn = "undecided", "withdrawn because of failed runs", verdict
    return Comparison(
        control=control_name,
        seeds=tuple(seeds.tolist()),
        differences=tuple(d.tolist()),
        difference=simultaneous,
        sd=of.sd,
        p=p_value(of, terms.comparisons),
        wins=int(np.sum(d > 0)),
        ties=int(np.sum(d == 0)),
        losses=int(np.sum(d < 0)),
        rope=rope,
        floor=resolution_floor(of.sd, terms.ratio, terms.question.alpha_now, terms.comparisons),
        verdict=verdict,
        note=note,
        dropped=dropped,
        withdrawn=withdrawn,
        identical=not d.any() and _identical(variant.train_error[here], control.train_error[there]),
        this_dataset=interval(estimate(d, 0.0, terms.floor(len(d))), terms.question.alpha_now, terms.comparisons),
    )


def lead(ranked: Sequence[tuple[str, Runs]], terms: Terms) -> Lead | None:
    """The first of ``ranked`` (name and runs, best mean first) against the second; None below two."""
    if len(ranked) < 2:
        return None
    (best, first), (runner_up, second) = ranked[:2]
    seeds, here, there = shared(first, second)
    d = differences(first.scores[here], second.scores[there], terms.metric)
    between = interval(estimate(d, terms.ratio, terms.floor(len(d))), terms.question.alpha_now, len(ranked) - 1)
    clear = len(d) >= MINIMUM_PAIRS and between.low > 0
    return Lead(best, runner_up, between, clear, tuple(seeds.tolist()))


def score_interval(scores: Array, terms: Terms) -> Interval:
    """The mean of ``scores`` (seeds,) with its own interval, cut to what the metric can be."""
    around = interval(estimate(scores, terms.ratio, terms.floor(len(scores))), terms.question.alpha)
    return Interval(around.mean, max(around.low, terms.metric.lowest), min(around.high, terms.metric.highest))


def _dropped(variant: Runs, control: Runs) -> int:
    attempted = np.intersect1d(
        np.concatenate([variant.seeds, variant.lost]), np.concatenate([control.seeds, control.lost])
    )
    return int(np.sum(np.isin(attempted, variant.lost) | np.isin(attempted, control.lost)))


def _with_failures(variant: Runs, control: Runs, terms: Terms, rope: float) -> str:
    """The verdict with every lost run scored as a model that has learned nothing."""
    score = ignorant_score(terms.metric, terms.shares, np.concatenate([variant.scores, control.scores]))
    (seeds, scores), (control_seeds, control_scores) = scored(variant, score), scored(control, score)
    _, here, there = np.intersect1d(seeds, control_seeds, return_indices=True)
    d = differences(scores[here], control_scores[there], terms.metric)
    of = estimate(d, terms.ratio, terms.floor(len(d)))
    return decide(interval(of, terms.question.alpha_now, terms.comparisons), rope, len(d))[0]


def _identical(loss: Array, control_loss: Array) -> bool:
    """Whether the training loss is the same to the last bit on every seed: the technique is not wired in."""
    return len(loss) > 0 and bool(np.array_equal(loss, control_loss))
