"""Penalties on the size of kernel weights: L1 adds their absolute values to the loss, L2 their squares."""

from functools import partial
from typing import TYPE_CHECKING

from regfleet.techniques.recipe import Definition, Parameter, Recipe

if TYPE_CHECKING:
    import keras


def _penalize(kind: str, recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def make() -> "keras.regularizers.Regularizer":
        import keras

        return getattr(keras.regularizers, kind)(values[0])

    return recipe.penalize(layers, make)


L1 = Definition(
    name="l1",
    title="L1",
    summary="adds strength x the sum of absolute kernel weights to the loss; drives weights to exactly zero",
    source="Tibshirani 1996, Regression shrinkage and selection via the lasso",
    parameters=(Parameter("strength", "λ", 0.01, 0, float("inf"), open_low=True, open_high=True),),
    apply=partial(_penalize, "L1"),
    label=lambda values: f"λ = {values[0]:g}",
)
L2 = Definition(
    name="l2",
    title="L2",
    summary="adds strength x the sum of squared kernel weights to the loss; keeps weights small",
    source="Krogh & Hertz 1991, A simple weight decay can improve generalization",
    parameters=(Parameter("strength", "λ", 0.01, 0, float("inf"), open_low=True, open_high=True),),
    apply=partial(_penalize, "L2"),
    label=lambda values: f"λ = {values[0]:g}",
)
