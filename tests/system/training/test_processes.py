"""What another process makes of models, seeds and its runtime."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.processes import environment
from support.training import digest, made_up, noisy

from regfleet import models, training
from regfleet.training import runtime

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of models saved

FRESH = """
from regfleet.training import runtime
runtime.prepare(gpu=False)
import json, os, pickle
import numpy as np
import tensorflow as tf
from support.training import SMALL_NETWORK, Recipe, Training, digest, made_up, noisy
from regfleet import models, training

threading, kept = tf.config.threading, tf.config.optimizer.get_experimental_options()
prepared = [
    threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads(),
    tf.config.get_visible_devices("GPU"), runtime.device_name(),
    {**os.environ, **runtime.ENVIRONMENT} == os.environ, kept["remapping"],
]
small = Recipe(SMALL_NETWORK, Training(epochs=6, batch_size=25))
fitted = training.fit(noisy(small), made_up(np.random.default_rng(8)), 1, "fused", "elsewhere")
bases = []
for base in pickle.load(open("bases", "rb")):
    model, seen = base((4,), 3), models.describe(base, "own", (4,), 3, "classification", False)
    bases.append([[layer.name for layer in model.layers], model.count_params(), seen.fingerprint])
print("SEEN" + json.dumps({"prepared": prepared, "digest": digest(fitted), "bases": bases}))
"""
BUILDER = """
import keras
def build(input_shape, outputs):
    return keras.Sequential(
        [keras.Input(input_shape), keras.layers.Dense(4, "relu"), keras.layers.Dense(outputs, "softmax")]
    )
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A directory with a module that builds a model."""
    path = tmp_path_factory.mktemp("elsewhere")
    (path / "travelling_builder.py").write_text(BUILDER)
    return path


@pytest.fixture(scope="module")
def bases(folder):
    """A builder, a function of this very test and a model."""
    width = 6

    def local(input_shape, outputs):
        import keras as k

        return k.Sequential(
            [k.Input(input_shape), k.layers.Dense(width), k.layers.Dense(outputs, "softmax", name="end")]
        )

    layers = [keras.Input((4,)), keras.layers.Dense(5), keras.layers.ReLU(), keras.layers.Dense(3, "softmax")]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        yield [models.base_of(source) for source in ("travelling_builder:build", local, keras.Sequential(layers))]


@pytest.fixture(scope="module")
def fresh(folder, bases):
    """What a process sees that has just started, in another directory, without what a worker's environment holds."""
    from ray import cloudpickle

    (folder / "bases").write_bytes(cloudpickle.dumps(bases))
    bare = {name: value for name, value in environment().items() if name not in runtime.ENVIRONMENT}
    command = [sys.executable, "-c", FRESH]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=bare)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SEEN")]
    return json.loads(line.removeprefix("SEEN"))


def test_a_worker_has_one_thread_and_no_gpu(fresh):
    """A fresh process that prepares itself has one thread a pool, the pinned environment and only the CPU.

    And it leaves products, biases and activations operations by themselves.
    """
    assert fresh["prepared"] == [1, 1, [], "cpu", True, False]


def test_another_process_gives_the_same_bits(small, fresh):
    """A worker that has just started, in whatever directory, computes what this process computes."""
    here = digest(training.fit(noisy(small), made_up(np.random.default_rng(8)), 1, "fused", "here"))
    assert fresh["digest"] == here


def test_bases_travel_to_another_process(bases, fresh):
    """They arrive as they left, pickled as Ray pickles."""
    prints = [models.describe(base, "own", (4,), 3, "classification", keep_weights=False).fingerprint for base in bases]
    named, built, given = fresh["bases"]
    assert [fingerprint for *_, fingerprint in fresh["bases"]] == prints
    assert named[:2] == [["dense", "dense_1"], 35]
    assert built[:2] == [["dense", "end"], 4 * 6 + 6 + 6 * 3 + 3]
    assert given[1] == 4 * 5 + 5 + 5 * 3 + 3
