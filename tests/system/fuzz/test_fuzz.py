"""The fuzzer: a short run of every kind finds nothing, and what is planted is found."""

import pytest
from support import ROOT
from support.processes import python

FUZZ = ROOT / "benchmarks" / "fuzz"
RUN = f"""
import runpy, sys
from regfleet.report import page

page.FIGURES = ()  # whose drawing takes most of the time, and is the tests' of the report
sys.argv = ["fuzz", *sys.argv[1:]]
sys.path.insert(0, {str(FUZZ)!r})
runpy.run_path({str(FUZZ)!r}, run_name="__main__")
"""
CRASHES = """
import os, resource, signal
import regfleet.concluding.analyze, regfleet.running.preview, regfleet.techniques.pages

def endless(*_, **__):
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + 1, resource.getrlimit(resource.RLIMIT_CPU)[1]))  # soon
    while True:
        pass

def facts_of(*_, **__):
    raise ZeroDivisionError

regfleet.running.preview.preview = lambda *_, **__: os.kill(os.getpid(), signal.SIGSEGV)
regfleet.techniques.pages.facts_of = facts_of
regfleet.concluding.analyze.analyze = endless
"""
SILENCE = """
from dataclasses import replace
import regfleet.results

true_load = regfleet.results.load

def load(path):
    found = true_load(path)
    if found.problems:
        return replace(found, trials=found.trials.assign(last_test_accuracy=0.5), problems=())
    return found

regfleet.results.load = load
"""

LEFT_BEHIND = """
import os, select, subprocess, sys, time
from pathlib import Path
from harness import in_process

def start(seconds):
    subprocess.Popen(["sleep", "300"], pass_fds=[writing])
    time.sleep(seconds)

for seconds in (0, 300):
    reading, writing = os.pipe()
    ended = in_process(lambda: start(seconds), Path.cwd() / "within", seconds=2)
    os.close(writing)
    assert ended.hung == bool(seconds), ended
    assert select.select([reading], [], [], 20)[0], "somebody holds the other end"
"""


def fuzz(*arguments, cwd, plant=""):
    """Run the fuzzer in a process whose regfleet has the ``plant`` in it."""
    code = f"import sys; sys.path.insert(0, {str(FUZZ)!r})\n{plant}\n{RUN}"
    alone = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # forks carry no threads over
    return python("-c", code, *arguments, cwd=cwd, **alone)


def test_a_short_run_finds_nothing(tmp_path):
    """Every kind plays its inputs, and each of them ends well."""
    done = fuzz("--seed", "7", "--count", "2", "--seconds", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    kinds = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()[1:]}
    assert set(kinds) == {"readers", "lines", "damage", "kills", "names", "models", "jobs"}
    assert min(kinds.values()) > 0


@pytest.mark.parametrize(
    ("kind", "count", "plant", "found"),
    [("lines", 16, CRASHES, ["traceback", "signal 11", "hang"]), ("damage", 3, SILENCE, ["values changed unseen"])],
    ids=["crashes", "silence"],
)
def test_what_is_planted_is_found(kind, count, plant, found, tmp_path):
    """A traceback, a signal, a command without end, values changed unseen: each is told, with its number."""
    done = fuzz(kind, "--seed", "0", "--count", str(count), cwd=tmp_path, plant=plant)
    assert done.returncode == 1, done.stdout + done.stderr
    for what in found:
        (line,) = [line for line in done.stdout.splitlines() if f"× {what}" in line]
        assert f"; {kind} --seed 0 --only " in line


def test_what_a_command_started_ends_with_it(tmp_path):
    """Of one that ended by itself, and of one that had to be ended."""
    (tmp_path / "within").mkdir()
    done = python("-c", f"import sys; sys.path.insert(0, {str(FUZZ)!r})\n{LEFT_BEHIND}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
