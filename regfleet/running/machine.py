"""What of this machine, and of a cluster, works for regfleet, and what to do about what does not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from regfleet import patience
from regfleet.borrowed.ray import token_warning
from regfleet.errors import FleetError, RegfleetError
from regfleet.fleet import check_address
from regfleet.fleet.sockets import OPEN, SHARED, SILENT
from regfleet.jobs import ask
from regfleet.memory import free_memory
from regfleet.paths import expanded
from regfleet.results import place_of
from regfleet.training.runtime import WORKER_BYTES

GB = 10**9
STORE_BYTES = 0.2 * GB
"""What the local Ray keeps in shared memory."""
DISK_BYTES = 0.5 * GB
RAY_PORTS = range(10002, 20000)

_TENSORFLOW = """
import json, time
began = time.perf_counter()
import tensorflow as tf
found = {"version": tf.__version__, "seconds": time.perf_counter() - began}
gpus = tf.config.list_physical_devices("GPU")
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
ones = tf.ones((8, 8))
total = float(tf.reduce_sum(ones @ ones))
print(json.dumps(found | {"gpus": len(gpus), "total": total}))
"""
_RAY = """
import json, os, time
began = time.perf_counter()
import ray
from regfleet.fleet.sockets import listening
from regfleet.fleet.starting import own_ray
with own_ray(1, {}, str, store_bytes=100_000_000):
    worker = ray.get(ray.remote(lambda: os.getpid()).remote())
    seconds = time.perf_counter() - began
    sockets = [
        (one.address, one.port, one.process, one.what, one.answer(), one.closed) for one in listening(os.getpid())
    ]
    print(json.dumps({"version": ray.__version__, "seconds": seconds, "worker": worker, "sockets": sockets}))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing, and what to do about it; ``bad`` stops a study, ``note`` does not.

    ``each`` are the parts of it, where it has some that are to be seen.
    """

    name: str
    state: Literal["good", "note", "bad"]
    found: str
    advice: str = ""
    each: tuple[tuple[str, ...], ...] = ()


def examine(address: str | None, out: str, say: Callable[[str], None]) -> Iterator[Finding]:
    """Look at all that a study needs, quick things first; ``say`` hears what is being looked at."""
    with ThreadPoolExecutor(2) as pool:
        slow = {name: pool.submit(_run, code) for name, code in (("TensorFlow", _TENSORFLOW), ("Ray", _RAY))}
        yield python()
        yield memory()
        yield shared_memory(Path("/dev/shm"))  # noqa: S108 - where Linux has it
        yield disk(out)
        yield ports()
        if address:
            say("the cluster")
            yield cluster(address)
        say("Ray")
        ray = slow["Ray"].result()
        yield started("Ray", ray)
        if "problem" not in ray:
            yield sockets(ray["sockets"])
        say("TensorFlow")
        told = slow["TensorFlow"].result()
    yield started("TensorFlow", told)
    yield gpu(gpus_here(), told)


def python() -> Finding:
    """The interpreter."""
    own = "in" if sys.prefix != sys.base_prefix else "outside"
    return Finding("Python", "good", f"{platform.python_version()}, {own} a virtual environment")


def memory() -> Finding:
    """Memory that is free, for this machine or this container."""
    free = free_memory()
    workers, cpus = int(free / WORKER_BYTES), len(os.sched_getaffinity(0))
    found = f"{free / GB:.1f} GB free, room for {workers} workers; {cpus} CPUs"
    if workers < 1:
        return Finding("Memory", "bad", found, f"end other programs: a worker needs {WORKER_BYTES / GB:.1f} GB")
    if workers < cpus:
        return Finding("Memory", "note", found, f"run fewer trials at once: --workers {workers}")
    return Finding("Memory", "good", found)


def shared_memory(folder: Path) -> Finding:
    """Where Ray passes data between processes."""
    if not folder.is_dir():
        return Finding("Shared memory", "note", f"no {folder}", "Ray uses files in its temporary folder, slower")
    free = shutil.disk_usage(folder).free
    found = f"{free / GB:.1f} GB free in {folder}"
    if free < STORE_BYTES:
        advice = f"Ray uses files in its temporary folder, slower; for a container: --shm-size={STORE_BYTES / 1e6:.0f}m"
        return Finding("Shared memory", "note", found, advice)
    return Finding("Shared memory", "good", found)


def disk(out: str) -> Finding:
    """Whether results can be written to ``out``, by writing beside it; or whether its URL can be listed."""
    try:
        if "://" in out:
            place = place_of(out)
            return Finding("Results", "good", f"{place.shown} holds {len(place.sizes('trials'))} parts of trials")
        folder = expanded(out, "--out").absolute()
        while not folder.exists():
            folder = folder.parent
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1_000_000))
            file.flush()
    except (OSError, RegfleetError) as problem:
        why = getattr(problem, "strerror", None) or problem
        return Finding("Results", "bad", f"{out} cannot be written: {why}", "choose another place with --out")
    free = shutil.disk_usage(folder).free
    found = f"{folder} can be written, {free / GB:.1f} GB free"
    if free < DISK_BYTES:
        return Finding("Results", "note", found, "make room, or choose another place with --out")
    return Finding("Results", "good", found)


def ports() -> Finding:
    """Whether Ray finds ports on this machine."""
    probed = RAY_PORTS[::100]
    free = sum(map(_free, probed))
    found = f"{free} of {len(probed)} tried between {RAY_PORTS.start} and {RAY_PORTS.stop - 1} are free"
    if not _free(0):
        return Finding("Ports", "bad", "no port of 127.0.0.1 can be had", "allow programs to listen on the loopback")
    if free < len(probed) / 2:
        return Finding("Ports", "note", found, "end what holds them: Ray gives these ports to its workers")
    return Finding("Ports", "good", found)


def cluster(address: str) -> Finding:
    """Whether a head answers at HOST:PORT, or its Jobs API at http://HOST:PORT, and takes the token."""
    try:
        if not address.startswith(("http://", "https://")):
            check_address(address)
            found, warning = f"a head answers at {address} and lets this machine in", token_warning()
            return Finding("Cluster", "note" if warning else "good", found, warning)
        answer = ask(address)
    except RegfleetError as problem:
        return Finding("Cluster", "bad", str(problem), "see docs/clusters.md: start the head, or give its token")
    found = f"the Jobs API of Ray {answer.ray} answers at {answer.url}"
    if answer.notes:
        return Finding("Cluster", "note", found, "; ".join(answer.notes))
    return Finding("Cluster", "good", f"{found} and takes the token")


def started(name: str, told: dict[str, Any]) -> Finding:
    """Whether a library could be used in a process of its own."""
    if "problem" in told:
        return Finding(name, "bad", told["problem"], "install regfleet again, in a fresh virtual environment")
    return Finding(name, "good", f"{told['version']}, ready in {told['seconds']:.1f} s")


def sockets(found: list[tuple[str, int, str, str, str, bool]]) -> Finding:
    """Whether the Ray that a study starts here is closed to other machines, and to who has no token."""
    each, strange = [], []
    for address, port, process, what, answer, closed in found:
        shown = f"{address}:{port}" if port else f"…/{Path(address).name}"
        each.append((shown, process, what or "not known", answer))
        if not closed or not what or answer in (OPEN, SHARED):
            strange.append(shown)
    if strange:
        words = f"{len(strange)} of {len(found)} that a study's Ray listens on are open or not known: {strange[0]}"
        return Finding("Sockets", "note", words, "SECURITY.md says what listens where", tuple(each))
    words = f"a study's Ray listens on {len(found)}, on this machine alone, and asks for its token"
    silent = sum(answer == SILENT for *_, answer in each)
    return Finding("Sockets", "good", words + f"; {silent} did not answer" * (silent > 0), "", tuple(each))


def gpu(here: list[str], told: dict[str, Any]) -> Finding:
    """Whether TensorFlow uses the GPUs that are ``here``."""
    if not here:
        return Finding("GPU", "good", "none here: trials run on CPUs")
    found = f"{len(here)} here ({here[0]}), TensorFlow uses {told.get('gpus', 0)}"
    if told.get("gpus"):
        return Finding("GPU", "good", found)
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        return Finding("GPU", "note", found, "hidden by CUDA_VISIBLE_DEVICES: unset it to use them")
    return Finding("GPU", "note", found, "for trials on them: python -m pip install 'regfleet[gpu]'")


def gpus_here() -> list[str]:
    """The names of the GPUs that NVIDIA's driver lists; none without it."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=patience.SECONDS.gpu, check=True)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split("\n")[:-1]


def _run(code: str) -> dict[str, Any]:
    """What ``code`` prints as JSON in a process of its own; ``problem`` says why it did not."""
    try:
        done = subprocess.run(  # noqa: S603 - the code above
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=patience.SECONDS.library,
            check=False,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired:
        return {"problem": f"not ready after {patience.SECONDS.library:.0f} s"}
    try:
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        said = done.stderr.strip().splitlines()
        last = said[-1] if said else f"ended with exit code {done.returncode}"
        return {"problem": last.removeprefix(f"{FleetError.__module__}.{FleetError.__name__}: ")}
    return told


def _free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
