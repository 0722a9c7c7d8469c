"""Techniques added one by one: each step adds the one that helps most by validation rows, while that is clear.

Steps are taken on seeds of their own and see no test score, and what they come to is judged on other seeds. A step is
clear where the interval of the best candidate excludes zero: the corrected t of one validation score per seed,
simultaneous over the candidates of the step (Bonferroni), as clear as a verdict by one score per seed is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.gains import Candidate, Step
from regfleet.analysis.intervals import MINIMUM_PAIRS, Array, estimate, interval, sd_floor
from regfleet.analysis.question import Question
from regfleet.analysis.runs import Runs, shared


@dataclass(frozen=True, slots=True)
class Walk:
    """How far techniques were added on a data set.

    ``asked`` are the names of the variants that its steps need, those of the next one too. ``single`` is the best of
    the single techniques by validation rows and ``final`` the variant that steps came to; empty before the first step.
    ``done`` says that no step follows.
    """

    steps: tuple[Step, ...]
    asked: tuple[str, ...]
    done: bool
    single: str = ""
    final: str = ""

    @property
    def judged(self) -> tuple[str, ...]:
        """The variants to be judged on other seeds, once the last step was taken."""
        return tuple(dict.fromkeys((self.single, self.final))) if self.done else ()


def take_step(
    base: Runs, candidates: Mapping[str, tuple[str, Runs]], question: Question, rows: tuple[int, int], *, fixed: bool
) -> Step:
    """The step from ``base`` to the best of the ``candidates``, which add a technique each.

    Args:
        base: the runs so far.
        candidates: name of the variant → label of the technique that it adds, and its runs.
        question: of the study.
        rows: that train, and that validate.
        fixed: whether the question is about these rows, of which the splits are no sample.
    """
    n_train, n_val = rows
    ratio = 0.0 if fixed or not n_train else n_val / n_train
    sign, found = question.metric.sign, []
    worst = min((sign * one.val_scores).min(initial=math.inf) for one in (base, *(of for _, of in candidates.values())))
    for name, (label, runs) in candidates.items():
        d = _gains(base, runs, sign, worst)
        floor = sd_floor(n_val, len(d)) if question.metric.counts else 0.0
        around = interval(estimate(d, ratio, floor), question.alpha, len(candidates))
        found.append(Candidate(name, label, len(d), around))
    best = max(found, key=lambda one: -math.inf if math.isnan(one.difference.mean) else one.difference.mean)
    clear = best.seeds >= MINIMUM_PAIRS and bool(np.greater(best.difference.low, 0))
    return Step(tuple(found), best.name, best.label, clear=clear)


def _gains(base: Runs, runs: Runs, sign: int, worst: float) -> Array:
    """What a candidate adds on each seed that the base finished; one that it lost counts as the ``worst`` of all."""
    _, here, there = shared(runs, base)
    gains = sign * (runs.val_scores[here] - base.val_scores[there])
    lost = np.isin(base.seeds, runs.lost)
    gains = np.concatenate([gains, worst - sign * base.val_scores[lost]])
    return np.round(gains[np.isfinite(gains)], 14)
