"""What regfleet uses of Ray that Ray does not promise: its environment, its token, its jobs' texts, a head's question.

Ray reads its environment when it is imported: only functions import it.
"""

from __future__ import annotations

import os
import re
import runpy
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from regfleet import files
from regfleet.errors import InputError
from regfleet.text import printable, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ray.job_submission import JobSubmissionClient

DRIVER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
STARTING_ENVIRONMENT = {
    # The node's address is 127.0.0.1, and so is that of its servers: Ray offers this for other systems' firewalls.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Prometheus' exporters ask for no token. Two of the three can only be sent to a port that is none.
    "RAY_enable_metrics_collection": "0",
    "AUTOSCALER_METRIC_PORT": "-1",
    "DASHBOARD_METRIC_PORT": "-1",
    # A process that was stopped, or is out of memory to run in, is noticed in twenty seconds; Ray's workers here, which
    # inherit this, let themselves be asked as often.
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
    # The driver would wait until as many workers as there are processors have connected.
    "RAY_prestart_worker_first_driver": "0",
}
JOINING_ENVIRONMENT = {
    # Seconds to wait for the head of a cluster, which should be up; Ray's own default is 20.
    "RAY_NUM_REDIS_GET_RETRIES": "4",
    # A call over a cut network ends after 75 s, not Ray's seven minutes. A worker that is asked more than once a minute
    # while its trial runs hangs up (GOAWAY, too_many_pings), and the trial is lost; five seconds more are to spare.
    "RAY_grpc_client_keepalive_time_ms": "65000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
AUTH_MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 - the variable's name
TOKEN_FILE = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 - the same
JOBS_ADDRESS = "RAY_API_SERVER_ADDRESS"
"""Where Ray's own client of the Jobs API would rather go than to the address that it is given."""
STOP_SECONDS = "RAY_JOB_STOP_WAIT_TIME_S"
"""In a job's environment: how long its processes may live once it is stopped."""

JOB_EXISTS = "already exists"
NO_JOB = "404"
"""What the errors of Ray's client of the Jobs API hold."""
WORKER_TITLE = b"ray::"
SHELL = "bash"
"""What starts a worker."""
TOKEN_BYTES = 10_000
_NO_HOME = (PermissionError, NotADirectoryError)
_HEADER = re.compile(r"[!-~]+")
_TUNES = {
    "RAY_memory_monitor_refresh_ms": re.compile(r"[0-9]{1,9}"),
    "RAY_memory_usage_threshold": re.compile(r"[01]|[01]?\.[0-9]+"),
    "RAY_raylet_start_wait_time_s": re.compile(r"[0-9]{1,6}"),
}
"""Of the user's variables those that a Ray of ours hears, and their values: Ray ends with SIGSEGV at others."""
SOCKET_NAME = "/session_2026-11-27_21-26-05_155000_4194304/sockets/plasma_store"
"""The longest of the names that Ray gives to its sockets, below its temporary folder."""
SOCKET_BYTES = 107
"""What the system takes for the name of a socket."""
HEAD_QUESTION = "/ray.rpc.NodeInfoGcsService/GetClusterId"
QUESTIONS = (
    HEAD_QUESTION,
    "/ray.rpc.NodeManagerService/GetSystemConfig",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/NumPendingTasks",
    "/ray.rpc.ReporterService/HealthCheck",
)
"""One of each kind of server, which asks for a token before it looks at the question."""


def token() -> str | None:
    """The user's token for clusters, by Ray's own rule: the variable, else the file it names, else the one at home.

    Raises InputError for one that cannot be sent, which is never shown, and for a file that cannot be read.
    """
    if text := os.environ.get(TOKEN):
        return _sendable(TOKEN, text)
    file = _token_file()
    if file is None:
        return None
    try:
        text = files.read_text(file, TOKEN_BYTES)
    except OSError as problem:
        if isinstance(problem, FileNotFoundError) or (TOKEN_FILE not in os.environ and isinstance(problem, _NO_HOME)):
            return None
        raise InputError(
            f"{TOKEN_FILE}: expected a file with a token; got {printable(str(file), '')}: {reason(problem)}"
        ) from None
    return _sendable(str(file), text)


def token_warning() -> str:
    """What the user should know about the file of the token, if others may read it."""
    file = None if os.environ.get(TOKEN) else _token_file()
    with suppress(OSError, ValueError):
        if file and stat.S_IMODE(file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
            return f"others on this machine may read the token in {printable(str(file), '')}: chmod 600 it"
    return ""


def _sendable(source: str, text: str) -> str | None:
    given = text.strip()
    if given and not _HEADER.fullmatch(given):
        raise InputError(
            f"{printable(source, '')}: expected a token, of letters, digits and signs on one line; got other characters"
        )
    return given or None


def _token_file() -> Path | None:
    named = os.environ.get(TOKEN_FILE)
    try:
        return Path(named) if named else Path.home() / ".ray" / "auth_token"
    except RuntimeError:  # no HOME, and no entry among the system's users
        return None


@contextmanager
def variables(given: Mapping[str, str], *, only: bool = False) -> Iterator[None]:
    """Ray's environment for as long as a fleet lasts: ``given`` beside what is there, and what was there afterwards.

    With ``only``, nothing of the user's that says where a Ray is, who may enter or what it runs besides: the few that
    tune how it waits and watches memory stay. Raises InputError for one of these that is no number.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith("RAY_") or name in given}
    for name in before if only else ():
        if name in _TUNES and not _TUNES[name].fullmatch(before[name]):
            raise InputError(f"{name}: expected a number; got {printable(before[name], '')!r}")
    for name in before if only else ():
        if name not in _TUNES:
            del os.environ[name]
    os.environ.update(given)
    try:
        reread()
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("RAY_") or name in given]:
            del os.environ[name]
        os.environ.update(before)
        reread()


SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""What starts Ray's autoscaler, its collector of logs and its dashboard's head, which one machine has no use for."""
AGENTS = ("--dashboard_agent_command", "--runtime_env_agent_command")
NO_AGENT = (SHELL, "-c", "exec {never}<> <(:); while kill -0 $PPID; do read -t 2 -u $never; done", "no-agent")
"""What stands for each of the two agents of Ray's node: a process that does nothing and ends with its parent."""
_DROPPED = "*/setup_worker.py|--language=*|--serialized-runtime-env-context=*"
_APART, OOM_SCORE = "\x1f", "1000"
_EXEC = (
    f"IFS={_APART}; set -f; for one; do shift; case $one in {_DROPPED}) ;; *) set -- $@ $one;; esac; done; "
    f"told=$RAY_RAYLET_PID{_APART}$RAY_JOB_ID{_APART}$*; IFS=; echo $told 2> /dev/null > /proc/$0/fd/0 || exec $@"
)


def worker_command(fork_server: int) -> list[str]:
    """What comes before the command of a worker: tells a fork server, by its process id, to make one.

    Where there is none it does what Ray's `setup_worker.py` does where there is no `runtime_env`.
    """
    return [SHELL, "-c", _EXEC, str(fork_server)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What `worker_command` told of a worker: Ray's node by its process id, its job, the ``command`` Ray would run."""

    node: str
    job: str
    command: tuple[str, ...]

    @classmethod
    def of(cls, told: str) -> Self:
        """What was ``told``."""
        node, job, *command = told.split(_APART)
        return cls(node, job, tuple(command))

    def import_ray(self) -> None:
        """Import Ray for its workers of this node and job, which it hears when it is imported, for good."""
        self._enter()
        import ray.actor  # noqa: F401
        from ray._private import node  # noqa: F401

    def become(self, *, anew: bool) -> None:
        """Make this process, a fork, that worker; ``anew``: as a new program."""
        self._enter()
        # As Ray starts it: the head of a group, and the first to go where the machine runs out of memory.
        os.setpgid(0, 0)
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if anew:
            os.execv(self.command[0], self.command)  # noqa: S606 - what Ray would have run
        place = next(place for place, word in enumerate(self.command) if word.endswith(".py"))
        sys.argv = [*self.command[place:]]
        runpy.run_path(self.command[place], run_name="__main__")

    def _enter(self) -> None:
        inherited = Path("/proc", self.node, "environ").read_bytes().split(b"\0")
        os.environb.clear()
        os.environb.update(word.partition(b"=")[::2] for word in inherited if word)
        os.environ.update(RAY_RAYLET_PID=self.node, RAY_JOB_ID=self.job)


@contextmanager
def few_services() -> Iterator[None]:
    """While Ray starts on this machine, let it leave out `SERVICES`: half the CPU seconds of its start."""
    from ray._private.node import Node

    with _standing_in(*((Node, name, lambda *_, **__: None) for name in SERVICES)):
        yield


@contextmanager
def bare_node(fork_server: int) -> Iterator[None]:
    """While Ray starts on this machine, let it leave out the agents of its node, and a step of its workers.

    No driver of that Ray may have a `runtime_env`: the agents make them. The node ends with its agents, and before it
    does anything it waits until they have imported Ray and written their ports: it takes whatever is started for them,
    and -1 for a port that is not there. A worker would import Ray twice, first to find that it has no `runtime_env`.
    """
    from ray._private import services, utils

    start = services.start_ray_process
    with _standing_in(
        # It imports a web server to find out which agent there could be.
        (utils, "get_dashboard_dependency_error", lambda: None),
        (
            services,
            "start_ray_process",
            lambda command, *rest, **more: start(_lighter(command, fork_server), *rest, **more),
        ),
    ):
        yield


@contextmanager
def _standing_in(*ours: tuple[Any, str, Callable[..., Any]]) -> Iterator[None]:
    """Let functions of ours stand in for Ray's, by their place and name."""
    before = [(place, name, getattr(place, name)) for place, name, _ in ours]
    for place, name, stands_in in ours:
        setattr(place, name, stands_in)
    try:
        yield
    finally:
        for place, name, own in before:
            setattr(place, name, own)


def _lighter(command: list[str], fork_server: int) -> list[str]:
    """The command of a process of Ray; that of its node without agents, of which it reads ports, for bare workers."""
    given = dict(word.partition("=")[::2] for word in command)
    if not {*AGENTS} <= given.keys():
        return command
    import ray._raylet as raylet

    for port in ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT"):
        name = getattr(raylet, f"{port}_PORT_NAME")
        raylet.persist_port(given["--session_dir"], given["--node_id"], name, -1)  # type: ignore[attr-defined]
    given |= dict.fromkeys(AGENTS, subprocess.list2cmdline(NO_AGENT))
    given["--python_worker_command"] = (
        f"{subprocess.list2cmdline(worker_command(fork_server))} {given['--python_worker_command']}"
    )
    names = (word.partition("=") for word in command)
    return [f"{name}{sign}{given[name] if sign else ''}" for name, sign, _ in names]


@contextmanager
def environment_of_workers(given: Mapping[str, str]) -> Iterator[None]:
    """While Ray starts on this machine: what its processes inherit, and with them its workers.

    A `runtime_env` would leave the workers that Ray starts first without use, and start others.
    """
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def reread() -> None:
    """Let Ray take its mode, its token and its address from the environment as it is now, if it is imported already."""
    if "ray" not in sys.modules:
        return
    from ray._private import ray_constants
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()
    ray_constants.ENABLE_RAY_CLUSTER = os.environ.get(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR) != "0"


def head_status(address: str, token: str | None, seconds: float) -> str:
    """What a head answers to its simplest question: a gRPC status by name, or ``no head`` after so many seconds."""
    import grpc

    # A head speaks gRPC; to anything else that listens there, Ray itself would talk for minutes.
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return "no head"
        ask = channel.unary_unary(HEAD_QUESTION)
        try:
            ask(b"", timeout=seconds, metadata=list(bearer(token).items()))
        except grpc.RpcError as refusal:
            return str(refusal.code().name)
    return "OK"


def bearer(token: str | None) -> dict[str, str]:
    """The header that shows a token to a head or its Jobs API."""
    return {"authorization": f"Bearer {token}"} if token else {}


def jobs_client(url: str, send: Callable[[str, str, Any, bytes | None], tuple[int, bytes]]) -> JobSubmissionClient:
    """Ray's client of the Jobs API at ``url``, which asks by ``send``: method, URL, JSON, bytes."""
    from ray.job_submission import JobSubmissionClient
    from requests import Response

    class Client(JobSubmissionClient):
        def _do_request(
            self, method: str, endpoint: str, *, data: bytes | None = None, json_data: Any = None, **_: object
        ) -> Response:
            reply = Response()
            reply.status_code, reply._content = send(method, f"{url}{endpoint}", json_data, data)  # noqa: SLF001
            return reply

    return Client(url)


def is_worker(pid: int) -> bool:
    """Whether a process of this machine is a worker of Ray that runs a task; FileNotFoundError where there is none."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(WORKER_TITLE)


def job_chatter(name: str, entrypoint: str) -> list[str]:
    """The lines that Ray writes into a job's log before the job's own."""
    return f"Running entrypoint for job {name}: {entrypoint}".split("\n")


def is_setup(line: str) -> bool:
    """Whether a line of a job's log is Ray's own word on preparing the job."""
    return line.endswith("Runtime env is setting up.")


def judged_by(grid: Any) -> tuple[str | None, str | None]:
    """The metric that a ResultGrid of Ray Tune was after, and its mode, min or max; None where it was not told."""
    inside = getattr(grid, "_experiment_analysis", None)
    return getattr(inside, "default_metric", None), getattr(inside, "default_mode", None)
