"""What Keras does not promise is as it is expected; a release that changes it says so here."""

import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from regfleet.borrowed.keras import (
    calls_noted,
    calls_of,
    drawn,
    freshly_named,
    is_whole,
    logits_of,
    operation_of,
    origin_of,
    origins_noted,
    seed_global_noise,
    with_logits,
    without_code,
)

RELEASE = f"Keras {keras.__version__}"


def residual():
    """A layer that is called twice, a sum, and two outputs."""
    source = keras.Input((4,), name="input")
    dense = keras.layers.Dense(4, name="dense")
    twice = dense(dense(source))
    joined = keras.layers.Add(name="add")([source, twice])
    return keras.Model(source, [twice, joined])


def test_a_softmax_carries_its_logits_in_a_graph():
    """Beside a softmax's output are the numbers that went in, and the loss takes logits put beside an output."""
    layer = keras.layers.Dense(3, "softmax")
    x = tf.random.stateless_normal((5, 4), [1, 2])
    y = keras.ops.one_hot([0, 1, 2, 0, 1], 3)

    @tf.function(autograph=False)
    def both(x):
        output = layer(x)
        logits = logits_of(output)
        assert logits is not None, f"{RELEASE}: a softmax's output has no _keras_logits any more"
        # Halves have other logits than the output that they are put beside.
        wrong = with_logits(tf.identity(output), 2 * logits)
        return output, logits, keras.losses.categorical_crossentropy(y, wrong)

    output, logits, loss = both(x)
    np.testing.assert_allclose(tf.nn.softmax(logits), output, rtol=1e-5)
    expected = tf.nn.softmax_cross_entropy_with_logits(y, 2 * logits)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, err_msg=f"{RELEASE}: the loss ignores _keras_logits")


def test_a_symbolic_tensor_knows_its_operation():
    """`_keras_history` leads from a model's output to the layer that makes it."""
    model = residual()
    assert operation_of(model.outputs[1]) is model.get_layer("add"), f"{RELEASE}: KerasTensor._keras_history changed"


def test_a_configuration_tells_how_layers_are_called():
    """Layers, `inbound_nodes`, `__keras_tensor__` and `output_layers` say which call takes which."""
    outputs, sources = calls_of(residual())
    assert outputs == [("dense", 1), ("add", 0)], f"{RELEASE}: output_layers of get_config changed"
    assert sources == {
        ("dense", 0): [("input", 0)],
        ("dense", 1): [("dense", 0)],
        ("add", 0): [("input", 0), ("dense", 1)],
    }, f"{RELEASE}: inbound_nodes of get_config changed"


def test_a_single_output_is_read_as_well():
    """A Functional model of one output, and a dictionary of outputs."""
    source = keras.Input((4,), name="input")
    dense = keras.layers.Dense(4, name="dense")(source)
    for output in (dense, {"one": dense}):
        assert calls_of(keras.Model(source, output))[0] == [("dense", 0)], f"{RELEASE}: output_layers changed"


def test_the_code_of_a_lambda_can_be_left_out():
    """What Keras writes of a lambda's code is marked `__lambda__`, and is all that is left out."""
    layer = keras.layers.Lambda(lambda x: x + 1, name="plus")
    config = layer.get_config()
    assert config["function"]["class_name"] == "__lambda__", f"{RELEASE}: lambdas are written in another form"
    assert json.dumps(without_code(config), default=repr) == json.dumps(
        config | {"function": {"class_name": "__lambda__"}}, default=repr
    )


def test_a_thread_numbers_layers_anew():
    """A layer without a name is called as the first of its kind, however many there were."""
    keras.layers.Dense(1)
    names = [freshly_named(lambda: keras.layers.Dense(1).name) for _ in range(2)]
    assert names == ["dense", "dense"], f"{RELEASE}: names are not numbered per thread any more"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_is_recognized(tmp_path):
    """`model.save` writes a zip with the two files by which we know one; half of it is none."""
    residual().save(tmp_path / "model.keras")
    content = (tmp_path / "model.keras").read_bytes()
    assert is_whole(content), f"{RELEASE}: a .keras file is another archive"
    assert not is_whole(content[: len(content) // 2])
    assert not is_whole(b"")


@pytest.mark.parametrize("layer", [keras.layers.Dropout(0.5), keras.layers.GaussianNoise(1.0)])
def test_a_noise_layer_has_one_state_beside_the_weights(layer):
    """Noise states are variables and no weights: that is how a model with noise is known."""
    model = keras.Sequential([keras.Input((2,)), layer])
    assert (len(model.variables), len(model.weights)) == (1, 0), f"{RELEASE}: noise states are kept elsewhere"


def test_a_variable_knows_what_it_was_made_with():
    """Variables are made by `_initialize_with_initializer` or `_initialize`, and change by `_direct_assign`."""
    with origins_noted():
        dense = keras.layers.Dense(2, kernel_initializer="he_normal")
        dense.build((None, 3))
        dense.bias.assign([1.0, 2.0])
        array = keras.Variable(np.arange(3.0))
    later = keras.Variable(0.0)
    kernel, bias, given = (origin_of(variable) for variable in (dense.kernel, dense.bias, array))
    assert isinstance(kernel.initializer, keras.initializers.HeNormal), f"{RELEASE}: variables are made otherwise"
    assert kernel.value is None
    assert bias.value.tolist() == [1, 2], f"{RELEASE}: variables are assigned otherwise"
    assert given.value.tolist() == [0, 1, 2]
    assert origin_of(later) is None


def test_an_initializer_draws_from_a_seed_and_moves_nobody_elses():
    """Keras' initializers, functions that call one, and functions that draw by NumPy, TensorFlow or Keras."""
    fixed = keras.initializers.GlorotUniform(seed=1)
    draws = {
        "Keras' own": fixed,
        "a function around it": lambda shape, dtype: 2 * fixed(shape, dtype),
        "NumPy": lambda shape, dtype: np.random.normal(size=shape).astype(dtype),  # noqa: NPY002 - as users do
        "TensorFlow": lambda shape, dtype: tf.random.normal(shape, dtype=dtype),
        "Keras": lambda shape, dtype: keras.random.normal(shape, dtype=dtype),
    }
    before, python = np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002 - likewise
    for name, initializer in draws.items():
        one, again, other = (drawn(initializer, (3, 2), "float32", seed) for seed in (5, 5, 6))
        assert np.array_equal(one, again), name
        assert (one != other).all(), name
    assert fixed.seed == 1
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002 - likewise
    assert random.getstate() == python


def test_noise_without_a_seed_comes_from_the_global_generator():
    """`keras.random` without a seed draws from ``global_seed_generator``, in a trace too."""
    draw = tf.function(lambda: keras.random.normal((4,)))
    draws = []
    for seed in (1, 1, 2):
        seed_global_noise(seed)
        draws.append(draw().numpy())
    assert np.array_equal(draws[0], draws[1]), f"{RELEASE}: noise without a seed comes from elsewhere"
    assert (draws[0] != draws[2]).all()


def test_calls_of_layers_are_noted():
    """Every layer is called by `Layer.__call__`, which is as it was afterwards."""
    model, call = residual(), keras.layers.Layer.__call__
    names = [layer.name for layer in calls_noted(model, np.ones((1, 4), "float32"))]
    assert names[-3:] == ["dense", "dense", "add"], f"{RELEASE}: layers are called otherwise"
    assert keras.layers.Layer.__call__ is call
