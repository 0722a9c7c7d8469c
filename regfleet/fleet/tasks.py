"""Chunks as tasks of Ray: how they are started, and what they and Ray say of them."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from regfleet import patience
from regfleet.errors import FleetError
from regfleet.fleet import worker
from regfleet.fleet.traces import Traces
from regfleet.fleet.worker import Beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.interface import Encode, Work
    from regfleet.fleet.retries import Attempt
    from regfleet.trials import Chunk, Outcome

KEPT_SPLITS = 4
"""Seeds of large data sets whose encoded rows are kept for the next chunk."""


LOW_MEMORY = "running low on memory"


@dataclass(frozen=True, slots=True)
class Loss:
    """A worker is gone: why, whether its node ran out of ``memory``, and whether it had been ``ready`` before."""

    reason: str
    memory: bool = False
    ready: bool = False


def loss_of(problem: BaseException, *, ready: bool = False) -> Loss:
    """What is said of a worker that is gone, in the words for any process: that it is an actor is nobody's business."""
    from ray import exceptions

    text, memory = str(problem).strip(), isinstance(problem, exceptions.OutOfMemoryError)
    if memory and LOW_MEMORY not in text:
        text = f"The worker was killed due to the node {LOW_MEMORY}. {text}"
    if isinstance(problem, exceptions.ActorDiedError | exceptions.ActorUnavailableError):
        return Loss(f"WorkerCrashedError: The worker died. {text}", memory, ready)
    return Loss(f"{type(problem).__name__}: {text}", memory, ready)


class Tasks(Protocol):
    """Tasks on their way, each known by a handle, on workers that are known by names.

    A task's messages are the `Beginning` of its worker with the chunk, then the chunk's outcomes; instead of either
    comes the `Loss` of the worker.
    """

    def free(self, gpu_share: float) -> list[tuple[str, str]]:
        """Workers with that share of a GPU that have nothing to do, each with its node, those that are ready first."""

    def coming(self) -> Collection[str]:
        """Workers that are not known to be ready: they import, or there is no room for them yet."""

    def start(self, attempt: Attempt, gpu_share: float, worker: str) -> tuple[Any, str]:
        """Start a task for an attempt on a free worker, or on a new one for ""; returns its handle and its worker."""

    def ready(self, handles: Sequence[Any]) -> list[Any]:
        """Those that have a message, after a second at most; none when there is none."""

    def message(self, handle: Any) -> Beginning | tuple[Outcome, ...] | Loss:
        """The next message of a task that is ready; raises FleetError when Ray itself was ended."""

    def drop(self, worker: str) -> None:
        """End a worker, if it is not gone already; nothing more is heard of its task."""

    def renew(self) -> None:
        """Give what is started from now on new copies of what it needs."""

    def ask(self, more: int, gpu_share: float) -> None:
        """Let a cluster that could grow see that so many ``more`` workers are wanted."""

    def leave(self) -> None:
        """End every worker that has something to do."""


@dataclass(slots=True)
class _Seat:
    """A worker of Ray, an actor, with its share of a GPU and, once it is ready, its node.

    ``prepared`` is there until the worker is known to be ready; a ``spare`` one is not free before, as there may be no
    room for it.
    """

    actor: Any
    gpu_share: float
    prepared: Any
    spare: bool = False
    node: str = ""
    is_busy: bool = False


class Seats:
    """The workers of a fleet, which live from run to run with what they have traced."""

    def __init__(self, warm_up: Callable[[], object]) -> None:
        self.traces = Traces()
        self.by_name: dict[str, _Seat] = {}
        self._warm_up, self._made, self._looked = warm_up, 0, -math.inf
        self._kind: Any = None

    def add(self, gpu_share: float, *, apart: bool = False, spare: bool = False) -> str:
        """Start a worker that makes itself ready, and do not wait; returns its name."""
        import ray

        if self._kind is None:  # made anew it would be handed to the head anew, which may be lost
            # An actor and no task, as Ray gives a task to any worker: each would trace every variant.
            self._kind = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(worker.Worker)
        where = self._kind.options(num_gpus=gpu_share, scheduling_strategy="SPREAD" if apart else "DEFAULT")
        actor: Any = where.remote()
        self._made += 1
        name = f"worker {self._made}"
        self.by_name[name] = _Seat(actor, gpu_share, actor.prepare.remote(self._warm_up), spare)
        return name

    def look(self) -> None:
        """See who is ready, and who never will be, once a second."""
        import ray
        from ray.exceptions import RayError

        now = time.monotonic()
        if now - self._looked < patience.SECONDS.poll:
            return
        self._looked = now
        coming = {seat.prepared: name for name, seat in self.by_name.items() if seat.prepared is not None}
        for ready in ray.wait(list(coming), num_returns=len(coming), timeout=0)[0] if coming else ():
            seat = self.by_name[coming[ready]]
            seat.prepared = None
            try:
                seat.node = ray.get(ready)
            except RayError:
                if not seat.is_busy:  # else its task says so
                    self.drop(coming[ready])

    def was_ready(self, name: str) -> bool:
        """Whether a worker, which may be gone, was ready once."""
        import ray
        from ray.exceptions import RayError

        seat = self.by_name[name]
        if seat.prepared is not None and ray.wait([seat.prepared], timeout=0)[0]:
            with suppress(RayError):
                seat.node = ray.get(seat.prepared)
        return bool(seat.node)

    def drop(self, name: str) -> None:
        """Let Ray end a worker, whatever it does."""
        import ray

        seat = self.by_name.pop(name, None)
        if seat and ray.is_initialized():
            ray.kill(seat.actor)
        self.traces.forget(name)


class RayTasks:
    """Methods of actors of Ray, whose handles are Ray's own streams of results."""

    def __init__(
        self,
        warm_up: Callable[[], object],
        work: Work,
        datasets: Mapping[str, Dataset],
        seats: Seats,
        encode: Encode | None = None,
    ) -> None:
        self._warm_up, self._work, self._datasets, self._tries = warm_up, work, datasets, -1
        self._seats, self._at = seats, dict[Any, str]()
        self._encode, self._splits = encode, OrderedDict[tuple[Any, ...], Any]()

    def free(self, gpu_share: float) -> list[tuple[str, str]]:
        """Those whose last chunk came back; what has another share ends, as it holds its part of a GPU for good."""
        self._seats.look()
        idle = [(name, seat) for name, seat in self._seats.by_name.items() if not seat.is_busy]
        for name, seat in idle:
            if seat.gpu_share != gpu_share and bool(seat.gpu_share) == bool(gpu_share):
                self.drop(name)
        found = [(name, seat) for name, seat in idle if seat.gpu_share == gpu_share]
        ready = [(name, seat.node) for name, seat in found if seat.prepared is None]
        return ready + [(name, "") for name, seat in found if seat.prepared is not None and not seat.spare]

    def coming(self) -> Collection[str]:
        """Those that have not said so, as of the last look."""
        self._seats.look()
        return {name for name, seat in self._seats.by_name.items() if seat.prepared is not None}

    def start(self, attempt: Attempt, gpu_share: float, worker: str) -> tuple[Any, str]:
        """Hand a chunk to a worker; one that should run apart gets a new one, spread over nodes that are left alone."""
        if attempt.apart:
            for name in [name for name, seat in self._seats.by_name.items() if not seat.is_busy]:
                self.drop(name)
            worker = ""
        # A spare one was there first, and gets what room there is.
        name = worker or self._spare(gpu_share) or self._seats.add(gpu_share, apart=attempt.apart)
        seat = self._seats.by_name[name]
        seat.is_busy, seat.spare = True, False
        stream = seat.actor.run.options(num_returns="streaming")
        arguments, chunk, cuts = self._arguments(attempt), attempt.chunk, []
        # A stack holds more seeds than a node should keep.
        if self._encode and chunk.shared and not (gpu_share and chunk.stack > 1):
            cuts = [self._split(self._encode, chunk, trial.seed) for trial in chunk.trials]
        handle = stream.remote(self._warm_up, *arguments, *cuts)
        self._at[handle] = name
        return handle, name

    def _spare(self, gpu_share: float) -> str:
        """The spare worker with that share of a GPU that was asked for first, "" where there is none."""
        seats = self._seats.by_name.items()
        return next((name for name, seat in seats if seat.spare and seat.gpu_share == gpu_share), "")

    def drop(self, worker: str) -> None:
        """Let Ray end it, whatever it does."""
        self._seats.drop(worker)
        self._at = {handle: name for handle, name in self._at.items() if name != worker}

    def renew(self) -> None:
        """As where a worker went before it began."""
        self._tries = -1

    def ask(self, more: int, gpu_share: float) -> None:
        """Have so many workers that are not ready: where a node comes, they begin."""
        self._seats.look()
        coming = sum(seat.prepared is not None for seat in self._seats.by_name.values())
        for _ in range(coming, more):
            self._seats.add(gpu_share, spare=True)

    def leave(self) -> None:
        """A later run finds those that are free."""
        for name in [name for name, seat in self._seats.by_name.items() if seat.is_busy]:
            self.drop(name)

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
            ready = self._seats.was_ready(self._at[handle])
            self.drop(self._at[handle])
            return loss_of(problem, ready=ready)
        seat = self._seats.by_name[self._at[handle]]
        if isinstance(message, Beginning):
            seat.node = message.node
        else:
            seat.is_busy = False
            del self._at[handle]
        return message

    def _split(self, encode: Encode, chunk: Chunk, seed: int) -> Any:
        """The sets of a seed, encoded by one task for all chunks that need them soon, and in the object store since.

        Ray keeps them as long as they are among the last ones here, or a task needs them.
        """
        import ray

        name = (chunk.dataset, chunk.split, seed, chunk.shared)
        if name not in self._splits:
            task = ray.remote(num_cpus=0, max_calls=0)(worker.encoded)  # every CPU has a worker that may wait for it
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
