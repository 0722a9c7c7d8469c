"""What XLA compiles trains as what it does not compile."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training import (
    assert_same_course,
    assert_same_fit,
    both_courses,
    diabetes,
    iris,
    shuffled,
    side_by_side,
    small,
    uneven,
    worker_runtime,
)

from regfleet import models, training
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe
from regfleet.training.contract import (
    Settings,
    Start,
    balanced_weight,
    compile_model,
    order_key,
    permutation,
    row_metrics,
)
from regfleet.training.fused import Program
from regfleet.trials import Execution

__all__ = ["diabetes", "iris", "small", "uneven", "worker_runtime"]


@pytest.mark.parametrize("batch_size", [25, 45, 90])
def test_xla_trains_as_keras_does(small, iris, batch_size):
    """Compiled by XLA: batches with a rest, without one, and a single batch, to 1e-4 relative."""
    recipe = small.penalize(("dense_1", "dense_2"), lambda: keras.regularizers.L1(0.01))

    def start_of(model):
        return Start(models.initial_weights(model, 0), iris.train, iris.validation, order_key=5)

    fused, reference = both_courses(
        Settings(10, batch_size), start_of, keras.optimizers.Adam, lambda: models.build(recipe, (4,), 3), xla=True
    )
    assert_same_course(fused, reference, rtol=1e-4)


def test_early_stopping_is_compiled_too(small, iris):
    """It stops after the epoch, and keeps the weights, at which Keras' engine does."""

    def start_of(model):
        return Start(models.initial_weights(model, 0), iris.train, iris.validation, order_key=5)

    compiled, reference = both_courses(
        Settings(80, 25, 2), start_of, lambda: keras.optimizers.SGD(0.8), lambda: models.build(small, (4,), 3), xla=True
    )
    assert 2 < len(compiled.history) < 80
    assert_same_course(compiled, reference, rtol=1e-4)


@pytest.mark.parametrize("case", ["regression", "balanced classes"])
def test_other_objectives_are_compiled_too(case, diabetes, uneven, small):
    """Errors of a number with penalties, and weighted classes, in batches that leave a rest, are those of a graph."""
    task, sets, weight = (
        ("regression", diabetes, None)
        if case == "regression"
        else ("classification", uneven, balanced_weight(uneven.train.y))
    )
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L2(0.01))
    settings, courses = Settings(6, 8, task=task), []
    for xla in (True, False):
        model = models.build(recipe, sets.train.x.shape[1:], sets.train.y.shape[1], task)
        compile_model(model, small.training, task)
        start = Start(models.initial_weights(model, 0), sets.train, sets.validation, order_key=5, weight=weight)
        program = Program(model, row_metrics(task), settings, xla=xla)
        program.trace(start)
        courses.append(program.run(start))
    compiled, graph = courses
    np.testing.assert_allclose(compiled.history, graph.history, rtol=1e-5, atol=1e-6)
    for one, other in zip(compiled.last, graph.last, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_the_order_of_rows_is_the_same_compiled():
    """The permutation has the same bits eagerly and compiled by XLA."""
    key = tf.constant(order_key(3))
    for rows in (1, 2, 90):
        function = tf.function(lambda key, epoch, n=rows: permutation(key, epoch, n), autograph=False, jit_compile=True)
        np.testing.assert_array_equal(function(key, tf.constant(4)), permutation(key, tf.constant(4), rows))


def test_short_fits_are_not_compiled(small, iris):
    """XLA is used from 20,000 updates on, but on a CPU not for a model that draws noise."""
    long = Training(epochs=5000, batch_size=25, early_stopping=1)
    noisy = Recipe(small.model, long).insert("dense_1", "dropout", lambda name: keras.layers.Dropout(0.5, name=name))
    paths = [
        training.fit(recipe, iris, 0, "fused", f"rule {number}").execution.path
        for number, recipe in enumerate((small, Recipe(small.model, long), noisy))
    ]
    assert paths == ["graph", "xla", "graph"]


@keras.saving.register_keras_serializable("tests")
class Shuffler(keras.layers.Layer):
    """The identity, beside an operation that XLA cannot compile."""

    def call(self, x):
        """Add zero times a random number."""
        return x + 0 * tf.random.experimental.stateless_shuffle(tf.range(2.0), [1, 2])[0]


def test_what_xla_cannot_compile_runs_as_a_graph(small, iris):
    """A long fit with an operation without XLA kernel is trained as a graph, and says so."""
    long = Recipe(small.model, Training(epochs=5000, batch_size=25, early_stopping=1)).insert(
        "dense_1", "shuffler", lambda name: Shuffler(name=name)
    )
    assert training.fit(long, iris, 0, "fused", "shuffler").execution == Execution("graph")


def test_as_many_updates_as_pay_are_compiled(small, iris):
    """Where XLA pays, a stack is compiled as well, and says so."""
    recipe = replace(small, training=Training(epochs=5000, batch_size=25, early_stopping=1))
    (_, fit) = side_by_side(recipe, iris, [1, 2])
    assert fit.execution == Execution("xla", stacked=True)
    assert_same_fit(fit, training.fit(recipe, shuffled(iris, 2), 2, "fused", "compiled"), rtol=1e-3)
