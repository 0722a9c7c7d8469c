"""The fast engine computes what `model.fit` computes."""

import keras
import numpy as np
import pytest
from support.training import (
    COLUMNS,
    OPTIMIZERS,
    assert_both_engines_agree,
    assert_rows_train_alike,
    assert_same_course,
    both_courses,
    course,
    image_model,
    image_start,
)

from regfleet import models, training
from regfleet.training.contract import Settings, Start


@pytest.mark.parametrize("variant", ["dropout four", "batchnorm all"])
def test_the_articles_variants_train_as_in_keras(variant, article, iris):
    """30 epochs of each: every column of the history, predictions and weights to 1e-5 relative.

    The other seven, with the same layers in fewer places, are among the slow tests.
    """
    assert_both_engines_agree(article(30)[variant], iris, variant)


@pytest.mark.parametrize("optimizer", ["momentum", "adam, accumulating"])
def test_any_optimizer_trains_as_in_keras(optimizer):
    """Momentum, clipping, accumulation and constraints on a residual convolutional model.

    The others, with schedules and decay, are among the slow tests.
    """
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
    shuffled = course("fused", Settings(5, 25), start_of, keras.optimizers.SGD, build)
    assert (shuffled.history[:, 0] != fused.history[:, 0]).any()


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 8), (9, 8), (16, 8)])
def test_any_number_of_rows(small, iris, rows, batch_size):
    """One row for a batch of eight, one row left over and no row left over: as in Keras; others in the slow tests."""
    assert_rows_train_alike(small, iris, rows, batch_size)


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
