"""Kill workers, nodes and the driver at random while a study runs, and compare its results with those of a quiet run.

    python benchmarks/chaos.py [--minutes 10] [--seed 0]

The study is real: small networks on Iris, trained on a cluster of three nodes of this machine (their processes are
real, the network between them is not). Every few seconds one of these dies by SIGKILL: a worker in the middle of its
work, a node, which another replaces, or the driver, whose command is then given again. When the minutes are over, the
study runs to its end in peace. The same study then runs undisturbed, with as many seeds as the first had finished, and
every column of trials, histories and predictions that does not depend on the clock or the place must agree, bit for
bit.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A machine that is busy with this takes long to start a node.
os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")

import pandas as pd
from ray.cluster_utils import Cluster

import regfleet

STUDY = ["--model", "32,16", "--epochs", "60", "-t", "l2@all", "-t", "dropout(0.3)@1+batchnorm@2"]
VARIANTS = 3
PLACE_AND_TIME = ["seconds", "trace_seconds", "host", "device"]
NODES, CPUS = 2, 2
PAUSE = (3.0, 8.0)


class Chaos:
    """A cluster, a driver that is started again whenever it ended, and what was done to them."""

    def __init__(self, folder: Path, seeds: int, draw: random.Random) -> None:
        self.folder, self.seeds, self.draw = folder, seeds, draw
        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.nodes = [self.cluster.add_node(num_cpus=CPUS) for _ in range(NODES)]
        self.kills: Counter[str] = Counter()
        self.codes: Counter[int] = Counter()
        self.driver = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "driver.txt").open("ab") as said:
            return subprocess.Popen(  # noqa: S603
                command(self.seeds, "--address", self.cluster.address), cwd=self.folder, stdout=said, stderr=said
            )

    def disturb(self) -> None:
        """Kill one thing, or start the driver that ended."""
        if self.driver.poll() is not None:
            self.codes[self.driver.returncode] += 1
            self.driver = self._start()
            return
        (kind,) = self.draw.choices(["worker", "node", "driver"], [6, 2, 1])
        if kind == "worker":
            workers = training(self.nodes)
            if not workers:
                return
            os.kill(self.draw.choice(workers), signal.SIGKILL)
        elif kind == "node":
            node = self.nodes.pop(self.draw.randrange(NODES))
            self.cluster.remove_node(node, allow_graceful=False)
            self.nodes.append(self.cluster.add_node(num_cpus=CPUS))
        else:
            self.driver.kill()
            self.driver.wait()
        self.kills[kind] += 1

    def finish(self) -> None:
        """Let the study end in peace."""
        while self.driver.wait() != 0:
            self.codes[self.driver.returncode] += 1
            self.driver = self._start()
        self.codes[0] += 1
        self.cluster.shutdown()


def command(seeds: int, *more: str) -> list[str]:
    """The command of the study."""
    return [sys.executable, "-m", "regfleet", "compare", *STUDY, "--seeds", str(seeds), "--out", "out", *more]


def training(nodes: Sequence[Any]) -> list[int]:
    """The processes on these nodes that are at work on a chunk."""
    found = []
    for node in nodes:
        raylet = node.all_processes["raylet"][0].process.pid
        for children in Path(f"/proc/{raylet}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split() if _title(child).startswith(b"ray::run")]
    return found


def _title(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def values(out: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials, histories and predictions without what depends on the clock and the place."""
    results = regfleet.load(out)
    return results.trials.drop(columns=PLACE_AND_TIME), results.histories, results.predictions


def main() -> None:
    """Run both studies and print what was killed, what was lost and what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seeds", type=int, default=0, help="default: 300 for each minute")
    parser.add_argument("--seed", type=int, default=0, help="of the kills")
    options = parser.parse_args()
    seeds = options.seeds or max(5, round(300 * options.minutes))
    with tempfile.TemporaryDirectory() as name:
        rough, quiet = Path(name, "rough"), Path(name, "quiet")
        rough.mkdir(), quiet.mkdir()
        started = time.monotonic()
        chaos = Chaos(rough, seeds, random.Random(options.seed))  # noqa: S311
        while time.monotonic() - started < 60 * options.minutes:
            time.sleep(chaos.draw.uniform(*PAUSE))
            chaos.disturb()
        kept = len(regfleet.load(rough / "out").trials)
        print(f"after {options.minutes:g} minutes: {kept} of {VARIANTS * seeds} trials kept")
        chaos.finish()
        took = time.monotonic() - started
        subprocess.run(command(seeds), cwd=quiet, check=True, capture_output=True)  # noqa: S603
        (trials, histories, said), (trials_quiet, histories_quiet, said_quiet) = (
            values(rough / "out"),
            values(quiet / "out"),
        )
        log = (rough / "out" / "regfleet.log").read_text()
    pd.testing.assert_frame_equal(trials, trials_quiet, check_exact=True)
    pd.testing.assert_frame_equal(histories, histories_quiet, check_exact=True)
    pd.testing.assert_frame_equal(said, said_quiet, check_exact=True)
    for what, count in chaos.kills.items():
        print(f"{what + 's killed':<24}{count:>8}")
    print(f"{'exit codes of drivers':<24}{dict(chaos.codes)}")
    print(f"{'chunks tried again':<24}{log.count('lost worker') + log.count('no worker began'):>8}")
    print(f"{'trials':<24}{len(trials):>8}   each once: {trials['key'].is_unique}")
    print(f"{'failed trials':<24}{int((trials['status'] == 'failed').sum()):>8}")
    print(f"{'rows of histories':<24}{len(histories):>8}")
    print(f"{'minutes in all':<24}{took / 60:>8.1f}")
    print("the results of both runs are equal, bit for bit")


if __name__ == "__main__":
    main()
