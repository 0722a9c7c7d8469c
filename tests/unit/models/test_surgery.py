"""Putting techniques into Keras models, layer by layer."""

import keras
import numpy as np
import pytest

from regfleet import models
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Insertion, Penalty, Recipe


def dropout(rate):
    """An insertion's ``make``."""
    return lambda name: keras.layers.Dropout(rate, name=name)


def test_penalties_on_one_kernel_add_up(small):
    """An L1, an L2 and a second L1 on one kernel cost the sum of what each costs."""
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L1(0.1))
    recipe = recipe.penalize(("dense_1",), lambda: keras.regularizers.L2(0.01))
    recipe = recipe.penalize(("dense_1",), lambda: keras.regularizers.L1(0.3))
    model = models.build(recipe, (4,), 3)
    kernel = model.get_layer("dense_1").kernel.numpy()
    expected = 0.4 * np.abs(kernel).sum() + 0.01 * np.square(kernel).sum()
    assert [float(loss) for loss in model.losses] == [pytest.approx(expected, rel=1e-6)]


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16"])
def test_a_penalty_on_weights_of_any_precision_joins_the_loss(dtype):
    """Keras adds penalties and losses as numbers of 32 bits."""

    def build(shape, outputs):
        hidden = keras.layers.Dense(3, "relu", dtype=dtype, name="hidden")
        return keras.Sequential([keras.Input(shape), hidden, keras.layers.Dense(outputs, "softmax", dtype=dtype)])

    recipe = Recipe(ModelSpec((), (), "own:build"), Training(), base=models.base_of(build))
    model = models.build(recipe.penalize(("hidden",), lambda: keras.regularizers.L2(0.5)), (4,), 3)
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    x, y = np.ones((6, 4), "float32"), np.arange(6) % 3
    loss = model.fit(x, y, verbose=0).history["loss"][0]
    plain = float(np.mean(keras.losses.sparse_categorical_crossentropy(y, np.float64(model(x)))))
    penalty = 0.5 * np.square(model.get_layer("hidden").kernel.numpy()).sum()
    assert loss == pytest.approx(plain + penalty, rel=1e-2)


def test_a_penalised_model_survives_its_configuration(small):
    """A model rebuilt from the configuration that Keras saves has both penalties on its kernel."""
    recipe = small.penalize(("dense_1",), lambda: keras.regularizers.L1(0.1))
    model = models.build(recipe.penalize(("dense_1",), lambda: keras.regularizers.L2(0.2)), (4,), 3)
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    assert float(copy.losses[0]) == float(model.losses[0])


def test_insertions_stand_in_the_order_given(small):
    """Two layers behind one layer, one behind the input and a repeated kind stand and are named as asked."""
    recipe = small.insert("dense_1", "batchnorm", lambda name: keras.layers.BatchNormalization(name=name))
    recipe = recipe.insert("dense_1", "dropout", dropout(0.1)).insert("input", "dropout", dropout(0.2))
    recipe = recipe.insert("dense_1", "dropout", dropout(0.3))
    model = models.build(recipe, (4,), 3)
    assert [(layer.name, getattr(layer, "rate", None)) for layer in model.layers] == [
        ("input", None),
        ("dropout_after_input", 0.2),
        ("dense_1", None),
        ("batchnorm_after_dense_1", None),
        ("dropout_after_dense_1", 0.1),
        ("dropout_after_dense_1_2", 0.3),
        ("dense_2", None),
        ("output", None),
    ]


def test_an_unknown_place_is_named(small):
    """A technique for a layer that the model lacks is refused with the layers that there are."""
    with pytest.raises(InputError, match=r"hidden layer with a kernel \(dense_1, dense_2\); got dense_9"):
        models.build(small.penalize(("dense_9",), lambda: keras.regularizers.L1(0.1)), (4,), 3)


def residual_model():
    """Convolutions with a residual connection, and a Dense layer that is called twice."""
    image = keras.Input((6, 6, 1), name="image")
    first = keras.layers.Conv2D(4, 3, padding="same", name="conv_1")(image)
    second = keras.layers.Conv2D(4, 3, padding="same", name="conv_2")(first)
    flat = keras.layers.Flatten(name="flat")(keras.layers.Add(name="add")([first, second]))
    shared = keras.layers.Dense(5, name="shared")
    both = keras.layers.Concatenate(name="both")([shared(flat), shared(keras.layers.Activation("relu")(flat))])
    return keras.Model(image, keras.layers.Dense(3, "softmax", name="output")(both))


def test_techniques_enter_a_residual_model():
    """The clone computes what the original does with the same weights, plus the inserted layer at its two places."""
    original = residual_model()
    penalties = [
        Penalty("conv_1", lambda: keras.regularizers.L2(0.5)),
        Penalty("shared", lambda: keras.regularizers.L1(1)),
    ]

    def double(name):
        return keras.layers.Rescaling(2.0, name=name)

    model = models.with_techniques(original, penalties, [Insertion("shared", "double", double)])
    for layer in original.layers:
        model.get_layer(layer.name).set_weights(layer.get_weights())
    images = np.random.default_rng(0).normal(size=(7, 6, 6, 1)).astype("float32")
    inner = keras.Model(original.input, original.get_layer("both").output)(images)
    expected = original.get_layer("output")(2.0 * inner)
    np.testing.assert_allclose(model(images), expected, rtol=1e-5, atol=1e-6)
    assert [layer.name for layer in model.layers].count("double_after_shared") == 1
    conv, shared = original.get_layer("conv_1").kernel.numpy(), original.get_layer("shared").kernel.numpy()
    expected = sorted([0.5 * np.square(conv).sum(), np.abs(shared).sum()])
    np.testing.assert_allclose(sorted(float(loss) for loss in model.losses), expected, rtol=1e-5)
    assert original.losses == []


def test_techniques_enter_a_sequential_model():
    """A Sequential model takes an insertion behind its input and one behind a layer."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    changed = models.with_techniques(
        model, [], [Insertion("a", "dropout", dropout(0.5)), Insertion("input", "dropout", dropout(0.1))]
    )
    assert changed(np.zeros((2, 4), "float32")).shape == (2, 2)
    names = [layer.name for layer in changed.layers]
    assert names[1:] == ["dropout_after_input", "a", "dropout_after_a", "b"]
