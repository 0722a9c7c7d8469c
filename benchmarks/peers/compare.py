"""regfleet beside PyTorch, JAX and `model.fit`: the same networks on the same rows, one core; `speed.py` runs this.

    python benchmarks/peers/compare.py [--share 1.0] [--repeats 3] [--only GROUP] FILE

Each peer is a process of its own that stays, all on one and the same core, and they take turns case by case and seed by
seed. The first fit of a case, which traces or compiles, is apart; processor seconds are the median of ``repeats``
others, and of `model.fit`, which traces each time, those of one.

PyTorch and JAX were written for this comparison: the same architecture, initializers, optimizer, batches in an order
drawn for each epoch, and the measurements of every epoch in inference mode on training and validation rows. They lack
what regfleet keeps beside: the best weights and predictions. Their validation cross-entropy and accuracy have to be
regfleet's within noise. Without PyTorch or JAX (`pip install torch jax`) the others are compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cases import CASES, Case

HERE = Path(__file__).resolve().parent
OURS, KERAS = "regfleet", "`model.fit` in Ray tasks"
PEERS = {
    OURS: ("ours", "keras"),
    "PyTorch loop": ("pytorch", "torch"),
    "JAX scan": ("jax_scan", "jax"),
    KERAS: ("keras_fit", "ray"),
}
"""The script of each, and what it needs."""
NOISE = 4.0
"""Standard errors of a difference between two means up to which they are the same."""


class Peer:
    """A process that trains what it is asked for."""

    def __init__(self, module: str) -> None:
        core = {max(os.sched_getaffinity(0))}
        self._process = subprocess.Popen(  # noqa: S603 - a script of this folder
            [sys.executable, str(HERE / f"{module}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("PEERS_ERRORS") else None,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, core),  # noqa: PLW1509 - nothing else runs here yet
        )

    def fit(self, case: Case, seed: int, epochs: int) -> dict[str, float]:
        """Seconds and scores of a fit."""
        if not self._process.stdin or not self._process.stdout:
            raise SystemExit("a peer without pipes")
        print(json.dumps([case.name, seed, epochs]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._process.args}: ended at {case.name}")
        found: dict[str, float] = json.loads(answer)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def compared(case: Case, peers: dict[str, Peer], repeats: int, share: float) -> dict[str, Any]:
    """The seconds of all peers for a case, and whether they reach the same scores."""
    epochs = max(1, round(share * case.epochs))
    fits: dict[str, list[dict[str, float]]] = {name: [] for name in peers}
    for seed in range(repeats + 1):
        for name, peer in peers.items():
            if name != KERAS or not seed:
                fits[name].append(peer.fit(case, seed, epochs))
    row: dict[str, Any] = {"case": case.name, "epochs": epochs}
    for name, found in fits.items():
        row[f"{name} s"] = statistics.median(one["cpu"] for one in found[1:] or found)
    row |= {f"{name} ×": row[f"{name} s"] / row[f"{OURS} s"] for name in peers if name != OURS}
    row["first regfleet s"] = fits[OURS][0]["cpu"]
    if "JAX scan" in peers:
        row["first JAX s"] = fits["JAX scan"][0]["cpu"]
    row["accuracy"] = " / ".join(f"{statistics.fmean(one['accuracy'] for one in found):.3f}" for found in fits.values())
    odd = [name for name, found in fits.items() if name != OURS and not same(fits[OURS], found)]
    row["same scores"] = "yes" if not odd else f"no: {', '.join(odd)}"
    return row


def same(ours: list[dict[str, float]], others: list[dict[str, float]]) -> bool:
    """Whether the validation scores of two peers differ by no more than seeds do."""
    for score, least in (("accuracy", 0.02), ("cross entropy", 0.05)):
        one, other = ([fit[score] for fit in fits] for fits in (ours, others))
        scatter = max(statistics.stdev(one), statistics.stdev(other) if len(other) > 1 else 0.0)
        limit = NOISE * scatter * (1 / len(one) + 1 / len(other)) ** 0.5 + least * max(1.0, statistics.fmean(one))
        if abs(statistics.fmean(one) - statistics.fmean(other)) > limit:
            return False
    return True


def words(row: dict[str, Any], peers: list[str]) -> str:
    """How many times regfleet's seconds the others took for a case, traced or compiled before."""
    times = [f"{row[f'{name} ×']:.2g} for the {name}" for name in peers if name != OURS]
    return f"{row['case']}: times regfleet's seconds, {', '.join(times)}"


def main() -> None:
    """Compare all peers that are installed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the epochs")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help="cases of this group, or whose name begins so")
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    lacking = [name for name, (_, module) in PEERS.items() if importlib.util.find_spec(module) is None]
    said = [
        f"{name}: not compared, as {PEERS[name][1]} is not installed (pip install {PEERS[name][1]})" for name in lacking
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    with ExitStack() as stack:
        peers = {name: stack.enter_context(Peer(one[0])) for name, one in PEERS.items() if name not in lacking}
        for case in CASES:
            if given.only is None or case.group == given.only or case.name.startswith(given.only):
                row = compared(case, peers, given.repeats, given.share)
                said.append(words(row, [*peers]))
                print(json.dumps(row), flush=True)
                found.setdefault(case.group, []).append(row)
    print("\n".join(said))
    given.file.write_text(json.dumps({"tables": found, "words": said}))


if __name__ == "__main__":
    main()
