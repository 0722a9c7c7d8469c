"""What techniques do in combination: main effects and interactions of a factorial, each judged as a difference is.

With y the mean score of a run and every factor off (−1) or on (+1), of N runs the main effect of A is Σ A·y·2/N, the
mean difference that A makes over all combinations of the others; the interaction of A and B is Σ A·B·y·4/N, what both
give together beyond what each adds alone, again over all combinations of the others. Either is a contrast of the runs
on one seed, and of what they said of one test row, so that it is judged by the same rules as a difference of two runs,
single rows among them. The intervals are simultaneous over all effects of the data set (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from regfleet.analysis.cells import Cells, Seeds, ignorant, joined
from regfleet.analysis.comparing import Terms
from regfleet.analysis.design import Design, Factorial
from regfleet.analysis.gains import Combined, Effect
from regfleet.analysis.halves import halves_estimate
from regfleet.analysis.intervals import (
    FEW_ROWS,
    MINIMUM_PAIRS,
    NO_SCATTER,
    TOO_FEW,
    Array,
    decide,
    unknown,
    without_scatter,
)
from regfleet.analysis.judging import Judged, judged_by_halves, judged_by_rows, judged_by_seeds
from regfleet.analysis.row_rule import row_estimate
from regfleet.analysis.runs import Runs, ignorant_score, scored
from regfleet.analysis.summary import DatasetSummary
from regfleet.analysis.variant import Interval, Rule, VariantSummary

ALONE, TOGETHER = 1.0, 2.0
"""How large a main effect and an interaction of scores between 0 and 1 can be."""


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """The ``weights`` (runs,) of runs whose sum is looked at, and the size that it can have."""

    weights: Array
    size: float


def contrasts(design: Design) -> list[Contrast]:
    """The main effects in order of the factors, then the interactions in that of `Design.pairs`."""
    signs = 2.0 * np.array(design.runs, dtype=np.float64) - 1
    count = len(signs)
    alone = [Contrast(signs[:, factor] * 2 / count, ALONE) for factor in range(design.factors)]
    first = [pairs[0] for pairs in design.pairs]
    return [*alone, *(Contrast(signs[:, a] * signs[:, b] * 4 / count, TOGETHER) for a, b in first)]


def combined(factorial: Factorial, runs: Mapping[str, Runs], dataset: DatasetSummary, terms: Terms) -> Combined:
    """What the runs of a factorial say, without a word of it.

    Args:
        factorial: its variants and factors.
        runs: of all variants of the study, by name.
        dataset: with its rows.
        terms: of the data set.
    """
    design, mine = factorial.design, [runs[name] for name in factorial.variants]
    asked, seeds = contrasts(design), _shared(mine)
    rope = _rope(runs[factorial.variants[0]], terms)
    judged = _judged(mine, asked, terms, len(asked))
    dropped = len(_attempted(mine)) - len(seeds)
    worst = _judged(_filled(mine, terms), asked, terms, len(asked)) if dropped else judged
    names: list[tuple[tuple[str, ...], ...]] = [((one,),) for one in factorial.factors]
    names += [tuple((factorial.factors[a], factorial.factors[b]) for a, b in pairs) for pairs in design.pairs]
    means = _means(design, mine, seeds, terms)

    def few(one: Judged, contrast: Contrast) -> bool:
        return _few(one, contrast, rope, mine, terms, len(asked))

    effects = tuple(
        replace(_effect(of, one, bad, rope, (len(seeds), dropped), few=few(one, contrast)), means=of_runs)
        for of, one, bad, contrast, of_runs in zip(names, judged, worst, asked, means, strict=True)
    )
    rows = {row.name: row for row in dataset.variants}
    best, single = (_best([rows[name] for name in some], terms) for some in _several(factorial))
    lead, clear = _lead(best, factorial, runs, terms, single) if best and single else (None, False)
    return Combined(
        factors=factorial.factors,
        runs=len(design.runs),
        combinations=design.combinations,
        resolution=design.resolution,
        effects=effects,
        seeds=tuple(seeds.tolist()),
        dropped=dropped,
        rule=judged[0].rule,
        rule_why=judged[0].why,
        rope=rope,
        best=best,
        single=single,
        lead=lead,
        clear=clear,
    )


def _effect(
    names: tuple[tuple[str, ...], ...], judged: Judged, worst: Judged, rope: float, seeds: tuple[int, int], *, few: bool
) -> Effect:
    """An effect with its verdict, withdrawn where ``worst``, with lost runs as ignorant ones, has another.

    ``few``: whether the rows are too few to show that there is none.
    """
    verdict, note = decide(judged.interval, rope, seeds[0])
    if note != TOO_FEW and without_scatter(judged.interval, rope):
        judged = replace(judged, interval=unknown(judged.interval), p=math.nan)
        verdict, note = "undecided", NO_SCATTER
    elif verdict == "equivalent" and few:
        verdict, note = "undecided", FEW_ROWS
    if verdict != "undecided" and decide(worst.interval, rope, sum(seeds))[0] != verdict:
        verdict, note = "undecided", "withdrawn because of failed runs"
    return Effect(names, judged.interval, judged.p, judged.floor, verdict, note, means=())


def _few(judged: Judged, of: Contrast, rope: float, runs: Sequence[Runs], terms: Terms, comparisons: int) -> bool:
    """Whether rows are too few to show that there is no effect, whose scores may be ``of.size`` apart."""
    alpha = terms.question.alpha_at(min(one.attempted for one in runs))
    return terms.too_few_rows(judged.rule, rope / of.size, alpha, comparisons)


def _means(design: Design, runs: Sequence[Runs], seeds: Seeds, terms: Terms) -> list[tuple[float, ...]]:
    """Of each effect the mean scores of the runs without and with its techniques, as the metric is measured."""
    on, scores = np.array(design.runs), terms.metric.sign * _scores(runs, seeds, terms)

    def mean(wanted: Array) -> float:
        return float(scores[wanted].mean()) if len(seeds) else math.nan

    alone = [(mean(~column), mean(column)) for column in on.T]
    pairs = [(on[:, a], on[:, b]) for ((a, b), *_) in design.pairs]
    return [*alone, *((mean(~a & ~b), mean(a & ~b), mean(~a & b), mean(a & b)) for a, b in pairs)]


def _several(factorial: Factorial) -> tuple[list[str], list[str]]:
    """The variants of two techniques or more, and those of one."""
    many = [name for name, levels in zip(factorial.variants, factorial.design.runs, strict=True) if sum(levels) > 1]
    return many, list(factorial.singles)


def _best(rows: Sequence[VariantSummary], terms: Terms) -> str:
    """The variant of the best mean; empty where none finished."""
    found = [row for row in rows if math.isfinite(row.score.mean)]
    return max(found, key=lambda row: terms.metric.sign * row.score.mean).name if found else ""


def _lead(
    best: str, factorial: Factorial, runs: Mapping[str, Runs], terms: Terms, single: str
) -> tuple[Interval, bool]:
    """The best combination minus the best single technique, and whether that is clear.

    The interval is simultaneous over the combinations, because the data chose the best of them. It is clear where the
    combination is clearly ahead of every single technique: whichever of these is truly the best, it is among them.
    """
    many = len(_several(factorial)[0])
    pairs = {name: [runs[best], runs[name]] for name in factorial.singles if len(runs[name].seeds)}
    found = {name: minus(pair, terms, many) for name, pair in pairs.items()}
    return found[single][0], all(enough and of.low > 0 for of, enough in found.values())


def minus(pair: Sequence[Runs], terms: Terms, comparisons: int) -> tuple[Interval, bool]:
    """The first of a pair of runs minus the second, simultaneous over ``comparisons``, and whether it may count.

    It may where both finished enough seeds and lost runs, as models that learned nothing, do not change what is clear.
    """
    ahead = [Contrast(np.array([1.0, -1.0]), ALONE)]
    found = _judged(pair, ahead, terms, comparisons)[0].interval
    enough = len(_shared(pair)) >= MINIMUM_PAIRS
    if len(_attempted(pair)) > len(_shared(pair)):
        worst = _judged(_filled(pair, terms), ahead, terms, comparisons)[0].interval
        enough = enough and (found.low > 0, found.high < 0) == (worst.low > 0, worst.high < 0)
    return found, enough


def weighed(
    names: tuple[str, ...], runs: Sequence[Runs], weights: Sequence[float], terms: Terms, comparisons: int
) -> tuple[Effect, Rule, str]:
    """The weighted sum of runs on the same test rows, judged as a difference is; the rule that judged it, and why.

    ``weights`` are those of scores of which larger is better; those above zero, which add up to the largest size of a
    sum of scores between 0 and 1, are as large as those below. The last of ``runs`` says what difference matters.
    """
    asked = [Contrast(np.array(weights), float(sum(one for one in weights if one > 0)))]
    seeds, judged = _shared(runs), _judged(runs, asked, terms, comparisons)[0]
    dropped = len(_attempted(runs)) - len(seeds)
    worst = _judged(_filled(runs, terms), asked, terms, comparisons)[0] if dropped else judged
    rope = _rope(runs[-1], terms)
    few = _few(judged, asked[0], rope, runs, terms, comparisons)
    effect = _effect((names,), judged, worst, rope, (len(seeds), dropped), few=few)
    means = tuple((terms.metric.sign * _scores(runs, seeds, terms)).mean(axis=1).tolist()) if len(seeds) else ()
    return replace(effect, means=means), judged.rule, judged.why


def _rope(control: Runs, terms: Terms) -> float:
    return terms.metric.rope_at(float(np.mean(control.scores)) if len(control.scores) else 0.0)


def _shared(runs: Sequence[Runs]) -> Seeds:
    """The seeds that all finished, ascending."""
    return reduce(np.intersect1d, [one.seeds for one in runs])


def _attempted(runs: Sequence[Runs]) -> Seeds:
    """The seeds that all attempted and one at least finished, ascending."""
    everywhere: Seeds = reduce(np.intersect1d, [np.concatenate([one.seeds, one.lost]) for one in runs])
    return np.intersect1d(everywhere, reduce(np.union1d, [one.seeds for one in runs]))


def _judged(runs: Sequence[Runs], asked: Sequence[Contrast], terms: Terms, comparisons: int) -> list[Judged]:
    """Each contrast of ``runs`` on the seeds that all finished, by the rule that judges differences of the study."""
    seeds, question = _shared(runs), terms.question
    alpha = question.alpha_at(min(one.attempted for one in runs))
    scores = _scores(runs, seeds, terms)
    cells, why = _cells(runs, seeds, terms) if len(seeds) else (None, terms.tested.unfit)
    halves = [(half, _shared(half)) for half in zip(*(one.halves for one in runs), strict=True) if question.halves]
    means = [_scores(half, common, terms) for half, common in halves]
    right = [] if cells is None else [one.right for one in cells]
    found = []
    for one in asked:
        d = np.round(one.weights @ scores, 14) / one.size
        if question.halves:
            of_halves = [float(np.mean(one.weights @ of)) / one.size if of.shape[1] else np.nan for of in means]
            pairs = np.array(of_halves, dtype=np.float64).reshape(-1, 2)
            judged = judged_by_halves(halves_estimate(d, pairs, terms.floor(len(d))), alpha, comparisons)
        elif cells is not None:
            e = sum((weight * of for weight, of in zip(one.weights, right, strict=True)), np.zeros(len(right[0])))
            by_rows = row_estimate(
                np.repeat(cells[0].seeds, cells[0].counts),
                cells[0].rows,
                np.round(e, 14) / one.size,
                terms.tested.rows,
                terms.tested.training,
                counts=True,
            )
            judged = judged_by_rows(by_rows, alpha, comparisons)
        else:
            judged = judged_by_seeds(d, terms.ratio, terms.floor(len(d)), alpha, comparisons, why)
        found.append(_grown(judged, one.size))
    return found


def _grown(judged: Judged, size: float) -> Judged:
    of = judged.interval
    around = Interval(size * of.mean, size * of.low, size * of.high)
    return replace(judged, interval=around, floor=size * judged.floor, outlook=None)


def _scores(runs: Sequence[Runs], seeds: Seeds, terms: Terms) -> Array:
    """(runs, seeds), larger is better."""
    at = [one.scores[np.searchsorted(one.seeds, seeds)] for one in runs]
    return terms.metric.sign * np.stack(at)


def _cells(runs: Sequence[Runs], seeds: Seeds, terms: Terms) -> tuple[list[Cells] | None, str]:
    """What was said of the same test rows on ``seeds``; None, and why, where single rows cannot judge."""
    if terms.tested.unfit:
        return None, terms.tested.unfit
    found = [None if one.cells is None else one.cells.at(seeds) for one in runs]
    there = [one for one in found if one is not None]
    if len(there) < len(runs):
        missing = any(one.cells is None for one in runs)
        return None, terms.tested.absent if missing else "the predictions of some seeds are not there"
    names = ("seeds", "counts", "rows", "targets")
    if not all(np.array_equal(getattr(there[0], name), getattr(one, name)) for one in there for name in names):
        return None, "the variants were tested on different rows"
    return there, ""


def _filled(runs: Sequence[Runs], terms: Terms) -> list[Runs]:
    """``runs`` with those that were lost as models that learned nothing, on the seeds that one at least finished."""
    seeds = _attempted(runs)
    score = ignorant_score(terms.metric, terms.shares, np.concatenate([one.scores for one in runs]))
    beside = _any_cells(runs, seeds)
    halves = [_filled(half, terms) for half in zip(*(one.halves for one in runs), strict=True)]
    filled = []
    for place, one in enumerate(runs):
        there, scores = scored(one, score)
        kept, lost = np.isin(there, seeds), np.intersect1d(seeds, one.lost)
        own = None if one.cells is None else one.cells.at(np.intersect1d(seeds, one.seeds))
        cells = own
        if own is not None and len(lost):
            other = None if beside is None else beside.at(lost)
            cells = None if other is None else joined([own, ignorant(other, terms.shares)])
        of_halves = tuple(half[place] for half in halves)
        filled.append(
            replace(
                one,
                seeds=there[kept].astype(np.int64),
                scores=scores[kept],
                lost=one.lost[:0],
                cells=cells,
                halves=of_halves,
            )
        )
    return filled


def _any_cells(runs: Sequence[Runs], seeds: Seeds) -> Cells | None:
    """The cells of each of ``seeds`` of a run that finished it; None where they are not there."""
    parts, left = [], seeds
    for one in runs:
        mine = np.intersect1d(left, one.seeds)
        if len(mine):
            cells = None if one.cells is None else one.cells.at(mine)
            if cells is None:
                return None
            parts.append(cells)
            left = np.setdiff1d(left, mine)
    return joined(parts)
