"""The Python API, from a script as a user writes it."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest

import regfleet
from regfleet.api import _located, _model
from regfleet.errors import InputError
from regfleet.settings.training import Optimizer


def test_data_in_memory_may_be_a_frame_or_arrays():
    """A frame with the target's name, a frame and a target, and a pair of arrays give the same data set."""
    frame = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7, "y": ["u", "v"] * 20})
    columns = {"drop": (), "categorical": (), "group": None, "time": None, "task": None}
    pairs = [(frame, "y"), (frame[["a", "b"]], frame["y"]), ((frame[["a", "b"]].to_numpy(), frame["y"]), None)]
    for data, target in pairs:
        names, found = _located(data, "mine", target, None, columns)
        assert names == ["mine"]
        np.testing.assert_array_equal(found["mine"].features, frame[["a", "b"]].to_numpy())
        assert found["mine"].classes == ("u", "v")
    assert _located("a.csv", "mine", "y", None, columns) == (["a.csv"], None)
    assert _located(["iris", "wine"], "mine", None, None, columns) == (["iris", "wine"], None)


@pytest.mark.parametrize("model", [[8, 4], "8,4", "n:build", 16, None])
def test_a_model_is_widths_or_a_source(model):
    """Only what is neither widths nor text is in memory."""
    assert _model(model) == (None, model)


def test_mistakes_are_named_by_flag():
    """Two bad arguments give two lines, before anything is trained."""
    with pytest.raises(InputError) as caught:
        regfleet.compare("iris", epochs=0, optimizer="adm")
    assert str(caught.value).splitlines() == [
        "--epochs: expected a number from 1; got 0",
        f"--optimizer: expected one of {', '.join(get_args(Optimizer))}; got 'adm' (did you mean adam?)",
    ]
