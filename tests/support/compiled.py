"""Models with what they were compiled with, and what `model.fit` makes of them."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_iris

from regfleet import models, training
from regfleet.data import cut, parse_split
from regfleet.data.dataset import Dataset
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe
from regfleet.training.contract import order_key, permutation

LOSSES = keras.losses
EPOCHS, ROWS = 2, 30


class Focal(keras.losses.Loss):
    """A loss of a class of the user's own."""

    def call(self, y_true, y_pred):
        """Rows that are right already count little."""
        return -keras.ops.sum(y_true * (1 - y_pred) ** 2 * keras.ops.log(y_pred + 1e-7), axis=-1)


def of_numbers(y_true, y_pred):
    """A loss that takes numbers of classes."""
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that Keras cannot write down."""

    def __call__(self, step):
        """Half the rate after a hundred updates."""
        return 0.05 / (1 + keras.ops.cast(step, "float32") / 100)


def adam():
    """An optimizer with settings that no flag of ours has."""
    return keras.optimizers.Adam(0.02, clipnorm=1.0)


def sgd():
    """An optimizer with a schedule."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    return keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)


# The data, the last activation, its units, the optimizer, the loss, what plain Keras has for the target, the output.
CASES = {
    "one-hot": ("iris", "softmax", 3, adam, "categorical_crossentropy", "rows", "probabilities"),
    "numbers": ("iris", "softmax", 3, sgd, "sparse_categorical_crossentropy", "numbers", "probabilities"),
    "smoothed": ("iris", "softmax", 3, lambda: keras.optimizers.AdamW(Falling(), weight_decay=0.01),
                 LOSSES.CategoricalCrossentropy(label_smoothing=0.1), "rows", "probabilities"),
    "logits": ("iris", None, 3, adam, LOSSES.SparseCategoricalCrossentropy(from_logits=True), "numbers", "logits"),
    "settled late": ("iris", "softmax", 3, adam, "crossentropy", "rows", "probabilities"),
    "of each class": ("iris", "sigmoid", 3, adam, "binary_crossentropy", "rows", "sigmoids"),
    "a class": ("iris", "softmax", 3, adam, Focal(), "rows", "probabilities"),
    "a function": ("iris", "softmax", 3, adam, of_numbers, "numbers", "probabilities"),
    "one sigmoid": ("two", "sigmoid", 1, adam, "bce", "second", "sigmoid"),
    "one logit": ("two", None, 1, adam, LOSSES.BinaryCrossentropy(from_logits=True), "second", "logit"),
    "a lambda": ("number", None, 1, adam, lambda y, p: keras.ops.abs(y - p), "rows", "number"),
}  # fmt: skip
SLOW = {"one-hot", "a class"}
"""Cases that are nearly others: a loss by its name, and one that is a class."""


def rows_of(name):
    """The sets of iris, of two of its classes that are hard to tell, or of its last measure as a number."""
    flowers = load_iris()
    x, y, classes = flowers.data, flowers.target, ("a", "b", "c")
    if name == "two":
        x, y, classes = x[y > 0], y[y > 0] - 1, classes[1:]
    elif name == "number":
        x, y, classes = x[:, :3], x[:, 3], ()
    dataset = Dataset(name, x, y, classes, name)
    return cut(dataset, parse_split("60/20/20"), 0), dataset.task


def net(activation, units, optimizer=None, loss=None):
    """A builder of a small network, compiled where there is an optimizer."""

    def build(input_shape, _outputs):
        model = keras.Sequential([keras.Input(input_shape), layers.Dense(5, "tanh"), layers.Dense(units, activation)])
        if optimizer:
            model.compile(optimizer(), loss, metrics=["accuracy"])
        return model

    return build


def described(builder, name):
    """The base and the description of a builder's model for a data set, and its rows."""
    sets, task = rows_of(name)
    base = models.base_of(builder)
    shape, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    return base, models.describe(base, "own", shape, outputs, task, keep_weights=False), sets


def plain(recipe, sets, form, seed=3):
    """The losses and the output for test rows of `model.fit` on the same rows, from the same start."""
    shape, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    model = recipe.base(shape, outputs)
    ours = models.build(recipe, shape, outputs, sets.task)
    for variable, value in zip(model.variables, models.starting_weights(ours, seed), strict=True):
        variable.assign(value)
    target = {"rows": lambda y: y, "numbers": lambda y: y.argmax(axis=1), "second": lambda y: y[:, 1]}[form]
    history = []
    for epoch in range(EPOCHS):
        order = permutation(order_key(seed), epoch, len(sets.train.x)).numpy()
        validation = (sets.validation.x, target(sets.validation.y))
        x, y = sets.train.x[order], target(sets.train.y)[order]
        seen = model.fit(x, y, batch_size=ROWS, shuffle=False, validation_data=validation, verbose=0).history
        history.append((seen["loss"][0], seen["val_loss"][0]))
    return np.array(history), model(sets.test.x).numpy()


READ = {
    "probabilities": lambda given: given,
    "logits": lambda given: np.exp(given) / np.exp(given).sum(axis=1, keepdims=True),
    "sigmoids": lambda given: given / given.sum(axis=1, keepdims=True),
    "sigmoid": lambda given: np.hstack([1 - given, given]),
    "logit": lambda given: np.hstack([1 / (1 + np.exp(given)), 1 / (1 + np.exp(-given))]),
    "number": lambda given: given,
}


def check_compiled(case):
    """Assert that optimizer, schedule and loss give the losses and outputs of `model.fit` in both engines."""
    name, activation, units, optimizer, loss, form, output = CASES[case]
    base, spec, sets = described(net(activation, units, optimizer, loss), name)
    assert (spec.found.output, spec.found.compiled) == (output, True)
    recipe = Recipe(spec, Training(epochs=EPOCHS, batch_size=ROWS, optimizer="model"), base=base)
    losses, given = plain(recipe, sets, form)
    for engine in ("fused", "keras") if case in ("smoothed", "one logit", "a function") else ("fused",):
        fit = training.fit(recipe, sets, 3, engine, cache_key=case)
        assert fit.execution.path == ("graph" if engine == "fused" else "keras")
        ours = np.stack([fit.history["loss"], fit.history["val_loss"]], axis=1)
        np.testing.assert_allclose(ours, losses, rtol=2e-5)
        np.testing.assert_allclose(fit.predictions["last"]["test"], READ[output](given), rtol=1e-4, atol=1e-6)
        assert fit.losses["last"]["val"] == pytest.approx(losses[-1, 1], rel=2e-5)
        if output != "number":
            truth, p = sets.validation.y.argmax(axis=1), fit.predictions["last"]["val"]
            assert fit.history["val_accuracy"][-1] == pytest.approx((p.argmax(axis=1) == truth).mean(), abs=1e-6)
            entropy = -np.log(p[np.arange(len(p)), truth]).mean()
            assert fit.history["val_cross_entropy"][-1] == pytest.approx(entropy, rel=1e-4)


def check_not_compiled(name, units, activation):
    """Assert that logits and sigmoids, not compiled, train as Keras' cross-entropy for them does."""
    base, spec, sets = described(net(activation, units), name)
    loss = LOSSES.BinaryCrossentropy if units == 1 or activation else LOSSES.CategoricalCrossentropy
    compiled = net(activation, units, adam, loss(from_logits=activation is None))
    recipe = Recipe(spec, Training(epochs=EPOCHS, batch_size=ROWS, optimizer="adam", learning_rate=0.02), base=base)
    assert not spec.found.compiled
    assert "taken for" in spec.found.notes[0]
    fit = training.fit(recipe, sets, 3, "fused", cache_key=f"plain {name} {activation}")
    other, found, _ = described(compiled, name)
    adams = Recipe(found, Training(epochs=EPOCHS, batch_size=ROWS, optimizer="adam", learning_rate=0.02), base=other)
    np.testing.assert_allclose(
        fit.history["loss"],
        training.fit(adams, sets, 3, "fused", cache_key=f"{name} {activation}").history["loss"],
        rtol=1e-6,
    )
    assert np.allclose(fit.predictions["last"]["test"].sum(axis=1), 1)
