"""Constraints on kernel weights: what holds after every update."""

from typing import TYPE_CHECKING

from regfleet.techniques.recipe import Definition, Limit, Parameter, Recipe

if TYPE_CHECKING:
    import keras


def _max_norm(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def make() -> "keras.constraints.Constraint":
        import keras

        return keras.constraints.MaxNorm(values[0])

    return recipe.add(limits=[Limit(layer, make) for layer in layers])


MAXNORM = Definition(
    name="maxnorm",
    title="Max-norm",
    summary="scales the incoming weights of a unit down to a norm of at most limit, after each update",
    source="Srebro & Shraibman 2005, Rank, trace-norm and max-norm; with dropout: Srivastava et al. 2014",
    parameters=(Parameter("limit", "c", 3, 0, float("inf"), open_low=True, open_high=True),),
    apply=_max_norm,
    label=lambda values: f"c = {values[0]:g}",
)
