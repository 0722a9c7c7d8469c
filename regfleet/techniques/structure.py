"""Structure: connections round layers, branches that are shaken or left out, and fewer layers of fewer units."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, Put, as_it_is
from regfleet.techniques.recipe import Definition, Facts, Parameter, Range, Recipe

if TYPE_CHECKING:
    import keras


def _layer(kind: str, *values: Any) -> Any:
    def make(name: str) -> keras.layers.Layer:
        from regfleet.techniques import residual

        layer: keras.layers.Layer = getattr(residual, kind)(*values, name=name)
        return layer

    return make


_BRANCHES = ("shakeshake", "shakedrop", "stochasticdepth")


def _skip(recipe: Recipe, _values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    for one in recipe.insertions:
        if one.kind in _BRANCHES and one.after not in layers:
            raise InputError(f"{one.kind}: expected skip at each of its layers; got {one.after} without")
        if one.before and any(other.kind == "shakeshake" and other.after == one.after for other in recipe.insertions):
            raise InputError(f"{one.kind}: expected the place behind the activation beside shakeshake; got :before")
    for layer in layers:
        recipe = recipe.insert(layer, "skip", _layer("Skip"), takes="input")
    return recipe


def _shake(recipe: Recipe, _values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    for layer in layers:
        recipe = recipe.insert(layer, "shakeshake", _layer("ShakeShake"), takes="twin")
    return recipe


def _dropping(kind: str, recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """The l-th of L branches has the rate l / L times the value: the linear decay of both sources."""
    if not values[0]:
        return recipe
    for number, layer in enumerate(layers, 1):
        rate = values[0] * number / len(layers)
        recipe = recipe.insert(layer, kind.lower(), _layer(kind, rate))
    return recipe


def _smaller(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    """At least one layer of one unit is left."""
    width, depth = values
    model = recipe.model
    if model.source:
        raise InputError(
            f"smaller: expected a network given by its widths; got {model.source}, which has its own layers"
        )
    left = max(1, round(depth * len(model.hidden)))
    hidden = tuple(max(1, round(width * units)) for units in model.hidden[:left])
    return recipe.fill(model=type(model)(hidden, model.activations[:left]))


_SKIPPING = "a skip connection round a layer of a model of your own belongs into its builder"
_SKIP = '''\
class Skip(keras.layers.Layer):
    """The sum of a layer's input, projected where the widths differ, and its output."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.initializer = keras.initializers.GlorotUniform(seed)

    def build(self, shapes):
        source, output = shapes
        self.kernel = None
        if source[-1] != output[-1]:
            shape = (source[-1], output[-1])
            self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.initializer)

    def call(self, inputs):
        source, output = inputs
        return output + (source if self.kernel is None else keras.ops.matmul(source, self.kernel))
'''
_MIXED = '''\
def mixed(tensor, forward, backward):
    """`forward` times the tensor, with the gradient of `backward` times the tensor."""
    return backward * tensor + keras.ops.stop_gradient((forward - backward) * tensor)
'''
_NOISY = '''\
class Noisy(keras.layers.Layer):
    """A layer that draws from a generator of its own."""

    def __init__(self, rate=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(seed)

    def draw(self, like, low=0.0, rows=True):
        shape = (keras.ops.shape(like)[0] if rows else 1, *(1 for _ in like.shape[1:]))
        return keras.random.uniform(shape, low, 1.0, seed=self.seed_generator)
'''
_SHAKING = '''\
class ShakeShake(Noisy):
    """Mixes two branches by random shares, other ones forward than backward."""

    def call(self, inputs, training=False):
        one, other = inputs
        if not training:
            return (one + other) / 2
        forward, backward = self.draw(one), self.draw(one)
        return mixed(one - other, forward, backward) + other
'''
_SHAKEDROP = '''\
class ShakeDrop(Noisy):
    """A branch, in a share of the batches times random numbers."""

    def call(self, branch, training=False):
        if not training:
            return branch * (1 - self.rate)
        gate = keras.ops.cast(self.draw(branch, rows=False) >= self.rate, "float32")
        forward, backward = (gate + (1 - gate) * self.draw(branch, low) for low in (-1.0, 0.0))
        return mixed(branch, forward, backward)
'''
_DEPTH = '''\
class StochasticDepth(Noisy):
    """A branch that a share of the batches goes without."""

    def call(self, branch, training=False):
        if not training:
            return branch * (1 - self.rate)
        return branch * keras.ops.cast(self.draw(branch, rows=False) >= self.rate, branch.dtype)
'''


def _skip_code(code: Code, _values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    if code.patch:
        return code.add(lacks=[_SKIPPING])
    puts = [Put(layer, "skip", "Skip", seeded="weights", takes="input") for layer in layers]
    return code.add(helpers=[_SKIP], layers=puts)


def _shake_code(code: Code, _values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    if code.patch:
        return code.add(lacks=[_SKIPPING])
    puts = [Put(layer, "shakeshake", "ShakeShake", (), "path", takes="twin") for layer in layers]
    return code.add(helpers=[_NOISY, _MIXED, _SHAKING], layers=puts)


def _dropping_code(kind: str, code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    if code.patch:
        return code.add(lacks=[_SKIPPING])
    rates = [exact(values[0] * number / len(layers)) for number in range(1, len(layers) + 1)]
    puts = [Put(layer, kind.lower(), kind, (rate,), "path") for layer, rate in zip(layers, rates, strict=True)]
    helpers = [_NOISY, _MIXED, _SHAKEDROP] if kind == "ShakeDrop" else [_NOISY, _DEPTH]
    return code.add(helpers=helpers, layers=puts)


def _own_model(facts: Facts, _values: tuple[float, ...]) -> str:
    return (
        "its layers are its own: only a network given by its widths can be made smaller" if facts.model.source else ""
    )


SMALLER = Definition(
    name="smaller",
    title="Smaller network",
    summary="has fewer units in each layer, and fewer layers: the plainest way to less overfitting",
    source="Geman et al. 1992, Neural networks and the bias/variance dilemma",
    about=(
        "A network with that share of the units in each hidden layer, and of the hidden layers, of which the first "
        "stay. It is the baseline that a regularizer has to beat: a network that is too large for its data can also "
        "just be made smaller, and then trains and predicts faster. Other techniques beside it act on the layers that "
        "are left. The shares (1, 1) leave the network as it is. It changes only networks given by their widths, not "
        "models of your own."
    ),
    parameters=(
        Parameter("width", "width", 0.5, 0, 1, open_low=True, tunes=Range(0.1, 0.9)),
        Parameter("depth", "depth", 1, 0, 1, open_low=True),
    ),
    code=as_it_is,
    apply=_smaller,
    label=lambda values: f"{values[0]:.3g} of the width, {values[1]:.3g} of the depth",
    place="",
    unfit=_own_model,
)
SKIP = Definition(
    name="skip",
    title="Skip connections",
    summary="adds a layer's input to its output, so that the layer learns only what to change",
    source="He et al. 2016, Deep residual learning for image recognition",
    about=(
        "The input of each chosen layer is added to its output, behind its activation and all that other techniques "
        "put there. Gradients then reach the first layers undiminished, which helps deep networks most; in a network "
        "of two or three layers little is to be gained. Where a layer's input and output differ in width, the input "
        "goes through a projection without bias, which is trained: these are weights more than the control has. A "
        "convolution has to keep the height and width of its images (padding='same') or to divide them by its "
        "strides. It has no strength: leave it out for the control."
    ),
    parameters=(),
    code=_skip_code,
    apply=_skip,
    label=lambda _values: "",
    conflicts=(("skip", "one skip can stand at several layers, as skip@1,2"),),
)
_ONE_SHAKE = "Shake-Shake and the others each replace a branch by a random multiple of it, and were made to stand alone"
_SAME = "ShakeDrop is stochastic depth with noise in its place"
SHAKESHAKE = Definition(
    name="shakeshake",
    title="Shake-Shake",
    summary="doubles each layer, and mixes the two copies by random shares, other ones forward than backward",
    source="Gastaldi 2017, Shake-shake regularization",
    about=(
        "Each chosen layer gets a twin, of the same kind with weights of its own. In training every row mixes the "
        "outputs of both by a random share, and its gradient by another; in inference their mean counts. The network "
        "cannot rely on either copy, as with dropout of whole branches. It needs skip at the same layers, and doubles "
        "the weights of these layers and about the time of training; penalties and constraints hold for both copies. "
        "It was made for deep residual networks on images and long trainings. It has no strength: leave it out for "
        "skip alone."
    ),
    parameters=(),
    code=_shake_code,
    apply=_shake,
    label=lambda _values: "",
    needs="skip",
    conflicts=(("shakedrop", _ONE_SHAKE), ("stochasticdepth", _ONE_SHAKE)),
)
_RATE = Parameter("rate", "rate", 0.5, 0, 1, open_high=True, tunes=Range(0.05, 0.8, "linear"))
SHAKEDROP = Definition(
    name="shakedrop",
    title="ShakeDrop",
    summary="multiplies the branch beside a skip connection by random numbers, in a random share of the batches",
    source="Yamada et al. 2018, ShakeDrop regularization for deep residual learning",
    about=(
        "In a random share of the updates, what a layer adds to its skip connection is multiplied by a random number "
        "from -1 to 1 for each row, and its gradient by another from 0 to 1; in inference it counts as much as on "
        "average. The share grows linearly over the chosen layers up to rate at the last, as the source has it. "
        "Unlike Shake-Shake it needs no second copy of a layer and costs next to nothing. It needs skip at the same "
        "layers, and pays most in deep networks that train long. A rate of zero is skip alone, bit for bit."
    ),
    parameters=(_RATE,),
    code=partial(_dropping_code, "ShakeDrop"),
    apply=partial(_dropping, "ShakeDrop"),
    label=lambda values: f"rate {values[0]:g}",
    needs="skip",
    conflicts=(
        ("shakeshake", _ONE_SHAKE),
        ("stochasticdepth", "ShakeDrop is stochastic depth with noise in its place"),
    ),
)
STOCHASTIC_DEPTH = Definition(
    name="stochasticdepth",
    title="Stochastic depth",
    summary="leaves the branch beside a skip connection out of a random share of the batches",
    source="Huang et al. 2016, Deep networks with stochastic depth",
    about=(
        "In a random share of the updates a layer is left out as a whole, so that only its skip connection is left; "
        "in inference every layer counts, times the share of updates that had it. The share that is left out grows "
        "linearly over the chosen layers up to rate at the last, as the source has it. It trains an ensemble of "
        "networks of all depths, and helps where there are many layers; in a network of two or three, half of the "
        "updates lose most of it. It needs skip at the same layers and costs next to nothing. A rate of zero is skip "
        "alone, bit for bit."
    ),
    parameters=(_RATE,),
    code=partial(_dropping_code, "StochasticDepth"),
    apply=partial(_dropping, "StochasticDepth"),
    label=lambda values: f"rate {values[0]:g}",
    needs="skip",
    conflicts=(("shakeshake", _ONE_SHAKE), ("shakedrop", _SAME)),
)
