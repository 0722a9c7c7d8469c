"""A sweep as one variant: its parameter is picked per seed on validation, and judged on test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.runs import PER_SEED, Runs, Seeds
from regfleet.metrics import Metric
from regfleet.settings.values import Family, Variant


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
    combined = Runs(**taken, seeds=seeds[finished], lost=seeds[~finished], failed=int(np.sum(~finished)), diverged=0)
    return combined, tuple(int(np.sum(pick[finished] == member)) for member in range(len(members)))


def _at(seeds: Seeds, finished: Seeds, values: Array) -> Array:
    """``values`` of the ``finished`` seeds, spread over ``seeds``; NaN elsewhere."""
    spread = np.full(len(seeds), np.nan)
    _, there, here = np.intersect1d(seeds, finished, return_indices=True)
    spread[there] = values[here]
    return spread
