"""Many rows go through a model some at a time, and their memory is not copied: no number changes."""

import numpy as np
import pytest

from regfleet import techniques, training
from regfleet.borrowed.tensorflow import tensor_of
from regfleet.data.dataset import Rows, Sets
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.training import engines, large

MODEL = ModelSpec((16, 8), ("relu", "tanh"))


@pytest.mark.parametrize("technique", ["none", "batchnorm@all"])
def test_rows_in_parts_give_the_same_fit(monkeypatch, technique):
    """Histories and weights, to the bit, of parts that do not divide the rows.

    A logit may differ in its last bit, and a probability in four, on a processor without AVX-512: its products take six
    rows at once, and another way for those that are left.
    """
    draw = np.random.default_rng(0)
    x = draw.normal(size=(2_503, 6)).astype("float32")
    y = np.eye(2, dtype="float32")[(x[:, 0] > 0).astype(int)]
    cuts = [1_501, 2_002]
    sets = Sets(*(Rows(*part) for part in zip(np.split(x, cuts), np.split(y, cuts), strict=True)))
    parsed = () if technique == "none" else techniques.parse_techniques(technique, MODEL).combinations[0]
    recipe = techniques.recipe(MODEL, Training(epochs=2, batch_size=128), parsed)
    whole = training.fit(recipe, sets, 0, "fused", technique)
    monkeypatch.setattr(large, "ROWS", 200)
    monkeypatch.setattr(large, "LARGE", 400)
    monkeypatch.setattr(engines, "_PROGRAMS", type(engines._PROGRAMS)())
    parts = training.fit(recipe, sets, 0, "fused", technique)
    assert str(parts.execution) == str(whole.execution) == "graph"
    for name, values in whole.history.items():
        np.testing.assert_array_equal(parts.history[name], values, err_msg=name)
    for when, by_rows in whole.predictions.items():
        for name, predicted in by_rows.items():
            np.testing.assert_array_max_ulp(parts.predictions[when][name], predicted, maxulp=4)
    for one, other in zip(parts.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tensor_has_the_memory_of_its_array():
    """What is aligned is not copied, so that what changes in one is seen in the other; all else is the same numbers."""
    room = np.zeros(1_000, "uint8")
    array = room[-room.ctypes.data % 64 :][: 4 * 60].view("float32").reshape(20, 3)
    tensor = tensor_of(array)
    array[3, 1] = 7
    assert (tensor.numpy()[3, 1], tensor.numpy().sum()) == (7, 7)
    odd = np.arange(12, dtype="float32").reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(tensor_of(odd).numpy(), odd)
    assert tensor_of(np.array(["a"], object)).numpy()[0] == b"a"
