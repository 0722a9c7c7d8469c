"""Reaching a cluster's Jobs API: the address, the token, and what is wrong with either, in seconds and in one line."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError, InputError
from regfleet.jobs.archive import Carried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ray.job_submission import JobDetails, JobSubmissionClient


HOW_TO_GIVE_ONE = "put it into RAY_AUTH_TOKEN, or name its file in RAY_AUTH_TOKEN_PATH"


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
    status, text = _get(url, None)
    if status == 401:
        token = borrowed.token()
        if token is None:
            raise FleetError(f"--address: {url} expected a token; got none: {HOW_TO_GIVE_ONE}")
        status, text = _get(url, token)
    if status in {401, 403}:
        raise FleetError(f"--address: {url} expected another token; got one it refuses: {HOW_TO_GIVE_ONE}")
    try:
        version = str(json.loads(text)["ray_version"])
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"--address: expected the dashboard of a Ray head, http://HOST:8265; got {url}, which is something else"
        ) from None
    return Answer(url, token, version)


def connect(answer: Answer) -> JobSubmissionClient:
    """A client of the Jobs API that answered."""
    # Ray would rather take the address of another cluster from the environment than the one that it is given.
    os.environ[borrowed.JOBS_ADDRESS] = answer.url
    from ray.job_submission import JobSubmissionClient

    # Each upload, each large file and each closed connection is news to nobody.
    for handler in logging.getLogger("ray").handlers:
        handler.setLevel(logging.ERROR)
    return JobSubmissionClient(answer.url, headers=borrowed.bearer(answer.token) or None)


def _url(address: str) -> str:
    if address.startswith("ray://"):
        raise InputError(
            "--address: expected http://HOST:8265, the Jobs API, as Ray Client loses the study when its connection "
            f"drops; got {address}"
        )
    url = address if "://" in address else f"http://{address}"
    parts = urlsplit(url)
    try:
        known = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or "://" in address)
    except ValueError:
        known = None
    if not known:
        raise InputError(f"--address: expected http://HOST:PORT of the head's dashboard (port 8265); got {address!r}")
    return url.rstrip("/")


def _get(url: str, token: str | None) -> tuple[int, str]:
    question, header = f"{url}/api/version", borrowed.bearer(token)
    request = urllib.request.Request(question, headers=header)  # noqa: S310 - `_url` lets through http and https only
    try:
        with urllib.request.urlopen(request, timeout=patience.SECONDS.connect) as reply:  # noqa: S310 - the same
            return reply.status, reply.read(100_000).decode(errors="replace")
    except urllib.error.HTTPError as problem:
        return problem.code, ""
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "reason", None) or problem
        raise FleetError(
            f"--address: expected a Ray head that answers within {patience.SECONDS.connect:g} s; got {url} ({reason})"
        ) from None


LOST = "the connection to the cluster was lost ({}); a job that runs goes on"
NAME = re.compile(r"\w[\w.-]{0,99}")


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


def start(
    client: JobSubmissionClient,
    name: str,
    command: str,
    folder: Path,
    metadata: dict[str, str],
    environment: dict[str, str],
) -> Started:
    """Start a job unless one of this name runs; after one that has ended its successor gets a number."""
    if not NAME.fullmatch(name):
        raise InputError(f"--id: expected letters, digits, dots and dashes; got {name!r}")
    before: list[str] = []
    while True:
        current = f"{name}-{len(before) + 1}" if before else name
        try:
            with _reached():
                client.submit_job(
                    entrypoint=command,
                    submission_id=current,
                    metadata=dict(metadata),
                    runtime_env={
                        "working_dir": str(folder),
                        "env_vars": {borrowed.STOP_SECONDS: f"{patience.SECONDS.stop:.0f}", **environment},
                    },
                )
        except RuntimeError as problem:
            if borrowed.JOB_EXISTS not in str(problem):
                raise FleetError(_first_line(problem)) from None
        else:
            return Started(current, attached=False, before=tuple(before))
        if not details(client, current).status.is_terminal():
            return Started(current, attached=True, before=tuple(before))
        before.append(current)


def follow(client: JobSubmissionClient, name: str, show: Callable[[str], None]) -> bytes | None:
    """Hand a job's log to ``show``, line by line, from its beginning to the end of the job.

    Returns the archive of its results, None if the job sent none.
    """
    carried = Carried()
    chatter = borrowed.job_chatter(name, details(client, name).entrypoint)

    async def read() -> None:
        rest = ""
        async for text in client.tail_job_logs(name):
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                if not carried.take(line) and line not in chatter and not borrowed.is_setup(line):
                    show("".join(sign for sign in line if sign.isprintable() or sign == "\t"))

    try:
        with _reached():
            asyncio.run(read())
    except RuntimeError as problem:
        raise FleetError(LOST.format(_first_line(problem))) from None
    return carried.archive()


def exit_code(client: JobSubmissionClient, name: str) -> tuple[int, str]:
    """What a job ended with: its exit code (3 when it has none, as it was stopped or lost), and why in a line."""
    job = details(client, name)
    if job.driver_exit_code is not None and job.driver_exit_code >= 0 and job.status != "STOPPED":
        return job.driver_exit_code, ""
    return 3, f"{name} {job.status.lower()}: {_first_line(job.message or 'no reason is known')}"


def details(client: JobSubmissionClient, name: str) -> JobDetails:
    """What the cluster knows of a job; raises InputError when there is none of this name."""
    try:
        with _reached():
            if NAME.fullmatch(name):
                return client.get_job_info(name)
    except RuntimeError as problem:
        if borrowed.NO_JOB not in str(problem):
            raise FleetError(_first_line(problem)) from None
    raise InputError(f"ID: expected a job of this cluster (regfleet jobs lists them); got {name!r}")


def every(client: JobSubmissionClient) -> list[dict[str, Any]]:
    """The submitted jobs of a cluster, newest first: id, status, seconds since the epoch, command."""
    with _reached():
        jobs = [job for job in client.list_jobs() if job.submission_id]
    jobs.sort(key=lambda job: (-(job.start_time or 0), job.submission_id))
    return [
        {
            "id": job.submission_id,
            "status": str(job.status.value).lower(),
            "started": (job.start_time or 0) / 1000,
            "ended": (job.end_time or 0) / 1000 or None,
            "command": (job.metadata or {}).get("regfleet", job.entrypoint),
        }
        for job in jobs
    ]


def stop(client: JobSubmissionClient, name: str) -> bool:
    """Ask a job to end; False when it had ended before."""
    if details(client, name).status.is_terminal():
        return False
    with _reached():
        return bool(client.stop_job(name))


@contextmanager
def _reached() -> Iterator[None]:
    import aiohttp
    import requests

    try:
        yield
    except (requests.RequestException, aiohttp.ClientError, ConnectionError) as problem:
        raise FleetError(LOST.format(_first_line(problem))) from None


def _first_line(problem: object) -> str:
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__)
