"""Other processes with this code, and waiting for what they do."""

import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 180
"""Seconds that anything may take on a machine that is busy with something else."""


def environment(**more):
    """This process' environment, without what would point a child at another cluster, with this code, and ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | more


def regfleet(*arguments, cwd, **options):
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "regfleet", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        **options,
    )


def wait_until(condition, process=None):
    """Wait until ``condition`` gives something true, and return that; fail when ``process`` ended, or patience did."""
    deadline = time.monotonic() + PATIENCE
    while not (met := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return met


def processes_of(mark):
    """The processes whose environment holds ``mark``, but this one."""
    everyone = (path for path in Path("/proc").glob("[0-9]*") if path.name != str(os.getpid()))
    return [path.name for path in everyone if str(mark).encode() in _environment_of(path)]


def _environment_of(process):
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
