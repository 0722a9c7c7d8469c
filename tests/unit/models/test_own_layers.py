"""Layers that no configuration describes, subclasses, and what cannot be sent to a worker."""

import threading
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from regfleet import models, techniques, training
from regfleet.data.dataset import Rows, Sets
from regfleet.errors import InputError
from regfleet.models.travel import check_travels
from regfleet.settings import Training


class Block(layers.Layer):
    """Sublayers that are built in the call, without a configuration."""

    def __init__(self, units):
        super().__init__()
        self.wide, self.norm, self.back = layers.Dense(units, "relu"), layers.LayerNormalization(), layers.Dense(units)

    def call(self, x):
        """A residual block."""
        return self.norm(x + self.back(self.wide(x)))


class Linear(layers.Layer):
    """Weights without names, and an array that is given."""

    def __init__(self, units, shift):
        super().__init__()
        self.units, self.shift = (
            units,
            self.add_weight(shape=shift.shape, initializer=lambda _, dtype: shift.astype(dtype)),
        )

    def build(self, shape):
        """One matrix."""
        self.w = self.add_weight(shape=(shape[-1], self.units), initializer="random_normal")

    def call(self, x):
        """Rows times the matrix."""
        return keras.ops.matmul(x + self.shift, self.w)


class Tied(layers.Layer):
    """The kernel of another layer, the other way round."""

    def __init__(self, other):
        super().__init__()
        self.other = other

    def call(self, x):
        """Rows times the other's kernel, transposed."""
        return keras.ops.matmul(x, keras.ops.transpose(self.other.kernel))


class Net(keras.Model):
    """A subclass with layers as attributes, called in another order than they are made in."""

    def __init__(self, outputs):
        super().__init__()
        self.out, self.hidden = layers.Dense(outputs, "softmax", name="out"), layers.Dense(5, tf.nn.tanh, name="hidden")
        self.scale = self.add_weight(name="scale", shape=(5,), initializer="ones")

    def call(self, x):
        """The probabilities of rows."""
        return self.out(self.hidden(x) * self.scale)


def behind(*middle):
    """A builder of a Sequential model with ``middle`` layers, each made anew."""

    def build(shape, outputs):
        return keras.Sequential([keras.Input(shape), *(make() for make in middle), layers.Dense(outputs, "softmax")])

    return build


def tied(shape, outputs):
    """An encoder whose kernel a decoder uses too."""
    source, encoder = keras.Input(shape), layers.Dense(3, "tanh", name="encoder")
    again = Tied(encoder)(encoder(source))
    return keras.Model(source, layers.Dense(outputs, "softmax", name="out")(again))


def subclass(shape, outputs):
    """A builder of the subclass."""
    del shape
    return Net(outputs)


def small(shape, dtype=None):
    """An initializer that is a function."""
    return keras.random.normal(shape, stddev=0.05, dtype=dtype)


OWN = {
    "sublayers built late": (behind(lambda: layers.Dense(4), lambda: Block(4)), ("dense", "block")),
    "arrays and weights without names": (behind(lambda: Linear(5, np.arange(4, dtype="float32"))), ("linear",)),
    "tied": (tied, ("encoder",)),
    "functions": (
        behind(lambda: layers.Dense(5, lambda x: x * keras.ops.sigmoid(x), kernel_initializer=small)),
        ("dense",),
    ),
    "subclass": (subclass, ("hidden",)),
    "mixed precision": (behind(lambda: layers.Dense(5, "relu", dtype="mixed_bfloat16")), ("dense",)),
}


@pytest.mark.parametrize("name", OWN)
def test_layers_of_ones_own_train_as_in_keras(name):
    """Weights are drawn by seed, a penalty costs what its kernels say, and the fit is Keras' own from these weights."""
    build, places = OWN[name]
    base = models.base_of(build)
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    assert spec.layers == places
    recipe = techniques.recipe(spec, Training(epochs=3, batch_size=12, learning_rate=0.1), ())
    plain = replace(recipe, base=base)
    model, penal = models.build(plain, (4,), 3), plain.penalize(places, lambda: keras.regularizers.L2(0.5))
    changed = models.build(penal, (4,), 3)
    one, again, other = (models.initial_weights(each, seed) for each, seed in ((model, 1), (changed, 1), (model, 2)))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    moved = [v.path for v, a, b in zip(model.variables, one, other, strict=True) if v.ndim == 2 and (a != b).any()]
    assert moved == [v.path for v in model.variables if v.ndim == 2]
    kernels = {id(v): v for v in changed.trainable_variables if v.ndim == 2 and "out" not in v.path}
    hidden = [v for v in kernels.values() if v.shape[-1] != 3 or "encoder" in v.path]
    expected = sum(0.5 * np.square(v.numpy()).sum() for v in hidden)
    np.testing.assert_allclose(sum(float(loss) for loss in changed.losses), expected, rtol=1e-5)
    assert model.losses == []

    draw = np.random.default_rng(0)
    rows = Rows(draw.normal(size=(12, 4)).astype("float32"), np.eye(3, dtype="float32")[[0, 1, 2] * 4])
    found = training.fit(plain, Sets(rows, rows, rows), 1, "fused", name)
    assert found.execution.path == "graph"
    by_hand = base((4,), 3)
    for variable, value in zip(by_hand.variables, one, strict=True):
        variable.assign(value)
    by_hand.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    losses = by_hand.fit(rows.x, rows.y, batch_size=12, epochs=3, verbose=0).history["loss"]
    loose = 1e-2 if name == "mixed precision" else 1e-5
    np.testing.assert_allclose(found.history["loss"], losses, rtol=loose)
    for weight, value in zip(by_hand.weights, found.weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), value, rtol=loose, atol=loose)


def test_nothing_is_put_between_the_layers_of_a_subclass():
    """Dropout in a subclass is refused in a line that names the way out."""
    base = models.base_of(subclass)
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    recipe = replace(techniques.recipe(spec, Training(), ()), base=base)
    recipe = recipe.insert("hidden", "dropout", lambda name: layers.Dropout(0.5, name=name))
    with pytest.raises(InputError, match=r"Net is a subclass of keras.Model .* got dropout. Let the builder take the"):
        models.build(recipe, (4,), 3)


SHARED = layers.Dense(5, "relu", name="shared")


def test_a_layer_that_outlives_the_builder_is_not_changed():
    """A penalty of one variant does not stay on a layer that the next variant is built of."""
    base = models.base_of(behind(lambda: SHARED))
    spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
    recipe = replace(techniques.recipe(spec, Training(), ()), base=base)
    changed = models.build(recipe.penalize(("shared",), lambda: keras.regularizers.L2(0.5)), (4,), 3)
    assert len(changed.losses) == 1
    assert models.build(recipe, (4,), 3).losses == []


LOCK = threading.Lock()


def around():
    """A lock around a function, which another one calls."""
    guard = threading.Lock()

    def inner():
        return guard

    def build(shape, outputs):
        return inner(), shape, outputs

    return build


class Maker:
    """A lock as an attribute."""

    def __init__(self):
        self.lock = LOCK

    def __call__(self, shape, outputs):
        """No model."""


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (around(), "got guard around inner, a lock"),
        (Maker(), r"got Maker.lock, a lock"),
        (partial(Net, (i for i in range(3))), "an argument of partial, a generator"),
        (lambda shape, outputs, log=[LOCK]: None, "got an element of a default of <lambda>, a lock"),  # noqa: ARG005
    ],
)
def test_what_cannot_be_sent_to_a_worker_is_named(function, expected):
    """One line says which object it is and where."""
    with pytest.raises(InputError, match=expected) as caught:
        check_travels(models.base_of(function))
    assert "\n" not in str(caught.value)


def test_what_can_be_sent_is():
    """A function with a tensor and a model around it travels."""
    tensor, net = tf.constant([1.0]), behind()((4,), 3)
    check_travels(models.base_of(lambda shape, outputs: (tensor, net, shape, outputs)))
