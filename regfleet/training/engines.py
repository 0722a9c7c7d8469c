"""Training one variant from one seed or many: the engine, by rule and not by timing, and the traces that are kept."""

from __future__ import annotations

import gc
import math
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from regfleet.borrowed.keras import seed_global_noise
from regfleet.errors import InputError
from regfleet.streams import stream_int
from regfleet.techniques.recipe import Length
from regfleet.text import reason
from regfleet.training import runtime
from regfleet.trials import Execution, Fit, history_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import numpy as np

    from regfleet.data.dataset import Sets
    from regfleet.settings import Training
    from regfleet.techniques.recipe import Recipe
    from regfleet.training.contract import Course, Settings, Start
    from regfleet.training.fused import Program
    from regfleet.training.stacked import Stack

ENGINES = ("fused", "keras")
STACK = 32
"""Seeds of a variant that a GPU trains side by side: always as many, so that the same kernels give the same bits."""
STACK_WORK = 2.5e9
"""Weights times rows of an update up to which one network leaves a GPU idle."""
STACK_WEIGHTS = 4_000_000
"""Weights up to which a stack has room: with its start, end and best it takes about 3 GB of the node's memory too."""
XLA_FROM = 20_000
"""Updates from which a fit is compiled by XLA. Measured on two cores: compiling takes 4 to 10 s and then saves 0.07 to
0.3 ms an update, so that it pays within five fits of this length; shorter fits are faster as a plain graph."""

_PROGRAMS: OrderedDict[tuple[object, ...], Program | Stack | str] = OrderedDict()
"""Traced fits of this process, the least recently used first; a text says why a fit cannot be traced."""
_KEPT_PROGRAMS, _KEPT_BYTES = 16, 1_000_000_000
"""How many are kept, and for how many bytes of variables, which stay on a GPU: the last one in any case."""
_MOST_PROGRAMS = 64
"""That are kept where so many take turns: each takes about 13 MB of memory, and .8 s to be traced."""


def fit(recipe: Recipe, sets: Sets, seed: int, engine: str, cache_key: str, turns: int = 1) -> Fit:
    """Train ``recipe`` on ``sets`` from ``seed``; the test rows are predicted when training is over.

    Args:
        recipe: model, techniques and training settings.
        sets: the rows of this seed.
        seed: decides initial weights, batch order and noise.
        engine: ``fused``, which falls back to ``keras`` for what cannot be traced and says so, or ``keras``.
        cache_key: names ``recipe`` in this process: equal keys share a trace.
        turns: how many recipes take turns, so that traces of all of them are worth keeping.

    Returns:
        The history, the predictions of the last and the best weights, and how it was executed.

    Raises:
        InputError: classes are to be balanced in a regression.
    """
    if recipe.training.class_weight and sets.task == "regression":
        raise InputError("--class-weight: expected classes to balance; got a regression")
    seed_global_noise(stream_int(seed, "noise"))
    if engine == "keras":
        return _with_keras(recipe, sets, seed, Execution("keras"))
    program: Program | str
    program, trace_seconds = _kept(recipe, sets, seed, cache_key, turns=turns)
    if isinstance(program, str):
        return _with_keras(recipe, sets, seed, Execution("keras", untraceable=program))
    seed_global_noise(stream_int(seed, "noise"))  # a trace may have drawn
    course = program.run(_start(program.model, recipe, sets, seed))
    done = _fit(program.model, recipe, course, sets, program.predict, program.execution)
    return replace(done, trace_seconds=trace_seconds)


def short_fit(recipe: Recipe, sets: Sets, seed: int, cache_key: str, rate: float, epochs: int) -> float | None:
    """The training error of ``recipe`` after ``epochs``, no more than its own, at another learning ``rate``.

    It begins as `fit` does, in the same trace, with the engine ``fused``. Infinite where the error is no number; None
    where the fit cannot be traced or has no learning rate to set.
    """
    program, _ = _kept(recipe, sets, seed, cache_key)
    if isinstance(program, str):
        return None
    seed_global_noise(stream_int(seed, "noise"))
    error: float = program.error_at(_start(program.model, recipe, sets, seed), rate, epochs)
    return None if math.isnan(error) else error


def fit_side_by_side(
    recipe: Recipe, rows: Sequence[Sets], seeds: Sequence[int], stack: int, cache_key: str, turns: int = 1
) -> list[Fit]:
    """Train ``recipe`` from each of ``seeds`` on its ``rows`` at once, on a GPU, with the engine ``fused``.

    All ``rows`` have one shape. There are ``stack`` seeds at most; what a seed gives depends on ``stack`` in its last
    bits, and not on the other seeds or their number. Otherwise as `fit`.

    Raises:
        ValueError: why one by one is faster or needed.
    """
    program: Stack | str
    program, trace_seconds = _kept(recipe, rows[0], seeds[0], cache_key, stack, turns)
    if isinstance(program, str):
        raise ValueError(program)  # noqa: TRY004 - the reason, not a wrong type
    starts = [_start(program.model, recipe, sets, seed) for sets, seed in zip(rows, seeds, strict=True)]
    fits = [
        _fit(program.model, recipe, course, sets, program.predict, program.execution)
        for course, sets in zip(program.run(starts), rows, strict=True)
    ]
    fits[0] = replace(fits[0], trace_seconds=trace_seconds)
    return fits


def _kept(recipe: Recipe, sets: Sets, seed: int, cache_key: str, stack: int = 1, turns: int = 1) -> tuple[Any, float]:
    """What `_trace` makes of the recipe for rows of this shape, made once, and the seconds that took now."""
    shapes = (sets.train.x.shape, sets.train.y.shape, sets.validation.x.shape)
    rate = recipe.training.learning_rate
    # One trace serves all learning rates, unless a schedule has it in its graph.
    own_key = (stack, cache_key, recipe.model, recipe.training, sets.task, shapes)
    shared_key = (*own_key[:3], recipe.training.model_copy(update={"learning_rate": None}), *own_key[4:], "any rate")
    started = time.perf_counter()
    key = next((key for key in (own_key, shared_key) if key in _PROGRAMS and (rate or key is own_key)), None)
    program: Any = _PROGRAMS.pop(key) if key else _trace(recipe, sets, seed, stack)
    trace_seconds = 0.0 if key else time.perf_counter() - started
    if key is None:
        key = shared_key if rate and _takes_rates(program, recipe.training.optimizer, rate) else own_key
    elif key is shared_key and not isinstance(program, str):
        program.set_rate(rate)
    _PROGRAMS[key] = program
    held = {key: program.held_bytes for key, program in _PROGRAMS.items() if not isinstance(program, str)}
    outdated, most = False, max(_KEPT_PROGRAMS, min(turns, _MOST_PROGRAMS))
    while len(held) > 1 and (len(held) > most or sum(held.values()) > _KEPT_BYTES):
        oldest = next(iter(held))
        del held[oldest], _PROGRAMS[oldest]
        outdated = True
    if outdated:
        gc.collect()  # a traced function holds itself, and with it the variables
    return program, trace_seconds


def _takes_rates(program: Program | Stack | str, optimizer: str | None, rate: float) -> bool:
    """Whether a traced fit runs at any learning rate; one of the model's own optimizer may stand anywhere.

    A technique may have set one of its own. What cannot be traced cannot be at any.
    """
    return isinstance(program, str) or (optimizer != "model" and program.begins_at(rate))


def _trace(recipe: Recipe, sets: Sets, seed: int, stack: int) -> Program | Stack | str:
    """The traced fit of one seed, or of a ``stack`` of them, or why there is none.

    What is wrong with the model itself, the engine ``keras`` will raise.
    """
    from regfleet.training.contract import row_metrics, steps_itself
    from regfleet.training.fused import Program
    from regfleet.training.stacked import Stack

    model, settings, rows = _compiled(recipe, sets), _settings(recipe, sets), len(sets.train.x)
    if steps_itself(model):
        return f"{type(model).__name__} has a train_step of its own"
    if stack > 1 and not pays_to_stack(model.count_params(), min(rows, settings.batch_size), sets.train.x.ndim):
        return "one network fills the device"
    if stack > 1 and (why := _for_one_seed(model.optimizer, recipe.training)):
        return f"{why} is for one seed"
    metrics = row_metrics(sets.task, recipe.model.found.output)
    xla = pays_to_compile(model, rows, settings)
    program: Program | Stack
    if stack > 1:
        program = Stack(model, metrics, settings, stack, xla=xla)
    else:
        program = Program(model, metrics, settings, xla=xla)
    try:
        program.trace(_start(model, recipe, sets, seed))
    except Exception as error:  # noqa: BLE001 - tracing runs any layer's code, which may raise anything
        return f"{type(error).__name__}: {reason(error)}"
    return program


def _for_one_seed(optimizer: keras.optimizers.Optimizer, training: Training) -> str:
    """What of the optimizer neither works number by number nor can be mapped over seeds; empty for nothing."""
    import keras

    if training.optimizer == "model":
        return "an optimizer of the model's own"
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) or optimizer.loss_scale_factor:
        return "scaling the loss of mixed precision"
    return "an optimizer that averages weights" if optimizer.use_ema else ""


def pays_to_compile(model: keras.Model, rows: int, settings: Settings) -> bool:
    """Whether XLA is faster than a plain graph for fits of ``model`` on ``rows`` training rows on this device.

    XLA draws random numbers tenfold slower than TensorFlow on a CPU, so a model with noise stays a graph there.
    """
    noisy = len(model.variables) > len(model.weights)
    updates = settings.epochs * -(-rows // settings.batch_size)
    return updates >= XLA_FROM and not (noisy and not runtime.has_gpu())


def pays_to_stack(weights: int, rows: int, dimensions: int) -> bool:
    """Whether a GPU trains `STACK` seeds of a model side by side faster than one after the other.

    With one small network it waits for its next operation nearly all the time. A network on images, or a large one,
    keeps it busy.

    Args:
        weights: of the model; 0 while they are unknown.
        rows: of an update.
        dimensions: of the training rows as an array; a table has 2.
    """
    return weights * rows <= STACK_WORK and weights <= STACK_WEIGHTS and dimensions == 2


def _with_keras(recipe: Recipe, sets: Sets, seed: int, execution: Execution) -> Fit:
    """Train with `model.fit`, which traces its steps as well, unless they cannot be traced."""
    from regfleet.models.texts import tensor
    from regfleet.training import keras_fit
    from regfleet.training.contract import row_metrics, steps_itself

    model = _compiled(recipe, sets)
    model.run_eagerly = bool(execution.untraceable) and not steps_itself(model)
    settings = _settings(recipe, sets)
    metrics = dict(zip(settings.metrics[1:], row_metrics(sets.task, recipe.model.found.output), strict=True))
    course = keras_fit.train(model, settings, _start(model, recipe, sets, seed), metrics)
    return _fit(model, recipe, course, sets, lambda x: model(tensor(x), training=False).numpy(), execution)


def _compiled(recipe: Recipe, sets: Sets) -> keras.Model:
    from regfleet.models import build
    from regfleet.training.contract import compile_model

    model = build(recipe, sets.train.x.shape[1:], sets.train.y.shape[1], sets.task)
    compile_model(model, recipe.training, sets.task, recipe.model.found, recipe, _length(recipe, sets).updates)
    return model


def _settings(recipe: Recipe, sets: Sets) -> Settings:
    from regfleet.training.contract import Settings

    training = recipe.training
    return Settings(
        training.epochs,
        training.batch_size,
        training.early_stopping,
        task=sets.task,
        batches=recipe.batches,
        steps=recipe.steps,
        average=recipe.average,
        snapshots=recipe.snapshots(_length(recipe, sets)) if recipe.snapshots else (),
    )


def _length(recipe: Recipe, sets: Sets) -> Length:
    return Length(recipe.training.epochs, -(-len(sets.train.x) // recipe.training.batch_size))


def _start(model: keras.Model, recipe: Recipe, sets: Sets, seed: int) -> Start:
    from regfleet.training.contract import Start, balanced_weight, order_key

    weight = balanced_weight(sets.train.y) if recipe.training.class_weight else None
    values = _starting_weights(model, recipe, sets, seed)
    return Start(values, sets.train, sets.validation, order_key(seed), weight)


def _starting_weights(model: keras.Model, recipe: Recipe, sets: Sets, seed: int) -> list[np.ndarray]:
    """The weights from which ``model`` starts: those of the narrower model for ``sets`` without their padding.

    The weights of inputs that are zero in every row are zero, so that all others train as they would without them.
    """
    import numpy as np

    from regfleet.models import build, starting_weights

    if not sets.padding:
        return starting_weights(model, seed)
    narrow = build(recipe, (sets.train.x.shape[1] - sets.padding,), sets.train.y.shape[1], sets.task)
    return [
        np.pad(value, [(0, wide - own) for own, wide in zip(value.shape, variable.shape, strict=True)])
        for value, variable in zip(starting_weights(narrow, seed), model.variables, strict=True)
    ]


def _fit(
    model: keras.Model,
    recipe: Recipe,
    course: Course,
    sets: Sets,
    predict: Callable[[np.ndarray], np.ndarray],
    execution: Execution,
) -> Fit:
    """The record of a finished course of ``model``: predictions, penalties and the values of a loss of its own."""
    import numpy as np
    import tensorflow as tf

    from regfleet.borrowed.keras import compiled_loss
    from regfleet.models.objective import compiled_of, read
    from regfleet.training.contract import assign
    from regfleet.training.large import predicted as predicted_of

    own = compiled_of(model)
    loss = compiled_loss(model) if recipe.losses or (own and own.loss is not None) else None
    output = recipe.model.found.output

    rows = {"train": sets.train, "val": sets.validation, "test": sets.test}
    ends = np.cumsum([len(part.x) for part in rows.values()])[:-1]
    inputs = [part.x for part in rows.values()]
    regularized = [weight for weight in model.trainable_weights if weight.regularizer is not None]
    kept = {id(weight) for weight in model.weights}
    predictions: dict[str, dict[str, np.ndarray]] = {}
    losses: dict[str, dict[str, float]] = {}
    penalty: dict[str, float] = {}
    last = course.best if recipe.restores_best else course.last
    for when, values in (("last", last), ("best", course.best)):
        assign(model.variables, values)
        predicted = predicted_of(predict, inputs)
        if course.snapshots and when == "last":
            predicted = _together(model, course.snapshots, lambda: predicted_of(predict, inputs))
            assign(model.variables, values)
        given = dict(zip(rows, np.split(predicted, ends), strict=True))
        if loss:
            losses[when] = {name: float(loss(part.y, tf.constant(given[name]))) for name, part in rows.items()}
        if sets.task == "classification" and output != "probabilities":
            given = {name: np.asarray(read(output, part), "float32") for name, part in given.items()}
        predictions[when] = given
        penalty[when] = sum(float(weight.regularizer(weight)) for weight in regularized)
    return Fit(
        history={name: course.history[:, index] for index, name in enumerate(history_columns(sets.task))},
        predictions=predictions,
        penalty=penalty,
        losses=losses,
        best_epoch=course.best_epoch,
        diverged_at=course.diverged_at,
        execution=execution,
        weights=tuple(value for weight, value in zip(model.variables, last, strict=True) if id(weight) in kept),
        states={"last": course.snapshots or [last], "best": [course.best]},
    )


def _together(
    model: keras.Model, snapshots: Sequence[list[np.ndarray]], predict: Callable[[], np.ndarray]
) -> np.ndarray:
    """The mean of what the model predicts with each of the ``snapshots`` as its weights."""
    import numpy as np

    from regfleet.training.contract import assign

    each = []
    for values in snapshots:
        assign(model.variables, values)
        each.append(predict())
    mean: np.ndarray = np.mean(each, axis=0, dtype="float64").astype(each[0].dtype)
    return mean
