"""``signature.json``: what a fitted model takes and gives, which files it is made of, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from regfleet.data.columns import Reading
from regfleet.errors import ResultsError
from regfleet.results.seals import read_json, sealed_json
from regfleet.settings.values import Task
from regfleet.text import one_line

NAME = "signature.json"
SEEN = "trained-rows.bin"
ENSEMBLE, EXPORT, CARD, CARD_PAGE = "ensemble.keras", "export.keras", "model-card.md", "model-card.html"
MODEL, PLAN, ARRAYS, MEMBER = "model.keras", "preprocessing.json", "preprocessing.arrow", "member.json"
OF_MEMBER = (MODEL, PLAN, ARRAYS)
FORMAT = 1
MOST = 1_000_000


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputColumn(_Part):
    """A column that is input: its ``kind``, for people its ``detail``; of categories their ``levels``, by code.

    ``marks`` are the texts that count as missing; ``examples`` show how its numbers or dates were written.
    """

    name: str
    kind: Literal["number", "boolean", "category", "date", "text"]
    detail: str = ""
    levels: Annotated[tuple[str, ...], Field(max_length=MOST)] = ()
    marks: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


class HowRead(_Part):
    """`data.columns.Reading`, and whether text files begin with a row of data."""

    missing: tuple[str, ...] | None = None
    decimal: Literal[".", ","] | None = None
    sure: bool = False
    day_first: bool | None = None
    no_header: bool = False

    @property
    def reading(self) -> Reading:
        """As the table's reader has it."""
        return Reading(self.missing, self.decimal, self.sure, self.day_first)


class Input(_Part):
    """What a row is: of a ``table``, an ``array`` of ``shape``, or a ``text`` that the network reads as it is.

    ``beside`` are columns of the study's table that are no input. ``named``: whether anybody gave the columns names;
    else they are taken in order. ``images``: how the files of a folder of images were read.
    """

    kind: Literal["table", "array", "texts"]
    shape: tuple[int, ...] = ()
    columns: Annotated[tuple[InputColumn, ...], Field(max_length=MOST)] = ()
    beside: tuple[str, ...] = ()
    named: bool = True
    reading: HowRead = HowRead()
    images: dict[str, str] = {}

    @property
    def width(self) -> int:
        """Columns of a table, or numbers of a row."""
        import math

        return len(self.columns) if self.columns else math.prod(self.shape)


class Member(_Part):
    """A network: its ``seed``, folder and the ``key`` of the trial that it was; ``scores`` of that trial's test rows.

    ``epochs`` it was trained, and after which epoch its weights were taken.
    """

    seed: Annotated[int, Field(ge=0)]
    folder: Annotated[str, Field(pattern=r"^seed-[0-9]{1,19}$")]
    key: str
    epochs: int
    epoch: int
    setting: str = ""
    scores: dict[str, float | None] = {}

    @model_validator(mode="after")
    def _own_folder(self) -> Member:
        if self.folder != f"seed-{self.seed}":
            raise ValueError(f"expected the folder seed-{self.seed}")
        return self


class Importance(_Part):
    """What the ``metric`` loses when a column is shuffled: mean over networks, with its interval; larger is worse."""

    column: str
    metric: str
    mean: float | None
    low: float | None
    high: float | None


class Expected(_Part):
    """What the study promises of a network of the variant on new rows: a mean and the ends of its interval."""

    metric: str
    mean: float | None
    low: float | None
    high: float | None
    sentence: str


class Signature(_Part):
    """The whole of it; ``files`` maps each file's path in the folder to the SHA-256 of its content.

    The model card is none of them: who fills in its licence changes nothing that is loaded.
    """

    format: Literal[1] = 1
    regfleet: str
    task: Task
    target: str
    classes: Annotated[tuple[str, ...], Field(max_length=MOST)] = ()
    input: Input
    variant: str
    label: str
    trained_on: Literal["train", "all"]
    one_input: bool
    members: Annotated[tuple[Member, ...], Field(min_length=1, max_length=10_000)]
    expected: Expected
    importance: Annotated[tuple[Importance, ...], Field(max_length=MOST)] = ()
    not_exported: tuple[str, ...] = ()
    data: dict[str, Any]
    study: str
    versions: dict[str, str]
    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]

    @model_validator(mode="after")
    def _fits(self) -> Signature:
        if (self.task == "classification") != bool(self.classes):
            raise ValueError("classes: expected some for a classification alone")
        known = {f"{member.folder}/{name}" for member in self.members for name in OF_MEMBER}
        wrong = set(self.files) - known - {ENSEMBLE, EXPORT, SEEN}
        lacking = (known | {ENSEMBLE}) - set(self.files)
        if wrong or lacking:
            what = f"those of a fitted model; got {min(wrong)!r}" if wrong else f"{min(lacking)}; got none"
            raise ValueError(f"files: expected {what}")
        return self

    def text(self) -> str:
        """As the file holds it, with a checksum."""
        return sealed_json(self.model_dump(mode="json"))


def read(text: str, where: str) -> Signature:
    """The signature in a file's text; raises ResultsError, naming ``where`` it is, for what is none."""
    try:
        table = read_json(text)
        if table.get("format") != FORMAT:
            by = f"; regfleet {table['regfleet']} wrote it" if isinstance(table.get("regfleet"), str) else ""
            raise ResultsError(f"{where}: expected a fitted model of format {FORMAT}; got {table.get('format')!r}{by}")
        return Signature.model_validate(table)
    except ValidationError as problem:
        first = problem.errors()[0]
        said = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    except ValueError as problem:
        said = str(problem)
    raise ResultsError(
        f"{where}: expected the signature that regfleet wrote; got another ({one_line(said, 200)}). "
        "Fit it again, or fetch it from where it was fitted"
    )
