"""Starting Ray on this machine, or joining a cluster: its address, its token, its environment."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.borrowed import ray as borrowed
from regfleet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from regfleet.fleet.interface import FleetSettings

log = logging.getLogger("regfleet.fleet")

OBJECT_STORE_BYTES = 200_000_000
OPEN_CLUSTER = "the cluster at %s asks for no token, and whoever reaches its ports can run code there. See cluster.yaml"


def start(settings: FleetSettings, note: Callable[[str], object]) -> None:
    """Start Ray here, for this user alone, or join the cluster of ``settings``.

    ``note`` hears where the cluster's dashboard is, and that the cluster asks for no token. Raises InputError for one
    that does not let us in.
    """
    keepalive = borrowed.JOINING_ENVIRONMENT if settings.address else borrowed.STARTING_ENVIRONMENT
    for name, value in (borrowed.DRIVER_ENVIRONMENT | keepalive).items():
        os.environ.setdefault(name, value)
    # Ray asks for a token by default, and without this would keep one that others may read in the user's home.
    if not settings.address and not borrowed.token():
        os.environ[borrowed.TOKEN] = secrets.token_hex(32)
    named = settings.address if settings.address != "auto" else None
    is_open = named is not None and _status(named, None) == "OK"
    # Ray reads its mode when it is imported. A driver that asks for tokens where workers have none is dead to them.
    if "ray" not in sys.modules and (is_open or borrowed.token()):
        os.environ.setdefault(borrowed.AUTH_MODE, "disabled" if is_open else "token")
    import ray

    environment: dict[str, Any] = {"env_vars": dict(settings.environment)}
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": environment}
    if settings.address:
        if is_open:
            log.warning(OPEN_CLUSTER, settings.address)
            note(OPEN_CLUSTER % settings.address)
        # The workers of a cluster run this very code, whatever is installed there.
        environment["py_modules"] = [str(Path(__file__).parents[1])]
        try:
            joined = ray.init(address=settings.address, **common)
        except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
            first = str(problem).strip().splitlines()[0]
            raise InputError(
                "--address: expected a Ray cluster that this machine is part of (from others: regfleet submit); got "
                f"{settings.address} ({first})"
            ) from None
        if url := joined.dashboard_url:
            # One that listens to its own machine alone is not reached from here, unless this is the head.
            note(f"Ray's dashboard: http://{url}" + " on the head" * url.startswith("127."))
        return
    common |= {
        "address": "local",
        "num_cpus": settings.workers or len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    try:
        ray.init(**common)
    # On a machine under load the first start can time out; the second finds warm files.
    except (RuntimeError, TimeoutError, OSError) as problem:
        log.warning("Ray did not start (%s); trying once more", problem)
        ray.shutdown()
        ray.init(**common)


def check_address(address: str) -> None:
    """Raise InputError unless ``address`` is HOST:PORT (or ``auto``), and a head answers there that takes our token."""
    if address.startswith("ray://"):
        raise InputError(
            f"--address: expected HOST:PORT of the head, as Ray Client loses results when it drops; got {address}"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--address: expected HOST:PORT; got {address!r}")
    token = borrowed.token()
    status = _status(address, token)
    if status == "no head":
        raise InputError(
            f"--address: expected a Ray head that answers within {patience.SECONDS.connect:g} s; got {address}"
        )
    if status == "UNAUTHENTICATED":
        given = "another token" if token else "no token"
        raise InputError(
            f"--address: expected the token of the cluster at {address} in RAY_AUTH_TOKEN, the file that "
            f"RAY_AUTH_TOKEN_PATH names or ~/.ray/auth_token; got {given}"
        )


def answers(address: str) -> bool:
    """Whether anything listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=patience.SECONDS.connect).close()
    except OSError:
        return False
    return True


def _status(address: str, token: str | None) -> str:
    return borrowed.head_status(address, token, patience.SECONDS.connect)
