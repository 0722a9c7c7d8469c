"""The Ray driver: starts or joins a cluster, keeps a bounded number of tasks in flight, owns the retries."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError
from regfleet.fleet.attempts import Attempt, Retries
from regfleet.fleet.contract import FleetSettings, Work, WorkSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from regfleet.records import Chunk, Dataset, Outcome

log = logging.getLogger("regfleet.fleet")

CONNECT_SECONDS = 5.0
WAIT_SECONDS = 1.0
COUNT_SECONDS = 5.0
SILENCE_SECONDS = 30.0
OBJECT_STORE_BYTES = 200_000_000
DRIVER_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # A cut network is noticed in about ten seconds; Ray's own defaults let the driver wait for seven minutes.
    "RAY_grpc_client_keepalive_time_ms": "10000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}

JOINING_ENVIRONMENT = {"RAY_NUM_REDIS_GET_RETRIES": "4"}
"""Seconds to wait for the head of a cluster, which should be up; Ray's own default is 20."""


@contextmanager
def ray_fleet(settings: FleetSettings, warm_up: Callable[[], object]) -> Iterator[RayFleet]:
    """A fleet on Ray, shut down at the end. Its workers run ``warm_up`` while the driver goes on.

    Raises InputError for an address of the wrong form or that nobody answers, and for GPUs no node has.
    """
    for name, value in (DRIVER_ENVIRONMENT | (JOINING_ENVIRONMENT if settings.address else {})).items():
        os.environ.setdefault(name, value)
    import ray

    before = signal.getsignal(signal.SIGTERM)
    _start(settings)
    # Ray's own handler ends the process with a C++ trace; results should be kept and said.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)
    try:
        fleet = RayFleet(settings)
        fleet.warm_up(warm_up)
        log.info("trials run %s", fleet.description)
        yield fleet
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Raise InputError unless ``address`` is HOST:PORT (or ``auto``) and a head answers there."""
    if address.startswith("ray://"):
        msg = f"--address: expected HOST:PORT of the head, as Ray Client loses results when it drops; got {address}"
        raise InputError(msg)
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        msg = f"--address: expected HOST:PORT; got {address!r}"
        raise InputError(msg)
    import grpc

    # A head speaks gRPC; to anything else that listens there, Ray itself would talk for minutes.
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            msg = f"--address: expected a Ray head that answers within {CONNECT_SECONDS:g} s; got {address}"
            raise InputError(msg) from None


def _start(settings: FleetSettings) -> None:
    import ray

    environment: dict[str, Any] = {"env_vars": dict(settings.environment)}
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": environment}
    if settings.address:
        # The workers of a cluster run this very code, whatever is installed there.
        environment["py_modules"] = [str(Path(__file__).parents[1])]
        try:
            ray.init(address=settings.address, **common)
        except (ConnectionError, RuntimeError, ValueError, OSError) as problem:
            first = str(problem).strip().splitlines()[0]
            msg = f"--address: expected a Ray cluster that lets us in; got {settings.address} ({first})"
            raise InputError(msg) from None
        return
    common |= {
        "address": "local",
        "num_cpus": settings.workers or len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    try:
        ray.init(**common)
    # On a machine under load the first start can time out; the second finds warm files.
    except (RuntimeError, TimeoutError, OSError) as problem:
        log.warning("Ray did not start (%s); trying once more", problem)
        ray.shutdown()
        ray.init(**common)


class RayFleet:
    """Runs chunks as Ray tasks."""

    def __init__(self, settings: FleetSettings) -> None:
        import ray

        resources = ray.cluster_resources()
        cpus, gpus = int(resources.get("CPU", 0)), resources.get("GPU", 0.0)
        share = settings.gpus_per_trial
        if share and not gpus and not settings.address:
            msg = f"--gpus-per-trial: expected 0 on a machine without a GPU; got {share:g}"
            raise InputError(msg)
        if share is None:
            # As many trials on a GPU as there are CPUs to feed it, eight at most.
            share = max(0.125, min(1.0, gpus / max(1, cpus))) if gpus else 0.0
        self.gpus_per_trial = share
        self._settings = settings
        self.workers = self._count()
        self.description = f"on Ray {ray.__version__}, {self.workers} workers" + (
            f", {share:g} GPU each" if share else ""
        )
        # max_calls=0 keeps the worker, and with it TensorFlow and every traced function, for the next chunk.
        self._task = ray.remote(num_cpus=1, num_gpus=share, max_retries=0, max_calls=0)(_run_in_worker)

    def _count(self) -> int:
        """Tasks that can run at once: as many as were asked for, or as the cluster has room for now."""
        import ray

        resources = ray.cluster_resources()
        cpus = int(resources.get("CPU", 0))
        gpus = int(resources.get("GPU", 0.0) / self.gpus_per_trial) if self.gpus_per_trial else cpus
        # On a cluster what was asked for is what an autoscaler should see wanted, whatever stands there now.
        joined = self._settings.workers if self._settings.address else None
        return joined or max(1, min(cpus, gpus))

    def warm_up(self, function: Callable[[], object]) -> None:
        """Start ``function`` once per worker and do not wait: imports overlap with planning."""
        for _ in range(self.workers):
            self._task.remote(function)

    def run(self, source: WorkSource, work: Work, datasets: Mapping[str, Dataset]) -> Iterator[tuple[Outcome, ...]]:
        """Run all chunks, each on a worker; a lost worker costs its chunk a retry, never the study.

        Tasks still running when the caller stops end with the fleet: to cancel one whose result is on its way ends the
        whole driver ("Tried to complete task that was not pending", Ray 2.60).

        Raises FleetError when the cluster has no node left that could run a task.
        """
        import ray

        stored = {name: ray.put(dataset) for name, dataset in datasets.items()}
        running: dict[Any, Attempt] = {}
        retries = Retries()
        heard = counted = time.monotonic()
        while True:
            if time.monotonic() - counted > COUNT_SECONDS:
                counted = time.monotonic()
                self.workers = self._count()
            while len(running) < self._bound(source) and (attempt := retries.pop() or _fresh(source)):
                reference = self._task.remote(work, attempt.chunk, stored[attempt.chunk.dataset])
                running[reference] = attempt
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=len(running), timeout=0)
            if not done:
                done, _ = ray.wait(list(running), timeout=WAIT_SECONDS)
            for reference in done:
                heard = time.monotonic()
                attempt = running.pop(reference)
                outcomes = self._collect(reference, attempt, retries)
                log.info("%s", _told(attempt.chunk, outcomes))
                del reference
                source.learn(outcomes)
                if outcomes:
                    yield outcomes
            if time.monotonic() - heard > SILENCE_SECONDS:
                heard = time.monotonic()
                self._check_alive()

    def _bound(self, source: WorkSource) -> int:
        if self._settings.workers or not source.measured:
            return self.workers
        # A cluster that could grow must see more tasks than it has room for.
        return 2 * self.workers + (4 if self._settings.address else 0)

    def _collect(self, reference: Any, attempt: Attempt, retries: Retries) -> tuple[Outcome, ...]:
        import ray
        from ray import exceptions as lost

        try:
            outcomes: tuple[Outcome, ...] = ray.get(reference)
        except (
            lost.WorkerCrashedError,
            lost.NodeDiedError,
            lost.ObjectLostError,
            lost.OutOfMemoryError,
            lost.LocalRayletDiedError,
            lost.RayTaskError,
            lost.TaskCancelledError,
            lost.RuntimeEnvSetupError,
        ) as problem:
            return retries.lost(attempt, f"{type(problem).__name__}: {str(problem).strip()}")
        return outcomes

    def _check_alive(self) -> None:
        import ray

        resources = ray.cluster_resources()
        wanted = {"CPU": 1.0, "GPU": self.gpus_per_trial}
        missing = [name for name, amount in wanted.items() if amount and resources.get(name, 0.0) < amount]
        if missing:
            log.warning("waiting: no node of the cluster has a free %s", " or ".join(missing))


def _told(chunk: Chunk, outcomes: tuple[Outcome, ...]) -> str:
    took = sum(outcome.seconds for outcome in outcomes)
    node = outcomes[0].host if outcomes else "no worker"
    return f"{len(outcomes)} trials of {chunk.variant.name} on {chunk.dataset} came from {node}, {took:.2f} s"


def _fresh(source: WorkSource) -> Attempt | None:
    chunk = source.next()
    return Attempt(chunk) if chunk else None


def _run_in_worker(function: Any, *arguments: Any) -> Any:
    import ray

    # Ray leaves every GPU visible to a task that asked for none.
    if not ray.get_gpu_ids():
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    return function(*arguments)
