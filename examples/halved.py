"""Techniques of your own: -t 'halved:small_start(0.1)' and -t halved:ROW_NOISE, with this folder on PYTHONPATH.

A technique fills slots of a recipe, which `regfleet.techniques.recipe.Recipe` describes, and returns it.
"""

import keras
import tensorflow as tf

from regfleet.techniques import Definition, Parameter
from regfleet.techniques.recipe import Batch, Limit, Recipe


def small_start(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """Keeps the weights of each unit within a norm that is too small to overfit."""
    return recipe.add(limits=[Limit(layer, lambda: keras.constraints.MaxNorm(values[0])) for layer in layers])


def _row_noise(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def noisy(batch: Batch) -> Batch:
        draw = tf.random.stateless_normal(tf.shape(batch.x), batch.seed("row noise"))
        return batch._replace(x=batch.x + values[0] * draw)

    return recipe.add(batches=[noisy])


ROW_NOISE = Definition(
    name="rownoise",
    title="Row noise",
    summary="adds normal noise to the rows of every update",
    source="Bishop 1995, Training with noise is equivalent to Tikhonov regularization",
    parameters=(Parameter("deviation", "σ", 0.1, 0, float("inf"), open_high=True),),
    apply=_row_noise,
    label=lambda values: f"σ = {values[0]:g}",
    place="",
    unfit=lambda facts, _values: "rows hold whole numbers, not measurements" if facts.whole else "",
)
