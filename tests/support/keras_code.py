"""Plain Keras code of variants, run where there is no regfleet, and what a trial's own training gives."""

import re
import sys
import types
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from regfleet.models import describe
from regfleet.models.base import Function
from regfleet.models.keras_code import Wanted, graphed, keras_code
from regfleet.techniques import parse_techniques, recipe
from regfleet.training import engines, keras_fit

OWN = "pasted_models"
"""The module that code imports a builder from."""


def weights_of(model, values=None):
    """The weights of a model by their paths, or those that ``values`` of its variables are."""
    kept = {id(weight) for weight in model.weights}
    pairs = zip(model.variables, values or [one.numpy() for one in model.variables], strict=True)
    return {bare(variable.path): value for variable, value in pairs if id(variable) in kept}


def bare(path):
    """The path of a weight without the name that Keras gave the model, which has a number in it."""
    return re.sub(r"^(sequential|functional)(_\d+)?/", "", path)


def fitted_by_code(code, sets, monkeypatch, start=None):
    """The model that ``code`` leaves when it is run on the rows of ``sets``, in the order in which they stand.

    ``start``: weights by path that are put in before the fit, of a model of the user's own.
    """
    of_classes = sets.task == "classification"
    train, val = ((part.x, part.y.argmax(1) if of_classes else part.y) for part in (sets.train, sets.validation))
    names = {"x_train": train[0], "y_train": train[1], "x_val": val[0], "y_val": val[1], "__name__": "pasted"}
    fit = keras.Model.fit

    def fit_in_order(model, *args, **kwargs):
        for weight in model.weights if start else ():
            weight.assign(start[bare(weight.path)])
        return fit(model, *args, shuffle=False, verbose=0, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "fit", fit_in_order)
        patched.setattr(tf.data.Dataset, "shuffle", lambda self, _rows: self)
        for module in [name for name in sys.modules if name.partition(".")[0] == "regfleet"]:
            patched.setitem(sys.modules, module, None)
        exec(compile(code, "pasted", "exec"), names)
    return names["model"]


def both(text, model, sets, monkeypatch, training, build=None):
    """The code of a combination, its weights after it was run, and those of a trial's training by `model.fit`.

    ``build`` makes a model of the user's own, that ``model`` is then not looked at for.
    """
    shape, outputs = sets.train.x.shape[1:], sets.train.y.shape[1]
    base, graph = None, None
    if build:
        monkeypatch.setitem(sys.modules, OWN, types.SimpleNamespace(build=build))
        base = Function(build)
        model = describe(base, f"{OWN}:build", shape, outputs, sets.task, keep_weights=False)
        graph = graphed(base, model, shape, outputs)
    (combination,) = parse_techniques(text, model).combinations
    code = keras_code(model, training, combination, Wanted(sets.task, outputs, len(shape), graph=graph))
    if "model.fit" not in code:
        return code, {}, {}
    made = recipe(model, training, combination)
    made = made.fill(base=base) if base else made
    trained = engines._compiled(made, sets)
    start = engines._start(trained, made, sets, 0)
    settings = replace(engines._settings(made, sets), shuffle=False)
    course = keras_fit.train(trained, settings, start)
    expected = weights_of(trained, course.best if made.restores_best else course.last)
    first = weights_of(trained, start.values) if base else None
    return code, weights_of(fitted_by_code(code, sets, monkeypatch, first)), expected


def assert_same_weights(weights, expected):
    """The same names, and values within a rounding."""
    assert sorted(weights) == sorted(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(weights[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
