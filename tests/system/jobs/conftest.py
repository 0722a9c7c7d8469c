"""A real Ray head with the Jobs API, a token, ports and a home of its own; and the command line that talks to it."""

import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from support.buckets import KEYS
from support.processes import PATIENCE, environment, python, started, wait_until

PORTS = (
    "--port",
    "--dashboard-port",
    "--node-manager-port",
    "--object-manager-port",
    "--ray-client-server-port",
    "--dashboard-agent-listen-port",
    "--dashboard-agent-grpc-port",
    "--runtime-env-agent-port",
    "--metrics-export-port",
)


@dataclass(frozen=True)
class Head:
    """A running head: its URL, its token, the home directory of its jobs."""

    url: str
    token: str
    home: Path

    def run(self, *arguments, cwd, token=None):
        """Run the command line against this head to its end; ``{url}`` stands for its address."""
        return python(*self.words(*arguments), cwd=cwd, **self.variables(cwd, token))

    @contextmanager
    def running(self, *arguments, cwd):
        """Start the command line and wait for the first progress of a study; killed if a test leaves it behind."""
        with started(*self.words(*arguments), cwd=cwd, **self.variables(cwd)) as process:
            assert any(re.match(r"\d+/\d+ trials", line) for line in process.stdout), process.stderr.read()
            yield process

    def words(self, *arguments):
        """What Python is told to run, with the address in place."""
        return ["-m", "regfleet", *(str(word).replace("{url}", self.url) for word in arguments)]

    def variables(self, home, token=None):
        """The token (or another one; none if empty) and a home without one."""
        token = self.token if token is None else token
        return {"HOME": str(home)} | ({"RAY_AUTH_TOKEN": token} if token else {})


@pytest.fixture
def at_head(head, command, monkeypatch, tmp_path):
    """The function that runs the command line in this process against the head: (code, stdout, stderr)."""
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    for name, value in head.variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "")  # so that what the command sets is gone after the test
    return lambda *arguments: command(*(str(word).replace("{url}", head.url) for word in arguments))


def free_ports(count):
    """Free ports, all different: above those that Ray gives to workers, below those the system gives to connections."""
    found = []
    while len(found) < count:
        port = random.randrange(20_000, 32_768)
        with suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            found = sorted({*found, port})
    return found


@pytest.fixture(scope="session")
def head():
    """A head with two CPUs and the keys to storage, that lets in nobody without its token."""
    # Ray's sockets lie in its folder, and their paths may have 107 characters: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="rf-", dir="/tmp"))
    home = folder / "home"
    home.mkdir()
    token_file = folder / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(secrets.token_hex(32))
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    binaries = str(Path(sys.executable).parent)
    variables = environment(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token_file),
        RAY_prestart_worker_first_driver="0",  # such workers have not the fleet's environment, and are never used
        HOME=str(home),
        PATH=os.pathsep.join([binaries, os.environ["PATH"]]),
        **KEYS,
    )
    del variables["PYTHONPATH"]  # a cluster has no checkout: what the job needs has to come with it
    options = ["--dashboard-host", "127.0.0.1", "--node-ip-address", "127.0.0.1", "--temp-dir", str(folder / "ray")]
    options += ["--num-cpus", "2", "--object-store-memory", "200000000", "--min-worker-port", "0"]
    options += ["--max-worker-port", "0", "--disable-usage-stats", "--block"]
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [f"{binaries}/ray", "start", "--head", *options, *(word for pair in ports.items() for word in pair)],
        env=variables,
        cwd=home,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{ports['--dashboard-port']}"
    try:
        wait_until(partial(_takes_jobs, url, token_file.read_text()), process)
        yield Head(url, token_file.read_text(), home)
    finally:
        left = _descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        _end(left)
        log.close()
        shutil.rmtree(folder)


class Wire:
    """A port of this machine that leads to a head, and can be cut."""

    def __init__(self, url):
        self._there = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends = [self._listening]
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Break every connection, and take no other."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection((self._there.hostname, self._there.port))
                self._ends += [here, there]
                for pair in ((here, there), (there, here)):
                    Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target):
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire(head):
    """A way to the head that a test may cut."""
    made = Wire(head.url)
    yield made
    made.cut()


def _takes_jobs(url, token):
    request = urllib.request.Request(f"{url}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    with suppress(OSError), urllib.request.urlopen(request, timeout=5) as reply:
        return bool(reply.read())
    return False


def _descendants(pid):
    """The processes below ``pid``, with the time that each started, which tells it from a later one of its number."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1]), fields[19]
    found, edge = {}, {pid}
    while edge:
        edge = {child for child, (parent, _) in parents.items() if parent in edge}
        found |= {child: parents[child][1] for child in edge}
    return found


def _end(processes):
    """Wait until they have ended by themselves; those that have not after ten seconds are killed, by their numbers."""
    deadline = time.monotonic() + 10
    while left := [pid for pid, started in processes.items() if _started(pid) == started]:
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.1)


def _started(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
