"""The grammar that names techniques."""

import pytest

from regfleet.errors import InputError
from regfleet.settings.values import ModelSpec, Technique
from regfleet.techniques import TECHNIQUES, describe_techniques, parse_techniques

ARTICLE = ModelSpec((512, 256, 128, 64, 32), ("tanh", "tanh", "tanh", "tanh", "relu"))


def only(text: str) -> tuple[Technique, ...]:
    """The one combination that the text stands for."""
    (combination,) = parse_techniques(text, ARTICLE).combinations
    return combination


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("l2(0.01)@all", "l2(0.01)@all"),
        ("l2", "l2(0.01)@all"),
        ("l2(1e-2)@1,2,3,4,5", "l2(0.01)@all"),
        ("l1@dense_1", "l1(0.01)@first"),
        ("l1(1e+3)@first", "l1(1000)@first"),
        ("dropout(0.5,0.5,0.5,0.3)", "dropout(0.5,0.5,0.5,0.3)@1,2,3,4"),
        ("batchnorm@3,2", "batchnorm(0.99)@2,3"),
        ("dropout(.2)@input", "dropout(0.2)@input"),
        (" l2( 1e-3 ) + dropout( 0.3 )@2 ", "l2(0.001)@all+dropout(0.3)@2"),
    ],
)
def test_equal_techniques_have_one_spelling(text, canonical):
    """However a technique is written, its canonical text says the same thing one way."""
    assert "+".join(map(str, only(text))) == canonical


def test_canonical_text_reads_back():
    """A canonical text stands for the technique it was made from."""
    text = "l1(0.001)@first+batchnorm(0.9)@all+dropout(0.5,0.25)@2,4"
    assert "+".join(map(str, only(text))) == text


def test_sweep_makes_every_combination_in_the_order_written():
    """A list of values is a family; two lists give their product."""
    sweep = parse_techniques("l2(1e-4|1e-3)+dropout(0.3|0.5)@1", ARTICLE)
    assert [(a.values, b.values) for a, b in sweep.combinations] == [
        ((1e-4,), (0.3,)),
        ((1e-4,), (0.5,)),
        ((1e-3,), (0.3,)),
        ((1e-3,), (0.5,)),
    ]
    assert sweep.family == "l2(1e-4|1e-3)+dropout(0.3|0.5)@1"
    assert parse_techniques("l2(1e-4)", ARTICLE).family is None


def test_none_is_the_empty_combination():
    """The text none stands for no technique at all."""
    assert only("none") == ()
    assert describe_techniques((), ARTICLE) == "No regularization"


def test_labels_are_words():
    """A label names technique, place and values for people."""
    assert describe_techniques(only("l2(0.001)@1,2,3+batchnorm@2,4"), ARTICLE) == (
        "L2, layers 1–3 (λ = 0.001) + Batch norm, layers 2 and 4"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dropuot(0.5)", "got 'dropuot' (did you mean dropout?)"),
        ("dropout(1.5)", "dropout: expected rate in (0, 1); got 1.5"),
        ("dropout(1)", "dropout: expected rate in (0, 1); got 1"),
        ("l2(-1)", "l2: expected strength in (0, inf); got -1"),
        ("l2(nan)", "expected a number between the brackets of 'l2(nan)'; got 'nan'"),
        ("l2(1e39)", "which single precision carries; got '1e39'"),
        ("l2(" + "|".join(map(str, range(1, 1002))) + ")", "expected at most 1,000 combinations; got 1,001"),
        ("l2(" + "1" * 4000 + ")", "expected at most 4,000 characters; got 4,004"),
        ("l2(1e-4|-1)", "l2: expected strength in (0, inf); got -1"),
        ("l2@7", "a number from 1 to 5"),
        ("l2@dense_9", "got @dense_9"),
        ("l2@input", "l2: expected a hidden layer as place"),
        ("l2(a)", "expected a number between the brackets of 'l2(a)'"),
        ("l2(1,2)", "l2: expected at most 1 value (strength)"),
        ("dropout(.1,.2,.3)@1,2", "dropout: expected one value per layer of @1,2 (2)"),
        ("l2@1,1", "expected each layer once"),
        ("l2+l2", "expected each technique once at a place"),
        ("l2((", "expected name(value,…)@place"),
        ("", "expected name(value,…)@place"),
    ],
)
def test_what_cannot_be_read_is_named(text, complaint):
    """Every mistake says what was expected and what was given."""
    with pytest.raises(InputError) as caught:
        parse_techniques(text, ARTICLE)
    assert complaint in str(caught.value)


def test_every_technique_declares_defaults_in_its_own_range():
    """What `regfleet techniques` prints as default is accepted by the grammar."""
    for name, definition in TECHNIQUES.items():
        assert all(parameter.accepts(parameter.default) for parameter in definition.parameters)
        (found,) = (one for one in only(f"{name}+{definition.needs}".strip("+")) if one.name == name)
        assert found.values == tuple(parameter.default for parameter in definition.parameters)
