"""The settings that tuning tries: the same number for every variant, spread evenly over its ranges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.settings import Study, Training
from regfleet.settings.values import Candidate, Dimension, Technique, Tuning
from regfleet.streams import stream
from regfleet.techniques import Range, technique_named

RATE_LOW, RATE_HIGH = 1e-30, 1e38
"""What a learning rate of a study may be."""
_ROUNDING = 1e-9
"""Strata that a value on the border of two of them may be off by rounding."""
DRAWS = 100
"""Orders of a strength's values that are drawn, of which the one that follows the other dimensions least is taken."""


def check_tuning(study: Study) -> None:
    """Raise InputError for a study whose variants cannot be tuned."""
    if study.tune == 1:
        return
    if study.split.strip() == "article":
        raise InputError(
            "--tune: expected a split with validation rows of its own to choose by; got --split article, whose test "
            "rows validate too"
        )
    for training in (study.training, *(study.training.model_copy(update=one.overrides()) for one in study.variant)):
        if training.optimizer == "model" and training.learning_rate is None:
            raise InputError(
                "--tune: expected --learning-rate, around which it is tuned, beside an optimizer that the model was "
                "compiled with; got none"
            )


def tuning_cost(study: Study) -> str:
    """What tuning takes, in words, and by what it chooses."""
    when, _, metric = str(study.tuned_by).split("_", 2)
    return (
        f"each trial tries {study.tune} settings of its learning rate and its techniques' strengths, which takes "
        f"{study.tune} times the fits, and keeps the one with the best validation {METRICS[metric].title} of the "
        f"{when} epoch"
    )


def tuning_of(techniques: tuple[Technique, ...], training: Training, study: Study) -> Tuning | None:
    """What each seed of a variant tries; None where the study does not tune.

    A Latin hypercube: each dimension is cut into as many equal strata as there are settings, and each setting has a
    stratum of its own in each. What was typed is the first one; the others stand in the middle of theirs. Learning
    rates are the same for all variants. Nothing depends on the seed, so that its choices can be counted.
    """
    if study.tune == 1:
        return None
    ranges = [*_ranges(training.rate or 0.0, techniques)]  # known, as `check_tuning` holds
    orders: list[np.ndarray] = []
    values: list[list[float]] = []
    for dimension, reach, typed, whole in ranges:
        own = min(max(int(study.tune * reach.share(typed) + _ROUNDING), 0), study.tune - 1)
        order = _order(orders, study.tune - 1, dimension.name)
        orders.append(order)
        strata = np.delete(np.arange(study.tune), own)[order]
        drawn = [reach.at((stratum + 0.5) / study.tune) for stratum in strata.tolist()]
        values.append([typed, *(float(round(one)) if whole else one for one in drawn)])
    dimensions = tuple(dimension for dimension, *_ in ranges)
    candidates = tuple(_candidate(techniques, dimensions, each) for each in zip(*values, strict=True))
    return Tuning(study.tuned_by or "", dimensions, candidates)


def _ranges(rate: float, techniques: tuple[Technique, ...]) -> Iterator[tuple[Dimension, Range, float, bool]]:
    """Each dimension with its range, the value that was typed, and whether it takes whole numbers only."""
    around = Range(max(rate / 10, RATE_LOW), min(rate * 10, RATE_HIGH))
    yield Dimension("learning rate", around.low, around.high), around, rate, False
    for number, technique in enumerate(techniques):
        definition = technique_named(technique.name)
        parameters = itertools.cycle(definition.parameters) if definition.per_layer else definition.parameters
        several = len(technique.values) > 1
        for place, (value, parameter) in enumerate(zip(technique.values, parameters, strict=False)):
            reach = parameter.tuned_around(value)
            if reach is not None:
                which = f" {place + 1}" * (definition.per_layer and several)
                name = f"{technique.name} {parameter.name}{which}"
                name += f" @{technique.place}" * (sum(one.name == technique.name for one in techniques) > 1)
                last = tuple(end for end in (reach.low, reach.high) if parameter.tuned_around(end) == reach)
                yield Dimension(name, reach.low, reach.high, (number, place), last), reach, value, parameter.whole


def _order(others: Sequence[np.ndarray], count: int, name: str) -> np.ndarray:
    """The order in which a dimension's strata are dealt: that of DRAWS which follows those of ``others`` least."""
    if not others:
        return np.arange(count)
    draws = stream(0, "tuning", name)
    drawn = [draws.permutation(count) for _ in range(DRAWS)]
    if count < 3:
        return drawn[0]
    return min(drawn, key=lambda one: max(abs(float(np.corrcoef(one, other)[0, 1])) for other in others))


def _candidate(
    techniques: tuple[Technique, ...], dimensions: Sequence[Dimension], values: Sequence[float]
) -> Candidate:
    for dimension, value in zip(dimensions, values, strict=True):
        techniques = dimension.put(value, techniques)
    return Candidate(values[0], techniques)
