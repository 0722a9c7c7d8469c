"""How a variant is trained."""

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
