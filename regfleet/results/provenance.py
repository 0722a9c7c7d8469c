"""provenance.json: where results come from, and what is to be known of their data without reading it again."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regfleet.errors import ResultsError
from regfleet.results.seals import altered, read_json, sealed_json
from regfleet.settings.values import Reference, Task
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
    ``scaling_key`` what the keys of its trials hold of that. ``references`` are the learners of its reference rows,
    none in results from before there were any; ``references_note`` says which are left out, and why. ``columns``: its
    input columns, or the numbers of a row, 0 in results from before they were counted; ``axes`` those of a row as it
    is read: 1 of a table. ``ablated``: the columns that were left out, one at a time.
    """

    sha256: str = ""
    task: Task = "classification"
    rows: Count = 0
    columns: Count = 0
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
    references: tuple[Reference, ...] = ()
    references_note: str = ""
    axes: Count = 1
    ablated: tuple[str, ...] = ()

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


class Choice(_Facts):
    """A setting of the analysis that was chosen when results were there, and so not without knowing them.

    ``setting`` is metric, rope, at, scope, alpha, interval or seeds; ``was`` and ``now`` are its values as text;
    ``trials`` counts those that were finished. ``look``: a report was made by it, and the study keeps its own.
    """

    setting: Literal["metric", "rope", "at", "scope", "alpha", "interval", "seeds"]
    was: str
    now: str
    trials: Count = 0
    look: bool = False


class Source(_Facts):
    """A results directory that was merged into this one: what the user called it, and how many trials it gave.

    ``versions`` and ``hardware`` are those that it was made with.
    """

    place: str
    trials: Count = 0
    versions: dict[str, str] = {}
    hardware: dict[str, Any] = {}


class Provenance(_Facts):
    """What holds of a results directory now, and one entry per run that trained something.

    ``kept`` counts the trials that were there when it was written: they are there since, or were lost.
    ``study`` is the checksum of the study.toml that the results were made with.
    ``tracked`` is what trackers know them by.
    ``chosen`` says which settings of the study were sized to the rows, and why.
    ``chosen_later`` are the settings of the analysis that were chosen when results were there, in that order.
    ``merged`` are the results directories that were put together here, in that order, and ``whole`` is the command that
    goes on with them, until one did: those of ``runs`` are about the parts.
    Of scores from elsewhere ``scores`` names the file, ``sha256`` is its hash, and ``rows`` counts its rows.
    """

    versions: dict[str, str] = {}
    hardware: dict[str, Any] = {}
    commit: str | None = None
    data: dict[str, DataFacts] = {}
    runs: tuple[RunFacts, ...] = ()
    chosen: tuple[str, ...] = ()
    chosen_later: tuple[Choice, ...] | None = None
    merged: tuple[Source, ...] | None = None
    whole: str | None = None
    scores: str | None = None
    sha256: str | None = None
    rows: Count | None = None
    kept: Count | None = None
    study: str | None = None
    tracked: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_earlier(cls, table: Any) -> Any:
        """Earlier versions knew only of metrics, and held them one after the other."""
        names = table.get("judged_by") if isinstance(table, dict) else None
        if not isinstance(names, list) or "chosen_later" in table:
            return table
        return table | {"chosen_later": [{"setting": "metric", "was": a, "now": b} for a, b in pairwise(names)]}

    @property
    def finished(self) -> str:
        """When the last run finished, as recorded; empty when nothing was."""
        return self.runs[-1].finished or self.runs[-1].started if self.runs else ""

    @property
    def command(self) -> str:
        """What goes on with the study: the command that trained it last, or that of the whole where it was merged."""
        return self.whole or (self.runs[-1].command if self.runs else "")

    @property
    def later(self) -> tuple[Choice, ...]:
        """``chosen_later``, none where there were none."""
        return self.chosen_later or ()

    def table(self) -> dict[str, Any]:
        """What is known of the results."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude={"kept", "study", "tracked"})

    def json_text(self) -> str:
        """The text of the file."""
        return sealed_json(self.table() | self.model_dump(include={"kept", "study", "tracked"}, exclude_none=True))


def add_choice(place: Place, choice: Choice) -> None:
    """Record ``choice`` in the provenance of a results directory, unless it is there.

    Raises ResultsError where there is no provenance, StorageError where it cannot be written.
    """
    there = read_provenance(place)
    if not there.versions:
        raise ResultsError(f"{place.at(FILE)}: expected where the results come from; got no such file")
    if not any((one.setting, one.now, one.look) == (choice.setting, choice.now, choice.look) for one in there.later):
        place.write(FILE, there.model_copy(update={"chosen_later": (*there.later, choice)}).json_text().encode())


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
