"""Text on its way to people and files: on one line, without tricks and without secrets; the nearest of known names."""

import difflib
import json
import math
import re
import reprlib
from collections.abc import Iterable, Sequence

_NAME = r"[\w.-]*(?:secret|token|passw(?:or)?d|credential|signature|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]*"
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s&;,"'}\])]+)"""
_RULES = (
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"]+@", re.IGNORECASE), r"\1***@"),
    (re.compile(r"(\bAuthorization['\"]?\s*[:=]\s*['\"]?\w+\s+|\bBearer\s+)[\w.~+/=-]+", re.IGNORECASE), r"\1***"),
    (re.compile(rf"(?<![\w.-])(--?{_NAME}\s+)(?!-){_VALUE}", re.IGNORECASE), r"\1***"),
    (re.compile(rf"(?<![\w.-])((?:--?)?{_NAME}['\"]?\s*(?:=|:(?!/))\s*){_VALUE}", re.IGNORECASE), r"\1***"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), "***"),
)


def masked(text: str) -> str:
    """``text`` without the credentials it holds, as far as their form or their name tells."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


_HIDDEN = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
"""Controls, what is invisible or reorders its neighbours, halves of pairs, and what no XML may hold."""
_ASCII_OR_HIDDEN = rf"[\x20-\x7e\u200c\u200d{_HIDDEN}]"
# Joiners belong to Persian, Hindi and emoji; beside ASCII they only hide.
_UNPRINTABLE = re.compile(
    rf"[{_HIDDEN}]|(?:(?<={_ASCII_OR_HIDDEN})|^)[\u200c\u200d]|[\u200c\u200d](?={_ASCII_OR_HIDDEN}|$)"
)


def printable(text: str, keep: str = "\n\t") -> str:
    r"""``text`` with what a terminal would obey or not show made visible: ``\x1b``, ``\u202e``, ``\udcff``.

    Printing it twice changes nothing. ``keep`` are the controls that stay: those of a text of several lines.
    """
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda one: one[0] if one[0] in keep else one[0].encode("unicode_escape").decode(), text)


def json_text(value: object) -> str:
    r"""``value`` as JSON, letters as they are, what is not `printable` as ``\u…``, and null for what is no number."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    return _UNPRINTABLE.sub(lambda one: one[0] if one[0] == "\n" else _escaped(one[0]), text)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _escaped(character: str) -> str:
    halves = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{halves[start : start + 4]}" for start in range(0, len(halves), 4))


def slug(text: str) -> str:
    """``text`` as part of a file name or an address: letters, digits, dots and dashes, at most 60 of them."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:60] or "unnamed"


def capital(text: str) -> str:
    """``text`` made `printable`, as the beginning of a sentence; a name before a colon stays as it is."""
    text = printable(text)
    return text if re.match(r"\S+: ", text) else text[:1].upper() + text[1:]


def listed(names: Sequence[str], most: int = 4) -> str:
    """``A``, ``A and B``, ``A, B and C``, ``A, a; B, b; and C``; beyond ``most`` the rest is counted."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    if len(names) > 2 and any(", " in name for name in names):
        return f"{'; '.join(names[:-1])}; and {names[-1]}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def elide(text: str, width: int) -> str:
    """``text`` made `printable`, on one line, of at most ``width`` characters, the end cut off with an ellipsis."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def between(text: str, width: int) -> str:
    """``text`` as `elide` has it, but cut before its bracket, which tells the members of a sweep apart."""
    line = " ".join(printable(text).split())
    head, bracket, detail = line.rpartition(" (")
    room = width - len(detail) - len(bracket)
    if len(line) <= width or not bracket or room < 6:
        return elide(line, width)
    return f"{elide(head, room)}{bracket}{detail}"


def head_and_detail(label: str, width: int) -> tuple[str, str]:
    """A label of at most ``width`` characters on one line; a longer one is cut before its bracket, if it has one."""
    line = " ".join(printable(label).split())
    head, bracket, detail = line.partition(" (")
    if len(line) <= width or not bracket:
        return elide(line, width), ""
    return elide(head, width), elide(f"({detail}", width + 6)


def nearest(name: str, names: Iterable[str]) -> str:
    """`` (did you mean …?)`` for the name that is most like ``name``; empty when none is."""
    by_lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" (did you mean {by_lower[near[0]]}?)" if near else ""


MOST = 20_000
"""Characters of a text that is kept with results."""


def bounded(text: str, most: int = MOST) -> str:
    """``text`` made `printable`, of at most ``most`` characters: of a longer one the beginning and the end."""
    return _cut(printable(_cut(text, most)), most)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = (most - 60) // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters are left out …\n{text[-half:]}"


def said(problem: object) -> str:
    """What ``problem`` says; an exception of somebody's own may fail at that too."""
    try:
        return str(problem)
    except Exception as worse:  # noqa: BLE001 - whatever its author did
        return f"it cannot say what ({type(worse).__name__})"


def one_line(problem: object, most: int = 300) -> str:
    """What ``problem`` says on one line of at most ``most`` characters."""
    return " ".join(said(problem)[: 100 * most].split())[:most]


def raised(problem: BaseException, most: int = 300) -> str:
    """`one_line` with the kind of exception before it: ``ValueError: …``."""
    return one_line(f"{type(problem).__name__}: {said(problem)}", most)


def reason(problem: object) -> str:
    """Why something failed, a file to be read for one: the first line of what the system said."""
    words = (problem.strerror if isinstance(problem, OSError) else None) or said(problem)
    return next(iter(one_line(line) for line in words.splitlines() if line.strip()), type(problem).__name__)


class _Given(reprlib.Repr):
    """`repr` that ends for what is deep, long or has too many digits."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, number: int, level: int) -> str:  # noqa: ARG002 - called with it
        if number.bit_length() < 128:
            return repr(number)
        return f"{'-' * (number < 0)}{hex(abs(number))[:12]}… ({number.bit_length():,} bits)"


_GIVEN = _Given()


def given(value: object) -> str:
    """What somebody gave, as Python writes it, shortened: on one line of at most 200 characters."""
    text = _GIVEN.repr(value)
    return text if len(text) <= 200 else text[:199] + "…"


def named(location: str) -> str:
    """A place somebody named, as it is where it can be read; quoted where it is long or does not print."""
    return location if location.isprintable() and 0 < len(location) <= 200 else given(location)
