"""Targets and losses: what the network is told that the truth is, and how its errors count."""

from typing import Any

from regfleet.numbers import exact
from regfleet.techniques.keras_code import UNIFORM, Code
from regfleet.techniques.recipe import Batch, Definition, Facts, Parameter, Range, Recipe


def _classes_only(facts: Facts, _values: tuple[float, ...]) -> str:
    return "the target is a number, not a class" if facts.task == "regression" else ""


def _smooth(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def smooth(batch: Batch) -> Batch:
        return batch._replace(y=batch.y * (1 - values[0]) + values[0] / batch.y.shape[-1])

    return recipe.add(batches=[smooth])


def _wrong(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def mistake(batch: Batch) -> Batch:
        import tensorflow as tf

        classes = batch.y.shape[-1]
        drawn = batch.uniform("labelnoise", (batch.total, 2), every_update=False)
        chance, which = tf.unstack(tf.gather(drawn, batch.rows), axis=1)
        away = 1 + tf.cast(which * (classes - 1), tf.int32)
        true = tf.argmax(batch.y, axis=-1, output_type=tf.int32)
        wrong = tf.one_hot((true + away) % classes, classes)
        return batch._replace(y=tf.where(chance[:, None] < values[0], wrong, batch.y))

    return recipe.add(batches=[mistake])


def _focal(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def focus(y: Any, p: Any, losses: Any) -> Any:
        import tensorflow as tf

        # Rounding may put the sum above 1; a power's slope at 0 may be infinite.
        missing = tf.maximum(1 - tf.reduce_sum(y * p, axis=-1), TINY)
        return losses * tf.pow(missing, values[0])

    return recipe.add(losses=[focus])


def _unsure(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    if not values[0]:
        return recipe

    def penalize(_y: Any, p: Any, losses: Any) -> Any:
        import tensorflow as tf

        return losses + values[0] * tf.reduce_sum(p * tf.math.log(tf.maximum(p, TINY)), axis=-1)

    return recipe.add(losses=[penalize])


def _smooth_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    line = f"y_train = y_train * (1 - {exact(values[0])}) + {exact(values[0])} / {code.outputs}  # smoothed labels"
    return code.fill(one_hot=True).add(targets=[line])


def _wrong_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    lines = (
        f"drawn = uniform((len(y_train), 2), {code.draws('labelnoise')}, -1).numpy()  # the wrong labels of some rows",
        f"away = 1 + (drawn[:, 1] * {code.outputs - 1}).astype(int)",
        f'wrong = np.eye({code.outputs}, dtype="float32")[(y_train.argmax(axis=1) + away) % {code.outputs}]',
        f"y_train = np.where(drawn[:, :1] < {exact(values[0])}, wrong, y_train)",
    )
    return code.fill(one_hot=True).add(targets=lines, helpers=[UNIFORM])


def _focal_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    line = (
        f"losses *= keras.ops.maximum(1 - keras.ops.sum(y_true * probabilities, axis=-1), {TINY}) ** {exact(values[0])}"
    )
    return code.fill(one_hot=True).add(losses=[line])


def _unsure_code(code: Code, values: tuple[float, ...], _layers: tuple[str, ...]) -> Code:
    if not values[0]:
        return code
    log = f"keras.ops.log(keras.ops.maximum(probabilities, {TINY}))"
    line = f"losses += {exact(values[0])} * keras.ops.sum(probabilities * {log}, axis=-1)"
    return code.fill(one_hot=True).add(losses=[line])


TINY = 1e-7
"""What Keras' losses take for a probability of zero."""

LABEL_NOISE = Definition(
    name="labelnoise",
    title="Label noise",
    summary="gives a share of the training rows a wrong label for the whole training: a probe, no remedy",
    source="Zhang et al. 2017, Understanding deep learning requires rethinking generalization",
    parameters=(Parameter("share", "share", 0.2, 0, 1),),
    code=_wrong_code,
    apply=_wrong,
    label=lambda values: f"share {values[0]:g}",
    about=(
        "Each training row gets, with this probability, the label of another class, all others alike, drawn once for "
        "a seed and kept for the whole training. It is a probe: how much a network loses by it tells how far it "
        "learns its rows by heart, and beside another technique, which one holds out. Only updates see the wrong "
        "labels; every score, also that of the training rows, is measured on the true ones, and class weights are "
        "those of the true classes. It costs a draw for each training row an update, and has no place. With share 0 "
        "the training is exactly that without it."
    ),
    place="",
    unfit=_classes_only,
)
LABEL_SMOOTHING = Definition(
    name="labelsmoothing",
    title="Label smoothing",
    summary="trains on targets that give a share of the certainty to all classes alike",
    source="Szegedy et al. 2016, Rethinking the inception architecture for computer vision",
    parameters=(Parameter("share", "ε", 0.1, 0, 1, open_high=True, tunes=Range(0.01, 0.4)),),
    code=_smooth_code,
    apply=_smooth,
    label=lambda values: f"ε = {values[0]:g}",
    about=(
        "The target of a row is no longer 1 for its class and 0 for the others: a share ε of the certainty is dealt "
        "to all classes alike. The network is no longer rewarded for ever larger outputs, so that its probabilities "
        "are less extreme; the class that it names changes little. It helps with many classes or some wrong labels, "
        "and hurts the probabilities of a network that was right to be sure. It costs nothing and has no place. Only "
        "updates see the smoothed targets. With ε = 0 the training is exactly that without it."
    ),
    place="",
    unfit=_classes_only,
)
FOCAL = Definition(
    name="focal",
    title="Focal loss",
    summary="lets rows that are already classified with confidence count less",
    source="Lin et al. 2017, Focal loss for dense object detection",
    parameters=(Parameter("focus", "γ", 2, 0, float("inf"), open_high=True, tunes=Range(0.25, 6)),),
    code=_focal_code,
    apply=_focal,
    label=lambda values: f"γ = {values[0]:g}",
    about=(
        "The loss of a row is multiplied by (1 - p) to the power of γ, where p is the probability that the network "
        "gives its true class. Rows that are classified with confidence hardly count any more, so that training "
        "attends to the hard ones. It was made for many easy rows of one class beside few of another; with wrong "
        "labels it attends to those. Its loss column is the changed loss, of another size than the cross-entropy "
        "beside it. It costs nothing and has no place. With γ = 0 the training is exactly that without it."
    ),
    place="",
    unfit=_classes_only,
)
CONFIDENCE_PENALTY = Definition(
    name="confidencepenalty",
    title="Confidence penalty",
    summary="adds to the loss what certainty costs: the negative entropy of the predicted probabilities",
    source="Pereyra et al. 2017, Regularizing neural networks by penalizing confident output distributions",
    parameters=(Parameter("strength", "β", 0.1, 0, float("inf"), open_high=True, tunes=Range(0.01, 1)),),
    code=_unsure_code,
    apply=_unsure,
    label=lambda values: f"β = {values[0]:g}",
    about=(
        "The loss of a row is lowered by β times the entropy of the probabilities that the network gives to its "
        "classes, so that it pays to be unsure. Like label smoothing it keeps outputs from growing without bound, but "
        "lets the network choose which classes share the doubt. From β = 1 on it outweighs the cross-entropy for many "
        "rows. Its loss column is the changed loss, which may be negative. It costs nothing and has no place. With β "
        "= 0 the training is exactly that without it."
    ),
    place="",
    unfit=_classes_only,
)
