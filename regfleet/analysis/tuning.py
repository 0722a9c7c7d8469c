"""What tuning chose: each seed its own setting, by its validation rows; how often, at what cost, and at which edges."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.numbers import exact, short
from regfleet.settings.values import Dimension, Variant

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

LEAST_SEEDS = 3
"""Choices from which on most of them say something about an edge."""
LEAST_VALUES = 4
"""Values of a dimension below which nearly all of them are at an edge."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was chosen along one dimension, the learning rate or a strength called ``name``.

    ``low`` to ``high`` is its range, ``tried`` are the values tried, ascending, and ``median``, ``least`` and ``most``
    those of the values chosen. ``at_low`` and ``at_high`` count the seeds that chose the least and the greatest value
    that was tried. ``further`` is the flag with which to tune beyond the edge that most seeds chose; empty for none.
    """

    name: str
    low: float
    high: float
    tried: tuple[float, ...]
    median: float
    least: float
    most: float
    at_low: int
    at_high: int
    further: str = ""

    @property
    def chosen(self) -> str:
        """The median of what was chosen and its range, in words."""
        if self.least == self.most:
            return exact(self.median)
        return f"{short(self.median, 3)} ({exact(self.least)} to {exact(self.most)})"


@dataclass(frozen=True, slots=True)
class VariantTuning:
    """What the seeds of a variant chose.

    ``settings`` are in words, the one that was typed first, and ``picks`` counts the seeds that chose each. ``fits``
    were trained in ``seconds``, all seeds together. ``by`` is the column of the validation score that chose.
    """

    name: str
    label: str
    by: str
    seeds: int
    settings: tuple[str, ...]
    picks: tuple[int, ...]
    fits: int
    seconds: float
    dimensions: tuple[Tuned, ...]


def tuning_of(variants: Sequence[Variant], trials: Mapping[str, pd.DataFrame]) -> tuple[VariantTuning, ...]:
    """What was chosen for each of ``variants`` that was tuned, in their order.

    Args:
        variants: of the study.
        trials: the rows of the trials frame, by variant; their column ``tuning`` is as in `trials.Outcome`.
    """
    found = (_of_variant(one, trials[one.name]) for one in variants if one.tuning and one.name in trials)
    return tuple(one for one in found if one is not None)


def _of_variant(variant: Variant, trials: pd.DataFrame) -> VariantTuning | None:
    records = [*_records(variant, trials)]
    if variant.tuning is None or not records:
        return None
    settings = np.array(records[0]["settings"], np.float64)
    chosen = np.array([record["chosen"] for record in records])
    dimensions = [
        _along(dimension, settings[:, place], settings[chosen, place])
        for place, dimension in enumerate(variant.tuning.dimensions)
    ]
    names = ["", *(one.name for one in variant.tuning.dimensions[1:])]
    return VariantTuning(
        name=variant.name,
        label=variant.label,
        by=records[0]["by"],
        seeds=len(records),
        settings=tuple(
            ", ".join(f"{name} {exact(value)}".strip() for name, value in zip(names, each, strict=True))
            for each in settings.tolist()
        ),
        picks=tuple(np.bincount(chosen, minlength=len(settings)).tolist()),
        fits=sum(len(record["settings"]) for record in records),
        seconds=float(sum(math.fsum(record["seconds"]) for record in records)),
        dimensions=tuple(
            replace(one, further=_further(variant, dimension, one, len(records)))
            for one, dimension in zip(dimensions, variant.tuning.dimensions, strict=True)
        ),
    )


def _records(variant: Variant, trials: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What finished trials tried, of those that tried what the variant stands for."""
    tuning = variant.tuning
    if tuning is None or "tuning" not in trials:
        return
    settings = [[one.of(candidate) for one in tuning.dimensions] for candidate in tuning.candidates]
    for text in trials.loc[trials["status"] == "done", "tuning"]:
        record = json.loads(text) if isinstance(text, str) and text else {}
        if record.get("settings") == settings:
            yield record


def _along(dimension: Dimension, tried: NDArray[np.float64], chosen: NDArray[np.float64]) -> Tuned:
    values = np.unique(tried)
    return Tuned(
        name=dimension.name,
        low=dimension.low,
        high=dimension.high,
        tried=tuple(values.tolist()),
        median=float(np.median(chosen)),
        least=float(chosen.min()),
        most=float(chosen.max()),
        at_low=int(np.sum(chosen == values[0])),
        at_high=int(np.sum(chosen == values[-1])),
    )


def edge(one: Tuned, seeds: int) -> float | None:
    """The end of the range beyond which the best may lie: most seeds chose the value next to it; None for none."""
    if seeds < LEAST_SEEDS or len(one.tried) < LEAST_VALUES:
        return None
    if 2 * one.at_high > seeds:
        return one.high
    return one.low if 2 * one.at_low > seeds else None


def _further(variant: Variant, dimension: Dimension, one: Tuned, seeds: int) -> str:
    """The flag that moves the range past the edge that was chosen: what is typed there stands well inside it."""
    end = edge(one, seeds)
    if end is None or end in dimension.last:
        return ""
    if dimension.place is None:
        return f"--learning-rate {exact(end)}"
    return f"-t {shlex.quote('+'.join(map(str, dimension.put(end, variant.techniques))))}"
