"""Data: what becomes of the rows of an update before the network sees them."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Code, Put, Writing
from regfleet.techniques.recipe import Batch, Definition, Descender, Descent, Facts, Parameter, Range, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import keras
    import numpy as np
    import tensorflow as tf

QUANTILES = 16384
"""As many quantiles of a distribution are drawn from, which needs uniform numbers alone: they are the same anywhere."""


def _mixup(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def mix(batch: Batch) -> Batch:
        import tensorflow as tf

        drawn = batch.uniform("mixup share", ())
        share = tf.gather(tf.constant(_quantiles(values[0]), tf.float32), tf.cast(drawn * QUANTILES, tf.int32))
        other = _partners(batch, "mixup")
        mixed = _targets_mixed(batch, other, share)
        return mixed._replace(x=share * batch.x + (1 - share) * tf.gather(batch.x, other))

    return recipe.add(batches=[mix])


@cache
def _quantiles(alpha: float) -> np.ndarray:
    """The quantiles of Beta(α, α)."""
    import numpy as np
    from scipy.stats import beta

    found: np.ndarray = beta.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, alpha, alpha)
    return found


def _cutmix(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def mix(batch: Batch) -> Batch:
        import tensorflow as tf

        chance, cut = tf.unstack(batch.uniform("cutmix share", (2,)))
        inside = _parts(batch, "cutmix", cut, rows=1, least=0) & (chance < values[0])
        other = _partners(batch, "cutmix")
        mixed = _targets_mixed(batch, other, 1 - tf.reduce_mean(tf.cast(inside, tf.float32)))
        return mixed._replace(x=tf.where(inside, tf.gather(batch.x, other), batch.x))

    return recipe.add(batches=[mix])


def _cutout(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    probability, share = values
    if not probability or not share:
        return recipe

    def cut(batch: Batch) -> Batch:
        import tensorflow as tf

        rows = tf.shape(batch.x)[0]
        inside = _parts(batch, "cutout", tf.fill((rows,), share), rows=rows, least=1)
        chance = batch.uniform("cutout chance", (rows, *(1 for _ in batch.x.shape[1:])))
        return batch._replace(x=tf.where(inside & (chance < probability), tf.zeros_like(batch.x), batch.x))

    return recipe.add(batches=[cut])


def _feature_mask(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def mask(batch: Batch) -> Batch:
        import tensorflow as tf

        rows = tf.shape(batch.x)[0]
        flat = tf.reshape(batch.x, (rows, math.prod(batch.x.shape[1:])))
        drawn = batch.uniform("featuremask rows", tf.shape(flat))
        others = tf.cast(drawn * tf.cast(rows, tf.float32), tf.int32)
        given = tf.transpose(tf.gather(tf.transpose(flat), tf.transpose(others), batch_dims=1))
        replaced = batch.uniform("featuremask", tf.shape(flat)) < values[0]
        return batch._replace(x=tf.reshape(tf.where(replaced, given, flat), tf.shape(batch.x)))

    return recipe.add(batches=[mask])


def _adversarial(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def step(inner: Descender, batch: Batch, shift: list[tf.Tensor] | None) -> Descent:
        import tensorflow as tf

        slope = inner.of_input(batch, shift)
        if slope is None:
            raise InputError(
                "fgsm: expected a model with a gradient by its input; got one without, as it takes numbers whole"
            )
        clean = inner.of(batch, shift)
        worse = inner.of(batch._replace(x=batch.x + values[0] * tf.sign(slope)), shift)
        pairs = zip(clean.gradients, worse.gradients, strict=True)
        gradients = [None if one is None or other is None else tf.add(one, other) / 2 for one, other in pairs]
        return clean._replace(gradients=gradients, loss=(clean.loss + worse.loss) / 2)

    return recipe.add(steps=[step])


def _partners(batch: Batch, name: str) -> tf.Tensor:
    """A permutation of the batch: the number of the row that each row is mixed with."""
    import tensorflow as tf

    return tf.argsort(batch.uniform(f"{name} partners", (tf.shape(batch.x)[0],)), stable=True)


def _targets_mixed(batch: Batch, other: tf.Tensor, share: tf.Tensor) -> Batch:
    """The batch with ``share`` of each target and the rest of that of the row's partner.

    The loss of a row counts what the two count; so does each target in it, as if both losses were added.
    """
    import tensorflow as tf

    y = tf.gather(batch.y, other)
    if batch.weight is None:
        return batch._replace(y=share * batch.y + (1 - share) * y)
    mine, its = share * batch.weight, (1 - share) * tf.gather(batch.weight, other)
    weight = mine + its
    return batch._replace(y=(mine[:, None] * batch.y + its[:, None] * y) / weight[:, None], weight=weight)


def _parts(batch: Batch, name: str, share: tf.Tensor, rows: Any, least: int) -> tf.Tensor:
    """Bool (rows, …): which numbers of so many rows belong to a random ``share`` of each, of at least ``least`` a side.

    Of a row of features it is any of them; of an image a rectangle of its proportions around a random centre, cut at
    the edges; of a sequence a stretch, likewise.
    """
    import tensorflow as tf

    *sizes, channels = batch.x.shape[1:]
    share, rounding = tf.reshape(share, (-1, 1)), 1e-4
    if not sizes:
        draws = batch.uniform(name, (rows, channels))
        rank = tf.argsort(tf.argsort(draws, axis=-1, stable=True), axis=-1, stable=True)
        return rank < tf.maximum(tf.cast(share * channels + rounding, tf.int32), 1)
    centres = batch.uniform(name, (rows, len(sizes)))
    inside: Any = True
    for axis, size in enumerate(sizes):
        side = tf.maximum(tf.cast(tf.pow(share, 1 / len(sizes)) * size + rounding, tf.int32), least)
        first = tf.cast(centres[:, axis : axis + 1] * size, tf.int32) - side // 2
        within = (tf.range(size) >= first) & (tf.range(size) < first + side)
        inside &= tf.reshape(within, (-1, *(size if axis == one else 1 for one in range(len(sizes))), 1))
    return inside


def _mixed_code(code: Code, name: str) -> str:
    """The lines that mix targets with those of the rows ``other`` by ``share``."""
    partners = f"other = tf.argsort(uniform((tf.shape(x)[0],), {code.draws(f'{name} partners')}, update), stable=True)"
    if not code.weighs:
        return f"{partners}\ny = share * y + (1 - share) * tf.gather(y, other)\n"
    return (
        f"{partners}\nmine, its = share * weight, (1 - share) * tf.gather(weight, other)\nweight = mine + its\n"
        "y = (mine[:, None] * y + its[:, None] * tf.gather(y, other)) / weight[:, None]\n"
    )


def _mixup_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    quantiles = f"beta.ppf((np.arange({QUANTILES}) + 0.5) / {QUANTILES}, {exact(values[0])}, {exact(values[0])})"
    body = (
        f"share = tf.gather(SHARES, tf.cast(uniform((), {code.draws('mixup share')}, update) * {QUANTILES}, 'int32'))\n"
        f"{_mixed_code(code, 'mixup')}x = share * x + (1 - share) * tf.gather(x, other)"
    )
    shares = f"SHARES = tf.constant({quantiles}, 'float32')  # quantiles of a Beta\n"
    return code.fill(one_hot=True).add(helpers=[shares]).changing("mixup", body)


_ON_TABLES = "of an image or a sequence it takes a rectangle or a stretch, which is no few lines of Keras"


def _cutmix_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    if code.axes > 1:
        return code.add(lacks=[_ON_TABLES])
    body = (
        f"chance, cut = tf.unstack(uniform((2,), {code.draws('cutmix share')}, update))\n"
        "columns = x.shape[1]\n"
        f"drawn = uniform((1, columns), {code.draws('cutmix')}, update)\n"
        "rank = tf.argsort(tf.argsort(drawn, stable=True), stable=True)\n"
        "inside = rank < tf.maximum(tf.cast(cut * columns + 1e-4, 'int32'), 1)\n"
        f"inside &= chance < {exact(values[0])}\n"
        "share = 1 - tf.reduce_mean(tf.cast(inside, 'float32'))\n"
        f"{_mixed_code(code, 'cutmix')}x = tf.where(inside, tf.gather(x, other), x)"
    )
    return code.fill(one_hot=True).changing("cutmix", body)


def _cutout_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    probability, share = values
    if not probability or not share:
        return code
    if code.axes > 1:
        return code.add(lacks=[_ON_TABLES])
    body = (
        "rows, columns = tf.shape(x)[0], x.shape[1]\n"
        f"drawn = uniform((rows, columns), {code.draws('cutout')}, update)\n"
        "rank = tf.argsort(tf.argsort(drawn, stable=True), stable=True)\n"
        f"inside = rank < max(int({exact(share)} * columns + 1e-4), 1)\n"
        f"chosen = uniform((rows, 1), {code.draws('cutout chance')}, update) < {exact(probability)}\n"
        "x = tf.where(inside & chosen, tf.zeros_like(x), x)"
    )
    return code.changing("cutout", body)


def _feature_mask_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    body = (
        "rows = tf.shape(x)[0]\n"
        "flat = tf.reshape(x, (rows, np.prod(x.shape[1:])))\n"
        f"others = uniform(tf.shape(flat), {code.draws('featuremask rows')}, update) * tf.cast(rows, 'float32')\n"
        "given = tf.transpose(\n"
        "    tf.gather(tf.transpose(flat), tf.transpose(tf.cast(others, 'int32')), batch_dims=1)\n"
        ")\n"
        f"replaced = uniform(tf.shape(flat), {code.draws('featuremask')}, update) < {exact(values[0])}\n"
        "x = tf.reshape(tf.where(replaced, given, flat), tf.shape(x))"
    )
    return code.changing("featuremask", body)


_ADVERSARIAL = '''\
def adversarial(gradients, epsilon):
    """The gradients of the rows, and of rows moved to where their loss grows."""

    def of_both(model, x, y, weight):
        x = tf.convert_to_tensor(x)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            loss = loss_of(model, x, y, weight)
        worse = x + epsilon * tf.sign(tape.gradient(loss, x))
        pairs = zip(gradients(model, x, y, weight), gradients(model, worse, y, weight))
        return [(one + other) / 2 for one, other in pairs]

    return of_both
'''


def _adversarial_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    return code.add(steps=[f"adversarial({{}}, {exact(values[0])})"], helpers=[_ADVERSARIAL]) if values[0] else code


def _on_images_code(kind: str, made: str, arguments: Callable[[Sequence[float]], tuple[str, ...]]) -> Writing:
    def write(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
        if values == (0,):
            return code
        return code.add(layers=[Put("input", kind, f"keras.layers.{made}", arguments(values), "noise")])

    return write


def _on_images(kind: str, make: Callable[[Sequence[float], str], keras.layers.Layer]) -> Callable[..., Recipe]:
    """A technique that puts a layer at the input, unless its one value is zero."""

    def apply(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
        if values == (0,):
            return recipe
        return recipe.insert("input", kind, lambda name: make(values, name))

    return apply


def _flipping(_values: Sequence[float], name: str) -> keras.layers.Layer:
    import keras

    return keras.layers.RandomFlip("horizontal", name=name)


def _moving(values: Sequence[float], name: str) -> keras.layers.Layer:
    import keras

    return keras.layers.RandomTranslation(values[0], values[0], "constant", "nearest", name=name)


def _turning(values: Sequence[float], name: str) -> keras.layers.Layer:
    import keras

    return keras.layers.RandomRotation(values[0] / 360, "constant", name=name)


def _measurements(facts: Facts, _values: tuple[float, ...]) -> str:
    return "its rows are whole numbers or texts, between which there is nothing" if facts.whole else ""


def _several_measurements(facts: Facts, values: tuple[float, ...]) -> str:
    return _measurements(facts, values) or _several(facts, values)


def _several(facts: Facts, _values: tuple[float, ...]) -> str:
    return "a row has one feature only" if math.prod(facts.shape) == 1 else ""


def _images(facts: Facts, _values: tuple[float, ...]) -> str:
    return "" if len(facts.shape) == 3 else "its rows are no images (height, width, channels)"


_ONE = "each of mix-up, cut-mix and cut-out changes the same rows, and one augmentation at a time is what they are for"

MIXUP = Definition(
    name="mixup",
    title="Mix-up",
    summary="trains on weighted means of two rows and of their targets",
    source="Zhang et al. 2018, mixup: Beyond empirical risk minimization",
    parameters=(Parameter("alpha", "α", 0.2, 0, 100, tunes=Range(0.02, 2)),),
    code=_mixup_code,
    apply=_mixup,
    label=lambda values: f"α = {values[0]:g}",
    about=(
        "Every batch is mixed with itself in another order: each row becomes λ times itself plus 1 - λ times its "
        "partner, and so does its target, where λ is drawn from Beta(α, α) once for the batch. A small α leaves most "
        "batches nearly as they are, 1 draws every λ alike. The network learns to change evenly between the rows it "
        "knows, which helps where it is overconfident or labels are wrong; it hurts where a mean of two rows is like "
        "no row. A few more operations an update are all it costs. It changes the whole training and has no place; a "
        "regression's targets are mixed likewise. With α = 0 nothing is mixed, and the training is exactly that "
        "without it."
    ),
    place="",
    conflicts=(("cutmix", _ONE), ("cutout", _ONE)),
    unfit=_measurements,
)
CUTMIX = Definition(
    name="cutmix",
    title="Cut-mix",
    summary="replaces a part of each row by that of another one, and its target by the share of that part",
    source="Yun et al. 2019, CutMix: Regularization strategy to train strong classifiers with localizable features; "
    "for rows of a table: Kadra et al. 2021, Well-tuned simple nets excel on tabular datasets",
    parameters=(Parameter("probability", "p", 0.5, 0, 1, tunes=Range(0.1, 1, "linear")),),
    code=_cutmix_code,
    apply=_cutmix,
    label=lambda values: f"p = {values[0]:g}",
    about=(
        "With the given probability a batch is cut: a part of every row is replaced by the same part of its partner "
        "in the batch, and its target becomes the mean of both by the share of what each gave. Of a table that part "
        "is a random subset of the features, of an image a rectangle, of a sequence a stretch; its size is drawn "
        "uniformly. Values stay real ones, unlike with mix-up, but their combinations are not. It helps images most, "
        "and costs a few operations an update. It changes the whole training and has no place. With probability 0 the "
        "training is exactly that without it."
    ),
    place="",
    conflicts=(("mixup", _ONE), ("cutout", _ONE)),
    unfit=_several_measurements,
)
CUTOUT = Definition(
    name="cutout",
    title="Cut-out",
    summary="sets a random part of a row to zero, the mean of a standardized feature",
    source="DeVries & Taylor 2017, Improved regularization of convolutional neural networks with cutout; "
    "for rows of a table: Kadra et al. 2021, Well-tuned simple nets excel on tabular datasets",
    parameters=(
        Parameter("probability", "p", 0.5, 0, 1, tunes=Range(0.1, 1, "linear")),
        Parameter("share", "share", 0.25, 0, 1, tunes=Range(0.05, 0.6, "linear")),
    ),
    code=_cutout_code,
    apply=_cutout,
    label=lambda values: f"p = {values[0]:g}, share {values[1]:g}",
    about=(
        "In every update each row is cut with the given probability: that share of its features, at least one, is set "
        "to zero; of an image it is a rectangle of its proportions, of a sequence a stretch, around a random centre, "
        "cut off at the edges. Zero is the mean where features are standardized, and black in raw images. Targets "
        "stay. The network learns not to rely on one feature; unlike dropout at the input nothing is scaled up, and "
        "pixels go together. It costs next to nothing and has no place. With probability or share 0 the training is "
        "exactly that without it."
    ),
    place="",
    conflicts=(("mixup", _ONE), ("cutmix", _ONE)),
    unfit=_several_measurements,
)
FEATURE_MASK = Definition(
    name="featuremask",
    title="Feature masking",
    summary="replaces random features of a row by those of other rows",
    source="Yoon et al. 2020, VIME: Extending the success of self- and semi-supervised learning to tabular domain; "
    "Bahri et al. 2022, SCARF: Self-supervised contrastive learning using random feature corruption",
    parameters=(Parameter("probability", "p", 0.15, 0, 1, tunes=Range(0.02, 0.6, "linear")),),
    code=_feature_mask_code,
    apply=_feature_mask,
    label=lambda values: f"p = {values[0]:g}",
    about=(
        "In every update each number of each row is replaced, with the given probability, by that of a random row of "
        "the batch at the same place; targets stay. So every feature keeps its distribution, and only what it has to "
        "do with the others is disturbed. It is the corruption of VIME and SCARF, used while the network is trained. "
        "It helps wide tables whose features say much the same, takes tokens as well, and harms where single features "
        "decide. It costs next to nothing and has no place. With probability 0 the training is exactly that without "
        "it."
    ),
    place="",
    unfit=_several,
)
FGSM = Definition(
    name="fgsm",
    title="Adversarial training",
    summary="trains on each row and on the same row moved a little to where its loss grows; triples the cost",
    source="Goodfellow et al. 2015, Explaining and harnessing adversarial examples",
    parameters=(Parameter("epsilon", "ε", 0.007, 0, float("inf"), open_high=True, tunes=Range(0.001, 0.3)),),
    code=_adversarial_code,
    apply=_adversarial,
    label=lambda values: f"ε = {values[0]:g}",
    about=(
        "In every update each number of the input is moved by ε in the direction in which the loss grows, by the sign "
        "of its gradient (the fast gradient sign method), and the loss is the mean of that of the rows as they are "
        "and that of the moved ones. ε counts in what the network is given: deviations of a standardized feature, or "
        "the range of pixels. The network gets less sensitive to small changes of its input, which may cost accuracy "
        "on clean rows. An update takes three passes instead of one, and batch normalization sees each of them. It "
        "has no place. With ε = 0 the training is exactly that without it."
    ),
    place="",
    unfit=_measurements,
)
FLIP = Definition(
    name="flip",
    title="Flips",
    summary="mirrors a random half of the images in each update, left for right",
    source="Krizhevsky et al. 2012, ImageNet classification with deep convolutional neural networks; Keras' RandomFlip",
    parameters=(),
    code=_on_images_code("flip", "RandomFlip", lambda _values: ('"horizontal"',)),
    apply=_on_images("flip", _flipping),
    label=lambda _values: "",
    about=(
        "A RandomFlip layer at the input mirrors each image left for right with probability one half while the "
        "network trains; in inference it does nothing. It helps where a mirrored image is of the same class, as with "
        "most photographs, and harms where it is not, as with digits and letters. It costs little and stands at the "
        "input, so that no place is given. It has no strength: leave it out for a control."
    ),
    place="",
    unfit=_images,
)
CROP = Definition(
    name="crop",
    title="Crops",
    summary="moves each image by a random part of its size, and fills with zeros what is left empty",
    source="He et al. 2016, Deep residual learning for image recognition (padded crops); Keras' RandomTranslation",
    parameters=(Parameter("share", "share", 0.125, 0, 1, open_high=True, tunes=Range(0.02, 0.3, "linear")),),
    code=_on_images_code(
        "crop", "RandomTranslation", lambda values: (exact(values[0]), exact(values[0]), '"constant"', '"nearest"')
    ),
    apply=_on_images("crop", _moving),
    label=lambda values: f"share {values[0]:g}",
    about=(
        "A RandomTranslation layer at the input moves each image by up to this share of its height and width, by "
        "whole pixels, while the network trains: what a random crop of the image gives that is padded with zeros. In "
        "inference it does nothing. It helps where it does not matter where in the image things are, and harms where "
        "it does or where they are cut off. It costs little and stands at the input, so that no place is given. With "
        "share 0 the training is exactly that without it."
    ),
    place="",
    unfit=_images,
)
ROTATE = Definition(
    name="rotate",
    title="Rotations",
    summary="turns each image by a random angle, and fills with zeros what is left empty",
    source="Simard et al. 2003, Best practices for convolutional neural networks applied to visual document analysis; "
    "Keras' RandomRotation",
    parameters=(Parameter("angle", "angle", 15, 0, 180, tunes=Range(2, 45, "linear")),),
    code=_on_images_code("rotate", "RandomRotation", lambda values: (f"{exact(values[0])} / 360", '"constant"')),
    apply=_on_images("rotate", _turning),
    label=lambda values: f"up to {values[0]:g}°",
    about=(
        "A RandomRotation layer at the input turns each image around its centre by up to this many degrees either way "
        "while the network trains, with values between pixels where they do not meet; in inference it does nothing. "
        "It helps where images are taken at any angle, and harms where the angle tells classes apart, as with 6 and "
        "9. It costs more than flips and crops, and stands at the input, so that no place is given. With angle 0 the "
        "training is exactly that without it."
    ),
    place="",
    unfit=_images,
)
