"""The range test of a learning rate: short fits at lower and higher ones, beside the whole fit at the study's own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from regfleet.metrics import error_of
from regfleet.training.engines import short_fit

if TYPE_CHECKING:
    import numpy as np

    from regfleet.data.dataset import Sets
    from regfleet.settings.values import Task
    from regfleet.techniques.recipe import Recipe
    from regfleet.trials import Fit

UPDATES = 300
"""Of a short fit, in whole epochs; no more than the whole fit has."""
MATTERS = 0.1
"""The share of the error of an answer that reads no column by which another rate must get further to be of interest."""


def rate_test(recipe: Recipe, sets: Sets, seed: int, cache_key: str, fit: Fit, rate: float) -> str:
    """The training errors that short fits reach at other learning rates than ``rate``, that of ``fit``, as JSON.

    ``errors``: rate → training error after ``updates`` updates, null where it is no number; ``end``: that of the whole
    fit after ``of`` updates. A rate is left out where it cannot help: the fit has learned all there is, or the steps
    before went the wrong way. Empty where the fit is not one of the fused engine.
    """
    each = -(-len(sets.train.y) // recipe.training.batch_size)
    epochs = min(recipe.training.epochs, max(1, -(-UPDATES // each)))
    training = fit.history[f"train_{error_of(sets.task)}"]
    end = math.inf if fit.diverged_at else float(training[-1])
    known = ignorance(sets.train.y, sets.task)
    found: dict[float, float | None] = {}

    def reach(other: float) -> float:
        found[other] = short_fit(recipe, sets, seed, cache_key, other, epochs)
        return math.nan if found[other] is None else float(found[other] or 0.0)

    if fit.execution.path != "keras":
        _walk(reach, rate, end, known)
    if any(error is None for error in found.values()) or fit.execution.path == "keras":
        return ""
    errors = {f"{other:.6g}": _finite(error) for other, error in found.items()}
    facts = {"rate": rate, "updates": epochs * each, "of": len(training) * each, "end": _finite(end), "errors": errors}
    return json.dumps(facts)


def _walk(reach: Callable[[float], float], rate: float, end: float, known: float) -> None:
    """Try ten times more, then a hundred; ten times less, then a hundred: as long as that may help."""
    margin = MATTERS * known
    if end < margin:
        return
    reached = math.inf
    if math.isfinite(end) and (reached := reach(10 * rate)) <= end + margin:
        reached = min(reached, reach(100 * rate))
    if end > 2 * margin and not reached < end - margin and not reach(rate / 10) < (1 - MATTERS) * known:
        reach(rate / 100)


def ignorance(y: np.ndarray, task: Task) -> float:
    """The error of an answer that reads no column: of always saying the shares of the classes of ``y``, or the mean."""
    import numpy as np

    if task == "regression":
        return 1.0
    shares = y.mean(axis=0)
    return float(-np.sum(shares[shares > 0] * np.log(shares[shares > 0])))


def _finite(error: float | None) -> float | None:
    return round(error, 6) if error is not None and math.isfinite(error) else None
