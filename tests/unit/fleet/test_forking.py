"""Workers of a Ray of ours are forks of a process that has imported what they need."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regfleet.borrowed.ray import worker_command
from regfleet.fleet.forking import ForkServer

WORKER = """
import json, os, signal, sys
said = {"parent": os.getppid(), "name": __name__, "argv": sys.argv[1:]}
said |= {"imported": "graphlib" in sys.modules, "ray": "ray" in sys.modules}
said |= {"job": os.environ["RAY_JOB_ID"], "node": os.environ.get("OF_THE_NODE")}
said |= {"input": os.readlink("/proc/self/fd/0")}
said |= {"own group": os.getpgid(0) == os.getpid(), "waits": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL}
said |= {"score": open("/proc/self/oom_score_adj").read().strip()}
with open(sys.argv[1] + ".part", "w") as file:
    json.dump(said, file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
"""
PRELOAD = "graphlib:TopologicalSorter"


@pytest.fixture
def ask(tmp_path):
    """A function that asks a fork server for a worker, as Ray's node does, and returns what that says of itself."""
    script, told = tmp_path / "worker.py", tmp_path / "said"
    script.write_text(WORKER)
    with subprocess.Popen(["sleep", "600"], env={**os.environ, "OF_THE_NODE": "yes"}) as node:
        given = {**os.environ, "OF_THE_NODE": "by itself"}

        def asked(server: int, job: str = "0a000000", node: int = node.pid) -> dict[str, object]:
            command = [*worker_command(server), sys.executable, str(script), str(told), "--a=*"]
            subprocess.run(command, env=given | {"RAY_RAYLET_PID": str(node), "RAY_JOB_ID": job}, check=True)
            until = time.monotonic() + 60
            while not told.exists() and time.monotonic() < until:
                time.sleep(0.02)
            said = json.loads(told.read_text())
            told.unlink()
            return said

        yield asked
        node.kill()


def test_a_worker_is_a_fork_with_the_environment_of_its_node(ask, tmp_path):
    """Each time anew; it has what was imported, and is otherwise the program that Ray would have run."""
    with ForkServer(os.environ, PRELOAD) as forks:
        server = forks.start()
        assert forks.start() == server
        found = [ask(server), ask(server)]
    expected = {"parent": server, "name": "__main__", "argv": [str(tmp_path / "said"), "--a=*"]}
    expected |= {"imported": True, "ray": True, "job": "0a000000", "node": "yes", "input": os.devnull}
    expected |= {"own group": True, "waits": True, "score": "1000"}
    assert found == [expected, expected]


def test_ray_is_imported_once_for_one_job_of_one_node(ask):
    """It hears of both when it is imported: who has no job forks before, and others are new programs afterwards."""
    with ForkServer(os.environ, PRELOAD) as forks:
        server = forks.start()
        found = [ask(server, job) for job in ("", "0a000000", "0b000000", "", "0a000000")]
        found += [ask(server, node=os.getpid()), ask(server)]
    assert [(said["job"], said["node"], said["imported"], said["ray"]) for said in found] == [
        ("", "yes", True, False),
        ("0a000000", "yes", True, True),
        ("0b000000", "yes", False, False),
        ("", "yes", False, False),
        ("0a000000", "yes", True, True),
        ("0a000000", None, False, False),
        ("0a000000", "yes", True, True),
    ]


def test_what_cannot_be_imported_is_left_to_the_worker(ask):
    """Which says so where somebody listens."""
    with ForkServer(os.environ, "graphlib:absent") as forks:
        assert ask(forks.start())["job"] == "0a000000"


def test_where_the_server_is_gone_a_worker_is_started_by_itself(ask):
    """Whatever ended it."""
    with ForkServer(os.environ, PRELOAD) as forks:
        server = forks.start()
        os.kill(server, 9)
        os.waitid(os.P_PID, server, os.WEXITED | os.WNOWAIT)
        said = ask(server)
    assert (said["imported"], said["node"]) == (False, "by itself")


def test_the_server_ends_with_its_driver():
    """However that came; nothing of it is left behind."""
    code = f"from regfleet.fleet import ForkServer; print(ForkServer({{}}, {PRELOAD!r}).start(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        server = Path("/proc", driver.stdout.readline().decode().strip())
        driver.kill()
    until = time.monotonic() + 60
    while server.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not server.exists()


def test_without_imports_there_is_none():
    """Ray starts its workers as ever."""
    with ForkServer({}, "") as forks:
        assert forks.start() == 0
