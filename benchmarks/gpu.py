"""What training seeds side by side gains on a GPU, and whether it gives the numbers of one seed alone.

    python benchmarks/gpu.py [--epochs 350] [--only NAME]
    python benchmarks/gpu.py --fleet [--seeds 64] [--workers 16] [--small]

With ``--fleet`` it runs the article's study through `regfleet compare` on this machine's GPU, twice, so that the second
finds what XLA compiled, and on its CPU cores alone, and says the seconds of each, the seed-epochs a second, how many
trials were stacked, and whether their mean scores agree; ``--small`` is a few epochs of four seeds, for a machine
without a GPU. Under eight minutes with a GPU and 16 cores.

In one process, for networks and techniques of growing size: seconds per seed alone and
in stacks of several sizes, as a graph and compiled by XLA. Without a GPU it stops. Then it checks, bit for bit, that a
seed is the same alone in its stack as in company and twice in a row, and compares with `model.fit` on the same GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet import techniques, training
from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import runtime
from regfleet.training.engines import STACK

if TYPE_CHECKING:
    from collections.abc import Callable

ARTICLE = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))
SMALL = ModelSpec((64, 32), ("relu", "relu"))
IRIS, TABLE = (90, 4, 3), (6_000, 30, 2)


def deep(width: int) -> ModelSpec:
    """Three hidden layers of one width."""
    return ModelSpec((width,) * 3, ("relu",) * 3)


CASES: dict[str, tuple[ModelSpec, tuple[int, int, int], str, int, float]] = {
    # name: network, rows and columns and classes, technique, batch size, share of the epochs
    "article": (ARTICLE, IRIS, "none", 128, 1.0),
    "article, dropout": (ARTICLE, IRIS, "dropout(0.5,0.5,0.5,0.3)", 128, 1.0),
    "article, batch norm": (ARTICLE, IRIS, "batchnorm@all", 32, 0.3),
    "64, 32": (SMALL, TABLE, "l2@all", 128, 0.06),
    "512 × 3": (deep(512), TABLE, "l2@all", 128, 0.06),
    "1024 × 3": (deep(1024), TABLE, "l2@all", 128, 0.06),
    "2048 × 3": (deep(2048), TABLE, "l2@all", 128, 0.03),
    "1024 × 3, batch 1024": (deep(1024), TABLE, "l2@all", 1024, 0.1),
    "4096 × 3, batch 1024": (deep(4096), TABLE, "l2@all", 1024, 0.03),
}
STACKS = (16, 32, 64)
COMPILED = ("article", "article, dropout")


def rows(shape: tuple[int, int, int], seed: int) -> Sets:
    """Random rows whose class shows in their first column."""
    count, columns, classes = shape
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, classes, 2 * count)
    x = draw.normal(size=(2 * count, columns)).astype("float32")
    x[:, 0] += labels
    y = np.eye(classes, dtype="float32")[labels]
    ends = (count, count + count // 3)
    return Sets(*(Rows(a, b) for a, b in zip(np.split(x, ends), np.split(y, ends), strict=True)))


def timed(work: Callable[[], Any]) -> float:
    """Seconds of the faster of two calls."""
    found = []
    for _ in range(2):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def recipe_of(name: str, epochs: int) -> tuple[Recipe, tuple[int, int, int]]:
    """The recipe and the shape of the rows of a case."""
    model, shape, technique, batch_size, share = CASES[name]
    parsed = () if technique == "none" else techniques.parse_techniques(technique, model).combinations[0]
    settings = Training(epochs=max(3, round(share * epochs)), batch_size=batch_size)
    return techniques.recipe(model, settings, parsed), shape


def measure(name: str, epochs: int) -> dict[str, float]:
    """Seconds per seed of every way to train a case, by the name of the way."""
    import tensorflow as tf

    from regfleet.training.contract import row_metrics
    from regfleet.training.fused import Program
    from regfleet.training.stacked import Stack

    recipe, shape = recipe_of(name, epochs)
    sets = rows(shape, 0)
    found: dict[str, float] = {}
    for xla in (False, True)[: 1 + (name in COMPILED)]:
        how = " xla" if xla else ""
        model, settings = training._compiled(recipe, sets), training._settings(recipe, sets)  # noqa: SLF001
        start = training._start(model, recipe, sets, 0)  # noqa: SLF001
        found["weights"] = model.count_params()
        program = Program(model, row_metrics(sets.task), settings, xla=xla)
        program.trace(start)
        found["alone" + how] = timed(lambda program=program, start=start: program.run(start))
        for seeds in STACKS if not xla else STACKS[1:2]:
            started = time.perf_counter()
            stack = Stack(model, row_metrics(sets.task), settings, seeds, xla=xla)
            starts = [training._start(model, recipe, sets, seed) for seed in range(seeds)]  # noqa: SLF001
            stack.trace(starts[0])
            found[f"trace {seeds}{how}"] = time.perf_counter() - started
            try:
                found[f"{seeds}{how}"] = timed(lambda stack=stack, starts=starts: stack.run(starts)) / seeds
            except tf.errors.ResourceExhaustedError:
                break
    return found


def check(name: str, epochs: int) -> str:
    """What is wrong with the stacks of a case; nothing if all is well."""
    recipe, shape = recipe_of(name, epochs)
    sets = {seed: rows(shape, seed) for seed in (1, 2, 3)}

    def stack(*seeds: int) -> dict[int, Any]:
        fits = training.fit_side_by_side(recipe, [sets[seed] for seed in seeds], seeds, STACK, name)
        return dict(zip(seeds, fits, strict=True))

    together, again, alone = stack(1, 2, 3), stack(3, 1, 2), stack(2)
    reference = training.fit(recipe, sets[2], 2, "keras", name)
    problems = []
    for other in (again, alone):
        for seed, fit in other.items():
            same = all(np.array_equal(fit.history[c], together[seed].history[c]) for c in fit.history)
            same &= all(np.array_equal(a, b) for a, b in zip(fit.weights, together[seed].weights, strict=True))
            problems += [] if same else [f"seed {seed} depends on its company"]
    worst = max(np.abs(alone[2].history[c] - reference.history[c]).max() for c in reference.history if "acc" not in c)
    problems += [] if worst < 1e-3 else [f"losses differ by {worst:.2g} from model.fit"]
    return "; ".join(problems) or f"losses within {worst:.1g} of model.fit"


def fleet_run(folder: Path, name: str, options: list[str], variables: dict[str, str]) -> dict[str, Any]:
    """The article's study by the command: its seconds, and those between its first and its last trial."""
    import pandas as pd

    out, root = folder / name.replace(" ", "-"), Path(__file__).resolve().parent.parent
    command = [
        sys.executable,
        "-m",
        "regfleet",
        "compare",
        "--references",
        "no",
        "--quiet",
        "--out",
        str(out),
        *options,
    ]
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own command
        command, env=os.environ | {"PYTHONPATH": str(root)} | variables, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{name}: ended with exit code {done.returncode}\n{done.stderr[-2000:]}")
    trials = pd.concat([pd.read_parquet(part) for part in sorted((out / "trials").glob("*.parquet"))])
    came = [line for line in (out / "regfleet.log").read_text().splitlines() if " came from node " in line]
    first, last = (pd.Timestamp(line[:23].replace(",", ".")) for line in (came[0], came[-1]))
    training = (last - first).total_seconds() + float(came[0].split()[-2])
    epochs = int(trials["epochs_run"].sum())
    return {
        "run": name, "wall s": wall, "training s": training, "trials": len(trials),
        "seed-epochs a second": epochs / training, "seconds a seed": float(trials["seconds"].mean()),
        "stacked": int(trials["execution"].str.contains("stacked").sum()),
        "tracing and compiling s": float(trials["trace_seconds"].sum()), "device": str(trials["device"].mode()[0]),
        "scores": trials.groupby("variant")["last_test_accuracy"].mean().round(3).to_dict(),
    }  # fmt: skip


def fleet(seeds: int, workers: int, *, small: bool) -> None:
    """The GPU's and the CPUs' time for the same study, and that they come to the same."""
    options = ["--seeds", str(4 if small else seeds), *(["--epochs", "5"] if small else [])]
    cpus = ["--workers", str(2 if small else workers)]
    runs = [("GPU", [], {}), ("GPU again", [], {}), ("CPU cores", cpus, {"CUDA_VISIBLE_DEVICES": ""})]
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, more, variables in runs[1 if small else 0 :]:
            found.append(fleet_run(Path(folder), name, options + (cpus if small else more), variables))
            print(found[-1], flush=True)
    one, other = found[-2:]
    print(f"training: the CPU cores took {other['training s'] / one['training s']:.3g} times the seconds of the GPU")
    apart = max(abs(one["scores"][name] - other["scores"][name]) for name in one["scores"])
    print(f"mean accuracies of the variants differ by {apart:.3f} at most")


def main() -> None:
    """Measure and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=350)
    parser.add_argument("--only", help="cases whose name begins so")
    parser.add_argument("--fleet", action="store_true", help="the article's study by the command, on GPU and CPUs")
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    if given.fleet:
        fleet(given.seeds, given.workers, small=given.small)
        return
    runtime.prepare(gpu=True)
    if not runtime.has_gpu():
        sys.exit("no GPU is visible to TensorFlow")
    print(runtime.device_name())
    for name in CASES:
        if name.startswith(given.only or ""):
            found = measure(name, given.epochs)
            print(f"{name:<22}" + "  ".join(f"{how} {value:.3g}" for how, value in found.items()), flush=True)
    for name in list(CASES)[:5]:
        if name.startswith(given.only or ""):
            print(f"{name:<22}{check(name, max(3, given.epochs // 10))}", flush=True)


if __name__ == "__main__":
    main()
