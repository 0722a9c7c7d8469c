"""What a layer computes with in place of its kernel: weights rescaled, silenced or disturbed."""

import math
from collections.abc import Callable
from typing import Any

from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, Use, Writing
from regfleet.techniques.recipe import Definition, Facts, KernelUse, Parameter, Range, Recipe

POWER_ITERATIONS = 20


def _columns(kernel: Any) -> Any:
    """The kernel as float32 (inputs of a unit, units): for a convolution, inputs are places times channels."""
    import tensorflow as tf

    return tf.reshape(tf.cast(kernel, tf.float32), (-1, kernel.shape[-1]))


def _like(columns: Any, kernel: Any) -> Any:
    import tensorflow as tf

    return tf.cast(tf.reshape(columns, kernel.shape), kernel.dtype)


def _spectral(recipe: Recipe, _values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    import numpy as np

    def use(kernel: Any, _training: object, _seed: Any) -> Any:
        import tensorflow as tf

        columns = _columns(kernel)
        fixed = tf.stop_gradient(columns)
        right = tf.constant(np.random.default_rng(0).normal(size=kernel.shape[-1]), tf.float32)
        for _ in range(POWER_ITERATIONS):
            left = tf.math.l2_normalize(tf.linalg.matvec(fixed, right))
            right = tf.math.l2_normalize(tf.linalg.matvec(fixed, left, transpose_a=True))
        largest = tf.reduce_sum(left * tf.linalg.matvec(columns, right))
        return _like(columns / tf.maximum(largest, 1e-12), kernel)

    return recipe.add(kernel_uses=[KernelUse(layer, use) for layer in layers])


def _standardized(recipe: Recipe, _values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def use(kernel: Any, _training: object, _seed: Any) -> Any:
        import tensorflow as tf

        columns = _columns(kernel)
        mean, variance = tf.nn.moments(columns, axes=[0], keepdims=True)
        return _like((columns - mean) * tf.math.rsqrt(columns.shape[0] * variance + 1e-10), kernel)

    return recipe.add(kernel_uses=[KernelUse(layer, use) for layer in layers])


def _in_training(disturbed: Callable[[Any, float, Any], Any]) -> Callable[..., Recipe]:
    """The technique that computes with ``disturbed(kernel, strength, seed)`` in training, the kernel in inference."""

    def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
        def use(kernel: Any, training: object, seed: Any) -> Any:
            return disturbed(kernel, values[0], seed) if training else kernel

        return recipe.add(kernel_uses=[KernelUse(layer, use, noisy=True) for layer in layers if values[0]])

    return apply


def _silenced(kernel: Any, rate: float, seed: Any) -> Any:
    import keras

    return keras.random.dropout(kernel, rate, seed=seed)


def _disturbed(kernel: Any, deviation: float, seed: Any) -> Any:
    import keras

    return kernel + keras.random.normal(kernel.shape, 0.0, deviation, kernel.dtype, seed)


def _needs_inputs(facts: Facts, _values: tuple[float, ...]) -> str:
    if not facts.model.source and (math.prod(facts.shape) == 1 or 1 in facts.model.hidden[:-1]):
        return "a layer has one input, whose weight less the mean of weights is zero"
    return ""


def _use_code(text: str, helper: str = "", *, noisy: bool = False) -> Writing:
    """The code of a technique that computes with ``text``, where ``{}`` is its strength."""

    def write(code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
        if noisy and not values[0]:
            return code
        code = code.add(helpers=[helper] if helper else [])
        return code.add(uses=[Use(layer, text.format(*map(exact, values)), noisy) for layer in layers])

    return write


_STANDARDIZED = '''\
def standardized(kernel):
    """Mean 0 and variance 1 / inputs for each unit."""
    mean, variance = keras.ops.moments(kernel, axes=[0], keepdims=True)
    return (kernel - mean) * keras.ops.rsqrt(kernel.shape[0] * variance + 1e-10)
'''
_NORMALIZED = f'''\
def spectrally_normalized(kernel):
    """Divided by its largest singular value, found by power iterations."""
    fixed = keras.ops.stop_gradient(kernel)
    right = np.random.default_rng(0).normal(size=kernel.shape[-1]).astype("float32")
    for _ in range({POWER_ITERATIONS}):
        left = keras.ops.normalize(keras.ops.matmul(fixed, right))
        right = keras.ops.normalize(keras.ops.matmul(left, fixed))
    largest = keras.ops.sum(left * keras.ops.matmul(kernel, right))
    return kernel / keras.ops.maximum(largest, 1e-12)
'''


WEIGHT_STANDARDIZATION = Definition(
    name="weightstandardization",
    title="Weight standardization",
    summary="computes with incoming weights of a unit that have mean 0 and variance 1 / their number",
    source="Qiao et al. 2019, Micro-batch training with batch-channel normalization and weight standardization; scaled "
    "by the number of inputs as in Brock et al. 2021, Characterizing signal propagation in unnormalized ResNets",
    about="The layer computes, in training and in inference, with its kernel standardized: the incoming weights of each"
    " unit less their mean, divided by their standard deviation and by the root of their number, so that a layer "
    "keeps the size of its input; behind a normalization of outputs that last factor makes no difference. "
    "Gradients go through this to the kernel. It helps with small batches, beside group norm above all. It costs "
    "little. It stands at any layer with a kernel. There is no strength.",
    parameters=(),
    code=_use_code("standardized(kernel)", _STANDARDIZED),
    apply=_standardized,
    label=lambda _values: "",
    unfit=_needs_inputs,
)
SPECTRAL = Definition(
    name="spectral",
    title="Spectral normalization",
    summary="computes with the kernel divided by its largest singular value",
    source="Miyato et al. 2018, Spectral normalization for generative adversarial networks",
    about="The layer computes, in training and in inference, with its kernel divided by its largest singular value, so "
    "that it stretches no difference between two rows. That value is found by 20 power iterations from the same start "
    "at every update; gradients go through it, with the singular vectors held. It helps where small changes of the "
    "input must not change the answer much, learns slowly, and wants more epochs. It costs as much as some 40 more "
    "rows in each batch. It stands at any layer with a kernel. There is no strength.",
    parameters=(),
    code=_use_code("spectrally_normalized(kernel)", _NORMALIZED),
    apply=_spectral,
    label=lambda _values: "",
    conflicts=(("weightstandardization", "each sets the size of the weights, and the last one undoes the other"),),
)
DROPCONNECT = Definition(
    name="dropconnect",
    title="DropConnect",
    summary="silences a random share of a layer's weights in each training step",
    source="Wan et al. 2013, Regularization of neural networks using DropConnect",
    about="In each training step a random share of the kernel's weights counts as zero, and the others are divided by "
    "the share that is left; all rows of a batch meet the same weights. In inference all weights are as they are,"
    " where the source draws from a normal approximation. It helps where dropout does, and is weaker, as a unit "
    "loses some inputs and not all. It costs a random number a weight and update. It stands at any layer with a "
    "kernel, recurrent ones too. Rate zero is the control.",
    parameters=(Parameter("rate", "rate", 0.3, 0, 1, open_high=True, tunes=Range(0.05, 0.8, "linear")),),
    code=_use_code("keras.random.dropout(kernel, {}, seed=seed)", noisy=True),
    apply=_in_training(_silenced),
    label=lambda values: f"rate {values[0]:g}",
)
WEIGHT_NOISE = Definition(
    name="weightnoise",
    title="Weight noise",
    summary="adds Gaussian noise to a layer's weights in each training step",
    source="An 1996, The effects of adding noise during backpropagation training on a generalization performance",
    about="In each training step the layer computes with its kernel plus independent normal numbers of the given "
    "standard deviation, so that weights are preferred at which small changes do little. In inference there is no"
    " noise. It helps recurrent networks above all. It costs a random number a weight and update. It stands at "
    "any layer with a kernel. Deviation zero is the control.",
    parameters=(Parameter("deviation", "σ", 0.05, 0, float("inf"), open_high=True, tunes=Range(0.005, 0.5)),),
    code=_use_code("kernel + keras.random.normal(kernel.shape, 0.0, {}, seed=seed)", noisy=True),
    apply=_in_training(_disturbed),
    label=lambda values: f"σ = {values[0]:g}",
)
