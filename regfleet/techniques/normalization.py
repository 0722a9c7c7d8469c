"""Batch normalization: a layer's outputs are centred and scaled by the statistics of the batch."""

from typing import TYPE_CHECKING

from regfleet.techniques.recipe import Definition, Parameter, Recipe

if TYPE_CHECKING:
    import keras


def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """Insert a BatchNormalization behind each of ``layers``."""

    def make(name: str) -> "keras.layers.Layer":
        import keras

        return keras.layers.BatchNormalization(momentum=values[0], name=name)

    for layer in layers:
        recipe = recipe.insert(layer, "batchnorm", make)
    return recipe


BATCHNORM = Definition(
    name="batchnorm",
    title="Batch norm",
    summary="centres and scales a layer's outputs by the batch in training, by moving averages in inference",
    source="Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training",
    parameters=(Parameter("momentum", "momentum", 0.99, 0, 1, open_high=True),),
    apply=apply,
    label=lambda values: "" if values[0] == 0.99 else f"momentum {values[0]:g}",
    at_input=True,
)
