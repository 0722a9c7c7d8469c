"""On what it depends where a technique helps: the rows and columns of data sets, how much their control memorizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regfleet.analysis.intervals import Array
from regfleet.analysis.summary import DatasetSummary
from regfleet.numbers import counted, number
from regfleet.streams import stream
from regfleet.text import listed

LEAST = 8
"""Data sets below which not even perfect agreement would be clear of a few dozen correlations."""
DRAWS = 9_999
FACTS: Mapping[str, tuple[str, str]] = {
    "training rows": ("more rows there are", "fewer rows there are"),
    "input columns": ("more columns there are", "fewer columns there are"),
    "gap of the control": ("more the control memorizes (its gap)", "less the control memorizes (its gap)"),
}
"""What is known of each data set, and how to say that there is more and less of it."""


@dataclass(frozen=True, slots=True)
class Dependences:
    """Rank correlations, over data sets, of each variant's difference from its control with what is known of them.

    ``correlations``: by the variant's label, one for each of ``facts``. ``clear``: those, by label and fact, that are
    further from zero than chance makes the furthest of all. ``said``: that in sentences.
    """

    facts: tuple[str, ...]
    datasets: int
    correlations: Mapping[str, tuple[float, ...]]
    clear: frozenset[tuple[str, str]]
    said: tuple[str, ...]


def dependences(
    datasets: Sequence[DatasetSummary], labels: Mapping[str, str], alpha: float, draws: int = DRAWS
) -> Dependences | None:
    """What the differences of variants depend on; None of too few data sets or where too little is known of them.

    Spearman's rank correlations. All are judged together: the data sets' facts are dealt anew to the differences, and
    the furthest correlation of each deal says how far chance goes, so that any false claim among all has a chance of
    ``alpha``, however much the variants are alike.

    Args:
        datasets: of a study.
        labels: of the variants that are compared, by name; one without a difference on every data set is left out.
        alpha: the chance of any false claim.
        draws: deals, with the one that there is.

    Paper: Westfall, Young, "Resampling-based multiple testing", 1993 (single-step maxT).
    """
    found = _differences(datasets, labels)
    known = {name: values for name, values in _facts(datasets).items() if np.isfinite(values).all() and np.ptp(values)}
    if len(datasets) < LEAST or not found or not known:
        return None
    facts, effects = _standard(np.array([*known.values()])), _standard(np.array([*found.values()]))
    correlations = facts @ effects.T
    deals = stream(0, "dependences").permuted(np.tile(np.arange(len(datasets)), (draws, 1)), axis=1)
    furthest = np.abs(facts[:, deals].transpose(1, 0, 2) @ effects.T).max(axis=(1, 2))
    p = (1 + (furthest[:, None, None] >= np.abs(correlations) - 1e-9).sum(axis=0)) / (1 + draws)
    clear = [(label, fact) for f, fact in enumerate(known) for v, label in enumerate(found) if p[f, v] < alpha]
    by_label = {label: tuple(correlations[:, place].tolist()) for place, label in enumerate(found)}
    said = _said(tuple(known), by_label, clear, len(datasets))
    return Dependences(tuple(known), len(datasets), by_label, frozenset(clear), said)


def _differences(datasets: Sequence[DatasetSummary], labels: Mapping[str, str]) -> dict[str, Array]:
    """Label → its differences (data sets,), of the variants that have one everywhere and not the same everywhere."""
    found = {}
    for name, label in labels.items():
        rows = [next((row for row in dataset.shown if row.name == name), None) for dataset in datasets]
        values = np.array([row.comparison.difference.mean if row and row.comparison else math.nan for row in rows])
        if np.isfinite(values).all() and np.ptp(values) > 0:
            found[label] = values
    return found


def _facts(datasets: Sequence[DatasetSummary]) -> dict[str, Array]:
    controls = [dataset.variant(next(iter(dataset.controls), None)) for dataset in datasets]
    values = (
        [dataset.n_train for dataset in datasets],
        [dataset.columns for dataset in datasets],
        [control.gap.mean if control else math.nan for control in controls],
    )
    return {name: np.array(one, dtype=np.float64) for name, one in zip(FACTS, values, strict=True)}


def _standard(values: Array) -> Array:
    """Ranks of each row, ties at their mean rank, less their mean and of length one."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return np.asarray(ranks / np.linalg.norm(ranks, axis=1, keepdims=True))


def _said(
    facts: Sequence[str], correlations: Mapping[str, tuple[float, ...]], clear: Sequence[tuple[str, str]], datasets: int
) -> tuple[str, ...]:
    if not clear:
        nothing = (
            f"On what it depends where a technique helps {counted(datasets, 'data set')} do not tell: none of its rank "
            f"correlations with {listed(facts)} is clear."
        )
        return (nothing,)
    lines = []
    for place, fact in enumerate(facts):
        for sign, word in zip((1, -1), FACTS[fact], strict=True):
            those = [one for one, of in clear if of == fact and correlations[one][place] * sign > 0]
            if those:
                sizes = sorted(abs(correlations[one][place]) for one in those)
                reach = number(sizes[0], 2) if len(sizes) == 1 else f"{number(sizes[0], 2)} to {number(sizes[-1], 2)}"
                does = "does" if len(those) == 1 else "do"
                lines.append(
                    f"The {word}, the better {does} {listed(those)} beside the control (rank correlation {reach} over "
                    f"{datasets} data sets)."
                )
    return tuple(lines)
