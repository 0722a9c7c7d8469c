"""Where a study stands, from its results and its log alone: it can be asked while another process runs the study."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from regfleet.analysis.sequential import LOOKS
from regfleet.concluding.judge import asked_rows, read_results, standings
from regfleet.errors import ResultsError
from regfleet.planning.plan import resolve_variants

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regfleet.results import Place, Results
    from regfleet.settings import Study

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (INFO|WARNING|ERROR) (.*)")
_BEGINS, _FLEET = "a run begins on ", "trials run "
_KEPT = re.compile(r"kept (\d+) trials")
WINDOW_SECONDS = 600.0
TROUBLES = 5


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
    last warnings of the log; ``fleet`` says where trials run; ``report`` is None until there is one.
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
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Log:
    """What the log tells of the last run."""

    fleet: str = ""
    troubles: tuple[str, ...] = ()
    trials_per_second: float | None = None


def status(directory: str | Path) -> StudyStatus:
    """Where the study of a results directory or URL stands; raises ResultsError where there is none.

    Only reads, and neither waits for the driver nor holds it up.
    """
    study, results = read_results(directory)
    trials, planned = asked_rows(study, results), _planned(study, results)
    counts = Counter(zip(trials["variant"], trials["status"], strict=True))
    variants = tuple(
        VariantStatus(
            one.name,
            one.label,
            planned[one.name],
            *(counts[one.name, word] for word in ("done", "diverged", "failed")),
        )
        for one in resolve_variants(study)
    )
    place, told = results.place, _read_log(results.place)
    running = place.in_use()
    left = sum(planned.values()) - sum(one.done + one.diverged for one in variants)
    rate = told.trials_per_second
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
        fleet=told.fleet,
        troubles=told.troubles,
        problems=results.problems,
        report=place.at("report.html") if place.exists("report.html") else None,
    )


def _planned(study: Study, results: Results) -> Mapping[str, int]:
    """Variant → trials due so far; a study that adds seeds plans from look to look."""
    names = [variant.name for variant in resolve_variants(study)]
    if not study.adds_seeds:
        return dict.fromkeys(names, len(study.data) * len(study.seeds))
    try:
        found = standings(study, results.trials, results.provenance).values()
    except ResultsError:  # a run that has only begun has not written its provenance yet
        return dict.fromkeys(names, len(study.data) * LOOKS[0])
    return {name: sum(one.asked[name] for one in found) for name in names}


def _read_log(place: Place) -> _Log:
    try:
        text = place.read("regfleet.log").decode("utf-8", errors="replace")
    except OSError:
        return _Log()
    lines = [found for line in text.splitlines() if (found := _LINE.fullmatch(line))]
    begins = [number for number, line in enumerate(lines) if line[3].startswith(_BEGINS)]
    last = lines[begins[-1] :] if begins else lines
    fleet = [line[3].removeprefix(_FLEET) for line in last if line[3].startswith(_FLEET)]
    troubles = [f"{line[1]} {line[3]}" for line in last if line[2] != "INFO"]
    kept = [(datetime.fromisoformat(line[1]), int(found[1])) for line in last if (found := _KEPT.match(line[3]))]
    recent = [(when, count) for when, count in kept if (kept[-1][0] - when).total_seconds() <= WINDOW_SECONDS]
    seconds = (recent[-1][0] - recent[0][0]).total_seconds() if recent else 0.0
    rate = sum(count for _, count in recent[1:]) / seconds if seconds > 0 else None
    return _Log(fleet[-1] if fleet else "", tuple(troubles[-TROUBLES:]), rate)
