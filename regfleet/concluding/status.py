"""Where a study stands, from its directory alone: it can be asked while another process runs the study."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from regfleet.analysis.sequential import LOOKS
from regfleet.concluding.judge import asked_rows, read_results
from regfleet.concluding.looks import asked_of, standings
from regfleet.concluding.stepwise import due, variants_with
from regfleet.errors import ResultsError
from regfleet.planning.plan import trial_counts
from regfleet.results import read_progress
from regfleet.text import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regfleet.planning.resolved import Resolved
    from regfleet.results import Stored


@dataclass(frozen=True, slots=True)
class VariantStatus:
    """How far a variant has come, over all data sets."""

    name: str
    label: str
    planned: int
    done: int
    diverged: int
    failed: int


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """Where a study stands.

    ``running`` says whether a driver holds the results. ``trials_per_second`` is that of the last ten minutes of the
    last run, None before two chunks came; ``seconds_left`` is an estimate for a study that runs. ``troubles`` are the
    last warnings of that run; ``fleet`` says where trials run; ``report`` is None until there is one.
    """

    place: str
    running: bool
    planned: int
    done: int
    diverged: int
    failed: int
    variants: tuple[VariantStatus, ...]
    trials_per_second: float | None
    seconds_left: float | None
    fleet: str
    troubles: tuple[str, ...]
    problems: tuple[str, ...]
    report: str | None

    def json(self) -> str:
        """The status for machines."""
        return json_text(asdict(self))


def status(directory: str | Path) -> StudyStatus:
    """Where the study of a results directory or URL stands; raises ResultsError where there is none.

    Only reads, and neither waits for the driver nor holds it up.
    """
    resolved, results = read_results(directory)
    names: Mapping[str, str] = {one.name: one.label for one in resolved.trained}
    planned: Mapping[str, int]
    if resolved.study.greedy:
        trials, planned = due(resolved, results.trials)
        names = {one.name: one.label for one in variants_with(resolved.study, planned) if one.name in planned}
    else:
        trials, planned = asked_rows(resolved, results), _planned(resolved, results)
    counts = Counter(zip(trials["variant"], trials["status"], strict=True))
    variants = tuple(
        VariantStatus(
            name,
            label,
            planned[name],
            *(counts[name, word] for word in ("done", "diverged", "failed")),
        )
        for name, label in names.items()
    )
    place, progress = results.place, read_progress(results.place)
    running = place.in_use()
    left = sum(planned.values()) - sum(one.done + one.diverged for one in variants)
    rate = progress.trials_per_second
    return StudyStatus(
        place=str(place),
        running=running,
        planned=sum(planned.values()),
        done=sum(one.done for one in variants),
        diverged=sum(one.diverged for one in variants),
        failed=sum(one.failed for one in variants),
        variants=variants,
        trials_per_second=rate,
        seconds_left=left / rate if running and rate else None,
        fleet=progress.fleet,
        troubles=progress.troubles,
        problems=tuple(map(str, results.problems)),
        report=place.at("report.html") if place.exists("report.html") else None,
    )


def _planned(resolved: Resolved, results: Stored) -> Mapping[str, int]:
    """Variant → trials due so far; a study that adds seeds plans from look to look."""
    study = resolved.study
    if not study.adds_seeds:
        return trial_counts(resolved)
    try:
        reached = standings(resolved, results.trials, partial(results.predicted, at=resolved.question.at))
    except ResultsError:  # a run that has only begun has not written its provenance yet
        return dict.fromkeys(resolved.names, len(study.data) * LOOKS[0])
    asked = asked_of(resolved, reached).values()
    return {one.name: sum(seeds.get(one.name, 0) for seeds in asked) for one in resolved.trained}
