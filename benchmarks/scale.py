"""What a study of a hundred thousand trials costs its driver: time, memory, files.

    python benchmarks/scale.py [--trials 1000,10000,100000] [--json FILE]

Training is replaced by a stub: nothing is learnt, and every trial returns at once a history of 100 epochs, metrics and
two sets of predictions of 30 test rows of real size, saying that it took a quarter of a second, so that chunks have the
size that such trials give them. All the rest is real: the command's own pipeline with the Ray fleet, schedule, store,
log and a live terminal picture, then the analysis and the report. Each number of trials runs in a process of its own,
and is then opened again by others.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet.data.dataset import Dataset
from regfleet.fleet import FleetSettings
from regfleet.predictions import of_classes
from regfleet.results import load
from regfleet.running import run as pipeline
from regfleet.running.display import Progressing
from regfleet.settings import read_study
from regfleet.trials import HISTORY_OF, HISTORY_SETS, Chunk, Execution, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCHS, VARIANTS, SECONDS = 100, 10, 0.25
MEBI = 1 << 20
STUB_HISTORY = tuple(rows + metric for rows in HISTORY_SETS for metric in HISTORY_OF["classification"])
STUB_METRICS = ("loss", "cross_entropy", "accuracy", "mse", "macro_f1", "calibration_error")


def pretend(chunk: Chunk, dataset: Dataset) -> tuple[Outcome, ...]:
    """The stub: histories, metrics and predictions of random numbers in place of training."""
    del dataset
    outcomes = []
    for trial in chunk.trials:
        draw = np.random.default_rng([trial.seed, int(trial.key[:8], 16)])
        values = draw.random((len(STUB_HISTORY), EPOCHS), dtype=np.float32)
        correct = int(draw.integers(20, 30))
        metrics: dict[str, float] = {
            f"{when}_{rows}_{score}": float(draw.random())
            for when in ("last", "best")
            for rows in ("train", "val", "test")
            for score in STUB_METRICS
        }
        metrics |= {f"{when}_test_accuracy": correct / 30 for when in ("last", "best")}
        metrics |= {f"{when}_test_correct": correct for when in ("last", "best")}
        rows, target = draw.choice(150, 30, replace=False), draw.integers(0, 3, 30)
        last, best = (of_classes(trial.seed, rows, target, draw.random((30, 3), dtype=np.float32)) for _ in range(2))
        outcomes.append(
            Outcome(
                trial, "done", "fused", Execution("graph"), dict(zip(STUB_HISTORY, values, strict=True)), metrics,
                {"last": last, "best": best},
                best_epoch=50, n_train=90, n_val=30, n_test=30, weights=1000, seconds=SECONDS, host="a", device="CPU",
            )
        )  # fmt: skip
    return tuple(outcomes)


def nothing() -> None:
    """The stub of a worker's warm-up, which imports TensorFlow."""


class Timed(Progressing):
    """The terminal's picture, with the time of the first trials, of the last and of the end."""

    def __init__(self) -> None:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            screen = Console(file=os.fdopen(os.dup(nowhere.fileno()), "w"), force_terminal=True)
        super().__init__(screen, quiet=False)
        self.times: list[float] = []
        self.cpu: list[float] = []
        self.counts: list[int] = []
        self.peak = 0.0

    def advance(self, outcomes: Sequence[Outcome], seconds_left: float | None) -> None:
        """Show the trials and note when they came."""
        super().advance(outcomes, seconds_left)
        self.times.append(time.perf_counter())
        self.cpu.append(time.process_time())
        self.counts.append(len(outcomes))

    def stop(self) -> None:
        """Note the driver's memory before the analysis begins."""
        super().stop()
        self.peak = self.peak or peak()


def train(trials: int, out: Path) -> dict[str, Any]:
    """Run a study of so many trials into ``out``: what it cost."""
    pipeline.warm_up = nothing
    sweep = "|".join(f"{value:g}" for value in np.linspace(0.01, 0.09, VARIANTS - 1))
    study = read_study(
        {
            "data": ["iris"],
            "seeds": list(range(trials // VARIANTS)),
            "variant": [{"technique": f"l2({sweep})"}],
            "model": {"hidden": [16]},
            "training": {"epochs": EPOCHS},
        }
    )
    watch, began = Timed(), time.perf_counter()
    pipeline.run(study, out, fleet=FleetSettings(), watch=watch, work=pretend)
    ended = time.perf_counter()
    trained, counted = watch.times[-1] - watch.times[0], trials - watch.counts[0]
    return {
        "trials": trials,
        "trials_per_second": counted / trained,
        "ms_per_trial": 1e3 * trained / counted,
        "driver_cpu_ms_per_trial": 1e3 * (watch.cpu[-1] - watch.cpu[0]) / counted,
        "before_first_s": watch.times[0] - began,
        "training_rss_mib": watch.peak,
        "after_last_s": ended - watch.times[-1],
        "whole_rss_mib": peak(),
    }


def again(out: Path) -> dict[str, Any]:
    """What a second run scans before it trains anything."""
    began = time.perf_counter()
    finished = len(load(out).finished)
    scan = time.perf_counter() - began
    return {
        "finished": finished,
        "resume_scan_s": scan,
        "scan_process_cpu_s": time.process_time(),
        "scan_rss_mib": peak(),
        "parts": len(list((out / "histories").iterdir())),
        "mib": sum(file.stat().st_size for file in out.rglob("*.parquet")) / MEBI,
        "report_mib": (out / "report.html").stat().st_size / MEBI,
    }


def report(out: Path) -> dict[str, Any]:
    """Analysis and report alone, from the command that makes them again."""
    from regfleet.concluding.judge import conclude

    began = time.perf_counter()
    conclude(out)
    return {
        "report_s": time.perf_counter() - began,
        "report_process_cpu_s": time.process_time(),
        "report_rss_mib": peak(),
    }


def peak() -> float:
    """The process' highest resident memory in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure each number of trials in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", default="1000,10000,100000")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        step, count, folder = given.step
        out = Path(folder)
        found = {"train": lambda: train(int(count), out), "again": lambda: again(out), "report": lambda: report(out)}
        Path(folder + ".json").write_text(json.dumps(found[step]()))
        return
    rows = []
    for count in given.trials.split(","):
        with tempfile.TemporaryDirectory() as folder:
            row: dict[str, Any] = {}
            for step in ("train", "again", "report"):
                arguments = [sys.executable, __file__, "--step", step, count, f"{folder}/out"]
                subprocess.run(arguments, check=True)  # noqa: S603 — this very script
                row |= json.loads(Path(f"{folder}/out.json").read_text())
            rows.append(row)
            print(json.dumps(row, indent=1), flush=True)
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


def table(rows: list[dict[str, Any]]) -> str:
    """The measurements in Markdown, a column for each number of trials."""
    head = "| | " + " | ".join(f"{row['trials']:,}" for row in rows) + " |\n|---|" + "---:|" * len(rows)
    lines = [f"| {name} | " + " | ".join(f"{row[name]:,.4g}" for row in rows) + " |" for name in rows[0]]
    return "\n".join([head, *lines[1:]])


if __name__ == "__main__":
    main()
