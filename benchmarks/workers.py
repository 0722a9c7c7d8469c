"""What a study costs on few and on many workers: CPU seconds, and the traces in them.

    python benchmarks/speed.py --only workers

CPU seconds and traces can be counted with more workers than the machine has cores; wall seconds then say nothing.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from meter import Cost

WORKERS = (2, 8, 16)


def flatness(
    folder: Path, regfleet: Callable[..., Cost], command: Callable[[Path], list[str]]
) -> dict[str, list[dict[str, Any]]]:
    """The study of ``command`` with each number of workers at most, beside that with the fewest."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for workers in WORKERS:
        out, began = folder / f"workers-{workers}", time.time()
        cost = regfleet(*command(out), "--workers", str(workers))
        trials = pd.concat([pd.read_parquet(part) for part in sorted((out / "trials").glob("*.parquet"))])
        traced = trials["trace_seconds"][trials["trace_seconds"] > 0]
        log = (out / "regfleet.log").read_text().splitlines()
        started = [line for line in log if "trials run on Ray" in line]
        came = [datetime.fromisoformat(line[:23]).timestamp() - began for line in log if " came from node " in line]
        rows.append(
            {"--workers": workers, "started": int(started[-1].split(", ")[1].split()[0]), "trials": len(trials)}
            | {"traces": len(traced), "trace s": float(traced.sum()), "CPU s": cost.cpu}
            | {"first trial s": came[0], "last trial s": came[-1], "wall s": cost.wall}
        )
        rows[-1]["CPU times"] = cost.cpu / rows[0]["CPU s"]
    return {"The article's study by workers": rows}
