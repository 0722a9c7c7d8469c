"""A sweep as one variant: its parameter is picked per seed on validation, and judged on test."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.runs import PER_SEED, Runs, Seeds
from regfleet.metrics import Metric
from regfleet.settings.values import Variant


def swept_values(members: Sequence[Variant]) -> tuple[float, ...]:
    """The value that varies over ``members``, one each; NaN where several parameters vary apart."""
    rows = [[value for technique in member.techniques for value in technique.values] for member in members]
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        return (math.nan,) * len(members)
    columns = {column for column in zip(*rows, strict=True) if len(set(column)) > 1}
    return tuple(columns.pop()) if len(columns) == 1 else (math.nan,) * len(members)


def tuned_label(name: str, members: Sequence[Variant]) -> str:
    """``L2, all layers, tuned (λ 1e-05 … 0.1)``: the members' labels with the range of the number that varies.

    Where no single number varies, or the labels do not show it, the family's ``name`` stands in for them.
    """
    values = swept_values(members)
    texts = [f"{value:g}" for value in values]
    shapes = {member.label.replace(f"{text})", "\0)", 1) for member, text in zip(members, texts, strict=True)}
    shape = shapes.pop()
    head, bracket, symbol = shape.partition("\0)")[0].rpartition(" (")
    if shapes or not bracket or not symbol.endswith(" "):
        return f"{name}, tuned"
    rest = shape.partition("\0)")[2]
    return f"{head}{rest}, tuned ({symbol.rstrip(' =')} {min(values):g} … {max(values):g})"


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
    found = there.any(axis=0)
    taken = {name: table(name)[pick, np.arange(len(seeds))][found] for name in PER_SEED}
    taken["seconds"] = np.nansum(table("seconds"), axis=0)[found]
    chosen = Runs(**taken, seeds=seeds[found], lost=seeds[~found], failed=int(np.sum(~found)), diverged=0)
    return chosen, tuple(int(np.sum(pick[found] == member)) for member in range(len(members)))


def _at(seeds: Seeds, own: Seeds, values: Array) -> Array:
    """``values`` of the seeds ``own``, spread over ``seeds``; NaN elsewhere."""
    spread = np.full(len(seeds), np.nan)
    _, there, here = np.intersect1d(seeds, own, return_indices=True)
    spread[there] = values[here]
    return spread
