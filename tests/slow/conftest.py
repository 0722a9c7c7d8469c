"""Hosts that are real to each other: namespaces with processes and a network of their own, on cables to one bridge.

Needs root, iproute2 and util-linux.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Timer

import pytest

START_SECONDS = 90
LIFETIME = 1800
"""A host is gone after so many seconds, whatever became of the test."""


class Host:
    """Processes that see only each other, a folder of their own as Ray's, and a network; they end with it.

    ``home``: where they begin.
    """

    def __init__(self, folder, ray, home):
        folder.mkdir()
        begin = f'mount --bind "$0" "$1" && echo up && exec sleep {LIFETIME}'
        words = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        words += ["sh", "-c", begin, str(folder), str(ray)]
        self._process = subprocess.Popen(words, cwd=home, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "up\n"
        self.pid = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().strip()
        self.ip("link", "set", "lo", "up")

    def command(self, *words):
        """The command that runs another one on this host."""
        return ["nsenter", "--target", self.pid, "--net", "--mount", "--pid", "--wd", *map(str, words)]

    def ip(self, *words):
        """Run iproute2 on this host's network."""
        subprocess.run(["nsenter", "--target", self.pid, "--net", "ip", *words], check=True)

    def up(self, device, number):
        """Give a device an address."""
        self.ip("addr", "add", f"10.77.0.{number}/24", "dev", device)
        self.ip("link", "set", device, "up")

    def end(self):
        """End every process of the host: the first takes the others with it."""
        self._process.kill()
        self._process.communicate()
        deadline = time.monotonic() + 20
        while Path("/proc", self.pid).exists() and time.monotonic() < deadline:
            time.sleep(0.1)


class Network:
    """A head without CPUs and the nodes that were added, every one a host; whoever made it clears it."""

    address = "10.77.0.1:6379"

    def __init__(self, home, environment):
        self._home = home
        # Sockets lie in it, and their paths may not be long.
        self._folder = Path(tempfile.mkdtemp(prefix="rf", dir="/tmp"))
        self._ray = self._folder / "ray"
        self._ray.mkdir()
        self._hosts, self._started, self._timers = [], [], []
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PYTEST_"))}
        self._environment = kept | {
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "RAY_USAGE_STATS_ENABLED": "0",
            **environment,
        }

    def start(self):
        """Start the head."""
        head = self._host()
        head.ip("link", "add", "br0", "type", "bridge")
        head.up("br0", 1)
        self._ray_start("--num-cpus=0", "--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={self._ray}")

    def add(self, cpus):
        """One more host with a node of so many CPUs; returns its number."""
        host, number = self._host(), len(self._hosts)
        head = self._hosts[0]
        head.ip("link", "add", f"to{number}", "type", "veth", "peer", "eth0", "netns", host.pid)
        head.ip("link", "set", f"to{number}", "master", "br0", "up")
        host.up("eth0", number)
        self._ray_start(f"--num-cpus={cpus}", f"--address={self.address}")
        return number

    def run(self, *words, number=1, **options):
        """Start Python with these words on a host, the head where none is named; returns its process."""
        command = self._hosts[number - 1].command(sys.executable, *words)
        self._started.append(subprocess.Popen(command, env=self._environment, text=True, **options))
        return self._started[-1]

    def unplug(self, number, seconds=None):
        """Pull the cable of a host, and put it back after so many seconds, where any are given."""
        self._hosts[0].ip("link", "set", f"to{number}", "down")
        if seconds:
            self._timers.append(Timer(seconds, self._hosts[0].ip, ["link", "set", f"to{number}", "up"]))
            self._timers[-1].start()

    def clear(self):
        """End the hosts with all that runs there."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        for host in reversed(self._hosts):
            host.end()
        for process in self._started:
            process.communicate()
        shutil.rmtree(self._folder)

    def _host(self):
        self._hosts.append(Host(self._folder / str(len(self._hosts) + 1), self._ray, self._home))
        return self._hosts[-1]

    def _ray_start(self, *words):
        number = len(self._hosts)
        words = ["-m", "ray.scripts.scripts", "start", f"--node-ip-address=10.77.0.{number}", *words]
        path = self._home / f"{number}.txt"
        with path.open("w") as log:
            done = subprocess.run(
                self._hosts[-1].command(sys.executable, *words),
                env=self._environment | {"RAY_AUTH_MODE": "disabled"},
                stdout=log,
                stderr=log,
                timeout=START_SECONDS,
                check=False,
            )
        assert done.returncode == 0, path.read_text()


@pytest.fixture
def network(tmp_path, request):
    """A network with a head alone, in the environment of the parameter; nothing of it is left after the test."""
    network = Network(tmp_path, getattr(request, "param", {}))
    try:
        network.start()
        yield network
    finally:
        network.clear()
