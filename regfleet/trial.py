"""The life of a chunk of trials in a worker: cut the data, train, judge, one seed after the other."""

from __future__ import annotations

import os
import platform
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING

from regfleet import datasets, techniques, training
from regfleet.metrics import error_of
from regfleet.records import Outcome
from regfleet.training import runtime
from regfleet.training.evaluation import class_scores, number_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import keras
    import numpy as np

    from regfleet.records import Chunk, Dataset, Fit, Recipe, Sets, Trial


def warm_up() -> None:
    """Get a worker ready for its first chunk."""
    _prepare()
    runtime.warm_up()


def run_chunk(
    chunk: Chunk, dataset: Dataset, base: Callable[[tuple[int, ...], int], keras.Model] | None = None
) -> tuple[Outcome, ...]:
    """Run every trial of the chunk; what goes wrong in one is its own outcome and does not touch the others.

    ``base`` makes a model of the user's own, as in `Recipe`.
    """
    _prepare()
    recipe = replace(techniques.recipe(chunk.model, chunk.variant.training, chunk.variant.techniques), base=base)
    return tuple(_run(trial, chunk, recipe, dataset) for trial in chunk.trials)


def _prepare() -> None:
    # The fleet empties the variable for a task without a GPU; where nobody set it, every GPU may be used.
    runtime.prepare(gpu=os.environ.get("CUDA_VISIBLE_DEVICES") != "")


def _run(trial: Trial, chunk: Chunk, recipe: Recipe, dataset: Dataset) -> Outcome:
    started = time.perf_counter()
    host = platform.node()
    try:
        sets = datasets.cut(dataset, chunk.split, trial.seed)
        fit = training.fit(recipe, sets, trial.seed, chunk.engine, cache_key=f"{chunk.variant.name} {chunk.model}")
        return Outcome(
            trial=trial,
            status="done" if fit.diverged_at is None else "diverged",
            engine=chunk.engine,
            execution=fit.execution,
            history=fit.history,
            metrics=_metrics(fit, sets),
            best_epoch=fit.best_epoch,
            diverged_at=fit.diverged_at,
            n_train=len(sets.train.y),
            n_val=len(sets.validation.y),
            n_test=len(sets.test.y),
            weights=sum(array.size for array in fit.weights),
            seconds=time.perf_counter() - started,
            trace_seconds=fit.trace_seconds,
            host=host,
            device=runtime.device_name(),
            error="" if fit.diverged_at is None else f"the loss was not finite in epoch {fit.diverged_at}",
        )
    # A user's model may raise anything, SystemExit included; as text it survives any serialiser.
    except (Exception, SystemExit) as problem:
        return Outcome(
            trial=trial,
            status="failed",
            engine=chunk.engine,
            seconds=time.perf_counter() - started,
            host=host,
            error=f"{type(problem).__name__}: {problem}",
            traceback=traceback.format_exc(),
        )


def _metrics(fit: Fit, sets: Sets) -> Mapping[str, float]:
    rows = {"train": sets.train.y, "val": sets.validation.y, "test": sets.test.y}
    metrics: dict[str, float] = {}
    for when, by_rows in fit.predictions.items():
        for name, predicted in by_rows.items():
            found = _scores(predicted, rows[name], sets)
            correct = found.pop("correct", None)
            if name == "test" and correct is not None:
                metrics[f"{when}_test_correct"] = correct
            metrics |= {f"{when}_{name}_{metric}": value for metric, value in found.items()}
            # The loss has the standardised target's scale.
            metrics[f"{when}_{name}_loss"] = found[error_of(sets.task)] / sets.target_scale**2 + fit.penalty[when]
    return metrics


def _scores(predicted: np.ndarray, y: np.ndarray, sets: Sets) -> dict[str, float]:
    """All scores of ``predicted`` (rows, …) against ``y`` (rows, …) as the model sees it."""
    if sets.task == "classification":
        return class_scores(predicted, y)
    mean, scale = sets.target_mean, sets.target_scale
    return number_scores(*(mean + scale * part[:, 0].astype("float64") for part in (predicted, y)))
