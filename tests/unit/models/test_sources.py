"""Models of the user's own: where they come from, what is refused, and how they travel."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.techniques.recipe import Recipe

# Keras' own, with NumPy 2, where it saves weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
HOSTILE = {
    "raises": ("raise ValueError('no\\nluck')", "ValueError: no luck at .*hostile.py:5"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3 at .*hostile.py:5"),
    "none": ("return None", "to return a Keras model; got NoneType"),
    "wide": ("return net(input_shape, outputs + 1)", r"3 softmax outputs for each row; got the shape \(4,\)"),
    "tanh": (
        "return net(input_shape, outputs, 'tanh')",
        "3 softmax outputs for each row; got tanh, whose values",
    ),
    "sums": (
        "m = net(input_shape, outputs); return keras.Model(m.inputs[0], 2 * m.outputs[0])",
        "do not sum to 1, such as",
    ),
    "shape": ("return net((5,), outputs)", r"to take rows of shape \(4,\); got \(5,\)"),
    "two": (
        "m = net(input_shape, outputs); return keras.Model(m.inputs[0], m.outputs * 2)",
        "one input and one output",
    ),
    "batches": (
        "return keras.Sequential([keras.Input(batch_shape=(10, *input_shape)), layers.Dense(outputs, 'softmax')])",
        "to take any number of rows; got batches of 10",
    ),
    "names": (
        "return keras.Sequential([keras.Input(input_shape), layers.Dense(outputs, 'softmax', name='my layer')])",
        "got 'my layer'",
    ),
}
MODULE = """
import keras
from keras import layers
def {name}(input_shape, outputs):
    {body}
class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.out = layers.Dense(3, "softmax")
    def call(self, x):
        return self.out(x)
def net(shape, outputs, last="softmax"):
    return keras.Sequential([keras.Input(shape), layers.Dense(4, "relu"), layers.Dense(outputs, last)])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def net(input_shape=(4,), outputs=3):
    """A small model without names of its own."""
    return keras.Sequential(
        [keras.Input(input_shape), layers.Dense(5), layers.ReLU(), layers.Dense(outputs, "softmax")]
    )


def describe(base, **changes):
    """The description of a base for four numbers and three classes."""
    asked = {"source": "own", "input_shape": (4,), "outputs": 3, "task": "classification", "keep_weights": False}
    return models.describe(base, **asked | changes)


@pytest.mark.parametrize(
    ("text", "expected"), [("64,32", (64, 32)), ("8", (8,)), ("a.b:build", "a.b:build"), ("64, 32", (64, 32))]
)
def test_the_text_of_a_model_is_widths_or_a_source(text, expected):
    """Numbers are widths of hidden layers; a colon names a function in a module."""
    assert models.parse_model(text) == expected


def test_a_file_that_is_not_there_is_refused_with_the_nearest(folder):
    """A misspelt file is answered with what is expected and with the file that is there."""
    net().save(folder / "network.keras")
    assert models.parse_model("network.keras") == "network.keras"
    with pytest.raises(InputError, match=r"--model: expected widths such as .*got 'netwrk.keras' \(did you mean netw"):
        models.parse_model("netwrk.keras")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_builder_that_cannot_be_used_is_refused_in_a_line(folder, name):
    """Whatever a builder does, the answer is one line that says what is expected, with the line of its code."""
    body, expected = HOSTILE[name]
    (folder / "hostile.py").write_text(MODULE.format(name=name, body=body))
    with pytest.raises(InputError, match=expected) as caught:
        describe(models.base_of(f"hostile:{name}"), source=f"hostile:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "source", "expected"),
    [
        (
            "import nothing_there",
            "broken:build",
            "No module named 'nothing_there' at .*broken.py:1",
        ),
        ("def build(:", "broken:build", "SyntaxError: .* at .*broken.py:1"),
        ("def built(): pass", "broken:build", r"expected a function in broken; got build, .*\(did you mean built\?\)"),
        ("", "absent:build", "No module named 'absent'"),
        ("", "not a source", "expected package.module:function"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused_in_a_line(folder, code, source, expected):
    """An import that fails names the line of the user's file; a missing function, the nearest name."""
    (folder / "broken.py").write_text(code)
    with pytest.raises(InputError, match=expected):
        models.base_of(source)


def test_what_a_builder_prints_stays_out_of_the_results(folder, capsys):
    """A builder's print goes to standard error, and a compiled model is taken without its compilation."""
    body = "print('hello'); m = net(input_shape, outputs); m.compile('adam', 'mse'); return m"
    (folder / "talks.py").write_text(MODULE.format(name="build", body=body))
    base = models.base_of("talks:build")
    spec = describe(base)
    assert spec.layers == ("dense",)
    shown = capsys.readouterr()
    assert (shown.out, "hello" in shown.err) == ("", True)
    assert not models.with_techniques(base((4,), 3), [], []).compiled


def test_metrics_where_the_weights_of_losses_stand_are_refused(folder):
    """The third argument of Keras' compile, which takes them without a word."""
    body = "m = net(input_shape, outputs); m.compile('adam', 'mse', ['accuracy']); return m"
    (folder / "third.py").write_text(MODULE.format(name="build", body=body))
    with pytest.raises(InputError, match=r"expected loss_weights to be numbers; got 'accuracy' as the third argument"):
        describe(models.base_of("third:build"))


def test_a_builder_names_its_layers_alike_at_every_call():
    """Layers without a name of their own have the same names, and the model the same fingerprint, call after call."""
    base = models.base_of(net)
    first, again = describe(base), describe(base)
    assert first == again
    assert first.layers == ("dense",)
    assert describe(models.base_of(lambda shape, outputs: net(shape, outputs + 0))).fingerprint != first.fingerprint


def later(input_shape, outputs):
    """A Sequential model that learns its input from its rows."""
    del input_shape
    return keras.Sequential([layers.Dense(5, "relu"), layers.Dense(outputs, "softmax")])


def with_code(input_shape, outputs):
    """A model with a Lambda of the user's own."""
    body = [layers.Dense(5, "relu"), layers.Lambda(lambda x: 2 * x), layers.Dense(outputs, "softmax")]
    return keras.Sequential([keras.Input(input_shape), *body])


def by_name(input_shape, outputs):
    """A model with its input and output in mappings."""
    row = keras.Input(input_shape, name="row")
    hidden = layers.Dense(5, "relu")(row)
    return keras.Model({"row": row}, {"class": layers.Dense(outputs, "softmax")(hidden)})


@pytest.mark.parametrize("builder", [later, with_code, by_name])
def test_models_of_many_forms_take_techniques(builder):
    """Without an input of its own, with a Lambda, with named inputs: dropout of a known rate stands where asked."""
    base = models.base_of(builder)
    spec = describe(base)
    assert spec == describe(base)
    recipe = Recipe(spec, Training(epochs=1, batch_size=8), base=base)
    model = models.build(recipe.insert(spec.layers[0], "dropout", lambda name: layers.Dropout(0.2, name=name)), (4,), 3)
    names = [layer.name for layer in model.layers]
    assert names[1:3] == ["dense", "dropout_after_dense"]
    assert model(np.ones((2, 4), "float32")).shape == (2, 3)


def test_a_saved_model_is_described_with_its_weights_only_if_they_are_kept(folder):
    """Other weights in a file are another model for fine-tuning, and the same one where weights are drawn."""
    first = net()
    path = folder / "net.keras"
    prints = []
    for shift in (0.0, 1.0):
        first.set_weights([weight + shift for weight in first.get_weights()])
        first.save(path)
        base = models.base_of("net.keras")
        prints.append([describe(base, keep_weights=keep).fingerprint for keep in (False, True)])
    assert prints[0][0] == prints[1][0]
    assert prints[0][1] != prints[1][1]
    assert all(np.allclose(a, b) for a, b in zip(base((4,), 3).get_weights(), first.get_weights(), strict=True))


def test_a_file_with_code_in_it_is_not_run(folder):
    """A Lambda layer in a file is Python code: safe mode refuses it, in one line."""
    model = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(3, "softmax")])
    model.save(folder / "unsafe.keras")
    with pytest.raises(InputError, match=r"--model: expected unsafe.keras to load in safe mode; got .*[Ll]ambda"):
        describe(models.base_of("unsafe.keras"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04N."])
def test_a_file_that_is_no_saved_model_is_refused(folder, content):
    """An empty, a torn and a pickled file are refused before Keras sees them."""
    (folder / "bad.keras").write_bytes(content)
    with pytest.raises(InputError, match=r"expected a .keras file as model.save writes it; got bad.keras"):
        models.base_of("bad.keras")


def test_weights_are_kept_from_files_only():
    """A builder's weights differ at every call, so there is nothing to keep."""
    with pytest.raises(InputError, match=r"--keep-weights: expected a \.keras file"):
        describe(models.base_of(net), keep_weights=True)


def test_a_regression_wants_one_linear_output():
    """A softmax over one number would always say 1."""
    with pytest.raises(InputError, match="1 linear output for each row; got softmax"):
        describe(models.base_of(net), outputs=1, task="regression")
