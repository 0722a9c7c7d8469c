"""What a setting of a study declares beside its type: its meaning, its flag and keyword, how it is worded."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Optional, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, create_model, field_validator


@dataclass(frozen=True, slots=True)
class Setting:
    """A field that a flag of the command line and a keyword of `regfleet.compare` give.

    ``metavar`` stands for its value in help texts; empty: a switch. ``flag`` names both where the field's name does
    not, ``short`` is a short flag. ``repeatable`` flags add up. ``default`` says in words what is used otherwise, where
    the default's own text does not. ``example`` stands in a study file that leaves the field out. ``panel`` of the help
    is the part's own unless given. ``label`` words the value in the label of a variant that has one of its own.
    """

    metavar: str = ""
    flag: str = ""
    short: str = ""
    repeatable: bool = False
    default: str = ""
    example: Any = None
    panel: str = ""
    label: str = ""


INEXACT = 2**53
"""From here on a float stands for several whole numbers."""
MOST = 4_000
"""Characters of a text of a study: enough for a signed URL."""


class Part(BaseModel):
    """A table of a study file. The docstring of a field is its meaning in every place that shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    panel: ClassVar[str] = ""

    @field_validator("*")
    @classmethod
    def _writable(cls, value: Any) -> Any:
        """No text that neither a file's name nor a file can hold, and none without end."""
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, str) and re.search("[\0\ud800-\udfff]", one):
                raise ValueError("expected text without NUL and halves of characters")
            if isinstance(one, str) and len(one) > MOST:
                raise ValueError(f"expected at most {MOST:,} characters")
        return value

    @field_validator("*", mode="wrap")
    @classmethod
    def _exact(cls, value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        """No truth value counts as a number, and no float as a whole number that it may not hold."""
        found = read(value)
        given, taken = ({type(one) for one in _items(values)} for values in (value, found))
        if bool in given and bool not in taken:
            raise ValueError("expected no truth value")
        if float in given and int in taken and max(map(abs, _items(found))) >= INEXACT:
            raise ValueError("expected a whole number written as one")
        return found

    @classmethod
    def declared(cls) -> dict[str, Setting]:
        """How each field is asked for, of those that have a flag."""
        return {
            name: one for name, field in cls.model_fields.items() for one in field.metadata if isinstance(one, Setting)
        }


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


P = TypeVar("P", bound=Part)


def with_optional(other: type[Part]) -> Callable[[type[P]], type[P]]:
    """The decorator of a part that has every field of ``other`` too, each of them optional."""

    def extended(part: type[P]) -> type[P]:
        fields: dict[str, Any] = {}
        for name, field in other.model_fields.items():
            constraints = [one for one in field.metadata if not isinstance(one, Setting)]
            kind: Any = Annotated[field.annotation, *constraints] if constraints else field.annotation
            fields[name] = (Optional[kind], Field(None, description=field.description))  # noqa: UP045 – a variable
        return create_model(part.__name__, __base__=part, __module__=part.__module__, __doc__=part.__doc__, **fields)

    return extended
