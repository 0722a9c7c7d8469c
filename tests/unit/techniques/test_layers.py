"""Techniques at layers compute what their definitions say, and nothing of their noise is left in inference."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from regfleet import models, training
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, parse_techniques, recipe
from regfleet.techniques.recipe import Facts

NETWORK = ModelSpec((8, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=2, batch_size=32)
ROWS = np.random.default_rng(1).normal(size=(40, 4)).astype("float32")
OWN = ModelSpec((), (), "own:build", ("first", "second"))
IMAGES = np.random.default_rng(2).normal(size=(5, 6, 6, 3)).astype("float32")


def made(text, spec=NETWORK):
    """The recipe of a combination."""
    (combination,) = parse_techniques(text, spec).combinations
    return recipe(spec, SETTINGS, combination)


def built(text, seed=3):
    """The perceptron of a combination with the weights of a seed."""
    model = models.build(made(text), (4,), 3)
    for variable, value in zip(model.variables, models.starting_weights(model, seed), strict=True):
        variable.assign(value)
    return model


def convolutions(shape, outputs):
    """Two convolutions, the second of which leaves its activation to a layer."""
    source = keras.Input(shape)
    first = keras.layers.Conv2D(4, 3, padding="same", activation="tanh", name="first")(source)
    second = keras.layers.Conv2D(6, 3, name="second")(first)
    after = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation("relu", name="relu")(second))
    return keras.Model(source, keras.layers.Dense(outputs, "softmax", name="output")(after))


def recurrent(shape, outputs):
    """An LSTM and a Dense layer."""
    source = keras.Input(shape)
    second = keras.layers.Dense(4, name="second")(keras.layers.LSTM(4, name="first")(source))
    return keras.Model(source, keras.layers.Dense(outputs, name="output")(second))


def built_on(base, shape, text):
    """The model of ``base`` for rows of ``shape``, with a combination."""
    return models.build(made(text, OWN).fill(base=base), shape, 2)


def built_on_images(text):
    """The model of convolutions with a combination."""
    return built_on(convolutions, (6, 6, 3), text)


def output_of(model, layer, rows, *, training=False):
    """What the layer called ``layer`` puts out."""
    return keras.Model(model.input, model.get_layer(layer).output)(rows, training=training).numpy()


def gradient(model, kernel, rows):
    """The gradient of the sum of the squared outputs with respect to a kernel, in training mode."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(rows, training=True) ** 2)
    return tape.gradient(loss, kernel.value).numpy()


def slope(model, kernel, rows, step=3e-3):
    """The same by central differences, in float32: to a hundredth."""
    start, slopes = kernel.numpy(), np.zeros(kernel.shape)
    for place in np.ndindex(*kernel.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            kernel.assign(moved)
            ends.append(float(tf.reduce_sum(tf.cast(model(rows, training=True), tf.float64) ** 2)))
        slopes[place] = (ends[0] - ends[1]) / (2 * step)
    kernel.assign(start)
    return slopes


def cosines(kernel):
    """The mean absolute cosine between two columns."""
    columns = kernel.reshape(-1, kernel.shape[-1])
    unit = columns / np.linalg.norm(columns, axis=0)
    pairs = np.triu_indices(unit.shape[1], 1)
    return np.abs(unit.T @ unit)[pairs].mean()


@pytest.mark.parametrize("name", [name for name, technique in TECHNIQUES.items() if technique.place])
def test_what_is_put_in_starts_the_same_whatever_was_built_before(name):
    """The second model of a recipe has the weights and the noise of the first, as another worker's has."""
    text = "+".join(f"{each}@first" for each in (name, TECHNIQUES[name].needs) if each)
    first, second = (built_on_images(text) for _ in range(2))
    assert [variable.path for variable in first.variables] == [variable.path for variable in second.variables]
    for values in zip(*(models.starting_weights(model, 3) for model in (first, second)), strict=True):
        np.testing.assert_array_equal(*values)


def test_penalties_are_their_formulas():
    """Elastic net and orthogonality of two Dense layers, and of filters; activity as a sum a row."""
    model = built("l1l2(.01,.03)")
    kernels = [model.get_layer(name).kernel.numpy() for name in NETWORK.layer_names]
    expected = sum(0.01 * np.abs(kernel).sum() + 0.03 * (kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)
    model = built("orthogonal(.5)")
    assert float(sum(model.losses)) == pytest.approx(0.5 * sum(map(cosines, kernels)), rel=1e-4)
    images = built_on_images("orthogonal(2)@first")
    assert float(images.losses[0]) == pytest.approx(2 * cosines(images.get_layer("first").kernel.numpy()), rel=1e-4)
    model = built("activity(.1,.2)@2")
    hidden = output_of(model, "dense_2", ROWS)
    model(ROWS)
    expected = (0.1 * np.abs(hidden) + 0.2 * hidden**2).sum(axis=1).mean()
    assert float(model.losses[0]) == pytest.approx(expected, rel=1e-5)


def test_units_have_their_norm_after_each_update(iris):
    """Unit norm to the letter, a convolution's filters as wholes; max-norm leaves short ones alone."""
    fit = training.fit(made("unitnorm"), iris, 1, "fused", "unitnorm")
    for kernel in (fit.weights[0], fit.weights[2]):
        np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)
    kernel = np.random.default_rng(4).normal(size=(3, 3, 3, 4)).astype("float32") * [0.1, 0.1, 1, 2]
    norms = np.linalg.norm(kernel.reshape(-1, 4), axis=0)
    for text, expected in (("unitnorm@first", np.ones(4)), ("maxnorm(2)@first", np.minimum(norms, 2))):
        limited = built_on_images(text).get_layer("first").kernel.constraint(tf.constant(kernel, tf.float32)).numpy()
        np.testing.assert_allclose(np.linalg.norm(limited.reshape(-1, 4), axis=0), expected, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_standardized_and_spectral_kernels_are_numpys(training):
    """The kernel that a layer computes with, in training and inference; the weights themselves stay."""
    control = built("none")
    kernel, bias = (weight.numpy() for weight in control.get_layer("dense_1").weights)
    model = built("weightstandardization@first")
    used = (kernel - kernel.mean(axis=0)) / kernel.std(axis=0) / 2  # the root of 4 inputs
    found = output_of(model, "dense_1", ROWS, training=training)
    np.testing.assert_allclose(found, np.tanh(ROWS @ used + bias), rtol=1e-4, atol=1e-5)
    model = built("spectral@first")
    used = kernel / np.linalg.svd(kernel, compute_uv=False)[0]
    found = output_of(model, "dense_1", ROWS, training=training)
    np.testing.assert_allclose(found, np.tanh(ROWS @ used + bias), rtol=5e-3, atol=5e-3)
    np.testing.assert_array_equal(model.get_layer("dense_1").kernel.numpy(), kernel)
    images = built_on_images("spectral@first")
    layer = images.get_layer("first")
    flat = layer.kernel.numpy().reshape(-1, 4)
    plain = keras.ops.conv(IMAGES, layer.kernel.numpy() / np.linalg.svd(flat, compute_uv=False)[0], padding="same")
    np.testing.assert_allclose(output_of(images, "first", IMAGES), np.tanh(plain), atol=5e-3)


@pytest.mark.parametrize("technique", ["weightstandardization", "spectral"])
def test_gradients_go_through_what_is_done_to_a_kernel(technique):
    """By central differences; for the largest singular value its vectors may be held, as they are stationary."""
    model = built(f"{technique}@first")
    kernel = model.get_layer("dense_1").kernel
    expected = slope(model, kernel, ROWS)
    np.testing.assert_allclose(gradient(model, kernel, ROWS), expected, atol=0.03 * np.abs(expected).max())


def noisy(text, layer, times=1):
    """What one layer computes in training, several times over, for rows of ones, without its activation."""
    model = built(text)
    part = keras.Model(model.input, model.get_layer(layer).output)
    one = tf.function(lambda: tf.atanh(part(tf.ones((1, 4)), training=True)[0]))
    return np.stack([one().numpy() for _ in range(times)])


def test_weights_are_silenced_and_disturbed_as_often_as_asked():
    """A layer's sums over rows of ones: mean and variance over draws are those of their definitions."""
    kernel = built("none").get_layer("dense_1").kernel.numpy()
    squares = (kernel**2).sum(axis=0)
    sums = noisy("dropconnect(.25)@first", "dense_1", 800)
    np.testing.assert_allclose(sums.mean(axis=0), kernel.sum(axis=0), atol=4 * np.sqrt(squares.max() / 3 / 800))
    np.testing.assert_allclose((sums.var(axis=0) / (squares / 3)).mean(), 1, atol=0.1)  # rate / (1 − rate)
    sums = noisy("weightnoise(.1)@first", "dense_1", 800)
    np.testing.assert_allclose(sums.mean(axis=0), kernel.sum(axis=0), atol=4 * 0.2 / np.sqrt(800))
    np.testing.assert_allclose((sums.var(axis=0) / 0.04).mean(), 1, atol=0.1)  # four inputs
    states = [
        [one.numpy().tolist() for one in built("dropconnect", seed).variables if "seed_generator" in one.path]
        for seed in (1, 2)
    ]
    assert len({str(one) for of_seed in states for one in of_seed}) == 4  # two layers, two seeds


NOISES = ["dropconnect", "weightnoise", "dropout_funnel", "gaussiandropout", "alphadropout", "noise", "noise@input"]


def test_inference_is_free_of_noise_and_no_noise_is_the_control(iris):
    """Inference is the control's to the bit, training is not; strength zero trains as the control does, to the bit."""
    control = built("none")(ROWS).numpy()
    for text in NOISES:
        model = built(text)
        np.testing.assert_array_equal(model(ROWS).numpy(), control)
        assert not np.allclose(model(ROWS, training=True), control), text
    control = training.fit(made("none"), iris, 1, "fused", "none")
    zeros = ["orthogonal(0)", "activity(0,0)", "l1l2(0,0)", "spatialdropout(0)"]
    zeros += [text.replace("@", "(0)@") if "@" in text else f"{text}(0)" for text in NOISES]
    fit = training.fit(made("+".join(zeros)), iris, 1, "fused", "zeros")
    for weight, other in zip(fit.weights, control.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.parametrize(
    ("shape", "rates"),
    [
        ("funnel", [1, 0.8, 0.6, 0.4, 0.2]),
        ("triangle", [0.2, 0.4, 0.6, 0.8, 1]),
        ("long_funnel", [1, 1, 1, 1, 0.5]),
        ("diamond", [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3]),
        ("hexagon", [0.5, 1, 1, 1, 0.5]),
        ("stairs", [1, 0.6, 0.6, 0.2, 0.2]),
    ],
)
def test_shapes_are_the_papers(shape, rates):
    """The rates of five hidden layers are what Auto-PyTorch's ``get_shaped_neuron_counts`` gives them, of 1000."""
    spec = ModelSpec((4,) * 5, ("relu",) * 5)
    model = models.build(made(f"dropout_{shape}(.5)", spec), (4,), 3)
    found = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    np.testing.assert_allclose(found, 0.5 * np.array(rates), rtol=1e-6)
    for layers in range(1, 16):
        spec = ModelSpec((4,) * layers, ("relu",) * layers)
        assert len(made(f"dropout_{shape}(.5)", spec).insertions) == layers


def test_dropped_channels_are_dropped_at_every_place():
    """Of images, behind a convolution that leads to an activation; rows that are vectors are refused."""
    model = built_on_images("spatialdropout(.5)")
    assert [layer.name for layer in model.layers].index("spatialdropout_after_second") > [
        layer.name for layer in model.layers
    ].index("relu")
    plain = output_of(model, "first", IMAGES)
    dropped = output_of(model, "spatialdropout_after_first", IMAGES, training=True)
    channels = dropped.transpose(0, 3, 1, 2).reshape(-1, 36)
    silent = (channels == 0).all(axis=1)
    kept = 2 * plain.transpose(0, 3, 1, 2).reshape(-1, 36)
    np.testing.assert_allclose(channels[~silent], kept[~silent], rtol=1e-6)
    assert 0 < silent.sum() < len(silent)
    again = models.starting_weights(model, 1), models.starting_weights(model, 2)
    states = [place for place, one in enumerate(model.variables) if one.name == "seed_generator_state"]
    assert all((again[0][place] != again[1][place]).any() for place in states)
    copy = type(model.get_layer("spatialdropout_after_first")).from_config({"name": "copy", "rate": 0.5})
    assert copy(tf.ones((1, 2, 2, 1))).shape == (1, 2, 2, 1)
    with pytest.raises(InputError, match=r"spatialdropout: expected a layer that it fits; got .*a row is a vector"):
        models.build(made("spatialdropout"), (4,), 3)


def normalized(text, x):
    """A normalization by numpy, over the axes that its definition names."""
    if text == "rmsnorm":
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-7)
    if text == "batchnorm":
        return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
    groups = np.split(x, 2, axis=-1) if text == "groupnorm" else [x]
    return np.concatenate(
        [(g - g.mean(-1, keepdims=True)) / np.sqrt(g.var(-1, keepdims=True) + 1e-3) for g in groups], axis=-1
    )


@pytest.mark.parametrize("name", ["batchnorm", "layernorm", "groupnorm", "rmsnorm"])
def test_normalizations_are_numpys_on_either_side_of_the_activation(name):
    """Behind relu on its outputs, before it on the sums, and then relu."""
    for text in (f"{name}@2", f"{name}@2:before"):
        model = built(text)
        sums = output_of(model, "dense_1", ROWS) @ model.get_layer("dense_2").kernel.numpy()
        place = "before_activation_of" if ":" in text else "after"
        found = output_of(model, f"{name}_{place}_dense_2", ROWS, training=True)
        expected = normalized(name, sums if ":" in text else np.maximum(sums, 0))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        if ":" in text:
            behind = output_of(model, "activation_of_dense_2", ROWS, training=True)
            np.testing.assert_array_equal(behind, np.maximum(found, 0))


def test_before_an_activation_in_other_models():
    """A convolution, one with a layer of activation, a model inside the model, and a layer that was there before.

    The next build of the control has its activation still; where there is more than one activation, it is refused.
    """
    names = [layer.name for layer in built_on_images("layernorm@all:before").layers]
    assert names[1:6] == ["first", "layernorm_before_activation_of_first", "activation_of_first", "second",
                          "layernorm_before_activation_of_second"]  # fmt: skip
    shared = keras.layers.Dense(6, "tanh", name="first")
    shared.build((None, 3))

    def inside(shape, outputs):
        source = keras.Input(shape[-1:])
        body = keras.Model(source, keras.layers.Dense(4, "relu", name="second")(shared(source)), name="body")
        image = keras.Input(shape)
        flat = keras.layers.GlobalAveragePooling2D()(image)
        return keras.Model(image, keras.layers.Dense(outputs, "softmax")(body(flat)))

    spec = ModelSpec((), (), "own:build", ("body/first", "body/second"))
    for _ in range(2):
        model = models.build(made("layernorm@all:before", spec).fill(base=inside), (6, 6, 3), 2)
        assert shared.activation is keras.activations.tanh
        body = model.get_layer("body")
        sums = output_of(body, "first", IMAGES[0, 0])
        np.testing.assert_allclose(output_of(body, "activation_of_first", IMAGES[0, 0]), np.tanh(
            (sums - sums.mean(1, keepdims=True)) / np.sqrt(sums.var(1, keepdims=True) + 1e-3)), atol=1e-5)  # fmt: skip

    with pytest.raises(InputError, match=r"one activation to stand before; got first \(LSTM\): leave out :before"):
        built_on(recurrent, (5, 3), "layernorm@first:before")


def test_what_cannot_act_is_refused_with_its_reason():
    """Where a technique would be the control, or silence the network, or has no place."""
    facts = Facts("classification", (4,), whole=False, outputs=3, rows=90, training=SETTINGS, model=NETWORK)
    narrow = facts._replace(model=ModelSpec((8, 1), ("relu", "relu")))
    for name, odd in {
        "batchnorm": facts._replace(training=Training(batch_size=1)),
        "layernorm": narrow,
        "rmsnorm": narrow,
        "groupnorm": facts._replace(model=ModelSpec((7,), ("relu",))),
        "weightstandardization": facts._replace(shape=(1,)),
        "spatialdropout": facts,
    }.items():
        values = tuple(parameter.default for parameter in TECHNIQUES[name].parameters)
        assert TECHNIQUES[name].unfit(odd, values), name
        assert name == "spatialdropout" or not TECHNIQUES[name].unfit(facts, values), name
    assert not TECHNIQUES["spatialdropout"].unfit(facts._replace(shape=(6, 6, 3), model=OWN), (0.2,))
    for text, complaint in (
        ("groupnorm(5)", "groupnorm: expected layers whose units are 5 groups of 2 or more; got dense_1 with 8"),
        ("layernorm@input:before", "expected a hidden layer as place"),
        ("noise@1:before", "noise: expected a place without side"),
        ("unitnorm+maxnorm", "a norm of exactly one leaves a limit nothing to do"),
        ("spectral+weightstandardization", "the last one undoes the other"),
        ("unitnorm(1)", "unitnorm: expected no value"),
    ):
        with pytest.raises(InputError) as caught:
            models.build(made(text), (4,), 3)
        assert complaint in str(caught.value)
    with pytest.raises(InputError, match="orthogonal: expected layers of two units or more; got dense_2 with one"):
        made("orthogonal", narrow.model)

    def tokens(shape, outputs):
        source = keras.Input(shape, dtype="int32")
        first = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4, name="first")(source))
        second = keras.layers.Dense(4, name="second")(first)
        return keras.Model(source, keras.layers.Dense(outputs)(second))

    with pytest.raises(InputError, match="got @input, which holds whole numbers"):
        built_on(tokens, (5,), "noise@input")


def test_uses_of_a_kernel_act_in_order_and_in_recurrent_layers():
    """Weights are standardized and then silenced, so that those that are left are the standardized ones, doubled."""
    rows = np.eye(4, dtype="float32")
    model = built("dropconnect(.5)@first+weightstandardization@first")
    kernel = model.get_layer("dense_1").kernel.numpy()
    used = np.arctanh(output_of(model, "dense_1", rows / 100, training=True)) * 100
    standard = (kernel - kernel.mean(axis=0)) / kernel.std(axis=0) / 2
    kept = np.abs(used) > 1e-4
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_allclose(used[kept], 2 * standard[kept], rtol=1e-2)
    model = built_on(recurrent, (5, 3), "dropconnect(.5)@first")
    x = np.random.default_rng(5).normal(size=(2, 5, 3)).astype("float32")
    in_training = [model(x, training=True).numpy() for _ in range(2)]
    assert not np.allclose(*in_training)
    np.testing.assert_array_equal(model(x).numpy(), model(x, training=False).numpy())
