"""What a model was compiled with trains it, as `model.fit` does; its outputs are read as what they are."""

import functools

import keras
import numpy as np
import pytest
from keras import layers
from support.compiled import (
    CASES,
    ROWS,
    SLOW,
    Focal,
    adam,
    check_compiled,
    check_not_compiled,
    described,
    net,
    of_numbers,
    sgd,
)

from regfleet import training
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe


@pytest.mark.parametrize("case", [case for case in CASES if case not in SLOW])
def test_a_compiled_model_trains_as_it_does_in_keras(case):
    """Its optimizer, schedule and loss give the losses and outputs of `model.fit`; others in the slow tests."""
    check_compiled(case)


@pytest.mark.parametrize(("name", "units", "activation"), [("iris", 3, "sigmoid"), ("two", 1, None)])
def test_outputs_without_a_loss_get_the_one_that_fits(name, units, activation):
    """Sigmoids and a logit, not compiled, train as Keras' cross-entropy for them does; others in the slow tests."""
    check_not_compiled(name, units, activation)


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
