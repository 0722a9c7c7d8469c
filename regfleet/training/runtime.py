"""TensorFlow in a worker process: one thread, pinned arithmetic, no chatter; on a GPU, only the memory it needs."""

from __future__ import annotations

import gc
import logging
import os
import sys
from contextlib import suppress

from regfleet.borrowed.keras import lightly_imported
from regfleet.training.kept_xla import keep_compiled

ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
"""What a worker's environment must hold before TensorFlow is imported."""
WORKER_BYTES = 0.7e9
"""Memory of a worker that has imported TensorFlow and traced a few models."""


def prepare(*, gpu: bool) -> None:
    """Pin this process to one TensorFlow thread and, without ``gpu``, to the CPU; before the first operation."""
    if "tensorflow" not in sys.modules:
        os.environ.update(ENVIRONMENT)
        if gpu:
            keep_compiled()
    import tensorflow as tf

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # A GPU would round the factors of its products to ten bits, which no CPU does.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    # Too late in a process that has used TensorFlow, a notebook say: it keeps its devices and threads.
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        if not gpu:
            tf.config.set_visible_devices([], "GPU")
        for device in tf.config.get_visible_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, enable=True)
            tf.config.experimental.enable_op_determinism()
    if not has_gpu():
        # On a CPU a product with its bias and activation in one operation takes longer than the three by themselves.
        tf.config.optimizer.set_experimental_options({"remapping": False})


def device_name() -> str:
    """The processor that trains: the first visible GPU's model name, or ``cpu``."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return "cpu"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "gpu"))


def has_gpu() -> bool:
    """Whether this process trains on a GPU."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


def warm_up(*, gpu: bool) -> None:
    """Prepare this process, a worker's, with Keras and a tiny trace, so that the first trial does not pay for it.

    What an import leaves behind stays for good; taken out of the garbage collector's sight it no longer slows the
    collections that every trace sets off.
    """
    gc.disable()
    with lightly_imported():
        prepare(gpu=gpu)
        import keras
    import tensorflow as tf

    @tf.function(autograph=False)
    def tiny(x: tf.Tensor) -> tf.Tensor:
        return keras.ops.matmul(x, x)

    tiny(tf.zeros((1, 1)))
    gc.freeze()
    gc.enable()
