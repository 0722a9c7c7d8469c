"""Constraints on kernel weights: what holds after every update."""

from functools import partial
from typing import Any

from regfleet.numbers import exact
from regfleet.techniques.keras_code import Change, Code
from regfleet.techniques.recipe import Definition, Limit, Parameter, Range, Recipe


def _limit(kind: str, recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def make() -> Any:
        import keras

        constraint = getattr(keras.constraints, kind)(*values)

        def of_each_unit(kernel: Any) -> Any:
            """The constraint on all that comes into a unit: in a convolution, from each place and channel."""
            columns = keras.ops.reshape(kernel, (-1, kernel.shape[-1]))
            return keras.ops.reshape(constraint(columns), kernel.shape)

        return of_each_unit

    return recipe.add(limits=[Limit(layer, make) for layer in layers])


def _limit_code(kind: str, code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    axis = ["axis=tuple(range(len(weight.shape) - 1))"] if code.patch else []
    made = f"keras.constraints.{kind}({', '.join([*map(exact, values), *axis])})"
    return code.add(constraints=[Change(layer, made) for layer in layers])


MAXNORM = Definition(
    name="maxnorm",
    title="Max-norm",
    summary="scales the incoming weights of a unit down to a norm of at most limit, after each update",
    source="Srebro & Shraibman 2005, Rank, trace-norm and max-norm; with dropout: Srivastava et al. 2014",
    about="After each update, the incoming weights of a unit whose Euclidean norm is over the limit are scaled down to "
    "it; those below are left alone. It helps beside dropout and large learning rates, where weights may run "
    "away. It costs next to nothing. It stands at any layer with a kernel. A limit above all norms that occur is "
    "the control.",
    parameters=(Parameter("limit", "c", 3, 0, float("inf"), open_low=True, open_high=True, tunes=Range(0.5, 10)),),
    code=partial(_limit_code, "MaxNorm"),
    apply=partial(_limit, "MaxNorm"),
    label=lambda values: f"c = {values[0]:g}",
)
UNITNORM = Definition(
    name="unitnorm",
    title="Unit norm",
    summary="scales the incoming weights of a unit to a norm of exactly one, after each update",
    source="Douglas, Amari & Kung 2000, On gradient adaptation with unit-norm constraints; Keras' UnitNorm",
    about="After each update, the incoming weights of every unit are scaled to Euclidean norm one, so that only their "
    "direction is learned and all units weigh alike. It helps where single units dominate a layer. It costs next "
    "to nothing. It stands at any layer with a kernel; the first weights are as drawn, until the first update. "
    "There is no strength.",
    parameters=(),
    code=partial(_limit_code, "UnitNorm"),
    apply=partial(_limit, "UnitNorm"),
    label=lambda _values: "",
    conflicts=(("maxnorm", "a norm of exactly one leaves a limit nothing to do"),),
)
