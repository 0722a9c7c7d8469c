"""Where results come from: versions, hardware, command, commit, data, times; never the environment and its secrets."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from regfleet.text import masked

_PACKAGES = (
    "regfleet",
    "tensorflow",
    "keras",
    "ray",
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "matplotlib",
)


def provenance(
    before: Mapping[str, Any],
    *,
    command: str,
    data: Mapping[str, Mapping[str, Any]],
    fleet: str,
    started: float,
    seconds: float,
    trained: int,
) -> dict[str, Any]:
    """The content of provenance.json: what holds now, and one entry per run that trained something.

    ``before`` is the directory's content so far; ``data`` what is to be known of each data set; ``started`` is in
    seconds since the epoch, ``seconds`` is how long the run took by a clock that nobody sets.
    """
    run = {
        "command": masked(command),
        "fleet": masked(fleet),
        "host": platform.node(),
        "started": _utc(started),
        "finished": _utc(started + seconds),
        "seconds": round(seconds, 1),
        "trials": trained,
    }
    return {
        "versions": {"python": platform.python_version()} | _versions(),
        "hardware": _hardware(),
        "commit": git_commit(Path.cwd()),
        "data": dict(data),
        "runs": [*before.get("runs", []), *([run] if trained else [])],
    }


def git_commit(directory: Path) -> str | None:
    """The commit checked out where the command was given, with ``-dirty`` for local changes; None outside git."""
    try:
        command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            from regfleet import __version__

            found[package] = __version__ if package == "regfleet" else "not installed"
    return found


def _hardware() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
    }


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
