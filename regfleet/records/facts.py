"""What was run and what failed, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regfleet.records.trials import Status


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that failed or diverged, as the report shows it."""

    dataset: str
    variant: str
    seed: int
    status: Status
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What was run, for the report's header, method and reproduction sections.

    ``notes`` are sentences on what the protocol gets wrong or on what was allowed but should be known;
    ``provenance`` is provenance.json as written; ``article`` marks the article's own study. ``foreign`` marks scores
    that another tool produced: model, epochs, split, engine and study_toml are unknown then, and empty or 0.
    """

    datasets: tuple[str, ...]
    model: str
    weights: int
    seeds: tuple[int, ...]
    epochs: int
    split: str
    engine: str
    planned: int
    finished: int
    command: str
    study_toml: str
    notes: tuple[str, ...]
    article: bool
    provenance: Mapping[str, Any]
    foreign: bool = False
