"""How numbers, names and seeds are written, everywhere alike."""

import math

import pytest

from regfleet.analysis import ask
from regfleet.metrics import METRICS, resolve_metric
from regfleet.numbers import Scale, duration, level, number, number_word, rough, seed_list, short, span
from regfleet.settings import Analysis
from regfleet.text import elide, head_and_detail, listed, slug


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (3.25, 1, True, "+3.2"),
        (-3.26, 1, False, "\u22123.3"),
        (-0.04, 1, True, "\u22120.04"),
        (0.00096, 1, False, "0.0010"),
        (-1e-17, 1, True, "0.0"),
        (-0.0, 0, True, "0"),
        (12345.6, 0, False, "12,346"),
        (-9.223e18, 1, True, "\u22129.22e+18"),
        (math.nan, 1, False, "–"),
        (math.inf, 1, True, "–"),
    ],
)
def test_numbers_have_a_real_minus_and_only_zero_is_zero(value, decimals, signed, text):
    """A number is rounded, grouped and signed with a real minus; float noise is zero; what is no number is a dash."""
    assert number(value, decimals, signed=signed) == text


def test_accuracy_is_written_in_percent_and_differences_in_points():
    """Accuracy has one decimal and a percent sign, a difference its sign and no percent."""
    unit = Scale(METRICS["accuracy"])
    assert (unit.full(0.89123), unit.difference(0.0334), unit.points) == ("89.1\u202f%", "+3.3", "points")
    assert unit.from_to(0.031, -0.0352) == "+3.1 to \u22123.5"


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.4321, "r2", "0.432"),
        (-1.5, "r2", "−1.500"),
        (54.1234, "mae", "54.12"),
        (2934.56, "rmse", "2,935"),
        (0.000312, "rmse", "0.00031"),
        (0.0, "rmse", "0.000"),
        (2e-5, "auc", "0.000020"),
        (0.0234, "mse", "0.0234"),
        (0.933, "accuracy", "93.3"),
        (0.0002, "accuracy", "0.02"),
        (-1e-17, "accuracy", "0.0"),
    ],
)
def test_scores_are_written_to_their_size(value, name, text):
    """Fewer decimals for large errors, none rounded away; a percentage has one decimal, or one digit if it is tiny."""
    assert Scale(METRICS[name]).score(value) == text


def test_amounts_have_no_sign_and_differences_have_one():
    """The size of a difference is what a sentence says; the tables show its direction as well."""
    unit = Scale(METRICS["accuracy"])
    assert (unit.amount(-0.0323), unit.change(-0.0323), unit.change(0.0002)) == (
        "3.2 points",
        "\u22123.2 points",
        "+0.02 points",
    )
    assert Scale(METRICS["rmse"]).amount(-54.123) == "54.12"


@pytest.mark.parametrize(
    ("metric", "rope", "text"),
    [
        ("accuracy", None, "±1.0 points"),
        ("accuracy", 0.0004, "±0.04 points"),
        ("rmse", None, "±1\u202f% of the control's mean"),
        ("rmse", 2.5, "±2.500"),
        ("throughput_loss", None, "±1\u202f% of the control's mean"),
    ],
)
def test_the_zone_too_small_to_matter_is_the_resolved_one(metric, rope, text):
    """A study's own ROPE is in units of the metric; that of an error, ours or not, is a share of the control's mean."""
    higher = None if metric in METRICS else False
    question = ask(Analysis(rope=rope), resolve_metric(metric, higher_is_better=higher))
    assert Scale(question.metric).rope == text


def test_settings_and_factors_are_short():
    """No zeros at the end, a real minus, no exponent in a factor on the rows."""
    assert [short(value) for value in (0.05, -1.5, 20.0)] == ["0.05", "\u22121.5", "20"]
    assert [level(alpha) for alpha in (0.05, 0.1, 0.001)] == ["95\u202f%", "90\u202f%", "99.9\u202f%"]
    assert [rough(value) for value in (1.234, 16.2, 130.4, 160_321)] == ["1.2", "16", "130", "160,000"]
    assert [duration(value) for value in (40, 180, 9000)] == ["40 s", "3 min", "2.5 h"]
    assert span(0.128, 19.898) == "0.128 to 19.898"
    assert span(-0.5, 2_480_510) == "-0.5 to 2,480,510"


def test_names_and_counts_read_as_a_person_writes_them():
    """Small numbers are words; long lists are counted."""
    assert [number_word(n) for n in (0, 10, 12, 13)] == ["no", "ten", "twelve", "13"]
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
    assert listed(list("ABCDEF")) == "A, B, C and 3 more"


def test_cross_entropy_is_a_plain_number():
    """A metric that is no share is written as it is."""
    assert Scale(METRICS["cross_entropy"]).full(0.31234) == "0.312"


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
