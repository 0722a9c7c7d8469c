"""Addresses and tokens: what is refused, what is asked for, and that nobody else gets in."""

import os
import socket
import subprocess
import sys
import time

import pytest

from regfleet.borrowed.ray import head_status

TOKEN = "d4" * 32
LOCAL = """
import os
from regfleet.fleet import FleetSettings, ray_fleet
from regfleet.borrowed.ray import head_status
with ray_fleet(FleetSettings(workers=1), warm_up=os.getpid) as fleet:
    import ray
    head = ray.get_runtime_context().gcs_address
    print(*(head_status(head, token, 5.0) for token in (None, "0" * 64, os.environ["RAY_AUTH_TOKEN"])))
"""
JOIN = """
import sys
from regfleet.errors import RegfleetError
from regfleet.fleet import FleetSettings, check_address, ray_fleet
notes = []
try:
    check_address(sys.argv[1])
    with ray_fleet(FleetSettings(address=sys.argv[1]), warm_up=list, note=notes.append) as fleet:
        print("joined", fleet.workers, notes)
except RegfleetError as problem:
    print(problem)
"""


def python(code, *arguments, home, **environment):
    """Run code in another process with an empty home; what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    kept |= {"HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module", params=["token", "disabled"])
def head(request, tmp_path_factory):
    """The mode and the address of a head that asks for a token, or lets everybody in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = kept | {"RAY_AUTH_MODE": request.param, "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1"]
    command += [f"--port={port}", "--include-dashboard=false", f"--temp-dir={tmp_path_factory.mktemp('r')}"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while head_status(address, TOKEN, 5.0) != "OK" and time.monotonic() < deadline:
        time.sleep(0.5)
    yield request.param, address
    process.terminate()
    process.wait()


def test_a_token_opens_what_asks_for_one(head, tmp_path):
    """With the token one joins, by variable or by file; without or with another one line says what is expected."""
    mode, address = head
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    warning = f"the cluster at {address} asks for no token, and whoever reaches its ports can run code there. "
    warning += "See cluster.yaml"
    warned = [] if mode == "token" else [warning]
    assert python(JOIN, address, home=tmp_path, RAY_AUTH_TOKEN_PATH=str(file)) == f"joined 1 {warned}"
    for given, environment in (("no token", {}), ("another token", {"RAY_AUTH_TOKEN": "0" * 64})):
        said = python(JOIN, address, home=tmp_path, **environment)
        if mode == "token":
            assert said == (
                f"--address: expected the token of the cluster at {address} in RAY_AUTH_TOKEN, the file that "
                f"RAY_AUTH_TOKEN_PATH names or ~/.ray/auth_token; got {given}"
            )
        else:
            assert said == f"joined 1 {warned}"


def test_what_starts_here_lets_nobody_else_in(tmp_path):
    """Our own Ray refuses who has no token or another, and leaves no token in the user's home."""
    assert python(LOCAL, home=tmp_path) == "UNAUTHENTICATED UNAUTHENTICATED OK"
    assert not (tmp_path / ".ray" / "auth_token").exists()
