"""Techniques for a model that puts them in itself, e.g. a subclass of `keras.Model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.models.graph import INPUT
from regfleet.models.regularizers import added

if TYPE_CHECKING:
    import keras

    from regfleet.techniques.recipe import KernelUse, Limit, Recipe


class Hooks:
    """What a builder ``build(input_shape, outputs, techniques)`` asks for each of its hidden layers.

    ``techniques.kernel_regularizer("hidden")`` is the penalty for the layer's kernel, None for none;
    ``techniques.after("hidden")`` lists the layers to apply behind the layer's activation, in order, and
    ``techniques.after("input")`` those for the model's input. The names asked for are the places of techniques.
    """

    def __init__(self, recipe: Recipe | None = None) -> None:
        self._penalties = recipe.penalties if recipe else ()
        self._insertions = recipe.insertions if recipe else ()
        self._others: tuple[Limit | KernelUse, ...] = (*recipe.limits, *recipe.kernel_uses) if recipe else ()
        self._asked: dict[tuple[str, str], None] = {}

    def kernel_regularizer(self, layer: str) -> keras.Regularizer | None:
        """The penalty for the kernel of ``layer``, the sum where there are several."""
        self._asked["penalty", layer] = None
        total = None
        for penalty in self._penalties:
            if penalty.layer == layer:
                total = added(total, penalty.make())
        return total

    def after(self, layer: str) -> list[keras.layers.Layer]:
        """The layers to apply behind ``layer``; the same kind again is numbered from 2."""
        self._asked["insertion", layer] = None
        layers: list[keras.layers.Layer] = []
        kinds: list[str] = []
        for insertion in self._insertions:
            if insertion.after == layer:
                kinds.append(insertion.kind)
                again = kinds.count(insertion.kind)
                name = f"{insertion.kind}_after_{layer}"
                layers.append(insertion.make(f"{name}_{again}" if again > 1 else name))
        return layers

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that were asked for, in order."""
        return tuple(dict.fromkeys(layer for _, layer in self._asked if layer != INPUT))

    def check(self) -> None:
        """Raise InputError for a technique that the builder did not ask for."""
        own = [change.layer for change in self._others]
        own += [one.after for one in self._insertions if one.before or one.takes != "output"]
        if own:
            raise InputError(
                f"technique: expected a penalty, or a layer behind another, for a builder that takes techniques; got "
                f"another change of {own[0]}"
            )
        for what, place, asked in (
            *(("penalty", penalty.layer, "kernel_regularizer") for penalty in self._penalties),
            *(("insertion", insertion.after, "after") for insertion in self._insertions),
        ):
            if (what, place) not in self._asked:
                raise InputError(f"--model: expected the builder to call techniques.{asked}({place!r}); it did not")
