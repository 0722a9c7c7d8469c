"""Chunks as tasks of Ray: how they are started, and what they and Ray say of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from regfleet import patience
from regfleet.errors import FleetError
from regfleet.fleet import worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.interface import Encode, Work
    from regfleet.fleet.retries import Attempt
    from regfleet.fleet.worker import Beginning
    from regfleet.trials import Chunk, Outcome

KEPT_SPLITS = 4
"""Seeds of large data sets whose encoded rows are kept for the next chunk."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker is gone: why, and whether its node ran out of ``memory``."""

    reason: str
    memory: bool = False


class Tasks(Protocol):
    """Tasks on their way, each known by a handle.

    A task's messages are the `Beginning` of its worker with the chunk, then the chunk's outcomes; instead of either
    comes the `Loss` of the worker.
    """

    def start(self, attempt: Attempt, gpu_share: float) -> Any:
        """Start a task for an attempt and return its handle."""

    def ready(self, handles: Sequence[Any]) -> list[Any]:
        """Those that have a message, after a second at most; none when there is none."""

    def message(self, handle: Any) -> Beginning | tuple[Outcome, ...] | Loss:
        """The next message of a task that is ready; raises FleetError when Ray itself was ended."""


class RayTasks:
    """Tasks of Ray, whose handles are Ray's own streams of results."""

    def __init__(
        self,
        warm_up: Callable[[], object],
        work: Work,
        datasets: Mapping[str, Dataset],
        encode: Encode | None = None,
    ) -> None:
        import ray

        # max_calls=0 keeps the worker, and with it TensorFlow and every traced function, for the next chunk.
        self._task = ray.remote(num_cpus=1, max_retries=0, max_calls=0, num_returns="streaming")(worker.run)
        self._warm_up, self._work, self._datasets, self._tries = warm_up, work, datasets, -1
        self._encode, self._splits = encode, OrderedDict[tuple[Any, ...], Any]()

    def start(self, attempt: Attempt, gpu_share: float) -> Any:
        """Hand a chunk to Ray; one that should run apart is spread over the nodes."""
        where = self._task.options(num_gpus=gpu_share, scheduling_strategy="SPREAD" if attempt.apart else "DEFAULT")
        arguments, chunk, cuts = self._arguments(attempt), attempt.chunk, []
        # A stack holds more seeds than a node should keep.
        if self._encode and chunk.shared and not (gpu_share and chunk.stack > 1):
            cuts = [self._split(self._encode, chunk, trial.seed) for trial in chunk.trials]
        return where.remote(self._warm_up, *arguments, *cuts)

    def ready(self, handles: Sequence[Any]) -> list[Any]:
        """Ask for all that is ready, and only wait when nothing is."""
        import ray

        if not handles:
            time.sleep(patience.SECONDS.poll)
            return []
        ready, _ = ray.wait(list(handles), num_returns=len(handles), timeout=0)
        if not ready:
            ready, _ = ray.wait(list(handles), timeout=patience.SECONDS.poll)
        return list(ready)

    def message(self, handle: Any) -> Beginning | tuple[Outcome, ...] | Loss:
        """What a task's worker yields, or what Ray raises in its stead."""
        import ray
        from ray import exceptions

        try:
            message: Beginning | tuple[Outcome, ...] = ray.get(next(handle))
        except exceptions.LocalRayletDiedError:
            raise FleetError("Ray on this machine was ended") from None
        except (exceptions.RayError, StopIteration) as problem:
            reason = f"{type(problem).__name__}: {str(problem).strip()}"
            return Loss(reason, memory=isinstance(problem, exceptions.OutOfMemoryError))
        return message

    def _split(self, encode: Encode, chunk: Chunk, seed: int) -> Any:
        """The sets of a seed, encoded by one task for all chunks that need them soon, and in the object store since.

        Ray keeps them as long as they are among the last ones here, or a task needs them.
        """
        import ray

        name = (chunk.dataset, chunk.split, seed, chunk.shared)
        if name not in self._splits:
            task = ray.remote(num_cpus=1, max_calls=0)(worker.encoded)
            bare = replace(chunk, trials=())
            self._splits[name] = task.remote(encode, bare, self._stored[chunk.dataset], seed)
        self._splits.move_to_end(name)
        while len(self._splits) > KEPT_SPLITS:
            self._splits.popitem(last=False)
        return self._splits[name]

    def _arguments(self, attempt: Attempt) -> tuple[Any, Chunk, Any]:
        """What a worker needs: the work and the data set from Ray's object store, sent to each node once, the chunk."""
        import ray

        # A node that once could not reach the driver takes its objects for lost, for good: it needs new ones.
        if attempt.unstarted > self._tries:
            self._tries = attempt.unstarted
            self._splits.clear()
            self._function = ray.put(self._work)
            self._stored = {name: ray.put(dataset) for name, dataset in self._datasets.items()}
        return self._function, attempt.chunk, self._stored[attempt.chunk.dataset]
