"""What another process makes of models, seeds and its runtime."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.processes import python
from support.training import digest, made_up, noisy

from regfleet import models, training
from regfleet.training import runtime


def test_a_worker_has_one_thread_and_no_gpu():
    """A fresh process that prepares itself has one thread a pool, the pinned environment and only the CPU.

    And it leaves products, biases and activations operations by themselves.
    """
    script = (
        "from regfleet.training import runtime; runtime.prepare(gpu=False); import os, tensorflow as tf; "
        "print(tf.config.threading.get_intra_op_parallelism_threads(), "
        "tf.config.threading.get_inter_op_parallelism_threads(), tf.config.get_visible_devices('GPU'), "
        "runtime.device_name(), {**os.environ, **runtime.ENVIRONMENT} == os.environ, "
        "tf.config.optimizer.get_experimental_options()['remapping'])"
    )
    bare = {name: value for name, value in os.environ.items() if name not in runtime.ENVIRONMENT}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=bare)
    assert done.stdout.split() == ["1", "1", "[]", "cpu", "True", "False"]


SEED = """
from regfleet.training import runtime
runtime.prepare(gpu=False)
import numpy as np
from support.training import SMALL_NETWORK, Recipe, Training, digest, made_up, noisy
from regfleet import training
small = Recipe(SMALL_NETWORK, Training(epochs=6, batch_size=25))
print(digest(training.fit(noisy(small), made_up(np.random.default_rng(8)), 1, "fused", "elsewhere")))
"""


def test_another_process_gives_the_same_bits(small, tmp_path):
    """A worker that has just started, in whatever directory, computes what this process computes."""
    done = python("-c", SEED, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    here = digest(training.fit(noisy(small), made_up(np.random.default_rng(8)), 1, "fused", "here"))
    assert done.stdout.split()[-1] == here


BUILDER = """
import keras
def build(input_shape, outputs):
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(4, "relu"), keras.layers.Dense(outputs, "softmax")]
    )
"""
TRAVELS = """
from regfleet.training import runtime
runtime.prepare(gpu=False)
import pickle
from regfleet import models
for base in pickle.load(open("bases", "rb")):
    model = base((4,), 3)
    print([layer.name for layer in model.layers], model.count_params())
    print(models.describe(base, "own", (4,), 3, "classification", False).fingerprint)
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_bases_travel_to_another_process(tmp_path, monkeypatch):
    """A builder, a function of this very test and a model arrive as they left, pickled as Ray pickles."""
    from ray import cloudpickle

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "travelling_builder.py").write_text(BUILDER)
    width = 6

    def local(input_shape, outputs):
        import keras as k

        return k.Sequential(
            [k.Input(input_shape), k.layers.Dense(width), k.layers.Dense(outputs, "softmax", name="end")]
        )

    layers = [keras.Input((4,)), keras.layers.Dense(5), keras.layers.ReLU(), keras.layers.Dense(3, "softmax")]
    bases = [models.base_of(source) for source in ("travelling_builder:build", local, keras.Sequential(layers))]
    (tmp_path / "bases").write_bytes(cloudpickle.dumps(bases))
    done = python("-c", TRAVELS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    prints = [models.describe(base, "own", (4,), 3, "classification", keep_weights=False).fingerprint for base in bases]
    assert lines[1::2] == prints
    assert lines[0] == "['dense', 'dense_1'] 35"
    assert lines[2] == f"['dense', 'end'] {4 * 6 + 6 + 6 * 3 + 3}"
    assert lines[4].endswith(f" {4 * 5 + 5 + 5 * 3 + 3}")
