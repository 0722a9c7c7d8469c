"""How lines of code are written: quoted, commented, broken where they are long."""

from __future__ import annotations

import json
from textwrap import wrap

from regfleet.text import printable

WIDTH = 100
"""Characters of a line of code, above which a call is broken."""


def quoted(text: str) -> str:
    """``text`` as a literal of Python."""
    return json.dumps(text)


def comment(text: str) -> list[str]:
    """``text`` as comments, whatever line breaks a name in it has."""
    return wrap(printable(" ".join(text.split())), WIDTH, initial_indent="# ", subsequent_indent="# ")


def broken(line: str) -> str:
    """``line``, or where it is too long its outermost call, or list, with an argument a line."""
    parts = _parts(line) if len(line) > WIDTH and not line.lstrip().startswith("#") else []
    if len(parts) < 3:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    first, *inner, last = parts
    return "\n".join([first, *(broken(f"{indent}    {part},") for part in inner), indent + last])


def _parts(line: str) -> list[str]:
    """What comes up to the first bracket, what stands in it between commas, and the rest; empty for no list."""
    found: list[str] = []
    depth, start, quote = 0, 0, ""
    for place, mark in enumerate(line):
        if quote or mark in "\"'":
            quote = quote if quote and mark != quote else "" if quote else mark
            continue
        depth += (mark in "([{") - (mark in ")]}")
        opens, closes = depth == 1 and mark in "([{", not depth and mark in ")]}"
        if opens or closes or (depth == 1 and mark == ","):
            part = line[start : place + opens].rstrip() if opens else line[start:place].strip()
            found.append(part)
            start = place + (not closes)
        if closes:
            break
    return [] if any(" for " in part for part in found[1:]) else [*found, line[start:]]
