"""Files that say by themselves whether they are as they were written: JSON with a checksum, TOML under one."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from regfleet.errors import InputError, ResultsError

if TYPE_CHECKING:
    from regfleet.results.place import Place

STUDY = "study.toml"
_FIELD = "checksum"
_BEGINNING = "# sha256:"
_HEAD = re.compile(r"# sha256:([0-9a-f]{64}) of what follows, as regfleet wrote it\n")
_STRING_OR_COMMENT = re.compile(
    r""""{3}(?:\\.|[^\\])*?"{3,5}|'{3}.*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#""", re.DOTALL
)


def sealed_json(table: dict[str, Any]) -> str:
    """The table as JSON with a checksum of what it says."""
    return json.dumps(table | {_FIELD: _of(table)}, indent=2) + "\n"


def read_json(text: str) -> dict[str, Any]:
    """The table of `sealed_json`, or of a file from before there were checksums; raises ValueError for any other."""
    try:
        table = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(table, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the content of a file is a value
    given = table.pop(_FIELD, None)
    if given is not None and given != _of(table):
        raise ValueError("its checksum differs: it was changed or damaged")
    return table


def _of(table: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


def sealed_toml(text: str) -> str:
    """The text under a comment with its checksum."""
    return f"# sha256:{hashlib.sha256(text.encode()).hexdigest()} of what follows, as regfleet wrote it\n{text}"


def read_toml(text: str) -> str:
    """The text of `sealed_toml`, or one that has no such comment; raises ValueError where the checksum differs."""
    head = _HEAD.match(text)
    if not head:
        if text and _BEGINNING.startswith(text[: len(_BEGINNING)]):
            raise ValueError("its first line is not whole")
        return text
    rest = text[head.end() :]
    if hashlib.sha256(rest.encode()).hexdigest() != head[1]:
        raise ValueError("its checksum differs: it was changed or damaged")
    return rest


def is_sealed(place: Place) -> bool:
    """Whether a study lies there that regfleet wrote with a checksum, be it true or not."""
    return place.exists(STUDY) and study_seal(place) is not None


def study_seal(place: Place) -> str | None:
    """The checksum of the study of a place; None for one that regfleet did not write."""
    head = _HEAD.match(place.read(STUDY).decode("utf-8", errors="replace"))
    return head[1] if head else None


def is_study_of_ours(text: str) -> bool:
    """Whether regfleet wrote a study file: its checksum is true, or it has none and, as then, no comment."""
    try:
        rest = read_toml(text)
        tomllib.loads(rest)
    except (ValueError, RecursionError):
        return False
    return rest != text or not has_comment(text)


def has_comment(text: str) -> bool:
    """Whether a TOML text has a ``#`` outside of its strings."""
    return any(found[0] == "#" for found in _STRING_OR_COMMENT.finditer(text))


def study_text(place: Place) -> str:
    """The text of the study whose results lie there; raises FileNotFoundError, or ResultsError for a damaged one."""
    try:
        return read_toml(place.text(STUDY))
    except ValueError as problem:
        raise altered(
            place, STUDY, problem, f"Delete its first line to keep what it says, or run: regfleet doctor {place}"
        ) from None


def altered(place: Place, name: str, why: object, then: str = "") -> ResultsError:
    """What is raised for a file of results whose text is not what regfleet wrote; ``then`` says what to do."""
    words = f"expected what regfleet wrote; got another text ({why})"
    return ResultsError(f"{place.at(name)}: {words}. {then or f'Run: regfleet doctor {place}'}")


def write_study(place: Place, text: str) -> None:
    """Write the study of a place; raises InputError where that would cost somebody's own study file its comments."""
    if place.exists(STUDY) and not is_study_of_ours(place.text(STUDY)):
        raise InputError(f"--out: expected no study file of your own in {place}; got {place.at(STUDY)}. Rename it")
    place.write(STUDY, sealed_toml(text).encode())
