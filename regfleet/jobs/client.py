"""Reaching a cluster's Jobs API: the address, the token, and what is wrong with either, in seconds and in one line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import shlex
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError, InputError
from regfleet.hosts import host_and_port
from regfleet.jobs.archive import Carried
from regfleet.jobs.http import Reply, request, tail
from regfleet.text import masked, one_line, printable, reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from ray.job_submission import JobDetails


HOW_TO_GIVE_ONE = "put it into RAY_AUTH_TOKEN, or name its file in RAY_AUTH_TOKEN_PATH"


_PLAIN = re.compile(r"[!-~]{1,2000}")


@dataclass(frozen=True)
class Answer:
    """A Jobs API that answered: its URL, the token it takes (None: it takes anybody) and the cluster's Ray version."""

    url: str
    token: str | None
    ray: str

    @property
    def notes(self) -> list[str]:
        """What the user should know about this cluster before trusting it with a study."""
        here = metadata.version("ray")
        notes = []
        if self.token and (warning := borrowed.token_warning()):
            notes.append(warning)
        if self.token is None:
            notes.append("this cluster asks for no token: whoever reaches it can run code on it (docs/clusters.md)")
        if self.ray != here:
            notes.append(f"the cluster runs Ray {self.ray}, this machine {here}; the job runs with the cluster's")
        return notes


def ask(address: str) -> Answer:
    """Ask the Jobs API at ``address`` who is there, with the token only when it is asked for.

    Raises InputError for an address that is no Jobs API, FleetError when nobody answers, or the token is refused.
    """
    url = _url(address)
    token = None
    reply = _version(url, None)
    if reply.status == 401:
        token = borrowed.token()
        if token is None:
            raise FleetError(f"--address: {url} expected a token; got none: {HOW_TO_GIVE_ONE}")
        reply = _version(url, token)
    if reply.status in {401, 403}:
        raise FleetError(f"--address: {url} expected another token; got one it refuses: {HOW_TO_GIVE_ONE}")
    try:
        version = printable(one_line(json.loads(reply.content)["ray_version"], 40), "")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"--address: expected the dashboard of a Ray head, http://HOST:8265; got {url}, which is something else"
        ) from None
    return Answer(url, token, version)


def _version(url: str, token: str | None) -> Reply:
    return request(f"{url}/api/version", token, seconds=patience.SECONDS.connect)


class Jobs:
    """Ray's client of a Jobs API, its requests our own."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        # Each upload, each large file and each closed connection is news to nobody.
        for handler in logging.getLogger("ray").handlers:
            handler.setLevel(logging.ERROR)
        # Ray would rather take the address of another cluster from the environment than the one that it is given.
        with borrowed.variables({borrowed.JOBS_ADDRESS: answer.url}), _reached():
            self.client = borrowed.jobs_client(answer.url, self._send)

    def _send(self, method: str, url: str, json: Any, data: bytes | None) -> tuple[int, bytes]:
        seconds = patience.SECONDS.jobs + patience.SECONDS.megabyte * len(data or b"") / 1e6
        body = {} if json is None else {"json": json}
        if data is not None:
            body = {"data": io.BytesIO(data)}
        reply = request(url, self._answer.token, method, seconds=seconds, **body)
        if reply.status in {401, 403}:
            raise FleetError(f"--address: {self._answer.url} expected another token; got one it refuses any more")
        return reply.status, reply.content

    def tail(self, name: str) -> AsyncIterator[str]:
        """The pieces of a job's log."""
        return tail(f"{self._answer.url}/api/jobs/{name}/logs/tail", self._answer.token)


def _url(address: str) -> str:
    shown = printable(masked(address), "")
    if address.startswith("ray://"):
        raise InputError(
            "--address: expected http://HOST:8265, the Jobs API, as Ray Client loses the study when its connection "
            f"drops; got {shown}"
        )
    url = address if "://" in address else f"http://{address}"
    if not _is_http(url, port="://" not in address):
        raise InputError(f"--address: expected http://HOST:PORT of the head's dashboard (port 8265); got {shown!r}")
    return url.rstrip("/")


def _is_http(url: str, *, port: bool) -> bool:
    """Whether a URL names a host, and a port where one must be there, and neither a user, a question nor a fragment."""
    try:
        parts = urlsplit(url)
        if parts.port is None and not port:
            parts = parts._replace(netloc=f"{parts.netloc.rstrip(':')}:80")
        host_and_port(parts.netloc)
    except (ValueError, InputError):
        return False
    return bool(_PLAIN.fullmatch(url)) and parts.scheme in {"http", "https"} and not (parts.query or parts.fragment)


LOST = "the connection to the cluster was lost ({}); a job that runs goes on"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
MOST_BEFORE = 1000
LINE_BYTES = 1_000_000
"""Of a line of a log; a longer one is shown in pieces."""
LATEST = 10**15
"""Milliseconds since the epoch, in which the year is 33658: a clock that says more says nothing."""


@dataclass(frozen=True)
class Started:
    """A job, and whether it ran already; ``before`` are the ended jobs of the same submission."""

    name: str
    attached: bool
    before: tuple[str, ...]


def entrypoint(arguments: Sequence[str], code: str) -> str:
    """The shell command of a job: every argument arrives as it is, whatever it holds."""
    # The job starts in the uploaded folder, whose regfleet goes before one that is installed there.
    return f'PYTHONPATH="$PWD/{code}${{PYTHONPATH:+:$PYTHONPATH}}" exec python -m {shlex.join(arguments)}'


def check_name(name: str) -> None:
    """Raise InputError for what cannot be the id of a job."""
    if not NAME.fullmatch(name):
        raise InputError(f"--id: expected letters, digits, dots and dashes; got {printable(repr(name), '')}")


def start(
    client: Jobs,
    name: str,
    command: str,
    folder: Path,
    metadata: dict[str, str],
    environment: dict[str, str],
) -> Started:
    """Start a job unless one of this name runs; after one that has ended its successor gets a number."""
    check_name(name)
    before: list[str] = []
    while True:
        current = f"{name}-{len(before) + 1}" if before else name
        try:
            with _reached(borrowed.JOB_EXISTS):
                client.client.submit_job(
                    entrypoint=command,
                    submission_id=current,
                    metadata=dict(metadata),
                    runtime_env={
                        "working_dir": str(folder),
                        "env_vars": {borrowed.STOP_SECONDS: f"{patience.SECONDS.stop:.0f}", **environment},
                    },
                )
        except RuntimeError:
            pass
        else:
            return Started(current, attached=False, before=tuple(before))
        if not details(client, current).status.is_terminal():
            return Started(current, attached=True, before=tuple(before))
        before.append(current)
        if len(before) == MOST_BEFORE:
            raise FleetError(f"--id: expected a name that is free; got {name}, of which {MOST_BEFORE} have ended")


def follow(client: Jobs, name: str, show: Callable[[str], None]) -> bytes | None:
    """Hand a job's log to ``show``, line by line, from its beginning to the end of the job.

    Returns the archive of its results, None if the job sent none.
    """
    carried = Carried()
    chatter = borrowed.job_chatter(name, details(client, name).entrypoint)

    def take(line: str) -> None:
        if not carried.take(line) and line not in chatter and not borrowed.is_setup(line):
            show(printable(line, "\t"))

    async def read() -> None:
        rest = ""
        async for text in client.tail(name):
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                take(line)
            while len(rest) > LINE_BYTES:
                take(rest[:LINE_BYTES])
                rest = rest[LINE_BYTES:]
        if rest:
            take(rest)

    with _reached():
        asyncio.run(read())
    return carried.archive()


def exit_code(client: Jobs, name: str) -> tuple[int, str]:
    """What a job ended with: its exit code (3 when it has none, as it was stopped or lost), and why in a line."""
    job = details(client, name)
    if job.driver_exit_code is not None and 0 <= job.driver_exit_code < 256 and job.status != "STOPPED":
        return job.driver_exit_code, ""
    return 3, f"{name} {str(job.status.value).lower()}: {_first_line(job.message or 'no reason is known')}"


def details(client: Jobs, name: str) -> JobDetails:
    """What the cluster knows of a job; raises InputError when there is none of this name."""
    with suppress(RuntimeError), _reached(borrowed.NO_JOB):
        if NAME.fullmatch(name):
            return client.client.get_job_info(name)
    raise InputError(f"ID: expected a job of this cluster (regfleet jobs lists them); got {printable(repr(name), '')}")


def every(client: Jobs) -> list[dict[str, Any]]:
    """The submitted jobs of a cluster, newest first: id, status, seconds since the epoch, command."""
    with _reached():
        jobs = [job for job in client.client.list_jobs() if job.submission_id]
    jobs.sort(key=lambda job: (-_seconds(job.start_time), job.submission_id))
    return [
        {
            "id": printable(str(job.submission_id), ""),
            "status": printable(str(job.status.value).lower(), ""),
            "started": _seconds(job.start_time),
            "ended": _seconds(job.end_time) or None,
            "command": printable((job.metadata or {}).get("regfleet", job.entrypoint), ""),
        }
        for job in jobs
    ]


def _seconds(milliseconds: int | None) -> float:
    return min(max(milliseconds or 0, 0), LATEST) / 1000


def stop(client: Jobs, name: str) -> bool:
    """Ask a job to end; False when it had ended before."""
    if details(client, name).status.is_terminal():
        return False
    with _reached():
        return bool(client.client.stop_job(name))


@contextmanager
def _reached(expected: str | None = None) -> Iterator[None]:
    """Turn what goes wrong on the way to a Jobs API, or stands in no answer of one, into a line.

    The RuntimeError with which Ray's client says ``expected`` is let through.
    """
    import aiohttp

    try:
        yield
    except (aiohttp.ClientError, OSError, TimeoutError) as problem:
        raise FleetError(LOST.format(_first_line(problem))) from None
    except RuntimeError as problem:
        if expected and expected in str(problem):
            raise
        raise FleetError(f"--address: expected Ray's Jobs API to do it; got {_first_line(problem)}") from None
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError) as problem:
        raise FleetError(
            f"--address: expected an answer of Ray's Jobs API; got one of another: {_first_line(problem)}"
        ) from None


def _first_line(problem: object) -> str:
    return printable(reason(problem), "")
