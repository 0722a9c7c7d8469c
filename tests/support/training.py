"""Rows, networks, the article's recipes as the article builds them, and courses of training side by side."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_diabetes, load_iris

from regfleet import models, training
from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import engines, keras_fit, runtime
from regfleet.training.contract import Settings, Start, assign, row_metrics
from regfleet.training.fused import Program
from regfleet.trials import Execution, history_columns

ARTICLE_NETWORK = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))
SMALL_NETWORK = ModelSpec((8, 6), ("tanh", "relu"))
COLUMNS = history_columns("classification")


@pytest.fixture(autouse=True, scope="session")
def worker_runtime():
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


@pytest.fixture(scope="session")
def diabetes():
    """100 training, 30 validation and 30 test rows, the target standardised by the training rows."""
    features, target = load_diabetes(return_X_y=True)
    x, y = (features / features.std(0)).astype("float32"), target[:, None]
    mean, scale = y[:100].mean(), y[:100].std()
    y = ((y - mean) / scale).astype("float32")
    parts = [Rows(x[rows], y[rows]) for rows in (slice(0, 100), slice(100, 130), slice(130, 160))]
    return Sets(*parts, "regression", mean, scale)


@pytest.fixture
def uneven(iris):
    """Iris with 20, 10 and 5 training rows of its classes."""
    truth = iris.train.y.argmax(1)
    rows = np.concatenate([np.flatnonzero(truth == one)[:many] for one, many in ((0, 20), (1, 10), (2, 5))])
    rows = np.random.default_rng(3).permutation(rows)
    return replace(iris, train=Rows(iris.train.x[rows], iris.train.y[rows]))


LOSSES = [index for index, name in enumerate(COLUMNS) if not name.endswith("accuracy")]


ACCURACIES = [index for index, name in enumerate(COLUMNS) if name.endswith("accuracy")]


def assert_same_course(fused, reference, *, rtol):
    """Equal histories, accuracies to the row, and equal weights, within ``rtol`` and a float32 rounding of one."""
    assert fused.history.shape == reference.history.shape
    np.testing.assert_allclose(fused.history[:, LOSSES], reference.history[:, LOSSES], rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(fused.history[:, ACCURACIES], reference.history[:, ACCURACIES], rtol=0, atol=1e-6)
    assert fused.best_epoch == reference.best_epoch
    assert fused.diverged_at == reference.diverged_at
    for values, expected in ((fused.last, reference.last), (fused.best, reference.best)):
        for value, other in zip(values, expected, strict=True):
            np.testing.assert_allclose(value, other, rtol=rtol, atol=1e-6)


def both_courses(settings, start_of, optimizer, build, xla=False):
    """The course of a model by the fast engine and by Keras, from the same start."""
    return [course(engine, settings, start_of, optimizer, build, xla) for engine in ("fused", "keras")]


def course(engine, settings, start_of, optimizer, build, xla=False):
    """The course of a model by one of the engines."""
    model = build()
    model.compile(optimizer(), "categorical_crossentropy", metrics=keras_metrics())
    start = start_of(model)
    if engine == "keras":
        return keras_fit.train(model, settings, start)
    program = Program(model, row_metrics("classification"), settings, xla=xla)
    program.trace(start)
    return program.run(start)


def assert_rows_train_alike(recipe, sets, rows, batch_size):
    """Three epochs on the first ``rows`` training rows are those of Keras."""

    def start_of(model):
        parts = zip((sets.train, sets.validation), (rows, 1), strict=True)
        train, validation = (Rows(part.x[:count], part.y[:count]) for part, count in parts)
        return Start(models.initial_weights(model, 0), train, validation, order_key=5)

    fused, reference = both_courses(
        Settings(3, batch_size), start_of, keras.optimizers.SGD, lambda: models.build(recipe, (4,), 3)
    )
    assert_same_course(fused, reference, rtol=1e-6)


def keras_metrics():
    """The metrics of a history."""
    return [keras.metrics.CategoricalCrossentropy(name="cross_entropy"), "accuracy", "mse"]


def shuffled(sets, seed):
    """The same rows in other roles."""
    x, y = (np.concatenate([getattr(part, name) for part in (sets.train, sets.validation, sets.test)]) for name in "xy")
    order = np.random.default_rng(seed).permutation(len(x))
    ends = (len(sets.train.x), len(sets.train.x) + len(sets.validation.x))
    return replace(
        sets,
        **dict(
            zip(("train", "validation", "test"), map(Rows, *(np.split(p[order], ends) for p in (x, y))), strict=True)
        ),
    )


def side_by_side(recipe, sets, seeds, name="stack"):
    """Fits of these seeds in a stack of four, each with rows of its own."""
    return training.fit_side_by_side(recipe, [shuffled(sets, seed) for seed in seeds], seeds, 4, name)


@contextmanager
def traced_once():
    """Within it `model.fit` trains each recipe, on rows of one shape, by one model that starts anew: traced once."""
    true, known = engines._compiled, {}

    def compiled(recipe, sets):
        key = (id(recipe), sets.train.x.shape, sets.validation.x.shape)
        if key not in known:
            model = true(recipe, sets)
            model.optimizer.build(model.trainable_variables)
            known[key] = recipe, model, [variable.numpy() for variable in model.optimizer.variables]
        _, model, new = known[key]
        assign(model.optimizer.variables, new)
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "_compiled", compiled)
        yield


def by_keras(recipe, sets, seeds):
    """Fits of these seeds by `model.fit`, each on rows of its own."""
    with traced_once():
        for seed in seeds:
            yield training.fit(recipe, shuffled(sets, seed), seed, "keras", "one model")


def assert_same_fit(found, expected, rtol=1e-5):
    """Equal histories, weights, predictions and epochs, within float32 rounding."""
    assert found.history.keys() == expected.history.keys()
    for name, values in expected.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=rtol, atol=2e-6, err_msg=name)
    for weight, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=rtol, atol=2e-5)
    assert (found.best_epoch, found.diverged_at) == (expected.best_epoch, expected.diverged_at)
    for when in ("last", "best"):
        assert found.penalty[when] == pytest.approx(expected.penalty[when], rel=1e-4)
        for rows in ("train", "val", "test"):
            np.testing.assert_allclose(found.predictions[when][rows], expected.predictions[when][rows], atol=2e-5)


def noisy(small):
    """A recipe with dropout and batch norm, whose state and noise must start anew with every seed."""
    recipe = small.insert("dense_1", "dropout", lambda name: keras.layers.Dropout(0.4, name=name))
    recipe = recipe.insert("dense_2", "batchnorm", lambda name: keras.layers.BatchNormalization(name=name))
    return replace(recipe, training=recipe.training.model_copy(update={"optimizer": "adam"}))


def digest(fit):
    """A hash of all numbers of a fit."""
    found = hashlib.sha256()
    for name in history_columns("classification"):
        found.update(fit.history[name].tobytes())
    for when in ("last", "best"):
        for rows in ("train", "val", "test"):
            found.update(fit.predictions[when][rows].tobytes())
    for weight in fit.weights:
        found.update(weight.tobytes())
    return found.hexdigest()


def assert_same_bits_again(recipe, sets, engine, *names):
    """A seed has the same bits under each name that a trace is kept by, the first of which it has had before."""
    first = digest(training.fit(recipe, sets, 1, engine, names[0]))
    other = digest(training.fit(recipe, sets, 2, engine, names[0]))
    keras.utils.set_random_seed(12)
    tf.random.uniform((3,))
    for name in names:
        assert digest(training.fit(recipe, sets, 1, engine, name)) == first != other


def assert_divergence_disturbs_no_other(recipe, sets, engine):
    """A fit that diverges ends at its first epoch that is not finite, and the next one is as it was before."""
    calm = digest(training.fit(recipe, sets, 4, engine, "calm"))
    wild = Recipe(recipe.model, Training(epochs=50, batch_size=25, learning_rate=1e30))
    wild = wild.penalize(("dense_1",), lambda: keras.regularizers.L2(0.1))
    fit = training.fit(wild, sets, 0, engine, "wild")
    epochs = len(fit.history["loss"])
    assert fit.diverged_at == epochs < 50
    finite = np.isfinite([fit.history[f"{rows}loss"] for rows in ("", "train_", "val_")]).all(axis=0)
    assert finite[:-1].all()
    assert not finite[-1]
    assert digest(training.fit(recipe, sets, 4, engine, "calm")) == calm


def made_up(draw):
    """Three sets of random rows."""
    return Sets(
        *(
            Rows(draw.normal(size=(rows, 4)).astype("float32"), np.eye(3, dtype="float32")[draw.integers(0, 3, rows)])
            for rows in (60, 20, 20)
        )
    )


def assert_both_engines_agree(recipe, sets, name):
    """The engine ``fused`` gives the histories, weights, penalties and predictions that `model.fit` gives."""
    fused, reference = (training.fit(recipe, sets, 1, engine, name) for engine in ("fused", "keras"))
    assert (fused.execution, reference.execution) == (Execution("graph"), Execution("keras"))
    for column in COLUMNS:
        tolerance = {"rtol": 0, "atol": 1e-6} if column.endswith("accuracy") else {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(fused.history[column], reference.history[column], err_msg=column, **tolerance)
    for weight, other in zip(fused.weights, reference.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=2e-5)
    assert fused.best_epoch == reference.best_epoch
    for when in ("last", "best"):
        assert fused.penalty[when] == pytest.approx(reference.penalty[when], rel=1e-5)
        for rows in ("train", "val", "test"):
            found, expected = fused.predictions[when][rows], reference.predictions[when][rows]
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def image_model():
    """Convolutions with a residual connection, batch norm, pooling, dropout, a penalty and a constraint."""
    image = keras.Input((6, 6, 2))
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = keras.layers.Conv2D(4, 3, padding="same", kernel_regularizer=keras.regularizers.L2(0.01))(first)
    joined = keras.layers.BatchNormalization()(keras.layers.Add()([first, second]))
    flat = keras.layers.Dropout(0.3)(keras.layers.Flatten()(keras.layers.MaxPooling2D()(joined)))
    hidden = keras.layers.Dense(7, "tanh", kernel_constraint=keras.constraints.MaxNorm(0.9))(flat)
    return keras.Model(
        image, keras.layers.Dense(3, "softmax", activity_regularizer=keras.regularizers.L1(1e-3))(hidden)
    )


def images(rows, seed):
    """Images whose class shows in their mean."""
    draw = np.random.default_rng(seed)
    y = np.eye(3, dtype="float32")[draw.integers(0, 3, rows)]
    x = draw.normal(size=(rows, 6, 6, 2)) + y.argmax(1)[:, None, None, None]
    return Rows(x.astype("float32"), y)


schedules = keras.optimizers.schedules
OPTIMIZERS = {
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, global_clipnorm=1.0),
    "adam, decaying": lambda: keras.optimizers.Adam(schedules.ExponentialDecay(0.01, 3, 0.8), clipvalue=0.1),
    "adamw, clipped": lambda: keras.optimizers.AdamW(0.005, weight_decay=0.02, clipnorm=0.5),
    "rmsprop, cosine": lambda: keras.optimizers.RMSprop(schedules.CosineDecay(0.01, 12), momentum=0.5, centered=True),
    "sgd, averaged": lambda: keras.optimizers.SGD(0.05, weight_decay=0.01, use_ema=True, ema_momentum=0.8),
    "adam, accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2, loss_scale_factor=8.0),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
}


def image_start(model):
    """23 training rows, so that batches of 8 leave one of 7, and 9 validation rows."""
    keras.utils.clear_session()
    values = models.initial_weights(renamed(model), 0)
    return Start(values, images(23, 1), images(9, 2), order_key=5)


def renamed(model):
    """The model with layer names that do not depend on how many models were built before."""
    for number, layer in enumerate(model.layers):
        layer.name = f"layer_{number}"
    return model
