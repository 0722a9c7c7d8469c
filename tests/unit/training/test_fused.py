"""The fast engine computes what `model.fit` computes."""

import keras
import numpy as np
import pytest
from support.training import COLUMNS, assert_same_course, both_courses

from regfleet import models, training
from regfleet.data.dataset import Rows
from regfleet.training.contract import Settings, Start
from regfleet.trials import Execution


@pytest.mark.parametrize(
    "variant",
    [
        "none",
        "l1 first",
        "l1 all",
        "l2 first",
        "l2 all",
        "dropout first",
        "dropout four",
        "batchnorm one",
        "batchnorm all",
    ],
)
def test_the_articles_variants_train_as_in_keras(variant, article, iris):
    """30 epochs of each of the nine variants: every column of the history, predictions and weights to 1e-5 relative."""
    recipe = article(30)[variant]
    fused = training.fit(recipe, iris, 1, "fused", variant)
    reference = training.fit(recipe, iris, 1, "keras", variant)
    assert (fused.execution, reference.execution) == (Execution("graph"), Execution("keras"))
    for name in COLUMNS:
        tolerance = {"rtol": 0, "atol": 1e-6} if name.endswith("accuracy") else {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(fused.history[name], reference.history[name], err_msg=name, **tolerance)
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


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_optimizer_trains_as_in_keras(optimizer):
    """Schedules, clipping, decay, averaging, accumulation and constraints on a residual convolutional model."""
    fused, reference = both_courses(Settings(8, 8), image_start, OPTIMIZERS[optimizer], image_model)
    assert_same_course(fused, reference, rtol=2e-5)


def test_without_shuffling(small, iris):
    """The rows' own order gives the same course as in Keras, and another one than shuffled."""

    def start_of(model):
        return Start(models.initial_weights(model, 0), iris.train, iris.validation, order_key=5)

    def build():
        return models.build(small, (4,), 3)

    fused, reference = both_courses(Settings(5, 25, shuffle=False), start_of, keras.optimizers.SGD, build)
    assert_same_course(fused, reference, rtol=1e-6)
    shuffled, _ = both_courses(Settings(5, 25), start_of, keras.optimizers.SGD, build)
    assert (shuffled.history[:, 0] != fused.history[:, 0]).any()


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 1), (1, 8), (2, 1), (9, 8), (16, 8), (8, 100)])
def test_any_number_of_rows(small, iris, rows, batch_size):
    """One row, one row left over, no row left over and fewer rows than a batch: as in Keras."""

    def start_of(model):
        train, validation = (Rows(part.x[:count], part.y[:count]) for part, count in zip(parts, (rows, 1), strict=True))
        return Start(models.initial_weights(model, 0), train, validation, order_key=5)

    parts = (iris.train, iris.validation)
    fused, reference = both_courses(
        Settings(3, batch_size), start_of, keras.optimizers.SGD, lambda: models.build(small, (4,), 3)
    )
    assert_same_course(fused, reference, rtol=1e-6)


@pytest.mark.parametrize("patience", [0, 2])
def test_early_stopping_in_the_graph(small, iris, patience):
    """It stops after the epoch, and keeps the weights, at which Keras' engine does."""

    def start_of(model):
        return Start(models.initial_weights(model, 0), iris.train, iris.validation, order_key=5)

    fused, reference = both_courses(
        Settings(80, 25, patience),
        start_of,
        lambda: keras.optimizers.SGD(0.8),
        lambda: models.build(small, (4,), 3),
    )
    assert 2 < len(fused.history) < 80
    assert_same_course(fused, reference, rtol=1e-4)


@keras.saving.register_keras_serializable("tests")
class NeedsNumbers(keras.layers.Layer):
    """A layer that looks at the values it is given, which a trace does not have."""

    def compute_output_spec(self, x):
        """Say what comes out, so that Keras need not call the layer to find out."""
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        """Multiply by one, or by zero if all is zero."""
        return x * float(np.sign(np.abs(x.numpy()).sum()))


def test_what_cannot_be_traced_is_left_to_keras(small, iris):
    """A layer that needs numbers is trained by `model.fit`, with the reason in ``execution``, for every seed."""
    recipe = small.insert("dense_1", "numbers", lambda name: NeedsNumbers(name=name))
    plain = training.fit(small, iris, 0, "keras", "plain")
    for _ in range(2):
        fallen = training.fit(recipe, iris, 0, "fused", "numbers")
        assert str(fallen.execution).startswith("keras (not traceable: AttributeError: ")
        for name in COLUMNS:
            np.testing.assert_allclose(fallen.history[name], plain.history[name], rtol=1e-4, atol=1e-5)
