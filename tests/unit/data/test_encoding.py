"""Encoding: what a model sees comes from the training rows alone, and is the same bytes every time."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from regfleet.data import BUILTIN, SPLITS, cut, from_arrays, load_builtin, split_rows
from regfleet.data.encoding import encode

SPLIT = SPLITS["60/20/20"]


def mixed(rows=200):
    """A frame with a column of every kind, with gaps."""
    draw = np.random.default_rng(5)
    words = draw.choice(["rain", "sun", "snow", "wind"], (rows, 4))
    frame = pd.DataFrame(
        {
            "number": draw.normal(size=rows),
            "category": draw.choice(["a", "b", "c"], rows),
            "date": pd.date_range("2020-01-01", periods=rows, freq="33h"),
            "text": [f"{' '.join(line)} {number}" for number, line in enumerate(words)],
            "flag": draw.random(rows) < 0.5,
        }
    ).mask(draw.random((rows, 5)) < 0.1)
    return frame.assign(y=draw.choice(["no", "yes"], rows))


MIXED = from_arrays("mixed", mixed(), "y")


@pytest.mark.parametrize("name", [name for name in BUILTIN if name != "digits_images"])
def test_numbers_without_gaps_are_standardised_and_nothing_else(name):
    """The same bytes as scikit-learn's scaler fitted on the training rows."""
    dataset = load_builtin(name)
    train, _, test = split_rows(dataset, SPLIT, 3)
    scaler = StandardScaler().fit(dataset.features[train])
    sets = cut(dataset, SPLIT, 3)
    assert sets.train.x.tobytes() == scaler.transform(dataset.features[train]).astype("float32").tobytes()
    assert sets.test.x.tobytes() == scaler.transform(dataset.features[test]).astype("float32").tobytes()


def test_a_table_of_numbers_is_the_same_as_its_array():
    """Iris as a frame gives the bytes of the built-in."""
    iris = load_builtin("iris")
    dataset = from_arrays("iris", pd.DataFrame(iris.features), iris.target)
    assert cut(dataset, SPLIT, 0).test.x.tobytes() == cut(iris, SPLIT, 0).test.x.tobytes()
    assert dataset.classes == ("0", "1", "2")


@pytest.mark.parametrize("seed", [0, 1])
def test_poisoned_held_out_rows_change_nothing_that_trains(seed):
    """Huge numbers, gaps, new categories, other dates and texts in held-out rows leave the others as they were."""
    clean = cut(MIXED, SPLIT, seed)
    _, validation, test = split_rows(MIXED, SPLIT, seed)
    poisoned = MIXED.features.copy()
    poisoned["category"] = poisoned["category"].cat.add_categories(["AAA", "zzz"])
    for rows in (test, validation):
        poisoned.iloc[rows, poisoned.columns.get_loc("number")] = 1e50
        poisoned.iloc[rows, poisoned.columns.get_loc("flag")] = np.nan
        poisoned.iloc[rows, poisoned.columns.get_loc("category")] = np.resize(["AAA", "zzz"], len(rows))
        poisoned.iloc[rows, poisoned.columns.get_loc("date")] = pd.Timestamp("1900-01-01")
        poisoned.iloc[rows, poisoned.columns.get_loc("text")] = "poison"
        again = cut(dataclasses.replace(MIXED, features=poisoned), SPLIT, seed)
        assert again.train.x.tobytes() == clean.train.x.tobytes()
        assert again.test.x.tobytes() != clean.test.x.tobytes()
        assert (again.validation.x.tobytes() == clean.validation.x.tobytes()) == (rows is test)
        assert np.isfinite(again.test.x).all()


def test_poisoned_held_out_rows_in_the_table_itself_change_nothing_that_trains():
    """New categories and gaps that are there when the table is read, in rows that test."""
    frame = mixed()
    _, _, test = split_rows(MIXED, SPLIT, 0)
    frame.loc[test, "category"] = "AAA"
    frame.loc[test, ["number", "flag"]] = np.nan
    again = cut(from_arrays("mixed", frame, "y"), SPLIT, 0)
    assert again.train.x.tobytes() == cut(MIXED, SPLIT, 0).train.x.tobytes()


def test_a_gap_gets_the_training_mean_and_a_column_that_tells():
    """By hand: training values 1, 3 and a gap give 2 in its place, and the indicator 0, 0, 1, both standardised."""
    features = np.array([[1.0], [3.0], [np.nan], [np.nan], [3.0]])
    train, test = encode(features, [np.array([0, 1, 2]), np.array([3, 4])])
    # Deviations: √(2/3) of 1, 3, 2 and √2/3 of 0, 0, 1, whose mean is 1/3.
    value, known, gap = np.sqrt(3 / 2), -1 / np.sqrt(2), np.sqrt(2)
    np.testing.assert_allclose(train, [[-value, known], [value, known], [0, gap]], 1e-6)
    np.testing.assert_allclose(test, [[0, gap], [value, known]], 1e-6)


def test_a_category_is_one_column_and_an_unknown_one_is_none():
    """By hand: a, b, b one-hot is standardised; c, which the training rows lack, is what no training row is."""
    features = pd.DataFrame({"k": pd.Categorical(["a", "b", "b", "c"])})
    train, test = encode(features, [np.array([0, 1, 2]), np.array([3])])
    scaled = StandardScaler().fit([[1, 0], [0, 1], [0, 1]])
    np.testing.assert_allclose(train, scaled.transform([[1, 0], [0, 1], [0, 1]]), 1e-6)
    np.testing.assert_allclose(test, scaled.transform([[0, 0]]), 1e-6)


def test_many_categories_become_a_hundred_columns_at_most():
    """The rarest share one."""
    features = pd.DataFrame({"k": pd.Categorical([f"c{number % 300}" for number in range(2000)])})
    (train,) = encode(features, [np.arange(2000)])
    assert train.shape == (2000, 100)


def test_images_keep_their_shape_and_are_scaled_by_one_number():
    """Mean 0 and deviation 1 over all training values together."""
    dataset = load_builtin("digits_images")
    sets, (train, _, test) = cut(dataset, SPLIT, 0), split_rows(dataset, SPLIT, 0)
    assert sets.train.x.shape[1:] == (8, 8, 1)
    pixels = dataset.features[train]
    np.testing.assert_allclose(sets.test.x, (dataset.features[test] - pixels.mean()) / pixels.std(), atol=1e-6)
    assert np.array_equal(dataset.features.reshape(-1, 64), load_builtin("digits").features)


def test_the_same_rows_are_the_same_bytes():
    """Loaded twice and sent to a worker, with the same fingerprint; another cell gives another."""
    again = from_arrays("mixed", mixed(), "y")
    sent = pickle.loads(pickle.dumps(again, protocol=5))
    for other in (again, sent):
        assert other.fingerprint == MIXED.fingerprint
        assert cut(other, SPLIT, 1).train.x.tobytes() == cut(MIXED, SPLIT, 1).train.x.tobytes()
    frame = mixed()
    for column, value in (("number", 1.0), ("category", "b"), ("text", "new"), ("date", pd.Timestamp("2001-01-01"))):
        assert from_arrays("mixed", frame.assign(**{column: [value, *frame[column][1:]]}), "y").fingerprint != (
            MIXED.fingerprint
        )


def test_a_worker_reads_the_rows_without_a_copy():
    """With buffers out of band, as an object store keeps them, less than a byte a row is left; pandas copies dates."""
    rows = 20_000
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(rows, 5))).add_prefix("x")
    frame = frame.assign(k=draw.choice(["a", "b"], rows), t=[f"text number {row}" for row in range(rows)])
    frame = frame.assign(y=draw.choice(["u", "v"], rows))
    for dataset in (from_arrays("t", frame, "y"), from_arrays("t", frame[["x0", "x1", "y"]], "y")):
        buffers = []
        stream = pickle.dumps(dataset, protocol=5, buffer_callback=buffers.append)
        assert len(stream) < rows
        received = pickle.loads(stream, buffers=buffers)
        assert cut(received, SPLIT, 0).test.x.tobytes() == cut(dataset, SPLIT, 0).test.x.tobytes()
