"""The choice of a tuned trial: its settings are trained one after the other, and validation rows say which counts."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from regfleet import techniques
from regfleet.metrics import METRICS, error_of
from regfleet.training.scoring import class_scores, number_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras
    import numpy as np

    from regfleet.data.dataset import Sets
    from regfleet.settings.values import Tuning
    from regfleet.techniques.recipe import Recipe
    from regfleet.trials import Chunk, Fit


def recipes_of(chunk: Chunk, base: Callable[[tuple[int, ...], int], keras.Model] | None) -> list[tuple[Recipe, str]]:
    """What a trial of the chunk trains, one after the other, each with its name in this process, as `training.fit`.

    One recipe, or one for each setting that it tries.
    """
    variant, tuning = chunk.variant, chunk.variant.tuning
    name = f"{variant.name} {chunk.model}"
    if tuning is None:
        return [(replace(techniques.recipe(chunk.model, variant.training, variant.techniques), base=base), name)]
    # What is not ours may read the learning rate that the recipe has.
    own = any(one.name not in techniques.TECHNIQUES for one in variant.techniques)
    return [
        (
            replace(
                techniques.recipe(
                    chunk.model,
                    variant.training.model_copy(update={"learning_rate": one.learning_rate}),
                    one.techniques,
                ),
                base=base,
            ),
            f"{name} {'+'.join(map(str, one.techniques))}" + f" {one.learning_rate}" * own,
        )
        for one in tuning.candidates
    ]


@dataclass
class Choice:
    """The best of the fits of one seed so far, by their validation rows alone; ``tuning`` None: there is one.

    The score of ``tuning.by`` decides, between equals the validation error, then the order. A fit that diverged, or has
    no score, comes after all others.
    """

    sets: Sets
    tuning: Tuning | None
    best: Fit | None = None
    seconds: list[float] = field(default_factory=list)
    _trace_seconds: float = 0.0
    _chosen: int = 0
    _rank: tuple[bool, float, float] = (True, math.inf, math.inf)
    _scores: list[float] = field(default_factory=list)
    _errors: list[float] = field(default_factory=list)

    def offer(self, fit: Fit, seconds: float) -> None:
        """Take ``fit`` if it is better; it took so many ``seconds``."""
        self._trace_seconds += fit.trace_seconds
        self.seconds.append(seconds)
        rank = self._rank_of(fit) if self.tuning else self._rank
        if self.best is None or rank < self._rank:
            self.best, self._rank, self._chosen = fit, rank, len(self.seconds) - 1

    def fit(self) -> Fit:
        """The chosen one, with what all of them took to be traced; there has to be one."""
        if self.best is None:
            raise ValueError("no fit was offered")
        return replace(self.best, trace_seconds=self._trace_seconds)

    def record(self) -> str:
        """What was tried, as `trials.Outcome.tuning`."""
        if self.tuning is None:
            return ""
        dimensions, candidates = self.tuning.dimensions, self.tuning.candidates
        found = {
            "by": self.tuning.by,
            "names": [one.name for one in dimensions],
            "settings": [[one.of(candidate) for one in dimensions] for candidate in candidates],
            "scores": [_or_none(score) for score in self._scores],
            "errors": [_or_none(error) for error in self._errors],
            "seconds": [round(seconds, 3) for seconds in self.seconds],
            "chosen": self._chosen,
        }
        return json.dumps(found)

    def _rank_of(self, fit: Fit) -> tuple[bool, float, float]:
        """What sorts fits, the best one first."""
        when, _, metric = (self.tuning.by if self.tuning else "").split("_", 2)
        scores = scores_of(fit.predictions[when]["val"], self.sets.validation.y, self.sets)
        score, error = scores[metric], scores[error_of(self.sets.task)]
        lost = fit.diverged_at is not None or not math.isfinite(score)
        self._scores.append(math.nan if lost else score)
        self._errors.append(math.nan if lost else error)
        if lost:
            return True, math.inf, math.inf
        return False, -METRICS[metric].sign * score, error if math.isfinite(error) else math.inf


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def scores_of(predicted: np.ndarray, y: np.ndarray, sets: Sets) -> dict[str, float]:
    """All scores of ``predicted`` (rows, …) against ``y`` (rows, …) as the model sees it."""
    if sets.task == "classification":
        return class_scores(predicted, y)
    mean, scale = sets.target_mean, sets.target_scale
    return number_scores(*(mean + scale * part[:, 0].astype("float64") for part in (predicted, y)))
