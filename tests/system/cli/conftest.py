"""The command line as a user starts it: another process, a real Ray, real Keras models."""

import pytest
from support.processes import regfleet, started, wait_until

SMALL = [
    "compare",
    "--references",
    "no",
    "--model",
    "16,8",
    "--epochs",
    "4",
    "-t",
    "l2@all",
    "-t",
    "dropout(0.3)@1+batchnorm@2",
]


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
    (folder / "home").mkdir()
    done = regfleet(*SMALL, "--seeds", "4", "--out", "out", cwd=folder, HOME=str(folder / "home"))
    assert done.returncode == 0, done.stderr
    return folder / "out", done


@pytest.fixture(scope="session")
def killed(tmp_path_factory):
    """Where a driver with one worker was killed -9 between two chunks."""
    folder = tmp_path_factory.mktemp("killed")
    command = ["-m", "regfleet", *SMALL, "--seeds", "4", "--out", "out", "--workers", "1"]
    with started(*command, cwd=folder, REGFLEET_TEST=str(folder)) as driver:
        wait_until(lambda: list((folder / "out" / "trials").glob("part-*.parquet")), driver)
    return folder
