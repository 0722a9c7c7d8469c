"""Weights that are judged in place of those that train, and weights that are kept on the way, inside a traced fit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from regfleet.borrowed.keras import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import keras
    import tensorflow as tf

    from regfleet.techniques.recipe import Average, Length


class Averaging:
    """The average of a recipe, if there is one, and the snapshots of the epochs ``epochs``.

    ``attach`` says which variables train and which there are besides; they may have an axis of seeds in front. The
    snapshot of an epoch that a fit did not reach holds what an earlier one left.
    """

    def __init__(self, average: Average | None, epochs: Sequence[int]) -> None:
        self.active = average is not None
        self._average = average
        self._epochs = epochs
        self._trainable: Sequence[Any] = ()
        self._all: Sequence[Any] = ()

    def attach(self, trainable: Sequence[Any], every: Sequence[Any]) -> None:
        """Make room for the average of the variables ``trainable`` and snapshots of ``every`` one."""
        self._trainable, self._all = trainable, every
        self._averages = _room(trainable) if self.active else []
        self.snapshots = [_room(every) for _ in self._epochs]

    @property
    def held_bytes(self) -> int:
        """What the variables hold that are here."""
        return sum(one.numpy().nbytes for kept in (self._averages, *self.snapshots) for one in kept)

    def begin(self, length: Length) -> None:
        """Start the average where the weights are, for a fit of this length."""
        if self._average is None:
            return
        self._follow = self._average.of(length)
        for average, variable in zip(self._averages, self._trainable, strict=True):
            average.assign(variable.value)

    def after(self, what: Literal["update", "epoch"], number: Any) -> None:
        """Let the average follow, after the ``number``-th update or epoch."""
        if self._average is None or self._average.every != what:
            return
        for average, variable in zip(self._averages, self._trainable, strict=True):
            before = variable.value
            averaged, current = self._follow(average.value(), before, number)
            average.assign(averaged)
            if current is not before:
                variable.assign(current)

    def show(self, renew: Callable[[], None]) -> None:
        """Put the average in the place of the weights, and ``renew`` what depends on them."""
        if self.active:
            for average, variable in zip(self._averages, self._trainable, strict=True):
                variable.assign(average)
            renew()

    @contextmanager
    def shown(self, renew: Callable[[], None]) -> Iterator[None]:
        """Show the average meanwhile."""
        import tensorflow as tf

        before = [tf.identity(variable.value) for variable in self._all] if self.active else []
        self.show(renew)
        yield
        for variable, value in zip(self._all, before, strict=False):
            variable.assign(value)

    def snap(self, epoch: Any) -> None:
        """Keep the weights, if those after ``epoch`` (from 1) are asked for."""
        import tensorflow as tf

        for number, kept in zip(self._epochs, self.snapshots, strict=True):

            def copy(kept: Sequence[Any] = kept) -> bool:
                for one, variable in zip(kept, self._all, strict=True):
                    one.assign(variable.value)
                return True

            tf.cond(epoch == number, copy, lambda: False)


def _room(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    import tensorflow as tf

    return [tf.Variable(tf.identity(variable.value), trainable=False) for variable in variables]


@contextmanager
def statistics_taken_whole(model: keras.Model) -> Iterator[bool]:
    """Let batch normalizations of ``model`` take their moving statistics from the next batch alone; whether any is."""
    import keras

    layers = [one for one in parts_of(model) if isinstance(one, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield bool(layers)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
