"""One row of the leaderboard, and the row of a tuned sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from regfleet.analysis.comparing import Terms, compare, score_interval
from regfleet.analysis.families import tuned
from regfleet.analysis.intervals import Array, estimate, interval, sd_floor
from regfleet.analysis.runs import Runs, shared
from regfleet.analysis.sentences import sentence
from regfleet.analysis.summary import Comparison, Curve, FamilySummary, Interval, VariantSummary
from regfleet.settings.values import Family, Variant


def variant_row(
    variant: Variant, runs: Mapping[str, Runs], terms: Terms, curves: Mapping[str, Curve] | None = None
) -> VariantSummary:
    """The row of ``variant``, without its rank.

    Args:
        variant: one that ``runs`` holds, perhaps with nothing finished.
        runs: of all variants of the study, by name.
        terms: of the data set.
        curves: by history column.
    """
    mine = runs[variant.name]
    control = None if variant.control is None else runs.get(variant.control)
    return VariantSummary(
        name=variant.name,
        label=variant.label,
        control=variant.control,
        family=None if variant.family is None else variant.family.name,
        rank=None,
        finished=len(mine.seeds),
        failed=mine.failed,
        diverged=mine.diverged,
        score=score_interval(mine.scores, terms),
        sd=float(np.std(mine.scores, ddof=1)) if len(mine.scores) > 1 else math.nan,
        train_score=_mean(mine.train_scores),
        comparison=None if control is None else _against(variant, mine, control, terms),
        gap=gap_interval(mine.gaps, terms.gap_ratio, terms.question.alpha, terms.gap_rows),
        gap_change=None if control is None else _gap_change(mine, control, terms),
        best_epoch=_mean(mine.best_epoch),
        seconds=_mean(mine.seconds),
        curves=curves or {},
        seeds=tuple(mine.seeds.tolist()),
        scores=tuple(mine.scores.tolist()),
    )


def family_row(family: Family, members: Sequence[Variant], runs: Mapping[str, Runs], terms: Terms) -> FamilySummary:
    """A sweep with its tuned variant, which is compared with the control of its members."""
    chosen, picks = tuned([runs[member.name] for member in members], terms.metric)
    as_variant = replace(members[0], name=family.name, label=family.label, techniques=())
    return FamilySummary(
        family=family.name,
        title=family.title,
        members=tuple(member.name for member in members),
        values=tuple(member.value for member in members),
        picks=picks,
        tuned=variant_row(as_variant, {**runs, family.name: chosen}, terms),
    )


def gap_interval(gaps: Array, ratio: float, alpha: float, n_val: int = 0) -> Interval:
    """The mean of ``gaps`` with its corrected interval: above 0, the model memorizes.

    Args:
        gaps: training minus validation accuracy or R², (seeds,), in inference mode on the same weights; or the
            differences of two variants' gaps, paired by seed.
        ratio: n_val / n_train for new data, 0 for these rows.
        alpha: 1 − level; a gap is described, not tested, so it is not simultaneous over variants.
        n_val: validation rows, for the floor on the standard deviation; 0 for none, as for R².
    """
    finite = gaps[np.isfinite(gaps)]
    return interval(estimate(finite, ratio, sd_floor(n_val, len(finite))), alpha)


def _gap_change(variant: Runs, control: Runs, terms: Terms) -> Interval:
    _, here, there = shared(variant, control)
    changes = variant.gaps[here] - control.gaps[there]
    return gap_interval(changes, terms.gap_ratio, terms.question.alpha, terms.gap_rows)


def _against(variant: Variant, mine: Runs, control: Runs, terms: Terms) -> Comparison:
    name = variant.control or ""
    comparison = compare(mine, control, name, terms)
    text = sentence(
        variant.label, terms.labels[name], comparison, terms.question, terms.where, terms.ratio, terms.comparisons
    )
    return replace(comparison, sentence=text)


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
