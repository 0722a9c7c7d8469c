"""From a study to trials: a model that scales its own input trains on numbers as they are, as in plain Keras."""

import keras
import numpy as np
import pytest
from keras import layers

from regfleet import models
from regfleet.data import from_arrays, split_rows
from regfleet.errors import InputError
from regfleet.running.prepare import Given, prepare
from regfleet.running.preview import preview
from regfleet.running.trial import run_chunk
from regfleet.settings import Data, read_study

DRAW = np.random.default_rng(0)
Y = DRAW.integers(0, 2, 240)


def tokens():
    """The class is told by three words, which stand anywhere."""
    x = DRAW.integers(20, 60, (240, 12))
    for row, label in zip(x, Y, strict=True):
        row[DRAW.choice(12, 3, replace=False)] = DRAW.choice([3, 5, 7] if label else [4, 6, 8], 3)
    return x


def pixels():
    """The class is told by which half is bright."""
    x = DRAW.integers(0, 100, (240, 4, 4, 1))
    x[:, :2] += np.where(Y, 60, 0)[:, None, None, None]
    return x.astype("uint8")


def sensors():
    """A pressure that tells nothing beside a humidity that tells all."""
    pressure = 1000 + DRAW.normal(0, 30, (240, 6))
    humidity = DRAW.uniform(0, 0.2, (240, 6)) + np.where(Y[:, None], np.linspace(0, 0.2, 6), np.linspace(0.2, 0, 6))
    return np.stack([pressure, humidity], -1).astype("float32")


def model(*first):
    """A builder of a model that begins with what ``first`` make."""

    def build(shape, outputs):
        begin = [make() for make in first]
        return keras.Sequential([keras.Input(shape), *begin, layers.Dense(outputs, "softmax", name="out")])

    return build


KINDS = {
    "tokens": (tokens, model(lambda: layers.Embedding(60, 8, name="words"), layers.GlobalAveragePooling1D), "words"),
    "pixels": (pixels, model(lambda: layers.Rescaling(1 / 255, name="scale"), layers.Flatten), "scale"),
    "sensors": (sensors, model(layers.Flatten), ""),
}


def study_of(**fields):
    """One control, one seed."""
    training = {"epochs": 12, "batch_size": 16, "optimizer": "adam", "learning_rate": 0.05}
    fields = {"data": "d", "model": {"source": "own:build"}, "training": training, "seeds": "1"} | fields
    return read_study(fields | {"variant": [{"technique": "none"}]})


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_trains_as_in_keras_on_the_numbers_that_it_is_made_for(kind):
    """On the same rows, as they are or, of features, each standardized by numpy; what was chosen is in the facts."""
    make, build, layer = KINDS[kind]
    x = make()
    dataset = from_arrays("d", x, Y)
    ready = prepare(study_of(), given=Given({"d": dataset}, models.base_of(build)))
    (chunk,) = ready.plan().groups
    (outcome,) = run_chunk(chunk, ready.datasets["d"], base=ready.base)
    train, _, test = split_rows(dataset, chunk.split, 0)
    scaled = x if layer else (x - x[train].mean((0, 1))) / x[train].std((0, 1))
    keras.utils.set_random_seed(0)
    plain = build(x.shape[1:], 2)
    plain.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    plain.fit(scaled[train], Y[train], epochs=12, batch_size=16, verbose=0)
    expected = plain.evaluate(scaled[test], Y[test], verbose=0)[1]
    assert expected > 0.9
    assert outcome.metrics["last_test_accuracy"] == pytest.approx(expected, abs=0.05)
    facts = ready.resolved.data["d"]
    assert (facts.scaling_key, layer in facts.scaling) == ("none" if layer else "feature", True)


def test_the_dry_run_says_how_numbers_go_in():
    """And why; a layer that cannot look them up ends it in a line."""
    dataset = from_arrays("d", tokens(), Y)
    few = model(lambda: layers.Embedding(30, 8, name="words"), layers.Flatten)
    with pytest.raises(InputError, match=r"from 0 to 29, which words \(Embedding\) can look up, in d; got 3 to 59"):
        prepare(study_of(), given=Given({"d": dataset}, models.base_of(few)))
    asked = from_arrays("d", tokens(), Y, source=Data(location="d", scale="standard"))
    ready = prepare(study_of(), given=Given({"d": asked}, models.base_of(KINDS["tokens"][1])))
    assert ready.resolved.data["d"].scaling_key == ""
    found = preview(read_study({"data": "iris"}), "nowhere")
    assert any(
        note.startswith("iris: Every column is standardized by the mean and deviation of its training rows")
        for note in found.notes
    )
