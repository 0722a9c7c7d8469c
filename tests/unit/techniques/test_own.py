"""Techniques of people's own, by the example's module and by installed names; the page that lists ours."""

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from regfleet import training
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import describe_techniques, own, parse_techniques, recipe, techniques_page

ROOT = Path(__file__).parents[3]
NETWORK = ModelSpec((6, 5), ("tanh", "relu"))


@pytest.fixture(autouse=True)
def _modules(monkeypatch, tmp_path):
    """The example, and a module of mistakes."""
    own.own_named.cache_clear()
    spec = importlib.util.spec_from_file_location("halved", ROOT / "examples" / "halved.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "halved", module)
    (tmp_path / "odd_techniques.py").write_text(
        "number = 3\ndef nothing(recipe, values, layers):\n    pass\ndef fails(recipe, values, layers):\n    1 / 0\n"
    )
    (tmp_path / "broken_technique.py").write_text("import no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        own,
        "entry_points",
        lambda group, name: [EntryPoint("rownoise", "halved:ROW_NOISE", group)] * (name == "rownoise"),
    )


def made(text):
    """The recipe of one combination, and its label."""
    (combination,) = parse_techniques(text, NETWORK).combinations
    label = describe_techniques(combination, NETWORK)
    return recipe(NETWORK, Training(epochs=2, batch_size=25), combination), "+".join(map(str, combination)), label


def test_the_examples_techniques_train_in_both_engines_alike(iris):
    """Norms stay within the limit; noise of no strength is the control, noise of some is another fit."""
    limited, name, label = made("halved:small_start(0.1)@first+l2")
    assert (name, label) == (
        "l2(0.01)@all+halved:small_start(0.1)@first",
        "L2, all layers (λ = 0.01) + small start, first layer (0.1)",
    )
    fused, keras_ = (training.fit(limited, iris, 1, engine, name) for engine in ("fused", "keras"))
    assert np.linalg.norm(fused.weights[0], axis=0).max() <= 0.1 + 1e-6
    np.testing.assert_allclose(fused.weights[0], keras_.weights[0], rtol=1e-5, atol=1e-6)
    fits = [training.fit(made(text)[0], iris, 1, "fused", text) for text in ("none", "rownoise(0)", "rownoise(0.5)")]
    np.testing.assert_array_equal(fits[0].weights[0], fits[1].weights[0])
    assert not np.array_equal(fits[0].weights[0], fits[2].weights[0])
    assert made("rownoise")[1] == "rownoise(0.1)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("odd_techniques:number", "odd_techniques:number: expected a Definition, or a function .*; got 3"),
        ("odd_techniques:missing", "odd_techniques:missing: expected a Definition, or a function .*; got None"),
        ("odd_techniques:nothing", "expected odd_techniques:nothing to return a Recipe; got None"),
        ("odd_techniques:fails", r"expected odd_techniques:fails to return .* ZeroDivisionError.* at .*:5"),
        ("broken_technique:any", "expected broken_technique:any to be importable; got ModuleNotFoundError"),
        ("halved:ROW_NOISE(-1)", r"halved:ROW_NOISE: expected deviation in \[0, inf\); got -1"),
        ("halved:ROW_NOISE@all", "expected no place"),
        ("halved:small_start(1,2)", "expected at most 1 value"),
        ("rownois", "expected a technique that regfleet techniques lists; got 'rownois'"),
    ],
)
def test_what_is_wrong_with_one_is_said_by_its_name(text, words):
    """One line, with the line of the user's code where it failed."""
    with pytest.raises(InputError, match=words) as caught:
        made(text)
    assert "\n" not in str(caught.value)


def test_the_page_of_techniques_is_what_the_entries_declare():
    """docs/techniques.md is written by the command in its third line."""
    assert (ROOT / "docs" / "techniques.md").read_text(encoding="utf-8") == techniques_page()


def test_its_module_speaks_beside_results_and_tensorflow_of_itself_does_not(tmp_path, capfd):
    """What a module prints comes on stderr; of TensorFlow's lines, as its library writes them, none does."""
    (tmp_path / "loud_technique.py").write_text(
        'import os, sys\nprint("mine")\nsys.stderr.write("too\\n")\n'
        'os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n"\n'
        '    b"I0000 00:00:1795866318.359606   26150 port.cc:153] oneDNN custom operations are on.\\nI0 is kept\\n")\n'
        "def same(recipe, values, layers):\n    return recipe\n"
    )
    assert own.own_named("loud_technique:same").title == "same"
    said = capfd.readouterr()
    assert not said.out
    assert sorted(said.err.splitlines()) == ["I0 is kept", "mine", "too"]
