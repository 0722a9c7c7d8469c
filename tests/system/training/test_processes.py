"""What another process makes of models, seeds and its runtime."""

import os
import subprocess
import sys

from regfleet.training import runtime


def test_a_worker_has_one_thread_and_no_gpu():
    """A fresh process that prepares itself has one thread a pool, the pinned environment and only the CPU."""
    script = (
        "from regfleet.training import runtime; runtime.prepare(gpu=False); import os, tensorflow as tf; "
        "print(tf.config.threading.get_intra_op_parallelism_threads(), "
        "tf.config.threading.get_inter_op_parallelism_threads(), tf.config.get_visible_devices('GPU'), "
        "runtime.device_name(), {**os.environ, **runtime.ENVIRONMENT} == os.environ)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_bare())
    assert found.stdout.split() == ["1", "1", "[]", "cpu", "True"]


def _bare():
    return {name: value for name, value in os.environ.items() if name not in runtime.ENVIRONMENT}
