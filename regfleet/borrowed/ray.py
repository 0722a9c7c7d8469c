"""What regfleet uses of Ray that Ray does not promise: its environment, its token, its jobs' texts, a head's question.

Nothing here imports Ray, which reads its environment when it is imported.
"""

from __future__ import annotations

import os
from pathlib import Path

DRIVER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
STARTING_ENVIRONMENT = {
    # A process that was stopped, or is out of memory to run in, is noticed in twenty seconds; Ray's workers here, which
    # inherit this, let themselves be asked as often.
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
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
HEAD_QUESTION = "/ray.rpc.NodeInfoGcsService/GetClusterId"


def token() -> str | None:
    """The user's token for clusters, by Ray's own rule: the variable, else the file it names, else the one at home."""
    if text := os.environ.get(TOKEN):
        return text.strip() or None
    file = Path(os.environ.get(TOKEN_FILE) or Path.home() / ".ray" / "auth_token")
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


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


def is_worker(pid: int) -> bool:
    """Whether a process of this machine is a worker of Ray that runs a task; FileNotFoundError where there is none."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(WORKER_TITLE)


def job_chatter(name: str, entrypoint: str) -> list[str]:
    """The lines that Ray writes into a job's log before the job's own."""
    return f"Running entrypoint for job {name}: {entrypoint}".split("\n")


def is_setup(line: str) -> bool:
    """Whether a line of a job's log is Ray's own word on preparing the job."""
    return line.endswith("Runtime env is setting up.")
