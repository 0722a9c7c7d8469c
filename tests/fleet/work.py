"""What the fleet tests run in workers."""

import os
import signal
import time
from pathlib import Path

from regfleet.records import Outcome


def outcomes(chunk, _dataset):
    """Finish every trial, and say in which process."""
    return tuple(Outcome(trial, "done", "test", host=str(os.getpid()), seconds=0.2) for trial in chunk.trials)


def die_once(chunk, dataset):
    """Kill the worker the first time this chunk comes to one."""
    marker = Path(os.environ["REGFLEET_TEST_MARKS"]) / chunk.variant.name
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return outcomes(chunk, dataset)


def die_on_poison(chunk, dataset):
    """Kill the worker whenever the trial of seed 3 is in the chunk."""
    if any(trial.seed == 3 for trial in chunk.trials):
        os._exit(1)
    return outcomes(chunk, dataset)


def see(chunk, dataset):
    """Report the worker's environment and the rows it was given, slowly enough that all workers take part."""
    time.sleep(0.5)
    words = (os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ.get("TF_NUM_INTRAOP_THREADS"), dataset.name)
    return tuple(Outcome(trial, "done", "test", device="|".join(map(str, words))) for trial in chunk.trials)


def slow(chunk, dataset):
    """Take a while."""
    time.sleep(0.3)
    return outcomes(chunk, dataset)
