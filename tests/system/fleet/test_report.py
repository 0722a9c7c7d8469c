"""What the report says of trials that were lost, and that its own command brings them back."""

import json
import re
import shlex

from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from support.processes import python

import regfleet

STUDY = [
    "compare",
    "--references",
    "no",
    "--model",
    "16,8",
    "-t",
    "l2@all",
    "--seeds",
    "6",
    "--trial-timeout",
    "25",
    "--out",
    "out",
]
ROOM = 2 << 30
"""Bytes until the node is said to run out of memory; what other programs take meanwhile is less."""


def failures(out):
    """Seeds → reason, as the report's section of failures tells them, and the command that it gives."""
    page = (out / "report.html").read_text()
    section = re.search(r'<section id="failures".*?</section>', page, re.DOTALL)[0]
    told = re.findall(r"<bdi>([^<]*)</bdi></summary>\s*<p>Failed: ([^<]*)\.</p>", section)
    (command,) = re.findall(r'<pre class="command"[^>]*>(.*?)</pre>', section, re.DOTALL)
    return {seeds: reason for reason, seeds in told}, command


def test_lost_trials_are_told_and_come_back(worker_environment, none_left, tmp_path):
    """Trials that lose three workers, hang, or take all memory fail alone, each with its reason, and then run again.

    Memory is watched by Ray's own monitor, whose limit is a little above what is in use now.
    """
    environment = {
        "REGFLEET_TEST_MARKS": worker_environment["REGFLEET_TEST_MARKS"],
        "REGFLEET_TEST_ROOM": str(ROOM),
        "RAY_memory_usage_threshold": str((get_used_memory() + ROOM) / get_system_memory()),
        "RAY_memory_monitor_refresh_ms": "100",
    }
    # Shorter pauses than those of a real run between two tries.
    patience = {"REGFLEET_TEST_PATIENCE": json.dumps({"look": 1, "retry": 2, "overdue": 10})}
    done = python("-m", "support.driver", "ruin", *STUDY, cwd=tmp_path, **environment, **patience)
    assert done.returncode == 1, done.stderr
    assert "3 trials failed or diverged" in done.stdout
    trials = regfleet.load(tmp_path / "out").trials
    assert len(trials) == trials["key"].nunique() == 12
    reasons, command = failures(tmp_path / "out")
    assert sorted(reasons) == ["seed 1", "seed 2", "seed 3"]
    assert reasons["seed 1"].startswith("its worker was lost 3 times, last: WorkerCrashedError: The worker died")
    assert reasons["seed 2"] == "did not finish within 25 s; --trial-timeout sets the limit"
    assert re.match("its worker was lost 3 times, last: OutOfMemoryError: .* running low on memory$", reasons["seed 3"])
    none_left()
    again = python("-m", "support.driver", "pretend", *shlex.split(command)[1:], "--in-process", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "9 of them were finished before" in again.stderr
    after = regfleet.load(tmp_path / "out").trials
    assert after["status"].tolist() == ["done"] * 12
    assert after["key"].is_unique
