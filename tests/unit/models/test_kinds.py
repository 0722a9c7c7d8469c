"""Techniques in convolutional, recurrent, residual and nested models, against models written by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models
from regfleet.models.graph import hidden_layers
from regfleet.techniques.recipe import Insertion, Penalty


def l2(strength=0.1):
    """A penalty's ``make``."""
    return lambda: keras.regularizers.L2(strength)


def dropout(place):
    """Dropout at ``place``."""
    return Insertion(place, "dropout", lambda name: layers.Dropout(0.3, name=name))


def batchnorm(place):
    """Batch normalization at ``place``."""
    return Insertion(place, "batchnorm", lambda name: layers.BatchNormalization(name=name))


def double(place):
    """A doubling of what goes by ``place``."""
    return Insertion(place, "double", lambda name: layers.Rescaling(2.0, name=name))


def names(model):
    """The layers behind the input, in order."""
    return [layer.name for layer in model.layers[1:]]


def convolutional(*, techniques=False):
    """Convolution → ReLU → convolution → batch norm → activation → Dense, by hand with techniques where asked."""
    penalty = keras.regularizers.L2(0.1) if techniques else None
    image = keras.Input((6, 6, 1), name="image")
    tensor = layers.Conv2D(3, 3, name="conv_1", kernel_regularizer=penalty)(image)
    tensor = layers.LeakyReLU(name="leaky")(tensor)
    tensor = layers.Dropout(0.3, name="dropout_after_conv_1")(tensor) if techniques else tensor
    tensor = layers.SeparableConv2D(4, 2, name="conv_2", depthwise_regularizer=penalty, pointwise_regularizer=penalty)(
        tensor
    )
    tensor = layers.BatchNormalization(name="own_norm")(tensor)
    tensor = layers.Activation("relu", name="act")(tensor)
    tensor = layers.BatchNormalization(name="batchnorm_after_conv_2")(tensor) if techniques else tensor
    tensor = layers.Flatten(name="flat")(tensor)
    tensor = layers.Dense(5, "tanh", name="hidden")(tensor)
    tensor = layers.Dropout(0.3, name="dropout_after_hidden")(tensor) if techniques else tensor
    tensor = layers.Dense(3, name="logits")(tensor)
    return keras.Model(image, layers.Softmax(name="probabilities")(tensor))


def test_a_convolutional_model_trains_as_the_same_model_by_hand():
    """Layers behind their activations, penalties on all kernels: same initial values, same loss in every epoch."""
    original, by_hand = convolutional(), convolutional(techniques=True)
    assert hidden_layers(original) == ("conv_1", "conv_2", "hidden")
    model = models.with_techniques(
        original,
        [Penalty("conv_1", l2()), Penalty("conv_2", l2())],
        [dropout("conv_1"), batchnorm("conv_2"), dropout("hidden")],
    )
    assert names(model) == names(by_hand)
    values = models.initial_weights(model, 3)
    assert [weight.path for weight in by_hand.weights] == [weight.path for weight in model.weights]
    generator = np.random.default_rng(0)
    x, y = (
        generator.normal(size=(32, 6, 6, 1)).astype("float32"),
        np.eye(3, dtype="float32")[generator.integers(0, 3, 32)],
    )
    losses = []
    for each in (model, by_hand):
        each.compile(keras.optimizers.SGD(0.05), "categorical_crossentropy")
        kept = [variable for variable in each.variables if not variable.path.startswith("sgd")]
        for variable, value in zip(kept, values, strict=True):
            variable.assign(value)
        losses.append(each.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-6)
    assert len(set(losses[0])) == 4


def residual():
    """Two ways from one convolution: an activation is its own on neither."""
    image = keras.Input((4, 4, 2))
    first = layers.Conv2D(2, 1, name="first")(image)
    second = layers.Conv2D(2, 1, name="second")(layers.ReLU(name="relu_1")(first))
    joined = layers.ReLU(name="relu_2")(layers.Add(name="add")([first, second]))
    return keras.Model(image, layers.Dense(3, "softmax", name="output")(layers.GlobalMaxPooling2D(name="pool")(joined)))


def test_an_activation_that_another_way_passes_by_is_not_waited_for():
    """Where a layer's bare output is used too, insertions stand directly behind it, so that both ways see them."""
    model = models.with_techniques(residual(), [], [dropout("first"), dropout("second")])
    assert names(model) == [
        *("first", "dropout_after_first", "relu_1", "second", "dropout_after_second", "add", "relu_2", "pool", "output")
    ]
    rows = np.random.default_rng(1).normal(size=(3, 4, 4, 2)).astype("float32")
    twice = models.with_techniques(residual(), [], [double("first")])
    kernels = {n: twice.get_layer(n).get_weights() for n in ("first", "second", "output")}
    bare = 2 * (rows @ kernels["first"][0][0, 0])
    joined = np.maximum(bare + np.maximum(bare, 0) @ kernels["second"][0][0, 0], 0).max(axis=(1, 2))
    logits = joined @ kernels["output"][0]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(twice(rows), expected, rtol=1e-4)


def test_an_activation_shared_by_layers_keeps_them_apart():
    """One ReLU layer used twice: what goes behind the first Dense layer does not stand behind the second."""
    relu = layers.ReLU(name="relu")
    row = keras.Input((4,))
    first = relu(layers.Dense(4, name="a")(row))
    model = keras.Model(row, layers.Dense(2, "softmax", name="out")(relu(layers.Dense(4, name="b")(first))))
    changed = models.with_techniques(
        model, [], [Insertion("a", "double", lambda name: layers.Rescaling(2.0, name=name))]
    )
    a, b, out = (changed.get_layer(name).kernel.numpy() for name in ("a", "b", "out"))
    rows = np.random.default_rng(2).normal(size=(5, 4)).astype("float32")
    logits = np.maximum(2 * np.maximum(rows @ a, 0) @ b, 0) @ out
    np.testing.assert_allclose(
        changed(rows), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6
    )


def recurrent():
    """Words → vectors → a recurrent layer both ways → a recurrent layer → output."""
    words = keras.Input((5,), dtype="int32")
    tensor = layers.Embedding(7, 3, name="words")(words)
    tensor = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both")(tensor)
    tensor = layers.TimeDistributed(layers.Dense(3, "relu"), name="each")(tensor)
    return keras.Model(words, layers.Dense(2, "softmax", name="output")(layers.GRU(4, name="gru")(tensor)))


def test_penalties_reach_every_kernel_of_a_recurrent_model():
    """Embeddings, input and recurrent kernels both ways, a wrapped Dense: each costs its own sum of squares, once."""
    original = recurrent()
    assert hidden_layers(original) == ("words", "both", "each", "gru")
    model = models.with_techniques(
        original, [Penalty(name, l2()) for name in hidden_layers(original)], [dropout("both")]
    )
    assert names(model)[:4] == ["words", "both", "dropout_after_both", "each"]
    kernels = [v for v in model.trainable_variables if v.name != "bias" and not v.path.startswith("output")]
    assert len(kernels) == 1 + 4 + 1 + 2
    expected = sorted(0.1 * np.square(kernel.numpy()).sum() for kernel in kernels)
    np.testing.assert_allclose(sorted(float(loss) for loss in model.losses), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "kernels"),
    [
        (layers.DepthwiseConv2D(2, name="hidden"), 1),
        (layers.SeparableConv2D(2, 2, name="hidden"), 2),
        (layers.Conv2DTranspose(2, 2, name="hidden"), 1),
        (layers.Conv2D(2, 2, name="hidden", kernel_regularizer="l2"), 1),
    ],
)
def test_a_penalty_is_on_all_kernels_of_a_convolution(layer, kernels):
    """Depthwise, pointwise and transposed kernels are penalized, in addition to what the layer had."""
    model = keras.Sequential([keras.Input((4, 4, 2)), layer, layers.Flatten(), layers.Dense(2, "softmax")])
    changed = models.with_techniques(model, [Penalty("hidden", l2(0.5))], [])
    weights = [weight.numpy() for weight in changed.get_layer("hidden").weights if weight.name != "bias"]
    own = 0.01 if getattr(layer, "kernel_regularizer", None) else 0
    expected = sorted((0.5 + own) * np.square(weight).sum() for weight in weights)
    assert len(weights) == kernels
    np.testing.assert_allclose(sorted(float(loss) for loss in changed.losses), expected, rtol=1e-5)


def nested():
    """A body that a model calls twice, and a head that is a model and holds the output layer."""
    part = keras.Input((4,))
    body = keras.Model(part, layers.Activation("relu", name="act")(layers.Dense(4, name="dense")(part)), name="body")
    head = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, "tanh", name="wide"), layers.Dense(2, name="last")], name="head"
    )
    row = keras.Input((4,), name="row")
    return keras.Model(row, layers.Softmax(name="softmax")(head(body(body(row)))))


def test_techniques_enter_models_inside_a_model():
    """Layers are named by their models, the output layer is found inside, a body called twice is changed once."""
    original = nested()
    assert hidden_layers(original) == ("body/dense", "head/wide")
    model = models.with_techniques(
        original,
        [Penalty("body/dense", l2()), Penalty("head/wide", l2())],
        [double("body/dense"), dropout("head/wide")],
    )
    assert names(model.get_layer("body")) == ["dense", "act", "double_after_dense"]
    assert [layer.name for layer in model.get_layer("head").layers[1:]] == ["wide", "dropout_after_wide", "last"]
    dense = model.get_layer("body").get_layer("dense").kernel.numpy()
    wide, last = (model.get_layer("head").get_layer(name).kernel.numpy() for name in ("wide", "last"))
    rows = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")
    inner = 2 * np.maximum(rows @ dense, 0)
    logits = np.tanh(2 * np.maximum(inner @ dense, 0) @ wide) @ last
    np.testing.assert_allclose(model(rows), np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-4, atol=1e-6)
    expected = sorted(0.1 * np.square(kernel).sum() for kernel in (dense, wide))
    np.testing.assert_allclose(sorted(float(loss) for loss in model.losses), expected, rtol=1e-5)


def test_equal_layers_start_alike_in_every_variant_of_a_nested_model():
    """What a variant adds does not move the initial weights of the layers it shares with the control."""
    control = models.with_techniques(nested(), [], [])
    changed = models.with_techniques(nested(), [Penalty("head/wide", l2())], [batchnorm("body/dense")])
    drawn = [
        {v.path: value for v, value in zip(m.variables, models.initial_weights(m, 5), strict=True)}
        for m in (control, changed)
    ]
    assert len(drawn[1]) == len(drawn[0]) + 4
    for path, value in drawn[0].items():
        np.testing.assert_array_equal(drawn[1][path], value)
