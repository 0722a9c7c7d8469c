"""Penalties: what adds to the loss, of kernel weights, of the angles between them, or of a layer's outputs."""

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.numbers import exact
from regfleet.techniques.keras_code import Change, Code, Put
from regfleet.techniques.recipe import Definition, Parameter, Range, Recipe

if TYPE_CHECKING:
    import keras


def _penalize(kind: str, recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def make() -> "keras.regularizers.Regularizer":
        import keras

        return getattr(keras.regularizers, kind)(*values)

    return recipe.penalize(layers, make) if any(values) else recipe


def _orthogonal(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    for layer, width in zip(recipe.model.layer_names, recipe.model.hidden, strict=False):
        if layer in layers and width < 2:
            raise InputError(f"orthogonal: expected layers of two units or more; got {layer} with one")
    return recipe.penalize(layers, lambda: _orthogonal_class()(values[0], "columns")) if any(values) else recipe


@cache
def _orthogonal_class() -> Any:
    import keras

    @keras.saving.register_keras_serializable("regfleet")
    class OrthogonalUnits(keras.regularizers.OrthogonalRegularizer):  # type: ignore[misc]
        """Keras' `OrthogonalRegularizer` for kernels of any shape, whose last axis is that of units or filters."""

        def __call__(self, kernel: Any) -> Any:
            if kernel.shape[-1] < 2:
                raise InputError(f"orthogonal: expected kernels of two units or more; got one of shape {kernel.shape}")
            return super().__call__(keras.ops.reshape(kernel, (-1, kernel.shape[-1])))

    return OrthogonalUnits


def _activity(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    def make(name: str) -> "keras.layers.Layer":
        import keras

        return keras.layers.ActivityRegularization(*values, name=name)

    for layer in layers if any(values) else ():
        recipe = recipe.insert(layer, "activity", make)
    return recipe


def _penalty_code(kind: str, code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    made = f"keras.regularizers.{kind}({', '.join(map(exact, values))})"
    return code.add(regularizers=[Change(layer, made) for layer in layers if any(values)])


_ORTHOGONAL = '''\
class OrthogonalUnits(keras.regularizers.OrthogonalRegularizer):
    """Keras' own for kernels of any shape, whose last axis is that of units or filters."""

    def __call__(self, kernel):
        return super().__call__(keras.ops.reshape(kernel, (-1, kernel.shape[-1])))
'''


def _orthogonal_code(code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    if not any(values):
        return code
    kind = "OrthogonalUnits" if code.patch else "keras.regularizers.OrthogonalRegularizer"
    code = code.add(helpers=[_ORTHOGONAL]) if code.patch else code
    return code.add(regularizers=[Change(layer, f'{kind}({exact(values[0])}, mode="columns")') for layer in layers])


def _activity_code(code: Code, values: tuple[float, ...], layers: tuple[str, ...]) -> Code:
    arguments = tuple(f"{name}={exact(value)}" for name, value in zip(("l1", "l2"), values, strict=True) if value)
    made = "keras.layers.ActivityRegularization"
    return code.add(layers=[Put(layer, "activity", made, arguments) for layer in layers if arguments])


def _strengths(values: tuple[float, ...]) -> str:
    return f"λ1 = {values[0]:g}, λ2 = {values[1]:g}"


def _strength(name: str, symbol: str, default: float, tunes: Range | None) -> Parameter:
    return Parameter(name, symbol, default, 0, float("inf"), open_high=True, tunes=tunes)


_TUNED = Range(1e-6, 0.1)

L1 = Definition(
    name="l1",
    title="L1",
    summary="adds strength x the sum of absolute kernel weights to the loss; drives weights to exactly zero",
    source="Tibshirani 1996, Regression shrinkage and selection via the lasso",
    about="Every kernel weight adds strength times its absolute value to the loss, so that each update pulls all "
    "weights towards zero by the same amount, and many of them end next to it. It helps where few of the inputs "
    "matter. It costs next to nothing. It stands at any layer with a kernel; biases are free. A strength that is "
    "too large silences the network, which then predicts the same for all rows.",
    parameters=(Parameter("strength", "λ", 0.01, 0, float("inf"), open_low=True, open_high=True, tunes=_TUNED),),
    code=partial(_penalty_code, "L1"),
    apply=partial(_penalize, "L1"),
    label=lambda values: f"λ = {values[0]:g}",
)
L2 = Definition(
    name="l2",
    title="L2",
    summary="adds strength x the sum of squared kernel weights to the loss; keeps weights small",
    source="Krogh & Hertz 1991, A simple weight decay can improve generalization",
    about="Every kernel weight adds strength times its square to the loss, so that each update pulls large weights back"
    " more than small ones. It helps where a network fits its training rows with large weights. It costs next to "
    "nothing. It stands at any layer with a kernel; biases are free. With an optimizer that scales gradients, "
    "such as Adam, it acts otherwise than decoupled weight decay.",
    parameters=(Parameter("strength", "λ", 0.01, 0, float("inf"), open_low=True, open_high=True, tunes=_TUNED),),
    code=partial(_penalty_code, "L2"),
    apply=partial(_penalize, "L2"),
    label=lambda values: f"λ = {values[0]:g}",
)
L1L2 = Definition(
    name="l1l2",
    title="Elastic net",
    summary="adds l1 x the sum of absolute kernel weights and l2 x the sum of their squares to the loss",
    source="Zou & Hastie 2005, Regularization and variable selection via the elastic net",
    about="The penalties L1 and L2 together, each with a strength of its own: weights are driven to zero as by L1, and "
    "those that are left are kept small as by L2. It helps where inputs that matter are correlated, among which "
    "L1 alone picks one by chance. It costs next to nothing. It stands at any layer with a kernel. With one "
    "strength zero it is the other penalty, with both zero the control.",
    parameters=(_strength("l1", "λ1", 0.001, _TUNED), _strength("l2", "λ2", 0.001, _TUNED)),
    code=partial(_penalty_code, "L1L2"),
    apply=partial(_penalize, "L1L2"),
    label=_strengths,
)
ORTHOGONAL = Definition(
    name="orthogonal",
    title="Orthogonal units",
    summary="adds strength x the mean absolute cosine between the weights of two units of a layer to the loss",
    source="Brock et al. 2017, Neural photo editing with introspective adversarial networks; Keras' "
    "OrthogonalRegularizer, by columns",
    about="The incoming weights of each unit, or of each filter, are a direction; the penalty is the mean absolute "
    "cosine between two of a layer's directions, so that units learn different things, whatever their size. It "
    "helps where many units end up alike. It costs one product of the kernel with itself an update. It stands at "
    "any layer of two units or more. Strength zero is the control.",
    parameters=(_strength("strength", "λ", 0.01, Range(1e-4, 1)),),
    code=_orthogonal_code,
    apply=_orthogonal,
    label=lambda values: f"λ = {values[0]:g}",
)
ACTIVITY = Definition(
    name="activity",
    title="Activity penalty",
    summary="adds l1 x the sum of absolute outputs of a layer, and l2 x that of their squares, a row to the loss",
    source="Glorot et al. 2011, Deep sparse rectifier neural networks; Keras' ActivityRegularization",
    about="What a layer puts out, and not its weights, adds to the loss: the absolute values, which makes few units "
    "answer to a row, and with a second strength the squares. The sum over units is averaged over the rows of a "
    "batch. It helps where a sparse code is wanted. It costs next to nothing. It stands behind the activation of "
    "any hidden layer. With both strengths zero it is the control.",
    parameters=(_strength("l1", "λ1", 1e-4, Range(1e-7, 0.01)), _strength("l2", "λ2", 0, Range(1e-7, 0.01))),
    code=_activity_code,
    apply=_activity,
    label=_strengths,
)
