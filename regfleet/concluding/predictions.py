"""The networks of a variant taken together, scored by the metric that judges a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from regfleet.errors import InputError
from regfleet.results import DataFacts
from regfleet.scorers import Scorer, find_scorer, scores_of

if TYPE_CHECKING:
    from regfleet.analysis import Score, ScoreOf
    from regfleet.planning.resolved import Resolved
    from regfleet.predictions import Predictions
    from regfleet.settings.values import Task

Asked: TypeAlias = "str | Callable[[Task, Sequence[str]], Scorer]"
"""The name of a metric, or what makes a scorer for a task and its classes."""
Known: TypeAlias = "Mapping[str, tuple[Task, Sequence[str]]]"
"""Data set → its task and the names of its classes."""


def scorer_of(asked: Asked, task: Task, classes: Sequence[str]) -> Scorer:
    """What computes a metric; raises InputError where nobody knows it or it is not of this task."""
    return find_scorer(asked, task, classes) if isinstance(asked, str) else asked(task, classes)


def known_of(resolved: Resolved) -> Known:
    """Task and classes of a study's data sets; numbers in results that did not keep the names of classes."""
    facts = {name: resolved.data.get(name, DataFacts()) for name in resolved.study.names}
    return {name: (one.task, classes_of(one)) for name, one in facts.items()}


def classes_of(facts: DataFacts) -> tuple[str, ...]:
    """The names of the classes of a data set, their numbers where those were not kept; none of a regression."""
    return () if facts.task == "regression" else facts.classes or tuple(map(str, range(len(facts.rows_by_class or ()))))


def together_by(asked: Asked, known: Known) -> ScoreOf:
    """Data set → the function from predictions of networks taken together to their score, NaN where it has none.

    Args:
        asked: what judges the study.
        known: of its data sets.
    """

    def score_on(dataset: str) -> Score:
        task, classes = known[dataset]
        try:
            scorer = scorer_of(asked, task, classes)
        except InputError:  # scores from elsewhere may have any name
            return lambda _: math.nan
        return lambda predictions: _score(scorer, predictions, len(classes))

    return score_on


def _score(scorer: Scorer, predictions: Predictions, classes: int) -> float:
    import numpy as np

    if predictions.probabilities is not None and not np.isfinite(predictions.probabilities).all():
        return math.nan
    try:
        (score,) = scores_of(scorer, predictions, classes or class_count(predictions)).scores.tolist()
    except InputError:  # as the first 50 rows of 40, or probabilities that were not kept
        return math.nan
    return float(score)


def class_count(predictions: Predictions) -> int:
    """How many classes there are where the facts of a data set do not tell; 0 of a regression."""
    return 0 if predictions.probabilities is None else predictions.probabilities.shape[1]
