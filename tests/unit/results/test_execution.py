"""How a fit was executed, as a text in a table and back."""

import pytest

from regfleet.trials import Execution

TEXTS = {
    "graph": Execution("graph"),
    "xla": Execution("xla"),
    "keras": Execution("keras"),
    "graph, seeds stacked": Execution("graph", stacked=True),
    "keras (not traceable: ValueError: no (such) shape)": Execution("keras", untraceable="ValueError: no (such) shape"),
    "xla (one by one: ValueError: one network fills the device)": Execution(
        "xla", unstacked="ValueError: one network fills the device"
    ),
    "keras (not traceable: A: b) (one by one: C: d)": Execution("keras", untraceable="A: b", unstacked="C: d"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_and_value_are_the_same(text):
    """Results of every version have these texts in their column `execution`; each is read as what it says."""
    assert str(TEXTS[text]) == text
    assert Execution.read(text) == TEXTS[text]


@pytest.mark.parametrize("text", ["", "made up", "graph, seeds"])
def test_another_text_is_no_execution(text):
    """A failed trial's empty text, or what another tool wrote, is nothing."""
    assert Execution.read(text) is None
