"""The Ray driver: keeps a bounded number of tasks in flight, owns the retries, ends what hangs."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.errors import FleetError, InputError
from regfleet.fleet import gpus, joining, worker
from regfleet.fleet.cluster import Cluster
from regfleet.fleet.retries import Attempt, Retries, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.contract import FleetSettings, Work, WorkSource
    from regfleet.trials import Chunk, Outcome

log = logging.getLogger("regfleet.fleet")

TIMES_EXPECTED = 20.0
"""The default limit for a trial: twenty times what such trials were seen to take, and `Patience.trial` at least."""


@contextmanager
def ray_fleet(
    settings: FleetSettings, warm_up: Callable[[], object], note: Callable[[str], object] = str
) -> Iterator[RayFleet]:
    """A fleet on Ray, shut down at the end. Its workers run ``warm_up`` while the driver goes on.

    ``note`` hears what the user should know, as the log does. Raises InputError for a cluster that does not let us in,
    and for GPUs that this machine does not have.
    """
    before = signal.getsignal(signal.SIGTERM)
    joining.start(settings, note)
    import ray

    # Ray's own handler ends the process with a C++ trace; results should be kept and said.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    try:
        fleet = RayFleet(settings, warm_up, Cluster(settings.wait, note))
        fleet.warm_up()
        log.info("trials run %s", fleet.description)
        yield fleet
    finally:
        ray.shutdown()


@dataclass(slots=True)
class Task:
    """An attempt that Ray has: once its worker said so, since when it runs, and where."""

    attempt: Attempt
    on_gpu: bool
    started: float | None = None
    pid: int = 0
    node: str = ""
    asked: float = 0.0
    overdue: float | None = None
    submitted: float = field(default_factory=time.monotonic)


class RayFleet:
    """Runs chunks as Ray tasks."""

    def __init__(self, settings: FleetSettings, warm_up: Callable[[], object], cluster: Cluster) -> None:
        self._settings, self._warm_up, self._cluster = settings, warm_up, cluster
        has_gpus = any(node.get("GPU") for node in cluster.nodes)
        given = settings.gpus_per_trial
        if given and not has_gpus and not settings.address:
            msg = f"--gpus-per-trial: expected 0 on a machine without a GPU; got {given:g}"
            raise InputError(msg)
        self._chosen_here = given is None and has_gpus
        # Until a chunk says how large its model is, memory sets no limit.
        self.gpus_per_trial = gpus.share(0, None, cluster.nodes) if self._chosen_here else given or 0.0

    @property
    def room(self) -> gpus.Room:
        """What the nodes of the last look have room for; where the share was chosen here, CPUs beside GPUs count."""
        return gpus.room(self._cluster.nodes, self.gpus_per_trial, mixed=self._chosen_here)

    @property
    def workers(self) -> int:
        """Chunks that can run at once: as many as were asked for, or as the cluster has room for now."""
        # On a cluster what was asked for is what an autoscaler should see wanted, whatever stands there now.
        joined = self._settings.workers if self._settings.address else None
        return joined or max(1, self.room.gpu + self.room.cpu)

    @property
    def _hosts(self) -> int:
        """Nodes with room for a trial."""
        rooms = (gpus.room([node], self.gpus_per_trial, mixed=self._chosen_here) for node in self._cluster.nodes)
        return sum(bool(room.gpu or room.cpu) for room in rooms)

    @property
    def description(self) -> str:
        """Where trials run, in a few words."""
        import ray

        words = f"on Ray {ray.__version__}, {self.workers} workers"
        if self.gpus_per_trial and self.room.cpu:
            return f"{words}, {self.room.gpu} of them with {self.gpus_per_trial:.3g} GPU each"
        return words + (f", {self.gpus_per_trial:.3g} GPU each" if self.gpus_per_trial else "")

    def warm_up(self) -> None:
        """Make workers ready and do not wait: imports overlap with planning."""
        import ray

        prepare = ray.remote(num_cpus=1, max_retries=0, max_calls=0)(worker.prepare)
        for count, share in ((self.room.gpu, self.gpus_per_trial), (self.room.cpu, 0.0)):
            for _ in range(min(count, self.workers)):
                prepare.options(num_gpus=share).remote(self._warm_up)

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks, each on a worker; a lost worker costs its chunk a retry, never the study.

        Tasks still running when the caller stops end with the fleet. None is ever cancelled: to cancel one whose result
        is on its way ends the whole driver ("Tried to complete task that was not pending", Ray 2.60).

        Raises FleetError when the head is lost, or when nothing could run for as long as `FleetSettings.wait` says.
        """
        import ray

        # max_calls=0 keeps the worker, and with it TensorFlow and every traced function, for the next chunk.
        task = ray.remote(num_cpus=1, max_retries=0, max_calls=0, num_returns="streaming")(worker.run)
        stored = _Stored(work, datasets)
        running: dict[Any, Task] = {}
        retries = Retries()
        if first := source.next(on_gpu=bool(self.gpus_per_trial)):
            self._fit(first, datasets[first.dataset])
            retries.push(Attempt(first))
        while True:
            while (on_gpu := self._next_kind(running, source)) is not None:
                beside = [one.attempt for one in running.values()]
                attempt = retries.pop(beside) or _fresh(source, on_gpu=on_gpu) or retries.pop_apart(beside, self._hosts)
                if not attempt:
                    break
                where = task.options(
                    num_gpus=self.gpus_per_trial if on_gpu else 0.0,
                    scheduling_strategy="SPREAD" if attempt.apart else "DEFAULT",
                )
                stream = where.remote(self._warm_up, *stored.arguments(attempt))
                running[stream] = Task(attempt, on_gpu)
            if not running and not retries:
                return
            for outcomes in self._arrivals(running, retries):
                source.learn(outcomes)
                if outcomes:
                    yield outcomes
            self._end_overdue(running.values(), source)
            if any(one.started for one in running.values()):
                self._cluster.heard()
            self._cluster.look(self._missing)
            self._free_from_lost_gpus(running, retries)

    def _next_kind(self, running: Mapping[Any, Task], source: WorkSource) -> bool | None:
        """Whether the next task is one for a GPU; None when enough are on their way."""
        # A cluster that could grow must see more tasks than it has room for.
        ahead = not self._settings.workers and source.measured
        if len(running) >= (2 * self.workers + 4 * bool(self._settings.address) if ahead else self.workers):
            return None
        if not self.gpus_per_trial:
            return False
        room, on_gpu = self.room, sum(task.on_gpu for task in running.values())
        # No more than there is room for: what waits for a CPU could take it from a GPU's trial.
        if on_gpu >= room.gpu and len(running) - on_gpu < room.cpu:
            return False
        return None if self._chosen_here and room.cpu and not room.gpu else True

    def _fit(self, chunk: Chunk, dataset: Dataset) -> None:
        """Choose the share of a GPU by the size of the study's model, as far as that is known."""
        if self._chosen_here:
            needed, memory = gpus.worker_bytes(chunk, dataset), self._cluster.gpu_memory()
            self.gpus_per_trial = gpus.share(needed, memory, self._cluster.nodes)
            log.info("a worker needs %s bytes of a GPU's %s; trials run %s", needed, memory, self.description)

    def _arrivals(self, running: dict[Any, Task], retries: Retries) -> Iterator[tuple[Outcome, ...]]:
        """What tasks say, and what is given up on nodes that are lost.

        Ray tells of workers that died with their node, not of those that live on behind a node that hangs.
        """
        for stream in _ready(list(running)):
            self._cluster.heard()
            yield self._hear(stream, running, retries)
        for stream, task in list(running.items()):
            lost = self._cluster.lost_at(task.node)
            if lost is None or time.monotonic() - lost < patience.SECONDS.loss:
                continue
            if task.started:
                del running[stream]
                yield retries.lost(task.attempt, "its node was lost")
            elif task.submitted < lost:
                del running[stream]
                retries.push(task.attempt)

    def _hear(self, stream: Any, running: dict[Any, Task], retries: Retries) -> tuple[Outcome, ...]:
        """Take what a task says: that it has begun, its outcomes, or that its worker is lost."""
        import ray
        from ray import exceptions

        task = running[stream]
        try:
            said = ray.get(next(stream))
        except exceptions.LocalRayletDiedError:
            msg = "Ray on this machine was ended"
            raise FleetError(msg) from None
        except (exceptions.RayError, StopIteration) as problem:
            del running[stream]
            reason = f"{type(problem).__name__}: {str(problem).strip()}"
            if task.overdue is not None:
                return retries.overdue(task.attempt, task.overdue)
            memory = isinstance(problem, exceptions.OutOfMemoryError)
            if task.started:
                return retries.lost(task.attempt, reason, memory=memory)
            retries.unstarted(task.attempt, reason, memory=memory)
            return ()
        if task.started is None:
            task.started, (task.pid, task.node) = time.monotonic(), said
            return ()
        del running[stream]
        seconds = sum(outcome.seconds for outcome in said)
        log.info("%s came from node %s, process %d, %.2f s", told(task.attempt.chunk), task.node[:8], task.pid, seconds)
        outcomes: tuple[Outcome, ...] = said
        return outcomes

    def _end_overdue(self, tasks: Iterable[Task], source: WorkSource) -> None:
        """End the workers of chunks that take longer than they may; the loss arrives as an error of the task."""
        for task in tasks:
            limit = self._limit(task, source)
            now = time.monotonic()
            if (
                task.started is None
                or limit is None
                or now - task.started < limit
                or now - task.asked < patience.SECONDS.overdue
            ):
                continue
            task.asked = now
            if self._cluster.end(task.pid, task.node):
                task.overdue = limit

    def _limit(self, task: Task, source: WorkSource) -> float | None:
        chunk = task.attempt.chunk
        given, expected = self._settings.trial_timeout, source.seconds_of(chunk, on_gpu=task.on_gpu)
        # A stack takes as long with one trial in it as with all.
        stack = chunk.stack if task.on_gpu else 1
        trials = math.ceil(len(chunk.trials) / stack) * stack
        if given is not None:
            return given * trials
        return None if expected is None else max(patience.SECONDS.trial, TIMES_EXPECTED * expected * trials)

    def _missing(self) -> str:
        room = self.room
        if room.gpu or room.cpu:
            return ""
        share = self.gpus_per_trial
        gpu = any(node.get("GPU", 0.0) >= share for node in self._cluster.nodes)
        return f"{max(1, share):g} GPU" if share and not gpu else "a CPU"

    def _free_from_lost_gpus(self, running: dict[Any, Task], retries: Retries) -> None:
        """Give tasks that wait for GPUs which are gone to the CPUs that are left; nobody listens to the old ones."""
        if self._chosen_here and self.room.cpu and not self.room.gpu:
            for stream in [stream for stream, task in running.items() if task.on_gpu and task.started is None]:
                retries.push(running.pop(stream).attempt)


class _Stored:
    """The work and the data sets in Ray's object store, sent to each node once."""

    def __init__(self, work: Work, datasets: Mapping[str, Dataset]) -> None:
        self._work, self._datasets, self._tries = work, datasets, -1

    def arguments(self, attempt: Attempt) -> tuple[Any, Chunk, Any]:
        """What a worker needs for an attempt: the work, the chunk, its data set."""
        import ray

        # A node that once could not reach the driver takes its objects for lost, for good: it needs new ones.
        if attempt.unstarted > self._tries:
            self._tries = attempt.unstarted
            self._function = ray.put(self._work)
            self._stored = {name: ray.put(dataset) for name, dataset in self._datasets.items()}
        return self._function, attempt.chunk, self._stored[attempt.chunk.dataset]


def _ready(streams: list[Any]) -> list[Any]:
    import ray

    if not streams:
        time.sleep(patience.SECONDS.poll)
        return []
    ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
    if not ready:
        ready, _ = ray.wait(streams, timeout=patience.SECONDS.poll)
    return list(ready)


def _fresh(source: WorkSource, *, on_gpu: bool) -> Attempt | None:
    chunk = source.next(on_gpu=on_gpu)
    return Attempt(chunk) if chunk else None
