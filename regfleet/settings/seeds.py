"""Seeds as people write them."""

import re
from collections.abc import Sequence

from regfleet.text import given

MAX_SEEDS = 1_000_000
_NUMBER = re.compile(r"[0-9]{1,19}")
_SPAN = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")


def parse_seeds(value: object) -> object:
    """Seeds from ``10`` (0 to 9), ``A-B`` (both ends), ``a,b,c`` or a list of numbers, which is left as it is.

    ``auto`` gives none: the study adds seeds from 0 on until the answer is clear.
    """
    if isinstance(value, list | tuple | range):
        if not value:
            raise ValueError("expected at least one")
        if len(value) > MAX_SEEDS:
            raise ValueError(f"expected at most {MAX_SEEDS:,} seeds")
        return tuple(value)
    text = value.replace(" ", "") if isinstance(value, str) else given(value)
    if text == "auto":
        return ()
    if _NUMBER.fullmatch(text):
        spans = [(0, int(text) - 1)]
    else:
        found = [_SPAN.fullmatch(part) for part in text.split(",")]
        spans = [(int(span[1]), int(span[2] or span[1])) if span else (0, -1) for span in found]
    if any(low > high for low, high in spans):
        raise ValueError("expected a number of seeds from 1, a range A-B, a list a,b,c, or auto")
    if sum(high - low + 1 for low, high in spans) > MAX_SEEDS:
        raise ValueError(f"expected at most {MAX_SEEDS:,} seeds")
    return tuple(seed for low, high in spans for seed in range(low, high + 1))


def each_once(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """The seeds in order, each once."""
    return tuple(sorted(set(seeds)))


def seeds_text(seeds: Sequence[int]) -> str:
    """The shortest text that `parse_seeds` reads back, e.g. ``0-9,20``; ``auto`` for none."""
    if not seeds:
        return "auto"
    spans: list[list[int]] = []
    for seed in sorted(seeds):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    # A lone number would be read as a count, so a single seed is written as a range.
    return ",".join(f"{low}-{high}" if high > low or len(spans) == 1 else str(low) for low, high in spans)
