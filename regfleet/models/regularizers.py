"""Penalties on the kernels of any Keras layer, through its configuration."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import keras

KERNELS = frozenset(
    f"{weight}_regularizer" for weight in ("kernel", "recurrent", "depthwise", "pointwise", "embeddings")
)
"""Where a layer's configuration holds the regularizer of a matrix that multiplies inputs or states."""


def has_kernel(node: Any) -> bool:
    """Whether the configuration of a layer, or of a layer that it wraps, has a kernel to penalize."""
    if isinstance(node, dict):
        return not KERNELS.isdisjoint(node) or any(has_kernel(value) for value in node.values())
    return isinstance(node, list) and any(has_kernel(value) for value in node)


def penalized(node: Any, penalty: keras.Regularizer) -> Any:
    """The configuration with ``penalty`` on each kernel, added to what is there."""
    import keras

    if isinstance(node, list):
        return [penalized(value, penalty) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        key: keras.regularizers.serialize(added(keras.regularizers.get(value), penalty))
        if key in KERNELS
        else penalized(value, penalty)
        for key, value in node.items()
    }


def penalties_of(layer: keras.layers.Layer) -> str:
    """The penalties on the kernels of ``layer`` for people, e.g. ``L2(0.01)``; empty for none."""
    return ", ".join(dict.fromkeys(_words(layer.get_config())))


def _words(node: Any) -> Iterator[str]:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key in KERNELS and value:
            yield _word(value)
        else:
            yield from _words(value)


def _word(regularizer: dict[str, Any]) -> str:
    config = regularizer["config"]
    if regularizer["class_name"] == "PenaltySum":
        return " + ".join(_word(config[name]) for name in ("first", "second"))
    values = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in config.values())
    return f"{regularizer['class_name']}({values})"


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
