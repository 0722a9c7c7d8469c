"""A finished study, and the command line with trials that train nothing."""

import shutil
from functools import partial

import pytest
from support import work

from regfleet.running import run as running
from regfleet.settings import read_study

FLAGS = ["--model", "16,8", "--epochs", "4", "-t", "l2@all", "-t", "dropout(0.3)@1+batchnorm@2"]
FIELDS = {
    "model": {"hidden": [16, 8]},
    "training": {"epochs": 4},
    "variant": [{"technique": "l2@all"}, {"technique": "dropout(0.3)@1+batchnorm@2"}],
}


@pytest.fixture(scope="session")
def small():
    """The command of a study of three variants, in this process."""
    return ["compare", *FLAGS, "--in-process"]


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "out"
    command = "regfleet compare --model 16,8"
    running.run(read_study(FIELDS | {"seeds": "4"}), out, in_process=True, command=command, work=work.pretend)
    return out


@pytest.fixture
def finished(_made, tmp_path):
    """The directory of that study with four seeds, whose outcomes were given; a test may change it."""
    shutil.copytree(_made, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def trained(monkeypatch):
    """What the command line trains from here on: trials whose outcomes are given."""
    trials = []

    def pretend(chunk, dataset):
        trials.extend(chunk.trials)
        return work.pretend(chunk, dataset)

    monkeypatch.setattr(running, "run", partial(running.run, work=pretend))
    return trials
