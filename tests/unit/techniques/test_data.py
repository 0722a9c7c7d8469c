"""What becomes of the rows of an update, by numbers worked out apart from TensorFlow's."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from regfleet import training
from regfleet.data.dataset import Rows, Sets
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, parse_techniques, recipe
from regfleet.techniques.recipe import Batch, Facts, Recipe
from regfleet.training import runtime
from regfleet.training.descent import Plain, descender

NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=2, batch_size=25)


@pytest.fixture(autouse=True, scope="session")
def _runtime():
    """One TensorFlow thread, as in a worker."""
    runtime.prepare(gpu=False)


def recipe_of(text, model=NETWORK):
    """The recipe of one combination."""
    (combination,) = parse_techniques(text, model).combinations
    return recipe(model, SETTINGS, combination)


def changing(text):
    """A function (x, y, weight, key, update) → the arrays of the batch as the technique changes it."""
    (change,) = recipe_of(text).batches

    @tf.function
    def changed(x, y, key, update, *weight):
        rows = tf.range(tf.shape(x)[0])
        batch = change(Batch(x, y, *(weight or (None,)), rows, key, update, x.shape[0]))
        return batch[: 3 if weight else 2]

    def run(x, y, key=1, update=0, weight=None):
        given = [] if weight is None else [tf.constant(weight, tf.float32)]
        x, y = (tf.constant(part, tf.float32) for part in (x, y))
        return [part.numpy() for part in changed(x, y, tf.constant(key), tf.constant(update), *given)]

    return run


def targets(rows, classes=3):
    """One-hot targets of random classes, float64."""
    return np.eye(classes)[np.random.default_rng(1).integers(0, classes, rows)]


def test_mixup_takes_rows_and_targets_of_two_in_the_same_shares():
    """Rows that are unit vectors become rows of the mixing matrix, whose λ have the distribution Beta(α, α)."""
    change, y, weight = changing("mixup(0.4)"), targets(6), np.array([1, 2, 3, 4, 5, 6.0])
    shares = []
    for update in range(300):
        mixing, mixed, weighed = change(np.eye(6), y, update=update, weight=weight)
        np.testing.assert_allclose(mixing.sum(axis=0), 1, atol=1e-5)
        np.testing.assert_allclose(mixing.sum(axis=1), 1, atol=1e-5)
        assert (np.count_nonzero(mixing, axis=1) <= 2).all()
        # The loss is linear in the target: so the rows' losses add up as those of two rows would.
        np.testing.assert_allclose(weighed, mixing @ weight, rtol=1e-5)
        np.testing.assert_allclose(weighed[:, None] * mixed, mixing @ (weight[:, None] * y), atol=1e-5)
        one = np.flatnonzero(np.diag(mixing) < 1 - 1e-6)
        shares += [mixing[one[0], one[0]]] if len(one) else []
    assert stats.kstest(shares, stats.beta(0.4, 0.4).cdf).pvalue > 0.01
    np.testing.assert_allclose(change(np.eye(6), y)[1], change(np.eye(6), y)[0] @ y, atol=1e-6)


def test_every_seed_and_update_mixes_anew():
    """The same seed and update give the same bits."""
    change, y = changing("mixup(1)"), targets(6)
    first, again, later, other = (change(np.eye(6), y, *at)[0] for at in ((1, 0), (1, 0), (1, 1), (2, 0)))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, later)
    assert not np.allclose(first, other)


def test_draws_are_uniform_and_the_same_bits_with_and_without_xla():
    """XLA makes floats of random bits in a way of its own."""
    batch = Batch(tf.zeros((1, 1)), tf.zeros((1, 1)), None, tf.range(1), tf.constant(7), tf.constant(3), 1)
    draw = tf.function(lambda: batch.uniform("draw", (5000,)), jit_compile=True)
    np.testing.assert_array_equal(draw(), batch.uniform("draw", (5000,)))
    assert stats.kstest(draw(), "uniform").pvalue > 0.01


def parts_of(change, shape, updates):
    """The masks of what is replaced in each batch of 8 rows; checks that rows and targets come from two rows."""
    number, y = np.arange(1, 9.0), targets(8, 8)
    x = np.broadcast_to(number.reshape(8, *(1 for _ in shape)), (8, *shape))
    for update in range(updates):
        cut, mixed = change(x, y, update=update)
        replaced = cut != x
        partner = np.where(replaced, cut, 0).reshape(8, -1).max(axis=1).astype(int)
        has = np.flatnonzero(partner)
        mask = replaced[has].any(axis=0)
        for row in has:
            np.testing.assert_array_equal(cut[row], np.where(mask, partner[row], x[row]))
        other = y[np.where(partner > 0, partner - 1, np.arange(8))]
        np.testing.assert_allclose(mixed, (1 - mask.mean()) * y + mask.mean() * other, atol=1e-6)
        yield mask


def test_cutmix_of_a_table_takes_a_share_of_its_features():
    """In half of the batches from 1 to 9 of 10 features, as a uniform share rounded down; targets by that share."""
    counts = [int(mask.sum()) for mask in parts_of(changing("cutmix(0.5)"), (10,), 400)]
    assert stats.binomtest(400 - counts.count(0), 400, 0.5).pvalue > 0.01
    seen = np.bincount([count for count in counts if count], minlength=10)
    assert len(seen) == 10
    assert stats.chisquare(seen[1:], seen.sum() * np.array([0.2, *[0.1] * 8])).pvalue > 0.01


@pytest.mark.parametrize("shape", [(9, 6, 2), (12, 3)])
def test_cutmix_of_an_image_takes_a_rectangle(shape):
    """Of a sequence a stretch, of all channels: targets are mixed by its area."""
    areas = []
    for mask in parts_of(changing("cutmix(1)"), shape, 150):
        sides = [mask.any(axis=tuple({*range(mask.ndim)} - {axis})) for axis in range(mask.ndim - 1)]
        assert all((np.diff(np.flatnonzero(side)) == 1).all() for side in sides)
        assert mask.sum() == np.prod([side.sum() for side in sides]) * shape[-1]
        areas.append(mask.mean())
    assert 0.2 < np.mean(areas) < 0.5  # a half, but for what is cut off at the edges and rounded down
    assert min(areas) < 0.1
    assert max(areas) > 0.5


def test_cutout_of_a_table_empties_a_share_of_the_features_of_some_rows():
    """Exactly 3 of 10, every one as often, in a quarter of the rows; nothing else changes."""
    x, y = 1 + np.arange(4000.0).reshape(400, 10), targets(400)
    cut, same = changing("cutout(0.25,0.3)")(x, y)
    np.testing.assert_array_equal(same, y)
    np.testing.assert_array_equal(cut[cut != 0], x[cut != 0])
    empty = (cut == 0).sum(axis=1)
    assert set(empty) == {0, 3}
    assert stats.binomtest(np.count_nonzero(empty), 400, 0.25).pvalue > 0.01
    assert stats.chisquare((cut == 0).sum(axis=0)).pvalue > 0.01


def test_cutout_of_an_image_empties_a_patch():
    """A quarter of 8 × 12 pixels is 4 × 6, centred anywhere and cut off at the edges, another for each image."""
    cut, _ = changing("cutout(1,0.25)")(np.ones((300, 8, 12, 2)), targets(300))
    sizes = set()
    for image in cut[..., 0] == 0:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert image[np.ix_(rows, columns)].all()
        assert image.sum() == len(rows) * len(columns)
        assert len(rows) == 4 or {0, 7} & {*rows}
        assert len(columns) == 6 or {0, 11} & {*columns}
        sizes.add((len(rows), len(columns)))
    np.testing.assert_array_equal(cut[..., 0], cut[..., 1])
    assert {(4, 6), (2, 6), (4, 3)} <= sizes


def test_feature_masking_takes_values_of_other_rows_at_the_same_place():
    """Each number with probability 0.3, of which one in 50 is the row's own; whole numbers stay whole."""
    x = np.arange(50)[:, None] + 100 * np.arange(40)[None]
    (change,) = recipe_of("featuremask(0.3)").batches
    rows, y = tf.range(50), tf.constant(targets(50))
    masked, same, *_ = change(Batch(tf.constant(x), y, None, rows, tf.constant(1), tf.constant(0), 50))
    masked = masked.numpy()
    np.testing.assert_array_equal(same, y)
    assert masked.dtype == x.dtype
    np.testing.assert_array_equal(masked // 100, x // 100)
    assert stats.binomtest(int((masked != x).sum()), 2000, 0.3 * 49 / 50).pvalue > 0.01
    donors = (masked % 100)[masked != x]
    assert stats.chisquare(np.bincount(donors, minlength=50)).pvalue > 0.01


def test_adversarial_rows_are_moved_by_the_sign_of_the_slope():
    """Softmax regression, whose gradients are known: their mean over the rows as they are and as they are moved."""
    draw = np.random.default_rng(0)
    x, y, weight = draw.normal(size=(7, 4)), targets(7), draw.uniform(0.5, 2, 7)
    kernel, shift = draw.normal(size=(4, 3)), 0.1 * draw.normal(size=(4, 3))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax", use_bias=False)])
    model.compile("sgd", "categorical_crossentropy")
    model.layers[0].kernel.assign(kernel)
    parts = [tf.constant(part, tf.float32) for part in (x, y, weight)]
    batch = Batch(*parts, tf.range(7), tf.constant(1), tf.constant(0), 7)

    def by_hand(x, kernel):
        p = np.exp(x @ kernel)
        p /= p.sum(axis=1, keepdims=True)
        errors = weight[:, None] * (p - y) / 7
        return -(weight * np.log((p * y).sum(axis=1))).mean(), x.T @ errors, errors @ kernel.T

    for given, used in ((None, kernel), ([tf.constant(shift, tf.float32)], kernel + shift)):
        found = descender(Plain(model), recipe_of("fgsm(0.3)").steps).of(batch, given)
        loss, gradient, slope = by_hand(x, used)
        worse, other, _ = by_hand(x + 0.3 * np.sign(slope), used)
        assert worse > loss
        assert float(found.loss) == pytest.approx((loss + worse) / 2, rel=1e-5)
        np.testing.assert_allclose(found.gradients[0], (gradient + other) / 2, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.layers[0].kernel, kernel, rtol=1e-6)


def test_a_model_that_takes_its_input_whole_has_no_adversarial_rows():
    """Nothing is the gradient of an Embedding by its tokens."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Embedding(3, 2), keras.layers.Flatten()])
    model.compile("sgd", "mse")
    batch = Batch(tf.ones((2, 2)), tf.ones((2, 4)), None, tf.range(2), tf.constant(1), tf.constant(0), 2)
    with pytest.raises(InputError, match="fgsm: expected a model with a gradient by its input; got one without"):
        descender(Plain(model), recipe_of("fgsm").steps).of(batch)


def made(text):
    """The layer that a technique for images inserts at the input."""
    (insertion,) = recipe_of(text).insertions
    assert insertion.after == "input"
    return insertion.make("layer")


def test_images_are_mirrored_and_moved_and_turned_in_training_alone():
    """Half are mirrored, left for right; all are moved by whole pixels, at most so many; turned by such an angle."""
    draw = np.random.default_rng(0)
    images = draw.uniform(1, 2, size=(200, 8, 16, 1)).astype("float32")
    keras.utils.set_random_seed(1)
    for text in ("flip", "crop(0.25)", "rotate(30)"):
        np.testing.assert_array_equal(made(text)(images, training=False), images)
    flipped = made("flip")(images, training=True).numpy()
    mirrored = [np.array_equal(one, image[:, ::-1]) for one, image in zip(flipped, images, strict=True)]
    same = [np.array_equal(one, image) for one, image in zip(flipped, images, strict=True)]
    assert np.array_equal(mirrored, ~np.array(same))
    assert stats.binomtest(sum(mirrored), 200, 0.5).pvalue > 0.01

    moves = set()
    for one, image in zip(made("crop(0.25)")(images, training=True).numpy(), images, strict=True):
        padded = np.pad(image, ((2, 2), (4, 4), (0, 0)))
        crops = {(i, j): padded[i : i + 8, j : j + 16] for i in range(5) for j in range(9)}
        (at,) = [at for at, crop in crops.items() if np.array_equal(one, crop)]
        moves.add(at)
    assert {i for i, _ in moves} == {*range(5)}
    assert {j for _, j in moves} == {*range(9)}

    dot = np.zeros((200, 21, 21, 1), "float32")
    dot[:, 9:12, 17:20] = 1
    turned = made("rotate(30)")(dot, training=True).numpy()[..., 0]
    vertical, across = (np.tensordot(turned, grid, 2) / turned.sum((1, 2)) for grid in np.mgrid[-10:11, -10:11])
    angles = np.degrees(np.arctan2(vertical, across))
    assert stats.kstest(angles, stats.uniform(-30, 60).cdf).pvalue > 0.01


def of_images(shape, outputs):
    """A small network for images."""
    inputs = keras.Input(shape)
    hidden = keras.layers.Conv2D(2, 3, activation="relu", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs, "softmax", name="out")(keras.layers.Flatten()(hidden)))


def test_images_train_alike_in_both_engines_and_anew_for_every_seed():
    """With changed images; the draws are those of the seed."""
    draw = np.random.default_rng(0)
    y = targets(50).astype("float32")
    x = draw.normal(size=(50, 6, 6, 1)).astype("float32")
    sets = Sets(*(Rows(x[rows], y[rows]) for rows in (slice(0, 30), slice(30, 40), slice(40, 50))))
    changed = recipe_of("flip+crop(0.2)+rotate", ModelSpec((), (), "net:build", ("conv",)))
    changed = replace(changed, base=of_images)
    fused, reference = (training.fit(changed, sets, 1, engine, "images") for engine in ("fused", "keras"))
    assert not fused.execution.untraceable
    for one, other in zip(fused.weights, reference.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    states = []
    for seed in (1, 2):
        model = training.engines._compiled(changed, sets)
        training.contract.assign(model.variables, training.engines._start(model, changed, sets, seed).values)
        states.append([v.numpy().tolist() for v in model.variables if v.name == "seed_generator_state"])
    assert len({str(state) for seed in states for state in seed}) == 6


ZERO = ["mixup(0)", "cutmix(0)", "cutout(0)", "cutout(1,0)", "featuremask(0)", "fgsm(0)", "crop(0)", "rotate(0)"]


@pytest.mark.parametrize("text", ZERO)
def test_without_strength_the_recipe_is_that_of_the_control(text):
    """So that every bit is."""
    assert recipe_of(text) == Recipe(NETWORK, SETTINGS)


def test_one_augmentation_at_a_time():
    """However they are typed."""
    for text in ("mixup+cutmix", "cutmix+mixup", "cutout+cutmix", "mixup+l2+cutout"):
        with pytest.raises(InputError, match=r"expected no (mixup|cutmix|cutout) beside it; got both, but each of"):
            recipe_of(text)


def facts(shape, task="classification", *, whole=False):
    """What such data are."""
    return Facts(task, shape, whole, 3, 100, SETTINGS, NETWORK)


def test_what_cannot_act_says_why():
    """On tokens, on one feature, on what is no image; a regression is mixed too."""
    table, one, tokens = facts((4,)), facts((1,)), facts((20,), whole=True)
    reasons = {name: definition.unfit for name, definition in TECHNIQUES.items()}
    for name in ("mixup", "cutmix", "cutout", "fgsm"):
        assert "whole numbers or texts" in reasons[name](tokens, ())
        assert not reasons[name](table, ())
        assert not reasons[name](facts((4,), "regression"), ())
    for name in ("cutmix", "cutout", "featuremask"):
        assert "one feature only" in reasons[name](one, ())
    assert not reasons["featuremask"](tokens, ())
    for name in ("flip", "crop", "rotate"):
        assert "no images" in reasons[name](table, ())
        assert not reasons[name](facts((8, 8, 1)), ())
