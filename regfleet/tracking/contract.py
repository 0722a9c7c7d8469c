"""What a tracker is told of a study, and what it has to do: a new one is a class with these methods in a file here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from regfleet.trials import Status

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TrackedStudy:
    """The study as a tracker sees it: the parent of its trials.

    ``mark`` is the same whenever these results are gone on with, and no other study's. ``folder`` is its results
    directory, None for a bucket. ``score`` names the metric of a trial that the study is judged by. ``toml`` is its
    study file, ``command`` what was typed. No text holds credentials.
    """

    mark: str
    name: str
    folder: Path | None
    score: str
    toml: str
    command: str
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class TrackedTrial:
    """A finished trial. ``history`` has a value for each epoch, from 1; what is not finite was not measured."""

    key: str
    name: str
    dataset: str
    variant: str
    seed: int
    status: Status
    parameters: Mapping[str, Value]
    history: Mapping[str, Sequence[float]]
    metrics: Mapping[str, float]
    error: str = ""

    def epochs(self) -> Sequence[tuple[int, Mapping[str, float]]]:
        """The number of each epoch with what was measured there."""
        from math import isfinite

        rows = zip(*self.history.values(), strict=True)
        return [
            (epoch, {name: float(one) for name, one in zip(self.history, row, strict=True) if isfinite(one)})
            for epoch, row in enumerate(rows, 1)
        ]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run of the study ended: what it found, in sentences, and its files: the report, its table, the study.

    ``report`` says where the report is. ``interrupted``: trials are missing.
    """

    sentences: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    report: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    interrupted: bool = True


class Tracker(Protocol):
    """A study in one tracker. One thread calls the methods one after the other; what they raise becomes a note."""

    def open(self, study: TrackedStudy) -> Collection[str]:
        """Begin the study there or go on with it; returns the keys of the trials that are there whole."""

    def log(self, trial: TrackedTrial) -> None:
        """Log a trial, in the place of one of its key that failed or that is there in part."""

    def close(self, ending: Ending) -> None:
        """End the study there, and send off what is left."""
