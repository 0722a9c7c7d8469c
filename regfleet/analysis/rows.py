"""One row of the leaderboard, and the row of a tuned sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from regfleet.analysis.comparing import Terms, compare, score_interval
from regfleet.analysis.effects import iqm, iqm_interval
from regfleet.analysis.families import swept_values, tuned, tuned_label
from regfleet.analysis.gap import gap_change_interval, gap_interval
from regfleet.analysis.intervals import Array
from regfleet.analysis.runs import Runs, shared
from regfleet.analysis.sentences import sentence
from regfleet.analysis.summary import Comparison, Curve, FamilySummary, Interval, Spread, VariantSummary
from regfleet.settings.values import Variant
from regfleet.streams import stream


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
    own = runs[variant.name]
    score = score_interval(own.scores, terms)
    comparison, gap_change = _against_control(variant, runs, terms)
    return VariantSummary(
        name=variant.name,
        label=variant.label,
        control=variant.control,
        family=variant.family,
        rank=None,
        finished=len(own.seeds),
        failed=own.failed,
        diverged=own.diverged,
        score=score,
        spread=_spread(own.scores),
        train_score=_mean(own.train_scores),
        comparison=comparison,
        gap=gap_interval(own.gaps_train, own.gaps_val, terms.gap_ratio, terms.question.alpha, terms.gap_rows),
        gap_change=gap_change,
        best_epoch=_mean(own.best_epoch),
        seconds=_mean(own.seconds),
        curves=curves or {},
        seeds=tuple(own.seeds.tolist()),
        scores=tuple(own.scores.tolist()),
        iqm=iqm_interval(own.scores, stream(0, "iqm", terms.dataset, variant.name)),
        binomial_sd=_binomial_sd(score.mean, terms),
    )


def family_row(name: str, members: Sequence[Variant], runs: Mapping[str, Runs], terms: Terms) -> FamilySummary:
    """The sweep called ``name`` with its tuned variant, which is compared with the control of its members."""
    chosen, picks = tuned([runs[member.name] for member in members], terms.metric)
    as_variant = replace(members[0], name=name, label=tuned_label(name, members), techniques=(), family=name)
    return FamilySummary(
        family=name,
        members=tuple(member.name for member in members),
        values=swept_values(members),
        picks=picks,
        tuned=variant_row(as_variant, {**runs, name: chosen}, terms),
    )


def sweeps(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """The families of two members or more, by name in alphabetical order."""
    found: dict[str, list[Variant]] = {}
    for variant in variants:
        if variant.family is not None:
            found.setdefault(variant.family, []).append(variant)
    return {name: members for name, members in sorted(found.items()) if len(members) > 1}


def _against_control(
    variant: Variant, runs: Mapping[str, Runs], terms: Terms
) -> tuple[Comparison | None, Interval | None]:
    if variant.control is None or variant.control not in runs:
        return None, None
    own, control = runs[variant.name], runs[variant.control]
    comparison = compare(variant.name, own, variant.control, control, terms)
    label = terms.labels[variant.control]
    told = sentence(variant.label, label, comparison, terms.question, terms.where, terms.ratio, terms.comparisons)
    _, here, there = shared(own, control)
    change = gap_change_interval(
        own.gaps[here], control.gaps[there], terms.gap_ratio, terms.question.alpha, terms.gap_rows
    )
    return replace(comparison, sentence=told), change


def _spread(scores: Array) -> Spread:
    if not len(scores):
        return Spread(*(math.nan,) * 5)
    sd = float(np.std(scores, ddof=1)) if len(scores) > 1 else math.nan
    return Spread(sd, float(np.median(scores)), float(scores.min()), float(scores.max()), iqm(scores))


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


def _binomial_sd(mean: float, terms: Terms) -> float:
    """√(p̄(1 − p̄)/n_test), for a score that counts rows."""
    return math.sqrt(max(0.0, mean * (1 - mean)) / terms.n_test) if terms.metric.counts and terms.n_test else math.nan
