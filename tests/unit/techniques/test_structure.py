"""Skip connections, branches that are shaken or left out, and smaller networks, each against its definition."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from regfleet import models
from regfleet.errors import InputError
from regfleet.models.weights import starting_weights
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import parse_techniques, recipe
from regfleet.techniques.recipe import Recipe

NETWORK = ModelSpec((6, 6, 3), ("tanh", "relu", "tanh"))
ROWS = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


def recipe_for(text, spec=NETWORK):
    """The recipe of a technique's text."""
    (combination,) = parse_techniques(text, spec).combinations
    return recipe(spec, Training(epochs=2), combination)


def built(text, seed=0, spec=NETWORK):
    """The network with a technique, at the start of the training of ``seed``."""
    model = models.build(recipe_for(text, spec), (6,), 2)
    for variable, value in zip(model.variables, starting_weights(model, seed), strict=True):
        variable.assign(value)
    return model


def dense(model, name, x):
    """A layer's sums and activation, by numpy."""
    layer = model.get_layer(name)
    sums = x @ layer.kernel.numpy() + layer.bias.numpy()
    return np.tanh(sums) if layer.activation is keras.activations.tanh else np.maximum(sums, 0)


def softmax(model, x):
    """The output layer, by numpy."""
    output = model.get_layer("output")
    sums = np.exp(x @ output.kernel.numpy() + output.bias.numpy())
    return sums / sums.sum(axis=1, keepdims=True)


def test_a_skip_adds_a_layers_input_projected_where_widths_differ():
    """The whole network by numpy; the layers' own weights are the control's, the projection's are drawn by seed."""
    model, control = built("skip"), built("none")
    x = ROWS
    for name in ("dense_1", "dense_2"):
        x = dense(model, name, x) + x
    x = dense(model, "dense_3", x) + x @ model.get_layer("skip_after_dense_3").kernel.numpy()
    np.testing.assert_allclose(model(ROWS), softmax(model, x), rtol=1e-5)
    np.testing.assert_array_equal(model.get_layer("dense_2").kernel, control.get_layer("dense_2").kernel)
    kernels = [built("skip", seed).get_layer("skip_after_dense_3").kernel.numpy() for seed in (0, 0, 1)]
    assert np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])
    assert [model.get_layer(f"skip_after_dense_{place}").kernel for place in (1, 2)] == [None, None]


@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 9, 4)])
def test_a_skip_round_a_convolution_takes_every_second_pixel_where_it_strides(shape):
    """As a convolution of one pixel with that stride; another size of images is refused."""

    def build(input_shape, outputs, padding="same"):
        images = keras.Input(input_shape)
        x = keras.layers.Conv2D(4, 3, strides=2, padding=padding, name="conv")(images)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(images, keras.layers.Dense(outputs, "softmax")(x))

    spec = ModelSpec((), (), "own:build", ("conv",))
    base = Recipe(spec, Training(), base=models.base_of(build))
    (techniques,) = parse_techniques("skip", spec).combinations
    model = models.build(base.add(insertions=recipe(spec, Training(), techniques).insertions), shape, 2)
    images = np.random.default_rng(1).normal(size=(5, *shape)).astype("float32")
    conv, skip = model.get_layer("conv"), model.get_layer("skip_after_conv")
    shortcut = images[:, ::2, ::2]
    if skip.kernel is not None:
        shortcut = np.einsum("nhwc,cd->nhwd", shortcut, skip.kernel.numpy())
    np.testing.assert_allclose(skip([images, conv(images)]), conv(images) + shortcut, rtol=1e-4, atol=1e-5)
    narrow = Recipe(spec, Training(), base=models.base_of(lambda s, o: build(s, o, "valid")))
    refused = narrow.add(insertions=recipe(spec, Training(), techniques).insertions)
    with pytest.raises(InputError, match=r"^skip: expected .* got skip_after_conv .* padding='same'"):
        models.check_techniques([refused], (11, 10, 3), 2, "classification")


def test_shake_shake_mixes_two_branches_and_takes_their_mean_in_inference():
    """Twins start from other weights than the layer; a penalty is on both; shares lie in [0, 1] for each row."""
    model = built("skip@1+shakeshake@1+l2(0.1)@1")
    one, twin = (model.get_layer(name) for name in ("dense_1", "twin_of_dense_1"))
    assert not np.array_equal(one.kernel, twin.kernel)
    squares = sum(np.square(layer.kernel.numpy()).sum() for layer in (one, twin))
    assert sum(map(float, model.losses)) == pytest.approx(0.1 * squares, rel=1e-5)
    shake = model.get_layer("shakeshake_after_dense_1")
    a, b = (dense(model, name, ROWS) for name in ("dense_1", "twin_of_dense_1"))
    x = dense(model, "dense_3", dense(model, "dense_2", (a + b) / 2 + ROWS))
    np.testing.assert_allclose(model(ROWS), softmax(model, x), rtol=1e-5)
    a, b = tf.constant(a), tf.constant(b)
    with tf.GradientTape() as tape:
        tape.watch([a, b])
        mixed = shake([a, b], training=True)
    forward = ((mixed - b) / (a - b)).numpy()
    backward, rest = (gradient.numpy() for gradient in tape.gradient(mixed, [a, b]))
    for share in (forward, backward):
        np.testing.assert_allclose(share, share[:, :1].repeat(6, 1), rtol=1e-2, atol=1e-3)
        assert 0 <= share.min() < 0.3
        assert 0.7 < share.max() <= 1.001
    np.testing.assert_allclose(rest, 1 - backward, atol=1e-6)
    assert abs(np.corrcoef(forward[:, 0], backward[:, 0])[0, 1]) < 0.5


@pytest.mark.parametrize("name", ["shakedrop", "stochasticdepth"])
def test_a_branch_is_left_out_at_a_rate_that_grows_over_the_layers(name):
    """Rates 1/6, 2/6, 3/6 for .5; counted over batches; multiples as the sources have them, forward and backward."""
    model = built(f"skip+{name}(0.5)")
    layers = [model.get_layer(f"{name}_after_dense_{place}") for place in (1, 2, 3)]
    assert [layer.rate for layer in layers] == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    branch = tf.ones((50, 4))
    np.testing.assert_allclose(layers[1](branch), np.full((50, 4), 2 / 3), rtol=1e-6)
    whole = 0
    for _ in range(200):
        with tf.GradientTape() as tape:
            tape.watch(branch)
            out = layers[1](branch, training=True)
        forward, backward = out.numpy(), tape.gradient(out, branch).numpy()
        whole += int((forward == 1).all())
        if not (forward == 1).all():
            if name == "stochasticdepth":
                assert not forward.any()
                assert not backward.any()
            else:
                assert (-1 <= forward.min() < -0.5) & (0.5 < forward.max() <= 1)
                assert (0 <= backward.min() < 0.4) & (0.6 < backward.max() <= 1)
                assert np.ptp(forward, axis=1).max() == 0
    assert abs(whole - 200 * 2 / 3) < 4 * np.sqrt(200 * 2 / 9)


@pytest.mark.parametrize("text", ["skip+shakedrop", "skip+stochasticdepth", "skip+shakeshake"])
def test_noise_belongs_to_the_trials_seed(text):
    """The same seed draws the same, another seed other noise."""
    outs = [np.asarray(built(text, seed)(ROWS, training=True)) for seed in (3, 3)]
    np.testing.assert_array_equal(*outs)
    states = [
        [v.numpy().tolist() for v in built(text, seed).variables if v.name == "seed_generator_state"] for seed in (3, 4)
    ]
    assert len({tuple(state) for both in states for state in both}) == 6


@pytest.mark.parametrize("name", ["shakedrop", "stochasticdepth"])
def test_no_strength_is_skip_alone(name):
    """The recipe has nothing more in it."""
    plain, weak = recipe_for("skip"), recipe_for(f"skip+{name}(0)")
    assert [(one.after, one.kind) for one in weak.insertions] == [(one.after, one.kind) for one in plain.insertions]


def test_skip_is_outermost_however_it_is_typed():
    """Noise and normalization act on the branch, and twins are mixed before them."""
    recipe_ = recipe_for("skip@2+dropout@2+shakeshake@2+batchnorm@2")
    assert [one.kind for one in recipe_.insertions] == ["shakeshake", "batchnorm", "dropout", "skip"]


def test_a_smaller_network_has_fewer_units_and_layers():
    """By hand: half of 6, 6, 3 units rounded to the even number, two thirds of three layers; never none."""
    assert recipe_for("smaller(0.5,0.67)").model == ModelSpec((3, 3), ("tanh", "relu"))
    assert recipe_for("smaller(0.01,0.01)").model == ModelSpec((1,), ("tanh",))
    assert recipe_for("smaller(1,1)").model == NETWORK
    assert [one.layer for one in recipe_for("l2+smaller(1,0.67)").penalties] == ["dense_1", "dense_2"]
    with pytest.raises(InputError, match="smaller: expected a network given by its widths; got own:build"):
        recipe_for("smaller", ModelSpec((), (), "own:build", ("conv",)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shakeshake", "shakeshake: expected skip beside it"),
        ("skip+shakedrop+shakeshake", "shakeshake: expected no shakedrop beside it; got both, but Shake-Shake"),
        ("skip+shakedrop+stochasticdepth", "ShakeDrop is stochastic depth with noise"),
        ("skip@1+shakedrop@2", "shakedrop: expected skip at each of its layers; got dense_2 without"),
        ("skip(1)", "skip: expected no value"),
        ("smaller@1", "smaller: expected no place"),
        ("smaller(0)", r"smaller: expected width in \(0, 1\]; got 0"),
        ("smaller(1,0.5)+dropout(.1,.2,.3)", "dropout: expected one value per layer of the smaller network"),
        ("smaller(1,0.5)+l2@3", "a number from 1 to 2"),
    ],
)
def test_what_has_no_meaning_is_refused(text, words):
    """With the name and the reason."""
    with pytest.raises(InputError, match=words):
        recipe_for(text)
