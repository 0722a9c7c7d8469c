"""The exported model: columns as they are go in, and what comes out is what the preprocessing and the network give."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from regfleet.data import from_arrays
from regfleet.models import build
from regfleet.running.finishing import input_of
from regfleet.saving.export import cannot, exported
from regfleet.saving.plain import foreign, opened, saved
from regfleet.saving.preprocessing import columns_of, fitted
from regfleet.settings import Data, Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import recipe

DRAW = np.random.default_rng(2)
ROWS = 60


def table():
    """Numbers with gaps, truth values, categories with gaps, of which one is not in the training rows.

    Columns are called as layers and words of Python's are, and a category as the lookup's own word for others.
    """
    frame = pd.DataFrame(
        {
            "age": np.where(DRAW.random(ROWS) < 0.3, np.nan, DRAW.normal(40, 9, ROWS)),
            "height in m": DRAW.normal(1.7, 0.1, ROWS),
            "paid": DRAW.random(ROWS) < 0.5,
            "port": DRAW.choice(["S", "C", "[UNK]", None], ROWS),
            "mean": DRAW.normal(size=ROWS),
            "cast": DRAW.normal(size=ROWS),
            "_where": DRAW.normal(size=ROWS),
            "class": DRAW.normal(size=ROWS),
            "AGE": DRAW.normal(size=ROWS),
        }
    )
    frame.loc[ROWS - 1, "port"] = "Q"
    return from_arrays("ship", (frame, DRAW.normal(size=ROWS)), source=Data(location="ship"))


def member(data, rows):
    """A network for what is made of the columns when ``rows`` trained."""
    made = fitted(data, rows, padding=2)
    spec = ModelSpec((5,), ("tanh",))
    return made, build(recipe(spec, Training(), ()), (made.width,), 1, "regression")


def test_it_answers_as_the_networks_do_on_rows_with_gaps_and_new_categories(tmp_path):
    """The mean of two networks with preprocessings of their own; as a SavedModel too."""
    data = table()
    members = [member(data, np.arange(ROWS - 1)), member(data, np.arange(10, ROWS - 1))]
    form = input_of(data, Data(location="ship"))
    rows = np.arange(ROWS)
    inputs = [made.of_columns(columns_of(data, rows), ROWS) for made, _ in members]
    expected = np.mean([model(x).numpy() for (_, model), x in zip(members, inputs, strict=True)], axis=0)
    whole = opened(saved(exported(form, members), "none"))
    assert not [*foreign(keras.saving.serialize_keras_object(whole))]
    frame = data.features
    numbers = {"age": frame["age"], "height_in_m": frame["height in m"], "paid": frame["paid"].astype("float32")}
    numbers |= {"mean": frame["mean"], "cast": frame["cast"], "column_where": frame["_where"]}
    numbers |= {"class_": frame["class"], "AGE_2": frame["AGE"]}
    given = {name: keras.ops.convert_to_tensor(one.to_numpy("float32")[:, None]) for name, one in numbers.items()}
    texts = frame["port"].astype(object).fillna("").to_numpy()[:, None].tolist()
    given["port"] = keras.ops.convert_to_tensor(texts, dtype="string")
    assert whole(given).numpy() == pytest.approx(expected, abs=1e-5)
    whole.export(tmp_path / "serving", verbose=False)
    served = tf.saved_model.load(tmp_path / "serving")
    (answer,) = served.signatures["serving_default"](**given).values()
    assert answer.numpy() == pytest.approx(expected, abs=1e-5)


def test_images_are_scaled_inside():
    """Each channel by its own mean and deviation."""
    pixels = DRAW.integers(0, 256, (ROWS, 4, 4, 2)).astype("uint8")
    data = from_arrays("digits", (pixels, DRAW.normal(size=ROWS)), source=Data(location="digits"))
    made = fitted(data, np.arange(40))
    model = build(recipe(ModelSpec((3,), ("relu",)), Training(), ()), (4, 4, 2), 1, "regression")
    whole = exported(input_of(data, Data(location="digits")), [(made, model)])
    assert whole(pixels.astype("float32")).numpy() == pytest.approx(model(made.of_matrix(pixels)).numpy(), abs=1e-5)


def test_a_column_that_no_layer_encodes_is_named():
    """Dates, and texts of many values."""
    frame = pd.DataFrame({"when": pd.date_range("2020", periods=ROWS), "x": DRAW.normal(size=ROWS)})
    form = input_of(from_arrays("d", (frame, DRAW.normal(size=ROWS)), source=Data(location="d")), Data(location="d"))
    assert cannot(form) == ("Column when cannot be in the exported model: Keras has no layer for dates.",)
