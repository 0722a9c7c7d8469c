"""The private names of TensorFlow are where they are expected; a release that moves one says so here."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.ops.parallel_for import pfor

from regfleet.borrowed.tensorflow import DRAWS, add_mapping_rules, no_gradients_kept

RELEASE = f"TensorFlow {tf.__version__}"
SEEDS = tf.constant([[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize("name", ["_pfor_converter_registry", "RegisterPFor", "_create_op", "wrap"])
def test_vectorized_map_takes_rules(name):
    """The registry of `tf.vectorized_map`, and what our rules use of it, are there."""
    assert hasattr(pfor, name), f"{RELEASE}: tensorflow.python.ops.parallel_for.pfor.{name} is gone"


@pytest.mark.parametrize("name", DRAWS)
def test_operations_that_draw_have_these_names(name):
    """A rule for an operation of another name would never be used."""
    assert hasattr(tf.raw_ops, name), f"{RELEASE}: the operation {name} is gone"


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: tf.random.stateless_uniform((4,), seed),
        lambda seed: tf.random.stateless_normal((4,), seed),
        lambda seed: tf.random.stateless_truncated_normal((4,), seed),
        lambda seed: tf.random.stateless_uniform((4,), seed, 0, 9, tf.int32),
        lambda seed: tf.random.stateless_uniform((4,), seed, None, None, tf.int32, alg="philox"),
    ],
    ids=["uniform", "normal", "truncated normal", "integer", "any integer"],
)
def test_a_map_draws_as_each_element_alone(draw):
    """With our rules a mapped draw has the bits of single draws."""
    add_mapping_rules()
    mapped = tf.vectorized_map(draw, SEEDS, fallback_to_while_loop=False)
    np.testing.assert_array_equal(mapped, [draw(seed) for seed in SEEDS], err_msg=f"{RELEASE}: a rule is outdated")


def test_a_map_finds_the_largest():
    """`argmax` maps, as Keras' accuracy needs it."""
    add_mapping_rules()
    rows = tf.constant([[1.0, 3.0, 2.0], [5.0, 4.0, 0.0]])
    mapped = tf.vectorized_map(lambda row: keras.ops.argmax(row), rows, fallback_to_while_loop=False)  # noqa: PLW0108
    assert mapped.numpy().tolist() == [1, 0], f"{RELEASE}: the rule for Bitcast is outdated"


def test_gradients_of_a_trace_are_forgotten():
    """Tracing a Keras optimizer registers gradients, which the context takes back."""
    assert hasattr(ops.gradient_registry, "_registry"), f"{RELEASE}: ops.gradient_registry._registry is gone"
    variable, optimizer = keras.Variable([1.0]), keras.optimizers.SGD()
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.constant([1.0])], [variable]), autograph=False)
    before = set(ops.gradient_registry._registry)
    with no_gradients_kept():
        step()
        inside = set(ops.gradient_registry._registry)
    assert inside > before, f"{RELEASE}, Keras {keras.__version__}: nothing is registered, no_gradients_kept can go"
    assert set(ops.gradient_registry._registry) == before
