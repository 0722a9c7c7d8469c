"""How the weights are led: the gradient that an update takes, and what its optimizer does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.streams import stream_int
from regfleet.techniques.keras_code import Code
from regfleet.techniques.recipe import (
    Batch,
    Definition,
    Descender,
    Descent,
    Facts,
    Length,
    Parameter,
    Range,
    Recipe,
    inner_of,
)

if TYPE_CHECKING:
    Values = tuple[float, ...]
    Layers = tuple[str, ...]


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


def _clip(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def clip(optimizer: Any, _model: Any, _length: Length) -> None:
        inner_of(optimizer).global_clipnorm = values[0]

    return recipe.add(optimizers=[clip])


def _decay(recipe: Recipe, values: Values, _layers: Layers) -> Recipe:
    def decay(optimizer: Any, model: Any, _length: Length) -> None:
        # Attention has biases with two axes.
        others = [one for one in model.trainable_weights if len(one.shape) < 2 or "bias" in one.name]
        if len(others) == len(model.trainable_weights):
            raise InputError("weightdecay: expected a model with a kernel to train; got one without")
        inner = inner_of(optimizer)
        inner.weight_decay = values[0] or None
        inner.exclude_from_weight_decay(others)

    return recipe.add(optimizers=[decay])


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


def _clipped_already(facts: Facts, _values: Values) -> str:
    return "the model's own optimizer clips gradients" if facts.leads("clipping") else ""


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
