"""Joining a cluster: its address, its token, its environment."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import InputError
from regfleet.fleet.starting import refuse_another
from regfleet.hosts import host_and_port
from regfleet.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regfleet.fleet.interface import FleetSettings

log = logging.getLogger("regfleet.fleet")

OPEN_CLUSTER = "the cluster at %s asks for no token, and whoever reaches its ports can run code there. See cluster.yaml"


@contextmanager
def joined(settings: FleetSettings, address: str, note: Callable[[str], object]) -> Iterator[None]:
    """Be part of the cluster at ``address``, by the token rules of the user's environment.

    ``note`` hears where the cluster's dashboard is, that the cluster asks for no token, and that others may read the
    user's. Raises InputError for a cluster that does not let us in.
    """
    refuse_another()
    token = borrowed.token()
    is_open = address != "auto" and _status(address, None) == "OK"
    given = borrowed.DRIVER_ENVIRONMENT | borrowed.JOINING_ENVIRONMENT
    # A driver that asks for tokens where workers have none is dead to them.
    if is_open or token:
        given |= {borrowed.AUTH_MODE: "disabled" if is_open else "token"}
    if is_open:
        log.warning(OPEN_CLUSTER, address)
        note(OPEN_CLUSTER % address)
    elif token and (warning := borrowed.token_warning()):
        log.warning("%s", warning)
        note(warning)
    with borrowed.variables({name: value for name, value in given.items() if name not in os.environ}):
        import ray

        # The workers of a cluster run this very code, whatever is installed there.
        common: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "runtime_env": {
                "env_vars": dict(settings.environment),
                "py_modules": [str(Path(__file__).parents[1])],
            },
        }
        try:
            found = ray.init(address=address, **common)
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as problem:
            ray.shutdown()
            raise InputError(
                "--address: expected a Ray cluster that this machine is part of (from others: regfleet submit); got "
                f"{printable(address, '')} ({one_line(problem)})"
            ) from None
        try:
            if url := found.dashboard_url:
                # One that listens to its own machine alone is not reached from here, unless this is the head.
                note(f"Ray's dashboard: http://{printable(url, '')}" + " on the head" * url.startswith("127."))
            yield
        finally:
            ray.shutdown()


def check_address(address: str) -> None:
    """Raise InputError unless ``address`` is HOST:PORT (or ``auto``), and a head answers there that takes our token."""
    if address.startswith("ray://"):
        raise InputError(
            "--address: expected HOST:PORT of the head, as Ray Client loses results when it drops; got "
            f"{printable(address, '')}"
        )
    if address == "auto":
        return
    host_and_port(address)
    token = borrowed.token()
    status = _status(address, token)
    if status in {"no head", "DEADLINE_EXCEEDED", "UNAVAILABLE"}:
        raise InputError(
            f"--address: expected a Ray head that answers within {patience.SECONDS.connect:g} s; got {address}"
        )
    if status not in {"OK", "UNAUTHENTICATED"}:
        raise InputError(
            f"--address: expected the port of a Ray head, 6379 by default; got {address}, where another server answers "
            f"({status.lower()})"
        )
    if status == "UNAUTHENTICATED":
        given = "another token" if token else "no token"
        raise InputError(
            f"--address: expected the token of the cluster at {address} in RAY_AUTH_TOKEN, the file that "
            f"RAY_AUTH_TOKEN_PATH names or ~/.ray/auth_token; got {given}"
        )


def answers(address: str) -> bool:
    """Whether anything listens at HOST:PORT."""
    try:
        socket.create_connection(host_and_port(address), timeout=patience.SECONDS.connect).close()
    except OSError:
        return False
    return True


def _status(address: str, token: str | None) -> str:
    return borrowed.head_status(address, token, patience.SECONDS.connect)
