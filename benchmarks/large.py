"""Memory of workers on a large table, which they share: what each has for itself, beside a small table.

    python benchmarks/large.py [--rows 1000000] [--columns 30] [--workers 2] [--json FILE]

Trains five variants from five seeds on made-up numbers with `regfleet compare`, and reads /proc/PID/smaps_rollup of
Ray's processes five times a second (Linux only). A worker's own memory is what lies in no file and not in Ray's store,
with its part of what forked workers have in common; what it had on a table of 2,000 rows, TensorFlow and the traces of
the same networks, is taken off. ``times encoded`` is that beside the rows of one seed as float32. What encodes a large
table, an encoder, is a process that does not train.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from regfleet.fleet.sockets import family

SMALL, MEGA = 2_000, 1e6
TECHNIQUES = ("l2(0.001)", "dropout(0.2)", "batchnorm@first", "l1(0.0001)")


def write_table(path: Path, rows: int, columns: int) -> None:
    """Random numbers, and a class that depends on three of them, as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    draw = np.random.default_rng(0)
    x = [draw.normal(size=rows) for _ in range(columns)]
    label = (x[0] - x[1] + 0.5 * x[2] + draw.normal(size=rows) > 0).astype("int64")
    pq.write_table(pa.table([*x, label], [*(f"x{place}" for place in range(columns)), "y"]), path)


def memory(pid: int) -> tuple[float, float, float]:
    """Megabytes of a process: resident, its part of what several have (PSS), and of that what lies in no file."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, amount, *_ = line.split()
        found[name.rstrip(":")] = int(amount) * 1024 / MEGA
    return found["Rss"], found["Pss"], found["Pss_Anon"]


def run(rows: int, columns: int, workers: int, epochs: int) -> dict[str, Any]:
    """What a study on so many rows takes: seconds, and the highest memory of a worker and of the driver."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.parquet"
        write_table(table, rows, columns)
        command = [
            sys.executable,
            "-m",
            "regfleet",
            "compare",
            "--data",
            str(table),
            "--target",
            "y",
            "--model",
            "64,32",
        ]
        command += [part for one in TECHNIQUES for part in ("--technique", one)]
        command += ["--seeds", "5", "--epochs", str(epochs), "--batch-size", "256", "--references", "no"]
        command += ["--workers", str(workers), "--out", f"{folder}/out", "--quiet"]
        began, peaks, driver, store = time.perf_counter(), dict[int, list[float]](), 0.0, 0.0
        encoders = set[int]()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
            while process.poll() is None:
                for pid in family(process.pid):
                    try:
                        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                        seen = memory(pid)
                    except (OSError, KeyError):
                        continue
                    if title.startswith("ray::"):
                        if "Agent" not in title:
                            if title.startswith("ray::encoded"):
                                encoders.add(pid)
                            peaks[pid] = [max(*pair) for pair in zip(seen, peaks.get(pid, seen), strict=True)]
                    elif pid == process.pid:
                        driver = max(driver, seen[0])
                    elif "raylet/raylet" in title:
                        store = max(store, seen[0])
                time.sleep(0.2)
            error = process.stderr.read() if process.stderr else ""
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}:\n{error[-2000:]}")
        training = [peak for pid, peak in peaks.items() if pid not in encoders]
        resident, proportional, own = (max(values) for values in zip(*training, strict=True))
        encoder = max((peaks[pid][2] for pid in encoders), default=0.0)
        took = time.perf_counter() - began
    return {
        "rows": rows, "wall s": took, "worker's RSS MB": resident, "PSS MB": proportional, "own MB": own,
        "encoder's own MB": encoder, "driver's RSS MB": driver, "Ray's store MB": store,
    }  # fmt: skip


def main() -> None:
    """Run the study on a small and on a large table, and print both beside one another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    small, large = (run(rows, given.columns, given.workers, given.epochs) for rows in (SMALL, given.rows))
    encoded = 4 * given.rows * given.columns / MEGA
    large |= {"encoded MB": encoded, "times encoded": (large["own MB"] - small["own MB"]) / encoded}
    names = list(large)
    print(f"| {' | '.join(names)} |\n|{'---:|' * len(names)}")
    for row in (small, large):
        print(f"| {' | '.join(f'{row[name]:,.4g}' if name in row else '' for name in names)} |")
    if given.json:
        given.json.write_text(json.dumps([small, large], indent=1) + "\n")


if __name__ == "__main__":
    main()
