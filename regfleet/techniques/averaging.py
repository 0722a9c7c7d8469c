"""Which weights are judged: an average that follows those that train."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regfleet.numbers import exact
from regfleet.techniques import keras_code as codes
from regfleet.techniques.keras_code import Code
from regfleet.techniques.recipe import Average, Definition, Facts, Length, Parameter, Range, Recipe
from regfleet.techniques.schedules import STOPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    Values = tuple[float, ...]
    Layers = tuple[str, ...]
    Follow = Callable[[Any, Any, Any], tuple[Any, Any]]


def _average(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def of(_length: Length) -> Follow:
        def follow(average: Any, current: Any, number: Any) -> tuple[Any, Any]:
            import tensorflow as tf

            return tf.where(number == 1, current, values[0] * average + (1 - values[0]) * current), current

        return follow

    return recipe.fill(average=Average("update", of))


def _stochastic_average(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def of(length: Length) -> Follow:
        def follow(average: Any, current: Any, number: Any) -> tuple[Any, Any]:
            import tensorflow as tf

            averaged = tf.cast(number - _epochs_before(length.epochs, values[0]), current.dtype)
            mean = average + (current - average) / tf.maximum(averaged, 1)
            return tf.where(averaged > 1, mean, current), current

        return follow

    return recipe.fill(average=Average("epoch", of))


def _epochs_before(epochs: int, share: float) -> int:
    """The epochs before the first whose weights are averaged."""
    return math.floor(epochs * share)


def _look_ahead(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    step, period = values

    def of(_length: Length) -> Follow:
        def follow(slow: Any, fast: Any, number: Any) -> tuple[Any, Any]:
            import tensorflow as tf

            due = number % int(period) == 0
            slow = tf.where(due, (1 - step) * slow + step * fast, slow)
            return slow, tf.where(due, slow, fast)

        return follow

    return recipe.fill(average=Average("update", of))


def _average_code(code: Code, values: Values, _layers: Layers) -> Code:
    normalizes = any(one.kind == "batchnorm" for one in code.recipe.insertions)
    if not (normalizes or code.patch or code.best or code.recipe.training.early_stopping):
        return code.add(optimizer=["use_ema=True", f"ema_momentum={exact(values[0])}"])
    beta = exact(values[0])
    line = f"average[...] = current if number == 1 else {beta} * average + (1 - {beta}) * current"
    return code.fill(average=codes.Average("update", (line,)))


def _stochastic_average_code(code: Code, values: Values, _layers: Layers) -> Code:
    before = _epochs_before(code.recipe.training.epochs, values[0])
    line = f"average += (current - average) / max(number - {before}, 1)"
    return code.fill(average=codes.Average("epoch", (line,)))


def _look_ahead_code(code: Code, values: Values, _layers: Layers) -> Code:
    step, period = values
    lines = (
        f"if number % {int(period)} == 0:",
        f"    average += {exact(step)} * (current - average)",
        "    weight.assign(average)",
    )
    return code.fill(average=codes.Average("update", lines))


_ONE_AVERAGE = "each judges other weights than those that train"
_AVERAGED = tuple((name, _ONE_AVERAGE) for name in ("ema", "swa", "lookahead"))


def _averaged_already(facts: Facts, _values: Values) -> str:
    return "the model's own optimizer averages weights" if facts.leads("averaging") else ""


def _no_epochs_to_average(facts: Facts, values: Values) -> str:
    epochs = facts.training.epochs
    if epochs - _epochs_before(epochs, values[0]) < 2:
        return f"of {epochs} epochs it would average the weights of one, which are those of the control"
    if facts.training.early_stopping is not None:
        return STOPPED.format("the averaging begins")
    return _averaged_already(facts, values)


def _no_look(facts: Facts, values: Values) -> str:
    updates = facts.training.epochs * -(-facts.rows // facts.training.batch_size)
    if updates < values[1]:
        return f"the training has {updates} updates, fewer than the period, so that the weights would never move"
    return _averaged_already(facts, values)


EMA = Definition(
    name="ema",
    title="Averaged weights",
    summary="judges and keeps an exponential average of the weights over the updates",
    source="Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging",
    about="Beside the weights that train, an average follows: after every update it is momentum × itself + (1 − "
    "momentum) × the weights, from the first update's weights on, as Keras' use_ema has it. The average is what is "
    "judged and kept; the statistics of batch normalizations are taken anew over the training rows for it. It smooths "
    "the jitter of the last updates, much like a falling learning rate. It costs little time. Momentum 0 is the "
    "control, batch normalizations aside.",
    parameters=(Parameter("momentum", "β", 0.99, 0, 1, open_high=True, tunes=Range(0.8, 0.9995, "near one")),),
    code=_average_code,
    apply=_average,
    label=lambda values: f"β = {values[0]:g}",
    place="",
    conflicts=tuple(pair for pair in _AVERAGED if pair[0] != "ema"),
    unfit=_averaged_already,
)
SWA = Definition(
    name="swa",
    title="Stochastic weight averaging",
    summary="judges and keeps the mean of the weights at the ends of the last epochs",
    source="Izmailov et al. 2018, Averaging weights leads to wider optima and better generalization",
    about="After the given share of the epochs, the weights at the end of every epoch are averaged, all alike. The "
    "mean is what is judged and kept; the statistics of batch normalizations are taken anew over the training rows for "
    "it. It lies in the middle of the region in which the weights wander, where the loss is often flatter. The "
    "learning rate stays what it is: a high one wanders further, and a schedule that ends at 0 leaves little to "
    "average. It costs little time.",
    parameters=(Parameter("share", "share", 0.75, 0, 1, open_high=True, tunes=Range(0.3, 0.9, "linear")),),
    code=_stochastic_average_code,
    apply=_stochastic_average,
    label=lambda values: f"from {100 * values[0]:g} % of the epochs on",
    place="",
    conflicts=(
        *(pair for pair in _AVERAGED if pair[0] != "swa"),
        ("earlystopping", STOPPED.format("the averaging begins")),
    ),
    unfit=_no_epochs_to_average,
)
LOOKAHEAD = Definition(
    name="lookahead",
    title="Lookahead",
    summary="lets slow weights follow the optimizer's fast ones by a step now and then, and starts these from there",
    source="Zhang et al. 2019, Lookahead optimizer: k steps forward, 1 step back",
    about="The optimizer leads fast weights. After every period updates the slow weights, which start with them, move "
    "by the share step towards them, and the fast ones go on from there; what the optimizer remembers stays. The slow "
    "weights are judged and kept; the statistics of batch normalizations are taken anew over the training rows for "
    "them. It calms an optimizer whose steps are large, and costs little time. Step 1 with period 1 is the control, "
    "batch normalizations aside.",
    parameters=(
        Parameter("step", "α", 0.5, 0, 1, open_low=True, tunes=Range(0.1, 0.9, "linear")),
        Parameter("period", "k", 5, 1, 1_000_000, whole=True),
    ),
    code=_look_ahead_code,
    apply=_look_ahead,
    label=lambda values: f"α = {values[0]:g}, k = {values[1]:g}",
    place="",
    conflicts=tuple(pair for pair in _AVERAGED if pair[0] != "lookahead"),
    unfit=_no_look,
)
