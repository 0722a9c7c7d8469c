"""Places in models of the user's own."""

import pytest

from regfleet.errors import InputError
from regfleet.settings.values import ModelSpec
from regfleet.techniques import parse_techniques


def test_a_layer_in_a_model_inside_the_model_is_a_place():
    """A name with a slash is that of a layer in a nested model; its canonical place is its number."""
    model = ModelSpec((), (), "net:build", ("body/dense", "head"))
    ((technique,),) = parse_techniques("l2(0.1)@body/dense", model).combinations
    assert str(technique) == "l2(0.1)@first"


@pytest.mark.parametrize("place", ["all", "first", "1", "dense"])
def test_a_model_without_hidden_layers_has_no_place_but_its_input(place):
    """A penalty on nothing would be a control under another name."""
    model = ModelSpec((), (), "net:build")
    assert parse_techniques("dropout(0.1)@input", model).combinations
    with pytest.raises(InputError, match="has no hidden layer with a kernel; got @"):
        parse_techniques(f"l2@{place}", model)
