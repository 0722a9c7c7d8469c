"""The order of training rows."""

import numpy as np
import tensorflow as tf

from regfleet.training.contract import order_key, permutation


def test_every_epoch_is_a_permutation_of_its_own():
    """Each epoch holds every row once, and epochs and seeds differ."""
    orders = [tuple(permutation(order_key(seed), epoch, 50).numpy()) for seed in (0, 1) for epoch in range(20)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(orders)) == 40


def test_a_graph_gives_the_same_order():
    """The permutation has the same bits eagerly and in a graph."""
    key = tf.constant(order_key(3))
    for rows in (1, 2, 90):
        function = tf.function(lambda key, epoch, n=rows: permutation(key, epoch, n), autograph=False)
        np.testing.assert_array_equal(function(key, tf.constant(4)), permutation(key, tf.constant(4), rows))


def test_rows_are_shuffled_without_preference():
    """Over 3,000 epochs each of six rows stands in each place about equally often (χ², 25 degrees of freedom)."""
    key = tf.constant(order_key(0))
    every = tf.function(lambda epochs: tf.map_fn(lambda epoch: permutation(key, epoch, 6), epochs), autograph=False)
    orders = every(tf.range(3000)).numpy()
    counts = np.array([np.bincount(orders[:, place], minlength=6) for place in range(6)])
    # The 99.9 % quantile of χ² with 25 degrees of freedom is 52.6.
    assert ((counts - 500) ** 2 / 500).sum() < 52.6
