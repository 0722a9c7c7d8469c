"""Targets and losses against Keras', scikit-learn's and SciPy's, for every kind of output."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats
from sklearn.metrics import log_loss

from regfleet import models, training
from regfleet.data.dataset import Rows
from regfleet.errors import InputError
from regfleet.models.objective import changed_loss, loss_for
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, parse_techniques, recipe
from regfleet.techniques.recipe import Batch, Facts, Recipe

NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=2, batch_size=25)


def recipe_of(text, model=NETWORK, settings=SETTINGS):
    """The recipe of one combination."""
    (combination,) = parse_techniques(text, model).combinations
    return recipe(model, settings, combination)


def outputs_of(kind, rows=40):
    """What a model of this ``kind`` of output gives for some rows, their one-hot target, and the probabilities."""
    draw = np.random.default_rng(0)
    classes = 2 if kind in {"logit", "sigmoid"} else 3
    y = np.eye(classes)[draw.integers(0, classes, rows)]
    sums = 2 * draw.normal(size=(rows, 1 if classes == 2 else classes))
    sigmoids = special.expit(sums)
    given = {"logits": sums, "logit": sums, "probabilities": special.softmax(sums, axis=1)}.get(kind, sigmoids)
    if classes == 2:
        p = np.hstack([1 - sigmoids, sigmoids])
    else:
        p = sigmoids / sigmoids.sum(axis=1, keepdims=True) if kind == "sigmoids" else special.softmax(sums, axis=1)
    return given.astype("float32"), y.astype("float32"), p


def batch_of(y, rows=None, key=1, update=0):
    """A batch with this target."""
    rows = np.arange(len(y)) if rows is None else rows
    numbers = (tf.constant(each, tf.int32) for each in (rows, key, update))
    return Batch(tf.zeros((len(y), 1)), tf.constant(y, tf.float32), None, *numbers, 1000)


@pytest.mark.parametrize("kind", ["probabilities", "logits", "logit", "sigmoid"])
def test_label_smoothing_is_that_of_keras_losses(kind):
    """On targets of every loss that has it."""
    given, y, _ = outputs_of(kind)
    (smooth,) = recipe_of("labelsmoothing(0.3)").batches
    plain = loss_for(kind, None, labels=False)
    ours = keras.losses.get(plain)(smooth(batch_of(y)).y, given)
    loss = keras.losses.CategoricalCrossentropy if len(y[0]) == 3 else keras.losses.BinaryCrossentropy
    keras_loss = loss(from_logits=kind in {"logits", "logit"}, label_smoothing=0.3)
    assert np.mean(ours) == pytest.approx(float(keras_loss(y if len(y[0]) == 3 else y[:, 1:], given)), rel=1e-5)


@pytest.mark.parametrize("kind", ["probabilities", "logits", "logit", "sigmoid"])
def test_the_focal_loss_is_that_of_keras(kind):
    """With rows that weigh; for one output too, whose other class has the rest."""
    given, y, _ = outputs_of(kind)
    weight = np.linspace(0.5, 2, len(y)).astype("float32")
    changed = changed_loss(loss_for(kind, None, labels=False), kind, recipe_of("focal(1.5)").losses)
    logits = kind in {"logits", "logit"}
    if len(y[0]) == 3:
        expected = keras.losses.CategoricalFocalCrossentropy(alpha=1, gamma=1.5, from_logits=logits)
    else:
        expected = keras.losses.BinaryFocalCrossentropy(gamma=1.5, from_logits=logits)
    target = y if len(y[0]) == 3 else y[:, 1:]
    for weights in (None, weight):
        wanted = float(expected(target, given, sample_weight=weights))
        assert float(changed(y, given, sample_weight=weights)) == pytest.approx(wanted, rel=1e-4)


def test_a_row_that_is_certain_has_a_finite_slope():
    """Focal loss below the first power, and the entropy of probabilities of zero."""
    y = tf.constant([[1.0, 0, 0]])
    for text in ("focal(0.5)", "confidencepenalty"):
        loss = changed_loss(loss_for("logits", None, labels=False), "logits", recipe_of(text).losses)
        logits = tf.constant([[200.0, -200, -200]])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(y, logits)
        assert np.isfinite(value)
        assert np.isfinite(tape.gradient(value, logits)).all()


@pytest.mark.parametrize("kind", ["probabilities", "logits", "logit", "sigmoid", "sigmoids"])
def test_the_confidence_penalty_is_the_entropy_of_the_probabilities(kind):
    """The cross-entropy of scikit-learn less β times the entropy of SciPy."""
    given, y, p = outputs_of(kind)
    changed = changed_loss(loss_for(kind, None, labels=False), kind, recipe_of("confidencepenalty(0.7)").losses)
    plain = float(loss_for(kind, None, labels=False)(y, given)) if kind == "sigmoids" else log_loss(y, p)
    assert float(changed(y, given)) == pytest.approx(plain - 0.7 * stats.entropy(p, axis=1).mean(), rel=1e-5)


def test_label_noise_is_drawn_once_for_each_row():
    """With probability 0.3 another class, each as often, whenever the row comes and wherever it stands."""
    (change,) = recipe_of("labelnoise(0.3)").batches
    true = np.arange(1000) % 4
    y = np.eye(4)[true]
    wrong = change(batch_of(y)).y.numpy()
    assert set(wrong.ravel()) == {0, 1}
    assert (wrong.sum(axis=1) == 1).all()
    away = (wrong.argmax(axis=1) - true) % 4
    assert stats.binomtest(np.count_nonzero(away), 1000, 0.3).pvalue > 0.01
    assert stats.chisquare(np.bincount(away)[1:]).pvalue > 0.01
    some = np.random.default_rng(0).permutation(1000)[:60]
    np.testing.assert_array_equal(change(batch_of(y[some], some, update=7)).y, wrong[some])
    assert (change(batch_of(y, key=2)).y.numpy() != wrong).any()
    (always,) = recipe_of("labelnoise(1)").batches
    assert not (always(batch_of(y)).y.numpy() * y).any()


def test_a_loss_of_class_numbers_gets_the_share_of_each_class():
    """Keras' own is the categorical one then; another counts each class by its share."""

    def own(y_true, y_pred):
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) + 0.1 * keras.ops.cast(y_true, "float32")

    given, y, p = outputs_of("probabilities")
    share = 0.7 * y + 0.3 * y[::-1]
    entropies = -(share * np.log(p)).sum(axis=1)
    for loss, expected in (
        ("sparse_categorical_crossentropy", entropies),
        (keras.losses.SparseCategoricalCrossentropy(reduction="sum"), len(y) * entropies),
        (own, entropies + 0.1 * share @ np.arange(3)),
    ):
        shared = loss_for("probabilities", loss, labels=True, shared=True)
        assert float(shared(share, given)) == pytest.approx(expected.mean(), rel=1e-5)
        doubled = shared(share, given, sample_weight=2 * np.ones(len(y), "float32"))
        assert float(doubled) == pytest.approx(2 * expected.mean(), rel=1e-5)


NETS = {
    "probabilities": ("softmax", 3, None),
    "class numbers": ("softmax", 3, "sparse_categorical_crossentropy"),
    "logits": (None, 3, None),
    "sigmoids": ("sigmoid", 3, None),
    "sigmoid": ("sigmoid", 1, None),
    "logit": (None, 1, None),
}


@pytest.mark.parametrize("case", NETS)
def test_a_changed_loss_is_recorded_as_it_is(case, uneven):
    """Hardly trained, the loss of updates weighs rows, that of each set does not: by hand of the probabilities."""
    activation, units, loss = NETS[case]
    sets = uneven
    if units == 1:
        parts = (uneven.train, uneven.validation, uneven.test)
        two = [Rows(part.x, np.stack([part.y[:, 0], 1 - part.y[:, 0]], axis=1)) for part in parts]
        sets = replace(uneven, train=two[0], validation=two[1], test=two[2])

    def build(shape, _outputs):
        net = keras.Sequential([keras.Input(shape), keras.layers.Dense(units, activation, name="out")])
        if loss:
            net.compile("sgd", loss)
        return net

    base = models.base_of(build)
    spec = models.describe(base, "own", (4,), sets.train.y.shape[1], "classification", keep_weights=False)
    assert spec.found.labels == (loss is not None)
    settings = Training(epochs=1, batch_size=8, learning_rate=1e-9, class_weight="balanced")
    changed = replace(recipe_of("focal(2)+confidencepenalty(0.3)", spec, settings), base=base)
    fit = training.fit(changed, sets, 1, "fused", case)
    assert not fit.execution.untraceable

    def rows(part, p):
        p = np.asarray(p, "float64")
        true = (part.y * p).sum(axis=1)
        entropy = -(part.y * np.log(p)).sum(axis=1)
        if case == "sigmoids":  # their odds cannot be told from the shares
            raw = keras.ops.convert_to_numpy(special.expit(part.x @ fit.weights[0] + fit.weights[1]))
            entropy = -(part.y * np.log(raw) + (1 - part.y) * np.log(1 - raw)).mean(axis=1)
        return (1 - true) ** 2 * entropy - 0.3 * stats.entropy(p, axis=1)

    parts = {"train": sets.train, "val": sets.validation, "test": sets.test}
    expected = {name: rows(part, fit.predictions["last"][name]) for name, part in parts.items()}
    for name, values in expected.items():
        assert fit.losses["last"][name] == pytest.approx(values.mean(), rel=1e-4)
    for name in ("train", "val"):
        assert fit.history[f"{name}_loss"][-1] == pytest.approx(expected[name].mean(), rel=1e-4)
    weight = sets.train.y @ (1 / sets.train.y.sum(axis=0))
    weighted = (weight / weight.mean() * expected["train"]).mean()
    assert fit.history["loss"][-1] == pytest.approx(weighted, rel=1e-4)


def test_a_loss_without_a_value_for_each_row_cannot_be_changed():
    """The sentence names the loss."""

    def of_all(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 2)

    given, y, _ = outputs_of("probabilities")
    changed = changed_loss(of_all, "probabilities", recipe_of("focal").losses)
    with pytest.raises(InputError, match="expected a loss with a value for each row, to change it; got of_all"):
        changed(y, given)


def test_without_strength_the_recipe_is_that_of_the_control():
    """So that every bit is."""
    for text in ("labelsmoothing(0)", "focal(0)", "confidencepenalty(0)", "labelnoise(0)"):
        assert recipe_of(text) == Recipe(NETWORK, SETTINGS)


def test_a_regression_has_no_classes():
    """Each says so."""
    facts = Facts("regression", (4,), False, 1, 100, SETTINGS, NETWORK)
    for name in ("labelsmoothing", "focal", "confidencepenalty", "labelnoise"):
        assert TECHNIQUES[name].unfit(facts, ()) == "the target is a number, not a class"
        assert not TECHNIQUES[name].unfit(facts._replace(task="classification", outputs=3), ())
