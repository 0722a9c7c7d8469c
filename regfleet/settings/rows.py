"""Shares of the training rows as people write them."""

import re
from collections.abc import Sequence
from typing import Any

from regfleet.numbers import exact

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%?")
EXPECTED = "expected percents of the training rows from 1 to 100, one of them below, such as 25,50,100%"


def parse_rows(value: Any) -> Any:
    """The percents below 100 of ``25,50,100%``, or of a list, ascending and each once; 100 always counts.

    Raises ValueError for anything else.
    """
    many = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    if not many:
        return ()
    found = set()
    for one in many:
        match = _SHARE.fullmatch(str(one).strip()) if isinstance(one, str | int | float) else None
        if isinstance(one, bool) or not match or not 1 <= float(match[1]) <= 100:
            raise ValueError(EXPECTED)
        found.add(float(match[1]))
    below = tuple(sorted(found - {100.0}))
    if not below:
        raise ValueError(EXPECTED)
    return below


def rows_text(percents: Sequence[float]) -> str:
    """The text that `parse_rows` reads back, with all rows at its end: ``25,50,100%``; empty for none."""
    return ",".join([*map(exact, percents), "100%"]) if percents else ""
