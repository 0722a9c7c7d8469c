"""L1 penalty: the sum of absolute kernel weights, times a strength, is added to the loss."""

from typing import TYPE_CHECKING

from regfleet.records import Recipe
from regfleet.techniques.definition import Definition, Parameter

if TYPE_CHECKING:
    import keras


def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """Put the penalty on the kernels of ``layers``."""

    def make() -> "keras.regularizers.Regularizer":
        import keras

        return keras.regularizers.L1(values[0])

    return recipe.penalize(layers, make)


L1 = Definition(
    name="l1",
    title="L1",
    summary="adds strength x the sum of absolute kernel weights to the loss; drives weights to exactly zero",
    source="Tibshirani 1996, Regression shrinkage and selection via the lasso",
    parameters=(Parameter("strength", 0.01, 0, float("inf"), open_low=True, open_high=True),),
    apply=apply,
    label=lambda values: f"λ = {values[0]:g}",
)
