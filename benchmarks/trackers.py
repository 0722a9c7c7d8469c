"""What a trial costs a tracker: ``python benchmarks/trackers.py [NAME …]`` logs some to each in a folder of its own.

A trial has 350 epochs of twelve measures; seconds are those of this process and of all it started.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from regfleet.tracking import TRACKERS, Ending, TrackedStudy, TrackedTrial, tracker_of

TRIALS, EPOCHS, MEASURES = 20, 350, 12


def trial(number: int) -> TrackedTrial:
    """One as a study has them."""
    history = {f"measure_{one}": np.linspace(0, 1, EPOCHS) for one in range(MEASURES)}
    settings = {f"setting_{one}": "value" for one in range(20)}
    scores = {f"score_{one}": 0.5 for one in range(50)}
    return TrackedTrial(
        f"{number:032x}", f"trial {number}", "iris", "l2(0.01)@all", number, "done", settings, history, scores
    )


def spent() -> float:
    """Seconds of processors."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(name: str) -> None:
    """Print the seconds of a trial, by the clock and of processors."""
    tracker = tracker_of(name)
    tracker.open(TrackedStudy("0" * 32, "iris", Path.cwd(), "last_test_accuracy", "", "", {}))
    tracker.log(trial(0))  # which makes what is made once
    began, before = time.perf_counter(), spent()
    for number in range(1, TRIALS + 1):
        tracker.log(trial(number))
    seconds, used = time.perf_counter() - began, spent() - before
    tracker.close(Ending())
    print(f"{name}: {seconds / TRIALS:.3f} s a trial, {used / TRIALS:.3f} s of processors")


if __name__ == "__main__":
    os.environ.setdefault("WANDB_MODE", "offline")
    for chosen in sys.argv[1:] or TRACKERS:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            os.environ["WANDB_DIR"] = folder
            measured(chosen)
            os.chdir("/")
