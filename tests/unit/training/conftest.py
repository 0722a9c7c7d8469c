"""Rows, networks and the article's recipes, built by hand from what the article says."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_iris

from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import runtime

ARTICLE_NETWORK = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))
SMALL_NETWORK = ModelSpec((8, 6), ("tanh", "relu"))


@pytest.fixture(autouse=True, scope="session")
def _runtime():
    """One TensorFlow thread, as in a worker."""
    runtime.prepare(gpu=False)


@pytest.fixture(scope="session")
def iris():
    """90 training, 30 validation and 30 test rows of Iris, standardised."""
    features, target = load_iris(return_X_y=True)
    order = np.random.default_rng(5).permutation(150)
    x = ((features - features.mean(0)) / features.std(0)).astype("float32")[order]
    y = np.eye(3, dtype="float32")[target[order]]
    return Sets(Rows(x[:90], y[:90]), Rows(x[90:120], y[90:120]), Rows(x[120:], y[120:]))


@pytest.fixture
def small():
    """A recipe of a network that trains in no time, four batches an epoch, the last one partial."""
    return Recipe(SMALL_NETWORK, Training(epochs=6, batch_size=25))


def article_recipes(epochs, network=ARTICLE_NETWORK):
    """The article's nine variants and the control of the two that have batch size 32."""
    first, second, *_ = hidden = network.layer_names
    base = Recipe(network, Training(epochs=epochs, batch_size=128))
    base_32 = Recipe(network, Training(epochs=epochs, batch_size=32))

    def l1():
        return keras.regularizers.L1(0.01)

    def l2():
        return keras.regularizers.L2(0.01)

    dropout_four, norm_all = base, base_32
    for layer, rate in zip(hidden, (0.5, 0.5, 0.5, 0.3), strict=False):
        dropout_four = dropout_four.insert(layer, "dropout", lambda name, r=rate: keras.layers.Dropout(r, name=name))
    for layer in hidden:
        norm_all = norm_all.insert(layer, "batchnorm", lambda name: keras.layers.BatchNormalization(name=name))
    return {
        "none": base,
        "l1 first": base.penalize((first,), l1),
        "l1 all": base.penalize(hidden, l1),
        "l2 first": base.penalize((first,), l2),
        "l2 all": base.penalize(hidden, l2),
        "dropout first": base.insert(first, "dropout", lambda name: keras.layers.Dropout(0.5, name=name)),
        "dropout four": dropout_four,
        "batchnorm one": base_32.insert(second, "batchnorm", lambda name: keras.layers.BatchNormalization(name=name)),
        "batchnorm all": norm_all,
        "none, batch 32": base_32,
    }


@pytest.fixture(scope="session")
def article():
    """The function that makes the article's recipes for a number of epochs."""
    return article_recipes
