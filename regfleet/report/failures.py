"""Failures as the report tells them: grouped by what went wrong, with seeds and one traceback each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regfleet.analysis.summary import Summary
from regfleet.report.conclusion import Failure


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
    """The failures by data set, variant and reason, the largest group first."""
    labels = {(data.dataset, row.name): row.label for data in summary.datasets for row in data.variants}
    found: dict[tuple[str, str, str, str], list[Failure]] = {}
    for failure in failures:
        found.setdefault((failure.dataset, failure.variant, failure.status, failure.error), []).append(failure)
    made = [
        Group(
            dataset=dataset,
            variant=variant,
            label=labels.get((dataset, variant), variant),
            reason=error or status,
            seeds=tuple(sorted(failure.seed for failure in members)),
            diverged=status == "diverged",
            traceback=next((failure.traceback for failure in members if failure.traceback), ""),
        )
        for (dataset, variant, status, error), members in found.items()
    ]
    return tuple(sorted(made, key=lambda group: (-len(group.seeds), group.dataset, group.variant, group.reason)))
