"""Steps, schedules, averages and stops do what their sources say, by loops written out and by Keras' own."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training import digest

from regfleet import models, training
from regfleet.errors import InputError
from regfleet.models.objective import compiled_of
from regfleet.settings import Training
from regfleet.settings.values import Found, ModelSpec
from regfleet.techniques import TECHNIQUES, parse_techniques, recipe
from regfleet.techniques.recipe import Batch, Descent, Facts, Length
from regfleet.techniques.schedules import cosine_cycles, cycle_ends
from regfleet.training import engines, keras_fit
from regfleet.training.contract import Settings, assign, permutation
from regfleet.training.descent import Plain, descender

NETWORK = ModelSpec((8, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=6, batch_size=25, learning_rate=0.2)
UPDATES = 4
"""Of an epoch: 90 rows, 25 at a time."""


def made(text, settings=SETTINGS):
    """The recipe of a combination."""
    (combination,) = parse_techniques(text, NETWORK).combinations
    return recipe(NETWORK, settings, combination)


def fitted(text, sets, settings=SETTINGS):
    """The fit of a combination by the fast engine."""
    return training.fit(made(text, settings), sets, 3, "fused", f"{text} {settings}")


class Replay:
    """The model of a recipe with its initial weights, and the batches of its epochs."""

    def __init__(self, sets, text="none", settings=SETTINGS):
        self.model = engines._compiled(made(text, settings), sets)
        self.start = engines._start(self.model, made(text, settings), sets, 3)
        self.settings = settings
        assign(self.model.variables, self.start.values)

    def batches(self, epoch):
        """The rows of each update."""
        order = permutation(self.start.order_key, epoch, len(self.start.train.x)).numpy()
        for rows in np.split(order, range(25, len(order), 25)):
            yield self.start.train.x[rows], self.start.train.y[rows]

    def weights(self):
        """The weights that train."""
        return [weight.numpy() for weight in self.model.trainable_weights]

    def gradients(self, weights, x, y):
        """The gradient of the mean cross-entropy at ``weights``."""
        assign(self.model.trainable_weights, weights)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(y, self.model(x)))
        return [gradient.numpy() for gradient in tape.gradient(loss, self.model.trainable_weights)]


def norm(arrays):
    """The Euclidean norm of all numbers."""
    return np.sqrt(sum((array.astype("float64") ** 2).sum() for array in arrays))


def test_one_update_written_out(iris):
    """SAM climbs, the limit clips, kernels decay, a cosine leads the rate, Lookahead's slow weights are the result."""
    fit = fitted("sam(0.3)+clip(0.4)+weightdecay(0.5)+cosine(0.1)+lookahead(0.6,5)", iris)
    replay, update = Replay(iris), 0
    weights = slow = replay.weights()
    for epoch in range(6):
        for x, y in replay.batches(epoch):
            first = replay.gradients(weights, x, y)
            above = [one + 0.3 * gradient / norm(first) for one, gradient in zip(weights, first, strict=True)]
            found = replay.gradients(above, x, y)
            rate = 0.2 * (0.1 + 0.9 * (1 + np.cos(np.pi * update / 24)) / 2)
            shrink = min(1, 0.4 / norm(found))
            kept = [one * (1 - rate * 0.5 * (one.ndim == 2)) for one in weights]
            weights = [one - rate * shrink * gradient for one, gradient in zip(kept, found, strict=True)]
            update += 1
            if update % 5 == 0:
                weights = slow = [old + 0.6 * (new - old) for old, new in zip(slow, weights, strict=True)]
    for weight, expected in zip(fit.weights, slow, strict=True):
        np.testing.assert_allclose(weight, expected, rtol=2e-4, atol=2e-6)


def test_swa_is_the_mean_of_the_last_epochs_with_new_statistics(iris):
    """By Keras' own steps, a mean, and batch normalizations of all training rows in NumPy."""
    fit = fitted("batchnorm@all+swa(0.4)", iris)
    replay, ends = Replay(iris, "batchnorm@all"), []
    for epoch in range(6):
        for x, y in replay.batches(epoch):
            replay.model.train_on_batch(x, y)
        ends.append(replay.weights())
    mean = [np.mean(weights, axis=0) for weights in zip(*ends[2:], strict=True)]  # 0.4 · 6 = 2.4 epochs go before
    train, test = iris.train.x, iris.test.x
    kernels, (last, bias) = (mean[:4], mean[4:8]), mean[8:]
    for (kernel, shift, gamma, beta), function in zip(kernels, (np.tanh, lambda z: np.maximum(z, 0)), strict=True):
        train, test = (function(rows @ kernel + shift) for rows in (train, test))
        centre, scale = train.mean(0), np.sqrt(train.var(0) + 1e-3)
        train, test = (gamma * (rows - centre) / scale + beta for rows in (train, test))
    sums = np.exp(test @ last + bias)
    expected = sums / sums.sum(1, keepdims=True)
    np.testing.assert_allclose(fit.predictions["last"]["test"], expected, rtol=1e-4, atol=1e-5)


def test_ema_is_that_of_keras(iris):
    """As `SGD(use_ema=True)` leaves the weights."""
    fit = fitted("ema(0.8)", iris)
    replay = Replay(iris)
    replay.model.compile(keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.8), "categorical_crossentropy")
    for epoch in range(6):
        for x, y in replay.batches(epoch):
            replay.model.train_on_batch(x, y)
    replay.model.optimizer.finalize_variable_values(replay.model.trainable_variables)
    for weight, expected in zip(fit.weights, replay.weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-6)


def test_snapshots_predict_together(iris):
    """Four cycles of 2, 1, 1 and 2 epochs; the mean of what the networks predict after epochs 3, 4 and 6."""
    settings = SETTINGS.model_copy(update={"epochs": 6})
    fit = fitted("snapshot(4)", iris, settings)
    replay, predicted, rates = Replay(iris), [], []
    ends = [2, 3, 4, 6]  # 1.5, 3, 4.5 and 6, rounded to even
    for begin, end in zip([0, *ends], ends, strict=False):
        rates += [0.1 * (1 + np.cos(np.pi * n / (UPDATES * (end - begin)))) for n in range(UPDATES * (end - begin))]
    for epoch in range(6):
        for number, (x, y) in enumerate(replay.batches(epoch)):
            replay.model.optimizer.learning_rate = rates[UPDATES * epoch + number]
            replay.model.train_on_batch(x, y)
        predicted.append(replay.model(iris.test.x).numpy())
    expected = np.mean([predicted[2], predicted[3], predicted[5]], axis=0)
    np.testing.assert_allclose(fit.predictions["last"]["test"], expected, rtol=1e-4, atol=1e-6)


def test_cycles_are_those_of_keras():
    """15, 30 and 60 of 105 epochs, as in the paper of cocktails, and any in whole epochs that end with the training."""
    assert cycle_ends(105, 3, 2) == (15, 45, 105)
    schedule = cosine_cycles()(0.3, [10, 30, 70])
    keras_own = keras.optimizers.schedules.CosineDecayRestarts(0.3, 10, t_mul=2.0)
    for step in range(70):
        assert float(schedule(step)) == pytest.approx(float(keras_own(step)), abs=1e-6), step
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    assert float(again(11)) == float(schedule(11))


def test_early_stopping_is_that_of_keras(iris):
    """It ends with the same epoch as `EarlyStopping(restore_best_weights=True)`, and with its weights."""
    settings = Training(epochs=60, batch_size=25, learning_rate=0.8)
    fit = fitted("earlystopping(2)", iris, settings)
    replay = Replay(iris, settings=settings)
    stop = keras.callbacks.EarlyStopping("val_cross_entropy", patience=2, mode="min", restore_best_weights=True)
    course = replay.model.fit(
        keras_fit._batches(Settings(60, 25), replay.start),
        epochs=60,
        steps_per_epoch=UPDATES,
        validation_data=(iris.validation.x, iris.validation.y),
        callbacks=[stop],
        shuffle=False,
        verbose=0,
    )
    assert len(fit.history["loss"]) == len(course.epoch) < 60
    assert fit.best_epoch == stop.best_epoch + 1 < len(course.epoch)
    for weight, expected in zip(fit.weights, replay.weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(fit.predictions["last"]["test"], fit.predictions["best"]["test"])


def test_snapshots_that_were_not_reached_do_not_predict(iris):
    """A fit that ends before its last cycles is judged by those that it had, not by what another left behind."""
    found = made("snapshot(3)", SETTINGS.model_copy(update={"early_stopping": 1, "learning_rate": 3.0}))
    one, two, again = (training.fit(found, iris, seed, "fused", "stopped") for seed in (3, 4, 3))
    assert len(one.history["loss"]) < 6 or len(two.history["loss"]) < 6
    assert digest(again) == digest(one)
    assert digest(two) != digest(one)


class Flat:
    """Gradients of zeros, but for a weight that the loss does not know."""

    def of(self, batch, shift=None):  # noqa: ARG002 - as any descender
        """Three gradients."""
        return Descent([tf.zeros(40_000), None, tf.zeros(40_000)], tf.constant(0.0), None, batch.y)


def noise(values, key, update):
    """What gradient noise adds."""
    (step,) = TECHNIQUES["gradientnoise"].apply(made("none"), values, ()).steps
    batch = Batch(None, None, None, None, tf.constant(key), tf.constant(update))
    first, none, second = step(Flat(), batch, None).gradients
    assert none is None
    return first.numpy(), second.numpy()


def test_gradient_noise_fades():
    """Its variance is η / (1 + t)^γ; weights, updates and seeds have draws of their own."""
    for update, expected in ((0, 0.5), (99, 0.5 / 100**0.55)):
        first, second = noise((0.5, 0.55), 7, update)
        for draw in (first, second):
            assert abs(draw.mean()) < 5 * np.sqrt(expected / 40_000)
            assert draw.var() == pytest.approx(expected, rel=0.04)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    draws = [noise((0.5, 0.0), *given)[0] for given in ((7, 0), (7, 1), (8, 0))]
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.03


def test_no_strength_is_the_control(iris):
    """Bit for bit."""
    for text in ("sam(0)", "gradientnoise(0)", "cosine(1)"):
        assert made(text) == made("none")
    follow = made("ema(0)").average.of(Length(3, 4))
    values = tf.random.stateless_normal((50,), [1, 2])
    np.testing.assert_array_equal(follow(values + 1, values, tf.constant(3))[0], values)
    assert digest(fitted("weightdecay(0)+lookahead(1,1)", iris)) == digest(fitted("none", iris))


def test_steps_see_the_gradient_of_the_loss_itself(iris):
    """Where the optimizer scales losses, a step is handed gradients of what is not scaled, the optimizer its own."""
    replay, seen = Replay(iris), []

    def watch(inner, batch, shift):
        found = inner.of(batch, shift)
        seen.extend(gradient.numpy() for gradient in found.gradients)
        return found

    x, y = next(replay.batches(0))
    expected = replay.gradients(replay.weights(), x, y)
    replay.model.optimizer.loss_scale_factor = 8.0
    batch = Batch(tf.constant(x), tf.constant(y), None, tf.range(len(x)), tf.constant(1), tf.constant(0))
    given = descender(Plain(replay.model), [watch]).of(batch).gradients
    for gradient, one, other in zip(expected, seen, given, strict=True):
        np.testing.assert_allclose(one, gradient, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(other, 8 * gradient, rtol=1e-4, atol=1e-6)


def facts(leads=(), **settings):
    """What is known of 90 rows and a model of the user's own that leads so much itself."""
    model = replace(NETWORK, found=Found(compiled=True, leads=leads))
    return Facts("classification", (4,), False, 3, 90, Training(optimizer="model", batch_size=25, **settings), model)


@pytest.mark.parametrize(
    ("name", "values", "known", "why"),
    [
        ("clip", (1,), facts(("clipping",)), "clips"),
        ("cosine", (0,), facts(("rate",)), "schedule"),
        ("cosine", (0,), facts(("rate",), learning_rate=0.1), ""),
        ("warmrestarts", (3, 2), facts(("rate",), epochs=70), "schedule"),
        ("warmrestarts", (3, 2), facts(epochs=3), "3 epochs are too few for 3 cycles"),
        ("warmrestarts", (3, 2), facts(epochs=7), ""),
        ("snapshot", (5,), facts(epochs=4), "too few"),
        ("snapshot", (5,), facts(epochs=5), ""),
        ("snapshot", (5,), facts(early_stopping=3), "early stopping"),
        ("swa", (0.75,), facts(epochs=4), "of one"),
        ("swa", (0.75,), facts(epochs=5), ""),
        ("swa", (0.75,), facts(early_stopping=3), "early stopping"),
        ("ema", (0.9,), facts(("averaging",)), "averages"),
        ("lookahead", (0.5, 5), facts(epochs=1), "4 updates"),
        ("lookahead", (0.5, 4), facts(epochs=1), ""),
    ],
)
def test_what_cannot_act_is_said(name, values, known, why):
    """Empty where it can."""
    said = TECHNIQUES[name].unfit(known, values)
    assert why in said if why else said == ""


@pytest.mark.parametrize(
    "text", ["cosine+warmrestarts", "snapshot+cosine", "ema+swa", "lookahead+ema", "swa+earlystopping"]
)
def test_what_does_not_go_together(text):
    """Two that lead one thing are refused with the reason."""
    with pytest.raises(InputError, match=r"expected no \w+ beside it; got both, but"):
        parse_techniques(text, NETWORK)


def test_a_models_own_optimizer_leads():
    """Its schedule, clipping and averaging are seen, also where mixed precision wraps it, and a schedule is refused."""
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)

    def build(input_shape, outputs, optimizer):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs, "softmax")])
        model.compile(optimizer, "categorical_crossentropy")
        return model

    own = keras.optimizers.SGD(rate, clipvalue=1.0, use_ema=True)
    for optimizer in (own, keras.optimizers.LossScaleOptimizer(own)):
        assert compiled_of(build((4,), 3, optimizer)).leads == ("rate", "clipping", "averaging")
    assert compiled_of(build((4,), 3, "adam")).leads == ()
    spec = models.describe(
        models.base_of(lambda shape, outputs: build(shape, outputs, keras.optimizers.SGD(rate))),
        "own",
        (4,),
        3,
        "classification",
        keep_weights=False,
    )
    assert spec.found.leads == ("rate",)
    (change,) = made("cosine").optimizers
    with pytest.raises(InputError, match="expected an optimizer with one learning rate"):
        change(keras.optimizers.SGD(rate), None, Length(2, 2))
