"""`regfleet show-model`."""

import shutil
import sys

import pytest
from support import ROOT

from regfleet.cli.show_model import show_model
from regfleet.errors import InputError
from regfleet.settings import FLAGS

EXAMPLE = ROOT / "examples" / "digits_cnn.py"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(sys, "path", [*sys.path])


def show(study=None, *, as_code=False, **flags):
    """The command with these flags."""
    show_model(dict.fromkeys(FLAGS) | flags, study, as_code)


def rows(text):
    """The cells of the table's rows."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]


def test_a_perceptrons_layers_are_shown_with_what_techniques_add(capfd):
    """Layers, shapes, numbers of weights, what was added and each penalty; then the totals."""
    show(model="8", activation="tanh", technique=["l2(0.01)@1+batchnorm@1"])
    shown = capfd.readouterr().out
    assert rows(shown) == [
        ["input", "InputLayer", "(None, 4)", "0", "", ""],
        ["dense_1", "Dense", "(None, 8)", "40", "penalty", "L2(0.01)"],
        ["batchnorm_after_dense_1", "BatchNormalization", "(None, 8)", "32", "layer", ""],
        ["output", "Dense", "(None, 3)", "27", "", ""],
    ]
    assert "99 weights, 83 of them trained" in shown


def test_the_example_builder_is_shown_with_layers_behind_its_activations(capfd, tmp_path):
    """A convolution's dropout stands behind the ReLU layer that follows it."""
    shutil.copy(EXAMPLE, tmp_path / "digits_cnn_shown.py")
    (tmp_path / "eights.py").write_text(
        "from sklearn.datasets import load_digits\n"
        "def images():\n    d = load_digits()\n    return d.images[..., None], d.target\n"
    )
    show(model="digits_cnn_shown:build", data=["eights:images"], technique=["dropout(0.2)@conv_1+l1(0.1)@conv_2"])
    shown = capfd.readouterr().out
    assert "note: All numbers are standardized by one mean and one deviation" in " ".join(shown.split())
    table = rows(shown)
    assert [row[0] for row in table[1:4]] == ["conv_1", "re_lu", "dropout_after_conv_1"]
    assert [row[4:] for row in table if row[0] == "conv_2"] == [["penalty", "L1(0.1)"]]
    assert table[0][2] == "(None, 8, 8, 1)"


def test_code_is_printed_of_what_was_typed_or_of_a_studys_variants(capfd, tmp_path):
    """With its training settings, which flags change; code alone, which compiles; the control where it is a variant."""
    show(as_code=True, model="8", technique=["l2(0.1)", "dropout(0.2)"], epochs="7", optimizer="sgd")
    code = capfd.readouterr().out
    compile(code, "printed", "exec")
    titles = ["# L2, first layer (λ = 0.1)", "# Dropout, first layer (rate 0.2)"]
    assert [line for line in code.splitlines() if "first layer" in line] == titles
    assert code.count("import keras") == 2
    assert code.count("epochs, batch_size = 7, 128") == 2
    text = "model.hidden = [4]\nmodel.activation = ['relu']\nvariant = [{technique = 'l2'}]\n"
    (tmp_path / "study.toml").write_text(text)
    for place in (tmp_path / "study.toml", tmp_path):
        show(place, as_code=True, learning_rate="0.5")
        code = capfd.readouterr().out
        assert code.count("keras.optimizers.SGD(0.5)") == 2
        assert code.count("keras.regularizers.L2(0.01)") == 1


def test_an_activation_beside_a_model_of_ones_own_is_refused():
    """A builder sets its own activations."""
    with pytest.raises(InputError, match="--activation: expected widths as --model; got a:b"):
        show(model="a:b", activation="tanh")
