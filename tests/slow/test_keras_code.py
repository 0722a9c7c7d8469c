"""Plain Keras code of every technique, run without regfleet."""

import itertools

import keras
import numpy as np
import pytest
from support.keras_code import assert_same_weights, both
from support.training import diabetes, iris, uneven, worker_runtime

from regfleet.data.dataset import Rows, Sets
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, Facts, parse_techniques

__all__ = ["diabetes", "iris", "uneven", "worker_runtime"]
NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=3, batch_size=25, optimizer="adam")


def skip_unfit(text, sets, settings):
    """Skips what says that it cannot act on such rows."""
    facts = Facts(sets.task, sets.train.x.shape[1:], False, sets.train.y.shape[1], len(sets.train.x), settings, NETWORK)
    try:
        for technique in parse_techniques(text, NETWORK).combinations[0]:
            if why := TECHNIQUES[technique.name].unfit(facts, technique.values):
                pytest.skip(why)
    except InputError as problem:
        pytest.skip(str(problem))


def needed(*names):
    """The techniques with what they need."""
    return "+".join(dict.fromkeys(filter(None, [*names, *(TECHNIQUES[name].needs for name in names)])))


@pytest.mark.parametrize("name", TECHNIQUES)
@pytest.mark.parametrize("case", ["iris", "uneven", "diabetes"])
def test_weights_after_three_epochs_are_those_of_a_trial(name, case, request, monkeypatch):
    """From the start of the seed, over the same rows in the same order; with weights of classes, and a regression."""
    sets = request.getfixturevalue(case)
    settings = SETTINGS.model_copy(update={"class_weight": "balanced"} if case == "uneven" else {})
    skip_unfit(needed(name), sets, settings)
    code, weights, expected = both(needed(name), NETWORK, sets, monkeypatch, settings)
    assert "regfleet" not in code
    assert_same_weights(weights, expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"])
def test_every_optimizer(optimizer, iris, monkeypatch):
    """At its own learning rate and with weight decay, beside early stopping that may end it."""
    settings = SETTINGS.model_copy(update={"optimizer": optimizer, "early_stopping": 1, "epochs": 4})
    _, weights, expected = both("weightdecay", NETWORK, iris, monkeypatch, settings)
    assert_same_weights(weights, expected)


@pytest.mark.parametrize(
    "pair", list(itertools.product(TECHNIQUES, ("dropout", "batchnorm", "mixup", "sam", "ema"))), ids="+".join
)
def test_beside_others(pair, iris, monkeypatch):
    """Combined with one that puts in layers, changes rows, finds gradients or averages weights."""
    skip_unfit(needed(*pair), iris, SETTINGS)
    _, weights, expected = both(needed(*pair), NETWORK, iris, monkeypatch, SETTINGS)
    assert_same_weights(weights, expected)


def convolutions(shape, outputs):
    """A convolution whose activation is a layer of its own, one with a penalty of its own, and a softmax."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(4, 3, padding="same", use_bias=False, name="first"),
            keras.layers.BatchNormalization(name="normal"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l1", name="second"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(outputs, "softmax", name="output"),
        ]
    )


def recurrent(shape, outputs):
    """Two small recurrent layers and logits."""
    source = keras.Input(shape)
    first = keras.layers.LSTM(4, return_sequences=True, name="first")(source)
    second = keras.layers.Bidirectional(keras.layers.GRU(3, name="inner"), name="second")(first)
    return keras.Model(source, keras.layers.Dense(outputs, name="output")(second))


def compiled(shape, outputs):
    """A Dense network with one sigmoid, a loss and an optimizer of its own."""
    model = (
        recurrent(shape, 1)
        if outputs < 2
        else keras.Sequential(
            [
                keras.Input(shape),
                keras.layers.Flatten(name="flat"),
                keras.layers.Dense(5, "selu", name="hidden"),
                keras.layers.Dense(1, "sigmoid", name="output"),
            ]
        )
    )
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    return model


def made_up(classes, *shape):
    """Rows whose class shows in their mean."""
    draw = np.random.default_rng(3)
    y = np.eye(classes, dtype="float32")[draw.integers(0, classes, 120)]
    x = (draw.normal(size=(120, *shape)) + y.argmax(1).reshape(-1, *(1 for _ in shape))).astype("float32")
    return Sets(Rows(x[:60], y[:60]), Rows(x[60:90], y[60:90]), Rows(x[90:], y[90:]))


OWN = {
    "images": (convolutions, (3, 8, 8, 2), SETTINGS),
    "sequences": (recurrent, (3, 5, 3), SETTINGS),
    "compiled": (compiled, (2, 7), SETTINGS.model_copy(update={"optimizer": "model"})),
}


@pytest.mark.parametrize("case", OWN)
@pytest.mark.parametrize("name", TECHNIQUES)
def test_patches_of_models_of_ones_own(name, case, monkeypatch):
    """From the same weights; or a comment says what there is no code for."""
    build, (classes, *shape), settings = OWN[case]
    try:
        code, weights, expected = both(needed(name), NETWORK, made_up(classes, *shape), monkeypatch, settings, build)
    except InputError as problem:
        pytest.skip(str(problem))
    assert "regfleet" not in code.partition("regfleet compare")[0]
    if not weights:
        assert code.startswith("# ")
        assert "model.fit" not in code
        return
    assert_same_weights(weights, expected)
