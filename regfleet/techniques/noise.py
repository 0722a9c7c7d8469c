"""Dropout: each training step silences a random share of a layer's outputs."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from regfleet.techniques.recipe import Definition, Parameter, Recipe

if TYPE_CHECKING:
    import keras


def apply(recipe: Recipe, values: tuple[float, ...], layers: tuple[str, ...]) -> Recipe:
    """Insert a Dropout behind each of ``layers``: one rate for all, or one rate per layer."""

    def at(rate: float) -> "Callable[[str], keras.layers.Layer]":
        def make(name: str) -> "keras.layers.Layer":
            import keras

            return keras.layers.Dropout(rate, name=name)

        return make

    rates = values if len(values) == len(layers) else values * len(layers)
    for layer, rate in zip(layers, rates, strict=True):
        recipe = recipe.insert(layer, "dropout", at(rate))
    return recipe


DROPOUT = Definition(
    name="dropout",
    title="Dropout",
    summary="silences a random share of a layer's outputs in each training step; one rate, or one rate per layer",
    source="Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting",
    parameters=(Parameter("rate", "rate", 0.5, 0, 1, open_low=True, open_high=True),),
    apply=apply,
    label=lambda values: "rate " + "/".join(f"{value:g}" for value in values),
    per_layer=True,
    at_input=True,
)
