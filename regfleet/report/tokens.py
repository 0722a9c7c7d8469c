"""The report's colours, once: for the style sheet, for the figures and for the contrast test.

Colour means role (training, validation, control, verdict), never technique: that is what scales to forty variants.
"""

from types import MappingProxyType

TOKENS = MappingProxyType(
    {
        "bg": ("#ffffff", "#0f1216"),
        "surface": ("#f5f6f8", "#171b21"),
        "raised": ("#ffffff", "#1c2129"),
        "fg": ("#171a1f", "#e7eaee"),
        "muted": ("#535a65", "#a7afbb"),
        "line": ("#d9dde3", "#2c333d"),
        "line-strong": ("#7d8592", "#727c8a"),
        "link": ("#0a56b0", "#82b8ff"),
        "train": ("#b45309", "#f0a35c"),
        "validation": ("#0b62b3", "#69b1ff"),
        "ghost": ("#7c8490", "#7f8896"),
        "better": ("#0b5c45", "#5feebc"),
        "better-bg": ("#e2f4ee", "#0f2f28"),
        "worse": ("#c4200f", "#ff6f63"),
        "worse-bg": ("#fdebe9", "#3a1916"),
        "neutral": ("#535a65", "#a7afbb"),
        "neutral-mark": ("#848b97", "#7f8896"),
        "neutral-bg": ("#eef0f3", "#232932"),
        "warn": ("#855400", "#f0c25a"),
        "warn-bg": ("#fff3d1", "#332808"),
        "c1": ("#7b1285", "#e95bb0"),
        "c2": ("#171a1f", "#e7eaee"),
        "c3": ("#0a7c86", "#4fd0d9"),
        "c4": ("#7a6400", "#d8c04a"),
        "c5": ("#6b7280", "#9aa3b0"),
    }
)
"""Name of the token → its colour on light and on dark ground."""

LIGHT = MappingProxyType({name: light for name, (light, _) in TOKENS.items()})
_NAME_OF = {light: name for name, (light, _) in reversed(list(TOKENS.items()))}


def style_sheet() -> str:
    """The tokens as CSS custom properties; browsers without ``light-dark()`` get the light ones."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in TOKENS.items())
    both = "".join(f"--{name}:light-dark({pair[0]},{pair[1]});" for name, pair in TOKENS.items())
    return f":root{{{light}}}@supports(color:light-dark(red,red)){{:root{{{both}}}}}"


def variable(colour: str) -> str:
    """``var(--token,#hex)`` for the light colour of a token, so that a figure follows the theme."""
    return f"var(--{_NAME_OF[colour]},{colour})"


def is_token(colour: str) -> bool:
    """Whether ``colour`` (lower-case hex) is the light colour of a token."""
    return colour in _NAME_OF
