"""provenance.json: where results come from, and what is to be known of their data without reading it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from regfleet.results.seals import altered, read_json, sealed_json
from regfleet.settings.values import Task
from regfleet.text import one_line

if TYPE_CHECKING:
    from regfleet.results.place import Place


FILE = "provenance.json"
Count = Annotated[int, Field(ge=0, le=2**53)]


class _Facts(BaseModel):
    """Fields that an earlier version did not write are empty; those that a later one added are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class DataFacts(_Facts):
    """A data set: rows as `data.row_counts` gives them, ``classes`` and ``rows_by_class`` for a classification.

    ``test_rows_by_class`` are those of the test set where every seed has the same; ``model`` has sentences on the model
    of the user's own. ``grouped``: rows of one group stay together. ``split`` says in words what the split means for
    the interval, empty for sets dealt or drawn; ``scaling`` how its numbers went into the model, and why;
    ``scaling_key`` what the keys of its trials hold of that.
    """

    sha256: str = ""
    task: Task = "classification"
    rows: Count = 0
    training_rows: Count = 0
    validation_rows: Count = 0
    test_rows: Count = 0
    fixed_test: bool = False
    grouped: bool = False
    split: str = ""
    notes: tuple[str, ...] = ()
    scaling: str = ""
    scaling_key: str = ""
    model: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    rows_by_class: tuple[Count, ...] | None = None
    test_rows_by_class: tuple[Count, ...] | None = None

    @property
    def class_shares(self) -> tuple[float, ...]:
        """The share of each class; empty where there are none or they are not known."""
        counts = self.rows_by_class or ()
        return tuple(count / self.rows for count in counts) if self.rows else ()

    @property
    def test_shares(self) -> tuple[float, ...]:
        """The share of each class in the test set that every seed has; empty where they are not known."""
        counts = self.test_rows_by_class or ()
        return tuple(count / sum(counts) for count in counts) if sum(counts) else ()


class RunFacts(_Facts):
    """A run that trained something: times in UTC, ``seconds`` by a clock that nobody sets."""

    command: str = ""
    fleet: str = ""
    host: str = ""
    started: str = ""
    finished: str = ""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    trials: Count = 0


class Provenance(_Facts):
    """What holds of a results directory now, and one entry per run that trained something.

    ``kept`` counts the trials that were there when it was written: they are there since, or were lost.
    ``study`` is the checksum of the study.toml that the results were made with.
    ``judged_by`` are the metrics that results were judged by, one after the other, where there was more than one, and
    ``intervals`` likewise the intervals.
    Of scores from elsewhere ``scores`` names the file, ``sha256`` is its hash, and ``rows`` counts its rows.
    """

    versions: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    commit: str | None = None
    data: dict[str, DataFacts] = {}
    runs: tuple[RunFacts, ...] = ()
    judged_by: tuple[str, ...] | None = None
    intervals: tuple[str, ...] | None = None
    scores: str | None = None
    sha256: str | None = None
    rows: Count | None = None
    kept: Count | None = None
    study: str | None = None

    @property
    def finished(self) -> str:
        """When the last run finished, as recorded; empty when nothing was."""
        return self.runs[-1].finished or self.runs[-1].started if self.runs else ""

    def table(self) -> dict[str, Any]:
        """What is known of the results."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude={"kept", "study"})

    def json_text(self) -> str:
        """The text of the file."""
        return sealed_json(self.table() | self.model_dump(include={"kept", "study"}, exclude_none=True))


def read_provenance(place: Place) -> Provenance:
    """The provenance of a results directory, empty when there is none; raises ResultsError for any other content."""
    try:
        return Provenance.model_validate(read_json(place.text(FILE)))
    except FileNotFoundError:
        return Provenance()
    except ValueError as problem:
        raise altered(place, FILE, _words(problem)) from None


def _words(problem: ValueError) -> str:
    if isinstance(problem, ValidationError):
        first = problem.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {one_line(first['msg'])}"
    return one_line(problem)
