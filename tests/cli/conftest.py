"""The command line as a user starts it: another process, a real Ray, real Keras models."""

import os
import subprocess
import sys

import pytest

SMALL = ["compare", "--model", "16,8", "--epochs", "4", "-t", "l2@all", "-t", "dropout(0.3)@1+batchnorm@2"]


def regfleet(*arguments, cwd, **options):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "regfleet", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment(),
        **options,
    )


def environment():
    """This process' environment, without what would point the child at another cluster, and with this code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture(scope="session")
def small():
    """The arguments of a study of three variants that trains in no time."""
    return list(SMALL)


@pytest.fixture(scope="session")
def run():
    """The function that runs the command line."""
    return regfleet


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished small study of four seeds: its directory and what the command printed."""
    folder = tmp_path_factory.mktemp("study")
    done = regfleet(*SMALL, "--seeds", "4", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done
