"""What the fleet tests run in workers."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import ray

from regfleet.records import Outcome


class OddError(Exception):
    """An exception that no pickle brings back."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def outcomes(chunk, _dataset):
    """Finish every trial, and say in which process."""
    return tuple(Outcome(trial, "done", "test", host=str(os.getpid()), seconds=0.2) for trial in chunk.trials)


def first_time(name):
    """Whether no worker has left this mark yet; leaves it."""
    try:
        (Path(os.environ["REGFLEET_TEST_MARKS"]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def poisoned(chunk):
    """Whether the trial of l1 and seed 3 is in the chunk."""
    return chunk.variant.name == "l1" and any(trial.seed == 3 for trial in chunk.trials)


def die_once(chunk, dataset):
    """Kill the worker the first time this variant comes to one."""
    if first_time(chunk.variant.name):
        os.kill(os.getpid(), signal.SIGKILL)
    return outcomes(chunk, dataset)


def die_on_poison(chunk, dataset):
    """Kill the worker whenever the poison is in the chunk."""
    if poisoned(chunk):
        os._exit(1)
    return outcomes(chunk, dataset)


def raise_odd(chunk, dataset):
    """Raise what cannot be unpickled when the poison is in the chunk."""
    if poisoned(chunk):
        raise OddError("this", "that")
    return outcomes(chunk, dataset)


def leave(chunk, dataset):
    """Call `sys.exit` when the poison is in the chunk."""
    if poisoned(chunk):
        sys.exit(3)
    return outcomes(chunk, dataset)


def hang(chunk, dataset):
    """Never come back, deaf to every signal, when the poison is in the chunk."""
    if poisoned(chunk):
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
        while True:
            time.sleep(3600)
    return outcomes(chunk, dataset)


def freeze_once(chunk, dataset):
    """Stop the whole process the first time, as a machine does that ran out of memory or power to schedule."""
    if first_time("frozen"):
        os.kill(os.getpid(), signal.SIGSTOP)
    return outcomes(chunk, dataset)


def exhaust(chunk, dataset):
    """Allocate without end in a process that may not, when the poison is in the chunk."""
    if poisoned(chunk):
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + 200 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (room, hard))
        try:
            hoard = []
            while True:
                hoard.append(bytearray(50 * 2**20))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return outcomes(chunk, dataset)


def swell(chunk, dataset):
    """Hold a gigabyte until the node's memory monitor steps in, when the poison is in the chunk."""
    if poisoned(chunk):
        hoard = bytearray(os.urandom(1 << 20)) * 1024
        time.sleep(60)
        del hoard
    return outcomes(chunk, dataset)


def see(chunk, dataset):
    """Report the worker's environment and the rows it was given, slowly enough that all workers take part."""
    time.sleep(0.5)
    words = (os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("TF_NUM_INTRAOP_THREADS"), dataset.name)
    return tuple(
        Outcome(trial, "done", "test", host=str(os.getpid()), device="|".join(map(str, words)))
        for trial in chunk.trials
    )


def slow(chunk, _dataset):
    """Take a while, and say on which node."""
    time.sleep(0.3)
    node = ray.get_runtime_context().get_node_id()
    return tuple(Outcome(trial, "done", "test", host=node, seconds=0.3) for trial in chunk.trials)


def large(chunk, _dataset):
    """Return more than Ray keeps in the driver."""
    time.sleep(0.3)
    node = ray.get_runtime_context().get_node_id()
    return tuple(Outcome(trial, "done", "test", host=node, traceback="x" * 300_000) for trial in chunk.trials)


def prepared(prepare):
    """Make this process ready and say which it is, the GPUs Ray gave it and those it sees."""
    prepare(os.getpid)
    return os.getpid(), [str(gpu) for gpu in ray.get_gpu_ids()], os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
