"""The Python API, from a script as a user writes it."""

from typing import get_args

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import regfleet
from regfleet.api import _located, _model
from regfleet.data import from_arrays, parse_split, split_rows
from regfleet.errors import InputError
from regfleet.models import initial_weights
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


@pytest.mark.parametrize(
    ("made", "write"),
    [
        (lambda: keras.regularizers.L2(1e-3), "got L2: write 'l2(0.001)'"),
        (lambda: keras.regularizers.L1L2(1e-3, 0.1), "got L1L2: write 'l1(0.001)+l2(0.1)'"),
        (lambda: keras.layers.Dropout(0.3), "got Dropout: write 'dropout(0.3)'"),
        (keras.layers.BatchNormalization, "got BatchNormalization: write 'batchnorm(0.99)'"),
        (lambda: keras.optimizers.Adam(1e-3), "got the optimizer Adam: write optimizer='adam' and learning_rate"),
        (lambda: keras.layers.GaussianNoise(0.1), "got GaussianNoise, which is no technique here"),
        (lambda: keras.regularizers.L2, "got L2, which is no technique here"),
        (lambda: None, "got None: write 'none'"),
        (lambda: {"technique": keras.regularizers.L2(1e-3)}, "got L2: write 'l2(0.001)'"),
        (lambda: 0.3, "got float, which is no technique here"),
    ],
)
@pytest.mark.parametrize("several", [True, False])
def test_an_object_of_keras_as_technique_is_told_how_it_is_written(made, write, several):
    """With the values of its own configuration, in a list or alone; None alone is the default."""
    if made() is None and not several:
        return
    with pytest.raises(InputError) as refused:
        regfleet.compare("iris", techniques=[made()] if several else made())
    assert str(refused.value).startswith("--technique: expected text, such as 'l2(0.001)' or 'none'; ")
    assert write in str(refused.value)
    assert "\n" not in str(refused.value)


class Torch:
    """A module of PyTorch, which can be called and has parameters of its own."""

    def named_parameters(self):
        """None."""

    def __call__(self, x):
        """The same."""


@pytest.mark.parametrize(
    ("model", "got"),
    [
        (keras.Sequential, "the class Sequential, not a model of it"),
        (keras.layers.Dense(3), "Dense"),
        ([keras.layers.Dense(3)], r"a list of Dense; keras.Sequential\(\[…\]\) makes a model of layers"),
        (Torch(), "Torch"),
        (object(), "object"),
        (0.5, "float"),
    ],
)
def test_what_is_no_model_is_refused_in_a_line(model, got):
    """A class, a layer, a list of layers, a module of another framework."""
    said = "widths, a Keras model, or a function of the input shape and the number of outputs that returns one"
    with pytest.raises(InputError, match=rf"^--model: expected {said}; got {got}$"):
        _model(model)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras, for its own tensors
def test_texts_train_through_a_models_own_vectorization_as_in_keras():
    """From the same weights, on the same rows, in the same order: the history of model.fit."""
    words = np.random.default_rng(0).choice(["a", "film", "plot", "good", "fine", "bad", "poor"], (60, 5))
    texts, y = np.array([" ".join(row) for row in words]), np.arange(60) % 2
    vectorize = keras.layers.TextVectorization(output_sequence_length=5)
    vectorize.adapt(texts)
    layers = keras.layers
    model = keras.Sequential([keras.Input((1,), dtype="string"), vectorize, layers.Embedding(20, 3)])
    for layer in (layers.GlobalAveragePooling1D(), layers.Dense(4, "tanh"), layers.Dense(2, "softmax")):
        model.add(layer)
    settings = {"model": model, "seeds": 1, "epochs": 3, "batch_size": 60, "optimizer": "sgd"}
    settings |= {"in_process": True, "progress": False}
    fused, kept = (
        regfleet.compare((texts, y), techniques=["none"], engine=engine, **settings) for engine in ("fused", "keras")
    )
    assert [*fused.trials["execution"], *kept.trials["execution"]] == ["graph", "keras"]
    dataset = from_arrays("data", texts, y)
    train = split_rows(dataset, parse_split("balanced"), 0)[0]
    for variable, value in zip(model.variables, initial_weights(model, 0), strict=True):
        variable.assign(value)
    model.compile(keras.optimizers.SGD(), "categorical_crossentropy")
    plain = model.fit(tf.constant(texts[train])[:, None], np.eye(2)[y[train]], 60, epochs=3, shuffle=False, verbose=0)
    for found in (fused, kept):
        np.testing.assert_allclose(found.histories["loss"], plain.history["loss"], rtol=1e-5)
    unread = keras.Sequential([keras.Input((1,), dtype="string"), layers.StringLookup(output_mode="one_hot")])
    with pytest.raises(InputError, match=r"to know its words; got none: adapt it, or give a vocabulary$"):
        regfleet.compare((texts, y), **settings | {"model": unread})


def test_a_notebook_shows_results_without_help():
    """A row of the summary is short, and a figure draws itself."""
    results = regfleet.compare("iris", model=[4], techniques=["l2"], seeds=2, epochs=2, in_process=True, progress=False)
    rows = [repr(row) for row in results.summary().datasets[0].variants]
    assert max(map(len, rows)) < 1500
    figures = results.figures()
    assert all(figure._repr_svg_().startswith("<?xml") for figure in figures.values())
