"""A network that is cut, between hosts that are real to it: network namespaces, joined by a bridge. Needs root."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

HEAD = "10.77.0.1"
DRIVER = """
import json, os, sys
from regfleet.fleet import FleetSettings, ray_fleet
sys.path.insert(0, sys.argv[2])
import conftest, work
settings = FleetSettings(address=sys.argv[1], environment={"PYTHONPATH": sys.argv[2]})
with ray_fleet(settings, warm_up=os.getpid) as fleet:
    for batch in fleet.run(conftest.Source(100, 1, 1.0), work.slow, conftest.DATA):
        print(json.dumps([(o.trial.key, o.status, o.host) for o in batch]), flush=True)
"""


def ip(*words):
    """Run iproute2."""
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def hosts(tmp_path):
    """Three hosts: a head without CPUs, and two nodes; the names of their namespaces."""
    names = [f"rf{os.getpid()}-{number}" for number in range(3)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    started = []
    try:
        for number, name in enumerate(names):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
            if number == 0:
                ip("-n", name, "link", "add", "br0", "type", "bridge")
                device = "br0"
            else:
                device = "eth0"
                ip("-n", names[0], "link", "add", f"to{number}", "type", "veth", "peer", device, "netns", name)
                ip("-n", names[0], "link", "set", f"to{number}", "master", "br0", "up")
            ip("-n", name, "addr", "add", f"10.77.0.{number + 1}/24", "dev", device)
            ip("-n", name, "link", "set", device, "up")
            command = ["ip", "netns", "exec", name, sys.executable, "-m", "ray.scripts.scripts", "start", "--block"]
            command += [f"--node-ip-address=10.77.0.{number + 1}"]
            if number == 0:
                command += ["--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false"]
                command += [f"--temp-dir=/tmp/{name}"]
            else:
                command += [f"--address={HEAD}:6379", "--num-cpus=2"]
            with (tmp_path / f"{number}.txt").open("w") as log:
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            time.sleep(8)
        # Both nodes have room before the driver comes.
        deadline = time.monotonic() + 90
        while not all("will now block" in (tmp_path / f"{n}.txt").read_text() for n in (1, 2)):
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield names
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        for name in names:
            left = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
            for pid in left.split():
                os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], check=False)


def test_a_cut_network_costs_no_trial(hosts, tmp_path):
    """The cable of one of two nodes is pulled: the other does the rest, within a minute instead of Ray's seven."""
    folder = str(Path(__file__).parents[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, folder])), "HOME": str(tmp_path)}
    command = ["ip", "netns", "exec", hosts[0], sys.executable, "-c", DRIVER, f"{HEAD}:6379", folder]
    with (tmp_path / "driver.txt").open("w") as said:
        driver = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)
    found, seen, cut = [], [], None
    for line in driver.stdout:
        found += json.loads(line)
        seen.append(time.monotonic())
        if cut is None and len(found) >= 30 and len({host for *_, host in found}) == 2:
            ip("-n", hosts[0], "link", "set", "to1", "down")
            cut = time.monotonic()
    assert driver.wait(60) == 0, (tmp_path / "driver.txt").read_text()
    assert len(found) == len({key for key, *_ in found}) == 300
    assert {status for _, status, _ in found} == {"done"}
    took = max(after - before for before, after in pairwise(seen))
    print(f"of 300; longest silence {took:.1f} s; done {seen[-1] - cut:.1f} s after the cut")  # noqa: T201
    assert seen[-1] - cut < 180
