"""What people write where a value is missing, such as `?`, `-` or `n/a`, and when such a mark is a word after all.

An empty cell is always missing. What else is, unless ``--missing`` says it:

- in a column of numbers or dates: every mark that `is_mark` knows, however it is capitalised;
- in a column of texts: the marks that nobody takes for a word (`?`, `-`, `nan`, `n/a`, `NA`, `null`, `missing`), and
  neither `None` nor `unknown`, which may be an answer;
- there, a mark that looks like the other values is one of them: `NA` among `EU`, `SA` and `AS`, `-` beside `+`; and so
  is `missing` beside a single other value, such as `found`.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SIGNS = re.compile(r"[?.\-‐-―−_…]+|\((empty|blank|null|none|missing|na)\)|[<\[](na|nan|null|none|missing)[>\]]")
"""Marks without letters, and those in brackets."""
ERRORS = re.compile(
    r"#(n/?a( n/a)?|null!|div/0!|value!|ref!|name\?|num!|error!)|\\n|[+-]?1\.#(qnan|ind)|[+-]?nan|nat"
    r"|0000-00-00( 00:00:00)?"
)
"""What spreadsheets, databases and programs write."""
EMPTY = {
    "na",
    "n/a",
    "n.a.",
    "n. a.",
    "null",
    "missing",
    "not available",
    "not applicable",
    "k. a.",
    "k.a.",
    "keine angabe",
}
"""Words that say in a column of texts, too, that there is no value."""
WORDS = {*EMPTY, "none", "nil", "unknown", "undefined", "unbekannt", "inconnu", "desconocido", "nd", "n.d.", "n/d"}
"""Words that say so in a column of numbers or dates."""
NAMES = {"Na", "Nan", "Null", "Nat", "NAT", "nat"}
"""Marks that are somebody's name, or a substance's, when they are written like that in a column of texts."""
SYMBOLS = re.compile(r"[^\w\s]+")
CODE = re.compile(r"[A-Z]{2,3}")


def is_mark(text: str) -> bool:
    """Whether a text means in a column of numbers or dates that the value is missing."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split()).casefold()
    return plain in WORDS or SIGNS.fullmatch(plain) is not None or ERRORS.fullmatch(plain) is not None


def is_empty(text: str, others: Collection[str]) -> bool:
    """Whether a mark means so in a column of texts, which holds ``others`` beside its marks."""
    plain = " ".join(text.split()).casefold()
    if text in NAMES or (plain in WORDS and plain not in EMPTY):
        return False
    if text == "NA":
        codes = sum(CODE.fullmatch(other) is not None for other in others)
        return len(others) < 2 or codes < 0.9 * len(others)
    if plain in {"missing", "null"}:
        return len(others) > 1
    return text.strip("?.-‐‑‒–—―−_…") != "" or not any(SYMBOLS.fullmatch(other) for other in others)


def marks(texts: "pd.Series", given: Sequence[str] | None) -> "pd.Series":
    """bool, whether each of the different ``texts`` of a column means that a number or date is missing.

    ``given`` are the texts that do, as the user says; None leaves it to the rules above.
    """
    import pandas as pd

    found = [text in given for text in texts] if given is not None else [is_mark(text) for text in texts]
    return pd.Series(found, texts.index, dtype=bool)


def empty(texts: "pd.Series", given: Sequence[str] | None) -> "pd.Series":
    """The same of a column of texts."""
    found = marks(texts, given)
    if given is not None or not found.any():
        return found
    others = [*texts[~found]]
    return found & texts.where(found, "x").map(lambda text: is_empty(text, others)).astype(bool)
