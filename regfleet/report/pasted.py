"""Code to paste, as the report shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pasted:
    """The plain Keras ``code`` of a variant, called ``label``."""

    label: str
    code: str
