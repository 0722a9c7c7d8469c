"""A worker's memory while it runs trials of all variants in turn; `speed.py` runs this.

    python benchmarks/memory.py TRIALS FILE

The article's ten variants with few epochs, whole chunks of one trial: what a long-lived worker does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from regfleet import data as datasets
from regfleet.planning.plan import make_plan
from regfleet.running.trial import run_chunk, warm_up
from regfleet.settings import read_study

MEGABYTE = 2**20


def resident() -> float:
    """Megabytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def main() -> None:
    """Run the trials and write the memory after every tenth of them to a file."""
    trials, file = int(sys.argv[1]), sys.argv[2]
    warm_up()
    dataset = datasets.load_builtin("iris")
    found: list[dict[str, float]] = [{"trials": 0, "MB": resident()}]
    for seed in range(-(-trials // 10)):
        study = read_study({"seeds": f"{seed}-{seed}", "training": {"epochs": 20}})
        for chunk in make_plan(study, datasets.SPLITS["60/20/20"], {"iris": dataset}).groups:
            for outcome in run_chunk(chunk, dataset):
                if outcome.status != "done":
                    raise SystemExit(outcome.traceback)
        if (seed + 1) % max(1, trials // 100) == 0:
            found.append({"trials": 10 * (seed + 1), "MB": resident()})
    Path(file).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
