"""Reaching a cluster's Jobs API: the address, the token, and what is wrong with either, in seconds and in one line."""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError, InputError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

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
        said = []
        if self.token is None:
            said.append("this cluster asks for no token: whoever reaches it can run code on it (docs/clusters.md)")
        if self.ray != here:
            said.append(f"the cluster runs Ray {self.ray}, this machine {here}; the job runs with the cluster's")
        return said


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
