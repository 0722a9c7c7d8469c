"""How the weights are led: the gradients, the optimizer and its rate, and the weights that are judged."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.streams import stream_int
from regfleet.techniques import keras_code as codes
from regfleet.techniques.keras_code import Code, as_it_is
from regfleet.techniques.recipe import (
    Average,
    Batch,
    Definition,
    Descender,
    Descent,
    Facts,
    Length,
    Parameter,
    Range,
    Recipe,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    Values = tuple[float, ...]
    Layers = tuple[str, ...]
    Follow = Callable[[Any, Any, Any], tuple[Any, Any]]


def _sharpness_aware(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def step(inner: Descender, batch: Batch, shift: list[Any] | None) -> Descent:
        import tensorflow as tf

        first = inner.of(batch, shift)
        scale = values[0] / (tf.linalg.global_norm(first.gradients) + 1e-12)
        up = [None if gradient is None else gradient * scale for gradient in first.gradients]
        if shift:
            up = [other if one is None else one + other for one, other in zip(up, shift, strict=True)]
        return first._replace(gradients=inner.of(batch, up).gradients)

    return recipe.add(steps=[step]) if values[0] else recipe


def _gradient_noise(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    variance, decay = values

    def step(inner: Descender, batch: Batch, shift: list[Any] | None) -> Descent:
        import tensorflow as tf

        found = inner.of(batch, shift)
        deviation = tf.sqrt(variance / (1 + tf.cast(batch.update, tf.float32)) ** decay)

        def noisy(place: int, gradient: Any) -> Any:
            draw = tf.random.stateless_normal(tf.shape(gradient), batch.seed(f"gradient noise {place}"))
            return gradient + tf.cast(deviation * draw, gradient.dtype)

        gradients = [one if one is None else noisy(place, one) for place, one in enumerate(found.gradients)]
        return found._replace(gradients=gradients)

    return recipe.add(steps=[step]) if variance else recipe


def _inner(optimizer: keras.optimizers.Optimizer) -> Any:
    """The optimizer itself, which mixed precision may have wrapped."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _clip(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def clip(optimizer: Any, _model: Any, _length: Length) -> None:
        _inner(optimizer).global_clipnorm = values[0]

    return recipe.add(optimizers=[clip])


def _decay(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def decay(optimizer: Any, model: Any, _length: Length) -> None:
        # Attention has biases with two axes.
        others = [one for one in model.trainable_weights if len(one.shape) < 2 or "bias" in one.name]
        if len(others) == len(model.trainable_weights):
            raise InputError("weightdecay: expected a model with a kernel to train; got one without")
        inner = _inner(optimizer)
        inner.weight_decay = values[0] or None
        inner.exclude_from_weight_decay(others)

    return recipe.add(optimizers=[decay])


def _lead_rate(recipe: Recipe, schedule: Callable[[float, Length], Any]) -> Recipe:
    """The recipe with the optimizer's own rate led by ``schedule``, a function of that rate and the fit's length."""

    def lead(optimizer: Any, _model: Any, length: Length) -> None:
        import keras

        inner = _inner(optimizer)
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


_SHARP = '''\
def sharpness_aware(gradients, radius):
    """The gradients at the worst weights nearby."""

    def at_the_worst(model, x, y, weight):
        here = gradients(model, x, y, weight)
        scale = radius / (tf.linalg.global_norm(here) + 1e-12)
        before = [tf.identity(one) for one in model.trainable_variables]
        for one, gradient in zip(model.trainable_variables, here):
            one.assign(one + scale * gradient)
        there = gradients(model, x, y, weight)
        for one, value in zip(model.trainable_variables, before):
            one.assign(value)
        return there

    return at_the_worst
'''


def _sharp_code(code: Code, values: Values, _layers: Layers) -> Code:
    return code.add(steps=[f"sharpness_aware({{}}, {exact(values[0])})"], helpers=[_SHARP]) if values[0] else code


_NOISY = '''\
def with_noise(gradients, variance, decay, key):
    """The gradients with normal noise that fades with the updates."""

    def seed(place):
        return key ^ (zlib.crc32(f"gradient noise {place}".encode()) & 0x7FFFFFFF)

    def noisy(model, x, y, weight):
        update = tf.cast(model.optimizer.iterations, "int32")
        deviation = tf.sqrt(variance / (1 + tf.cast(update, "float32")) ** decay)
        found = gradients(model, x, y, weight)
        return [
            one + deviation * tf.random.stateless_normal(tf.shape(one), tf.stack([seed(place), update]))
            for place, one in enumerate(found)
        ]

    return noisy
'''


def _gradient_noise_code(code: Code, values: Values, _layers: Layers) -> Code:
    if not values[0]:
        return code
    noisy = f"with_noise({{}}, {', '.join(map(exact, values))}, {stream_int(code.seed, 'order')})"
    return code.add(steps=[noisy], helpers=[_NOISY])


def _clip_code(code: Code, values: Values, _layers: Layers) -> Code:
    return code.add(optimizer=[f"global_clipnorm={exact(values[0])}"])


def _decay_code(code: Code, values: Values, _layers: Layers) -> Code:
    if not values[0]:
        return code.add(optimizer=["weight_decay=0"] if code.recipe.training.optimizer == "adamw" else [])
    lines = (
        "optimizer.exclude_from_weight_decay(  # biases and normalizations",
        '    [one for one in model.trainable_variables if len(one.shape) < 2 or "bias" in one.name]',
        ")",
    )
    return code.add(optimizer=[f"weight_decay={exact(values[0])}"], tuned=lines)


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


_SCHEDULED = "expected an optimizer with one learning rate; got one with a schedule of its own"
_ONE_RATE = "it leads the learning rate too"
_ONE_AVERAGE = "each judges other weights than those that train"
_RATE_LED = tuple((name, _ONE_RATE) for name in ("cosine", "warmrestarts", "snapshot"))
_AVERAGED = tuple((name, _ONE_AVERAGE) for name in ("ema", "swa", "lookahead"))
_STOPPED = "early stopping may end the training before {}"


def _own(facts: Facts, what: str) -> bool:
    """Whether a model's own optimizer does ``what`` already, as in `Found.leads`."""
    return facts.training.optimizer == "model" and what in facts.model.found.leads


def _clipped_already(facts: Facts, _values: Values) -> str:
    return "the model's own optimizer clips gradients" if _own(facts, "clipping") else ""


def _rate_led_already(facts: Facts, _values: Values) -> str:
    led = _own(facts, "rate") and facts.training.learning_rate is None
    return "the model's own optimizer has a schedule of its learning rate" if led else ""


def _no_room_for_cycles(facts: Facts, values: Values) -> str:
    cycles = int(values[0])
    ends = cycle_ends(facts.training.epochs, cycles, *values[1:])
    if len({0, *ends}) <= cycles:
        return f"{facts.training.epochs} epochs are too few for {cycles} cycles"
    return _rate_led_already(facts, values)


def _no_snapshots(facts: Facts, values: Values) -> str:
    if facts.training.early_stopping is not None:
        return _STOPPED.format("the last cycles")
    return _no_room_for_cycles(facts, values)


def _averaged_already(facts: Facts, _values: Values) -> str:
    return "the model's own optimizer averages weights" if _own(facts, "averaging") else ""


def _no_epochs_to_average(facts: Facts, values: Values) -> str:
    epochs = facts.training.epochs
    if epochs - _epochs_before(epochs, values[0]) < 2:
        return f"of {epochs} epochs it would average the weights of one, which are those of the control"
    if facts.training.early_stopping is not None:
        return _STOPPED.format("the averaging begins")
    return _averaged_already(facts, values)


def _no_look(facts: Facts, values: Values) -> str:
    updates = facts.training.epochs * -(-facts.rows // facts.training.batch_size)
    if updates < values[1]:
        return f"the training has {updates} updates, fewer than the period, so that the weights would never move"
    return _averaged_already(facts, values)


SAM = Definition(
    name="sam",
    title="Sharpness-aware minimization",
    summary="takes the gradient at the worst weights nearby, so that flat minima are preferred; doubles the cost",
    source="Foret et al. 2021, Sharpness-aware minimization for efficiently improving generalization",
    about="Each update first climbs: it moves all weights by radius in the direction of the gradient, takes the "
    "gradient of the loss there, and steps from the original weights with that one. Minima whose surroundings are as "
    "low as they are are preferred, which often generalize better. It helps most with networks that fit their "
    "training rows exactly, and costs two passes an update, so twice the time. The loss in the history is that of the "
    "weights before the climb. Radius 0 is the control.",
    parameters=(Parameter("radius", "ρ", 0.05, 0, float("inf"), open_high=True, tunes=Range(0.005, 0.5)),),
    code=_sharp_code,
    apply=_sharpness_aware,
    label=lambda values: f"ρ = {values[0]:g}",
    place="",
)
GRADIENT_NOISE = Definition(
    name="gradientnoise",
    title="Gradient noise",
    summary="adds normal noise to every gradient, which fades with the updates",
    source="Neelakantan et al. 2015, Adding gradient noise improves learning for very deep networks",
    about="Before update t, counted from 0, every gradient gets independent normal noise of variance η / (1 + t)^γ. "
    "Early on it keeps the weights from settling in the first minimum that they meet; later it has faded. It was made "
    "for very deep networks that train badly, and costs next to nothing. The noise is drawn anew for each seed and "
    "update, before gradients are clipped. Variance 0 is the control.",
    parameters=(
        Parameter("variance", "η", 0.01, 0, float("inf"), open_high=True, tunes=Range(1e-4, 1)),
        Parameter("decay", "γ", 0.55, 0, 10),
    ),
    code=_gradient_noise_code,
    apply=_gradient_noise,
    label=lambda values: f"η = {values[0]:g}" + ("" if values[1] == 0.55 else f", γ = {values[1]:g}"),
    place="",
)
CLIP = Definition(
    name="clip",
    title="Gradient clipping",
    summary="scales the gradient of all weights down to a norm of at most limit",
    source="Pascanu et al. 2013, On the difficulty of training recurrent neural networks",
    about="Where the norm of the gradient of all weights together exceeds the limit, it is scaled down to it, with its "
    "direction kept: Keras' global_clipnorm. It keeps single batches, outliers and steep walls of the loss from "
    "throwing the weights away, above all in recurrent networks and at high learning rates, and costs next to nothing. "
    "Optimizers that divide gradients by their size, such as Adam, feel it little. A limit above every norm is the "
    "control, up to rounding.",
    parameters=(Parameter("limit", "c", 1, 0, float("inf"), open_low=True, open_high=True, tunes=Range(0.01, 10)),),
    code=_clip_code,
    apply=_clip,
    label=lambda values: f"c = {values[0]:g}",
    place="",
    unfit=_clipped_already,
)
WEIGHT_DECAY = Definition(
    name="weightdecay",
    title="Weight decay",
    summary="shrinks every kernel by learning rate x strength with each update, apart from the gradient",
    source="Loshchilov & Hutter 2019, Decoupled weight decay regularization",
    about="With every update each kernel loses the share learning rate × strength, whatever its gradient is: AdamW "
    "with Adam, SGDW with SGD, by Keras' own weight_decay. Biases and the scales of normalizations do not decay. With "
    "plain SGD it is nearly L2 of half the strength; with Adam and its kin it shrinks all weights alike, where L2 "
    "shrinks those with large gradients less. It costs nothing. It replaces the weight decay that an optimizer has "
    "itself, such as AdamW's; strength 0 is an optimizer without any.",
    parameters=(Parameter("strength", "λ", 0.01, 0, float("inf"), open_high=True, tunes=Range(1e-5, 1)),),
    code=_decay_code,
    apply=_decay,
    label=lambda values: f"λ = {values[0]:g}",
    place="",
)
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
        ("earlystopping", _STOPPED.format("the last cycles")),
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
    conflicts=(("snapshot", _STOPPED.format("the last cycles")), ("swa", _STOPPED.format("the averaging begins"))),
)
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
        ("earlystopping", _STOPPED.format("the averaging begins")),
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
