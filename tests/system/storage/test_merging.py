"""A merger that is killed at every step."""

import shutil
import subprocess
import sys

import pandas as pd
from support.outcomes import VARIANTS, made_up
from support.processes import environment

from regfleet.results import Store, claim, load
from regfleet.results.place import FOLDERS

KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow.compute, pyarrow.fs, pyarrow.parquet  # once, not in each child
from regfleet.results.store import merge
from regfleet.results.address import place_of

def dying(function):
    def called(*arguments, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments, **named)
    return called

os.fsync, Path.replace, Path.unlink = map(dying, (os.fsync, Path.replace, Path.unlink))
for left, directory in enumerate(sys.argv[1:]):
    child = os.fork()
    if not child:
        merge(place_of(directory))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


STEPS = 15
"""Of merging three parts: three writes of two steps each, then nine deletions."""


def merge_and_die(directories):
    """Merge each directory in a process that is killed before its first, second, … change of the disk; exit codes."""
    command = [sys.executable, "-c", KILLED, *map(str, directories)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return [int(line) for line in ended.stdout.split()]


def read(place):
    """All rows, and that nothing is wrong with them."""
    results = load(place)
    assert results.problems == ()
    return results.trials, results.histories, results.predictions


def test_killed_at_every_step_merging_loses_nothing(tmp_path):
    """Killed -9 before each change of the disk in turn, a merger leaves every row, and the next one ends the work."""
    with claim(tmp_path / "out"):
        store = Store(tmp_path / "out", VARIANTS)
        store.place.write("study.toml", b"")
        for seed in range(3):
            store.append([made_up("none", seed), made_up("l2(0.01)@all", seed)])
    before = read(store.place)
    copies = [tmp_path / f"killed-{step}" for step in range(STEPS + 1)]
    for copy in copies:
        shutil.copytree(store.place.local, copy)
    assert merge_and_die(copies) == [-9] * STEPS + [0]
    for copy in copies:
        for _ in range(2):
            for mine, theirs in zip(read(copy), before, strict=True):
                pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
            with claim(copy):
                Store(copy, VARIANTS).merge()
        assert [len(list((copy / folder).glob("part-*"))) for folder in FOLDERS] == [1, 1, 1]
