"""Seeds side by side in one program compute what each of them computes alone."""

import gc
import weakref
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training import assert_same_fit, by_keras, shuffled, side_by_side

from regfleet import models, training
from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.techniques import catalogue, parse_techniques
from regfleet.techniques.recipe import Recipe
from regfleet.training import engines
from regfleet.trials import Execution, history_columns


@pytest.fixture(autouse=True)
def _no_program_of_others():
    """Each test begins with nothing traced."""
    engines._PROGRAMS.clear()
    yield
    engines._PROGRAMS.clear()


def test_every_seed_trains_as_in_keras(article, small, iris):
    """Three seeds in a stack of four, each with its rows, order, weights and noise: the numbers of `model.fit`.

    A penalty, dropout and batch norm together; the article's variants, each alone, are among the slow tests.
    """
    recipe = article(12, small.model)["batchnorm all"].penalize(("dense_1",), lambda: keras.regularizers.L2(0.01))
    recipe = recipe.insert("dense_2", "dropout", lambda name: keras.layers.Dropout(0.5, name=name))
    fits = side_by_side(recipe, iris, [1, 2, 7])
    for fit, reference in zip(fits, by_keras(recipe, iris, [1, 2, 7]), strict=True):
        assert fit.execution == Execution("graph", stacked=True)
        assert_same_fit(fit, reference)


def test_an_optimizer_of_a_study_works_number_by_number(small, iris):
    """Adam updates a stack as it updates one seed alone, with batches that leave a rest; others in the slow tests."""
    recipe = replace(small, training=small.training.model_copy(update={"optimizer": "adam", "learning_rate": 0.01}))
    (_, fit) = side_by_side(recipe, iris, [1, 2])
    assert_same_fit(fit, training.fit(recipe, shuffled(iris, 2), 2, "keras", "adam"), rtol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "maxnorm(0.9)@all+sam+clip(0.3)+weightdecay(0.5)+cosine+lookahead(0.5,3)",
        "batchnorm@all+gradientnoise+warmrestarts(2)+swa(0.3)",
        "dropout@first+labelsmoothing+focal+snapshot(3)+ema(0.8)",
    ],
)
def test_techniques_act_on_each_seed_alone(text, small, iris):
    """Norms, steps, noise, averages, schedules and snapshots of a stack are those of its seeds one by one."""
    (combination,) = parse_techniques(text, small.model).combinations
    found = catalogue.recipe(small.model, small.training.model_copy(update={"learning_rate": 0.2}), combination)
    for seed, fit in zip((1, 2), side_by_side(found, iris, [1, 2]), strict=True):
        assert_same_fit(fit, training.fit(found, shuffled(iris, seed), seed, "fused", "alone"), rtol=1e-4)


def test_company_changes_no_bit(article, small, iris):
    """A seed has the same history and weights alone in its stack, in a full one, and wherever it stands there."""
    recipe = article(8, small.model)["batchnorm all"].insert(
        "dense_1", "dropout", lambda name: keras.layers.Dropout(0.4, name=name)
    )
    alone, full = side_by_side(recipe, iris, [5])[0], side_by_side(recipe, iris, [2, 9, 5, 3])[2]
    for name in history_columns("classification"):
        np.testing.assert_array_equal(alone.history[name], full.history[name])
    for weight, other in zip(alone.weights, full.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_programs_are_kept_for_so_many_bytes(small, iris, monkeypatch):
    """A stack that is used no more goes, with its variables, when others need its room; the newest stays."""
    side_by_side(small, iris, [1], "first")
    (first,) = engines._PROGRAMS.values()
    # Values, last and best weights of four seeds of 4·8+8 + 8·6+6 + 6·3+3 numbers; slots of SGD: step and rate.
    assert first.held_bytes == 4 * (3 * 4 * 115) + 8 + 4
    gone = weakref.ref(first)
    del first
    monkeypatch.setattr(engines, "_KEPT_BYTES", 6000)
    side_by_side(small, iris, [1], "second")
    gc.collect()
    assert [key[1] for key in engines._PROGRAMS] == ["second"]
    assert gone() is None


def test_each_seed_stops_for_itself(small, iris):
    """With early stopping, seeds of a stack end at epochs of their own, with the weights they had there."""
    recipe = replace(small, training=Training(epochs=60, batch_size=25, learning_rate=0.8, early_stopping=2))
    fits = side_by_side(recipe, iris, [0, 1, 2])
    assert len({len(fit.history["loss"]) for fit in fits}) > 1
    for seed, fit in enumerate(fits):
        assert_same_fit(fit, training.fit(recipe, shuffled(iris, seed), seed, "fused", "alone"), rtol=1e-3)


def test_a_seed_that_diverges_takes_no_other_with_it(small, iris):
    """A row that is no number ends one seed; its history ends there, the other's is what it is alone."""
    good = shuffled(iris, 1)
    x = good.train.x.copy()
    x[3, 0] = np.nan
    bad = replace(good, train=Rows(x, good.train.y))
    first, second = training.fit_side_by_side(small, [bad, good], [0, 1], 4, "diverging")
    assert first.diverged_at is not None
    assert len(first.history["loss"]) == first.diverged_at
    assert_same_fit(second, training.fit(small, good, 1, "keras", "alone"))


def test_weighted_classes(small, iris):
    """The weights of each seed's own rows count in its updates."""
    recipe = replace(small, training=small.training.model_copy(update={"class_weight": "balanced"}))
    (_, fit) = side_by_side(recipe, iris, [1, 2])
    assert_same_fit(fit, training.fit(recipe, shuffled(iris, 2), 2, "keras", "weighted"))


def test_losses_that_layers_add_count(small, iris):
    """A penalty on what a layer puts out is part of every seed's objective and of its history's loss."""

    def penalized(name):
        return keras.layers.Dense(6, "relu", activity_regularizer=keras.regularizers.L2(0.5), name=name)

    recipe = small.insert("dense_2", "penalized", penalized)
    (_, fit) = side_by_side(recipe, iris, [1, 2])
    reference = training.fit(recipe, shuffled(iris, 2), 2, "keras", "penalized")
    assert reference.history["loss"][0] > reference.history["cross_entropy"][0] + 0.05
    assert_same_fit(fit, reference)


def test_a_regression(small, iris):
    """One number to predict, judged by squared and absolute error."""
    number = Sets(
        *(Rows(part.x[:, :3], part.x[:, 3:]) for part in (iris.train, iris.validation, iris.test)), task="regression"
    )
    (_, fit) = side_by_side(small, number, [1, 2])
    assert_same_fit(fit, training.fit(small, shuffled(number, 2), 2, "keras", "regression"))


@keras.saving.register_keras_serializable("tests")
class Sorter(keras.layers.Layer):
    """An operation that works on one seed only."""

    def call(self, x):
        """Add zero times a number that is drawn in a way that cannot be mapped."""
        return x + 0 * tf.random.experimental.stateless_shuffle(tf.stop_gradient(x), [1, 2])


@keras.saving.register_keras_serializable("tests")
class Noisy(keras.layers.Layer):
    """Noise from the generator that all layers share."""

    def call(self, x, training=False):
        """Add some while it trains."""
        return x + keras.random.normal(keras.ops.shape(x), stddev=0.1) if training else x


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda name: Sorter(name=name), "StatelessShuffle"),
        (lambda name: Noisy(name=name), "noise without a seed of its own"),
    ],
)
def test_what_cannot_be_stacked_is_said(layer, reason, small, iris):
    """Such a model is refused with the reason, and trains one by one."""
    recipe = small.insert("dense_2", "odd", layer)
    with pytest.raises(ValueError, match=reason):
        side_by_side(recipe, iris, [1, 2])
    assert training.fit(recipe, iris, 1, "fused", "alone").execution == Execution("graph")


def test_a_large_network_is_not_stacked(small, iris):
    """It keeps a GPU busy by itself: 45,000 rows of a batch times 68 thousand weights are over the limit."""
    large = Recipe(replace(small.model, hidden=(512, 128)), Training(epochs=2, batch_size=80_000))
    many = replace(iris, train=Rows(np.tile(iris.train.x, (500, 1)), np.tile(iris.train.y, (500, 1))))
    with pytest.raises(ValueError, match="fills the device"):
        training.fit_side_by_side(large, [many], [1], 4, "large")


def test_an_optimizer_of_the_models_own_is_not_stacked(iris):
    """One that looks at all gradients at once would mix the seeds; mixed precision scales its loss."""

    def build(input_shape, outputs):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs, "softmax")])
        model.compile(keras.optimizers.SGD(0.1, global_clipnorm=0.01), "categorical_crossentropy")
        return model

    def half(input_shape, outputs):
        model = build(input_shape, outputs)
        model.dtype_policy = keras.DTypePolicy("mixed_float16")
        return model

    for given, optimizer, why in ((build, "model", "an optimizer"), (half, "sgd", "scaling the loss")):
        base = models.base_of(given)
        spec = models.describe(base, "own", (4,), 3, "classification", keep_weights=False)
        recipe = Recipe(spec, Training(epochs=1, optimizer=optimizer), base=base)
        with pytest.raises(ValueError, match=why):
            side_by_side(recipe, iris, [1, 2])
