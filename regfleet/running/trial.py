"""The life of a chunk of trials in a worker: cut the data, train, judge; on a GPU many seeds are trained at once."""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regfleet import data as datasets
from regfleet import techniques, training
from regfleet.borrowed.keras import lightly_imported
from regfleet.fleet import ForkServer
from regfleet.metrics import error_of
from regfleet.predictions import of_classes, of_numbers
from regfleet.running.choosing import Choice, recipes_of, scores_of
from regfleet.streams import stream_int
from regfleet.text import reason, said
from regfleet.training import runtime
from regfleet.training.kept_xla import DRIVER
from regfleet.trials import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import keras
    import numpy as np

    from regfleet.data.dataset import Dataset, Sets
    from regfleet.predictions import Predictions, Weights
    from regfleet.techniques.recipe import Recipe
    from regfleet.trials import Chunk, Fit, Trial


def imports() -> None:
    """Import what every trial needs; no thread is started and no device looked at, so that the process may fork."""
    with lightly_imported():
        import keras  # noqa: F401
    from regfleet import models  # noqa: F401
    from regfleet.training import contract, fused, stacked  # noqa: F401


def fork_server() -> ForkServer:
    """What makes the workers of a Ray of ours; none where there is a GPU, of which a fork knows nothing."""
    return ForkServer(runtime.ENVIRONMENT, "" if DRIVER.exists() else f"{__name__}:{imports.__name__}")


def warm_up() -> None:
    """Get a worker ready for its first chunk."""
    runtime.warm_up(gpu=may_use_gpus())


def run_chunk(
    chunk: Chunk, dataset: Dataset, base: Callable[[tuple[int, ...], int], keras.Model] | None = None
) -> tuple[Outcome, ...]:
    """Run every trial of the chunk; what goes wrong in one is its own outcome and does not touch the others.

    ``base`` makes a model of the user's own, as in `Recipe`.
    """
    runtime.prepare(gpu=may_use_gpus())
    recipes = recipes_of(chunk, base)
    trained: dict[Trial, Trained] = {}
    why = ""
    if chunk.stack > 1 and runtime.has_gpu():
        try:
            trained.update(_side_by_side(chunk, recipes, dataset))
        # One by one, each trial says for itself what is wrong with it.
        except (Exception, SystemExit) as problem:
            why = f"{type(problem).__name__}: {reason(problem)}"
    return tuple(run_trial(trial, chunk, recipes, dataset, trained.get(trial), why) for trial in chunk.trials)


def may_use_gpus() -> bool:
    """Whether this process was given a GPU, if there is one."""
    # The fleet empties the variable for a task without a GPU; where nobody set it, every GPU may be used.
    return os.environ.get("CUDA_VISIBLE_DEVICES") != ""


Recipes = list[tuple["Recipe", str]]
"""As of `recipes_of`."""
Trained = tuple[Choice, float]
"""What was chosen for a trial on which rows, and the seconds that cutting these and all fits took."""


def _side_by_side(chunk: Chunk, recipes: Recipes, dataset: Dataset) -> Iterator[tuple[Trial, Trained]]:
    """Train trials of one shape at once; raises what stands against it."""
    by_shape: dict[Any, list[tuple[Trial, Sets]]] = defaultdict(list)
    started = time.perf_counter()
    for trial in chunk.trials:
        # Data that cannot be cut for a seed is that seed's own failure.
        with suppress(Exception):
            sets = encode(chunk, dataset, trial.seed)
            by_shape[sets.train.x.shape, sets.validation.x.shape].append((trial, sets))
    for cut in by_shape.values():
        for first in range(0, len(cut), chunk.stack):
            trials, rows = zip(*cut[first : first + chunk.stack], strict=True)
            seeds = [training_seed(trial, chunk) for trial in trials]
            choices = [Choice(sets, chunk.variant.tuning) for sets in rows]
            for recipe, name in recipes:
                fits = training.fit_side_by_side(recipe, rows, seeds, chunk.stack, name, len(recipes))
                took = (time.perf_counter() - started - fits[0].trace_seconds) / len(trials)
                for choice, fit in zip(choices, fits, strict=True):
                    choice.offer(fit, took + fit.trace_seconds)
                started = time.perf_counter()
            for trial, choice in zip(trials, choices, strict=True):
                yield trial, (choice, sum(choice.seconds))
            started = time.perf_counter()


def _alone(trial: Trial, chunk: Chunk, recipes: Recipes, dataset: Dataset, why: str) -> Trained:
    started = time.perf_counter()
    choice = Choice(encode(chunk, dataset, trial.seed), chunk.variant.tuning)
    if chunk.variant.reference:
        weights = chunk.variant.training.class_weight
        fit = training.fit_reference(chunk.variant.reference, choice.sets, training_seed(trial, chunk), weights)
        choice.offer(fit, time.perf_counter() - started)
        return choice, time.perf_counter() - started
    for recipe, name in recipes:
        begun = time.perf_counter()
        fit = training.fit(recipe, choice.sets, training_seed(trial, chunk), chunk.engine, name, len(recipes))
        if why:
            fit = replace(fit, execution=replace(fit.execution, unstacked=why))
        choice.offer(fit, time.perf_counter() - begun)
    return choice, time.perf_counter() - started


def encode(chunk: Chunk, dataset: Dataset, seed: int) -> Sets:
    """The rows of a trial, as wide as those of the other seeds where that changes nothing but the shape."""
    sets = datasets.cut(dataset, chunk.split, seed)
    built_in = not chunk.model.source
    return datasets.padded(sets) if built_in and techniques.take_padding(chunk.variant.techniques) else sets


def training_seed(trial: Trial, chunk: Chunk) -> int:
    """The seed of weights, order and noise: halves of the rows have their own, or a pair would not be independent."""
    half = chunk.split.half
    return trial.seed if half is None else stream_int(trial.seed, "half", str(half))


def run_trial(
    trial: Trial, chunk: Chunk, recipes: Recipes, dataset: Dataset, trained: Trained | None, why: str
) -> Outcome:
    """The outcome of a trial, which trains unless it was ``trained`` beside others; its failure where it has one.

    ``why``: what stood against that, where it was tried.
    """
    started = time.perf_counter()
    host = platform.node()
    try:
        choice, seconds = trained or _alone(trial, chunk, recipes, dataset, why)
        sets, fit = choice.sets, choice.fit()
        judging = time.perf_counter()
        metrics = _metrics(fit, sets)
        keeps = chunk.keep_predictions and fit.diverged_at is None
        predictions = _predictions(trial.seed, fit, sets, dataset.target) if keeps else {}
        judged = time.perf_counter() - judging
        return Outcome(
            trial=trial,
            status="done" if fit.diverged_at is None else "diverged",
            engine=chunk.engine,
            execution=fit.execution,
            history=fit.history,
            metrics=metrics,
            predictions=predictions,
            best_epoch=fit.best_epoch,
            diverged_at=fit.diverged_at,
            n_train=len(sets.train.y),
            n_val=len(sets.validation.y),
            n_test=len(sets.test.y),
            weights=sum(array.size for array in fit.weights),
            seconds=seconds + judged,
            rate_test=_rate_test(trial, chunk, recipes, sets, fit),
            trace_seconds=fit.trace_seconds,
            host=host,
            device="cpu" if chunk.variant.reference else runtime.device_name(),
            tuning=choice.record(),
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
            error=f"{type(problem).__name__}: {said(problem)}",
            traceback=traceback.format_exc(),
        )


def _rate_test(trial: Trial, chunk: Chunk, recipes: Recipes, sets: Sets, fit: Fit) -> str:
    """What other learning rates would do, where this trial is the one to tell; what goes wrong there costs nobody."""
    rate = chunk.variant.training.rate
    if trial.seed != chunk.rate_test or rate is None or chunk.variant.tuning:
        return ""
    recipe, name = recipes[0]
    with suppress(Exception):
        return training.rate_test(recipe, sets, trial.seed, name, fit, rate)
    return ""


def _predictions(seed: int, fit: Fit, sets: Sets, target: np.ndarray) -> dict[Weights, Predictions]:
    """What the fit says of the test rows with its last and its best weights; ``target`` is the whole data set's."""
    import numpy as np

    rows = np.asarray(sets.test_rows)

    def kept(given: np.ndarray) -> Predictions:
        if sets.task == "classification":
            return of_classes(seed, rows, target[rows], given)
        return of_numbers(
            seed, rows, target[rows], sets.target_mean + sets.target_scale * given[:, 0].astype("float64")
        )

    last, best = (fit.predictions[when]["test"] for when in ("last", "best"))
    of_last = kept(last)
    return {"last": of_last, "best": of_last if np.array_equal(last, best, equal_nan=True) else kept(best)}


def _metrics(fit: Fit, sets: Sets) -> Mapping[str, float]:
    rows = {"train": sets.train.y, "val": sets.validation.y, "test": sets.test.y}
    metrics: dict[str, float] = {}
    for when, by_rows in fit.predictions.items():
        for name, predicted in by_rows.items():
            scores = scores_of(predicted, rows[name], sets)
            correct = scores.pop("correct", None)
            if name == "test" and correct is not None:
                metrics[f"{when}_test_correct"] = correct
            metrics |= {f"{when}_{name}_{metric}": value for metric, value in scores.items()}
            # The loss has the standardised target's scale.
            loss = fit.losses[when][name] if fit.losses else scores[error_of(sets.task)] / sets.target_scale**2
            metrics[f"{when}_{name}_loss"] = loss + fit.penalty[when]
    return metrics
