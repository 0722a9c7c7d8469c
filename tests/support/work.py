"""What the fleet tests run in workers."""

import os
import resource
import signal
import sys
import time
from itertools import count
from mmap import MAP_ANONYMOUS, MAP_POPULATE, MAP_PRIVATE, mmap
from pathlib import Path

import numpy as np

from regfleet import data
from regfleet.data.dataset import Rows, Sets
from regfleet.trials import Outcome
from support.outcomes import plausible

CHUNK = 100 << 20


class OddError(Exception):
    """An exception that no pickle brings back."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def outcomes(chunk, _dataset):
    """Finish every trial, and say in which process."""
    return tuple(Outcome(trial, "done", "test", host=str(os.getpid()), seconds=0.2) for trial in chunk.trials)


class Load:
    """What a model may hold: 50 MB. Counts how often it is packed."""

    packed = 0

    def __init__(self):
        self.content = bytes(50_000_000)

    def __getstate__(self):
        """Count."""
        Load.packed += 1
        return self.__dict__


def loaded(chunk, dataset, load):
    """Finish every trial, where the load has come."""
    assert len(load.content) == 50_000_000
    return outcomes(chunk, dataset)


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
    """Kill the worker the first time this variant comes to one; with l1 it is told to end, as Ray and `ray stop` do."""
    if first_time(chunk.variant.name):
        os.kill(os.getpid(), signal.SIGTERM if chunk.variant.name == "l1" else signal.SIGKILL)
        time.sleep(60)
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


def pretend(chunk, _dataset, **_):
    """Finish every trial with a history and scores that no network was trained for."""
    # Half a minute for each makes chunks of one trial.
    return tuple(plausible(trial, epochs=chunk.variant.training.epochs, seconds=30.0) for trial in chunk.trials)


def pace(chunk, dataset, **_):
    """Pretend, and take a while for it."""
    time.sleep(0.5)
    return pretend(chunk, dataset)


def fill_up(chunk, dataset, **_):
    """Pretend one chunk; from the second on no file of this process may grow, so that its next write really fails."""
    if not first_time("chunk"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    return pretend(chunk, dataset)


def stay_after_one(chunk, dataset, **_):
    """Pretend one chunk, and stay with the second."""
    while not first_time("chunk"):
        time.sleep(3600)
    return pretend(chunk, dataset)


def train_in_turn(chunk, dataset, **_):
    """Train; before its rows are cut, a trial of the third chunk waits for mark "1", one of a later chunk for "2"."""
    import pytest  # here, as every worker of the fleet's tests imports this module

    from regfleet.running.trial import run_chunk

    number = next(number for number in count() if first_time(f"chunk {number}"))
    awaited = Path(os.environ["REGFLEET_TEST_MARKS"]) / str(min(number - 1, 2))
    true_cut = data.cut

    def cut(*arguments):
        while number > 1 and not awaited.exists():
            time.sleep(0.1)
        return true_cut(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "cut", cut)
        return run_chunk(chunk, dataset)


def ruin(chunk, dataset, **_):
    """Lose every worker with seed 1 of a variant that is no control, and hang with seed 2."""
    seeds = seeds_with_techniques(chunk)
    if 1 in seeds:
        os._exit(1)
    if 2 in seeds:
        time.sleep(3600)
    return pace(chunk, dataset)


def swell(chunk, dataset, **_):
    """With seed 3 of a variant that is no control, take memory until the node has none, whatever others give back."""
    from ray._private.utils import get_used_memory

    hoard, limit = [], int(os.environ["REGFLEET_TEST_LIMIT"])
    while 3 in seeds_with_techniques(chunk):
        if get_used_memory() > limit:
            time.sleep(0.1)
        else:
            hoard.append(mmap(-1, CHUNK, flags=MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE))
    return pace(chunk, dataset)


def seeds_with_techniques(chunk):
    """The seeds of a chunk, none of a control's."""
    return {trial.seed for trial in chunk.trials} if chunk.variant.techniques else set()


def meet(name, number):
    """Say that this one is there, and wait until so many are, of any name."""
    first_time(f"there {name}")
    while len(list(Path(os.environ["REGFLEET_TEST_MARKS"]).glob("there *"))) < number:
        time.sleep(0.05)


def see(chunk, dataset, together=0):
    """Report the worker's environment and the rows it was given; so many workers have begun before any is done."""
    if together:
        meet(os.getpid(), together)
        time.sleep(0.5)  # so that each has its part of what is left
    words = (os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("TF_NUM_INTRAOP_THREADS"), dataset.name)
    return tuple(
        Outcome(trial, "done", "test", host=str(os.getpid()), device="|".join(map(str, words)))
        for trial in chunk.trials
    )


def node():
    """The node of this process."""
    import ray  # here, as a driver that is in one process has no use for it

    return ray.get_runtime_context().get_node_id()


def slow(chunk, _dataset, nodes=0):
    """Take a while, and say on which node; so many have begun before any is done."""
    if nodes:
        meet(node(), nodes)
    time.sleep(0.3)
    return tuple(Outcome(trial, "done", "test", host=node(), seconds=0.3) for trial in chunk.trials)


def large(chunk, _dataset, nodes=0):
    """Return more than Ray keeps in the driver; so many nodes have begun before any is done."""
    if nodes:
        meet(node(), nodes)
    time.sleep(0.3)
    return tuple(Outcome(trial, "done", "test", host=node(), traceback="x" * 300_000) for trial in chunk.trials)


def encode(_chunk, _dataset, seed):
    """The sets of a seed, 40 MB of ones to train; leaves a mark each time."""
    folder = Path(os.environ["REGFLEET_TEST_MARKS"])
    mark = next(
        folder / f"encoded {seed} {number}" for number in count() if not (folder / f"encoded {seed} {number}").exists()
    )
    mark.touch()
    if seed == 2:
        raise ValueError("no rows")
    y = np.ones((10, 1), "float32")
    return Sets(Rows(np.ones((1_000_000, 10), "float32"), y), Rows(y, y), Rows(y, y))


def _own():
    """Bytes of this process that it shares with no other."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))


def look_at_shared(chunk, dataset):
    """Read the rows of a trial, and say of how many bytes these are, whether they can be written, and what it took."""
    (trial,) = chunk.trials
    if (chunk.split, trial.seed) not in dataset.cuts:
        return (Outcome(trial, "failed", "test", error="no rows"),)
    x, before = dataset.cuts[chunk.split, trial.seed].train.x, _own()
    said = f"{int(x.sum())} {x.flags.writeable} {_own() - before < 5_000_000}"
    return (Outcome(trial, "done", "test", host=said, seconds=0.1),)
