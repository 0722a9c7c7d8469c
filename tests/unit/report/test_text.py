"""How numbers and names are written."""

import math

import pytest

from regfleet.metrics import METRICS
from regfleet.report.text import number, scale_of, seed_list
from regfleet.text import clean, elide, head_and_detail, slug


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (3.25, 1, True, "+3.2"),
        (-3.26, 1, False, "\u22123.3"),
        (-0.04, 1, True, "0.0"),
        (12345.6, 0, False, "12,346"),
        (math.nan, 1, False, "–"),
        (math.inf, 1, True, "–"),
    ],
)
def test_numbers_have_a_real_minus_and_no_signed_zero(value, decimals, signed, text):
    """A number is rounded, grouped and signed with a real minus; what is no number is a dash."""
    assert number(value, decimals, signed=signed) == text


def test_accuracy_is_written_in_percent_and_differences_in_points():
    """Accuracy has one decimal and a percent sign, a difference its sign and no percent."""
    unit = scale_of(METRICS["accuracy"])
    assert (unit.full(0.89123), unit.difference(0.0334), unit.points) == ("89.1\u202f%", "+3.3", "points")
    assert unit.from_to(0.031, -0.0352) == "+3.1 to \u22123.5"


def test_cross_entropy_is_a_plain_number():
    """A metric that is no share is written as it is."""
    assert scale_of(METRICS["cross_entropy"]).full(0.31234) == "0.312"


def test_clean_drops_what_reorders_text_or_breaks_xml():
    """Bidirectional controls, C0 controls and lone surrogates go; letters of every script and emoji stay."""
    assert clean("a\u202eb\u2066c\x00d\ud800e\u200ff") == "abcdef"
    assert clean("正則化 🔥 تنظيم λ\n\t") == "正則化 🔥 تنظيم λ\n\t"


def test_elide_cuts_at_the_width():
    """A long label ends in an ellipsis and is no longer than asked."""
    assert elide("abc def", 7) == "abc def"
    assert elide("abc def g", 7) == "abc de…"


def test_long_labels_split_before_their_bracket():
    """What is too long for a line gives its parameters up to a second one."""
    assert head_and_detail("L2, all layers (λ = 0.01)", 30) == ("L2, all layers (λ = 0.01)", "")
    assert head_and_detail("L2, all layers (λ = 0.01)", 20) == ("L2, all layers", "(λ = 0.01)")


def test_seed_lists_join_runs():
    """Neighbouring seeds are written as a range."""
    assert seed_list([4, 0, 1, 2, 9, 2]) == "0–2, 4, 9"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "", "正則化", "A B", ".hidden", "x" * 300])
def test_slugs_are_safe_file_names(name):
    """No name leads out of its folder, is hidden, empty or too long."""
    made = slug(name)
    assert 0 < len(made) <= 60
    assert not made.startswith(".")
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
