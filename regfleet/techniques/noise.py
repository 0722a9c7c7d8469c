"""Noise on what layers put out, in training only: shares that are silenced, factors and sums that are random."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, Put, Writing
from regfleet.techniques.recipe import Definition, Facts, Parameter, Range, Recipe


def apply(recipe: Recipe, values: Sequence[float], layers: tuple[str, ...]) -> Recipe:
    """Insert a Dropout behind each of ``layers``: one rate for all, or one rate per layer."""
    rates = values if len(values) == len(layers) else [*values] * len(layers)
    for layer, rate in zip(layers, rates, strict=True):
        recipe = _behind("dropout", "Dropout")(recipe, (rate,), (layer,))
    return recipe


def _behind(kind: str, of_keras: str | Callable[[], Any]) -> Callable[..., Recipe]:
    """The technique that inserts a layer, by its name in `keras.layers` or the function that gives its class."""

    def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
        def make(name: str) -> Any:
            import keras

            made = getattr(keras.layers, of_keras) if isinstance(of_keras, str) else of_keras()
            return made(values[0], name=name)

        for layer in layers if values[0] else ():
            recipe = recipe.insert(layer, kind, make)
        return recipe

    return apply


def _code(code: Code, values: Sequence[float], layers: tuple[str, ...]) -> Code:
    rates = values if len(values) == len(layers) else [*values] * len(layers)
    for layer, rate in zip(layers, rates, strict=True):
        code = _behind_code("dropout", "keras.layers.Dropout")(code, (rate,), (layer,))
    return code


def _behind_code(kind: str, made: str, helper: str = "") -> Writing:
    def write(code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
        if not values[0]:
            return code
        code = code.add(helpers=[helper]) if helper else code
        return code.add(layers=[Put(layer, kind, made, (exact(values[0]),), "noise") for layer in layers])

    return write


_SPATIAL = '''\
class SpatialDropout(keras.layers.Dropout):
    """Drops a channel at all places of a row."""

    def build(self, shape):
        self.noise_shape = (None, *(1 for _ in shape[1:-1]), None)
        super().build(shape)
'''


def _rising(layers: int) -> list[float]:
    return [number / layers for number in range(1, layers + 1)]


def _funnel(layers: int) -> list[float]:
    return _rising(layers)[::-1]


def _long_funnel(layers: int) -> list[float]:
    brick = (layers + 1) // 2
    return [1.0] * brick + _funnel(layers - brick)


def _diamond(layers: int) -> list[float]:
    rising = _rising((layers + 1) // 2)[:-1]
    return rising + _funnel(layers - len(rising))


def _hexagon(layers: int) -> list[float]:
    third = (layers + 1) // 3
    middle = layers - 1 - 2 * third
    return [*_rising(third), *[1.0] * (1 + middle), *_funnel(third)][:layers]


def _stairs(layers: int) -> list[float]:
    steps = [1 - 2 * step / layers for step in range(1, (layers + 1) // 2)]
    return [1.0] * (2 - layers % 2) + [rate for step in steps for rate in (step, step)]


SHAPES = {
    "funnel": (_funnel, "falls evenly from the first layer to the last"),
    "long_funnel": (_long_funnel, "is the same in the first half of the layers and then falls evenly"),
    "diamond": (_diamond, "rises evenly to the middle layer and then falls"),
    "hexagon": (_hexagon, "rises in the first third of the layers, stays, and falls in the last third"),
    "triangle": (_rising, "rises evenly from the first layer to the last"),
    "stairs": (_stairs, "falls with every second layer"),
}
"""The shapes of a network: what share of the largest rate each of so many layers has, and how that is said."""


@cache
def _spatial_class() -> Any:
    import keras

    @keras.saving.register_keras_serializable("regfleet")
    class SpatialDropout(keras.layers.Dropout):  # type: ignore[misc]
        """Keras' `SpatialDropout1D` and its kind for as many axes of places as there are."""

        def build(self, shape: tuple[int | None, ...]) -> None:
            if len(shape) < 3:
                raise ValueError("a channel is dropped at all places, and here are none: a row is a vector")
            self.noise_shape = (None, *(1 for _ in shape[1:-1]), None)
            super().build(shape)

        def get_config(self) -> dict[str, Any]:
            return {key: value for key, value in super().get_config().items() if key != "noise_shape"}

    return SpatialDropout


def _has_places(facts: Facts, _values: tuple[float, ...]) -> str:
    if len(facts.shape) == 1 and not facts.whole:
        return "rows are neither images nor sequences, so that a channel has no places"
    return "" if facts.model.source else "the network of --model makes vectors of its rows, without places"


def _rate(values: Sequence[float]) -> str:
    return "rate " + "/".join(f"{value:g}" for value in values)


_RATE = Parameter("rate", "rate", 0.5, 0, 1, open_high=True, tunes=Range(0.05, 0.8, "linear"))

DROPOUT = Definition(
    name="dropout",
    title="Dropout",
    summary="silences a random share of a layer's outputs in each training step; one rate, or one rate per layer",
    source="Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting",
    about="In each training step a random share of a layer's outputs is zero, and the others are divided by the share "
    "that is left; in inference nothing happens. No unit can rely on a single other one, as if many thinner "
    "networks were averaged. It helps wide networks that overfit, and needs more epochs. It costs a random number"
    " an output. It stands behind the activation of any hidden layer or, as input dropout, at the input. One rate"
    " at all layers is the cocktail paper's brick; the other shapes are techniques of their own.",
    parameters=(Parameter("rate", "rate", 0.5, 0, 1, open_low=True, open_high=True, tunes=Range(0.05, 0.8, "linear")),),
    code=_code,
    apply=apply,
    label=_rate,
    per_layer=True,
    at_input=True,
)


def _shaped(shape: str, shares: Callable[[int], list[float]], words: str) -> Definition:
    return Definition(
        name=f"dropout_{shape}",
        title=f"Dropout, {shape.replace('_', ' ')}",
        summary=f"dropout whose rate {words}; the value is the largest rate",
        source="Kadra et al. 2021, Well-tuned simple nets excel on tabular datasets; Auto-PyTorch's shapes",
        about=f"Dropout with another rate for each layer: it {words}. The value is the largest of them, and the shape "
        "is stretched over the layers that are named, all hidden ones if none are. It helps where early and late "
        "layers bear different amounts of noise. It costs what dropout does. Rate zero is the control.",
        parameters=(_RATE,),
        apply=lambda recipe, values, layers: apply(recipe, [values[0] * s for s in shares(len(layers))], layers),
        label=lambda values: f"up to {values[0]:g}",
        code=lambda code, values, layers: _code(code, [values[0] * s for s in shares(len(layers))], layers),
    )


SHAPED_DROPOUTS = tuple(_shaped(shape, *how) for shape, how in SHAPES.items())
GAUSSIAN_DROPOUT = Definition(
    name="gaussiandropout",
    title="Gaussian dropout",
    summary="multiplies a layer's outputs by random factors around one in each training step",
    source="Srivastava et al. 2014, Dropout, section 10; Keras' GaussianDropout",
    about="In each training step every output of a layer is multiplied by a normal number of mean one and variance rate"
    " / (1 − rate), the variance that dropout's factors have; in inference nothing happens. It helps where "
    "dropout does, and silences nothing wholly. It costs a random number an output. It stands behind the "
    "activation of any hidden layer or at the input. Rate zero is the control.",
    parameters=(_RATE,),
    code=_behind_code("gaussiandropout", "keras.layers.GaussianDropout"),
    apply=_behind("gaussiandropout", "GaussianDropout"),
    label=_rate,
    at_input=True,
)
ALPHA_DROPOUT = Definition(
    name="alphadropout",
    title="Alpha dropout",
    summary="sets a random share of a layer's outputs to what SELU saturates at; keeps their mean and variance",
    source="Klambauer et al. 2017, Self-normalizing neural networks; Keras' AlphaDropout",
    about="In each training step a random share of a layer's outputs is set to the lowest value of a SELU, −1.76, and "
    "all are scaled and shifted so that mean 0 and variance 1 stay so; in inference nothing happens. It is made "
    "for networks of SELUs, and elsewhere it is a harsh noise. It costs a random number an output. It stands "
    "behind the activation of any hidden layer or at the input. Rate zero is the control.",
    parameters=(Parameter("rate", "rate", 0.1, 0, 1, open_high=True, tunes=Range(0.02, 0.5, "linear")),),
    code=_behind_code("alphadropout", "keras.layers.AlphaDropout"),
    apply=_behind("alphadropout", "AlphaDropout"),
    label=_rate,
    at_input=True,
)
SPATIAL_DROPOUT = Definition(
    name="spatialdropout",
    title="Spatial dropout",
    summary="silences a random share of a layer's channels, each at all places of a row, in each training step",
    source="Tompson et al. 2015, Efficient object localization using convolutional networks",
    about="As dropout, but a channel of a row is silenced at all places of an image, or all steps of a sequence, at "
    "once: neighbouring places tell nearly the same, so that dropping single ones hides little. It helps "
    "convolutions. It costs a random number a row and channel. It stands behind layers that keep the places, such"
    " as convolutions and embeddings, or at the input; a layer of vectors is refused. Rate zero is the control.",
    parameters=(Parameter("rate", "rate", 0.2, 0, 1, open_high=True, tunes=Range(0.05, 0.8, "linear")),),
    code=_behind_code("spatialdropout", "SpatialDropout", _SPATIAL),
    apply=_behind("spatialdropout", _spatial_class),
    label=_rate,
    at_input=True,
    unfit=_has_places,
)
NOISE = Definition(
    name="noise",
    title="Gaussian noise",
    summary="adds normal noise to a layer's outputs, or to the input, in each training step",
    source="Bishop 1995, Training with noise is equivalent to Tikhonov regularization",
    about="In each training step every output of a layer gets an independent normal number of the given standard "
    "deviation added; in inference nothing happens. At the input of standardized rows the deviation is a share of"
    " that of a column. It helps where answers should change little with small changes of the input. It costs a "
    "random number an output. It stands behind the activation of any hidden layer or at the input. Deviation zero"
    " is the control.",
    parameters=(Parameter("deviation", "σ", 0.1, 0, 1, tunes=Range(0.01, 1)),),
    code=_behind_code("noise", "keras.layers.GaussianNoise"),
    apply=_behind("noise", "GaussianNoise"),
    label=lambda values: f"σ = {values[0]:g}",
    at_input=True,
)
