"""How techniques that are to be combined are written: ``l2=.001,dropout(0.3)@first,batchnorm``."""

import re
from typing import Any

_COMMA = re.compile(r",(?![^()]*\))")
_VALUE = re.compile(r"(?<![\w.:])([A-Za-z_][\w.:]*)=([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(?![\w.])")


def parse_combine(value: Any) -> Any:
    """The text of each technique. A list has them as they are; of one text a number alone belongs to the place before.

    ``name=value`` is another way to write ``name(value)``.
    """
    if isinstance(value, str):
        value = _parts(re.sub(r"\s+", "", value))
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        return value
    if not all(one.strip() for one in value):
        raise ValueError("expected techniques with a comma between two of them")
    return tuple(_VALUE.sub(r"\1(\2)", one.strip()) for one in value)


def _parts(text: str) -> list[str]:
    found: list[str] = []
    for part in _COMMA.split(text):
        if found and "@" in found[-1] and part.isdecimal():
            found[-1] += f",{part}"
        else:
            found.append(part)
    return found
