"""Workers of a Ray of ours, forked from one process that has imported what all of them need.

Its imports take five CPU seconds, most of them while Ray starts, and are paid for once, whatever the number of workers.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.borrowed import ray as borrowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

_MAIN = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from regfleet.fleet.forking import serve; serve()"


class ForkServer(AbstractContextManager["ForkServer"]):
    """A process that imports what ``preload``, ``package.module:function``, does, then forks a worker when asked to.

    ``environment`` is that of workers. Without ``preload`` there is none: Ray starts each worker by itself. It ends
    with the block, and with this process.
    """

    def __init__(self, environment: Mapping[str, str], preload: str) -> None:
        self._environment, self._preload = environment, preload
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start it where that was not done; returns its process id, 0 where there is none."""
        if self._process is None and self._preload:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, "-c", _MAIN, json.dumps(sys.path), self._preload],
                env={**kept, **self._environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        """End it; the workers stay."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve() -> None:
    """Be the process: import, then fork a worker for each line of standard input, until that ends."""
    module, _, function = sys.argv[2].partition(":")
    with _importing():
        getattr(import_module(module), function)()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    rest, first = b"", None
    while block := os.read(0, 65_536):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            asked = borrowed.Asked.of(line.decode())
            if first is None and asked.job:
                first = asked
                with _importing():
                    first.import_ray()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                # Ray was told of another, or another thread is not in the fork, whatever it holds.
                strange = first is not None and (asked.node, asked.job) != (first.node, first.job)
                asked.become(anew=strange or len([*Path("/proc/self/task").iterdir()]) > 1)
                return


@contextmanager
def _importing() -> Iterator[None]:
    """What is imported here stays out of all collections of garbage to come, whose marks would copy pages in forks."""
    gc.disable()
    with suppress(Exception):  # a worker that is started by itself says what is wrong
        yield
    gc.freeze()
    gc.enable()
