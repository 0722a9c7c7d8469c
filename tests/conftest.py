"""The command line in this process, and what several areas share."""

import signal
import sys

import pytest
from support.filling import fill

pytest_plugins = ["support.fleet", "support.reports"]


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
