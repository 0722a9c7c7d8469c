"""Every technique alone in both engines, on tables, images and sequences; every pair that is allowed, in one."""

import itertools
from dataclasses import replace
from typing import get_args

import keras
import numpy as np
import pytest
from support.training import (
    OPTIMIZERS,
    article,
    assert_both_engines_agree,
    assert_same_course,
    assert_same_fit,
    both_courses,
    by_keras,
    image_model,
    image_start,
    iris,
    shuffled,
    side_by_side,
    small,
    worker_runtime,
)

from regfleet import training
from regfleet.data.dataset import Rows, Sets
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.training import Optimizer
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, Facts, parse_techniques, recipe
from regfleet.training import engines
from regfleet.training.contract import Settings
from regfleet.trials import Execution

__all__ = ["article", "iris", "small", "worker_runtime"]
NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=2, batch_size=25)
OWN = ModelSpec((), (), "own", ("first", "second"))


def convolutions(shape, outputs):
    """Two small convolutions and a softmax."""
    source = keras.Input(shape)
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(source)
    second = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="second")(first)
    flat = keras.layers.GlobalAveragePooling2D()(second)
    return keras.Model(source, keras.layers.Dense(outputs, "softmax", name="output")(flat))


def recurrent(shape, outputs):
    """Two small recurrent layers and a softmax."""
    source = keras.Input(shape)
    first = keras.layers.LSTM(4, return_sequences=True, name="first")(source)
    return keras.Model(
        source, keras.layers.Dense(outputs, "softmax", name="output")(keras.layers.GRU(4, name="second")(first))
    )


def made_up(*shape):
    """Rows of three classes that show in their mean."""
    draw = np.random.default_rng(3)
    y = np.eye(3, dtype="float32")[draw.integers(0, 3, 120)]
    x = (draw.normal(size=(120, *shape)) + y.argmax(1).reshape(-1, *(1 for _ in shape))).astype("float32")
    return Sets(Rows(x[:60], y[:60]), Rows(x[60:90], y[60:90]), Rows(x[90:], y[90:]))


CASES = {
    "table": (NETWORK, None, None),
    "images": (OWN, convolutions, (8, 8, 2)),
    "sequences": (OWN, recurrent, (5, 3)),
}


def fitted(text, engine, model, base, sets):
    """The fit of one combination; skips what says that it cannot act on such rows."""
    (combination,) = parse_techniques(text, model).combinations
    shape = sets.train.x.shape[1:]
    facts = Facts("classification", shape, False, 3, len(sets.train.x), SETTINGS, model)
    for technique in combination:
        why = TECHNIQUES[technique.name].unfit(facts, technique.values)
        if why:
            pytest.skip(why)
    made = recipe(model, SETTINGS, combination)
    return training.fit(made.fill(base=base) if base else made, sets, 1, engine, text)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TECHNIQUES)
def test_alone(name, case, iris):
    """The engines agree to 2e-5, and what comes of it is not the control's."""
    model, base, shape = CASES[case]
    sets = made_up(*shape) if shape else iris
    text = "+".join(filter(None, (name, TECHNIQUES[name].needs)))
    try:
        fused, reference = (fitted(text, engine, model, base, sets) for engine in ("fused", "keras"))
    except InputError as problem:
        pytest.skip(str(problem))
    assert not fused.execution.untraceable
    np.testing.assert_allclose(fused.predictions["last"]["test"], reference.predictions["last"]["test"], atol=5e-5)
    control = fitted("none", "fused", model, base, sets)
    quiet = {"earlystopping", "clip"}  # two epochs are too few, gradients too short
    same = np.array_equal(fused.predictions["last"]["test"], control.predictions["last"]["test"])
    assert not same or name in quiet


@pytest.mark.parametrize("pair", list(itertools.combinations(TECHNIQUES, 2)), ids="+".join)
def test_pair(pair, iris):
    """Two techniques train together, or one line says why not."""
    needed = {TECHNIQUES[name].needs for name in pair} - {"", *pair}
    try:
        fit = fitted("+".join((*pair, *needed)), "fused", NETWORK, None, iris)
    except InputError as problem:
        pytest.skip(str(problem))
    assert not fit.execution.untraceable
    assert fit.diverged_at is None
    assert np.isfinite(fit.predictions["last"]["test"]).all()


@pytest.mark.parametrize(
    "variant", ["none", "l1 first", "l1 all", "l2 first", "l2 all", "dropout first", "batchnorm one"]
)
def test_the_articles_other_variants_train_as_in_keras(variant, article, iris):
    """30 epochs of each: every column of the history, predictions and weights to 1e-5 relative."""
    assert_both_engines_agree(article(30)[variant], iris, variant)


@pytest.mark.parametrize("optimizer", ["adamw, clipped", "rmsprop, cosine", "adam, decaying", "sgd, averaged", "nadam"])
def test_other_optimizers_train_as_in_keras(optimizer):
    """Schedules, clipping, decay, averaging and constraints on a residual convolutional model."""
    fused, reference = both_courses(Settings(8, 8), image_start, OPTIMIZERS[optimizer], image_model)
    assert_same_course(fused, reference, rtol=2e-5)


@pytest.mark.parametrize("optimizer", sorted({*get_args(Optimizer)} - {"model", "adam"}))
def test_other_optimizers_of_a_study_work_number_by_number(optimizer, small, iris):
    """Each updates a stack as it updates one seed alone, with batches that leave a rest."""
    engines._PROGRAMS.clear()
    made = replace(small, training=small.training.model_copy(update={"optimizer": optimizer, "learning_rate": 0.01}))
    (_, fit) = side_by_side(made, iris, [1, 2])
    assert_same_fit(fit, training.fit(made, shuffled(iris, 2), 2, "keras", optimizer), rtol=1e-4)


@pytest.mark.parametrize(
    "variant", ["none", "l2 first", "l1 all", "dropout first", "dropout four", "batchnorm one", "batchnorm all"]
)
def test_the_articles_variants_in_a_stack(variant, article, small, iris):
    """Three seeds in a stack of four, each with its rows, order, weights and noise: the numbers of `model.fit`."""
    engines._PROGRAMS.clear()  # which are kept by a name that these fits share
    recipe_ = article(12, small.model)[variant]
    fits = side_by_side(recipe_, iris, [1, 2, 7])
    for fit, reference in zip(fits, by_keras(recipe_, iris, [1, 2, 7]), strict=True):
        assert fit.execution == Execution("graph", stacked=True)
        assert_same_fit(fit, reference)
