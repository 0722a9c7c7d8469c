"""What Ray does not promise is as it is expected; a release that changes it says so here."""

import importlib
import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray
from support.processes import wait_until

from regfleet.borrowed import ray as borrowed
from regfleet.errors import InputError

RELEASE = f"Ray {ray.__version__}"
ASK = """
import sys
from ray._raylet import AuthenticationTokenLoader
try:
    print(AuthenticationTokenLoader.instance().get_raw_token(), end="")
except Exception as problem:
    print(end="")
"""


@pytest.mark.parametrize(
    ("variable", "named", "at_home"),
    [
        (" spaced\n", "named", "home"),
        ("", " named \n", "home"),
        (None, None, " home\n"),
        (None, None, None),
        ("  ", "named", "home"),
        (None, "\n", "home"),
        (None, "absent", "home"),
    ],
)
def test_our_token_is_rays(variable, named, at_home, tmp_path, monkeypatch):
    """Variable, file and home, with spaces, empty or absent: what Ray itself reads, nothing where it refuses."""
    (tmp_path / ".ray").mkdir()
    if at_home:
        (tmp_path / ".ray" / "auth_token").write_text(at_home)
    if named and named != "absent":
        (tmp_path / "token").write_text(named)
    given = {"HOME": str(tmp_path), borrowed.TOKEN: variable, borrowed.TOKEN_FILE: named and str(tmp_path / "token")}
    for name, value in given.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    environment = os.environ | {borrowed.AUTH_MODE: "token"}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert (borrowed.token() or "") == done.stdout, f"{RELEASE} reads its token by another rule"


def test_a_head_is_asked_what_it_knows():
    """The gRPC service and method of our question are in Ray's protocol."""
    from ray.core.generated import gcs_service_pb2

    _, service, method = borrowed.HEAD_QUESTION.split("/")
    services = {found.full_name: found for found in gcs_service_pb2.DESCRIPTOR.services_by_name.values()}
    assert service in services, f"{RELEASE}: {service} is gone"
    assert method in services[service].methods_by_name, f"{RELEASE}: {borrowed.HEAD_QUESTION} is gone"


def test_ray_starts_its_services_one_by_one():
    """Those that are left out are methods of its node, and are there again afterwards."""
    from ray._private.node import Node

    before = [getattr(Node, name, None) for name in borrowed.SERVICES]
    assert all(map(callable, before)), f"{RELEASE} starts its services otherwise"
    with borrowed.few_services():
        assert [getattr(Node, name)() for name in borrowed.SERVICES] == [None] * 3
    assert [getattr(Node, name) for name in borrowed.SERVICES] == before


def test_rays_node_is_told_what_to_start(tmp_path, monkeypatch):
    """Its command names two agents and the worker's own, which ours replaces, and a folder to which -1 is written."""
    from ray._private import services

    code = inspect.getsource(services.start_raylet)
    needed = ("--python_worker_command", "--session_dir", "--node_id", "utils.get_dashboard_dependency_error()")
    for word in (*borrowed.AGENTS, *needed):
        assert word in code, f"{RELEASE}: {word} is gone"
    started = []
    monkeypatch.setattr(services, "start_ray_process", lambda command, *_, **__: started.append(command))
    node = ["raylet", f"--session_dir={tmp_path}", "--node_id=ab12", "--python_worker_command=p s d", "--head"]
    with borrowed.bare_node(0):
        services.start_ray_process(["gcs", "--session_dir=x"], "gcs")
        services.start_ray_process([*node, *(f"{name}=python agent.py" for name in borrowed.AGENTS)], "raylet")
    assert started[0] == ["gcs", "--session_dir=x"]
    assert [word for word in started[1] if "agent.py" in word] == []
    assert [word for word in started[1] if word.endswith(" p s d")] != []
    ports = [file.read_text() for file in tmp_path.iterdir()]
    assert ports == ["-1"] * 4, f"{RELEASE} writes ports otherwise"


WORKER = ["/x y/setup_worker.py", "/x y/default_worker.py", "--language=PYTHON", "--a=*", "--b=c  d"]
BARE = ["/x y/default_worker.py", "--a=*", "--b=c  d"]


def test_a_worker_is_started_without_the_step_before():
    """What Ray's setup_worker.py takes out of its command is taken out; all else is passed on, spaces too."""
    command = [*borrowed.worker_command(0), "printf", "%s\\n", *WORKER, "--serialized-runtime-env-context={}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.splitlines(), done.stderr) == (BARE, "")
    taken = inspect.getsource(importlib.import_module("ray._private.workers.setup_worker"))
    for word in ("--language", "--serialized-runtime-env-context"):
        assert word in taken, f"{RELEASE}: {word} is gone"
    assert taken.count("add_argument(") == 2, f"{RELEASE}: its workers are set up with more"


def test_a_worker_is_asked_of_the_fork_server_that_is_there():
    """One line on its standard input has all that Ray tells a worker; nothing is started then."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        told = {**os.environ, "RAY_RAYLET_PID": "12", "RAY_JOB_ID": "0a"}
        command = [*borrowed.worker_command(server.pid), "echo", *WORKER]
        done = subprocess.run(command, env=told, capture_output=True, check=True)
        line, _ = server.communicate()
    assert (done.stdout, done.stderr) == (b"", b"")
    assert line == "\x1f".join(["12", "0a", "echo", *BARE]) + "\n"


def test_what_stands_for_an_agent_ends_with_its_parent():
    """Its parent's end is seen, however that came; until then it stays."""
    parent = f"import subprocess, time; print(subprocess.Popen({borrowed.NO_AGENT!r}).pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        agent = Path("/proc", process.stdout.readline().strip())
        time.sleep(0.5)
        assert agent.exists()
        process.kill()
    wait_until(lambda: not agent.exists())


def test_workers_inherit_what_is_set_while_ray_starts(monkeypatch):
    """Ours is there for that moment, and the user's environment afterwards."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with borrowed.environment_of_workers({"OMP_NUM_THREADS": "1", "KERAS_BACKEND": "tensorflow"}):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["KERAS_BACKEND"]) == ("1", "tensorflow")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "KERAS_BACKEND" not in os.environ


def test_ray_takes_its_environment_again():
    """Mode, token and address follow the environment while a fleet lasts, and go back afterwards."""
    code = """
import os, ray
from ray._raylet import AuthenticationTokenLoader, get_authentication_mode
from ray._private.services import get_node_ip_address
from regfleet.borrowed import ray as borrowed
from regfleet.errors import InputError

def seen():
    loader = AuthenticationTokenLoader.instance()
    return get_authentication_mode(), loader.has_token(ignore_auth_mode=True), get_node_ip_address() == "127.0.0.1"

before = seen()
given = borrowed.STARTING_ENVIRONMENT | {borrowed.AUTH_MODE: "token", borrowed.TOKEN: "a"}
with borrowed.variables(given, only=True):
    print(seen()[1:], AuthenticationTokenLoader.instance().get_raw_token(), "RAY_ADDRESS" in os.environ)
    print(os.environ["RAY_memory_monitor_refresh_ms"])
print(seen() == before, before[1], os.environ["RAY_ADDRESS"], os.environ[borrowed.TOKEN])
"""
    given = {
        borrowed.AUTH_MODE: "disabled",
        borrowed.TOKEN: "b",
        "RAY_ADDRESS": "x:1",
        "RAY_memory_monitor_refresh_ms": "7",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["(True, True) a False", "7", "True True x:1 b"]


def test_of_the_users_variables_few_reach_a_ray_of_ours(monkeypatch):
    """What is no number would end Ray by a signal, and another storage or time limit is for another Ray."""
    monkeypatch.setattr(borrowed, "reread", lambda: None)
    monkeypatch.setenv("RAY_gcs_storage", "redis")
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.9")
    with borrowed.variables({}, only=True):
        assert {name for name in os.environ if name.startswith("RAY_")} == {"RAY_memory_usage_threshold"}
    assert os.environ.get("RAY_gcs_storage") == "redis"  # noqa: SIM112 - Ray's name
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "10x")
    with (
        pytest.raises(InputError, match="RAY_memory_monitor_refresh_ms: expected a number; got '10x'"),
        borrowed.variables({}, only=True),
    ):
        pass


@pytest.mark.parametrize("bad", ["a\nb", "a b", "a\rX: y", "\x1b[2J", "ü", "\udcff"])
@pytest.mark.parametrize("at", ["variable", "file"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_shown(bad, at, tmp_path, monkeypatch):
    """Ray would end the process, or the message of a library would show it."""
    monkeypatch.delenv(borrowed.TOKEN, raising=False)
    file = tmp_path / "token"
    file.write_bytes(f"hunter2{bad}x".encode(errors="surrogateescape"))
    monkeypatch.setenv(
        borrowed.TOKEN if at == "variable" else borrowed.TOKEN_FILE, f"hunter2{bad}x" if at == "variable" else str(file)
    )
    with pytest.raises(InputError, match="expected") as told:
        borrowed.token()
    assert "hunter2" not in str(told.value)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("file", ["/dev/zero", ".", "pipe", "large"])
def test_a_token_file_is_a_small_file(file, tmp_path, monkeypatch):
    """A device, a folder, a pipe or a file of megabytes is refused at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(borrowed.TOKEN, raising=False)
    os.mkfifo("pipe")
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    monkeypatch.setenv(borrowed.TOKEN_FILE, file)
    with pytest.raises(InputError, match="RAY_AUTH_TOKEN_PATH: expected a file with a token"):
        borrowed.token()


def test_a_home_that_nobody_knows_holds_no_token(monkeypatch):
    """No HOME and no entry among the system's users: there is no token, and no error."""
    monkeypatch.delenv(borrowed.TOKEN, raising=False)
    monkeypatch.delenv(borrowed.TOKEN_FILE, raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 54321)
    assert borrowed.token() is None
    assert borrowed.token_warning() == ""


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True), (0o640, True), (0o604, True)])
def test_a_token_that_others_may_read_is_said(mode, warned, tmp_path, monkeypatch):
    """Ray writes it so that all may read it; one in the environment has no mode."""
    file = tmp_path / "token"
    file.write_text("a")
    file.chmod(mode)
    monkeypatch.delenv(borrowed.TOKEN, raising=False)
    monkeypatch.setenv(borrowed.TOKEN_FILE, str(file))
    assert ("chmod 600" in borrowed.token_warning()) == warned
    monkeypatch.setenv(borrowed.TOKEN, "b")
    assert borrowed.token_warning() == ""


def test_keepalive_has_these_names():
    """Settings that Ray reads from RAY_… of the environment."""
    from ray._raylet import Config

    for environment in (borrowed.STARTING_ENVIRONMENT, borrowed.JOINING_ENVIRONMENT):
        for name in environment:
            if name.startswith("RAY_grpc"):
                assert hasattr(Config, name.removeprefix("RAY_")), f"{RELEASE}: {name} is read no more"


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("RAY_NUM_REDIS_GET_RETRIES", "ray._private.ray_constants"),
        ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "ray._private.ray_constants"),
        ("AUTOSCALER_METRIC_PORT", "ray.autoscaler._private.constants"),
        ("DASHBOARD_METRIC_PORT", "ray.dashboard.consts"),
        (f'execvp("{borrowed.SHELL}"', "ray._private.runtime_env.context"),
        ("def _do_request(", "ray.dashboard.modules.dashboard_sdk"),
        ("/logs/tail", "ray.dashboard.modules.job.sdk"),
        ("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "ray._private.accelerators.accelerator"),
        ("RAY_USAGE_STATS_ENABLED", "ray._common.usage.usage_constants"),
        (borrowed.AUTH_MODE, "ray._private.authentication.authentication_token_setup"),
        (borrowed.JOBS_ADDRESS, "ray._private.ray_constants"),
        (borrowed.STOP_SECONDS, "ray.dashboard.modules.job.job_supervisor"),
        (borrowed.JOB_EXISTS, "ray.dashboard.modules.job.job_manager"),
        ("status code {r.status_code}", "ray.dashboard.modules.dashboard_sdk"),
        (borrowed.WORKER_TITLE.decode(), "ray.autoscaler._private.constants"),
        ("Runtime env is setting up.", "ray.dashboard.modules.job.job_manager"),
        ("Running entrypoint for job {", "ray.dashboard.modules.job.job_supervisor"),
    ],
)
def test_names_and_texts_stand_where_they_stood(name, module):
    """The variables that Ray reads, and the words of its jobs, are in its code."""
    code = inspect.getsource(importlib.import_module(module))
    assert name in code, f"{RELEASE}: {module} has no {name!r} any more"


def test_a_result_grid_knows_what_it_was_after():
    """Metric and mode are attributes of the analysis that it holds."""
    tune = Path(ray.__file__).parent / "tune"
    assert "self._experiment_analysis = " in (tune / "result_grid.py").read_text(), RELEASE
    code = (tune / "analysis" / "experiment_analysis.py").read_text()
    assert [name for name in ("default_metric", "default_mode") if f"self.{name} = " not in code] == [], RELEASE


def test_rays_words_in_a_jobs_log_are_known():
    """The first line of a log repeats the command, over several lines where it has them."""
    assert borrowed.job_chatter("a", "python -m x\ny") == ["Running entrypoint for job a: python -m x", "y"]
    assert borrowed.is_setup("2026-01-01 10:00:00,000\tINFO job_manager.py:568 -- Runtime env is setting up.")
    assert not borrowed.is_setup("Runtime env is setting up. Not yet.")


def test_this_process_is_no_worker():
    """A process is known as a worker of Ray by its title; another is never ended."""
    assert not borrowed.is_worker(os.getpid())
