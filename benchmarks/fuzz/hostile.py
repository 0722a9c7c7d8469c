"""Hostile texts and values, and the ways to damage bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

NAMES = (
    "</script><script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "javascript:alert(1)",
    "{{7*7}}",
    "{% include 'x' %}",
    r"$\frac{1}{0}$ $x$ _a_ ^",
    r"\input{/etc/passwd}",
    '=HYPERLINK("http://evil.example")',
    "a;=1+1",
    "+1",
    "-1+1",
    "@SUM(1)",
    "\tx",
    "|cell|`code`|",
    "[red]red[/red]",
    "[/]",
    "[bold",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\rb",
    "a\nb\x0bc\x85d\u2028e",
    "تنظيم \u202eمعكوس",
    "\u2066x\u2069\u200f",
    "zero\u200bwidth\ufeff",
    "\ud800",
    "\udcff",
    "\ufffe",
    "nul\x00byte",
    "正則化なし",
    "🔥 e\u0301",
    "../../x",
    "/proc/version",
    "~",
    "-",
    "--",
    " ",
    "",
    "nan",
    "None",
    "CON",
    "long " * 2000,
    "x" * 5000,
)
"""Names that are attacks, or just unlucky."""

NUMBERS = (
    "0", "-0", "-1", "1e308", "-1e308", "1e-320", "inf", "-inf", "nan", "NaN", "1e999", "9007199254740993",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 5000, "0x10", "1_000", "1,5", "1e5",
    "٣", "½", "1.7976931348623159e308", "true", "0.1.2", "1e", "+", "4294967296", "0.30000000000000004",
)  # fmt: skip
"""Numbers, or nearly."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1.5, 1e308, float("inf"), float("nan"), "", [],
    {}, [[]], [None], {"": ""}, [{}], "x" * 1000, "\x1b[31m", "\x00", "<script>", "2026-13-45", [1, "a"], "nan",
)  # fmt: skip
"""Values of other types than were expected."""

SIGNS = ('"', "'", '"""', "''", ",", ";", "\t", "\n", "\r\n", "[", "]", "{", "}", "=", "#", ":")
TOKENS = (
    *(text.encode("utf-8", "surrogatepass") for text in (*NAMES, *NUMBERS, *SIGNS)),
    b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80", b"PAR1", b"PK\x03\x04",
    b"[" * 3000,
)  # fmt: skip
"""Bytes to put where others are."""


def mutated(draw: Random, content: bytes, other: bytes = b"") -> bytes:
    """The bytes, damaged in one to four ways; ``other`` is what they may be spliced with."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 4))):
        content = draw.choice(_WAYS)(draw, content, other)
    return content


def flipped(draw: Random, content: bytes) -> bytes:
    """The bytes with one bit changed."""
    if not content:
        return content
    changed = bytearray(content)
    changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(draw: Random, content: bytes) -> tuple[int, int]:
    start = draw.randrange(len(content) + 1)
    return start, min(len(content), start + draw.choice((1, 1, 2, 4, 8, 64, 1000)))


def _written(draw: Random, content: bytes, _other: bytes) -> bytes:
    start, end = _cut(draw, content)
    return content[:start] + draw.choice((draw.randbytes(end - start), b"\x00" * (end - start))) + content[end:]


def _extreme(draw: Random, content: bytes, _other: bytes) -> bytes:
    """A length, an offset or a count of a binary format becomes an extreme one."""
    start, size = draw.randrange(len(content) + 1), draw.choice((1, 2, 4, 8))
    number = draw.choice((0, 1, -1, 2 ** (8 * size - 1) - 1, -(2 ** (8 * size - 1))))
    return content[:start] + number.to_bytes(size, "little", signed=True) + content[start + size :]


def _inserted(draw: Random, content: bytes, _other: bytes) -> bytes:
    start, _ = _cut(draw, content)
    return content[:start] + draw.choice(TOKENS) + content[start:]


def _deleted(draw: Random, content: bytes, _other: bytes) -> bytes:
    start, end = _cut(draw, content)
    return content[:start] + content[end:]


def _repeated(draw: Random, content: bytes, _other: bytes) -> bytes:
    start, end = _cut(draw, content)
    return content[:end] + content[start:end] * draw.choice((1, 2, 100)) + content[end:]


def _truncated(draw: Random, content: bytes, _other: bytes) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _spliced(draw: Random, content: bytes, other: bytes) -> bytes:
    return content[: draw.randrange(len(content) + 1)] + other[draw.randrange(len(other) + 1) :]


def _field(draw: Random, content: bytes, _other: bytes) -> bytes:
    """A word or a number of a text becomes a hostile one."""
    found = [*re.finditer(rb"[\w.-]+", content[:100_000])]
    if not found:
        return content
    word = draw.choice(found)
    return content[: word.start()] + draw.choice(TOKENS) + content[word.end() :]


def _flipped(draw: Random, content: bytes, _other: bytes) -> bytes:
    return flipped(draw, content)


_WAYS: Sequence[Callable[[Random, bytes, bytes], bytes]] = (
    _flipped, _flipped, _written, _extreme, _inserted, _deleted, _repeated, _truncated, _spliced, _field, _field,
)  # fmt: skip


def other_values(draw: Random, tree: Any) -> Any:
    """A tree of lists and tables in which one or two nodes are of another type, gone, or nested deeply."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw.choice((1, 1, 2))):
        nodes = [*_nodes(tree)]
        if not nodes:
            return draw.choice(VALUES)
        parent, key = draw.choice(nodes)
        way = draw.random()
        if way < 0.15:
            del parent[key]
        elif way < 0.25 and isinstance(parent, dict):
            parent[draw.choice(NAMES)] = parent.pop(key)
        elif way < 0.3:
            parent[key] = _deep(draw.choice((10, 400)))
        elif way < 0.5:
            parent[key] = draw.choice((*NAMES, *NUMBERS))
        else:
            parent[key] = draw.choice(VALUES)
    return tree


def _nodes(tree: Any) -> Any:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in [*pairs]:
        yield tree, key
        yield from _nodes(value)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def link(target: str, path: Path) -> None:
    """Make ``path`` a symbolic link."""
    path.symlink_to(target)
