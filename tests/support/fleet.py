"""Chunks for the fleet to run, and workers that can import the tests."""

import os
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regfleet.data.dataset import Dataset
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec, SplitSpec, Variant
from regfleet.trials import Chunk, Trial
from support.processes import processes_of

DATA = {"iris": Dataset("iris", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "x")}
VARIANTS = [Variant(name, name, (), Training(epochs=350, batch_size=128)) for name in ("none", "l1", "l2")]
MODEL = ModelSpec((512, 256), ("relu", "relu"))
SPLIT = SplitSpec("60/20/20", 0.6, 0.2, 0.2)


class Source:
    """Hands out every trial of three variants, ``size`` of a variant at once, or to a GPU ``stack``.

    Each should take ``seconds``. ``poison`` is the class of l1's trial of seed 3.
    """

    def __init__(self, seeds, size, seconds, stack=1, poison=Trial):
        self._size, self._seconds, self.learnt = size, seconds, 0
        self._groups = deque(
            Chunk(
                "iris",
                v,
                MODEL,
                SPLIT,
                "test",
                tuple(
                    (poison if (v.name, s) == ("l1", 3) else Trial)(f"{v.name} {s}", "iris", v.name, s)
                    for s in range(seeds)
                ),
                stack,
            )
            for v in VARIANTS
        )

    @property
    def measured(self):
        """Nothing is known before something came."""
        return self.learnt > 0

    def next(self, *, on_gpu=False, worker="", traces=None, helps=True):  # noqa: ARG002 - any worker gets any variant
        """The next trials of the variant whose turn it is."""
        if not self._groups:
            return None
        group = self._groups.popleft()
        size = max(self._size, group.stack) if on_gpu else self._size
        if len(group.trials) > size:
            self._groups.append(replace(group, trials=group.trials[size:]))
        return replace(group, trials=group.trials[:size])

    def learn(self, outcomes):
        """Count."""
        self.learnt += len(outcomes)

    def seconds_of(self, _group, *, on_gpu=False):  # noqa: ARG002 - it takes as long there
        """What was said of a trial, once one came."""
        return self._seconds if self.measured else None


@pytest.fixture(scope="session")
def data():
    """The data sets of the plan."""
    return DATA


@pytest.fixture(scope="session")
def chunk():
    """A chunk of one trial."""
    return Source(1, 1, 1.0).next()


@pytest.fixture(scope="session")
def schedule():
    """A function to a source of three variants, from what `Source` takes."""

    def make(seeds, size=1, seconds=1.0, stack=1, poison=Trial):
        return Source(seeds, size, seconds, stack, poison)

    return make


@pytest.fixture(scope="session")
def names():
    """The function that gives variant, seed and status of every outcome, sorted."""
    return lambda batches: sorted((o.trial.variant, o.trial.seed, o.status) for batch in batches for o in batch)


@pytest.fixture(scope="session")
def every():
    """The same for a run of so many seeds in which all trials are done, but for l1's ``bad`` seed, which failed."""
    return lambda seeds, bad=None: sorted(
        (v.name, s, "failed" if (v.name, s) == ("l1", bad) else "done") for v in VARIANTS for s in range(seeds)
    )


@pytest.fixture(scope="session")
def worker_environment(tmp_path_factory):
    """The environment of workers that can import the work of these tests."""
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "REGFLEET_TEST_MARKS": str(tmp_path_factory.mktemp("marks")),
        "TF_NUM_INTRAOP_THREADS": "2",  # this process has 1
    }


@pytest.fixture
def marks(worker_environment):
    """The folder where workers leave their marks, empty."""
    folder = Path(worker_environment["REGFLEET_TEST_MARKS"])
    for mark in folder.iterdir():
        mark.unlink()
    return folder


@pytest.fixture(scope="session")
def processes(worker_environment):
    """The function that lists the processes of our workers that are left."""
    return lambda: processes_of(worker_environment["REGFLEET_TEST_MARKS"])
