"""Updates by one operation are those of Keras' optimizers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from regfleet.training.updates import fuse_updates

optimizers = keras.optimizers
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "decaying rate": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "adam": lambda: optimizers.Adam(0.1, beta_1=0.7, epsilon=1e-3),
}


def after_five(make, fused):
    """All weights and slots after five updates, with a table of which some rows have gradients and half precision."""
    draw = np.random.default_rng(0)
    weights = [keras.Variable(draw.normal(size=shape), dtype=kind) for shape, kind in WEIGHTS]
    optimizer = make()
    optimizer.build(weights)
    if fused:
        fuse_updates(optimizer)

    @tf.function
    def update(whole, rows, half):
        optimizer.apply([whole, tf.IndexedSlices(rows, tf.constant([0, 2]), tf.constant([4, 3])), half], weights)

    for _ in range(5):
        given = [draw.normal(size=shape).astype(kind) for shape, kind in ((5, "f4"), ((2, 3), "f4"), (2, "f2"))]
        update(*map(tf.constant, given))
    operations = {one.type for one in update.get_concrete_function(*map(tf.constant, given)).graph.get_operations()}
    return [one.numpy() for one in (*weights, *optimizer.variables)], operations


WEIGHTS = (((5,), "float32"), ((4, 3), "float32"), ((2,), "float16"))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_they_are_those_of_keras(name):
    """Five updates end at the same weights and slots, SGD's bit for bit, whatever kinds of gradients there are."""
    reference, plain = after_five(OPTIMIZERS[name], fused=False)
    found, operations = after_five(OPTIMIZERS[name], fused=True)
    for one, other in zip(found, reference, strict=True):
        np.testing.assert_allclose(one, other, rtol=0 if name == "sgd" else 1e-6, atol=1e-7 if name != "sgd" else 0)
    applied = {one for one in operations if one.startswith("ResourceApply")}
    assert bool(applied) == (name != "adam")
    assert not any(one.startswith("ResourceApply") for one in plain)
