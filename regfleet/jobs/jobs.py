"""Jobs on a cluster: started once, followed to the end, listed, stopped."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError, InputError
from regfleet.jobs.archive import Carried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ray.job_submission import JobDetails, JobSubmissionClient

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
    found = details(client, name)
    if found.driver_exit_code is not None and found.driver_exit_code >= 0 and found.status != "STOPPED":
        return found.driver_exit_code, ""
    return 3, f"{name} {found.status.lower()}: {_first_line(found.message or 'no reason is known')}"


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
        found = [job for job in client.list_jobs() if job.submission_id]
    found.sort(key=lambda job: (-(job.start_time or 0), job.submission_id))
    return [
        {
            "id": job.submission_id,
            "status": str(job.status.value).lower(),
            "started": (job.start_time or 0) / 1000,
            "ended": (job.end_time or 0) / 1000 or None,
            "command": (job.metadata or {}).get("regfleet", job.entrypoint),
        }
        for job in found
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
