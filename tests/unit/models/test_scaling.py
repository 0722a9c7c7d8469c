"""What a model does with its input, and that an adapted Normalization goes on as it was adapted."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from regfleet import models
from regfleet.models.scaling import input_use
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe


class Tokens(layers.Layer):
    """Embeddings of tokens and of their places, as Keras' examples write it."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = layers.Embedding(50, 4), layers.Embedding(10, 4)

    def call(self, x):
        """The sum of both."""
        return self.tokens(x) + self.places(ops.arange(ops.shape(x)[-1]))


class Hundredth(layers.Layer):
    """A layer that scales and has no weights."""

    def call(self, x):
        """A hundredth."""
        return x / 100


class Patches(layers.Layer):
    """A layer that only moves numbers."""

    def call(self, x):
        """Four steps."""
        return ops.reshape(x, (-1, 4, 4))


class Table(layers.Layer):
    """An embedding of one's own, whose lookup is Keras' or TensorFlow's."""

    def __init__(self, take):
        super().__init__()
        self.take = take

    def build(self, _shape):
        """The table."""
        self.table = self.add_weight(shape=(50, 4), initializer="uniform")

    def call(self, x):
        """The rows of the table."""
        return self.take(self.table, x)


def keras_take(table, x):
    """In functions of Keras."""
    return ops.take(table, ops.cast(x, "int32"), axis=0)


def tf_take(table, x):
    """In functions that Keras does not trace."""
    return tf.gather(tf.convert_to_tensor(table), tf.cast(x, tf.int32))


class Own(layers.Layer):
    """A layer of its own weights that calls ``first`` before them."""

    def __init__(self, first):
        super().__init__()
        self.first, self.dense = first, layers.Dense(3)

    def build(self, shape):
        """The kernel."""
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x):
        """A linear layer, as Keras' guides write it, and a Dense beside it."""
        x = self.first(x)
        return ops.matmul(x, self.kernel) + self.dense(x) + ops.matmul(x, ops.multiply(self.kernel, 2))


class Whole(keras.Model):
    """A model that calls ``first`` before its layers."""

    def __init__(self, first):
        super().__init__()
        self.first, self.out = first, layers.Dense(2)

    def call(self, x):
        """Two outputs."""
        return self.out(self.first(x))


class Unseen(keras.Model):
    """A model whose layers hang together unseen."""

    def __init__(self):
        super().__init__()
        self.table, self.out = layers.Embedding(50, 4), layers.Dense(2)

    def call(self, x):
        """The mean embedding."""
        return self.out(ops.mean(self.table(x), 1))


def sequence(shape, *more, dtype=None):
    """The layers one after the other."""
    return keras.Sequential([keras.Input(shape, dtype=dtype), *more])


def functional(shape, make):
    """The model of a function of its input."""
    source = keras.Input(shape)
    return keras.Model(source, layers.Dense(2)(make(source)))


def inner(*more):
    """A model inside the model."""
    return keras.Sequential([keras.Input((8, 8, 3)), *more], name="inner")


def residual(x):
    """A sum of the input and what a layer makes of it."""
    return x + layers.Dense(4)(x)


def sliced(x):
    """One column looked up, the others as they are."""
    return ops.concatenate([layers.Embedding(9, 4)(ops.cast(x[:, 0], "int32")), x[:, 1:]], -1)


def adapted():
    """A normalization adapted to numbers around 100."""
    layer = layers.Normalization(name="norm")
    layer.adapt(np.random.default_rng(0).normal(100, 20, (90, 4)))
    return layer


IMAGE = (8, 8, 3)
AS_GIVEN = {
    "embedding": lambda: sequence((6,), layers.Embedding(9, 2, name="it")),
    "rescaling": lambda: sequence(IMAGE, layers.Rescaling(1 / 255, name="it"), layers.Flatten()),
    "behind a flip": lambda: sequence(
        IMAGE, layers.RandomFlip(), layers.Dropout(0.1), layers.Rescaling(2.0, name="it")
    ),
    "behind pooling": lambda: sequence(IMAGE, layers.AveragePooling2D(2), layers.Rescaling(2.0, name="it")),
    "augmentation inside": lambda: sequence(IMAGE, inner(layers.RandomFlip()), layers.Rescaling(2.0, name="it")),
    "inside": lambda: sequence(IMAGE, inner(layers.Rescaling(2.0, name="it"), layers.Conv2D(2, 3))),
    "each step": lambda: sequence((5, *IMAGE), layers.TimeDistributed(inner(layers.Rescaling(2.0, name="it")))),
    "each step, alone": lambda: sequence((5, 2), layers.TimeDistributed(layers.Rescaling(2.0), name="it")),
    "normalization": lambda: sequence((4,), layers.Normalization(mean=[1.0] * 4, variance=[2.0] * 4, name="it")),
    "adapted": lambda: sequence((4,), adapted(), layers.Dense(2)),
    "discretization": lambda: sequence((4,), layers.Discretization([0.0, 1.0], name="it"), layers.Embedding(3, 2)),
    "categories": lambda: sequence((4,), layers.CategoryEncoding(4, output_mode="multi_hot", name="it")),
    "lookup": lambda: sequence((4,), layers.IntegerLookup(vocabulary=[1, 2], name="it"), layers.Embedding(4, 2)),
    "hashing": lambda: sequence((4,), layers.Hashing(9, name="it"), layers.Embedding(9, 2)),
    "masking": lambda: sequence((4, 2), layers.Masking(0.0, name="it"), layers.LSTM(2)),
    "brightness": lambda: sequence(IMAGE, layers.RandomBrightness(0.2, name="it"), layers.Flatten()),
    "lambda": lambda: sequence((4,), layers.Lambda(lambda x: x / 255, name="it"), layers.Dense(2)),
    "own layer": lambda: sequence((4,), Hundredth(name="it"), layers.Dense(2)),
    "pipeline": lambda: sequence(IMAGE, layers.Pipeline([layers.RandomFlip(), layers.Rescaling(2.0, name="it")])),
    "own embedding": lambda: sequence((10,), Tokens(), layers.GlobalAveragePooling1D()),
    "own table": lambda: sequence((10,), Table(keras_take), layers.Flatten()),
    "own table, not of Keras": lambda: sequence((10,), Table(tf_take), layers.Flatten()),
    "own layer with weights": lambda: sequence((4,), Own(lambda x: x / 255), layers.Dense(2)),
    "division": lambda: functional((4,), lambda x: x / 255),
    "logarithm": lambda: functional((4,), ops.log1p),
    "caffe": lambda: functional(IMAGE, lambda x: layers.Flatten()(keras.applications.resnet.preprocess_input(x))),
    "sliced": lambda: functional((5,), sliced),
    "one of two ways": lambda: functional(
        (4,), lambda x: layers.add([layers.Dense(2)(layers.Rescaling(0.1, name="it")(x)), layers.Dense(2)(x)])
    ),
    "application": lambda: keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=2, minimalistic=True
    ),
}
SCALED = {
    "dense": lambda: sequence((4,), layers.Dense(2)),
    "batch norm": lambda: sequence((4,), layers.BatchNormalization(), layers.Dense(2)),
    "own layer": lambda: sequence((4,), Own(lambda x: x), layers.Dense(2)),
    "own layer, not of Keras": lambda: sequence((4,), Own(lambda x: tf.reverse(x, [0])), layers.Dense(2)),
    "later": lambda: sequence((4,), layers.Dense(2), layers.Rescaling(2.0)),
    "flip": lambda: sequence(IMAGE, layers.RandomFlip(), layers.ZeroPadding2D(), layers.Conv2D(2, 3)),
    "residual": lambda: functional((4,), residual),
    "attention": lambda: functional((4, 2), lambda x: layers.MultiHeadAttention(1, 2)(x, x)),
    "patches": lambda: sequence((16,), Patches(), layers.LSTM(2)),
    "lambda that moves": lambda: sequence((4, 2), layers.Lambda(lambda x: x[:, ::-1]), layers.LSTM(2)),
    "never adapted": lambda: sequence((4,), layers.Normalization(), layers.Dense(2)),
}


@pytest.mark.parametrize("kind", AS_GIVEN)
def test_a_layer_that_is_made_for_numbers_as_they_are_is_found(kind):
    """Wherever nothing with weights stands before it; the reason names the layer."""
    found = input_use(AS_GIVEN[kind]())
    assert found.why
    assert not found.knows
    if "it" in AS_GIVEN[kind].__code__.co_consts:
        assert found.why.split(" (")[0].rpartition("/")[2] == "it"


@pytest.mark.parametrize("kind", SCALED)
def test_other_models_leave_scaling_to_regfleet(kind):
    """What only moves numbers, and what stands behind weights, is no reason."""
    assert input_use(SCALED[kind]()).why == ""


def test_a_class_is_looked_into():
    """Where its layers stand is unseen: one that is made for numbers as they are is enough."""
    model = Unseen()
    model(np.ones((2, 10)))
    assert "(Embedding) looks them up" in input_use(model, (), (10,)).why


@pytest.mark.parametrize(
    ("first", "given"),
    [(lambda x: x, False), (lambda x: x / 255, True), (lambda x: ops.one_hot(ops.cast(x[:, 0], "int32"), 9), True)],
    ids=["nothing", "division", "one-hot"],
)
def test_the_code_of_a_class_is_followed(first, given):
    """What it does with its input before its layers."""
    model = Whole(first)
    model(np.ones((2, 4)))
    assert bool(input_use(model, (), (4,)).why) is given


def test_what_is_looked_up_is_known_where_nothing_changes_it():
    """With the number of entries that the layer has, and the type that the model makes of its input."""
    use = input_use(sequence((6,), layers.Reshape((2, 3)), layers.Embedding(9, 2, name="it"), dtype="int32"))
    assert (use.ids, use.dtype) == ((("it (Embedding)", 9),), "int32")
    assert input_use(AS_GIVEN["sliced"]()).ids == ()
    assert input_use(sequence((6,), layers.Rescaling(2.0), layers.Embedding(9, 2))).ids == ()


def test_images_without_channels_are_seen_by_the_axis_that_the_model_gives_them():
    """A Reshape, or a Lambda, to four axes; a sequence keeps its three."""
    image = sequence((8, 8), layers.Reshape((8, 8, 1)), layers.Conv2D(2, 3))
    assert input_use(image).images
    assert input_use(sequence((8, 8), layers.Lambda(lambda x: ops.expand_dims(x, -1)), layers.Conv2D(2, 3))).images
    assert not input_use(sequence((8, 8), layers.LSTM(2))).images
    assert not input_use(sequence((64,), layers.Reshape((8, 8, 1)), layers.Conv2D(2, 3))).images


def test_weights_that_were_given_know_their_numbers():
    """A frozen body's first layer, one that is named, or all of them; behind a head that trains none is met."""
    body = inner(layers.RandomFlip(), layers.Conv2D(2, 3, name="first"), layers.Flatten())
    model = sequence(IMAGE, body, layers.Dense(2, name="head"))
    assert input_use(model).knows == ""
    assert input_use(model, ["inner/first"]).knows == "inner/first"
    assert input_use(model, ["head"]).knows == ""
    assert input_use(model, all_kept=True).knows == "inner/first"
    body.trainable = False
    assert input_use(model).knows == "inner/first"


@pytest.mark.parametrize(("trained_on", "seen"), [("standard", "standard"), ("none", ""), ("nothing", "")])
def test_a_normalization_tells_which_rows_its_weights_know(trained_on, seen):
    """The statistics of a body trained on standardized rows are those of such rows, and of raw ones of these."""
    raw = np.random.default_rng(0).normal((3, 50, 800), (1, 20, 300), (200, 3)).astype("float32")
    rows = {"none": raw, "standard": (raw - raw.mean(0)) / raw.std(0)}

    def build(shape, outputs):
        keras.utils.set_random_seed(0)
        body = sequence(shape, layers.Dense(6, "relu"), layers.BatchNormalization(momentum=0))
        if trained_on in rows:
            body(rows[trained_on], training=True)
        body.trainable = False
        return sequence(shape, body, layers.Dense(outputs, "softmax"))

    base = models.base_of(build)
    spec = models.describe(base, "own", (3,), 2, "classification", keep_weights=False)
    use = models.use_of(base, (3,), 2, spec, rows.get)
    assert (use.why, use.seen) == ("", seen)
    assert use.knows


def test_an_adapted_normalization_trains_as_it_was_adapted():
    """The model that is trained normalizes as the builder's does, and another adaptation is another model."""

    def build(shape, outputs, norm=adapted):
        return sequence(shape, norm(), layers.Dense(outputs, "softmax"))

    def other(shape, outputs):
        def plus_one():
            layer = layers.Normalization(name="norm")
            layer.adapt(np.random.default_rng(0).normal(101, 20, (90, 4)))
            return layer

        return build(shape, outputs, plus_one)

    x = np.random.default_rng(1).normal(100, 20, (5, 4)).astype("float32")
    built = models.build(Recipe(ModelSpec((), (), "own:build"), Training(), base=models.base_of(build)), (4,), 3)
    np.testing.assert_allclose(built.get_layer("norm")(x), adapted()(x), rtol=1e-5)
    for variable, value in zip(built.variables, models.initial_weights(built, 0), strict=True):
        variable.assign(value)
    np.testing.assert_allclose(built.get_layer("norm")(x), adapted()(x), rtol=1e-5)
    prints = [
        models.describe(models.base_of(one), "own", (4,), 3, "classification", keep_weights=False).fingerprint
        for one in (build, build, other)
    ]
    assert prints[0] == prints[1] != prints[2]
