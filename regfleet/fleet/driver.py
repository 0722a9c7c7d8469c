"""The driver of a run: keeps a bounded number of tasks in flight, owns the retries, ends what hangs."""

from __future__ import annotations

import logging
import math
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regfleet import patience
from regfleet.fleet.retries import Attempt, Retries, label
from regfleet.fleet.tasks import Loss
from regfleet.fleet.worker import Beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.cluster import Cluster
    from regfleet.fleet.gpus import Shares
    from regfleet.fleet.interface import FleetSettings, WorkSource
    from regfleet.fleet.tasks import Tasks
    from regfleet.fleet.traces import Traces
    from regfleet.trials import Outcome

log = logging.getLogger("regfleet.fleet")

TIMES_EXPECTED = 20.0
"""The default limit for a trial: twenty times what such trials were seen to take, and `Patience.trial` at least."""


@dataclass(slots=True)
class Task:
    """An attempt on its way to a ``worker``: once that began, since when it runs, and where."""

    attempt: Attempt
    on_gpu: bool
    worker: str = ""
    started: float | None = None
    pid: int = 0
    node: str = ""
    asked: float = 0.0
    overdue: float | None = None
    submitted: float = field(default_factory=time.monotonic)


class Driver:
    """One run of all chunks of ``source`` as ``tasks`` on a ``cluster``, each trial's outcome exactly once."""

    def __init__(
        self,
        settings: FleetSettings,
        shares: Shares,
        cluster: Cluster,
        tasks: Tasks,
        source: WorkSource,
        traces: Traces,
    ) -> None:
        self._settings, self._shares, self._cluster = settings, shares, cluster
        self._tasks, self._source, self._traces = tasks, source, traces
        self._running: dict[Any, Task] = {}
        self._retries = Retries()
        self._begin, self._full = patience.SECONDS.begin, -math.inf
        # Of ours here there may be more workers than processors, and what one takes over is traced at the cost of all.
        self._processors = math.inf if settings.address else len(os.sched_getaffinity(0))

    def run(self, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Outcomes as they come; a lost worker costs its chunk a retry, never the study.

        Raises FleetError when the head is lost, or when nothing could run for as long as `FleetSettings.wait` says.
        """
        if first := self._source.next(on_gpu=bool(self._shares.gpus_per_trial)):
            self._shares.fit(first, datasets[first.dataset])
            self._retries.push(Attempt(first))
        try:
            yield from self._drive()
        except GeneratorExit:
            self._tasks.leave()
            raise

    def _drive(self) -> Iterator[tuple[Outcome, ...]]:
        while True:
            self._start()
            if not self._running and not self._retries:
                return
            for outcomes in self._arrivals():
                self._source.learn(outcomes)
                # The worker goes on while its outcomes are stored.
                self._start()
                if outcomes:
                    yield outcomes
            self._end_overdue()
            if any(task.started for task in self._running.values()):
                self._cluster.heard()
            self._cluster.look(self._shares.missing)
            self._ask()
            self._free_from_lost_gpus()
            self._take_back()
            self._end_waiting()

    def _start(self) -> None:
        """Start as many tasks as may be on their way."""
        while (on_gpu := self._next_kind()) is not None:
            share = self._share(on_gpu=on_gpu)
            found = self._next(self._free(share), on_gpu=on_gpu)
            if not found:
                break
            attempt, worker = found
            handle, name = self._tasks.start(attempt, share, worker)
            self._traces.add(name, attempt.chunk)
            self._running[handle] = Task(attempt, on_gpu, name)

    def _ask(self) -> None:
        """A cluster that could grow must see that more workers are wanted than it has room for."""
        apart = any(task.attempt.apart for task in self._running.values())
        if self._settings.address and not self._settings.workers and self._source.measured and not apart:
            self._tasks.ask(self._shares.workers + 4, self._shares.gpus_per_trial)

    def _share(self, *, on_gpu: bool) -> float:
        return self._shares.gpus_per_trial if on_gpu else 0.0

    def _free(self, share: float) -> list[str]:
        """Free workers, without those whose node is gone."""
        free = []
        for worker, node in self._tasks.free(share):
            if node and self._cluster.lost_at(node) is not None:
                self._tasks.drop(worker)
            else:
                free.append(worker)
        return free

    def _next(self, free: list[str], *, on_gpu: bool) -> tuple[Attempt, str] | None:
        """The next attempt and the worker for it, "" for a new one; None where there is none now."""
        beside = [task.attempt for task in self._running.values()]
        workers = free or [""]
        if attempt := self._retries.pop(beside):
            return attempt, workers[0]
        helps = on_gpu or len(beside) < self._processors
        for worker in workers:
            if chunk := self._source.next(on_gpu=on_gpu, worker=worker, traces=self._traces, helps=helps):
                return Attempt(chunk), worker
        # Nobody is there to wait for.
        if not beside and (chunk := self._source.next(on_gpu=on_gpu)):
            return Attempt(chunk), workers[0]
        apart = self._retries.pop_apart(beside, self._shares.hosts)
        return (apart, "") if apart else None

    def _take_back(self) -> None:
        """Take attempts back from workers that do not come, as many as others are ready and have nothing to do.

        Those may hold the room that a worker with an attempt waits for.
        """
        due = time.monotonic() - patience.SECONDS.look
        late = {h: t for h, t in self._running.items() if t.started is None and t.submitted < due}
        coming = self._tasks.coming() if late else ()
        for on_gpu in (True, False):
            mine = [h for h, t in late.items() if t.on_gpu == on_gpu and t.worker in coming and not t.attempt.apart]
            ready = sum(worker not in coming for worker in self._free(self._share(on_gpu=on_gpu))) if mine else 0
            for handle in mine[:ready]:
                self._retries.push(self._give_up(handle))

    def _end_waiting(self) -> None:
        """Try with new workers, and new copies of what they need, where none has begun for long though there is room.

        Whatever became of them: Ray may have lost sight of one that it would start on a node that is gone.
        """
        now, room = time.monotonic(), self._shares.room
        if sum(task.started is not None for task in self._running.values()) >= room.gpu + room.cpu:
            self._full = now
        due = now - self._begin
        late = [handle for handle, task in self._running.items() if task.started is None and task.submitted < due]
        if late and self._full < due:
            log.warning("%d workers did not begin within %.0f s: trying with others", len(late), self._begin)
            for handle in late:
                self._retries.push(self._give_up(handle))
            self._tasks.renew()
            self._begin *= 2

    def _next_kind(self) -> bool | None:
        """Whether the next task is one for a GPU; None when enough are on their way."""
        if len(self._running) >= self._shares.workers:
            return None
        if not self._shares.gpus_per_trial:
            return False
        room, on_gpu = self._shares.room, sum(task.on_gpu for task in self._running.values())
        # No more than there is room for: what waits for a CPU could take it from a GPU's trial.
        if on_gpu >= room.gpu and len(self._running) - on_gpu < room.cpu:
            return False
        return None if self._shares.gpus_are_lost else True

    def _arrivals(self) -> Iterator[tuple[Outcome, ...]]:
        """What tasks say, and what is given up on nodes that are lost.

        Ray tells of workers that died with their node, not of those that live on behind a node that hangs.
        """
        for handle in self._tasks.ready(list(self._running)):
            self._cluster.heard()
            if handle in self._running:
                yield self._hear(handle)
        for handle, task in list(self._running.items()):
            lost = self._cluster.lost_at(task.node)
            if handle not in self._running or lost is None or time.monotonic() - lost < patience.SECONDS.loss:
                continue
            if task.started:
                self._give_up(handle)
                yield self._retries.lost(task.attempt, "its node was lost")
            elif task.submitted < lost:
                self._give_up(handle)
                self._retries.push(task.attempt)

    def _hear(self, handle: Any) -> tuple[Outcome, ...]:
        """Take a task's next message: that it has begun, its outcomes, or that its worker is lost."""
        task, message = self._running[handle], self._tasks.message(handle)
        if isinstance(message, Beginning):
            task.started, task.pid, task.node = time.monotonic(), message.pid, message.node
            return ()
        del self._running[handle]
        if isinstance(message, Loss):
            return self._lose(task, message)
        seconds = sum(outcome.seconds for outcome in message)
        chunk = label(task.attempt.chunk)
        log.info("%s came from node %s, process %d, %.2f s", chunk, task.node[:8], task.pid, seconds)
        return message

    def _lose(self, task: Task, loss: Loss) -> tuple[Outcome, ...]:
        if task.overdue is not None:
            return self._retries.overdue(task.attempt, task.overdue)
        # That it has begun is lost with a process that ends in the same instant.
        if task.started or loss.ready:
            return self._retries.lost(task.attempt, loss.reason, memory=loss.memory)
        self._retries.unstarted(task.attempt, loss.reason, memory=loss.memory)
        return ()

    def _end_overdue(self) -> None:
        """End the workers of chunks that take longer than they may; the loss arrives as a message of the task."""
        for task in self._running.values():
            limit, now = self._limit(task), time.monotonic()
            if task.started is None or limit is None or now - task.started < limit:
                continue
            if now - task.asked >= patience.SECONDS.overdue:
                task.asked = now
                if self._cluster.end(task.pid, task.node):
                    task.overdue = limit

    def _limit(self, task: Task) -> float | None:
        chunk = task.attempt.chunk
        given, expected = self._settings.trial_timeout, self._source.seconds_of(chunk, on_gpu=task.on_gpu)
        # A stack takes as long with one trial in it as with all.
        stack = chunk.stack if task.on_gpu else 1
        trials = math.ceil(len(chunk.trials) / stack) * stack
        if given is not None:
            return given * trials
        return None if expected is None else max(patience.SECONDS.trial, TIMES_EXPECTED * expected * trials)

    def _free_from_lost_gpus(self) -> None:
        """Give tasks that wait for GPUs which are gone to the CPUs that are left; nobody listens to the old ones."""
        if self._shares.gpus_are_lost:
            for handle in [handle for handle, task in self._running.items() if task.on_gpu and task.started is None]:
                self._retries.push(self._give_up(handle))

    def _give_up(self, handle: Any) -> Attempt:
        """Listen no more to a task, and let its worker go."""
        task = self._running.pop(handle)
        self._tasks.drop(task.worker)
        return task.attempt
