"""L2 penalty: the sum of squared kernel weights, times a strength, is added to the loss."""

from typing import TYPE_CHECKING

from regfleet.records import Recipe
from regfleet.techniques.definition import Definition, Parameter

if TYPE_CHECKING:
    import keras


def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """Put the penalty on the kernels of ``layers``."""

    def make() -> "keras.regularizers.Regularizer":
        import keras

        return keras.regularizers.L2(values[0])

    return recipe.penalize(layers, make)


L2 = Definition(
    name="l2",
    title="L2",
    summary="adds strength x the sum of squared kernel weights to the loss; keeps weights small",
    source="Krogh & Hertz 1991, A simple weight decay can improve generalization",
    parameters=(Parameter("strength", 0.01, 0, float("inf"), open_low=True, open_high=True),),
    apply=apply,
    label=lambda values: f"λ = {values[0]:g}",
)
