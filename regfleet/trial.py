"""The life of a chunk of trials in a worker: cut the data, train, judge, one seed after the other."""

import os
import platform
import time
import traceback
from collections.abc import Mapping

from regfleet import datasets, techniques, training
from regfleet.records import Chunk, Dataset, Fit, Outcome, Recipe, Sets, Trial
from regfleet.training import runtime
from regfleet.training.evaluation import scores


def warm_up() -> None:
    """Get a worker ready for its first chunk."""
    _prepare()
    runtime.warm_up()


def run_chunk(chunk: Chunk, dataset: Dataset) -> tuple[Outcome, ...]:
    """Run every trial of the chunk; what goes wrong in one is its own outcome and does not touch the others."""
    _prepare()
    recipe = techniques.recipe(chunk.model, chunk.variant.training, chunk.variant.techniques)
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
    for when, by_rows in fit.probabilities.items():
        for name, probabilities in by_rows.items():
            found = scores(probabilities, rows[name])
            correct = found.pop("correct")
            if name == "test":
                metrics[f"{when}_test_correct"] = correct
            metrics |= {f"{when}_{name}_{metric}": value for metric, value in found.items()}
            metrics[f"{when}_{name}_loss"] = found["cross_entropy"] + fit.penalty[when]
    return metrics
