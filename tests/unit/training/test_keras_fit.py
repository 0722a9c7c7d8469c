"""The reference engine is `model.fit`, no more and no less."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from regfleet import models
from regfleet.training import keras_fit
from regfleet.training.contract import Settings, Start, assign, compile_model
from regfleet.trials import HISTORY_OF


def compiled(recipe):
    """A compiled model of ``recipe``."""
    model = models.build(recipe, (4,), 3)
    compile_model(model, recipe.training, "classification")
    return model


def started(model, sets, seed=0):
    """The start of a fit of ``model``."""
    return Start(models.initial_weights(model, seed), sets.train, sets.validation, order_key=11)


def plain_fit(recipe, start, epochs, callbacks=(), model=None):
    """Keras' own fit on arrays, in the rows' own order, and the model, which is made where none is given."""
    model = model or compiled(recipe)
    assign(model.variables, start.values)
    history = model.fit(
        start.train.x,
        start.train.y,
        batch_size=recipe.training.batch_size,
        epochs=epochs,
        shuffle=False,
        validation_data=(start.validation.x, start.validation.y),
        callbacks=list(callbacks),
        verbose=0,
    )
    return history.history, model


def test_without_shuffling_it_is_a_plain_fit(small, iris):
    """Every column that Keras reports and the last weights equal a plain `model.fit` of the same model, bit for bit."""
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L2(0.01))
    model = compiled(recipe)
    start = started(model, iris)
    course = keras_fit.train(model, Settings(6, 25, shuffle=False), start)
    history, plain = plain_fit(recipe, start, 6)
    for index, name in enumerate(HISTORY_OF["classification"]):
        np.testing.assert_array_equal(course.history[:, index], np.float32(history[name]))
        np.testing.assert_allclose(course.history[:, 8 + index], np.float32(history[f"val_{name}"]), rtol=1e-6)
    for value, variable in zip(course.last, plain.variables, strict=True):
        np.testing.assert_array_equal(value, variable.numpy())


def test_training_rows_are_judged_after_the_epoch_in_inference_mode(small, iris):
    """The last epoch's ``train_`` columns are what `evaluate` says of the last weights, dropout off."""
    recipe = small.insert("dense_1", "dropout", lambda name: keras.layers.Dropout(0.5, name=name))
    model = compiled(recipe)
    course = keras_fit.train(model, Settings(3, 25), started(model, iris))
    assign(model.variables, course.last)
    found = model.evaluate(iris.train.x, iris.train.y, verbose=0, return_dict=True)
    assert list(course.history[-1, 4:8]) == pytest.approx(
        [found[name] for name in HISTORY_OF["classification"]], rel=1e-6
    )


def anew(model):
    """The model with its optimizer as it was before its first fit; its traces stay."""
    model.optimizer.build(model.trainable_variables)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    return model


def test_it_stops_where_keras_stops(small, iris):
    """Epochs run and best weights equal those of `keras.callbacks.EarlyStopping`, which restores the best."""
    recipe = replace(small, training=small.training.model_copy(update={"optimizer": "adam", "learning_rate": 0.3}))
    model, plain = compiled(recipe), compiled(recipe)
    start = started(model, iris)
    for patience in (0, 1, 3):
        course = keras_fit.train(anew(model), Settings(60, 25, patience, shuffle=False), start)
        stopping = keras.callbacks.EarlyStopping(
            monitor="val_cross_entropy", mode="min", patience=patience, restore_best_weights=True
        )
        history, plain = plain_fit(recipe, start, 60, [stopping], anew(plain))
        assert 1 < len(course.history) == len(history["loss"]) < 60
        assert course.best_epoch == stopping.best_epoch + 1
        kept = {id(weight) for weight in plain.weights}  # Keras restores weights and lets noise states go on
        for value, variable in zip(course.best, plain.variables, strict=True):
            if id(variable) in kept:
                np.testing.assert_array_equal(value, variable.numpy())
