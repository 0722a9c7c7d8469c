"""What a technique declares about itself, and the recipe of a variant that it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regfleet.settings import Training
from regfleet.settings.values import ModelSpec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class Penalty:
    """A regularizer for the kernel of the layer called ``layer``; ``make`` returns a `keras.Regularizer`."""

    layer: str
    make: Callable[[], keras.regularizers.Regularizer]


@dataclass(frozen=True, slots=True)
class Insertion:
    """A layer to put behind the layer called ``after`` (``input`` for the model's input); ``make(name)`` returns it."""

    after: str
    kind: str
    make: Callable[[str], keras.layers.Layer]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train one variant: the base model, what techniques add to it, and the training settings.

    ``base`` makes a model of the user's own, not compiled, from the shape of one row and the number of outputs; None is
    the multilayer perceptron of ``model``.

    A technique is a function Recipe → Recipe; a combination is function composition, so insertions behind one layer
    stand in the order in which the techniques are written.
    """

    model: ModelSpec
    training: Training
    penalties: tuple[Penalty, ...] = ()
    insertions: tuple[Insertion, ...] = ()
    base: Callable[[tuple[int, ...], int], keras.Model] | None = None

    def penalize(self, layers: tuple[str, ...], make: Callable[[], keras.regularizers.Regularizer]) -> Recipe:
        """The recipe with a kernel penalty on each of ``layers``."""
        return replace(self, penalties=self.penalties + tuple(Penalty(layer, make) for layer in layers))

    def insert(self, after: str, kind: str, make: Callable[[str], keras.layers.Layer]) -> Recipe:
        """The recipe with one more layer behind ``after``."""
        return replace(self, insertions=(*self.insertions, Insertion(after, kind, make)))


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a technique takes: its name, default and range, where an open end excludes the bound.

    ``symbol`` stands for it in the labels of variants and sweeps.
    """

    name: str
    symbol: str
    default: float
    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    @property
    def range(self) -> str:
        """The range as mathematicians write it, e.g. ``[0, 1)``."""
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"

    def accepts(self, value: float) -> bool:
        """Whether ``value`` lies in the range; NaN does not."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below


@dataclass(frozen=True, slots=True)
class Definition:
    """A technique: ``apply(recipe, values, layers)`` returns the recipe with the technique at those layers.

    ``values`` has one number per parameter, or, with ``per_layer``, one number per layer. ``label`` words the values
    for people. ``at_input`` allows the place ``input``.
    """

    name: str
    title: str
    summary: str
    source: str
    parameters: tuple[Parameter, ...]
    apply: Callable[[Recipe, tuple[float, ...], tuple[str, ...]], Recipe]
    label: Callable[[tuple[float, ...]], str]
    per_layer: bool = False
    at_input: bool = False
