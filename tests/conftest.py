"""Which worker gets which tests, the command line in this process, and what several areas share."""

import os
import signal
import sys
from pathlib import Path

import pytest
from support.filling import fill
from xdist.scheduler import LoadScopeScheduling

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # or TensorFlow tells every worker of its machine
pytest_plugins = ["support.fleet", "support.reports"]
LONGEST = ("system", "training", "running", "report")


def pytest_collection_modifyitems(items):
    """Begin with the folders that take longest, so that no worker is left with one at the end."""
    folders = {item: item.path.relative_to(Path(__file__).parent).parts[:2] for item in items}
    items.sort(key=lambda item: not {*LONGEST} & {*folders[item]})
    items.sort(key=lambda item: "system" not in folders[item])


class ByPlace(LoadScopeScheduling):
    """Gives a file to one worker, and an area of the system tests, which starts its cluster, server or browser once."""

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        return "/".join(path.split("/")[:3]) if path.startswith("tests/system") else path


def pytest_xdist_make_scheduler(config, log):
    """Tests that share fixtures run on one worker."""
    return ByPlace(config, log)


@pytest.fixture
def command(capfd, monkeypatch, tmp_path):
    """The function that runs the command line in this process, in an empty directory: (code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments):
        from regfleet.cli import main

        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["regfleet", *map(str, arguments)])
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            signal.signal(signal.SIGTERM, before)
        return (ended.value.code, *capfd.readouterr())

    return run_here


@pytest.fixture(scope="session")
def filled():
    """The function that writes a results directory of Iris whose test scores are given, not trained."""
    return fill
