"""Other processes with this code, and waiting for what they do."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300
"""Seconds that anything may take on a machine that is busy with something else."""


def environment(**more):
    """This process' environment, less what leads to clusters and storage or hushes TensorFlow; this code; ``more``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "AWS_", "TF_"))}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | more


def python(*arguments, cwd, **more):
    """Run Python to its end, with ``more`` in its environment."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment(**more))


def regfleet(*arguments, cwd, **more):
    """Run the command line to its end."""
    return python("-m", "regfleet", *arguments, cwd=cwd, **more)


@contextmanager
def started(*arguments, cwd, **more):
    """Start Python; it is killed if it has not ended by itself at the end."""
    command = [sys.executable, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=cwd, env=environment(**more), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition, process=None):
    """Wait until ``condition`` gives something true, and return that; fail when ``process`` ended, or patience did."""
    deadline = time.monotonic() + PATIENCE
    while not (met := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "what was waited for did not happen"
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
