"""Clocks that jump by days, on real processes: libfaketime stands between them and the wall clock."""

import json
import os
import sys
import time
from functools import partial

import pytest
from support.processes import started, wait_until

import regfleet
from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import place_of

STUDY = [
    "compare",
    "--references",
    "no",
    "--model",
    "16,8",
    "--epochs",
    "2",
    "-t",
    "l2@all",
    "--seeds",
    "12",
    "--workers",
    "1",
]
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
def wrong(storage, clock, tmp_path):
    """The function that starts Python with the wrong clock, and its marks in ``tmp_path``."""
    path = os.pathsep.join([clock[0]["PYTHONPATH"], *filter(None, sys.path)])
    return partial(
        started, cwd=tmp_path, **storage | clock[0] | {"PYTHONPATH": path, "REGFLEET_TEST_MARKS": str(tmp_path)}
    )


def test_a_clock_that_jumps_changes_nothing(url, wrong, clock, tmp_path, monkeypatch):
    """The driver's and its worker's clock goes a day forth and two back in the middle of trials that wait for it.

    Every trial is there once, seconds are as they passed, and the bucket stays claimed meanwhile.
    """
    monkeypatch.setattr(patience, "SECONDS", patience.Patience(settle=0.0))
    # Lock and log are written again and again, as they would be in a long study.
    often = {"REGFLEET_TEST_PATIENCE": json.dumps({"refresh": 1, "log": 1})}
    place = place_of(url)
    began = time.monotonic()
    with wrong("-m", "support.driver", "train_in_turn", *STUDY, "--out", url.partition("?")[0], **often) as driver:
        wait_until(lambda: (tmp_path / "chunk 2").exists() and place.exists("regfleet.log"), driver)
        for turn, offset in (("1", 1), ("2", -1)):
            clock[1](f"{offset:+d}d")
            time.sleep(1.5)  # libfaketime reads the offset once a second
            (tmp_path / turn).touch()
            day = time.strftime("%Y-%m-%d", time.localtime(time.time() + offset * 86_400))
            wait_until(lambda day=day: f"\n{day}" in place.text("regfleet.log"), driver)
            if turn == "1":
                with pytest.raises(InputError, match="in use by process"), place.claim():
                    pass
        _, stderr = driver.communicate()
    took = time.monotonic() - began
    assert driver.returncode == 0, stderr
    results = regfleet.load(url)
    assert results.trials["status"].tolist() == ["done"] * 24
    assert results.trials["key"].is_unique
    assert results.trials["seconds"].max() > 1.5
    assert results.trials["seconds"].between(0, took).all()
    assert results.trials["trace_seconds"].between(0, took).all()
    (run,) = json.loads(place.text("provenance.json"))["runs"]
    assert 0 < run["seconds"] < took


@pytest.mark.parametrize(
    ("offset", "stale", "answer"), [("+1d", 300, "in use by process 1 on elsewhere"), ("-1d", -1, "claimed")]
)
def test_a_lock_is_as_old_as_the_store_says(url, wrong, clock, offset, stale, answer):
    """A driver whose clock is a day ahead breaks no lock, and one whose clock is a day behind takes a stale one."""
    clock[1](offset)
    lock = {"owner": "x", "host": "elsewhere", "process": 1}
    place_of(url).write(".lock", json.dumps(lock).encode())
    with wrong("-c", CLAIM, url, str(stale)) as process:
        said, stderr = process.communicate()
    assert answer in said, stderr
    assert sorted(place_of(url).sizes("")) == ([".lock"] if stale > 0 else [])
