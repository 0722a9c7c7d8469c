"""The order of training rows: one permutation for each seed and epoch, the same for both engines and every variant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regfleet.streams import stream_int

if TYPE_CHECKING:
    import tensorflow as tf


def order_key(seed: int) -> int:
    """The key of the batch-order stream of a study's ``seed``, for `permutation`."""
    return stream_int(seed, "order")


def permutation(key: int | tf.Tensor, epoch: int | tf.Tensor, rows: int) -> tf.Tensor:
    """The order of the training rows in ``epoch`` (from 0): int32 (rows,), the same with and without a graph or XLA."""
    import tensorflow as tf

    seed = tf.stack([tf.cast(key, tf.int32), tf.cast(epoch, tf.int32)])
    draws = tf.random.stateless_uniform((rows,), seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
    return tf.argsort(draws, stable=True)
