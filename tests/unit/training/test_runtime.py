"""How TensorFlow runs in a worker."""

import gc
import subprocess
import sys

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
    runtime.warm_up(gpu=False)
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
    gc.unfreeze()


def test_a_worker_imports_keras_without_what_it_only_could_use():
    """No matplotlib, pandas or scikit-learn is imported by warming up; whoever wants them afterwards gets them."""
    code = (
        "import sys; from regfleet.training import runtime; runtime.warm_up(gpu=False);"
        "print([name for name in ('matplotlib', 'pandas', 'sklearn') if name in sys.modules]);"
        "import keras, pandas; keras.Sequential([keras.layers.Dense(1)]).predict(pandas.DataFrame([[1.0]]), verbose=0);"
        "print(pandas.DataFrame.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "DataFrame"]
