"""What stands around the results: status and dates, the article's claims, failures, speed, where it all comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from regfleet.analysis.summary import Summary
from regfleet.analysis.variant import VariantSummary
from regfleet.numbers import Scale, count, number
from regfleet.report.conclusion import Failure, StudyFacts
from regfleet.report.verdicts import Chip, chip
from regfleet.text import bounded, printable

if TYPE_CHECKING:
    import pandas as pd

    from regfleet.results import RunFacts

# strftime would write the month in the language of the machine.
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
NAMES = {
    "memory_gib": "memory in GiB",
    "rows_by_class": "rows of each class",
    "test_rows_by_class": "test rows of each class",
    "sha256": "SHA-256",
    "cpus": "processors",
}
"""What keys of provenance.json are called on a page where their own name is no word."""
OF_CLASSES = {"rows_by_class", "test_rows_by_class"}
MOST_CLASSES = 20
PLAIN = {"versions", "hardware"}
"""Parts of provenance.json whose names say nothing."""
ARTICLE = (
    ("l1(0.01)@first", "about as before"),
    ("l1(0.01)@all", "“jumped from 92 to 94”"),
    ("l2(0.01)@first", "97 %"),
    ("dropout(0.5)@first", "97 %"),
    ("dropout(0.5,0.5,0.5,0.3)", "98 %"),
    ("batchnorm(0.99)@2", "“not as good as the others”"),
    ("batchnorm(0.99)@all", "“good accuracy”"),
)
"""What the article says of a variant, by the beginning of its canonical name."""
SLOWEST = 5
GROUPS, TRACEBACK = 50, 5_000
"""Reasons of failures that a page shows, and characters of the traceback of each."""


TIMED_OUT = "did not finish within"
"""What the error of a trial says that took too long."""


def unfinished(facts: StudyFacts, failures: Sequence[Failure]) -> int:
    """The trials that have not run; ``facts.finished`` counts those that are done, without failed ones."""
    return max(facts.planned - facts.finished - len(failures), 0)


@dataclass(frozen=True, slots=True)
class Again:
    """The command that trains what was lost, and what to do before."""

    said: str
    command: str


def again(command: str, failures: Sequence[Failure]) -> Again:
    """How to train again what was lost: not with the limit of time that lost it."""
    late = sum(TIMED_OUT in failure.error for failure in failures)
    without = re.sub(r" --trial-timeout[ =]\S+", "", command)
    if late and without != command:
        many = "All of them" if late == len(failures) else count(late, "of them", "of them")
        said = (
            f"{many} took longer than --trial-timeout allows. This command trains what is missing without that limit:"
        )
        return Again(said, without)
    return Again("The same command again trains only what is missing or failed, once its cause is mended:", command)


def status(facts: StudyFacts, failures: Sequence[Failure]) -> Chip:
    """Complete, partial or with failures."""
    missing = unfinished(facts, failures)
    if not facts.finished:
        return Chip("!", "Nothing finished", "warn")
    if missing:
        lost = f", {count(len(failures), 'failure')}" if failures else ""
        return Chip("!", f"Partial: {facts.finished:,} of {facts.planned:,} trials{lost}", "warn")
    if failures:
        return Chip("!", f"Complete, with {count(len(failures), 'failed trial')}", "warn")
    return Chip("✓", f"Complete: {count(facts.finished, 'trial')}", "better")


def day(moment: str) -> str:
    """The day of an ISO time, written out; empty for anything else."""
    try:
        date = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def details(table: Mapping[str, Any], above: str = "") -> tuple[tuple[str, str], ...]:
    """Provenance as (name, text) pairs; what is nested becomes ``outer: inner``; of runs the last is told."""
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        if key == "classes":  # a table's names of its own, of which there may be a thousand
            continue
        name = f"{above}{NAMES.get(key) or printable(str(key)).replace('_', ' ')}"
        if key in OF_CLASSES and isinstance(value, list | tuple):
            pairs.append((name, _by_class(value, table.get("classes") or ())))
            continue
        if key == "merged" and value:  # what each part was made with is said above, together
            parts = (f"{one['place']} ({count(one.get('trials', 0), 'trial')})" for one in value)
            pairs.append(("merged from", printable(", ".join(parts))))
        elif isinstance(value, list) and value and isinstance(value[-1], Mapping):
            pairs.append((name, str(len(value))))
            pairs.extend(details(value[-1], f"last {name.removesuffix('s')}: "))
        elif isinstance(value, Mapping):
            pairs.extend(details(value, above if key in PLAIN else f"{name}: "))
        elif value not in (None, "", [], ()):
            listed = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            pairs.append((name, printable(listed)))
    return tuple(pairs)


def _by_class(counts: Sequence[int], classes: Sequence[str]) -> str:
    """Rows of each class, by name where the names are known; of very many the first."""
    named = len(classes) == len(counts)
    shown = [f"{printable(str(classes[n]))} {many:,}" if named else f"{many:,}" for n, many in enumerate(counts)]
    more = f" and {len(shown) - MOST_CLASSES:,} more" if len(shown) > MOST_CLASSES else ""
    return ", ".join(shown[:MOST_CLASSES]) + more


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the article and the difference from the control that the seeds show."""

    label: str
    claimed: str
    score: str
    difference: str
    interval: str
    chip: Chip


def claims(summary: Summary) -> tuple[Claim, ...]:
    """The article's claims in its own order; those whose variant is not in the study are left out."""
    unit, rows = Scale(summary.metric), []
    for start, words in ARTICLE:
        row = _claimed(summary, start)
        if row and row.comparison:
            interval = row.comparison.difference
            change, reach = unit.change(interval.mean), unit.from_to(interval.low, interval.high)
            rows.append(Claim(row.label, words, unit.full(row.score.mean), change, reach, chip(row)))
    return tuple(rows)


def _claimed(summary: Summary, start: str) -> VariantSummary | None:
    rows = (row for dataset in summary.datasets for row in dataset.variants)
    return next((row for row in rows if row.name.startswith(start) and "+" not in row.name), None)


@dataclass(frozen=True, slots=True)
class Group:
    """Trials of one variant that were lost for one reason."""

    dataset: str
    variant: str
    label: str
    reason: str
    seeds: tuple[int, ...]
    diverged: bool
    traceback: str


def groups(failures: Sequence[Failure], summary: Summary) -> tuple[Group, ...]:
    """The failures by data set, variant and reason, the largest group first; GROUPS at most, all in trials.csv."""
    labels = _labels(summary)
    reasons: dict[tuple[str, str, str, str], list[Failure]] = {}
    for failure in failures:
        reasons.setdefault((failure.dataset, failure.variant, failure.status, failure.error), []).append(failure)
    lost = [
        Group(
            dataset=dataset,
            variant=variant,
            label=labels.get((dataset, variant), variant),
            reason=error or status,
            seeds=tuple(sorted(failure.seed for failure in members)),
            diverged=status == "diverged",
            traceback=bounded(next((failure.traceback for failure in members if failure.traceback), ""), TRACEBACK),
        )
        for (dataset, variant, status, error), members in reasons.items()
    ]
    lost.sort(key=lambda group: (-len(group.seeds), group.dataset, group.variant, group.reason))
    return tuple(lost[:GROUPS])


def _labels(summary: Summary) -> dict[tuple[str, str], str]:
    """The label of all that trials are of, by data set and name."""
    beside = {data.dataset: data.references.rows for data in summary.datasets if data.references}
    return {
        (data.dataset, row.name): row.label
        for data in summary.datasets
        for row in (*data.variants, *beside.get(data.dataset, ()))
    }


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


def speed(trials: pd.DataFrame, runs: Sequence[RunFacts], summary: Summary) -> Speed | None:
    """The speed of a study from its trials and the runs that trained them; None when no trial was timed."""
    if "seconds" not in trials:
        return None
    timed = trials[trials["seconds"] > 0]
    if timed.empty:
        return None
    busy = float(timed["seconds"].sum())
    wall, trained = sum(run.seconds for run in runs), sum(run.trials for run in runs)
    totals = [
        ("Median trial", f"{number(float(timed['seconds'].median()), 2)} seconds"),
        ("All trials together", f"{number(busy)} seconds of training and scoring"),
    ]
    if wall > 0 and trained:
        over = "the run" if len(runs) == 1 else f"{len(runs)} runs"
        totals.append(("Throughput", f"{number(trained / wall, 2)} trials a second over {over}, start included"))
        if trained == len(trials):
            totals.append(("Utilisation", f"{number(busy / wall, 2)} trials at work on average"))
    labels = _labels(summary)
    order = timed.sort_values(["seconds", "dataset", "variant", "seed"], ascending=[False, True, True, True])
    slowest = tuple(
        SlowTrial(
            dataset=row["dataset"],
            label=labels.get((row["dataset"], row["variant"]), row["variant"]),
            seed=int(row["seed"]),
            seconds=number(float(row["seconds"]), 2),
            place=", ".join(printable(str(row[key])) for key in ("host", "device") if row.get(key)),
        )
        for row in order.head(SLOWEST).to_dict("records")
    )
    return Speed(tuple(totals), slowest)
