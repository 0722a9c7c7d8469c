"""Plain Keras code of variants, run where there is no regfleet, and what a trial's own training gives."""

import sys
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from regfleet.models.keras_code import Wanted, keras_code
from regfleet.settings import Training
from regfleet.techniques import parse_techniques, recipe
from regfleet.training import engines, keras_fit


def fitted_by_code(code, sets, monkeypatch):
    """The names that ``code`` leaves when it is run on the rows of ``sets``, in the order in which they stand."""
    of_classes = sets.task == "classification"
    train, val = ((part.x, part.y.argmax(1) if of_classes else part.y) for part in (sets.train, sets.validation))
    names = {"x_train": train[0], "y_train": train[1], "x_val": val[0], "y_val": val[1], "__name__": "pasted"}
    fit = keras.Model.fit
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "fit", lambda *args, **kwargs: fit(*args, shuffle=False, verbose=0, **kwargs))
        patched.setattr(tf.data.Dataset, "shuffle", lambda self, _rows: self)
        for module in [name for name in sys.modules if name.partition(".")[0] == "regfleet"]:
            patched.setitem(sys.modules, module, None)
        exec(compile(code, "pasted", "exec"), names)
    return names


def trained_here(made, sets, seed=0):
    """Weights by name after the reference engine's fit of a recipe, rows in the order in which they stand."""
    model = engines._compiled(made, sets)
    settings = replace(engines._settings(made, sets), shuffle=False)
    course = keras_fit.train(model, settings, engines._start(model, made, sets, seed))
    values = course.best if made.restores_best else course.last
    kept = {id(weight) for weight in model.weights}
    return {
        variable.path: value for variable, value in zip(model.variables, values, strict=True) if id(variable) in kept
    }


def both(text, model, sets, monkeypatch, training=None, **wanted):
    """The code of a combination with its weights after it was run, and those of our own training."""
    training = training or Training(epochs=3, batch_size=25, optimizer="adam")
    (combination,) = parse_techniques(text, model).combinations
    shape = sets.train.x.shape[1:]
    asked = Wanted(sets.task, sets.train.y.shape[1], len(shape), **wanted)
    code = keras_code(model, training, combination, asked)
    names = fitted_by_code(code, sets, monkeypatch) if "model.fit" in code else {}
    weights = {one.path: one.numpy() for one in names["model"].weights} if names else {}
    return code, weights, recipe(model, training, combination)


def assert_same_weights(weights, expected):
    """The same names, and values within a rounding."""
    assert sorted(weights) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
