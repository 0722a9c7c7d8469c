"""Secrets out of what is written down: credentials in URLs, flags, assignments and headers become ``***``."""

import re

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
