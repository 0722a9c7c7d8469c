"""The header's date and status, and provenance.json as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from regfleet.numbers import count
from regfleet.report.conclusion import Failure, StudyFacts
from regfleet.report.words import Chip
from regfleet.text import clean

# strftime would write the month in the language of the machine.
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def status(facts: StudyFacts, failures: Sequence[Failure]) -> Chip:
    """Complete, partial or with failures. ``facts.finished`` counts the trials that are done, without failed ones."""
    missing = max(facts.planned - facts.finished - len(failures), 0)
    if not facts.finished:
        return Chip("!", "Nothing finished", "warn")
    if missing:
        lost = f", {count(len(failures), 'failure')}" if failures else ""
        return Chip("!", f"Partial: {facts.finished:,} of {facts.planned:,} trials{lost}", "warn")
    if failures:
        return Chip("!", f"Complete, with {count(len(failures), 'failed trial')}", "warn")
    return Chip("✓", f"Complete: {count(facts.finished, 'trial')}", "better")


def finished(provenance: Mapping[str, Any]) -> str:
    """When the last run finished, as recorded; empty when it is not."""
    runs = provenance.get("runs") or [provenance]
    return str(runs[-1].get("finished") or runs[-1].get("started") or "")


def day(moment: str) -> str:
    """The day of an ISO time, written out; empty for anything else."""
    try:
        date = datetime.fromisoformat(moment)
    except ValueError:
        return ""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


PLAIN = {"versions", "hardware"}


def details(provenance: Mapping[str, Any], above: str = "") -> tuple[tuple[str, str], ...]:
    """provenance.json as (name, text) pairs; what is nested becomes ``outer: inner``; of runs the last is told."""
    pairs: list[tuple[str, str]] = []
    for key, value in provenance.items():
        name = f"{above}{clean(str(key)).replace('_', ' ')}"
        if isinstance(value, list) and value and isinstance(value[-1], Mapping):
            pairs.append((name, str(len(value))))
            pairs.extend(details(value[-1], f"last {name.removesuffix('s')}: "))
        elif isinstance(value, Mapping):
            pairs.extend(details(value, above if key in PLAIN else f"{name}: "))
        elif value not in (None, "", [], ()):
            listed = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            pairs.append((name, clean(listed)))
    return tuple(pairs)
