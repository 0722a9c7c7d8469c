"""Text that reaches people: what a terminal would obey, or not show, is made visible."""

import json
import math
import sys
import unicodedata

import pytest

from regfleet.text import json_text, listed, printable


def test_controls_are_visible():
    """Each control character, lone surrogate and line separator but newline and tab has a visible form of its own."""
    obeyed = [
        character
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(character := chr(number)) in {"Cc", "Cs", "Zl", "Zp"} and character not in "\n\t"
    ]
    shown = [printable(character) for character in obeyed]
    assert all(text.isascii() and text.isprintable() and text.startswith("\\") for text in shown)
    assert len(set(shown)) == len(obeyed)


def test_marks_of_direction_are_visible():
    """Each mark of direction and what has no width is shown as Python would write it."""
    directed = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    marks = [chr(n) for n in range(0x10000) if unicodedata.bidirectional(chr(n)) in directed]
    assert len(marks) == len(directed)
    for character in (*marks, *"\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad\U000e0041"):
        assert printable(f"a{character}b") == f"a{character.encode('unicode_escape').decode()}b"


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Größe",
        "中文",
        "עברית",
        "λ\u00a0=\u00a00.01",
        "12\u202f%",
        "👍",
        "👩\u200d💻",
        "می\u200cخواهم",
        "a\nb\tc",
        "",
    ],
)
def test_letters_stay(text: str):
    """What people write in any script stays as it is."""
    assert printable(text) == text


def test_escape_sequences_are_visible():
    """An escape sequence is seen whole; a second time changes nothing; one line has no line breaks."""
    text = "\x1b]0;title\x07\x1b[2J\r\x9b31m\udcff\x00"
    assert printable(text) == r"\x1b]0;title\x07\x1b[2J\r\x9b31m\udcff\x00"
    assert printable(printable(text)) == printable(text)
    assert printable("a\nb\tc", keep="") == r"a\nb\tc"


def test_json_has_null_for_what_is_no_number():
    """As JSON knows no other numbers, which strict readers refuse; letters stay, and what does not print is escaped."""
    text = json_text({"a": math.nan, "b": (1.5, -math.inf, {"c": "Größe\u202e"})})
    assert "Größe\\u202e" in text
    assert json.loads(text, parse_constant=pytest.fail) == {"a": None, "b": [1.5, None, {"c": "Größe\u202e"}]}


def test_names_with_commas_are_told_apart():
    """By semicolons, where there are more than two names."""
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
    assert listed(["L1, all layers", "L2, all layers"]) == "L1, all layers and L2, all layers"
    assert listed(["None", "L1, all layers", "Dropout"]) == "None; L1, all layers; and Dropout"
    assert listed(["None", "L1, all layers", "A", "B", "C"], 4) == "None; L1, all layers; A; and 2 more"
