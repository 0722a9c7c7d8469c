"""Regression and weighted classes: both engines compute what Keras' own fit computes."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight
from support.training import traced_once

from regfleet import training
from regfleet.data.dataset import Rows
from regfleet.errors import InputError
from regfleet.models import initial_weights
from regfleet.training import engines, keras_fit
from regfleet.training.contract import Settings, Start, assign, balanced_weight, compile_model, row_metrics
from regfleet.training.fused import Program
from regfleet.trials import HISTORY_OF, history_columns


def two_layers(inputs, outputs, activation):
    """A small model without regfleet's doing; dropout leaves training and inference apart."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(8, "tanh", name="one", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.Dense(outputs, activation, name="two"),
        ]
    )


def plain_fit(model, sets, start, settings, **options):
    """Keras' own history of a fit on arrays, in the rows' own order."""
    assign(model.variables, start.values)
    return model.fit(
        start.train.x,
        start.train.y,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        shuffle=False,
        validation_data=(sets.validation.x, sets.validation.y),
        verbose=0,
        **options,
    ).history


def course(engine, model, settings, start):
    """The course of ``model`` by one of the engines."""
    if engine == "keras":
        return keras_fit.train(model, settings, start)
    program = Program(model, row_metrics(settings.task), settings, xla=False)
    program.trace(start)
    return program.run(start)


def columns(found, settings):
    """The history of a course by column."""
    return dict(zip(settings.columns, found.history.T, strict=True))


@pytest.mark.parametrize("batch_size", [32, 100])
def test_regression_trains_as_in_keras(diabetes, small, batch_size):
    """Loss with penalties, MSE and MAE of every epoch are those of `model.fit`, and `train_` those of `evaluate`."""
    settings = Settings(6, batch_size, shuffle=False, task="regression")
    plain = two_layers(10, 1, "linear")
    plain.compile("sgd", loss="mse", metrics=["mse", "mae"])
    start = Start(initial_weights(plain, 0), diabetes.train, diabetes.validation, order_key=5)
    history = plain_fit(plain, diabetes, start, settings)
    judged = plain.evaluate(diabetes.train.x, diabetes.train.y, batch_size=100, verbose=0, return_dict=True)
    for engine in engines.ENGINES:
        model = two_layers(10, 1, "linear")
        compile_model(model, small.training, "regression")
        found = course(engine, model, settings, start)
        mine = columns(found, settings)
        assert list(mine) == [f"{rows}{name}" for rows in ("", "train_", "val_") for name in ("loss", "mse", "mae")]
        for name in HISTORY_OF["regression"]:
            np.testing.assert_allclose(mine[name], history[name], rtol=1e-5)
            np.testing.assert_allclose(mine[f"val_{name}"], history[f"val_{name}"], rtol=1e-5)
        assert {name: mine[f"train_{name}"][-1] for name in judged} == pytest.approx(judged, rel=1e-5)
        assert found.best_epoch == np.argmin(history["val_mse"]) + 1


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_regression_from_recipe_to_predictions(diabetes, small, engine):
    """A recipe trains on one number: a linear output, predictions (rows, 1), and the lowest validation MSE is best."""
    recipe = replace(
        small, training=small.training.model_copy(update={"epochs": 80, "learning_rate": 0.1, "early_stopping": 4})
    )
    fit = training.fit(recipe, diabetes, 0, engine, "diabetes")
    assert fit.history.keys() == set(history_columns("regression"))
    assert fit.best_epoch == np.argmin(fit.history["val_mse"]) + 1 == len(fit.history["loss"]) - 4
    predicted = fit.predictions["best"]["val"]
    assert predicted.shape == (30, 1)
    mse = np.mean((predicted - diabetes.validation.y) ** 2)
    assert mse == pytest.approx(fit.history["val_mse"].min(), rel=1e-5)
    assert (predicted < 0).any()
    assert (predicted > 0.5).any()
    assert mse < 0.8


def test_both_engines_agree_on_regression(diabetes, small):
    """Shuffled, with dropout: the same history, weights and predictions to rounding."""
    recipe = small.insert("dense_1", "dropout", lambda name: keras.layers.Dropout(0.3, name=name))
    fused, reference = (training.fit(recipe, diabetes, 1, engine, "agree") for engine in engines.ENGINES)
    for name, values in fused.history.items():
        np.testing.assert_allclose(values, reference.history[name], rtol=1e-5, err_msg=name)
    for one, other in zip(fused.weights, reference.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch_size", [8, 35])
def test_balanced_classes_train_as_in_keras(uneven, small, batch_size):
    """`fit(class_weight=…)` with scikit-learn's balanced weights: the same losses, metrics and weights."""
    truth = uneven.train.y.argmax(1)
    weights = dict(enumerate(compute_class_weight("balanced", classes=np.arange(3), y=truth)))
    settings = Settings(6, batch_size, shuffle=False)
    plain, *models = (two_layers(4, 3, "softmax") for _ in range(1 + len(engines.ENGINES)))
    for one in (plain, *models):
        compile_model(one, small.training, "classification")
    balanced = balanced_weight(uneven.train.y)
    start = Start(initial_weights(plain, 0), uneven.train, uneven.validation, order_key=5, weight=balanced)
    history = plain_fit(plain, uneven, start, settings, class_weight=weights)
    judged = plain.evaluate(uneven.train.x, uneven.train.y, batch_size=35, verbose=0, return_dict=True)
    for engine, model in zip(engines.ENGINES, models, strict=True):
        mine = columns(course(engine, model, settings, start), settings)
        for name in HISTORY_OF["classification"]:
            np.testing.assert_allclose(mine[name], history[name], rtol=1e-5)
            np.testing.assert_allclose(mine[f"val_{name}"], history[f"val_{name}"], rtol=1e-5)
        assert {name: mine[f"train_{name}"][-1] for name in judged} == pytest.approx(judged, rel=1e-5)
        for variable, expected in zip(model.variables, plain.variables, strict=True):
            np.testing.assert_allclose(variable.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_class_without_training_rows_weighs_nothing(uneven):
    """The classes that there are share the weight, as scikit-learn balances them: 30 rows, 2 classes of 20 and 10."""
    y = uneven.train.y[uneven.train.y[:, 2] == 0]
    weight = balanced_weight(y)
    assert set(weight[y[:, 0] == 1]) == {np.float32(30 / 40)}
    assert set(weight[y[:, 1] == 1]) == {np.float32(30 / 20)}


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_weights_reach_the_engines_from_a_recipe(uneven, small, engine):
    """``class_weight`` changes the course of a fit on uneven classes, and not that on even ones."""
    balanced = replace(small, training=small.training.model_copy(update={"class_weight": "balanced"}))
    uneven = replace(uneven, train=Rows(uneven.train.x[:33], uneven.train.y[:33]))
    even = replace(uneven, train=Rows(uneven.train.x, np.eye(3, dtype="float32")[np.arange(33) % 3]))
    with traced_once():
        fits = [[training.fit(one, rows, 0, engine, "w") for rows in (uneven, even)] for one in (small, balanced)]
    (plain, same), (weighted, other) = fits
    assert not np.allclose(plain.history["val_loss"], weighted.history["val_loss"], rtol=1e-3)
    for name, values in same.history.items():
        np.testing.assert_allclose(other.history[name], values, rtol=1e-5, atol=1e-6)


def test_numbers_have_no_classes_to_balance(diabetes, small):
    """Balanced classes of a regression are refused by name of the flag."""
    balanced = replace(small, training=small.training.model_copy(update={"class_weight": "balanced"}))
    with pytest.raises(InputError, match=r"^--class-weight: expected classes to balance; got a regression$"):
        training.fit(balanced, diabetes, 0, "fused", "numbers")
