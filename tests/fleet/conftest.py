"""A small plan for the fleet to run, and workers that can import this folder."""

import sys
from pathlib import Path

import numpy as np
import pytest

from regfleet.datasets import SPLITS
from regfleet.plan import Schedule, make_plan
from regfleet.records import Dataset
from regfleet.study import read_study

DATA = {"iris": Dataset("iris", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("a", "b"), "x")}
VARIANTS = [{"technique": "l1"}, {"technique": "l2"}]


@pytest.fixture(scope="session")
def data():
    """The data sets of the plan."""
    return DATA


@pytest.fixture(scope="session")
def schedule():
    """A function from seeds and known seconds per trial to a schedule of three variants."""

    def make(seeds, seconds=1.0):
        plan = make_plan(read_study({"seeds": str(seeds), "variant": VARIANTS}), SPLITS["60/20/20"], DATA)
        return Schedule(plan.groups, 2, {("iris", variant.name): seconds for variant in plan.variants})

    return make


@pytest.fixture(scope="session")
def worker_environment(tmp_path_factory):
    """The environment of workers that can import the work of these tests, and so can this process."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    yield {
        "PYTHONPATH": folder,
        "REGFLEET_TEST_MARKS": str(tmp_path_factory.mktemp("marks")),
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    sys.path.remove(folder)
