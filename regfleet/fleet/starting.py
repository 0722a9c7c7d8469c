"""A Ray of our own on this machine: for this run alone, behind a token that nobody else knows, on the loopback.

SECURITY.md says what listens where, `regfleet.fleet.sockets` looks.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError, InputError
from regfleet.text import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from regfleet.fleet.forking import ForkServer

log = logging.getLogger("regfleet.fleet")

OBJECT_STORE_BYTES = 200_000_000
SHARED_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - a folder of a random name is made there, for us alone
_PREFIX, _INSIDE = "rf-", "/r"
_LONGEST = borrowed.SOCKET_BYTES - len(f"/{_PREFIX}12345678{_INSIDE}{borrowed.SOCKET_NAME}")
_PLAIN = re.compile(r"[\w./@%+=:,~-]+", re.ASCII)


@contextmanager
def own_ray(
    cpus: int,
    environment: Mapping[str, str],
    note: Callable[[str], object],
    *,
    store_bytes: int = OBJECT_STORE_BYTES,
    forks: ForkServer | None = None,
) -> Iterator[None]:
    """Ray, started here with a token of its own, in a folder of its own, both gone at the end.

    What the user's environment says of other Rays and their tokens does not count. ``environment`` is that of its
    workers, which ``forks`` makes where it is given; ``note`` hears where its folder is if it is not where the user's
    are. Raises FleetError where Ray does not start.
    """
    refuse_another()
    # Ray would try for ever to start a worker.
    if not shutil.which(borrowed.SHELL):
        raise FleetError(
            f"PATH: expected a folder with {borrowed.SHELL}, by which Ray starts workers; got "
            f"{printable(repr(os.environ.get('PATH', '')))}"
        )
    given = borrowed.DRIVER_ENVIRONMENT | borrowed.STARTING_ENVIRONMENT
    token = {borrowed.AUTH_MODE: "token", borrowed.TOKEN: secrets.token_hex(32)}
    server = forks.start() if forks else 0
    with _private_folder(note) as folder, borrowed.variables(given | token, only=True):
        import ray

        arguments: dict[str, Any] = {
            "address": "local",
            "num_cpus": cpus,
            "include_dashboard": False,
            "object_store_memory": store_bytes,
            "log_to_driver": False,
            "logging_level": "ERROR",
            "_temp_dir": folder,
        }
        try:
            with borrowed.environment_of_workers(environment), borrowed.few_services(), borrowed.bare_node(server):
                _init(arguments)
            yield
        finally:
            ray.shutdown()


def _init(arguments: dict[str, Any]) -> None:
    import ray

    try:
        try:
            ray.init(**arguments)
        # On a machine under load the first start can time out; the second finds warm files.
        except (RuntimeError, TimeoutError, OSError) as problem:
            log.warning("Ray did not start (%s); trying once more", problem)
            ray.shutdown()
            ray.init(**arguments)
    except Exception as problem:
        raise FleetError(
            f"Ray: expected to start on this machine; got {one_line(problem)}: regfleet doctor looks what it lacks"
        ) from problem


def refuse_another() -> None:
    """Raise InputError when this process uses a Ray already, which is not ours to use or to end."""
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        raise InputError("Ray: expected none in this process; got one that is connected: call ray.shutdown() before")


@contextmanager
def _private_folder(note: Callable[[str], object]) -> Iterator[str]:
    """A folder for Ray inside one that this user alone may enter; Ray opens its own to everybody."""
    try:
        wished = tempfile.gettempdir()
    except OSError:  # none of the usual ones can be written
        wished = ""
    for base in (wished, *SHARED_FOLDERS):
        if len(base) > _LONGEST or not _PLAIN.fullmatch(base):
            continue
        try:
            private = tempfile.mkdtemp(prefix=_PREFIX, dir=base)
        except OSError:
            continue
        break
    else:
        raise FleetError(
            f"TMPDIR: expected a folder that can be written, of a plain name of at most {_LONGEST} characters, for "
            f"Ray's sockets; got {printable(wished, '') or 'none'}"
        )
    if base != wished:
        note(
            f"Ray's temporary files are in {base}: the names of its sockets have no room for {printable(wished, '')} "
            f"(TMPDIR: a plain name of at most {_LONGEST} characters)"
        )
    try:
        yield private + _INSIDE
    finally:
        # A process of Ray that is about to end may write its last line meanwhile.
        for _ in range(10):
            shutil.rmtree(private, ignore_errors=True)
            if not Path(private).exists():
                break
            time.sleep(0.2)
