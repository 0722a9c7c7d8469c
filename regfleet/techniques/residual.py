"""Keras layers of residual networks; imported where a model is built, as it imports Keras."""

from __future__ import annotations

from typing import Any

import keras

from regfleet.errors import InputError


@keras.saving.register_keras_serializable("regfleet")
class Skip(keras.layers.Layer):  # type: ignore[misc]
    """The sum of a layer's input and its output, called with both.

    Where their widths differ the input goes through a projection without bias, as option B of He et al. 2016; where the
    output has fewer rows and columns of pixels, or steps, the input is taken at every so many of them.
    """

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Settle strides and projection from the shapes (batch, …, width) of input and output."""
        source, output = input_shape
        if len(source) != len(output):
            raise InputError(
                f"skip: expected inputs and outputs of as many axes; got {self.name} from {source} to {output}"
            )
        self.strides = [_stride(self.name, *sizes) for sizes in zip(source[1:-1], output[1:-1], strict=True)]
        self.kernel = None
        if source[-1] != output[-1]:
            self.kernel = self.add_weight(name="kernel", shape=(source[-1], output[-1]), initializer="glorot_uniform")

    def call(self, inputs: list[Any]) -> Any:
        """The sum."""
        source, output = inputs
        if any(stride > 1 for stride in self.strides):
            source = source[(slice(None), *(slice(None, None, stride) for stride in self.strides))]
        return output + (source if self.kernel is None else keras.ops.matmul(source, self.kernel))


def _stride(name: str, source: int | None, output: int | None) -> int:
    """The stride that leaves ``output`` of ``source`` places; None: as many as there are."""
    if source == output:
        return 1
    stride = round(source / output) if source and output and output < source else 0
    if not stride or -(-(source or 0) // stride) != output:
        raise InputError(
            f"skip: expected an output of the input's size, or of a whole share of it; got {name} from {source} to "
            f"{output} places: padding='same' keeps the size"
        )
    return stride


class _Noisy(keras.layers.Layer):  # type: ignore[misc]
    """A layer that draws, from a generator of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(
            name="noise"
        )  # a number of the process would else be in its stream
        self.built = True

    def draw(self, like: Any, low: float, *, rows: bool = True) -> Any:
        """Numbers from ``low`` to 1: one for each of the ``rows``, or one for all, to multiply ``like`` with."""
        first = keras.ops.shape(like)[0] if rows else 1
        shape = (first, *(1 for _ in like.shape[1:]))
        return keras.random.uniform(shape, low, 1.0, dtype="float32", seed=self.seed_generator)


class _Dropping(_Noisy):
    """A layer for the branch beside a skip connection, which is left out with the probability ``rate``."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate

    def get_config(self) -> dict[str, Any]:
        """The configuration, with the rate."""
        return {**super().get_config(), "rate": self.rate}

    def gate(self, branch: Any) -> Any:
        """One for the whole batch with the probability 1 - ``rate``, else zero."""
        return keras.ops.cast(self.draw(branch, 0.0, rows=False) >= self.rate, "float32")


@keras.saving.register_keras_serializable("regfleet")
class ShakeShake(_Noisy):
    """A random mixture of two branches, of other shares backward than forward; their mean in inference."""

    def call(self, inputs: list[Any], training: bool = False) -> Any:  # noqa: FBT001, FBT002 - as Keras calls it
        """The mixture of ``inputs``, two tensors of one shape."""
        one, other = inputs
        if not training:
            return (one + other) / 2
        forward, backward = self.draw(one, 0.0), self.draw(one, 0.0)
        return _mixed(one - other, forward, backward) + other


@keras.saving.register_keras_serializable("regfleet")
class ShakeDrop(_Dropping):
    """A branch as it is, or, with the probability ``rate``, times a random number: of [-1, 1], backward of [0, 1]."""

    def call(self, branch: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002 - as Keras calls it
        """The branch, of any shape (batch, …); in inference times what it is multiplied with on average."""
        if not training:
            return branch * (1 - self.rate)
        gate = self.gate(branch)
        forward, backward = (gate + (1 - gate) * self.draw(branch, low) for low in (-1.0, 0.0))
        return _mixed(branch, forward, backward)


@keras.saving.register_keras_serializable("regfleet")
class StochasticDepth(_Dropping):
    """A branch that is left out of a whole batch with the probability ``rate``."""

    def call(self, branch: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002 - as Keras calls it
        """The branch, of any shape (batch, …), or zero; in inference times the share of batches that have it."""
        if not training:
            return branch * (1 - self.rate)
        return branch * keras.ops.cast(self.gate(branch), branch.dtype)


def _mixed(tensor: Any, forward: Any, backward: Any) -> Any:
    """``forward`` times the tensor, whose gradient is ``backward`` times that of the result."""
    forward, backward = (keras.ops.cast(share, tensor.dtype) for share in (forward, backward))
    return backward * tensor + keras.ops.stop_gradient((forward - backward) * tensor)
