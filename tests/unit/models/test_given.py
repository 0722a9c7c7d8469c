"""Weights that a model was given stay; all others are drawn for each seed; what is which is said."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models
from regfleet.errors import InputError
from regfleet.models import given
from regfleet.settings import Training
from regfleet.techniques import parse_techniques
from regfleet.techniques.recipe import Recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
BODY = ("body/one", "body/norm", "body/two")


def body():
    """A body with a normalization and a layer without bias, as in many pretrained models."""
    source = keras.Input((4,))
    hidden = layers.BatchNormalization(name="norm")(layers.Dense(5, "relu", name="one")(source))
    return keras.Model(source, layers.Dense(4, use_bias=False, name="two")(hidden), name="body")


def moved(model):
    """The model with weights that no initializer draws."""
    for number, weight in enumerate(model.weights):
        weight.assign(np.linspace(0.1, 0.9 + number, weight.numpy().size).reshape(weight.shape))
    return model


def with_head(model, **how):
    """A new head on a model."""
    source = keras.Input((4,))
    hidden = layers.Dense(3, "relu", name="head")(model(source, **how))
    return keras.Model(source, layers.Dense(3, "softmax", name="out")(hidden))


def frozen(model):
    """The model, frozen."""
    model.trainable = False
    return model


OUTSIDE = moved(body())


def made_with_a_fixed_seed(_shape, _outputs):
    """Every build draws the same weights, and still they are drawn."""
    keras.utils.set_random_seed(0)
    return with_head(body())


def trained_there(_shape, _outputs):
    """A builder that trains its body itself, always in the same way."""
    keras.utils.set_random_seed(0)
    inner = body()
    whole = with_head(inner)
    whole.compile("sgd", "categorical_crossentropy")
    whole.fit(np.random.normal(size=(30, 4)), np.eye(3)[[0, 1, 2] * 10], epochs=1, verbose=0)  # noqa: NPY002 - the seed's
    return with_head(inner)


def one_matrix(_shape, _outputs):
    """A matrix from elsewhere in a layer that trains."""
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4, name="one"), layers.Dense(3, "softmax", name="out")])
    model.layers[0].kernel.assign(np.arange(16.0).reshape(4, 4))
    return model


def half_frozen(_shape, _outputs):
    """Fine-tuning of the last layers alone."""
    inner = moved(body())
    for layer in inner.layers[:-1]:
        layer.trainable = False
    return with_head(inner)


GIVEN = {
    "frozen": (lambda *_: with_head(frozen(moved(body())), training=False), BODY, ("head",)),
    "fine-tuned": (lambda *_: with_head(moved(body())), BODY, ("body/one", "body/two", "head")),
    "half frozen": (half_frozen, BODY, ("body/two", "head")),
    "made outside": (lambda *_: with_head(OUTSIDE), BODY, ("body/one", "body/two", "head")),
    "trained there": (trained_there, BODY, ("body/one", "body/two", "head")),
    "one matrix": (one_matrix, ("one",), ("one",)),
    "drawn": (lambda *_: with_head(body()), (), ("body/one", "body/two", "head")),
    "drawn, a fixed seed": (made_with_a_fixed_seed, (), ("body/one", "body/two", "head")),
    "drawn, frozen": (lambda *_: with_head(frozen(body())), (), ("head",)),
    "an object, frozen": (with_head(frozen(moved(body())), training=False), BODY, ("head",)),
    "an object, new head": (with_head(moved(body())), BODY, ("body/one", "body/two", "head")),
    "an object, trained whole": (moved(with_head(body())), (), ("body/one", "body/two", "head")),
    "an object, new": (with_head(body()), (), ("body/one", "body/two", "head")),
}


@pytest.mark.parametrize("case", GIVEN)
def test_given_weights_are_kept_and_others_drawn_for_each_seed(case):
    """Layers that were given weights start from these with every seed; every kernel of the others differs."""
    source, kept, hidden = GIVEN[case]
    base = models.base_of(source)
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    assert (tuple(name for name, _ in spec.found.kept), spec.layers) == (kept, hidden)
    recipe = Recipe(spec, Training(), base=base).insert("head" if "head" in hidden else "one", "noise", layers.Dropout)
    recipe = dataclasses.replace(recipe, insertions=())
    model = models.build(recipe.penalize(hidden, keras.regularizers.L2), (4,), 3)
    original = base((4,), 3)
    held = dict(models.named_parts(original))
    starts = [dict(zip(map(id, model.variables), models.starting_weights(model, seed), strict=True)) for seed in (0, 1)]
    for name, layer in models.named_parts(model):
        for place, weight in enumerate(layer.weights):
            first, second = (start[id(weight)] for start in starts)
            if place in dict(spec.found.kept).get(name, ()):
                np.testing.assert_array_equal(first, held[name].weights[place].numpy())
                np.testing.assert_array_equal(second, first)
            elif weight.name == "kernel":
                assert (first != second).all(), name
    assert [weight.trainable for weight in model.weights] == [weight.trainable for weight in original.weights]


def test_kept_and_drawn_layers_are_said():
    """A sentence names what keeps its weights and what is drawn; a trained model, how to keep it."""
    said = {}
    for case, (source, *_) in GIVEN.items():
        base = models.base_of(source)
        said[case] = models.describe(base, "own", (4,), 3, "classification", keep_weights=False).found.notes
    kept = "body/one, body/norm and body/two keep the weights that came with the model (65 numbers); "
    assert said["frozen"] == (kept + "head and out are drawn anew for each seed",)
    assert said["an object, frozen"] == (kept + "head and out are drawn anew for each seed; --keep-weights keeps all",)
    assert "--keep-weights starts from them" in said["an object, trained whole"][0]
    assert "frozen and given no weights, are drawn" in said["drawn, frozen"][0]
    assert said["drawn"] == said["an object, new"] == ()


def test_weights_that_differ_at_every_build_are_drawn_and_said():
    """What a builder draws in a way of its own no worker finds again."""
    numbers = np.random.default_rng(0)

    def build(_shape, _outputs):
        model = one_matrix(_shape, _outputs)
        model.layers[0].kernel.assign(numbers.normal(size=(4, 4)))
        return model

    spec = models.describe(models.base_of(build), "own", (4,), 3, "classification", keep_weights=False)
    assert spec.found.kept == ()
    assert spec.found.notes == ("weights of one differ at every build: their initializers draw them for each seed",)


class Own(layers.Layer):
    """A layer of the user's own with a matrix that its initializer drew, or that has none."""

    def __init__(self, bare):
        super().__init__(name="own")
        self.bare = bare

    def build(self, shape):
        """Make the matrix."""
        start = np.random.default_rng().normal(size=(shape[-1], 3)).astype("float32")
        matrix = None if self.bare else self.add_weight(shape=(shape[-1], 3), initializer="glorot_uniform")
        if matrix is not None:
            matrix.assign(start)
        self.matrix = keras.Variable(start) if matrix is None else matrix

    def call(self, x):
        """Multiply."""
        return x @ self.matrix


def net_of(layer):
    """A builder with a layer in front of the output."""
    return lambda *_: keras.Sequential([keras.Input((4,)), layer(), layers.Dense(3, "softmax", name="out")])


def test_what_differs_at_every_build_is_the_same_in_every_worker():
    """A layer of the user's own draws with its initializer then, whatever this build put into it."""
    base = models.base_of(net_of(lambda: Own(bare=False)))
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    assert "weights of own differ at every build" in spec.found.notes[0]
    starts = [models.starting_weights(models.build(Recipe(spec, Training(), base=base), (4,), 3), 5) for _ in range(2)]
    for first, second in zip(*starts, strict=True):
        np.testing.assert_array_equal(first, second)


def noisy_normalization():
    """A Normalization that is adapted to other numbers at every build."""
    layer = layers.Normalization(name="own")
    layer.adapt(np.random.default_rng().normal(size=(9, 4)))
    return layer


@pytest.mark.parametrize("layer", [lambda: Own(bare=True), noisy_normalization])
def test_what_differs_at_every_build_and_cannot_be_drawn_is_refused(layer):
    """Nothing says what a worker's model should start from."""
    with pytest.raises(InputError, match="expected own to have the same weights at every build, or"):
        models.describe(models.base_of(net_of(layer)), "own", (4,), 3, "classification", keep_weights=False)


def test_other_weights_are_another_model_and_refused_where_they_turn_up(monkeypatch):
    """The fingerprint covers given weights; a worker whose file holds others fails in a line."""
    factor = [1.0]

    def build(_shape, _outputs):
        model = one_matrix(_shape, _outputs)
        model.layers[0].kernel.assign(factor[0] * np.arange(16.0).reshape(4, 4))
        return model

    base, prints = models.base_of(build), []
    for factor[0] in (1.0, 2.0):
        spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
        prints.append(spec.fingerprint)
    assert prints[0] != prints[1]
    monkeypatch.setattr(given, "_VALUES", type(given._VALUES)())
    factor[0] = 3.0
    with pytest.raises(
        InputError, match="to give one the weights that it had where the study was prepared; got others"
    ):
        models.build(Recipe(spec, Training(), base=base), (4,), 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l2@body/one", "@body/one, which is frozen: its kernel is not trained"),
        ("dropout@body/two", "@body/two, which is frozen"),
        ("l2@body/norm", "@body/norm, which has no kernel"),
        ("l2@body", "@body, which is a model: expected one of its layers, such as body/two"),
        ("l2@out", "@out, which makes the output"),
    ],
)
def test_a_technique_where_it_cannot_act_is_refused(text, expected):
    """The line says why the layer is no place; all, first and numbers mean layers whose kernel is trained."""
    base = models.base_of(GIVEN["frozen"][0])
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    with pytest.raises(InputError, match=f"place: expected head; got {expected}"):
        parse_techniques(text, spec)
    assert parse_techniques("l2@all", spec).combinations == parse_techniques("l2@head", spec).combinations


def test_layers_in_a_body_that_never_trains_are_known():
    """A body called with training=False runs in inference mode, where dropout would do nothing."""
    base = models.base_of(lambda *_: with_head(moved(body()), training=False))
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    assert {"body/one", "body/two"} <= set(spec.found.still)
    assert "head" not in spec.found.still
