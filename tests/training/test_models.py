"""Building networks, putting techniques into them, and drawing their initial weights."""

import keras
import numpy as np
import pytest

from regfleet import models
from regfleet.errors import InputError
from regfleet.records import Insertion, ModelSpec, Penalty

VARIANTS = {
    # Besides input and six Dense layers: inserted layers, number of penalised kernels, number of weights.
    "none": ([], 0, 177_219),
    "l1 first": ([], 1, 177_219),
    "l1 all": ([], 5, 177_219),
    "l2 first": ([], 1, 177_219),
    "l2 all": ([], 5, 177_219),
    "dropout first": (["dropout_after_dense_1"], 0, 177_219),
    "dropout four": ([f"dropout_after_dense_{number}" for number in (1, 2, 3, 4)], 0, 177_219),
    "batchnorm one": (["batchnorm_after_dense_2"], 0, 178_243),
    "batchnorm all": ([f"batchnorm_after_dense_{number}" for number in (1, 2, 3, 4, 5)], 0, 181_187),
}


def dropout(rate):
    """An insertion's ``make``."""
    return lambda name: keras.layers.Dropout(rate, name=name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_articles_networks(variant, article):
    """Each variant has the article's layers in order, penalties on hidden kernels only, and its number of weights."""
    inserted, penalised, weights = VARIANTS[variant]
    model = models.build(article(1)[variant], 4, 3)
    expected = ["input"]
    for name in (*(f"dense_{number}" for number in range(1, 6)), "output"):
        expected += [name, *(layer for layer in inserted if layer.endswith(name))]
    assert [layer.name for layer in model.layers] == expected
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    activations = [keras.activations.serialize(layer.activation) for layer in dense]
    assert activations == ["tanh", "tanh", "tanh", "tanh", "relu", "softmax"]
    assert [layer.kernel_regularizer is not None for layer in dense] == [True] * penalised + [False] * (6 - penalised)
    assert model.count_params() == weights


def test_a_softmax_regression_is_a_network_without_hidden_layers():
    """No hidden layer leaves the output layer alone behind the input."""
    model = models.perceptron(ModelSpec((), ()), 4, 3)
    assert [layer.name for layer in model.layers] == ["input", "output"]
    assert model.count_params() == 4 * 3 + 3


def test_penalties_on_one_kernel_add_up(small):
    """An L1, an L2 and a second L1 on one kernel cost the sum of what each costs."""
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L1(0.1))
    recipe = recipe.penalize(("dense_1",), lambda: keras.regularizers.L2(0.01))
    recipe = recipe.penalize(("dense_1",), lambda: keras.regularizers.L1(0.3))
    model = models.build(recipe, 4, 3)
    kernel = model.get_layer("dense_1").kernel.numpy()
    expected = 0.4 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum()
    assert [float(loss) for loss in model.losses] == [pytest.approx(expected, rel=1e-6)]


def test_a_penalised_model_survives_its_configuration(small):
    """A model rebuilt from the configuration that Keras saves has both penalties on its kernel."""
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L1(0.1))
    model = models.build(recipe.penalize(("dense_1",), lambda: keras.regularizers.L2(0.2)), 4, 3)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    assert float(copy.losses[0]) == float(model.losses[0])


def test_insertions_stand_in_the_order_given(small):
    """Two layers behind one layer, one behind the input and a repeated kind stand and are named as asked."""
    recipe = small.insert("dense_1", "batchnorm", lambda name: keras.layers.BatchNormalization(name=name))
    recipe = recipe.insert("dense_1", "dropout", dropout(0.1)).insert("input", "dropout", dropout(0.2))
    recipe = recipe.insert("dense_1", "dropout", dropout(0.3))
    model = models.build(recipe, 4, 3)
    assert [(layer.name, getattr(layer, "rate", None)) for layer in model.layers] == [
        ("input", None),
        ("dropout_after_input", 0.2),
        ("dense_1", None),
        ("batchnorm_after_dense_1", None),
        ("dropout_after_dense_1", 0.1),
        ("dropout_after_dense_1_2", 0.3),
        ("dense_2", None),
        ("output", None),
    ]


def test_an_unknown_place_is_named(small):
    """A technique for a layer that the model lacks is refused with the layers that there are."""
    with pytest.raises(InputError, match=r"name of a layer of the model \(dense_1, dense_2, .*, got dense_9"):
        models.build(small.penalize(("dense_9",), lambda: keras.regularizers.L1(0.1)), 4, 3)


def residual_model():
    """Convolutions with a residual connection, and a Dense layer that is called twice."""
    image = keras.Input((6, 6, 1), name="image")
    first = keras.layers.Conv2D(4, 3, padding="same", name="conv_1")(image)
    second = keras.layers.Conv2D(4, 3, padding="same", name="conv_2")(first)
    flat = keras.layers.Flatten(name="flat")(keras.layers.Add(name="add")([first, second]))
    shared = keras.layers.Dense(5, name="shared")
    both = keras.layers.Concatenate(name="both")([shared(flat), shared(keras.layers.Activation("relu")(flat))])
    return keras.Model(image, keras.layers.Dense(3, "softmax", name="output")(both))


def test_techniques_enter_a_residual_model():
    """The clone computes what the original does with the same weights, plus the inserted layer at its two places."""
    original = residual_model()
    penalties = [
        Penalty("conv_1", lambda: keras.regularizers.L2(0.5)),
        Penalty("shared", lambda: keras.regularizers.L1(1)),
    ]

    def double(name):
        return keras.layers.Rescaling(2.0, name=name)

    model = models.with_techniques(original, penalties, [Insertion("shared", "double", double)])
    for layer in original.layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(0).normal(size=(7, 6, 6, 1)).astype("float32")
    inner = keras.Model(original.input, original.get_layer("both").output)(images)
    expected = original.get_layer("output")(2.0 * inner)
    np.testing.assert_allclose(model(images), expected, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in model.layers].count("double_after_shared") == 1
    conv, shared = original.get_layer("conv_1").kernel.numpy(), original.get_layer("shared").kernel.numpy()
    expected = sorted([0.5 * np.square(conv).sum(), np.abs(shared).sum()])
    np.testing.assert_allclose(sorted(float(loss) for loss in model.losses), expected, rtol=1e-5)
    assert original.losses == []


def test_techniques_enter_a_sequential_model():
    """A Sequential model takes an insertion behind its input and one behind a layer."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    changed = models.with_techniques(
        model, [], [Insertion("a", "dropout", dropout(0.5)), Insertion("input", "dropout", dropout(0.1))]
    )
    assert changed(np.zeros((2, 4), "float32")).shape == (2, 2)
    names = [layer.name for layer in changed.layers]
    assert names[1:] == ["dropout_after_input", "a", "dropout_after_a", "b"]


def by_layer(model, values):
    """Initial values by the path of their variable."""
    return dict(zip([variable.path for variable in model.variables], values, strict=True))


def test_a_layer_starts_from_the_same_weights_in_every_variant(article):
    """Whatever else a variant inserts or penalises, its Dense layers start where the control's do."""
    recipes = {name: models.build(recipe, 4, 3) for name, recipe in article(1).items()}
    control = by_layer(recipes["none"], models.initial_weights(recipes["none"], 7))
    for model in recipes.values():
        drawn = by_layer(model, models.initial_weights(model, 7))
        for path, value in control.items():
            np.testing.assert_array_equal(drawn[path], value)


def test_initial_weights_are_those_of_the_layers_initializers(small):
    """Kernels are what Keras' Glorot initializer draws (bound √(6/(in+out)), all different), biases are zero."""
    model = models.build(small, 4, 3)
    values = by_layer(model, models.initial_weights(model, 0))
    for name, inputs, outputs in (("dense_1", 4, 8), ("dense_2", 8, 6), ("output", 6, 3)):
        kernel, bound = values[f"{name}/kernel"], np.sqrt(6 / (inputs + outputs))
        assert kernel.shape == (inputs, outputs)
        assert 0.7 * bound < np.abs(kernel).max() <= bound
        assert len(np.unique(kernel)) == kernel.size
        assert not values[f"{name}/bias"].any()


def test_initial_weights_depend_on_the_seed_alone(small):
    """Global seeds, training and the order of calls move nothing; another seed moves every kernel."""
    model = models.build(small, 4, 3)
    first = models.initial_weights(model, 1)
    keras.utils.set_random_seed(99)
    other = models.initial_weights(model, 2)
    for variable in model.variables:
        variable.assign(variable + 1)
    for value, again in zip(first, models.initial_weights(models.build(small, 4, 3), 1), strict=True):
        np.testing.assert_array_equal(value, again)
    for value, again in zip(first, models.initial_weights(model, 1), strict=True):
        np.testing.assert_array_equal(value, again)
    assert all((value != moved).all() for value, moved in zip(first, other, strict=True) if value.ndim == 2)


def test_each_random_layer_has_its_own_noise(article):
    """Noise states have Keras' own format, differ between layers and seeds, and follow the layer's name."""
    recipes = article(1)
    four, one = (models.build(recipes[name], 4, 3) for name in ("dropout four", "dropout first"))

    def states(model, seed):
        values = by_layer(model, models.initial_weights(model, seed))
        return [tuple(value) for path, value in values.items() if "seed_generator" in path]

    assert len({key for key, _ in states(four, 0) + states(four, 1)}) == 8
    assert {counter for _, counter in states(four, 0)} == {0}
    assert states(one, 0) == states(four, 0)[:1]


def test_initial_weights_reach_into_nested_layers_and_models():
    """A recurrent wrapper and a model inside a model are drawn from the seed too, each weight on its own."""
    words = keras.Input((5, 3), name="words")
    inner_input = keras.Input((8,))
    inner = keras.Model(inner_input, keras.layers.Dense(8, name="dense")(inner_input), name="inner")
    state = keras.layers.Bidirectional(keras.layers.LSTM(4), name="both_ways")(words)
    model = keras.Model(words, keras.layers.Dense(8, name="dense")(inner(state)))
    first, again, other = (models.initial_weights(model, seed) for seed in (3, 3, 4))
    kernels = [index for index, variable in enumerate(model.variables) if variable.path.endswith("kernel")]
    assert len(kernels) == 6
    for index in kernels:
        np.testing.assert_array_equal(first[index], again[index])
        assert (first[index] != other[index]).any()
    assert len({first[index].tobytes() for index in kernels}) == 6


def test_weights_outside_of_layers_are_refused():
    """A model that owns a weight of its own cannot be drawn again, and the message names the weight."""

    class Owner(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(name="scale", shape=(1,))

        def call(self, x):
            return x * self.scale

    with pytest.raises(InputError, match=r"expected all weights in layers, got .*scale outside of them"):
        models.initial_weights(Owner(), 0)
