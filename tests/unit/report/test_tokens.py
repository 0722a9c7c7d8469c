"""The report's colours."""

import pytest

from regfleet.report.tokens import TOKENS


def luminance(colour):
    """WCAG's relative luminance of a hex colour."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    """WCAG's contrast ratio."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TEXTS = [
    *((text, ground) for text in ("fg", "muted", "link") for ground in ("bg", "surface", "raised")),
    *((text, "bg") for text in ("train", "validation", "better", "worse")),
    *((word, f"{word}-bg") for word in ("better", "worse", "neutral", "warn")),
    ("fg", "neutral-bg"),
]
MARKS = [
    *((mark, "bg") for mark in ("train", "validation", "ghost", "line-strong", "neutral-mark")),
    *((f"c{n}", "raised") for n in range(1, 6)),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_tokens_have_contrast(theme):
    """Text reaches 4.5 to 1 and marks 3 to 1 on every ground they stand on."""
    for needed, pairs in ((4.5, TEXTS), (3.0, MARKS)):
        poor = [(a, b) for a, b in pairs if contrast(TOKENS[a][theme], TOKENS[b][theme]) < needed]
        assert not poor
