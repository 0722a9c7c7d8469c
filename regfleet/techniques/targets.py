"""Targets and losses: what the network is told that the truth is, and how its errors count."""

from typing import Any

from regfleet.techniques.recipe import Batch, Definition, Facts, Parameter, Recipe


def _classes_only(facts: Facts, _values: tuple[float, ...]) -> str:
    return "the target is a number, not a class" if facts.task == "regression" else ""


def _smooth(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def smooth(batch: Batch) -> Batch:
        return batch._replace(y=batch.y * (1 - values[0]) + values[0] / batch.y.shape[-1])

    return recipe.add(batches=[smooth])


def _focal(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def focus(y: Any, p: Any, losses: Any) -> Any:
        import tensorflow as tf

        return losses * tf.pow(1 - tf.reduce_sum(y * p, axis=-1), values[0])

    return recipe.add(losses=[focus])


LABEL_SMOOTHING = Definition(
    name="labelsmoothing",
    title="Label smoothing",
    summary="trains on targets that give a share of the certainty to all classes alike",
    source="Szegedy et al. 2016, Rethinking the inception architecture for computer vision",
    parameters=(Parameter("share", "ε", 0.1, 0, 1, open_high=True),),
    apply=_smooth,
    label=lambda values: f"ε = {values[0]:g}",
    place="",
    unfit=_classes_only,
)
FOCAL = Definition(
    name="focal",
    title="Focal loss",
    summary="lets rows that are already classified with confidence count less",
    source="Lin et al. 2017, Focal loss for dense object detection",
    parameters=(Parameter("focus", "γ", 2, 0, float("inf"), open_high=True),),
    apply=_focal,
    label=lambda values: f"γ = {values[0]:g}",
    place="",
    unfit=_classes_only,
)
