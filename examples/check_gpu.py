"""Check regfleet on a machine with a real GPU.

    python examples/check_gpu.py [--address HOST:PORT]

Trains one small study four times: on CPUs, on a whole GPU, with a quarter of a GPU for each trial, and with the share
that regfleet chooses. It prints the time of each and the processors the trials say they ran on, and ends with code 1
when a trial failed, ran on the wrong kind of processor, or scored differently from the CPU beyond rounding.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import regfleet
from regfleet.fleet import FleetSettings
from regfleet.running.run import run
from regfleet.settings import read_study

STUDY = {"seeds": "8", "training": {"epochs": 100}, "variant": [{"technique": "l2"}, {"technique": "dropout(0.2)@1"}]}
ROUNDING = 0.05
"""Largest mean difference of test accuracy that another processor's rounding may make over eight seeds."""


def main() -> None:
    """Run the study on every kind of processor and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="a running Ray head; without it Ray starts here")
    address = parser.parse_args().address
    problems, expected = [], None
    for share in (0.0, 1.0, 0.25, None):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            settings = FleetSettings(address=address, gpus_per_trial=share)
            run(read_study(STUDY), Path(folder, "out"), fleet=settings)
            trials = regfleet.load(Path(folder, "out")).trials
        name = "chosen" if share is None else f"{share:g} GPU"
        devices = sorted(set(trials["device"]))
        scores = trials.groupby("variant")["last_test_accuracy"].mean()
        sys.stdout.write(f"{name:<10}{time.monotonic() - started:>7.1f} s   {', '.join(devices)}\n")
        if (trials["status"] != "done").any():
            problems.append(f"{name}: {(trials['status'] != 'done').sum()} trials failed: {trials['error'].max()}")
        if share == 0.0 and devices != ["cpu"]:
            problems.append(f"{name}: a trial without GPU saw one: {devices}")
        if share and "cpu" in devices:
            problems.append(f"{name}: a trial with a GPU did not use it")
        expected = scores if expected is None else expected
        if (scores - expected).abs().max() > ROUNDING:
            problems.append(f"{name}: mean accuracies {scores.to_dict()} differ from {expected.to_dict()} on CPUs")
    sys.stdout.write("\n".join(problems or ["all is well"]) + "\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
