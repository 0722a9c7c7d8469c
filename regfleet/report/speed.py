"""How fast the study ran: throughput, use of the fleet's slots and the slowest trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regfleet.analysis.summary import Summary
from regfleet.numbers import number
from regfleet.text import clean

if TYPE_CHECKING:
    import pandas as pd

SLOWEST = 5


@dataclass(frozen=True, slots=True)
class SlowTrial:
    """One of the slowest trials: ``place`` is the node and processor it ran on, empty when unknown."""

    dataset: str
    label: str
    seed: int
    seconds: str
    place: str


@dataclass(frozen=True, slots=True)
class Speed:
    """``totals`` are (name, text) pairs on all trials together; ``slowest`` has the slowest trial first."""

    totals: tuple[tuple[str, str], ...]
    slowest: tuple[SlowTrial, ...]


def speed(trials: pd.DataFrame, provenance: Mapping[str, Any], summary: Summary) -> Speed | None:
    """The speed of a study from its trials and the runs that provenance.json lists; None when no trial was timed."""
    if "seconds" not in trials:
        return None
    timed = trials[trials["seconds"] > 0]
    if timed.empty:
        return None
    busy, runs = float(timed["seconds"].sum()), provenance.get("runs", [])
    wall, trained = (sum(float(run.get(key) or 0) for run in runs) for key in ("seconds", "trials"))
    totals = [
        ("Median trial", f"{number(float(timed['seconds'].median()), 2)} seconds"),
        ("All trials together", f"{number(busy)} seconds of training and scoring"),
    ]
    if wall > 0 and trained:
        runs_told = "the run" if len(runs) == 1 else f"{len(runs)} runs"
        totals.append(("Throughput", f"{number(trained / wall, 2)} trials a second over {runs_told}, start included"))
        if trained == len(trials):
            totals.append(("Utilisation", f"{number(busy / wall, 2)} trials at work on average"))
    labels = {(data.dataset, row.name): row.label for data in summary.datasets for row in data.variants}
    order = timed.sort_values(["seconds", "dataset", "variant", "seed"], ascending=[False, True, True, True])
    slowest = tuple(
        SlowTrial(
            dataset=row["dataset"],
            label=labels.get((row["dataset"], row["variant"]), row["variant"]),
            seed=int(row["seed"]),
            seconds=number(float(row["seconds"]), 2),
            place=", ".join(clean(str(row[key])) for key in ("host", "device") if row.get(key)),
        )
        for row in order.head(SLOWEST).to_dict("records")
    )
    return Speed(tuple(totals), slowest)
