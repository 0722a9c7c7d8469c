"""Which worker gets which tests, the command line in this process, and what several areas share."""

import gc
import os
import signal
import sys
from pathlib import Path

import pytest
from support.filling import fill
from xdist.scheduler import LoadScopeScheduling

from regfleet.analysis import choosing
from regfleet.training import runtime

# As in a worker of a study; `runtime.prepare` comes too late where a module's import has used TensorFlow.
os.environ |= runtime.ENVIRONMENT
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in a shell's background, where no child hears Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
gc.disable()  # until `pytest_collection_finish`
pytest_plugins = ["support.fleet", "support.reports"]
# What waits for other processes beside what computes, in turn: of four workers on two processors two may wait.
LONGEST = ["system/fleet/test_nodes", "unit/training/test_stacked", "system/cli", "unit/training/test_fused"]
LONGEST += ["system/jobs", "system/fleet/test_ray_fleet", "system/docs", "unit/training", "system/storage"]
LONGEST += ["unit/running", "system", "unit/techniques", "unit/models", "unit/report", "unit/saving", "unit/analysis"]
FEW = {"DRAWS": 400, "SETTLING": 2, "KEPT": 1, "APART": 1}
"""Draws and steps of odds that are not what is tested: all of them take most of the time of judging a small study."""
ALL = {name: getattr(choosing, name) for name in FEW}


def pytest_configure():
    """Studies of this process have networks alone unless they ask for references: most tests count trials."""
    from regfleet.settings import Study

    Study.model_fields["references"].default = "no"
    Study.model_rebuild(force=True)


def pytest_collection_modifyitems(items):
    """Begin with the places that take longest, so that no worker is left with one at the end."""
    places = {item: item.path.relative_to(Path(__file__).parent).as_posix() for item in items}
    items.sort(key=lambda item: next((n for n, start in enumerate(LONGEST) if places[item].startswith(start)), 99))


def pytest_collection_finish():
    """Take what the tests import, TensorFlow above all, out of the sight of the garbage collector's every run.

    It waits until all is imported, and then runs more seldom than by default: traces are many small objects that stay.
    """
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


def pytest_xdist_auto_num_workers(config):
    """A worker for each processor, two for the system tests, which wait for other processes half of their time."""
    return (os.cpu_count() or 1) * (2 if any("system" in argument for argument in config.args) else 1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Odds of few draws in the unit tests that have no other process to agree with, but for those of the odds."""
    place = item.path.relative_to(Path(__file__).parent).as_posix()
    few = place.startswith("unit/") and place != "unit/analysis/test_choosing.py"
    for name, number in (FEW if few else ALL).items():
        setattr(choosing, name, number)


class ByPlace(LoadScopeScheduling):
    """Gives a file to one worker; an area of the system tests, which starts its server or browser once, too.

    But for the fleet's, whose faults take minutes.
    """

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        areas = path.startswith("tests/system") and "/fleet/" not in path
        return "/".join(path.split("/")[:3]) if areas else path


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


@pytest.fixture(autouse=True)
def _undrawn(request, monkeypatch):
    """Where a report is one output of many it has no figures, whose drawing takes most of the time of a small study.

    Not so where its figures are what is tested, or a test asks for `drawn`.
    """
    place = request.path.relative_to(Path(__file__).parent).as_posix()
    of_figures = ("unit/report/test_page.py", "unit/report/test_svg.py", "system/browser/", "slow/")
    if not place.startswith(of_figures) and "drawn" not in request.fixturenames:
        monkeypatch.setattr("regfleet.report.page.FIGURES", ())


@pytest.fixture
def drawn():
    """Reports with their figures."""
