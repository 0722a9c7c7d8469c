"""Wall and CPU seconds of a command with everything that it starts."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds on the clock, and on all processors together, its descendants included."""

    wall: float
    cpu: float


def measure(command: list[str], environment: dict[str, str] | None = None) -> Cost:
    """Run ``command`` to its end, its output thrown away; ends the benchmark when it fails.

    Ray's workers are not waited for by the process that starts them, so the CPU time of every descendant is read from
    /proc, the last reading before its end counting (Linux only).
    """
    started = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - a benchmark runs its own commands
        command, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        seen: dict[tuple[int, int], float] = {}
        watcher = threading.Thread(target=_watch, args=(process, seen))
        watcher.start()
        error = process.stderr.read() if process.stderr else ""
        code = process.wait()
        wall = time.perf_counter() - started
        watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with exit code {code}:\n{error[-2000:]}")
    return Cost(wall, sum(seen.values()))


def _watch(process: subprocess.Popen[str], seen: dict[tuple[int, int], float]) -> None:
    """Keep the CPU seconds of each descendant of ``process``, by its id and start time, until it ends."""
    family = {process.pid}
    while process.poll() is None:
        for pid, parent, started, seconds in _processes():
            if pid in family or parent in family:
                family.add(pid)
                seen[pid, started] = seconds
        time.sleep(POLL_SECONDS)


def _processes() -> list[tuple[int, int, int, float]]:
    """Id, parent, start time and CPU seconds of every process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended in between
                continue
            found.append((int(entry.name), int(fields[1]), int(fields[19]), (int(fields[11]) + int(fields[12])) / TICK))
    return sorted(found)
