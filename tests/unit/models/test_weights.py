"""Where training starts: weights by seed, or those of a file."""

import keras
import numpy as np
import pytest

from regfleet import models
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe


def by_layer(model, values):
    """Initial values by the path of their variable."""
    return dict(zip([variable.path for variable in model.variables], values, strict=True))


def test_a_layer_starts_from_the_same_weights_in_every_variant(article):
    """Whatever else a variant inserts or penalises, its Dense layers start where the control's do."""
    recipes = {name: models.build(recipe, (4,), 3) for name, recipe in article.items()}
    control = by_layer(recipes["none"], models.initial_weights(recipes["none"], 7))
    for model in recipes.values():
        drawn = by_layer(model, models.initial_weights(model, 7))
        for path, value in control.items():
            np.testing.assert_array_equal(drawn[path], value)


def test_initial_weights_are_those_of_the_layers_initializers(small):
    """Kernels are what Keras' Glorot initializer draws (bound √(6/(in+out)), all different), biases are zero."""
    model = models.build(small, (4,), 3)
    values = by_layer(model, models.initial_weights(model, 0))
    for name, inputs, outputs in (("dense_1", 4, 8), ("dense_2", 8, 6), ("output", 6, 3)):
        kernel, bound = values[f"{name}/kernel"], np.sqrt(6 / (inputs + outputs))
        assert kernel.shape == (inputs, outputs)
        assert 0.7 * bound < np.abs(kernel).max() <= bound
        assert len(np.unique(kernel)) == kernel.size
        assert not values[f"{name}/bias"].any()


def test_initial_weights_depend_on_the_seed_alone(small):
    """Global seeds, training and the order of calls move nothing; another seed moves every kernel."""
    model = models.build(small, (4,), 3)
    first = models.initial_weights(model, 1)
    keras.utils.set_random_seed(99)
    other = models.initial_weights(model, 2)
    for variable in model.variables:
        variable.assign(variable + 1)
    for value, again in zip(first, models.initial_weights(models.build(small, (4,), 3), 1), strict=True):
        np.testing.assert_array_equal(value, again)
    for value, again in zip(first, models.initial_weights(model, 1), strict=True):
        np.testing.assert_array_equal(value, again)
    assert all((value != moved).all() for value, moved in zip(first, other, strict=True) if value.ndim == 2)


def test_each_random_layer_has_its_own_noise(article):
    """Noise states have Keras' own format, differ between layers and seeds, and follow the layer's name."""
    recipes = article
    four, one = (models.build(recipes[name], (4,), 3) for name in ("dropout four", "dropout first"))

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


def fine_tuned(name, **changes):
    """A recipe of a saved model whose weights all are 0.5, with a technique of each kind."""
    dense = [keras.layers.Dense(5, "tanh", name="a"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((4,)), *dense])
    model.set_weights([np.full_like(weight, 0.5) for weight in model.get_weights()])
    base = models.base_of(model)
    spec = models.describe(base, name, (4,), 3, "classification", **changes)
    recipe = Recipe(spec, Training(epochs=1, batch_size=8), base=base)
    recipe = recipe.insert("a", "batchnorm", lambda n: keras.layers.BatchNormalization(name=n))
    return recipe.insert("a", "dropout", lambda n: keras.layers.Dropout(0.1, name=n))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_kept_weights_are_those_of_the_file_whatever_was_trained_since():
    """Fine-tuning starts every seed from the file's weights; inserted layers and noise start as they do without."""
    model = models.build(fine_tuned("net.keras", keep_weights=True), (4,), 3)
    for variable in model.variables:
        variable.assign(variable + 1)
    drawn = by_layer(model, models.initial_weights(model, 2))
    kept = by_layer(model, models.starting_weights(model, 2))
    for path, value in kept.items():
        if path.startswith(("batchnorm", "seed")):
            np.testing.assert_array_equal(value, drawn[path])
        else:
            np.testing.assert_array_equal(value, np.full_like(value, 0.5))
    assert sum(path.startswith("batchnorm") for path in kept) == 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_weights_of_a_file_are_drawn_anew_unless_kept():
    """Without fine-tuning no weight of the file is left: kernels are Glorot's, biases zero."""
    model = models.build(fine_tuned("net.keras", keep_weights=False), (4,), 3)
    values = by_layer(model, models.starting_weights(model, 0))
    assert len(np.unique(values["a/kernel"])) == 20
    assert not values["a/bias"].any()
