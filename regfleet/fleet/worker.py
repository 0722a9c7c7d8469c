"""What runs on a node: a chunk in its worker, and the tasks that look after workers."""

from __future__ import annotations

import os
import signal
import subprocess
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.borrowed.ray import is_worker
from regfleet.fleet.retries import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regfleet.data.dataset import Dataset, Sets
    from regfleet.fleet.interface import Encode, Work
    from regfleet.trials import Chunk, Outcome


@dataclass(frozen=True, slots=True)
class Beginning:
    """A worker begins with a chunk: its process, and the node that it is on."""

    pid: int
    node: str


_process: dict[str, Any] = {}
"""Whether this worker process was made ready."""


def prepare(warm_up: Callable[[], object]) -> None:
    """Make this process ready for chunks, once."""
    import ray

    # Ray leaves every GPU visible to a worker that asked for none.
    if not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if "ready" not in _process:
        # Ray's own handler raises SystemExit, and a worker that Ray ends would seem a trial that left.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        warm_up()
        _process["ready"] = True


def run(
    warm_up: Callable[[], object], work: Work, chunk: Chunk, dataset: Dataset, *cuts: Sets | None
) -> Iterator[Beginning | tuple[Outcome, ...]]:
    """Yield that the chunk begins here, then its outcomes; ``cuts`` are the sets of each trial that share them.

    Their arrays lie in the node's memory once, for all its workers, which cannot write to them.
    """
    import ray

    known = {(chunk.split, trial.seed): sets for trial, sets in zip(chunk.trials, cuts, strict=False) if sets}
    dataset = replace(dataset, cuts=known) if known else dataset
    prepare(warm_up)
    yield Beginning(os.getpid(), ray.get_runtime_context().get_node_id())
    try:
        outcomes = work(chunk, dataset)
    # As text whatever was raised survives any serialiser.
    except (Exception, SystemExit) as problem:  # noqa: BLE001
        outcomes = failures(chunk, f"{type(problem).__name__}: {problem}", traceback.format_exc())
    yield outcomes


def encoded(encode: Encode, chunk: Chunk, dataset: Dataset, seed: int) -> Sets | None:
    """The sets of a seed; None where they cannot be made, which the trials that need them will say for themselves."""
    try:
        return encode(chunk, dataset, seed)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it is, it is raised there again
        return None


class Worker:
    """A process that keeps what it has traced, for one chunk after the other."""

    def prepare(self, warm_up: Callable[[], object]) -> str:
        """As `prepare`; returns the node."""
        import ray

        prepare(warm_up)
        node: str = ray.get_runtime_context().get_node_id()
        return node

    def run(
        self, warm_up: Callable[[], object], work: Work, chunk: Chunk, dataset: Dataset, *cuts: Sets | None
    ) -> Iterator[Beginning | tuple[Outcome, ...]]:
        """As `run`."""
        yield from run(warm_up, work, chunk, dataset, *cuts)


def end(pid: int) -> bool:
    """End a worker of this node that hangs; False when it is gone."""
    try:
        # Another process may have the number by now.
        if not is_worker(pid):
            return False
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def gpu_memory() -> int | None:
    """Bytes of memory of this node's smallest GPU; None when its driver does not say."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience.SECONDS.gpu, check=True)  # noqa: S603
        return min(int(line) for line in done.stdout.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
