"""Throw damaged and hostile input at everything that regfleet reads, and see that it ends well.

    python benchmarks/fuzz [KIND …] [--seed 0] [--count 200] [--seconds S] [--only NUMBER] [--keep FOLDER]

Kinds, all of them unless some are named:

- readers: tables, arrays, study files, scores, results' side files, sites and archives, valid, damaged and made up;
- models: the same of .keras files; jobs: answers of a job server;
- lines: command lines of random flags and hostile values, none of which trains;
- damage: results directories with flipped bits, lost, swapped, forbidden and foreign files, read and resumed;
- kills: a run that is killed, interrupted or refused by its disk at each of its file operations, then resumed;
- names: hostile names through every output.

Each of ``--count`` inputs a kind is made from ``--seed``, the kind and its number alone, and is played in processes of
its own, within limits of time and memory, and as nobody where root runs this with a Python that nobody may read. It
ends well when the command does its work, or says in lines of its own what is wrong and exits with 2 or 3; values that
are read back are those that were written, or the damage is told. Anything else is a finding: it is printed with its
number, ``--only`` plays it again, and ``--keep`` leaves its folder. Exit code 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from importlib import import_module
from pathlib import Path

# Before what reads them is imported: forks carry no threads over.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "100"}
os.environ.update(ENVIRONMENT)
for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "FORCE_COLOR"):
    os.environ.pop(name, None)

from harness import Game, Verdict, remove  # noqa: E402

KINDS = ("readers", "lines", "damage", "kills", "names", "models", "jobs")
IMPORTED = (
    "matplotlib.font_manager", "pyarrow.csv", "pyarrow.dataset", "pyarrow.feather", "pyarrow.parquet", "scipy.stats",
    "sklearn.datasets", "skrub", "regfleet.cli.app", "regfleet.report", "regfleet.running.run",
)  # fmt: skip
"""Once, for every process."""


def main() -> int:
    """Play the inputs and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200, help="inputs of each kind")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no input of a kind after so many")
    parser.add_argument("--only", type=int, help="the input of this number alone")
    parser.add_argument("--keep", type=Path, help="leave the folders of findings there")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background ignores
    if unknown := {*options.kinds} - {*KINDS}:
        parser.error(f"KIND: expected some of {', '.join(KINDS)}; got {', '.join(unknown)}")
    warnings.filterwarnings("ignore", "Duplicate name")  # of our own damaged archives
    numbers = range(options.count) if options.only is None else range(options.only, options.only + 1)
    bad = 0
    print(f"{'kind':<10}{'inputs':>8}{'ok':>8}{'refused':>9}{'findings':>10}{'seconds':>9}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as name:
        base = options.keep or Path(name)
        base.mkdir(exist_ok=True)
        base.chmod(0o755)
        remove(base / "made")
        temporary = base / "temporary"
        temporary.mkdir(exist_ok=True)
        temporary.chmod(0o777)
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        for once in IMPORTED:
            import_module(once)
        for kind in options.kinds or KINDS:
            started, module = time.monotonic(), import_module(kind)
            module.prepare(base / f"{kind}-seeds")
            until = time.monotonic() + options.seconds
            game = Game(kind, module.play, options.seed, base, until, keep=options.keep is not None)
            verdicts = game.play_all(numbers, options.jobs)
            remove(base / f"{kind}-seeds")
            wrong = [verdict for verdict in verdicts if verdict.findings]
            refused = sum(verdict.refused for verdict in verdicts if not verdict.findings)
            ok, took = len(verdicts) - len(wrong) - refused, time.monotonic() - started
            print(f"{kind:<10}{len(verdicts):>8}{ok:>8}{refused:>9}{len(wrong):>10}{took:>9.0f}", flush=True)
            tell(kind, wrong, options.seed)
            bad += len(wrong)
    return 1 if bad else 0


def tell(kind: str, wrong: list[Verdict], seed: int) -> None:
    """Print the findings, those of a kind together, each with how to see it again."""
    alike = defaultdict(list)
    for verdict in wrong:
        for what, detail in dict(reversed(verdict.findings)).items():
            alike[what].append((verdict.number, detail))
    for what, found in sorted(alike.items(), key=lambda one: -len(one[1])):
        number, detail = min(found, key=lambda one: len(one[1]))
        shown = ascii(" ".join(detail.split()))[1:-1]
        shown = shown if len(shown) < 500 else f"{shown[:150]} … {shown[-350:]}"
        print(f"  {len(found)} × {what}; {kind} --seed {seed} --only {number}: {shown}")


if __name__ == "__main__":
    sys.exit(main())
