"""A Summary with what was said of the test rows, where that was kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet.analysis.predicting import predicted_of
from regfleet.analysis.summary import Summary
from regfleet.predictions import Predictions

if TYPE_CHECKING:
    from regfleet.metrics import Metric


def with_predictions(
    summary: Summary, predictions: Callable[[str], Iterable[tuple[str, Predictions]]] | None
) -> Summary:
    """``summary`` with what was predicted on each of its data sets, on the seeds that it is about.

    ``predictions``: data set → (variant, all its predictions); None without any.
    """
    if predictions is None:
        return summary

    def asked(dataset: str, seeds: Mapping[str, tuple[int, ...]]) -> Iterable[tuple[str, Predictions]]:
        for name, part in predictions(dataset):
            if name in seeds:
                yield name, within(part, seeds[name])

    return replace(
        summary,
        datasets=tuple(
            replace(
                one,
                predicted=predicted_of(
                    asked(one.dataset, {row.name: row.seeds for row in one.variants}),
                    {row.name: row.control for row in one.variants},
                    score_of(summary.metric),
                    one.knows_nothing,
                ),
            )
            for one in summary.datasets
        ),
    )


def within(part: Predictions, seeds: Collection[int]) -> Predictions:
    """The cells of ``seeds``."""
    import numpy as np

    wanted = np.isin(part.seeds, np.fromiter(seeds, np.int64, len(seeds)))
    return part if wanted.all() else part.taken(wanted)


def score_of(metric: Metric) -> Callable[[Predictions], float]:
    """The function from predictions to their score by ``metric``, NaN where it is not one of a trial's own."""
    import numpy as np

    from regfleet.training.scoring import class_scores, number_scores

    def score(part: Predictions) -> float:
        if part.probabilities is None:
            return number_scores(part.predicted, part.target).get(metric.name, math.nan)
        if not np.isfinite(part.probabilities).all():
            return math.nan
        truth = np.eye(part.probabilities.shape[1])[part.target.astype(np.int64)]
        return class_scores(part.probabilities, truth).get(metric.name, math.nan)

    return score
