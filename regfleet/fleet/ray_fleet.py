"""The fleet on Ray: started or joined, its workers made ready, its chunks driven, shut down."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from regfleet.fleet.cluster import Cluster
from regfleet.fleet.driver import Driver
from regfleet.fleet.gpus import Shares
from regfleet.fleet.joining import joined
from regfleet.fleet.starting import OBJECT_STORE_BYTES, own_ray
from regfleet.fleet.tasks import RayTasks, Seats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from regfleet.data.dataset import Dataset
    from regfleet.fleet.interface import Encode, FleetSettings, Work, WorkSource
    from regfleet.trials import Outcome

log = logging.getLogger("regfleet.fleet")


@contextmanager
def ray_fleet(
    settings: FleetSettings,
    warm_up: Callable[[], object],
    note: Callable[[str], object] = str,
    encode: Encode | None = None,
) -> Iterator[RayFleet]:
    """A fleet on Ray, shut down at the end. Its workers run ``warm_up`` while the driver goes on.

    ``encode`` makes the sets that the chunks of a seed share; without it every trial makes its own.
    ``note`` hears what the user should know, as the log does. Raises InputError for a cluster that does not let us in,
    for GPUs that this machine does not have, and for a Ray that this process uses already; FleetError where Ray does
    not start.
    """
    before = signal.getsignal(signal.SIGTERM)
    with ExitStack() as ray:
        with _heard():
            ray.enter_context(_ray(settings, note))
        # Ray's own handler ends the process with a C++ trace; results should be kept and said.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
        fleet = RayFleet(settings, warm_up, Cluster(settings.wait, note), encode)
        fleet.warm_up()
        log.info("trials run %s", fleet.description)
        yield fleet


@contextmanager
def _heard() -> Iterator[None]:
    """While Ray starts its own handler answers SIGTERM with an exit that says nothing: take it for an interruption."""
    try:
        yield
    except SystemExit as ended:
        if ended.code == signal.SIGTERM:
            raise KeyboardInterrupt from None
        raise


def _ray(settings: FleetSettings, note: Callable[[str], object]) -> AbstractContextManager[None]:
    if settings.address:
        return joined(settings, settings.address, note)
    cpus, store = settings.workers or len(os.sched_getaffinity(0)), OBJECT_STORE_BYTES + settings.data_bytes
    return own_ray(cpus, settings.environment, note, store_bytes=store, forks=settings.forks)


class RayFleet:
    """Runs chunks on workers of Ray, which live as long as the fleet.

    Those still at work when the caller of `run` stops are ended. No task is ever cancelled: to cancel one whose result
    is on its way ends the whole driver ("Tried to complete task that was not pending", Ray 2.60).
    """

    def __init__(
        self, settings: FleetSettings, warm_up: Callable[[], object], cluster: Cluster, encode: Encode | None = None
    ) -> None:
        self._settings, self._warm_up, self._cluster, self._encode = settings, warm_up, cluster, encode
        self._shares, self._seats = Shares(settings, cluster), Seats(warm_up)

    @property
    def workers(self) -> int:
        """Chunks that can run at once, now."""
        return self._shares.workers

    @property
    def gpus_per_trial(self) -> float:
        """The share of a GPU that a trial gets where there is one."""
        return self._shares.gpus_per_trial

    @property
    def description(self) -> str:
        """Where trials run, in a few words."""
        import ray

        words, share, room = f"on Ray {ray.__version__}, {self.workers} workers", self.gpus_per_trial, self._shares.room
        if share and room.cpu:
            return f"{words}, {room.gpu} of them with {share:.3g} GPU each"
        return words + (f", {share:.3g} GPU each" if share else "")

    def warm_up(self) -> None:
        """Start workers and do not wait: their imports overlap with planning."""
        room = self._shares.room
        for count, share in ((room.gpu, self.gpus_per_trial), (room.cpu, 0.0)):
            for _ in range(min(count, self.workers)):
                self._seats.add(share)

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks, each on a worker, as `Driver.run`."""
        tasks = RayTasks(self._warm_up, work, datasets, self._seats, self._encode)
        yield from Driver(self._settings, self._shares, self._cluster, tasks, source, self._seats.traces).run(datasets)
