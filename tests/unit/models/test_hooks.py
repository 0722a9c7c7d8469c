"""Models that put techniques in themselves: subclasses of `keras.Model` with a builder that takes them."""

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe


class Net(keras.Model):
    """One hidden layer, with what a technique asks for."""

    def __init__(self, outputs, techniques):
        super().__init__()
        self.hidden = layers.Dense(5, "relu", name="hidden", kernel_regularizer=techniques.kernel_regularizer("hidden"))
        self.behind = techniques.after("hidden")
        self.out = layers.Dense(outputs, "softmax", name="out")

    def call(self, x, *, training=False):
        """The probabilities of rows."""
        x = self.hidden(x)
        for layer in self.behind:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return self.out(x)


def build(input_shape, outputs, techniques):
    """The builder of the subclass."""
    del input_shape
    return Net(outputs, techniques)


def recipe():
    """The subclass without techniques."""
    base = models.base_of(build)
    spec = models.describe(base, "net:build", (4,), 3, "classification", keep_weights=False)
    return Recipe(spec, Training(epochs=1, batch_size=8), base=base)


def test_a_subclass_takes_its_techniques_from_the_builder():
    """The names the builder asks for are the places; a penalty and two layers arrive where they belong."""
    plain = recipe()
    assert plain.model.layers == ("hidden",)
    changed = plain.penalize(("hidden",), lambda: keras.regularizers.L2(0.1))
    changed = changed.penalize(("hidden",), lambda: keras.regularizers.L1(0.2))
    for factor in (2.0, 5.0):
        changed = changed.insert("hidden", "scale", lambda name, f=factor: layers.Rescaling(f, name=name))
    model = models.build(changed, (4,), 3)
    assert [layer.name for layer in model.behind] == ["scale_after_hidden", "scale_after_hidden_2"]
    kernel, out = model.hidden.kernel.numpy(), model.out.kernel.numpy()
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    logits = 10 * np.maximum(rows @ kernel, 0) @ out
    expected = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(model(rows), expected / expected.sum(1, keepdims=True), rtol=1e-4, atol=1e-6)
    penalty = 0.1 * np.square(kernel).sum() + 0.2 * np.abs(kernel).sum()
    assert [float(loss) for loss in model.losses] == [pytest.approx(penalty, rel=1e-5)]


def test_a_subclass_starts_from_the_weights_of_its_seed():
    """A subclass with techniques has the same initial weights as without, another seed has others."""
    plain = recipe()
    changed = plain.insert("hidden", "batchnorm", lambda name: layers.BatchNormalization(name=name))
    start = {}
    for name, each, seed in (("plain", plain, 1), ("changed", changed, 1), ("other", plain, 2)):
        model = models.build(each, (4,), 3)
        drawn = zip(model.variables, models.initial_weights(model, seed), strict=True)
        start[name] = {variable.path.split("/", 1)[1]: value for variable, value in drawn}
    assert len(start["changed"]) == len(start["plain"]) + 4
    for path, value in start["plain"].items():
        np.testing.assert_array_equal(start["changed"][path], value)
    assert (start["plain"]["hidden/kernel"] != start["other"]["hidden/kernel"]).any()


def test_a_technique_that_the_builder_forgets_is_an_error():
    """A variant that would train as its control is refused."""
    plain = recipe()
    lost = plain.insert("out", "dropout", lambda name: layers.Dropout(0.5, name=name))
    with pytest.raises(InputError, match=r"expected the builder to call techniques.after\('out'\); it did not"):
        models.build(lost, (4,), 3)
