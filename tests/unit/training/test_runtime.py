"""How TensorFlow runs in a worker."""

import gc

import tensorflow as tf

from regfleet.training import runtime


def test_preparing_late_leaves_tensorflow_as_it_is():
    """Once TensorFlow has run, preparing again, for a GPU even, changes nothing and raises nothing."""
    tf.constant(1)
    before = tf.config.threading.get_intra_op_parallelism_threads(), tf.config.get_visible_devices()
    runtime.prepare(gpu=True)
    assert (tf.config.threading.get_intra_op_parallelism_threads(), tf.config.get_visible_devices()) == before


def test_warming_up_leaves_the_garbage_collector_on():
    """What was imported is out of the collector's sight; the collector itself goes on."""
    runtime.warm_up()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
    gc.unfreeze()
