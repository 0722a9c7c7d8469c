"""How the weights are led: the optimizer, its steps, and the weights that are judged."""

from typing import Any

from regfleet.techniques.recipe import Average, Batch, Definition, Descender, Descent, Length, Parameter, Recipe


def _clip(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def clip(optimizer: Any, _model: Any, _length: Length) -> None:
        optimizer.global_clipnorm = values[0]

    return recipe.add(optimizers=[clip])


def _average(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def of(_length: Length) -> Any:
        return lambda average, current, _number: (values[0] * average + (1 - values[0]) * current, current)

    return recipe.fill(average=Average("update", of))


def _sharpness_aware(recipe: Recipe, values: tuple[float, ...], _layers: tuple[str, ...]) -> Recipe:
    def step(inner: Descender, batch: Batch, shift: list[Any] | None) -> Descent:
        import tensorflow as tf

        first = inner.of(batch, shift)
        scale = values[0] / (tf.linalg.global_norm(first.gradients) + 1e-12)
        up = [gradient * scale for gradient in first.gradients]
        if shift:
            up = [one + other for one, other in zip(shift, up, strict=True)]
        return first._replace(gradients=inner.of(batch, up).gradients)

    return recipe.add(steps=[step])


CLIP = Definition(
    name="clip",
    title="Gradient clipping",
    summary="scales the gradient of all weights down to a norm of at most limit",
    source="Pascanu et al. 2013, On the difficulty of training recurrent neural networks",
    parameters=(Parameter("limit", "c", 1, 0, float("inf"), open_low=True, open_high=True),),
    apply=_clip,
    label=lambda values: f"c = {values[0]:g}",
    place="",
)
EMA = Definition(
    name="ema",
    title="Averaged weights",
    summary="judges and keeps an exponential average of the weights over the updates",
    source="Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging",
    parameters=(Parameter("momentum", "β", 0.99, 0, 1, open_high=True),),
    apply=_average,
    label=lambda values: f"β = {values[0]:g}",
    place="",
)
SAM = Definition(
    name="sam",
    title="Sharpness-aware minimization",
    summary="takes the gradient at the worst weights nearby, so that flat minima are preferred; doubles the cost",
    source="Foret et al. 2021, Sharpness-aware minimization for efficiently improving generalization",
    parameters=(Parameter("radius", "ρ", 0.05, 0, float("inf"), open_high=True),),
    apply=_sharpness_aware,
    label=lambda values: f"ρ = {values[0]:g}",
    place="",
)
