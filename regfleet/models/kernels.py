"""Constraints on the kernels of any Keras layer, and other numbers for a layer to compute with in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from regfleet.borrowed.keras import add_seed_generator, is_training, values_replaced
from regfleet.models.regularizers import kernels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import keras

    from regfleet.techniques.recipe import KernelUse


def constrain(layer: keras.layers.Layer, constraint: keras.constraints.Constraint, but: Collection[int] = ()) -> None:
    """Put ``constraint`` on each kernel of the layer, after what is there, ``but`` on those with these ids."""
    for kernel in kernels_of(layer):
        if id(kernel) not in but:
            kernel.constraint = _after(kernel.constraint, constraint)


def _after(first: Any, second: Callable[[Any], Any]) -> Any:
    """Both constraints, one after the other."""
    return second if first is None else lambda kernel: second(first(kernel))


_USES: WeakKeyDictionary[keras.layers.Layer, list[KernelUse]] = WeakKeyDictionary()
"""How layers use their kernels, where a technique has changed it."""


def uses_of(layer: keras.layers.Layer) -> list[KernelUse]:
    """The changes of how the layer uses its kernels."""
    return _USES.get(layer, [])


def change_use(layer: keras.layers.Layer, use: KernelUse, but: Collection[int] = ()) -> None:
    """Let ``layer`` compute with ``use`` of each kernel in place of the kernel, but of those with the ids ``but``.

    The layer stays what it is, with its configuration and its weights; only its call is led through.
    """
    kernels = [kernel for kernel in kernels_of(layer) if id(kernel) not in but]
    seed = add_seed_generator(layer) if use.noisy else None
    call = layer.call

    def through(*args: Any, **kwargs: Any) -> Any:
        training = bool(kwargs.get("training", is_training(layer)))
        used = [(kernel, use.use(kernel.value, training, seed)) for kernel in kernels]
        with values_replaced(used):
            return call(*args, **kwargs)

    layer.call = through
    _USES.setdefault(layer, []).append(use)
