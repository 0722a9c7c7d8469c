"""Addresses and tokens: what is refused, what is asked for, and that nobody else gets in."""

import re
import socket
import subprocess
import sys

import pytest
from support.processes import environment, python, wait_until

from regfleet.borrowed.ray import head_status
from regfleet.errors import InputError
from regfleet.fleet import check_address

TOKEN = "d4" * 32
JOIN = """
import sys
from regfleet.fleet import FleetSettings, ray_fleet
notes = []
with ray_fleet(FleetSettings(address=sys.argv[1]), warm_up=list, note=notes.append) as fleet:
    print("joined", fleet.workers, notes)
"""


def printed(code, *arguments, home, **more):
    """What code printed in another process with an empty home."""
    done = python("-c", code, *arguments, cwd=home, HOME=str(home), **more)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module", params=["token", "disabled"])
def head(request, tmp_path_factory):
    """The mode and the address of a head that asks for a token, or lets everybody in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1"]
    command += [f"--port={port}", "--include-dashboard=false", f"--temp-dir={tmp_path_factory.mktemp('r')}"]
    variables = {"RAY_AUTH_MODE": request.param, "RAY_AUTH_TOKEN": TOKEN, "RAY_USAGE_STATS_ENABLED": "0"}
    with (tmp_path_factory.mktemp("log") / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, *command], env=environment(**variables), stdout=log, stderr=log)
        wait_until(lambda: head_status(f"127.0.0.1:{port}", TOKEN, 5.0) == "OK", process)
        yield request.param, f"127.0.0.1:{port}"
        process.terminate()
        process.wait()


def test_a_token_opens_what_asks_for_one(head, tmp_path):
    """One joins with the token; where none is asked for also without, but with a warning."""
    mode, address = head
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o644)
    warning = f"the cluster at {address} asks for no token, and whoever reaches its ports can run code there. "
    given = {"RAY_AUTH_TOKEN_PATH": str(file)} if mode == "token" else {}
    readable = f"others on this machine may read the token in {file}: chmod 600 it"
    notes = [readable] if mode == "token" else [warning + "See cluster.yaml"]
    assert printed(JOIN, address, home=tmp_path, **given) == f"joined 1 {notes}"


@pytest.mark.parametrize(("words", "token"), [("no token", None), ("another token", "0" * 64)])
def test_without_its_token_a_head_lets_nobody_in(head, tmp_path, monkeypatch, words, token):
    """None, or another one, is refused in a line where one is asked for, and is no matter where none is."""
    mode, address = head
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    if token:
        monkeypatch.setenv("RAY_AUTH_TOKEN", token)
    if mode == "disabled":
        check_address(address)
        return
    complaint = (
        f"--address: expected the token of the cluster at {address} in RAY_AUTH_TOKEN, the file that "
        f"RAY_AUTH_TOKEN_PATH names or ~/.ray/auth_token; got {words}"
    )
    with pytest.raises(InputError, match=re.escape(complaint)):
        check_address(address)
