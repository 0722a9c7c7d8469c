"""How fast regfleet is, beside `model.fit` on Ray, in one run on one machine.

    python benchmarks/speed.py [--quick] [--json FILE] [--only peers|study|rates|startup|workers|memory]…

- peers: fits of regfleet beside a loop in PyTorch, a scan in JAX and `model.fit` in Ray tasks, all in turn on one core:
  the article's ten variants, digits, 50,000 rows, a CNN, an LSTM (`pip install torch jax`; without them the rest).
- study: `regfleet compare` on the article's study (nine variants and a control, ten seeds, 350 epochs), against the
  same kind of fits with `model.fit` in Ray tasks that reuse their workers, and against Ray Tune's grid with reused
  actors (`pip install 'ray[tune]'`). The slow ones run four variants of one seed, two at a time on two cores; their
  whole study is extrapolated: start-up once, then a hundred fits as long as these four.
- rates: each variant's training rate beside the machine's matrix product; small networks and larger data sets.
- startup: where the seconds of a study go that are not training.
- workers: CPU seconds and traces of the study with 2, 8 and 16 workers.
- memory: a worker's memory over 500 trials of the ten variants.

``--quick`` runs a tenth of the epochs and two seeds. Close other programs: the figures are wall-clock seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from meter import Cost, measure
from workers import flatness

HERE = Path(__file__).resolve().parent
PYTHON = sys.executable
Rows = list[dict[str, Any]]


def regfleet(*arguments: str) -> Cost:
    """What a regfleet command takes, compiled as an installed one is, once it ran."""
    settings = {"PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": ""}
    return measure([PYTHON, "-m", "regfleet", *arguments], settings)


def script(name: str, *arguments: str) -> tuple[Cost, Any]:
    """What a script of this folder takes, and the JSON that it writes to its last argument."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        cost = measure([PYTHON, str(HERE / name), *arguments, str(file)])
        return cost, json.loads(file.read_text())


def command(out: Path, epochs: int, seeds: int) -> list[str]:
    """The arguments that run the article's study."""
    return ["compare", "--seeds", str(seeds), "--epochs", str(epochs), "--out", str(out), "--quiet"]


def study(out: Path, epochs: int, seeds: int) -> dict[str, Rows]:
    """The article's study end to end, and per trial, against both competitors."""
    import pandas as pd

    ours = regfleet(*command(out, epochs, seeds))
    trials = pd.concat([pd.read_parquet(part) for part in sorted((out / "trials").glob("*.parquet"))])
    net = (trials["seconds"] - trials["trace_seconds"]).mean()
    cores = len(os.sched_getaffinity(0))
    whole = [{"how": "regfleet compare", "wall s": ours.wall, "CPU s": ours.cpu, "times slower": 1.0, "CPU times": 1.0}]
    each = [{"how": "regfleet compare", "fits": len(trials), "wall s": net, "CPU s": None, "times slower": 1.0}]
    for how, label in (("tasks", "model.fit in Ray tasks"), ("tune", "model.fit in Ray Tune")):
        cost, fits = script("competitors.py", how, str(epochs))
        seconds = sum(fit["seconds"] for fit in fits) / len(fits)
        cpu = sum(fit["cpu_seconds"] for fit in fits) / len(fits)
        startup = max(0.0, cost.wall - sum(fit["seconds"] for fit in fits) / min(cores, len(fits)))
        wall = startup + seconds * len(trials) / cores
        all_cpu = cost.cpu + cpu * (len(trials) - len(fits))
        whole.append(
            {"how": f"{label}, extrapolated", "wall s": wall, "CPU s": all_cpu}
            | {"times slower": wall / ours.wall, "CPU times": all_cpu / ours.cpu}
        )
        each.append({"how": label, "fits": len(fits), "wall s": seconds, "CPU s": cpu, "times slower": seconds / net})
    return {f"The article's study, {seeds} seeds, {cores} cores": whole, "One trial, tracing apart": each}


def startup(out: Path, epochs: int, seeds: int) -> dict[str, Rows]:
    """The seconds of each part of a study that has been run in ``out``."""
    import pandas as pd

    trials = pd.concat([pd.read_parquet(part) for part in sorted((out / "trials").glob("*.parquet"))])
    code = {
        "Ray: import, start, first task": "import ray; ray.init(address='local', include_dashboard=False, "
        "log_to_driver=False, logging_level='ERROR'); ray.get(ray.remote(lambda: 1).remote())",
        "TensorFlow: import and warm-up of a worker": "from regfleet.training import runtime; "
        "runtime.warm_up(gpu=False)",
        "analysis and report of the study": f"from regfleet.concluding.judge import conclude; conclude({str(out)!r})",
    }
    path = {"PYTHONPATH": str(HERE.parent)}
    found = [{"what": "regfleet --help", "wall s": regfleet("--help").wall}]
    found += [{"what": what, "wall s": measure([PYTHON, "-c", text], path).wall} for what, text in code.items()]
    again = regfleet(*command(out, epochs, seeds))
    found.append({"what": "the same regfleet compare again, nothing to do", "wall s": again.wall})
    traced = trials[trials["trace_seconds"] > 0]
    found += [
        {"what": f"{len(traced)} traces, over all workers", "wall s": traced["trace_seconds"].sum()},
        {
            "what": f"{len(trials)} trials, over all workers",
            "wall s": (trials["seconds"] - trials["trace_seconds"]).sum(),
        },
    ]
    return {"Where the time goes": found}


def peers(share: float) -> dict[str, Rows]:
    """Fits of regfleet beside others that were written by hand, for a share of the epochs."""
    found = script("peers/compare.py", "--share", str(share))[1]
    print("\n".join(found["words"]))
    return {f"One fit, processor seconds: {group}": rows for group, rows in found["tables"].items()}


def table(title: str, rows: Rows) -> str:
    """``rows`` as a Markdown table."""
    names = list(rows[0])
    cells = [["–" if row[name] is None else _figure(row[name]) for name in names] for row in rows]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join([f"\n{title}\n", *(f"| {' | '.join(line)} |" for line in lines)])


def _figure(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run the parts asked for, print their tables and write them as JSON."""
    parts = ("peers", "study", "rates", "startup", "workers", "memory")
    parser = argparse.ArgumentParser(description="How fast regfleet is, beside model.fit on Ray.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the epochs, two seeds")
    parser.add_argument("--only", action="append", choices=parts, help="run this part; repeatable")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    epochs, seeds = (35, 2) if arguments.quick else (350, 10)
    asked = arguments.only or parts
    found: dict[str, Rows] = {}
    if "peers" in asked:
        found |= peers(0.1 if arguments.quick else 1.0)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        if {"study", "startup"} & set(asked):
            found |= study(out, epochs, seeds)
        if "startup" in asked:
            found |= startup(out, epochs, seeds)
        if "workers" in asked:
            found |= flatness(Path(folder), regfleet, lambda out: command(out, epochs, seeds))
    if "rates" in asked:
        rates = script("rates.py", str(epochs))[1]
        found |= {"Training rates, one core": rates["rates"], "Other sizes, one core": rates["sizes"]}
    if "memory" in asked:
        found["Memory of a worker"] = script("memory.py", str(seeds * 50 if not arguments.quick else 50))[1]
    for title, rows in found.items():
        print(table(title, rows))
    if arguments.json:
        facts = {"machine": platform.processor() or platform.machine(), "cores": len(os.sched_getaffinity(0))}
        arguments.json.write_text(
            json.dumps(facts | {"epochs": epochs, "seeds": seeds, "tables": found}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
