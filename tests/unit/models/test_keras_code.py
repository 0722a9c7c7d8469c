"""Plain Keras code of variants, run where regfleet cannot be imported."""

import re
import sys

import keras
import numpy as np
import pytest
from support.keras_code import assert_same_weights, both
from support.training import diabetes, iris, uneven

from regfleet.data.dataset import Rows, Sets
from regfleet.models.keras_code import Wanted, keras_code
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, own, parse_techniques

__all__ = ["diabetes", "iris", "uneven"]
NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=3, batch_size=25, optimizer="adam")


def written(text, model=NETWORK, training=SETTINGS, **wanted):
    """The code of a combination for three classes."""
    (combination,) = parse_techniques(text, model).combinations
    return keras_code(model, training, combination, Wanted("classification", 3, **wanted))


def test_its_weights_are_those_of_a_trial(uneven, monkeypatch):
    """Penalties, a constraint, noise, normalization before the activation, mixed rows, weights of classes."""
    settings = SETTINGS.model_copy(update={"class_weight": "balanced"})
    text = "l1(1e-3)@1+l2@all+maxnorm(1)+noise@input+dropout(0.3)@1+layernorm@2:before+batchnorm@2+mixup+weightdecay"
    code, weights, expected = both(text, NETWORK, uneven, monkeypatch, settings)
    assert "kernel_regularizer=PenaltySum(keras.regularizers.L1(0.001), keras.regularizers.L2(0.01))" in code
    assert_same_weights(weights, expected)


def test_of_a_regression_too(diabetes, monkeypatch):
    """Early stopping that keeps the best epoch, other kernels, another step, and an average of the weights."""
    text = "weightstandardization@1+sam+ema+earlystopping(1)"
    code, weights, expected = both(text, NETWORK, diabetes, monkeypatch, SETTINGS)
    assert 'keras.callbacks.EarlyStopping("val_mse", mode="min", patience=1, restore_best_weights=True)' in code
    assert_same_weights(weights, expected)


def images(shape, outputs):
    """Convolutions, of which one is penalized already and one has its activation in a layer of its own."""
    return keras.Sequential(
        [
            keras.Input(shape),
            keras.layers.Conv2D(3, 3, name="first"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l1", name="second"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(outputs, "softmax", name="output"),
        ]
    )


def test_a_model_of_ones_own_is_patched(monkeypatch):
    """A dropout stands behind the activation layer, a penalty adds to the one that is there, a norm is a filter's."""
    draw = np.random.default_rng(3)
    y = np.eye(2, dtype="float32")[draw.integers(0, 2, 90)]
    x = draw.normal(size=(90, 6, 6, 1)).astype("float32")
    sets = Sets(Rows(x[:50], y[:50]), Rows(x[50:70], y[50:70]), Rows(x[70:], y[70:]))
    text = "l2+maxnorm(0.5)+dropout(0.2)@first+layernorm@second:before"
    code, weights, expected = both(text, NETWORK, sets, monkeypatch, SETTINGS, images)
    assert "from pasted_models import build" in code
    assert re.search(r'"relu": \[keras.layers.Dropout\(0.2, seed=\d+, name="dropout_after_first"\)\]', code)
    assert_same_weights(weights, expected)


def test_what_has_no_code_is_a_comment(monkeypatch, tmp_path):
    """It names the technique, of people's own too, and the command that trains it."""
    (tmp_path / "uncoded.py").write_text("def mine(recipe, values, layers):\n    return recipe\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    own.own_named.cache_clear()
    said = written("l2+uncoded:mine", command="regfleet compare -t X")
    assert said == "# uncoded:mine says no Keras code of its own.\n# regfleet compare -t X trains it.\n"
    model = ModelSpec((), (), "mine:build", ("a", "b"))
    assert written("dropconnect", model).startswith("# Keras has nothing that lets a, b compute with another kernel.\n")


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_technique_has_code_for_the_network(name):
    """It parses, starts with its imports, and knows nothing of this package."""
    code = written("+".join(filter(None, (name, TECHNIQUES[name].needs))))
    compile(code, name, "exec")
    assert code.startswith("import ")
    assert "regfleet" not in code
    assert "model.fit(" in code
    assert max(map(len, code.splitlines())) <= 120
