"""How long and how fast weights are led: the learning rate over the training, and its end."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, as_it_is
from regfleet.techniques.recipe import Definition, Facts, Length, Parameter, Range, Recipe, inner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Values = tuple[float, ...]
    Layers = tuple[str, ...]


def _lead_rate(recipe: Recipe, schedule: Callable[[float, Length], Any]) -> Recipe:
    """The recipe with the optimizer's own rate led by ``schedule``, a function of that rate and the fit's length."""

    def lead(optimizer: Any, _model: Any, length: Length) -> None:
        import keras

        inner = inner_of(optimizer)
        if not isinstance(inner.learning_rate, keras.Variable):
            raise InputError(f"--optimizer model: {_SCHEDULED}; give --learning-rate, or leave out the schedule")
        inner.learning_rate = schedule(float(inner.learning_rate.numpy()), length)

    return recipe.add(optimizers=[lead])


def _cosine(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def schedule(rate: float, length: Length) -> Any:
        import keras

        return keras.optimizers.schedules.CosineDecay(rate, length.epochs * length.updates, alpha=values[0])

    return recipe if values[0] == 1 else _lead_rate(recipe, schedule)


def cycle_ends(epochs: int, cycles: int, factor: float = 1) -> tuple[int, ...]:
    """The epochs (from 1) with which ``cycles`` cycles end, each ``factor`` times as long as the one before.

    The last one ends with the training. Too few epochs for so many cycles give equal ones, or 0.
    """
    lengths = [factor**place for place in range(cycles)]
    return tuple(round(epochs * math.fsum(lengths[:number]) / math.fsum(lengths)) for number in range(1, cycles + 1))


@cache
def cosine_cycles() -> Any:
    """The schedule's class: from the ``rate`` down to 0 by half a cosine, anew after each of the updates ``ends``.

    Keras' `CosineDecayRestarts` is the same where its cycles are whole epochs; it takes logarithms to find the cycle.
    """
    import keras

    @keras.saving.register_keras_serializable("regfleet")
    class CosineCycles(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __init__(self, rate: float, ends: list[int]) -> None:
            super().__init__()
            self.rate, self.ends = rate, list(ends)

        def __call__(self, step: Any) -> Any:
            ops = keras.ops
            step = ops.cast(step, "float32")
            starts = ops.convert_to_tensor([0, *self.ends[:-1]], "float32")
            cycle = ops.sum(ops.cast(step >= starts, "int32")) - 1
            start, end = ops.take(starts, cycle), ops.take(ops.convert_to_tensor(self.ends, "float32"), cycle)
            return self.rate * (1 + ops.cos(math.pi * ops.minimum((step - start) / (end - start), 1))) / 2

        def get_config(self) -> dict[str, Any]:
            return {"rate": self.rate, "ends": self.ends}

    return CosineCycles


def _in_cycles(recipe: Recipe, cycles: float, factor: float = 1) -> Recipe:
    def schedule(rate: float, length: Length) -> Any:
        ends = sorted({*cycle_ends(length.epochs, int(cycles), factor)} - {0})
        return cosine_cycles()(rate, [end * length.updates for end in ends])

    return _lead_rate(recipe, schedule)


def _warm_restarts(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    return _in_cycles(recipe, *values)


def _snapshot(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def ends(length: Length) -> tuple[int, ...]:
        return tuple(sorted({*cycle_ends(length.epochs, int(values[0]))} - {0})[-3:])

    return _in_cycles(recipe, values[0]).fill(snapshots=ends)


def _stop_early(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    training = recipe.training.model_copy(update={"early_stopping": int(values[0])})
    return recipe.fill(training=training, restores_best=True)


def _cosine_code(code: Code, values: Values, _layers: Layers) -> Code:
    if values[0] == 1:
        return code
    alpha = f", alpha={exact(values[0])}" if values[0] else ""
    return code.fill(rate=f"keras.optimizers.schedules.CosineDecay({{rate}}, epochs * updates{alpha})")


_CYCLES = '''\
class CosineCycles(keras.optimizers.schedules.LearningRateSchedule):
    """From the rate down to 0 by half a cosine, anew after each of the updates `ends`."""

    def __init__(self, rate, ends):
        self.rate, self.ends = rate, ends

    def __call__(self, step):
        step = keras.ops.cast(step, "float32")
        starts = keras.ops.convert_to_tensor([0, *self.ends[:-1]], "float32")
        cycle = keras.ops.sum(keras.ops.cast(step >= starts, "int32")) - 1
        start = keras.ops.take(starts, cycle)
        end = keras.ops.take(keras.ops.convert_to_tensor(self.ends, "float32"), cycle)
        share = keras.ops.minimum((step - start) / (end - start), 1)
        return self.rate * (1 + keras.ops.cos(math.pi * share)) / 2

    def get_config(self):
        return {"rate": self.rate, "ends": self.ends}
'''


def _cycles_code(code: Code, values: Values, _layers: Layers) -> Code:
    ends = sorted({*cycle_ends(code.recipe.training.epochs, int(values[0]), *values[1:])} - {0})
    schedule = f"CosineCycles({{rate}}, [updates * epoch for epoch in {tuple(ends)}])"
    return code.fill(rate=schedule).add(helpers=[_CYCLES])


def _snapshot_code(code: Code, values: Values, layers: Layers) -> Code:
    ends = tuple(sorted({*cycle_ends(code.recipe.training.epochs, int(values[0]))} - {0})[-3:])
    keep = f'''\
class Snapshots(keras.callbacks.Callback):
    """Keeps the weights at the ends of cycles."""

    weights = []

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 in {ends}:
            self.weights.append(self.model.get_weights())
'''
    after = (
        "",
        "def predict(x):",
        '    """The mean of what the snapshots predict."""',
        "    predicted = []",
        "    for weights in Snapshots.weights:",
        "        model.set_weights(weights)",
        "        predicted.append(model.predict(x))",
        "    return sum(predicted) / len(predicted)",
    )
    return _cycles_code(code, values, layers).add(helpers=[keep], callbacks=["Snapshots()"], after=after)


_SCHEDULED = "expected an optimizer with one learning rate; got one with a schedule of its own"
_ONE_RATE = "it leads the learning rate too"
_RATE_LED = tuple((name, _ONE_RATE) for name in ("cosine", "warmrestarts", "snapshot"))
STOPPED = "early stopping may end the training before {}"


def _rate_led_already(facts: Facts, _values: Values) -> str:
    led = facts.leads("rate") and facts.training.learning_rate is None
    return "the model's own optimizer has a schedule of its learning rate" if led else ""


def _no_room_for_cycles(facts: Facts, values: Values) -> str:
    cycles = int(values[0])
    ends = cycle_ends(facts.training.epochs, cycles, *values[1:])
    if len({0, *ends}) <= cycles:
        return f"{facts.training.epochs} epochs are too few for {cycles} cycles"
    return _rate_led_already(facts, values)


def _no_snapshots(facts: Facts, values: Values) -> str:
    if facts.training.early_stopping is not None:
        return STOPPED.format("the last cycles")
    return _no_room_for_cycles(facts, values)


COSINE = Definition(
    name="cosine",
    title="Cosine schedule",
    summary="lowers the learning rate from its value to floor x its value over the training, along half a cosine",
    source="Loshchilov & Hutter 2017, SGDR: stochastic gradient descent with warm restarts (one cycle)",
    about="The learning rate follows half a cosine, update by update, from the optimizer's own to floor times that at "
    "the end of the epochs: Keras' CosineDecay. Large steps explore first, small ones settle at the end, so that the "
    "last weights jitter less. It needs a number of epochs that suits: the steps become small whether the network is "
    "ready or not, and early stopping may end it before. It costs nothing. Floor 1 is the control.",
    parameters=(Parameter("floor", "floor", 0, 0, 1),),
    code=_cosine_code,
    apply=_cosine,
    label=lambda values: f"floor {values[0]:g}" if values[0] else "",
    place="",
    conflicts=tuple(pair for pair in _RATE_LED if pair[0] != "cosine"),
    unfit=_rate_led_already,
)
WARM_RESTARTS = Definition(
    name="warmrestarts",
    title="Warm restarts",
    summary="lowers the learning rate to 0 along half a cosine, then starts again, in longer and longer cycles",
    source="Loshchilov & Hutter 2017, SGDR: stochastic gradient descent with warm restarts",
    about="The training is cut into cycles of whole epochs, each factor times as long as the one before, the last of "
    "which ends with the training: three cycles of factor 2 are 15, 30 and 60 of 105 epochs. In each the learning rate "
    "falls from the optimizer's own to 0 along half a cosine, and then jumps back. A restart leaves a minimum that is "
    "too narrow to hold the larger steps, and the weights at each cycle's end are good ones. It costs nothing, and "
    "needs more epochs than cycles.",
    parameters=(Parameter("cycles", "cycles", 3, 2, 100, whole=True), Parameter("factor", "factor", 2, 1, 10)),
    code=_cycles_code,
    apply=_warm_restarts,
    label=lambda values: f"{values[0]:g} cycles" + ("" if values[1] == 2 else f", factor {values[1]:g}"),
    place="",
    conflicts=tuple(pair for pair in _RATE_LED if pair[0] != "warmrestarts"),
    unfit=_no_room_for_cycles,
)
SNAPSHOT = Definition(
    name="snapshot",
    title="Snapshot ensemble",
    summary="trains in cosine cycles of equal length; the weights at the ends of the last three predict together",
    source="Huang et al. 2017, Snapshot ensembles: train 1, get M for free",
    about="The training is cut into cycles of equal length, in whole epochs. In each the learning rate falls from the "
    "optimizer's own to 0 along half a cosine, so that each ends in a minimum of its own. The networks at the ends of "
    "the last three cycles predict together: the mean of what they put out. It gives an ensemble for the price of one "
    "training, three times the work to predict, and helps where the cycles are long enough to reach different minima. "
    "What is said of the best epoch is said of one network.",
    parameters=(Parameter("cycles", "cycles", 5, 3, 100, whole=True),),
    code=_snapshot_code,
    apply=_snapshot,
    label=lambda values: f"{values[0]:g} cycles",
    place="",
    conflicts=(
        *(pair for pair in _RATE_LED if pair[0] != "snapshot"),
        ("earlystopping", STOPPED.format("the last cycles")),
    ),
    unfit=_no_snapshots,
)
EARLY_STOPPING = Definition(
    name="earlystopping",
    title="Early stopping",
    summary="ends the training after patience epochs without a lower validation error; keeps the best epoch's weights",
    source="Prechelt 1998, Early stopping – but when?",
    about="After every epoch the error on the validation rows is looked at: cross-entropy, or squared error in a "
    "regression, without penalties. When it has not fallen below its lowest for patience epochs, the training ends, "
    "and the weights of the best epoch are the result: Keras' EarlyStopping with restore_best_weights. It keeps the "
    "network from learning its training rows by heart and saves time. The validation rows take part in the choice, so "
    "only the test rows say how good it is.",
    parameters=(Parameter("patience", "patience", 20, 1, 1_000_000, whole=True, tunes=Range(2, 100)),),
    code=as_it_is,
    apply=_stop_early,
    label=lambda values: f"patience {values[0]:g}",
    place="",
    conflicts=(("snapshot", STOPPED.format("the last cycles")), ("swa", STOPPED.format("the averaging begins"))),
)
