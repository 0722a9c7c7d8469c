"""One row of the leaderboard, and the row of a tuned sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from regfleet.analysis.cells import Seeds, picked
from regfleet.analysis.comparing import Terms, compare, score_interval
from regfleet.analysis.intervals import CHOSEN, Array, estimate, interval, sd_floor
from regfleet.analysis.runs import PER_SEED, Runs, shared
from regfleet.analysis.sentences import companion_sentence, sentence
from regfleet.analysis.summary import FamilySummary
from regfleet.analysis.variant import Comparison, Curve, Interval, VariantSummary
from regfleet.metrics import Metric
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
    row = variant_row(as_variant, {**runs, family.name: chosen}, terms)
    if terms.test_validates and row.comparison is not None:
        said = f"No verdict on {row.label}: it was chosen on the rows that judge it, which makes it look better."
        row = replace(row, comparison=replace(row.comparison, verdict="undecided", note=CHOSEN, sentence=said))
    return FamilySummary(
        family=family.name,
        title=family.title,
        members=tuple(member.name for member in members),
        values=tuple(member.value for member in members),
        picks=picks,
        tuned=row,
    )


def sweeps(variants: Sequence[Variant]) -> dict[Family, list[Variant]]:
    """The families of two members or more, with them, by name in alphabetical order."""
    families: dict[Family, list[Variant]] = {}
    for variant in variants:
        if variant.family is not None:
            families.setdefault(variant.family, []).append(variant)
    several = {family: members for family, members in families.items() if len(members) > 1}
    return dict(sorted(several.items(), key=lambda item: item[0].name))


def tuned(members: Sequence[Runs], metric: Metric) -> tuple[Runs, tuple[int, ...]]:
    """The runs of the family tuned on validation, and how often each member was picked.

    On each seed that every member has attempted, the member with the best validation score is taken; validation
    cross-entropy (of regression MSE) and then the order of ``members`` decide between equals. A seed is lost if every
    member lost it. ``seconds`` is what the whole sweep took on that seed.
    """
    seeds = np.concatenate([members[0].seeds, members[0].lost])
    for runs in members[1:]:
        seeds = np.intersect1d(seeds, np.concatenate([runs.seeds, runs.lost]))
    seeds = np.sort(seeds)

    def table(name: str) -> Array:
        """(members, seeds), NaN where a member did not finish."""
        return np.stack([_at(seeds, runs.seeds, getattr(runs, name)) for runs in members])

    there = np.stack([np.isin(seeds, runs.seeds) for runs in members])
    # lexsort sorts by its last key first, puts NaN last, and keeps the order of the members between equals.
    keys = (table("val_error"), -metric.sign * table("val_scores"), ~there)
    pick = np.lexsort(keys, axis=0)[0]
    finished = there.any(axis=0)
    taken = {name: table(name)[pick, np.arange(len(seeds))][finished] for name in PER_SEED}
    taken["seconds"] = np.nansum(table("seconds"), axis=0)[finished]
    combined = Runs(
        **taken,
        seeds=seeds[finished],
        lost=seeds[~finished],
        failed=int(np.sum(~finished)),
        diverged=0,
        cells=picked([runs.cells for runs in members], seeds[finished], pick[finished]),
        halves=tuple(tuned(of_half, metric)[0] for of_half in zip(*(runs.halves for runs in members), strict=True)),
    )
    return combined, tuple(int(np.sum(pick[finished] == member)) for member in range(len(members)))


def _at(seeds: Seeds, finished: Seeds, values: Array) -> Array:
    """``values`` of the ``finished`` seeds, spread over ``seeds``; NaN elsewhere."""
    spread = np.full(len(seeds), np.nan)
    _, there, here = np.intersect1d(seeds, finished, return_indices=True)
    spread[there] = values[here]
    return spread


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
        variant.label,
        terms.labels[name],
        comparison,
        terms.question,
        terms.where,
        terms.ratio,
        terms.comparisons,
        terms.ahead,
    )
    companion = comparison.companion
    if companion is not None:
        companion = replace(companion, sentence=companion_sentence(variant.label, terms.labels[name], companion))
    return replace(comparison, sentence=text, companion=companion)


def _mean(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
