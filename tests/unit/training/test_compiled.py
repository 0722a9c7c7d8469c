"""What a model was compiled with trains it, as `model.fit` does; its outputs are read as what they are."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_iris

from regfleet import models, training
from regfleet.data import cut, parse_split
from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
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


@pytest.mark.parametrize("case", CASES)
def test_a_compiled_model_trains_as_it_does_in_keras(case):
    """Its optimizer, schedule and loss give the losses and outputs of `model.fit` in both engines."""
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


@pytest.mark.parametrize(
    ("name", "units", "activation"),
    [("iris", 3, None), ("iris", 3, "sigmoid"), ("two", 1, "sigmoid"), ("two", 1, None)],
)
def test_outputs_without_a_loss_get_the_one_that_fits(name, units, activation):
    """Logits and sigmoids, not compiled, train as Keras' cross-entropy for them does."""
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


MISFITS = {
    "logits without from_logits": (net(None, 3, adam, "categorical_crossentropy"), "iris", "from_logits=True"),
    "a softmax of one": (net("softmax", 1), "two", "softmax of a single output, which is always 1"),
    "one for classes": (net("sigmoid", 1, adam, "sparse_categorical_crossentropy"), "two", "binary_crossentropy"),
    "sigmoids as a softmax": (net("sigmoid", 3, adam, "categorical_crossentropy"), "iris", "binary_crossentropy for"),
    "a hinge": (net("tanh", 1, adam, "hinge"), "two", "tanh, whose values are no probabilities of the classes"),
    "an unknown loss": (net("softmax", 3, adam, "categorial"), "iris", "that Keras knows by name; got categorial"),
    "a loss that raises": (net("softmax", 3, adam, lambda y, p: y @ p @ y), "iris", "which raises"),
    "no loss for the target": (net(None, 1, adam, "poisson"), "number", "a loss for a standardized target"),
    "relu": (net("relu", 1), "number", "got relu, and the standardized target is negative for some rows"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("case", MISFITS)
def test_outputs_and_losses_that_do_not_fit_are_refused_in_a_line(case):
    """The line says what was expected, what was given, and so what to write."""
    builder, name, expected = MISFITS[case]
    with pytest.raises(InputError) as caught:
        described(builder, name)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


class Half(keras.Model):
    """A Functional model that descends half as far."""

    def train_step(self, data):
        """Keras' own guide, with half the gradients."""
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply([0.5 * gradient for gradient in gradients], self.trainable_weights)
        return {"loss": loss}


def test_a_train_step_of_ones_own_trains_with_a_technique_too():
    """`model.fit` runs it, said: plain descent at half the rate is what a model without it gives at half the rate."""

    def of(kind):
        def build(input_shape, _outputs):
            source = keras.Input(input_shape)
            return kind(source, layers.Dense(3, "softmax")(layers.Dense(5, "tanh", name="one")(source)))

        return build

    fits = []
    for kind, rate in ((Half, 0.2), (keras.Model, 0.1)):
        base, spec, sets = described(of(kind), "iris")
        recipe = Recipe(spec, Training(epochs=2, batch_size=ROWS, learning_rate=rate), base=base)
        recipe = recipe.insert("one", "batchnorm", lambda name: layers.BatchNormalization(name=name))
        fits.append(training.fit(recipe, sets, 3, "fused", cache_key=kind.__name__))
    assert str(fits[0].execution) == "keras (not traceable: Half has a train_step of its own)"
    for column in ("train_loss", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(fits[0].history[column], fits[1].history[column], rtol=1e-5)


class Weighed(keras.losses.Loss):
    """A loss of the user's own that does not write its setting down."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def call(self, y_true, y_pred):
        """Squares."""
        return self.weight * keras.ops.sum((y_true - y_pred) ** 2, axis=-1)


def weighed(y_true, y_pred, weight=1.0):
    """The same as a function."""
    return Weighed(weight)(y_true, y_pred)


def around(weight):
    """The same, closed over."""
    return lambda y_true, y_pred: weighed(y_true, y_pred, weight)


def either_form(y_true, y_pred):
    """A loss that takes rows and numbers of classes."""
    truth = y_true if len(y_true.shape) == 2 else keras.ops.one_hot(y_true, 3)
    return keras.losses.categorical_crossentropy(truth, y_pred)


@pytest.mark.parametrize("made", [Weighed, around, lambda weight: functools.partial(weighed, weight=weight)])
def test_what_a_loss_holds_makes_another_model(made):
    """Attributes, closures and arguments of a loss are in the fingerprint, which is else the same each time."""
    first, again, other = (
        described(net("softmax", 3, adam, made(weight)), "iris")[1].fingerprint for weight in (0.25, 0.25, 2.0)
    )
    assert first == again != other


def test_the_form_of_the_target_makes_another_model():
    """A sparse metric says that a loss takes numbers of classes."""

    def build(metric):
        def build(input_shape, _outputs):
            model = net("softmax", 3)(input_shape, 3)
            model.compile(adam(), either_form, metrics=[metric])
            return model

        return build

    rows, numbers = (described(build(metric), "iris")[1] for metric in ("accuracy", "sparse_categorical_accuracy"))
    assert (rows.found.labels, numbers.found.labels) == (False, True)
    assert rows.fingerprint != numbers.fingerprint
    assert any("one-hot rows as y_true" in note for note in rows.found.notes)
    assert not any("y_true" in note for note in numbers.found.notes)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_in_memory_and_a_file_bring_what_they_were_compiled_with(tmp_path, monkeypatch):
    """A loss of a notebook travels with a model in memory; of a file it is said that it is not there."""
    monkeypatch.chdir(tmp_path)
    builder = net("softmax", 3, sgd, of_numbers)
    model = builder((4,), 3)
    model.save("net.keras")
    found = [described(source, "iris")[1].found for source in (builder, model, "net.keras")]
    assert [one.compiled for one in found] == [True, True, False]
    metrics = "its metrics are not used: --metric chooses one"
    said = f"it was compiled with SGD (learning rate ExponentialDecay) and the loss of_numbers; {metrics}"
    assert found[0].notes == found[1].notes == (said,)
    assert "code that is not in the file" in found[2].notes[-1]


def test_a_model_that_was_not_compiled_has_no_loss_of_its_own(monkeypatch):
    """Its losses are the scores, and one that was is asked once for all rows, whatever puts its techniques in."""

    def hooked(input_shape, _outputs, techniques):
        penalty = techniques.kernel_regularizer("one")
        hidden = layers.Dense(5, "tanh", name="one", kernel_regularizer=penalty)
        model = keras.Sequential([keras.Input(input_shape), hidden, layers.Dense(3, "softmax")])
        model.compile(adam(), Focal())
        return model

    settings = Training(epochs=1, batch_size=ROWS)
    passes = []
    call = keras.Sequential.call
    monkeypatch.setattr(keras.Sequential, "call", lambda *args, **named: passes.append(1) or call(*args, **named))
    for builder, own in ((net("softmax", 3), False), (hooked, True)):
        base, spec, sets = described(builder, "iris")
        recipe = Recipe(spec, settings, base=base)
        training.fit(recipe, sets, 3, "fused", cache_key=str(builder))
        passes.clear()
        fit = training.fit(recipe, sets, 4, "fused", cache_key=str(builder))
        assert (bool(fit.losses), passes) == (own, [])
    perceptron = Recipe(ModelSpec((4,), ("tanh",)), settings)
    assert not training.fit(perceptron, sets, 3, "fused", cache_key="perceptron").losses


class Particular(Half):
    """One whose compile takes other arguments."""

    def compile(self, steps):
        """So many, which are not Keras'."""
        super().compile("sgd", "mse")
        self.steps = steps


def test_a_compile_of_ones_own_is_not_asked_for_what_it_does_not_take():
    """The model trains as Keras compiles it, with what its own compile left on it."""

    def build(input_shape, _outputs):
        source = keras.Input(input_shape)
        return Particular(source, layers.Dense(3, "softmax")(layers.Dense(5, "tanh", name="one")(source)))

    base, spec, sets = described(build, "iris")
    recipe = Recipe(spec, Training(epochs=1, batch_size=ROWS), base=base)
    recipe = recipe.insert("one", "batchnorm", lambda name: layers.BatchNormalization(name=name))
    fit = training.fit(recipe, sets, 3, "keras", cache_key="particular")
    assert fit.history["train_loss"][0] > 0
