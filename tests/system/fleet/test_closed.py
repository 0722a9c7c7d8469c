"""A Ray that regfleet starts is closed: whoever has not its token runs nothing there, and every socket is known."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.processes import environment, started, wait_until

from regfleet.borrowed.ray import head_status
from regfleet.fleet import sockets

KNOWN_TO_OTHERS = "d4" * 32
OURS = """
import json, os, sys
from regfleet.fleet import FleetSettings, ray_fleet
from regfleet.fleet.sockets import family, listening
before, notes = dict(os.environ), []
with ray_fleet(FleetSettings(workers=2), warm_up=os.getpid, note=notes.append):
    import ray
    ray.get([ray.remote(num_cpus=0)(lambda: 1).remote() for _ in range(2)])
    print(json.dumps({
        "head": ray.get_runtime_context().gcs_address,
        "token": os.environ["RAY_AUTH_TOKEN"],
        "folder": ray._private.worker._global_node.temp_dir,
        "listening": [(one.address, one.port, one.process, one.answer(), one.closed) for one in listening(os.getpid())],
        "family": sorted(family(os.getpid())),
        "notes": notes,
    }), flush=True)
    sys.stdin.read()
names = [name for name in before.keys() | os.environ if "RAY" in name or "METRIC" in name]
print(json.dumps({name: os.environ.get(name) for name in names if os.environ.get(name) != before.get(name)}))
"""
CLIENT = """
import sys
import ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(ray.get(ray.remote(num_cpus=0)(lambda path: open(path, "w").close() or "ran").remote(sys.argv[2]), timeout=60))
"""


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A Ray of ours, started where everything in the environment would have it open; what it says of itself."""
    home = tmp_path_factory.mktemp("home")
    (home / ".ray").mkdir()
    known = home / ".ray" / "auth_token"
    known.write_text(KNOWN_TO_OTHERS)
    known.chmod(0o644)
    open_to_all = {
        "HOME": str(home),
        "RAY_AUTH_MODE": "disabled",
        "RAY_AUTH_TOKEN_PATH": str(known),
        "RAY_enable_metrics_collection": "1",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
        "RAY_REDIS_ADDRESS": "127.0.0.1:1",
        "RAY_ADDRESS": "127.0.0.1:1",
        "RAY_RUNTIME_ENV_HOOK": "os.system",
        "AUTOSCALER_METRIC_PORT": "0",
        "TMPDIR": str(tmp_path_factory.mktemp("d" * 60)),
    }
    command = [sys.executable, "-c", OURS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=home, env=environment(**open_to_all), **pipes) as process:
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said = json.loads(line)
            yield said
            process.stdin.close()
            ended = json.loads(process.stdout.readline())
            assert ended == {}, "the environment is as it was"
            process.wait()
            assert not Path(said["folder"]).parent.exists()
        finally:
            process.kill()


def client(ours, tmp_path, **variables):
    """Whether somebody else's process could run a task on our Ray, and what it said."""
    mark = tmp_path / "ran"
    command = [sys.executable, "-c", CLIENT, ours["head"], str(mark)]
    # Without this Ray would look for 127.0.0.1 at the address of this machine in the network, where nothing listens.
    here = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_NUM_REDIS_GET_RETRIES": "2"}
    given = environment(HOME=str(tmp_path), **here, **variables)
    try:
        done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=90, check=False)
    except subprocess.TimeoutExpired as problem:
        return mark.exists(), str(problem)
    return mark.exists(), done.stdout + done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"RAY_AUTH_MODE": "disabled"},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": KNOWN_TO_OTHERS},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
    ],
    ids=["no token", "the user's, that others may read", "another"],
)
def test_nobody_runs_a_task_without_its_token(ours, tmp_path, variables):
    """Not without one, not with the one in the user's home, not with a guess."""
    ran, said = client(ours, tmp_path, **variables)
    assert not ran, said


def test_it_answers_nobody_without_its_token(ours):
    """Our own Ray refuses who has no token or another, before he can ask for anything."""
    answers = [head_status(ours["head"], token, 5.0) for token in (None, "0" * 64, ours["token"])]
    assert answers == ["UNAUTHENTICATED", "UNAUTHENTICATED", "OK"]


def test_with_its_token_a_task_runs(ours, tmp_path):
    """What the others do is done right: the same process with the token runs its task."""
    ran, said = client(ours, tmp_path, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=ours["token"])
    assert ran, said


def test_every_socket_is_known_and_closed(ours):
    """Each is one of those that SECURITY.md lists, on the loopback or in a private folder, and asks for the token."""
    network = [one for one in ours["listening"] if one[1] and one[3] != sockets.GONE]
    assert {process for _, _, process, _, _ in network} == set(sockets.KNOWN)
    assert [one for one in ours["listening"] if not one[4]] == []
    assert {answer for *_, answer, _ in network} == {sockets.TOKEN}
    local = [one for one in ours["listening"] if not one[1]]
    assert len(local) == 2
    assert {answer for *_, answer, _ in local} == {sockets.PRIVATE}


def test_its_folder_is_the_users_alone_and_short_enough(ours):
    """Its parent is closed to all others, although Ray opens its own; a TMPDIR that is too long is said."""
    parent = Path(ours["folder"]).parent
    assert stat.S_IMODE(parent.stat().st_mode) == 0o700
    assert parent.stat().st_uid == os.getuid()
    assert any(note.startswith("Ray's temporary files are in /tmp: ") for note in ours["notes"])


def test_its_token_is_nowhere_to_be_read(ours):
    """Not in a command line, not in a file of Ray's; it is new, and long."""
    token = ours["token"]
    assert token != KNOWN_TO_OTHERS
    assert len(token) == 64
    commands = [path for pid in ours["family"] if (path := Path(f"/proc/{pid}/cmdline")).exists()]
    assert len(commands) >= len(sockets.KNOWN)
    assert [path for path in commands if token.encode() in path.read_bytes()] == []
    written = [path for path in Path(ours["folder"]).rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if token.encode() in path.read_bytes()] == []


def test_a_socket_that_is_open_is_seen(tmp_path):
    """What looks at sockets sees one on every interface, one of HTTP without a token, and one that others may enter."""
    code = """
import http.server, socket, sys, threading
server = http.server.HTTPServer(("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
local = socket.socket(socket.AF_UNIX)
local.bind(sys.argv[1])
local.listen()
print("up", flush=True)
threading.Event().wait()
"""
    # pytest's own folders are private.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, started("-c", code, f"{folder}/s", cwd=tmp_path) as process:
        Path(folder).chmod(0o755)
        assert process.stdout.readline() == "up\n"
        found = {one.port > 0: one for one in wait_until(lambda: sockets.listening(process.pid))}
        assert (found[True].address, found[True].closed, found[True].answer()) == ("0.0.0.0", False, sockets.OPEN)
        assert (found[False].address, found[False].answer()) == (f"{folder}/s", sockets.SHARED)
