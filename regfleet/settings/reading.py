"""From flags and files to a study, every mistake reported at once, by name and where it stands."""

import copy
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from regfleet import files
from regfleet.errors import InputError
from regfleet.settings.defaults import default_variants
from regfleet.settings.flags import PARTS, Names, flag_of, gave, merge
from regfleet.settings.setting import Part
from regfleet.settings.study import Study
from regfleet.text import given, named, nearest, reason

Place = tuple[str | int, ...]
Check = Callable[[Study], Iterable[tuple[Place, str]]]
"""Finds what only other stages can see: the field, and the one line that says what is wrong with its value."""

P = TypeVar("P", bound=Part)
_CONTROL: Mapping[str, Any] = {"technique": "none"}
"""All that is compared beside the techniques that are to be combined, where nothing else is named."""
MOST_BYTES = files.MB
DEEPEST = 8
MOST_MISTAKES = 50
_INTEGER = "expected whole numbers of 64 bits, as TOML has them"
_DEEP = f"expected at most {DEEPEST} lists and tables inside one another; got more"
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]\]?\s*(?:#.*)?")
_LONG_KEY = re.compile(rf"(?<![\w.\s-])\s*(?:{_KEY}\s*\.\s*){{100}}")
_SETTING = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")


@dataclass(frozen=True)
class StudyFile:
    """The fields of a study file, its name for people, and the line on which each field stands."""

    name: str
    fields: Mapping[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)


def read_study(
    fields: Mapping[str, Any],
    *,
    source: str | StudyFile | None = None,
    flags: Mapping[str, Any] | None = None,
    check: Check | None = None,
) -> Study:
    """A study from nested fields, the article's where they are silent on Iris.

    On other data, settings of model and training that are not among the study's ``model_fields_set`` are left open:
    `planning.sizing` sizes them to the rows.

    ``flags`` by name override them. ``source`` is the file that the fields come from; without it, and for what flags
    gave, errors name flags. ``check`` looks at the fields that are right by themselves. Raises InputError with one line
    for each bad field.
    """
    file = StudyFile(source, {}) if isinstance(source, str) else source
    flags = flags or {}
    fields = merge(fields, flags)
    silent = not fields.get("variant") and not fields.get("combine")
    if not fields.get("variant"):
        fields["variant"] = [_CONTROL] if fields.get("combine") else default_variants(fields)
    lines: list[tuple[Place, str]] = []
    try:
        study: Study | None = Study.model_validate(fields)
    except ValidationError as problem:
        mistakes = problem.errors()
        shown = mistakes[:MOST_MISTAKES]
        lines = [(mistake["loc"], _line(mistake, _file(mistake["loc"], file, flags))) for mistake in shown]
        study = _rest(fields, [mistake["loc"] for mistake in mistakes]) if check else None
    if study and check:
        for place, words in check(study):
            at = _file(place, file, flags)
            lines.append((place, f"{_where(at, place)}: {words}" if at else words))
    if lines or study is None:
        raise InputError(*_listed(words for _, words in lines))
    if silent:
        study.model_fields_set.discard("variant")
    return study


def read_part(part: type[P], fields: Mapping[str, Any]) -> P:
    """A part of a study, its defaults where ``fields`` are silent; raises InputError as `read_study` does."""
    try:
        return part.model_validate(fields)
    except ValidationError as problem:
        raise InputError(*_listed(_line(error, None) for error in problem.errors()[:MOST_MISTAKES])) from None


def _listed(lines: Iterable[str]) -> list[str]:
    """A line for each mistake, once, of the first of them."""
    return list(dict.fromkeys(lines))[:MOST_MISTAKES]


def read_study_file(path: Path) -> dict[str, Any]:
    """The fields of a TOML study file; raises InputError when it cannot be read."""
    return dict(open_study_file(path).fields)


def open_study_file(path: Path) -> StudyFile:
    """A TOML study file with its lines; raises InputError when it cannot be read."""
    name = named(str(path))
    try:
        text = files.read_text(files.local(str(path)), MOST_BYTES)
        # The parser's time grows with the square of a key's parts.
        fields = None if _LONG_KEY.search(text) else tomllib.loads(text)
    except RecursionError:
        fields = None
    except (OSError, tomllib.TOMLDecodeError) as problem:
        raise InputError(f"{name}: expected a TOML study file; got {reason(problem)}") from None
    except ValueError:  # the interpreter reads no number of thousands of digits
        raise InputError(f"{name}: {_INTEGER}; got thousands of digits") from None
    if fields is None:
        raise InputError(f"{name}: {_DEEP}")
    file = StudyFile(name, fields, lines_of(text))
    _check_values(file, fields, ())
    return file


def _check_values(file: StudyFile, value: Any, place: Place) -> None:
    """Raise InputError for what TOML allows and no field takes, before anything looks closer at it."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError(f"{_where(file, place)}: {_dotted(place)}: {_INTEGER}; got {given(value)}")
    if isinstance(value, dict | list) and len(place) >= DEEPEST:
        raise InputError(f"{_where(file, place)}: {_DEEP}")
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        _check_values(file, inner, (*place, key))


def lines_of(text: str) -> dict[Place, int]:
    """The line (from 1) of every table and key of a TOML text, e.g. ``("variant", 1, "label")``.

    The standard library's parser knows no positions; a key inside an inline table has those of its table.
    """
    found: dict[Place, int] = {}
    table: Place = ()
    counted: Counter[Place] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = _names(header[2])
            if header[1] == "[[":
                counted[table] += 1
                table = (*table, counted[table] - 1)
            found[table] = number
        elif setting := _SETTING.match(line):
            found.setdefault((*table, *_names(setting[1])), number)
    return found


def _names(key: str) -> Place:
    return tuple(part.strip("\"'") for part in re.findall(_KEY, key))


_STAND_INS: Mapping[str, Any] = {"variant": {"technique": "none"}, "data": "iris", "model": {"source": "a:model"}}
"""What takes the place of a part that is wrong; of a model of the user's own no technique is looked at."""


def _rest(fields: dict[str, Any], mistakes: Iterable[Place]) -> Study | None:
    """The study without the fields that are wrong, so that the others can be looked at; None where that is none."""
    kept: Any = copy.deepcopy(fields)
    for place in mistakes:
        part, listed = place[0] if place else "", len(place) > 1 and isinstance(place[1], int)
        try:
            if part == "model":
                kept["model"] = _STAND_INS["model"]
            elif part in _STAND_INS and listed and place[2:3] in ((), ("technique",), ("location",)):
                kept[part][place[1]] = _STAND_INS[str(part)]
            elif part in _STAND_INS and listed:
                kept[part][place[1]].pop(place[2], None)
            elif len(place) > 1 and isinstance(kept[part], dict):
                kept[part].pop(place[1], None)
            else:
                kept.pop(part, None)
        except (AttributeError, KeyError, IndexError, TypeError):  # gone with an earlier mistake, or no table at all
            kept.pop(part, None)
    kept["variant"] = kept.get("variant") or ([_CONTROL] if kept.get("combine") else default_variants(kept))
    try:
        return Study.model_validate(kept)
    except ValidationError:
        return None


def _file(place: Place, file: StudyFile | None, flags: Mapping[str, Any]) -> StudyFile | None:
    """The file, unless a flag gave the value at ``place``."""
    return None if gave(flags, _field(place)) else file


def _field(place: Place) -> Names:
    return tuple(part for part in place if isinstance(part, str))


def _where(file: StudyFile, place: Place) -> str:
    line = next((file.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in file.lines), None)
    return file.name if line is None else f"{file.name}:{line}"


def _dotted(place: Place) -> str:
    return named(".".join(str(part + 1) if isinstance(part, int) else part for part in place))


def _line(error: Any, file: StudyFile | None) -> str:
    place = error["loc"]
    name = f"{_where(file, place)}: {_dotted(place)}" if file else f"--{flag_of(_field(place)).replace('_', '-')}"
    words = _WORDS.get(error["type"], "{msg}").format(msg=error["msg"], **error.get("ctx", {}))
    value, known = error["input"], ""
    if error["type"] == "literal_error":
        words = words.replace("'", "").replace(" or ", ", ")
        known = _near(value, words.removeprefix("expected one of ").split(", "))
    elif error["type"] == "extra_forbidden":
        part = PARTS[str(place[0]) if len(place) > 1 else ""]
        known = _near(place[-1], [*part.model_fields])
    elif place == ("model",) and isinstance(value, Mapping):
        value = value.get("activation") if "hidden layers" in words else dict(value)
    return f"{name}: {words}; got {given(value)}{known}"


def _near(value: object, names: list[str]) -> str:
    if not value or not isinstance(value, str):
        return ""
    near = [name for name in names if name.startswith(value)]
    return f" (did you mean {near[0]}?)" if near else nearest(value[:100], names)


_WORDS = {
    "literal_error": "expected one of {expected}",
    "extra_forbidden": "expected no such field",
    "value_error": "{error}",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_type": "expected a whole number",
    "int_parsing_size": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than_equal": "expected a number from {ge}",
    "less_than_equal": "expected a number up to {le}",
    "greater_than": "expected a number above {gt}",
    "less_than": "expected a number below {lt}",
    "string_type": "expected text",
    "string_unicode": "expected text that is UTF-8",
    "string_too_long": "expected at most {max_length} characters",
    "too_long": "expected at most {max_length}",
    "tuple_type": "expected a list",
    "model_type": "expected a table",
    "missing": "expected a value",
}
