"""From flags and files to a study, every mistake reported at once, by name and where it stands."""

import copy
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from regfleet.errors import InputError
from regfleet.settings.defaults import default_variants
from regfleet.settings.fields import AnalysisFields, DataFields, ModelFields, StudyFields, TrainingFields, VariantFields
from regfleet.settings.study import Study
from regfleet.text import nearest

Place = tuple[str | int, ...]
Check = Callable[[Study], Iterable[tuple[Place, str]]]
"""Finds what only other stages can see: the field, and the one line that says what is wrong with its value."""

_PARTS: Mapping[str, type[BaseModel]] = {
    "": StudyFields,
    "data": DataFields,
    "model": ModelFields,
    "training": TrainingFields,
    "analysis": AnalysisFields,
    "variant": VariantFields,
}
_FLAGS = {
    "model.hidden": "model",
    "model.source": "model",
    "model": "model",
    "variant": "technique",
    "data.location": "data",
}
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]\]?\s*(?:#.*)?")
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
    """A study from nested fields, the article's where they are silent.

    ``source`` is the file they come from; without it, and for what ``flags`` hold, errors name command-line flags.
    ``check`` looks at the fields that are right by themselves. Raises InputError with one line for each bad field.
    """
    file = StudyFile(source, {}) if isinstance(source, str) else source
    fields = dict(fields)
    if not fields.get("variant"):
        fields["variant"] = default_variants(fields)
    lines: list[tuple[Place, str]] = []
    try:
        study: Study | None = Study.model_validate(fields)
    except ValidationError as problem:
        mistakes = problem.errors()
        lines = [(mistake["loc"], _line(mistake, _file(mistake["loc"], file, flags))) for mistake in mistakes]
        study = _rest(fields, [mistake["loc"] for mistake in mistakes]) if check else None
    if study and check:
        for place, words in check(study):
            at = _file(place, file, flags)
            lines.append((place, f"{_where(at, place)}: {words}" if at else words))
    if lines or study is None:
        raise InputError("\n".join(dict.fromkeys(words for _, words in lines)))
    return study


def read_analysis(fields: Mapping[str, Any]) -> AnalysisFields:
    """What the analysis is asked, the default where ``fields`` are silent; raises InputError as `read_study` does."""
    try:
        return AnalysisFields.model_validate(fields)
    except ValidationError as problem:
        raise InputError("\n".join(_line(error, None) for error in problem.errors())) from None


def read_study_file(path: Path) -> dict[str, Any]:
    """The fields of a TOML study file; raises InputError when it cannot be read."""
    return dict(open_study_file(path).fields)


def open_study_file(path: Path) -> StudyFile:
    """A TOML study file with its lines; raises InputError when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return StudyFile(str(path), tomllib.loads(text), lines_of(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        msg = f"{path}: expected a TOML study file; got {problem}"
        raise InputError(msg) from None


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


def merge(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a study file with those flags that were given (are not None) in their place.

    What ``flags["columns"]`` says of columns goes to every data set; one kind of model takes the other's place.
    """
    flags = dict(flags)
    columns = {name: value for name, value in (flags.pop("columns", None) or {}).items() if value}
    merged = _merged(file, flags)
    if columns:
        given = merged.get("data", ["iris"])
        merged["data"] = [
            ({"location": one} if isinstance(one, str) else dict(one)) | columns
            for one in ([given] if isinstance(given, str | dict) else given)
        ]
    model, asked = dict(merged.get("model", {})), flags.get("model") or {}
    for mine, others in (("source", ("hidden", "activation")), ("hidden", ("source", "keep_weights"))):
        if asked.get(mine):
            for name in (*others, "layers", "fingerprints"):
                if not asked.get(name):
                    model.pop(name, None)
            merged["model"] = model
    return merged


def _merged(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(file)
    for name, given in flags.items():
        there = file.get(name, {})
        value = _merged(there if isinstance(there, dict) else {}, given) if isinstance(given, dict) else given
        if value is not None and value != {}:
            merged[name] = value
    return merged


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
    kept["variant"] = kept.get("variant") or default_variants(kept)
    try:
        return Study.model_validate(kept)
    except ValidationError:
        return None


def _file(place: Place, file: StudyFile | None, flags: Mapping[str, Any] | None) -> StudyFile | None:
    """The file, unless a flag gave the value at ``place``."""
    node: Any = flags or {}
    if place[:1] == ("data",) and place[-1:] != ("location",) and (node.get("columns") or {}).get(place[-1]):
        return None
    for part in place:
        if not isinstance(node, dict):
            return None
        node = node.get(part)
        if node is None:
            return file
    given = any(value is not None for value in node.values()) if isinstance(node, dict) else True
    return None if given and place else file


def _where(file: StudyFile, place: Place) -> str:
    line = next((file.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in file.lines), None)
    return file.name if line is None else f"{file.name}:{line}"


def _line(error: Any, file: StudyFile | None) -> str:
    place = error["loc"]
    dotted = ".".join(str(part) for part in place if not isinstance(part, int))
    flag = _FLAGS.get(dotted, str(dotted.rpartition(".")[2] or "study")).replace("_", "-")
    named = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    name = f"{_where(file, place)}: {named}" if file else f"--{flag}"
    words = _WORDS.get(error["type"], "{msg}").format(msg=error["msg"], **error.get("ctx", {}))
    given, known = error["input"], ""
    if error["type"] == "literal_error":
        words = words.replace("'", "").replace(" or ", ", ")
        known = _near(given, words.removeprefix("expected one of ").split(", "))
    elif error["type"] == "extra_forbidden":
        part = _PARTS[str(place[0]) if len(place) > 1 else ""]
        known = _near(place[-1], [*part.model_fields])
    elif dotted == "model" and isinstance(given, Mapping):
        given = given.get("activation") if "hidden layers" in words else dict(given)
    return f"{name}: {words}; got {given!r}{known}"


def _near(given: object, names: list[str]) -> str:
    near = [name for name in names if given and name.startswith(str(given))]
    return f" (did you mean {near[0]}?)" if near else nearest(str(given), names)


_WORDS = {
    "literal_error": "expected one of {expected}",
    "extra_forbidden": "expected no such field",
    "value_error": "{error}",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_type": "expected a whole number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "greater_than_equal": "expected a number from {ge}",
    "less_than_equal": "expected a number up to {le}",
    "greater_than": "expected a number above {gt}",
    "less_than": "expected a number below {lt}",
    "string_type": "expected text",
    "tuple_type": "expected a list",
    "model_type": "expected a table",
    "missing": "expected a value",
}
