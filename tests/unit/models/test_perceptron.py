"""The multilayer perceptron and the article's networks."""

import keras
import numpy as np
import pytest

from regfleet import models
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe

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


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_articles_networks(variant, article):
    """Each variant has the article's layers in order, penalties on hidden kernels only, and its number of weights."""
    inserted, penalised, weights = VARIANTS[variant]
    model = models.build(article[variant], (4,), 3)
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
    model = models.perceptron(ModelSpec((), ()), (4,), 3, "classification")
    assert [layer.name for layer in model.layers] == ["input", "output"]
    assert model.count_params() == 4 * 3 + 3


def test_a_regression_has_a_linear_output():
    """The output of a regression is the weighted sum of the last hidden layer's outputs, of any sign and size."""
    recipe = Recipe(ModelSpec((5,), ("relu",)), Training(epochs=1, batch_size=1))
    model = models.build(recipe, (3,), 1, "regression")
    rows = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    kernel, output = model.get_layer("dense_1").kernel.numpy(), model.get_layer("output").kernel.numpy()
    np.testing.assert_allclose(model(rows), np.maximum(rows @ kernel, 0) @ output, rtol=1e-5, atol=1e-6)


def test_images_are_made_flat():
    """Rows of two axes and more become one axis before the first Dense layer."""
    model = models.build(Recipe(ModelSpec((5,), ("relu",)), Training(epochs=1, batch_size=1)), (8, 8, 1), 10)
    assert [layer.name for layer in model.layers] == ["input", "flatten", "dense_1", "output"]
    assert model.count_params() == 64 * 5 + 5 + 5 * 10 + 10
    assert [type(layer) for layer in model.layers[1:3]] == [keras.layers.Flatten, keras.layers.Dense]
