"""Clocks that jump by days, on real processes: libfaketime stands between them and the wall clock."""

import json
import os
import subprocess
import sys
import time

import pytest

import regfleet
from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import place_of

STUDY = ["compare", "--model", "16,8", "--epochs", "150", "-t", "l2@all", "--seeds", "130", "--workers", "2"]
DRIVER = """
from regfleet.cli import main
from regfleet import patience
# Lock and log are written all the time, as they would be in a long study.
patience.SECONDS = patience.Patience(refresh=0.3, log=0.3)
main()
"""
CLAIM = """
import sys
from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import place_of
patience.SECONDS = patience.Patience(stale=float(sys.argv[2]), settle=0.0)
try:
    with place_of(sys.argv[1]).claim():
        print("claimed")
except InputError as problem:
    print(problem)
"""


@pytest.fixture
def python(environment, clock):
    """The function that starts Python with the wrong clock."""
    started = []

    def start(code, *arguments):
        kept = {name: value for name, value in environment.items() if not name.startswith("RAY_")} | clock[0]
        kept["PYTHONPATH"] = os.pathsep.join([clock[0]["PYTHONPATH"], *filter(None, sys.path)])
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", code, *arguments], env=kept, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(condition, driver):
    """Wait until a condition holds of a driver at work."""
    deadline = time.monotonic() + 200
    while not condition():
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_clock_that_jumps_changes_nothing(url, python, clock, monkeypatch):
    """The driver's and its workers' clock goes a day forth and two back: every trial once, seconds as they passed.

    The bucket stays claimed meanwhile.
    """
    monkeypatch.setattr(patience, "SECONDS", patience.Patience(settle=0.0))
    _, set_clock = clock
    place = place_of(url)
    began = time.monotonic()
    driver = python(DRIVER, *STUDY, "--out", url.partition("?")[0])
    wait_for(lambda: place.sizes("trials") and place.exists("regfleet.log"), driver)
    for offset in (1, -1):
        set_clock(f"{offset:+d}d")
        day = time.strftime("%Y-%m-%d", time.localtime(time.time() + offset * 86_400))
        wait_for(lambda day=day: f"\n{day}" in place.text("regfleet.log"), driver)
    with pytest.raises(InputError, match="in use by process"), place.claim():
        pass
    _, stderr = driver.communicate(timeout=200)
    took = time.monotonic() - began
    assert driver.returncode == 0, stderr
    found = regfleet.load(url)
    assert found.trials["status"].tolist() == ["done"] * 260
    assert found.trials["key"].is_unique
    assert found.trials["seconds"].between(0, took).all()
    assert found.trials["trace_seconds"].between(0, took).all()
    (run,) = found.provenance["runs"]
    assert 0 < run["seconds"] < took


@pytest.mark.parametrize(
    ("offset", "stale", "answer"), [("+1d", 300, "in use by process 1 on elsewhere"), ("-1d", -1, "claimed")]
)
def test_a_lock_is_as_old_as_the_store_says(url, python, clock, offset, stale, answer):
    """A driver whose clock is a day ahead breaks no lock, and one whose clock is a day behind takes a stale one."""
    _, set_clock = clock
    set_clock(offset)
    lock = {"owner": "x", "host": "elsewhere", "process": 1}
    place_of(url).write(".lock", json.dumps(lock).encode())
    said, stderr = python(CLAIM, url, str(stale)).communicate(timeout=60)
    assert answer in said, stderr
    assert sorted(place_of(url).sizes("")) == ([".lock"] if stale > 0 else [])
