"""Networks that are cut and come back, between hosts that are real to each other."""

import json
import re
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from support import ROOT

import regfleet

CLUSTER = ROOT / "cluster.yaml"
OURS = dict(re.findall(r"(RAY_health_check_\w+)=(\d+)", CLUSTER.read_text()))
DRIVER = Path(__file__).with_name("driver.py")


def driving(network, log, seeds, seconds):
    """Drive trials of three variants from the head's host; yields each batch with the time at which it came."""
    with log.open("w") as chatter:
        words = [DRIVER, network.address, seeds, seconds]
        driver = network.run(*words, stdout=subprocess.PIPE, stderr=chatter)
    for line in driver.stdout:
        yield time.monotonic(), json.loads(line)
    assert driver.wait(60) == 0, log.read_text()


def all_done(batches, trials):
    """Whether every trial is there, once, and done."""
    found = [outcome for _, batch in batches for outcome in batch]
    return len({key for key, *_ in found}) == len(found) == trials and {status for _, status, _ in found} == {"done"}


def cut_one_of_two(network, log, seeds, seconds=None):
    """Pull the cable of one of two nodes, for good or so many seconds; returns batches and the time from then on."""
    cut_off, _ = network.add(cpus=2), network.add(cpus=2)
    batches, cut = [], None
    for batch in driving(network, log, seeds, 0.3):
        batches.append(batch)
        if len(batches) == 30:
            network.unplug(cut_off, seconds)
            cut = time.monotonic()
    silence = max(after - before for (before, _), (after, _) in pairwise(batches))
    took = batches[-1][0] - cut
    print(f"cut for {seconds or 'ever'}: longest silence {silence:.1f} s, done after {took:.1f} s")  # noqa: T201
    return batches, took


@pytest.mark.parametrize(("network", "limit"), [({}, 180), (OURS, 120)], indirect=["network"])
def test_a_cut_network_costs_no_trial(network, limit, tmp_path):
    """The cable of one of two nodes is pulled for good: the other does the rest, and nobody waits Ray's seven minutes.

    The head takes a minute to give a node up by Ray's settings, and may promise it work until then; a third of that by
    those of our cluster files.
    """
    batches, took = cut_one_of_two(network, tmp_path / "driver.txt", 100)
    assert all_done(batches, 300)
    assert took < limit


@pytest.mark.parametrize(("seconds", "seeds"), [(40, 150), (80, 250)])
def test_a_network_that_comes_back_doubles_no_trial(network, tmp_path, seconds, seeds):
    """The cable of one of two nodes is back before, or after, the head has given the node up: every trial once."""
    batches, took = cut_one_of_two(network, tmp_path / "driver.txt", seeds, seconds)
    assert all_done(batches, 3 * seeds)
    assert took > seconds


def test_a_long_trial_is_left_in_peace(network, tmp_path):
    """A worker is not asked for signs of life so often that it hangs up, on a cluster with Ray's own settings."""
    network.add(cpus=3)
    log = tmp_path / "driver.txt"
    assert all_done(driving(network, log, 1, 130), 3)
    assert "lost worker" not in log.read_text()


def test_a_driver_that_is_cut_off_ends_with_what_is_done(network, tmp_path):
    """The driver's own cable is pulled: it says so, reports what it has and ends with code 3, before Ray kills it."""
    _, desk = network.add(cpus=2), network.add(cpus=0)
    study = ["--model", "16,8", "--epochs", "40", "-t", "l2@all", "--seeds", "2000", "--out", "out"]
    command = ["-m", "regfleet", "compare", "--address", network.address, *study]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    driver = network.run(*command, number=desk, **pipes)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out" / "trials").glob("part-*.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    network.unplug(desk)
    cut = time.monotonic()
    _, stderr = driver.communicate(timeout=150)
    print(f"the driver's host cut: ended with {driver.returncode} after {time.monotonic() - cut:.1f} s")  # noqa: T201
    assert driver.returncode == 3, stderr
    assert f"the head of the cluster at {network.address} does not answer" in stderr
    kept = len(regfleet.load(tmp_path / "out").trials)
    assert f"interrupted: {kept} of 4000 trials are kept in out; the same command runs the rest" in stderr
    assert "Partial" in (tmp_path / "out" / "report.html").read_text()
