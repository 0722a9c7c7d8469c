"""Penalties on the kernels of any Keras layer, in place."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from regfleet.borrowed.keras import own_variables, parts_of
from regfleet.models.held import of_keras

if TYPE_CHECKING:
    from collections.abc import Collection

    import keras

KERNELS = frozenset({"kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings"})
"""What Keras' own layers call a matrix that multiplies inputs or states."""
_REGULARIZERS = frozenset(
    f"{own}{weight}_regularizer"
    for weight in ("kernel", "recurrent", "depthwise", "pointwise", "embeddings")
    for own in ("", "_")
)
"""Where a layer holds the regularizer of such a matrix, which its configuration says."""


def kernels_of(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The weights of a layer, and of layers inside it, that a penalty is for.

    In a layer that is not Keras' own these are its trainable weights with two axes or more.
    """
    kernels: dict[int, keras.Variable] = {}
    for part in parts_of(layer):
        for variable in own_variables(part):
            wide = variable.trainable and sum(size > 1 for size in variable.shape) > 1
            if variable.name in KERNELS if of_keras(part) else wide:
                kernels[id(variable)] = variable
    return list(kernels.values())


def has_kernel(layer: object) -> bool:
    """Whether the layer, or a layer inside it, has a kernel to penalize; an operation of `keras.ops` has none."""
    import keras

    return isinstance(layer, keras.layers.Layer) and bool(kernels_of(layer))


def penalize(layer: keras.layers.Layer, penalty: keras.Regularizer, but: Collection[int] = ()) -> None:
    """Put ``penalty`` on each kernel of the layer, added to what is there, ``but`` on those with these ids."""
    for kernel in kernels_of(layer):
        if id(kernel) not in but:
            kernel.regularizer = added(kernel.regularizer, penalty)
            if kernel.dtype != "float32":
                kernel.regularizer = _single_class()(kernel.regularizer)
    for part in parts_of(layer):
        if not any(id(variable) in but for variable in part.variables):
            for name in _REGULARIZERS & vars(part).keys():  # for its configuration
                _OWN.setdefault(part, {}).setdefault(name, getattr(part, name))
                setattr(part, name, added(getattr(part, name), penalty))


_OWN: WeakKeyDictionary[keras.layers.Layer, dict[str, keras.Regularizer | None]] = WeakKeyDictionary()
"""The regularizers that layers had before `penalize`."""


def is_penalized(layer: keras.layers.Layer) -> bool:
    """Whether `penalize` has changed the configuration of the layer, or of a layer inside it."""
    return any(part in _OWN for part in parts_of(layer))


def own_config(layer: keras.layers.Layer) -> dict[str, Any]:
    """The configuration of a layer without what `penalize` put there."""
    now = [(part, name, getattr(part, name)) for part in parts_of(layer) for name in _OWN.get(part, ())]
    for part, name, _ in now:
        setattr(part, name, _OWN[part][name])
    try:
        config: dict[str, Any] = layer.get_config()
    finally:
        for part, name, regularizer in now:
            setattr(part, name, regularizer)
    return config


def penalties_of(layer: keras.layers.Layer) -> str:
    """The penalties on the kernels of ``layer`` for people, e.g. ``L2(0.01)``; empty for none."""
    return ", ".join(dict.fromkeys(_word(one.regularizer) for one in kernels_of(layer) if one.regularizer))


def _word(regularizer: Any) -> str:
    if type(regularizer).__name__ == "PenaltySum":
        return " + ".join(_word(part) for part in (regularizer.first, regularizer.second))
    if type(regularizer).__name__ == "SinglePenalty":
        return _word(regularizer.penalty)
    try:
        config = regularizer.get_config()
    except Exception:  # noqa: BLE001 - any function is a regularizer for Keras
        config = {}
    values = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in config.values())
    return f"{getattr(regularizer, '__name__', type(regularizer).__name__)}({values})"


def added(first: keras.Regularizer | None, second: keras.Regularizer) -> keras.Regularizer:
    """The sum of two penalties on one weight."""
    return second if first is None else _sum_class()(first, second)


@cache
def _sum_class() -> Any:
    import keras

    @keras.saving.register_keras_serializable("regfleet")
    class PenaltySum(keras.regularizers.Regularizer):  # type: ignore[misc]
        """Two regularizers on one weight."""

        def __init__(self, first: Any, second: Any) -> None:
            self.first = keras.regularizers.get(first)
            self.second = keras.regularizers.get(second)

        def __call__(self, weight: Any) -> Any:
            return self.first(weight) + self.second(weight)

        def get_config(self) -> dict[str, Any]:
            return {
                name: keras.regularizers.serialize(regularizer)
                for name, regularizer in (("first", self.first), ("second", self.second))
            }

    return PenaltySum


@cache
def _single_class() -> Any:
    import keras

    class SinglePenalty(keras.regularizers.Regularizer):  # type: ignore[misc]
        """A regularizer whose value is a float32, as Keras adds it to the loss whatever the weight is."""

        def __init__(self, penalty: Any) -> None:
            self.penalty = penalty

        def __call__(self, weight: Any) -> Any:
            return keras.ops.cast(self.penalty(weight), "float32")

    return SinglePenalty
