"""Training one variant from one seed, by the fast engine or by Keras' own `fit`."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from regfleet.errors import InputError
from regfleet.records import Fit, history_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import numpy as np

    from regfleet.records import Recipe, Sets
    from regfleet.training.contract import Course, Settings, Start
    from regfleet.training.fused import Program
    from regfleet.training.stacked import Stack

ENGINES = ("fused", "keras")

_PROGRAMS: OrderedDict[tuple[object, ...], Program | Stack | str] = OrderedDict()
"""Traced fits of this process, the least recently used first; a text says why a fit cannot be traced."""
_KEPT_PROGRAMS, _KEPT_BYTES = 16, 1_000_000_000
"""How many are kept, and for how many bytes of variables, which stay on a GPU: the last one in any case."""


def fit(recipe: Recipe, sets: Sets, seed: int, engine: str, cache_key: str) -> Fit:
    """Train ``recipe`` on ``sets`` from ``seed``; the test rows are predicted when training is over.

    Args:
        recipe: model, techniques and training settings.
        sets: the rows of this seed.
        seed: decides initial weights, batch order and noise.
        engine: ``fused``, which falls back to ``keras`` for what cannot be traced and says so, or ``keras``.
        cache_key: names ``recipe`` in this process: equal keys share a trace.

    Returns:
        The history, the predictions of the last and the best weights, and how it was executed.

    Raises:
        InputError: classes are to be balanced in a regression.
    """
    if recipe.training.class_weight and sets.task == "regression":
        raise InputError("--class-weight: expected classes to balance; got a regression")
    if engine == "keras":
        return _with_keras(recipe, sets, seed, "keras", eagerly=False)
    program, trace_seconds = _kept(_trace, recipe, sets, seed, cache_key)
    if isinstance(program, str):
        return _with_keras(recipe, sets, seed, f"keras (not traceable: {program})", eagerly=True)
    course = program.run(_start(program.model, recipe, sets, seed))
    done = _fit(program.model, course, sets, program.predict, program.execution)
    return replace(done, trace_seconds=trace_seconds)


def fit_side_by_side(recipe: Recipe, rows: Sequence[Sets], seeds: Sequence[int], cache_key: str) -> list[Fit]:
    """Train ``recipe`` from each of ``seeds`` on its ``rows`` at once.

    All ``rows`` have one shape, and there are at most `rules.STACK` of them. Otherwise as `fit`, with the engine
    ``fused``.

    Raises:
        ValueError: why one by one is faster or needed.
    """
    program, trace_seconds = _kept(_stack, recipe, rows[0], seeds[0], cache_key)
    if isinstance(program, str):
        raise ValueError(program)  # noqa: TRY004 - the reason, not a wrong type
    starts = [_start(program.model, recipe, sets, seed) for sets, seed in zip(rows, seeds, strict=True)]
    fits = [
        _fit(program.model, course, sets, program.predict, program.execution)
        for course, sets in zip(program.run(starts), rows, strict=True)
    ]
    fits[0] = replace(fits[0], trace_seconds=trace_seconds)
    return fits


Traced = TypeVar("Traced", "Program", "Stack")


def _kept(
    trace: Callable[[Recipe, Sets, int], Traced | str], recipe: Recipe, sets: Sets, seed: int, cache_key: str
) -> tuple[Traced | str, float]:
    """What ``trace`` makes of the recipe for rows of this shape, made once, and the seconds that took now."""
    shapes = (sets.train.x.shape, sets.train.y.shape, sets.validation.x.shape)
    key = (trace, cache_key, recipe.model, recipe.training, sets.task, shapes)
    started = time.perf_counter()
    fresh = key not in _PROGRAMS
    program: Any = trace(recipe, sets, seed) if fresh else _PROGRAMS.pop(key)
    trace_seconds = time.perf_counter() - started if fresh else 0.0
    _PROGRAMS[key] = program
    while len(_PROGRAMS) > 1 and (len(_PROGRAMS) > _KEPT_PROGRAMS or sum(map(_held, _PROGRAMS.values())) > _KEPT_BYTES):
        _PROGRAMS.popitem(last=False)
    return program, trace_seconds


def _held(program: Program | Stack | str) -> int:
    return 0 if isinstance(program, str) else program.held_bytes


def _trace(recipe: Recipe, sets: Sets, seed: int) -> Program | str:
    """The traced fit, or why there is none; what is wrong with the model itself, the engine ``keras`` will raise."""
    from regfleet.training.contract import row_metrics
    from regfleet.training.fused import Program
    from regfleet.training.rules import pays_to_compile

    model, settings = _compiled(recipe, sets), _settings(recipe, sets)
    xla = pays_to_compile(model, len(sets.train.x), settings)
    program = Program(model, row_metrics(sets.task), settings, xla=xla)
    try:
        program.trace(_start(model, recipe, sets, seed))
    except Exception as error:  # noqa: BLE001 - tracing runs any layer's code, which may raise anything
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return program


def _stack(recipe: Recipe, sets: Sets, seed: int) -> Stack | str:
    """The traced fit of several seeds, or why there is none."""
    from regfleet.training.contract import row_metrics
    from regfleet.training.rules import STACK, pays_to_compile, pays_to_stack
    from regfleet.training.stacked import Stack

    model, settings = _compiled(recipe, sets), _settings(recipe, sets)
    rows = len(sets.train.x)
    if not pays_to_stack(model, rows, settings):
        return "one network fills the device"
    stack = Stack(model, row_metrics(sets.task), settings, STACK, xla=pays_to_compile(model, rows, settings))
    try:
        stack.trace([_start(model, recipe, sets, seed)])
    except Exception as error:  # noqa: BLE001 - as above
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return stack


def _with_keras(recipe: Recipe, sets: Sets, seed: int, execution: str, *, eagerly: bool) -> Fit:
    """Train with `model.fit`, which traces its steps as well unless it is told to run ``eagerly``."""
    from regfleet.training import keras_fit

    model = _compiled(recipe, sets)
    model.run_eagerly = eagerly
    course = keras_fit.train(model, _settings(recipe, sets), _start(model, recipe, sets, seed))
    return _fit(model, course, sets, lambda x: model(x, training=False).numpy(), execution)


def _compiled(recipe: Recipe, sets: Sets) -> keras.Model:
    from regfleet.models import build
    from regfleet.training.contract import compile_model

    model = build(recipe, sets.train.x.shape[1:], sets.train.y.shape[1], sets.task)
    compile_model(model, recipe.training, sets.task)
    return model


def _settings(recipe: Recipe, sets: Sets) -> Settings:
    from regfleet.training.contract import Settings

    training = recipe.training
    return Settings(training.epochs, training.batch_size, training.early_stopping, task=sets.task)


def _start(model: keras.Model, recipe: Recipe, sets: Sets, seed: int) -> Start:
    from regfleet.models import starting_weights
    from regfleet.training.contract import Start, balanced_weight
    from regfleet.training.order import order_key

    weight = balanced_weight(sets.train.y) if recipe.training.class_weight else None
    values = starting_weights(model, seed, recipe.model.keep_weights)
    return Start(values, sets.train, sets.validation, order_key(seed), weight)


def _fit(
    model: keras.Model, course: Course, sets: Sets, predict: Callable[[np.ndarray], np.ndarray], execution: str
) -> Fit:
    """The record of a finished course of ``model``: predictions and penalties."""
    import numpy as np

    from regfleet.training.contract import assign

    rows = {"train": sets.train, "val": sets.validation, "test": sets.test}
    ends = np.cumsum([len(part.x) for part in rows.values()])[:-1]
    every_row = np.concatenate([part.x for part in rows.values()])
    regularized = [weight for weight in model.trainable_weights if weight.regularizer is not None]
    kept = {id(weight) for weight in model.weights}
    predictions, penalty = {}, {}
    for when in ("last", "best"):
        assign(model.variables, getattr(course, when))
        predictions[when] = dict(zip(rows, np.split(predict(every_row), ends), strict=True))
        penalty[when] = sum(float(weight.regularizer(weight)) for weight in regularized)
    return Fit(
        history={name: course.history[:, index] for index, name in enumerate(history_columns(sets.task))},
        predictions=predictions,
        penalty=penalty,
        best_epoch=course.best_epoch,
        diverged_at=course.diverged_at,
        execution=execution,
        weights=tuple(value for weight, value in zip(model.variables, course.last, strict=True) if id(weight) in kept),
    )
