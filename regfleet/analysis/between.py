"""A variant in a later run against itself in an earlier one: the same verdicts, between runs instead of variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from regfleet.analysis.cells import ignorant, joined
from regfleet.analysis.comparing import Terms, compare
from regfleet.analysis.intervals import (
    BEYOND_ROPE,
    FEW_ROWS,
    MINIMUM_PAIRS,
    NO_SCATTER,
    TOO_FEW,
    Array,
    Estimate,
    decide,
    estimate,
    interval,
    unknown,
    without_scatter,
)
from regfleet.analysis.runs import Runs, differences, ignorant_score, scored, scores_alone, shared
from regfleet.analysis.variant import Interval, Word
from regfleet.metrics import Metric
from regfleet.numbers import Scale, counted

Pairing: TypeAlias = Literal["rows", "seeds", "unpaired"]
"""What is held against what: test rows of the same seeds, scores of the same seeds, or means over seeds."""
WITHDRAWN = "withdrawn because of failed runs"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a variant from one run to the next; differences are new − old, oriented: larger is better.

    ``old`` and ``new`` are the mean scores as the metric is measured, over the seeds that are compared, of which there
    are ``seeds`` (old, new). ``pairing`` says what is held against what, ``why`` why it is nothing finer. ``lost``
    counts trials (old, new) that failed or diverged. ``same``: test rows on which both runs always said the same, 0
    where there is one on which they did not; ``identical``: whether even the training was the same to the last bit.
    ``sentence`` says it in plain words.
    """

    name: str
    label: str
    old: float
    new: float
    seeds: tuple[int, int]
    difference: Interval
    rope: float
    verdict: Word
    note: str
    pairing: Pairing
    why: str
    lost: tuple[int, int]
    same: int = 0
    identical: bool = False
    sentence: str = ""


def change(
    name: str, label: str, new: Runs, old: Runs, terms: Terms, apart: str, before: Terms | None = None
) -> Change:
    """What became of a variant.

    Args:
        name, label: of the variant.
        new, old: its runs on a data set.
        terms: of the later run on that data set; ``comparisons`` are the variants that both runs have.
        apart: why a seed did not test the same rows in both runs; empty where it did.
        before: the terms of the earlier run, where its splits may be others.
    """
    seeds, here, there = shared(new, old)
    if not apart and len(seeds) < MINIMUM_PAIRS <= min(len(new.seeds), len(old.seeds)):
        apart = f"{_have(len(seeds))} both runs"
    both = terms, before or terms
    found = _paired(name, label, new, old, terms) if not apart else _unpaired(name, label, new, old, both, apart)
    if not apart:
        found = replace(found, old=_mean(old.scores[there]), new=_mean(new.scores[here]))
    return replace(found, sentence=_sentence(found, terms))


def _have(seeds: int) -> str:
    return f"only {counted(seeds, 'seed')} {'is' if seeds == 1 else 'are'} in" if seeds else "no seed is in"


def _paired(name: str, label: str, new: Runs, old: Runs, terms: Terms) -> Change:
    one = compare(new, old, name, terms)
    return Change(
        name=name,
        label=label,
        old=math.nan,
        new=math.nan,
        seeds=(len(one.seeds), len(one.seeds)),
        difference=one.difference,
        rope=one.rope,
        verdict=one.verdict,
        note=one.note,
        pairing="rows" if one.rule == "rows" else "seeds",
        why=one.rule_why,
        lost=(len(old.lost), len(new.lost)),
        same=one.same,
        identical=one.identical,
    )


def _unpaired(name: str, label: str, new: Runs, old: Runs, both: tuple[Terms, Terms], why: str) -> Change:
    terms, ratios = both[0], (both[0].ratio, both[1].ratio)
    of = apart_estimate(new.scores, old.scores, both, ratios)
    around = interval(of, terms.question.alpha, terms.comparisons)
    rope, fewest = terms.metric.rope_at(_mean(old.scores)), min(len(new.seeds), len(old.seeds))
    verdict, note = decide(around, rope, fewest)
    if note != TOO_FEW and terms.ratio and without_scatter(around, rope):
        around, verdict, note = unknown(around), "undecided", NO_SCATTER
    elif verdict == "equivalent" and terms.too_few_rows("seeds", rope, terms.question.alpha, terms.comparisons):
        verdict, note = "undecided", FEW_ROWS
    if verdict != "undecided" and len(new.lost) + len(old.lost):
        now, before = (scored(one, _nothing(new, old, terms))[1] for one in (new, old))
        of = apart_estimate(now, before, both, ratios)
        around_all = interval(of, terms.question.alpha, terms.comparisons)
        if decide(around_all, rope, min(len(now), len(before)))[0] != verdict:
            verdict, note = "undecided", WITHDRAWN
    return Change(
        name=name,
        label=label,
        old=_mean(old.scores),
        new=_mean(new.scores),
        seeds=(len(old.seeds), len(new.seeds)),
        difference=around,
        rope=rope,
        verdict=verdict,
        note=note,
        pairing="unpaired",
        why=why,
        lost=(len(old.lost), len(new.lost)),
    )


def apart_estimate(new: Array, old: Array, terms: tuple[Terms, Terms], ratios: tuple[float, float]) -> Estimate:
    """The difference of two means over seeds that are not the same, (new seeds,) and (old seeds,).

    ``terms`` and ``ratios`` are of the later and of the earlier run, whose splits may be others.
    The corrected variances of both means are added. Runs on the same rows owe a part of their scores to these, which
    the difference does not have, so that the interval is too wide there rather than too narrow. The degrees of freedom
    are Welch's, rounded down ("The generalization of 'Student's' problem when several different population variances
    are involved", Biometrika 34, 1947).
    """
    both = [estimate(one, ratio, of.floor(len(one))) for one, ratio, of in zip((new, old), ratios, terms, strict=True)]
    mean = float(np.round(terms[0].metric.sign * (both[0].mean - both[1].mean), 14))
    if min(one.df for one in both) < 1:
        return Estimate(mean, math.nan, math.nan, 0)
    variances = [one.se**2 for one in both]
    total = sum(variances)
    weight = sum(v**2 / one.df for v, one in zip(variances, both, strict=True))
    df = int(total**2 / weight) if weight else min(one.df for one in both)
    return Estimate(mean, math.nan, math.sqrt(total), max(1, df))


def chance_interval(new: Runs, old: Runs, terms: Terms, apart: str, looks: int) -> Interval:
    """What a difference must exceed lest one of so many ``looks`` at nothing new finds it, by what seeds alone vary.

    Later runs that differ from the earlier one by chance, on the same rows, differ by their seeds: Student's t of the
    differences, without what overlapping splits owe to their rows. All of alpha is spent on the side of drops, over the
    looks and the comparisons (Bonferroni), which holds whatever later runs owe to each other and to the one that all of
    them are held against.
    """
    alpha = one_sided(terms.question.alpha, looks)
    if apart:
        return interval(apart_estimate(new.scores, old.scores, (terms, terms), (0.0, 0.0)), alpha, terms.comparisons)
    _, here, there = shared(new, old)
    d = differences(new.scores[here], old.scores[there], terms.metric)
    return interval(estimate(d, 0.0, terms.floor(len(d))), alpha, terms.comparisons)


def one_sided(alpha: float, looks: int) -> float:
    """What a two-sided interval errs by that errs by ``alpha``, over so many looks, on the side of drops alone."""
    return min(2 * alpha / looks, 0.999)


def with_lost(runs: Runs, beside: Runs, terms: Terms) -> Runs:
    """``runs`` with every trial that failed or diverged as a model that learned nothing.

    ``beside`` has the rows that it would have tested, where those are known.
    """
    if not len(runs.lost):
        return runs
    seeds, scores = scored(runs, _nothing(runs, beside, terms))
    own = None if runs.cells is None else runs.cells.at(runs.seeds)
    known = None if beside.cells is None else beside.cells.at(np.intersect1d(runs.lost, beside.seeds))
    cells = None
    if known is not None and len(known.seeds) == len(runs.lost):
        idle = ignorant(known, terms.shares)
        cells = idle if not len(runs.seeds) else None if own is None else joined([own, idle])
    return scores_alone(seeds, scores, cells=cells)


def _nothing(first: Runs, second: Runs, terms: Terms) -> float:
    return ignorant_score(terms.metric, terms.shares, np.concatenate([first.scores, second.scores]))


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan


def _sentence(one: Change, terms: Terms) -> str:
    """A change in plain words."""
    unit, where = Scale(terms.metric), terms.where
    known = {
        TOO_FEW: f"nothing can be said, for {counted(min(one.seeds), 'seed')} can be compared and "
        f"{counted(MINIMUM_PAIRS, 'seed')} are the least",
        WITHDRAWN: "no verdict, for it would be another with the lost trials as models that learned nothing",
        FEW_ROWS: f"alike as far as seen, on too few rows to show that it is as before, within {unit.amount(one.rope)}",
        NO_SCATTER: f"the same {terms.metric.title} on every seed, though not the same predictions"
        if one.difference.mean == 0
        else f"{unit.amount(one.difference.mean)} of {terms.metric.title} "
        f"{'better' if one.difference.mean > 0 else 'worse'} on every seed alike, which makes no interval",
    }
    clear = one.verdict in ("better", "worse")
    if one.identical:
        said = f"trained as before to the last bit, on {counted(one.seeds[1], 'seed')}"
    elif one.note in known:
        said = known[one.note]
    elif one.same and not clear:
        said = f"the same predictions as before on all {one.same:,} rows that were tested"
    elif one.verdict == "equivalent":
        said = f"as before on {where}, within {unit.amount(one.rope)} in {terms.metric.title}"
    elif clear:
        small = (
            "" if one.note == BEYOND_ROPE or not one.rope else f", though perhaps by less than {unit.amount(one.rope)}"
        )
        said = f"{one.verdict} than before on {where}, by about {size(one.difference, terms.metric)}{small}"
    else:
        said = f"no clear change; on {where} it may be {reach(one.difference, terms.metric)}"
    return f"{one.label}: {said}."


def reach(of: Interval, metric: Metric) -> str:
    """``anything from 1.2 points worse to 0.3 points better than before``."""
    unit = Scale(metric)
    low, high = of.low, of.high
    return (
        f"anything from {unit.amount(low)} {'better' if low > 0 else 'worse'} to {unit.amount(high)} "
        f"{'worse' if high < 0 else 'better'} than before"
    )


def size(of: Interval, metric: Metric) -> str:
    """``3.3 points (3.1 to 3.5) in accuracy``, for a difference clear of zero."""
    unit = Scale(metric)
    near, far = sorted((abs(of.low), abs(of.high)))
    return f"{unit.amount(of.mean)} ({unit.size(near)} to {unit.size(far)}) in {metric.title}"


def wider(first: Interval, second: Interval) -> Interval:
    """What lies in either of two intervals of one mean; NaN where one is not known."""
    ends: Sequence[float] = (first.low, first.high, second.low, second.high)
    if not all(map(math.isfinite, ends)):
        return Interval(first.mean, math.nan, math.nan)
    return Interval(first.mean, min(first.low, second.low), max(first.high, second.high))
