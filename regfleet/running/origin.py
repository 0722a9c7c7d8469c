"""Where results come from: versions, hardware, command, commit, data, times; never the environment and its secrets."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from regfleet.results import Choice, DataFacts, Provenance, RunFacts
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


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a run began, in seconds since the epoch and by a clock that nobody sets, and at which commit.

    The commit is asked for once, before the run writes anything: a results directory may be under git too.
    """

    started: float = field(default_factory=time.time)
    begun: float = field(default_factory=time.monotonic)
    commit: str | None = field(default_factory=lambda: git_commit(Path.cwd()))

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.begun


def provenance(
    before: Provenance,
    *,
    command: str,
    data: Mapping[str, DataFacts],
    fleet: str,
    beginning: Beginning,
    trained: int,
    chosen_later: tuple[Choice, ...] | None = None,
) -> Provenance:
    """What holds now, and one more entry for a run that trained something.

    ``before`` is the directory's content so far; ``data`` what is to be known of each data set; ``chosen_later``
    the settings of the analysis that were chosen when results were there.
    """
    seconds = beginning.seconds
    run = RunFacts(
        command=masked(command),
        fleet=masked(fleet),
        host=platform.node(),
        started=_utc(beginning.started),
        finished=_utc(beginning.started + seconds),
        seconds=round(seconds, 1),
        trials=trained,
    )
    return Provenance(
        versions={"python": platform.python_version()} | package_versions(),
        hardware=_hardware(),
        commit=beginning.commit,
        data=dict(data),
        runs=(*before.runs, *([run] if trained else [])),
        chosen=before.chosen,
        chosen_later=chosen_later,
        merged=before.merged,
        tracked=before.tracked,
    )


def git_commit(directory: Path) -> str | None:
    """The commit checked out where the command was given, with ``-dirty`` for local changes; None outside git."""
    try:
        command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def package_versions() -> dict[str, str]:
    """The versions of the packages that results depend on."""
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
