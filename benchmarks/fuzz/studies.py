"""Results directories of a small study on Iris whose trials are made up, not trained: always the same."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from harness import in_process

from regfleet.concluding.judge import read_results
from regfleet.predictions import of_classes
from regfleet.results import CORRECT_COLUMNS, METRIC_COLUMNS, load
from regfleet.trials import HISTORY_COLUMNS, Execution, Outcome, Trial

EPOCHS, SEEDS = 3, 4
STUDY = ("compare", "--seeds", SEEDS, "--epochs", EPOCHS, "-t", "l2", "-t", "dropout(0.3)", "--in-process", "--quiet")
COMPARE = (*STUDY, "--out", "out")
CHANGES = ["seconds", "trace_seconds", "host", "device"]
"""What is another in each run."""


def outcome(trial: Trial, **more: Any) -> Outcome:
    """A finished trial whose every number follows from its key."""
    draw = np.random.default_rng(crc32(trial.key.encode()))
    history = {name: draw.random(EPOCHS, dtype="float32") for name in HISTORY_COLUMNS}
    metrics = dict(zip(METRIC_COLUMNS, draw.random(len(METRIC_COLUMNS)), strict=True))
    for name in CORRECT_COLUMNS:
        metrics[name] = int(draw.integers(15, 30))
        metrics[name.replace("correct", "accuracy")] = metrics[name] / 30
    rows, target = np.sort(draw.choice(150, 30, replace=False)), draw.integers(0, 3, 30)
    last, best = (of_classes(trial.seed, rows, target, draw.random((30, 3), dtype="float32")) for _ in range(2))
    kept = {"predictions": {"last": last, "best": best if trial.seed % 2 else last}}
    sizes = {"n_train": 90, "n_val": 30, "n_test": 30, "weights": 100}
    fields = (
        {"history": history, "metrics": metrics, "best_epoch": 2, "seconds": 30.0, "host": "here"} | sizes | kept | more
    )
    return Outcome(trial, "done", "fused", Execution("graph"), **fields)


def work(chunk: Any, _dataset: Any, **_: Any) -> tuple[Outcome, ...]:
    """Make up the trials of a chunk."""
    return tuple(outcome(trial) for trial in chunk.trials)


def without_training(how: Callable[..., Any] = work) -> None:
    """Let this process' command line make trials up instead of training them."""
    from regfleet.running import run as running
    from regfleet.training import runtime

    running.run = partial(running.run, work=how)
    runtime.prepare = lambda **_: None
    runtime.has_gpu = lambda: False


def cut_short(chunk: Any, dataset: Any, **_: Any) -> tuple[Outcome, ...]:
    """Make up some chunks; then the process is gone, as with SIGKILL, and leaves its small parts as they are."""
    if len(list(Path("out", "trials").glob("*.parquet"))) >= 5:
        os._exit(0)
    return work(chunk, dataset)


def make(folder: Path) -> None:
    """Two results directories in ``folder``: one of a whole run, one with the parts of a run that was cut short."""
    made = folder.with_name("made")
    if not made.exists():
        made.mkdir()
        made.chmod(0o777)
        for name, how in (("whole", work), ("parts", cut_short)):
            _compare(made, how)
            shutil.move(made / "out", made / name)
    shutil.copytree(made, folder)


def _compare(folder: Path, how: Callable[..., Any]) -> None:
    def run() -> None:
        from regfleet.cli import main

        sys.argv = ["regfleet", *map(str, COMPARE)]
        without_training(how)
        main()

    ended = in_process(run, folder)
    if ended.code:
        raise SystemExit(f"the study of the fuzzer does not run, exit code {ended.code}: {ended.err}")


def rows(out: str | Path) -> dict[str, Any]:
    """What a directory says: the study, each trial and its epochs by key, and the damage that was noticed."""
    stored, resolved = load(out), read_results(out)[0]
    trials = stored.trials.drop(columns=CHANGES)
    histories, predictions = stored.histories, stored.predictions
    return {
        "trials": {row["key"]: repr(sorted(row.items())) for row in trials.to_dict("records")},
        "histories": {key: repr(part.to_numpy().tolist()) for key, part in histories.groupby("key")},
        "predictions": {key: repr(part.map(str).to_numpy().tolist()) for key, part in predictions.groupby("key")},
        "rest": {"study": resolved.study.toml(), "data": repr(resolved.data)},
        "count": len(trials),
        "noticed": [*map(str, stored.problems)],
    }


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The values that ``after`` holds otherwise than ``before``, as ``TABLE KEY``; what is missing is none of them."""
    return [
        f"{table} {key}"
        for table in ("trials", "histories", "predictions", "rest")
        for key, value in after[table].items()
        if before[table].get(key) != value
    ]
