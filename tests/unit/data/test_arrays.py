"""Data in memory as other libraries hold them: each is the data set of the plain arrays, or a line says why not."""

import sys
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse
import sklearn.datasets
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from regfleet.data import cut, from_arrays, load_dataset, parse_split
from regfleet.errors import InputError
from regfleet.settings import Data

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(60, 4))
Y = DRAW.permutation(np.arange(60) % 3)
WORDS = np.array(["ape", "bee", "cat"])[Y]
TEXTS = np.array([f"a {word} is no. {row}" for row, word in enumerate(WORDS)])
NAMES = ["a", "b", "c", "d"]
FRAME = pd.DataFrame(X, columns=NAMES)
TABLE = pa.Table.from_pandas(FRAME)
PLAIN = from_arrays("t", X, Y)
slow = settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))


class Tensor:
    """What any framework's tensor shows NumPy."""

    def __init__(self, array):
        """Hold ``array``."""
        self.array = array

    def __array__(self, dtype=None, copy=None):
        """The array."""
        return self.array


class Polars:
    """A frame of polars, as far as it is looked at: it has columns and a shape, and gives a table of Arrow."""

    columns, shape = NAMES, X.shape

    def to_arrow(self):
        """The same rows."""
        return TABLE


class Lazy:
    """A lazy frame of polars: nothing of it is there before it is collected."""

    columns = NAMES

    def collect_schema(self):
        """As polars' has."""

    def collect(self):
        """The frame."""
        return Polars()


FEATURES = {
    "array": X,
    "list": X.tolist(),
    "big-endian": X.astype(">f8"),
    "objects": X.astype(object),
    "rows in a series": pd.Series(list(X)),
    "masked, nothing masked": np.ma.masked_array(X, mask=np.zeros_like(X, bool)),
    "csr": scipy.sparse.csr_matrix(X),
    "coo": scipy.sparse.coo_array(X),
    "tensor": Tensor(X),
    "tensorflow": tf.constant(X),
    "sparse tensor": tf.sparse.from_dense(X),
    "frame": FRAME,
    "sparse frame": FRAME.astype(pd.SparseDtype("float64", 0.0)),
    "no names": pd.DataFrame(X),
    "two levels": pd.DataFrame(X, columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]])),
    "equal names": pd.DataFrame(X, columns=["a", "a", "b", "b"]),
    "arrow": TABLE,
    "batch": TABLE.to_batches()[0],
    "polars": Polars(),
    "lazy": Lazy(),
    "columns": {name: X[:, place] for place, name in enumerate(NAMES)},
    "one input by name": {"input_1": X},
    "records": FRAME.to_dict("records"),
    "structured": FRAME.to_records(index=False),
}
TARGETS = {
    "array": Y,
    "list": Y.tolist(),
    "bytes": Y.astype("uint8"),
    "column": Y[:, None],
    "floats in a column": Y[:, None].astype("int8"),
    "series": pd.Series(Y, name="kind"),
    "nullable": pd.Series(Y, dtype="Int64"),
    "categories": pd.Categorical(Y),
    "frame": pd.DataFrame({"kind": Y}),
    "tensor": Tensor(Y),
    "masked, nothing masked": np.ma.masked_array(Y, mask=False),
    "objects": Y.astype(object),
    "one-hot": np.eye(3)[Y],
    "one-hot of truth values": np.eye(3, dtype=bool)[Y],
    "sparse one-hot": scipy.sparse.csr_matrix(np.eye(3)[Y]),
    "one-hot frame": pd.DataFrame(np.eye(3)[Y]),
}


@slow
@given(st.sampled_from([*FEATURES]), st.sampled_from([*TARGETS]), st.booleans())
def test_any_features_with_any_target_are_the_plain_arrays(x, y, beside):
    """The same fingerprint, which covers every value; the target in a pair, or beside the features."""
    if beside and x != "list":
        dataset = from_arrays("t", FEATURES[x], TARGETS[y])
    else:
        dataset = from_arrays("t", (FEATURES[x], TARGETS[y]))
    assert dataset.fingerprint == PLAIN.fingerprint
    assert dataset.classes == ("0", "1", "2")


def rows(*arrays):
    """A `tf.data.Dataset` of single rows."""
    return tf.data.Dataset.from_tensor_slices(arrays)


class Batches(keras.utils.PyDataset):
    """Batches of ten rows."""

    def __len__(self):
        """Six."""
        return 6

    def __getitem__(self, place):
        """One of them."""
        return tuple(part[10 * place : 10 * place + 10] for part in (X, Y))


ONE = {
    "pair": (X, Y),
    "list": [X, Y],
    "by name": {"x": X, "y": Y},
    "capitals": {"X": X, "Y": Y},
    "data and target": {"data": X, "target": Y},
    "features and labels": {"features": X, "labels": Y},
    "positions of an npz": {"arr_0": X, "arr_1": Y},
    "rows": rows(X, Y),
    "batches": rows(X, Y).batch(7).prefetch(2),
    "batches of one size": rows(X, Y).batch(10, drop_remainder=True),
    "one-hot rows": rows(X, np.eye(3)[Y]),
    "columns": rows({name: X[:, place] for place, name in enumerate(NAMES)}, Y).batch(9),
    "generated": tf.data.Dataset.from_generator(
        lambda: zip(X, Y, strict=True),
        output_signature=(tf.TensorSpec((4,), tf.float64), tf.TensorSpec((), tf.int64)),
    ),
    "PyDataset": Batches(),
    "scikit-learn": Bunch(data=X, target=Y, target_names=None),
    "scikit-learn's frame": Bunch(data=FRAME, target=pd.Series(Y, name="kind"), frame=FRAME.assign(kind=Y)),
}
COLUMN = {
    "name": (FRAME.assign(kind=Y), "kind"),
    "list of a name": (FRAME.assign(kind=Y), ["kind"]),
    "number": (pd.DataFrame(X).assign(**{"4": Y}).rename(columns=int), 4),
    "NumPy's number": (pd.DataFrame(X).assign(**{"4": Y}).rename(columns=int), np.int64(4)),
    "arrow": (TABLE.append_column("kind", pa.array(Y)), "kind"),
    "structured": (FRAME.assign(kind=Y).to_records(index=False), "kind"),
    "columns": ({**FRAME.to_dict("series"), "kind": Y}, "kind"),
    "one-hot columns": (FRAME.assign(p=Y == 0, q=Y == 1, r=Y == 2), ["p", "q", "r"]),
}


@pytest.mark.parametrize("kind", ONE)
def test_one_thing_that_holds_features_and_target(kind):
    """Pairs, arrays by name, batches, and data sets of scikit-learn."""
    assert from_arrays("t", ONE[kind]).fingerprint == PLAIN.fingerprint


@pytest.mark.parametrize("kind", COLUMN)
def test_the_target_is_a_column_however_it_is_named(kind):
    """By text, number, or a list; several columns are one-hot, with their names as classes."""
    data, target = COLUMN[kind]
    dataset = from_arrays("t", data, target)
    np.testing.assert_array_equal(dataset.features, X)
    np.testing.assert_array_equal(dataset.target, Y)
    assert dataset.classes == (("p", "q", "r") if "one-hot" in kind else ("0", "1", "2"))


def test_the_last_column_of_an_array_may_be_the_target():
    """A number is the column's place, from the end as well."""
    table = np.c_[X, Y]
    for place in (4, -1):
        dataset = from_arrays("t", table, place, source=Data(location="t", task="classification"))
        assert dataset.fingerprint == PLAIN.fingerprint
    with pytest.raises(InputError, match=r"^--target: expected a column from 0 to 4; got 5$"):
        from_arrays("t", table, 5)


TRAIN, TEST = slice(0, 40), slice(40, 60)
SPLIT = {
    "Keras' load_data": ((X[TRAIN], Y[TRAIN]), (X[TEST], Y[TEST])),
    "four": (X[TRAIN], Y[TRAIN], X[TEST], Y[TEST]),
    "train_test_split": tuple(train_test_split(X, Y, test_size=20, shuffle=False)),
    "Keras' npz": {"x_train": X[TRAIN], "y_train": Y[TRAIN], "x_test": X[TEST], "y_test": Y[TEST]},
    "images": {"train_images": X[TRAIN], "train_labels": Y[TRAIN], "test_images": X[TEST], "test_labels": Y[TEST]},
    "names behind": {"XTrain": X[TRAIN], "yTrain": Y[TRAIN], "XTest": X[TEST], "yTest": Y[TEST]},
    "data sets": (rows(X[TRAIN], Y[TRAIN]).batch(7), rows(X[TEST], Y[TEST])),
    "data sets by name": {"train": rows(X[TRAIN], Y[TRAIN]), "test": rows(X[TEST], Y[TEST])},
    "pairs by name": {"train": (X[TRAIN], Y[TRAIN]), "test": (X[TEST], Y[TEST])},
    "validation alone": [rows(X[TRAIN], Y[TRAIN]), rows(X[TEST], np.eye(3)[Y[TEST]])],
    "joined": ((X[:20], Y[:20]), (X[20:40], Y[20:40]), (X[TEST], Y[TEST])),
    "joined by name": {"x": X[:20], "y": Y[:20], "x_val": X[20:40], "y_val": Y[20:40], "x_test": X[TEST]}
    | {"y_test": Y[TEST]},
}


@pytest.mark.parametrize("kind", SPLIT)
def test_a_test_part_is_the_test_set(kind):
    """Rows 40 and on are held out, whatever says so; validation rows join those that train, with a note."""
    dataset = from_arrays("t", SPLIT[kind])
    assert dataset.fingerprint == from_arrays("t", X[TRAIN], Y[TRAIN], test=(X[TEST], Y[TEST])).fingerprint
    assert np.flatnonzero(dataset.held_out).tolist() == [*range(40, 60)]
    assert any("are joined with the training rows" in note for note in dataset.notes) == ("joined" in kind)


def test_two_frames_with_the_target_are_training_and_test_rows():
    """Both hold the column that is named."""
    whole = FRAME.assign(kind=Y)
    dataset = from_arrays("t", (whole[:40], whole[40:]), "kind")
    assert np.flatnonzero(dataset.held_out).tolist() == [*range(40, 60)]
    np.testing.assert_array_equal(dataset.features, X)


def test_validation_rows_without_test_rows_are_the_test_set():
    """They were set aside; the note says so."""
    dataset = from_arrays("t", {"x_train": X[TRAIN], "y_train": Y[TRAIN], "x_val": X[TEST], "y_val": Y[TEST]})
    assert int(dataset.held_out.sum()) == 20
    assert any(note.startswith("The validation rows are the test set") for note in dataset.notes)


@pytest.mark.parametrize("missing", ["text", "list", "objects", "masked", "series"])
def test_a_class_that_is_missing_is_no_class(missing):
    """NumPy writes NaN among texts as a word; a mask, None and NaN stay what they are."""
    words = {
        "text": np.array([*WORDS[:59], np.nan]),
        "list": [*WORDS[:59].tolist(), float("nan")],
        "objects": np.array([*WORDS[:59], None], dtype=object),
        "masked": np.ma.masked_array(WORDS, mask=np.arange(60) == 59),
        "series": pd.Series([*WORDS[:59], pd.NA]),
    }[missing]
    dataset = from_arrays("t", X, words)
    assert (dataset.classes, len(dataset.target)) == (("ape", "bee", "cat"), 59)
    assert "1 row has no target and is left out." in dataset.notes
    assert any("'nan', which NumPy makes of NaN" in note for note in dataset.notes) == (missing == "text")


@pytest.mark.parametrize("kind", ["float32", "int64"])
def test_what_is_masked_is_missing(kind):
    """In features NaN, and filled by the mean of the training rows with a column that says where."""
    values = (X * 10).astype(kind)
    dataset = from_arrays("t", np.ma.masked_array(values, mask=X > 1), Y)
    np.testing.assert_array_equal(dataset.features, np.where(X > 1, np.nan, values))
    labels = np.ma.masked_array(Y, mask=np.arange(60) < 3)
    assert len(from_arrays("t", X, labels).target) == 57


@pytest.mark.parametrize(
    ("target", "got"),
    [
        (np.c_[np.ones(60), Y == 0, Y == 1], r"several of 3 labels in 40 rows \(multi-label\)$"),
        (np.eye(4)[Y][:, 1:], "20 one-hot rows without a class$"),
        (np.full((60, 3), 1 / 3), r"3 probabilities, of which y.argmax\(axis=1\) is the likeliest class$"),
        (X, "4 columns: choose one$"),
        (np.char.add(WORDS[:, None], ["x", "y"]), "2 columns of object$"),
    ],
)
def test_targets_of_more_than_a_class_a_row_are_refused(target, got):
    """Several labels, none, shares of classes, quantities, texts: each with what it is."""
    with pytest.raises(InputError, match=rf"^--target: expected the target to be one class or .*; got {got}"):
        from_arrays("t", X, target)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (([[1], [1, 2]] * 30, Y), "got rows of different lengths, which keras.utils.pad_sequences"),
        ((np.array([[1]] * 30 + [[1, 2]] * 30, dtype=object), Y), "got rows of different lengths"),
        ((tf.ragged.constant([[1], [1, 2]] * 30), Y), "got rows of different lengths"),
        ((keras.Input((3,)), Y), "expected features to be an array; got ValueError: A KerasTensor is symbolic"),
        ((X.astype(complex), Y), "expected features that are numbers; got an array of complex128"),
        (({"a": X, "b": X}, Y), "expected features to be one input; got 2: a and b$"),
        (([X, X], Y), r"got 2 inputs of \(60, 4\), where models of one input are trained$"),
        (([X, X[:, :2]], Y), r"got 2 inputs of \(60, 4\) and \(60, 2\), where models of one input are trained$"),
        ((X, Y, np.ones(60)), "got a third part: weights of rows are not taken$"),
        ((scipy.sparse.csr_matrix((60, 10**7)), Y), "sparse matrix of 60 rows × 10,000,000 columns, where at most"),
        ((row for row in X), "got generator, which gives its rows once: tf.data.Dataset.from_generator"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "expected both x_test and y_test in t; got one of them$"),
        (rows(X, Y).repeat(), r"got one that repeats: leave out .repeat\(\)$"),
        (rows((X, X), Y), "expected elements of one input; got several: 2$"),
        (rows(X, {"a": Y, "b": Y}), "expected elements of one output; got several: a, b$"),
        (rows(X, Y).take(0), "expected rows; got an empty data set$"),
        (rows(X), "^--target: expected what is to be predicted in t; got none$"),
        (None, r"expected \(features, target\), a frame, a mapping of arrays or a Dataset; got NoneType$"),
        ([], "got list of nothing$"),
        ({}, "expected arrays called x and y in t; got none$"),
    ],
)
def test_what_is_no_data_set_says_so_in_a_line(data, message):
    """What was expected, and what was given."""
    with pytest.raises(InputError, match=message) as refused:
        from_arrays("t", data)
    assert "\n" not in str(refused.value)


def test_a_file_is_no_test_set_of_arrays():
    """It would have no columns in common with them."""
    with pytest.raises(InputError, match=r"^--test: expected \(features, target\) or a frame .*; got 'a.csv'$"):
        from_arrays("t", X, Y, test="a.csv")


def test_a_data_set_in_batches_has_an_end_in_time_and_memory(monkeypatch):
    """One that goes on without saying so is left after the limit, which is named."""
    monkeypatch.setattr("regfleet.data.batches.MAX_BYTES", 10_000)
    forever = tf.data.Dataset.from_generator(
        lambda: iter(lambda: (X[0], 0), None),
        output_signature=(tf.TensorSpec((4,), tf.float64), tf.TensorSpec((), tf.int64)),
    )
    with pytest.raises(InputError, match=r"at most 10 kB, read within 300 s; got more after 1,024 rows; .* take\(\)$"):
        from_arrays("t", forever)


def test_weights_of_rows_are_said_to_be_left_out():
    """What model.fit would have used."""
    dataset = from_arrays("t", rows(X, Y, np.ones(60)).batch(8))
    assert "The sample weights that come with the rows are not used." in dataset.notes


def test_rows_in_another_order_every_time_are_said_to_be_no_study_to_resume():
    """Unless a seed keeps the order; wherever in the chain they are shuffled."""
    tf.random.set_seed(None)  # another test's would keep the order
    for data, said in ((rows(X, Y).shuffle(60), True), (rows(X, Y).shuffle(60, seed=3), False), (rows(X, Y), False)):
        notes = from_arrays("t", data.batch(8).prefetch(1)).notes
        assert any("cannot be resumed" in note for note in notes) == said


def test_names_of_classes_come_with_a_data_set():
    """In the order of their numbers: of scikit-learn, of a one-hot frame, of a folder's `class_names`."""
    names = ("zebra", "cow", "ant")
    bunch = Bunch(data=X, target=Y, target_names=np.array(names))
    hot = pd.DataFrame(np.eye(3)[Y], columns=names)
    named = rows(X, Y).batch(8)
    named.class_names = [*names]
    for data in (bunch, (X, hot), (FRAME, hot), named):
        dataset = from_arrays("t", data)
        assert dataset.classes == names
        np.testing.assert_array_equal(dataset.target, Y)
    many = np.arange(60) % 30
    assert len(from_arrays("t", (X, np.eye(30)[many])).classes) == 30
    iris = sklearn.datasets.load_iris()
    assert from_arrays("iris", iris).classes == ("setosa", "versicolor", "virginica")
    assert from_arrays("d", sklearn.datasets.load_diabetes()).task == "regression"
    as_numbers = Data(location="d", task="regression")
    assert from_arrays("d", sklearn.datasets.load_digits(), source=as_numbers).task == "regression"
    with pytest.raises(InputError, match=r"^--task regression: expected numbers; got one-hot classes$"):
        from_arrays("t", X, np.eye(3)[Y], source=as_numbers)


HOT = pd.get_dummies(pd.Series(WORDS))
FEW = Y > 0
GAP = HOT.astype(float)
GAP.iloc[np.flatnonzero(FEW)[0]] = np.nan


@pytest.mark.parametrize("features", [X, FRAME])
@pytest.mark.parametrize(
    ("target", "held_out"),
    [
        (HOT, HOT[FEW].drop(columns="ape")),
        (HOT, HOT[FEW][["cat", "bee"]]),
        (HOT, WORDS[FEW]),
        (WORDS, HOT[FEW].drop(columns="ape")),
        (HOT, GAP[FEW]),
    ],
)
def test_classes_of_the_test_set_are_those_of_the_names(features, target, held_out):
    """Whichever are among its columns and in which order, in arrays and in frames."""
    dataset = from_arrays("t", features, target, test=(features[FEW], held_out))
    expected = WORDS[FEW][1:] if np.asarray(pd.isna(held_out)).any() else WORDS[FEW]
    assert dataset.classes == ("ape", "bee", "cat")
    np.testing.assert_array_equal(np.array(dataset.classes)[dataset.target[dataset.held_out]], expected)


def test_classes_that_training_does_not_have_are_refused():
    """By name, and where only one of the two has names that are no numbers."""
    for held_out in (HOT.rename(columns={"cat": "eel"}), np.where(WORDS == "cat", "eel", WORDS)):
        with pytest.raises(InputError, match=r"^--test: expected the classes of --data, ape, bee and cat; got eel$"):
            from_arrays("t", X, HOT, test=(X, held_out))
    with pytest.raises(InputError, match=r"^--test: expected numbers of classes; got ape, bee and cat$"):
        from_arrays("t", X, Y, test=(X, HOT))
    with pytest.raises(InputError, match=r"^--test: expected numbers of classes; got ape and bee$"):
        from_arrays("t", X, Y, test=Bunch(data=X, target=Y % 2, target_names=["ape", "bee"]))


def test_numbers_are_those_of_the_names_beside_them():
    """A test set that says what its own numbers mean has those of training, which is said."""
    dataset = from_arrays("t", X, Y, test=Bunch(data=X, target=Y, target_names=["ape", "bee", "cat"]))
    np.testing.assert_array_equal(dataset.target, [*Y, *Y])
    said = "The numbers of the target are those of the test set: 0 is ape, 1 is bee and 2 is cat."
    assert said in dataset.notes


def test_a_data_set_of_scikit_learn_may_have_its_classes_in_another_order():
    """They are the same by name."""
    both = [Bunch(data=X, target=Y, target_names=["ape", "bee", "cat"])]
    both += [Bunch(data=X, target=2 - Y, target_names=["cat", "bee", "ape"])]
    dataset = from_arrays("t", both)
    np.testing.assert_array_equal(dataset.target, [*Y, *Y])


@pytest.mark.parametrize("features", [X, FRAME])
def test_a_one_hot_row_without_values_leaves_the_names(features):
    """It is left out, as every row without a target."""
    dataset = from_arrays("t", features, GAP)
    assert dataset.classes == ("ape", "bee", "cat")
    np.testing.assert_array_equal(dataset.target, np.delete(Y, np.flatnonzero(FEW)[0]))


def test_notes_of_the_test_set_are_notes():
    """For a frame as for an array."""
    held_out = (FRAME, np.array([*WORDS[:-1], "nan"]))
    assert any("1 times the text 'nan'" in note for note in from_arrays("t", FRAME, WORDS, test=held_out).notes)


def test_codes_for_missing_values_are_found_in_whole_numbers():
    """And refused where an array cannot have gaps."""
    x = np.where(np.arange(240).reshape(60, 4) % 7 == 0, -999, np.arange(240).reshape(60, 4) % 50)
    coded = Data(location="t", missing=["-999"])
    expected = from_arrays("t", np.where(x == -999, np.nan, x), Y).fingerprint
    for kind in ("int64", "int16", "float32"):
        assert from_arrays("t", x.astype(kind), Y, source=coded).fingerprint == expected
    assert from_arrays("t", np.arange(240).reshape(60, 4), Y, source=coded).features.dtype == "int64"
    with pytest.raises(InputError, match=r"^--missing: expected a table or texts; got one of its values"):
        from_arrays("t", x.reshape(60, 2, 2), Y, source=coded)


def test_a_ready_data_set_is_scaled_as_the_study_says():
    """As one that is built in."""
    assert from_arrays("t", PLAIN, source=Data(location="t", scale="none")).scaling.how == "none"


def test_rows_of_another_index_are_said():
    """Frames would be aligned by it; here rows are paired as they stand."""
    order = DRAW.permutation(60)
    dataset = from_arrays("t", FRAME.iloc[order], pd.Series(Y))
    assert any("another order: rows are paired as they stand" in note for note in dataset.notes)
    assert from_arrays("t", FRAME, pd.Series(Y)).notes == ()


class Odd:
    """Whatever is asked of it, it fails."""

    def __getattr__(self, name):
        """Fail."""
        raise RuntimeError(name)


def test_what_fails_in_another_library_is_a_line():
    """Its words, and the file where it failed."""
    with pytest.raises(
        InputError, match=r"^--data: expected t to be data that can be read; got RuntimeError: .*\.py:\d+$"
    ):
        from_arrays("t", Odd())


NUMERALS = [1.234, 5.678, 2.5, 0.75] * 15


@pytest.mark.parametrize(
    "values",
    [
        np.array(NUMERALS, dtype=">f8"),
        np.array(NUMERALS, dtype="longdouble"),
        [Decimal(str(one)) if at % 2 else one for at, one in enumerate(NUMERALS)],
        [Fraction(one) for one in NUMERALS],
        [None if at == 9 else np.float32(one) if at % 2 else Decimal(one) for at, one in enumerate(NUMERALS)],
        [True, 1.5, 0, Decimal(7)] * 15,
    ],
)
@pytest.mark.parametrize("decimal", [".", ",", None])
def test_numbers_of_any_type_are_no_texts(values, decimal):
    """Whatever stands before the decimals of the texts beside them; of a column and of a target."""
    frame = pd.DataFrame({"a": values, "b": [f"{one:.2f}".replace(".", decimal or ",") for one in X[:, 0]]})
    exact = [np.nan if one is None else float(one) for one in values]
    dataset = from_arrays("t", frame, WORDS, source=Data(location="t", decimal=decimal))
    np.testing.assert_allclose(dataset.features, np.c_[exact, X[:, 0].round(2)], rtol=1e-6)
    if None not in values:
        wanted = Data(location="t", decimal=decimal, task="regression")
        np.testing.assert_allclose(from_arrays("t", X, values, source=wanted).target, exact, rtol=1e-6)


def test_what_stands_in_the_index_of_a_frame_is_not_read_which_is_said():
    """Where it has names; a counted index holds nothing."""
    (note,) = from_arrays("t", FRAME.assign(kind=WORDS).set_index(["a", "kind"]), Y).notes
    assert note == "The index of the frame (a and kind) is not read; reset_index() makes columns of it."
    assert PLAIN.notes == ()


PICTURES = [Image.fromarray(DRAW.integers(0, 255, (5, 4, 3), dtype="uint8")) for _ in range(60)]


@pytest.mark.parametrize(
    ("modes", "kept"), [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("P", "RGB"), ("1", "L"), ("LP", "RGB")]
)
def test_images_in_memory_are_their_colours(modes, kept):
    """Not the places of a palette; those of several kinds have three channels."""
    images = [image.convert(modes if len(modes) != 2 else modes[at % 2]) for at, image in enumerate(PICTURES)]
    dataset = from_arrays("t", images, Y)
    np.testing.assert_array_equal(dataset.features, np.stack([np.asarray(image.convert(kept)) for image in images]))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (PICTURES[0].resize((8, 7)), r"one size; got 2, 5x4 to 7x8 \(height x width\)"),
        (Image.fromarray(np.zeros((5, 4), "uint16")), "one depth; got the modes I;16 and RGB"),
        (None, "an image in every row of the features; got none in row 60"),
    ],
)
def test_images_that_do_not_fit_are_refused_in_a_line(other, words):
    """Of several sizes or depths, or missing."""
    with pytest.raises(InputError, match=f"^--data: expected (images of )?{words}"):
        from_arrays("t", [*PICTURES[:59], other], Y)


class HuggingFace:
    """A `datasets.Dataset`, as far as it is looked at."""

    def __init__(self, columns, names=()):
        """Hold columns by name; ``names`` are those of the classes of the column label."""
        self.table = pd.DataFrame(columns)
        self.column_names = [*columns]
        kinds = {name: SimpleNamespace(dtype=str(pa.array(values).type)) for name, values in columns.items()}
        self.features = kinds | ({"label": SimpleNamespace(dtype="int64", names=[*names])} if names else {})

    def __len__(self):
        """So many rows."""
        return len(self.table)

    def __getitem__(self, name):
        """One column."""
        return self.table[name].tolist()

    def to_pandas(self):
        """All of it."""
        return self.table


def test_a_data_set_of_hugging_face_is_read_by_its_features():
    """Its labels are the target, -1 is none; a split called test is the test set; one column of text is texts."""
    columns = FRAME.to_dict("list") | {"label": np.where(np.arange(60) < 5, -1, Y)}
    dataset = from_arrays("t", HuggingFace(columns, ("x", "y", "z")))
    assert dataset.classes == ("x", "y", "z")
    np.testing.assert_array_equal(dataset.features, X[5:])
    texts = {"text": TEXTS.tolist(), "label": Y}
    parts = {"train": HuggingFace(texts, "abc"), "test": HuggingFace(texts, "abc"), "unsupervised": None}
    dataset = from_arrays("t", parts)
    assert dataset.features.iloc[:60, 0].tolist() == TEXTS.tolist()
    assert int(dataset.held_out.sum()) == 60
    assert dataset.notes[0] == "Only the parts train and test are used, and not unsupervised."
    with pytest.raises(InputError, match=r"^--target: expected a column, one of a, b, c, d; got none$"):
        from_arrays("t", HuggingFace(FRAME.to_dict("list")))


def test_columns_of_a_data_set_of_hugging_face_are_classes_by_name_and_can_be_dropped():
    """Beside others, and beside the one that is input."""
    columns = {"a": X[:, 0], "kind": [-1, *Y[1:]], "id": range(60), "label": Y}
    many = HuggingFace(columns, ("x", "y", "z"))
    many.features["kind"] = SimpleNamespace(dtype="int64", names=["u", "v", "w"])
    dataset = from_arrays("t", many, source=Data(location="t", drop=["id"]))
    assert dataset.features["kind"].tolist()[1:] == ["uvw"[one] for one in Y[1:]]
    assert [*dataset.features] == ["a", "kind"]
    assert dataset.features["kind"].isna().tolist() == [True] + [False] * 59
    one = HuggingFace({"text": TEXTS.tolist(), "id": range(60), "label": Y}, ("x", "y", "z"))
    texts = from_arrays("t", one, source=Data(location="t", drop=["id"]))
    assert texts.features.iloc[:, 0].tolist() == TEXTS.tolist()
    with pytest.raises(InputError, match=r"^--drop: expected a column, one of text, id, label; got 'ids' \(did you"):
        from_arrays("t", one, source=Data(location="t", drop=["ids"]))


@pytest.mark.parametrize(
    "texts", [TEXTS, TEXTS[:, None], TEXTS.tolist(), pd.Series(TEXTS), np.char.encode(TEXTS), rows(TEXTS, Y).batch(8)]
)
def test_an_array_of_texts_is_one_column_of_text(texts):
    """Kept as texts for a model that takes them, numbers of their n-grams for any other."""
    dataset = from_arrays("t", texts if isinstance(texts, tf.data.Dataset) else (texts, Y))
    assert dataset.features.iloc[:, 0].tolist() == TEXTS.tolist()
    assert dataset.columns[1] == ("text", "text", "60 texts")
    assert cut(dataset, parse_split("60/20/20"), 0).train.x.dtype == np.float32


def test_few_texts_are_categories_and_equal_ones_are_refused():
    """As in a table."""
    dataset = from_arrays("t", (np.array(["u", "v", "w"])[Y[::-1]], Y))
    assert dataset.columns[1][1] == "category"
    with pytest.raises(InputError, match=r"^--data: expected texts that differ in t; got always u the same$"):
        from_arrays("t", (np.full(60, "u"), Y))


def test_nothing_is_imported_to_look_at_arrays():
    """TensorFlow's and Keras' own are only looked for where those were imported."""
    assert "torch" not in sys.modules
    assert "datasets" not in sys.modules


@pytest.mark.parametrize("function", ["hot", "parts"])
def test_a_function_returns_whatever_is_taken_in_memory(tmp_path, monkeypatch, function):
    """One-hot targets and parts by name, from a function in the working directory."""
    name = f"arrays_{function}"
    (tmp_path / f"{name}.py").write_text(
        "import numpy as np\nX, Y = np.arange(60.0).reshape(20, 3) ** 2, np.arange(20) % 2\n"
        "def hot(): return X, np.eye(2)[Y]\n"
        "def parts(): return {'train': (X[:10], Y[:10]), 'test': (X[10:], Y[10:])}\n"
    )
    monkeypatch.chdir(tmp_path)
    dataset = load_dataset(Data(location=f"{name}:{function}"))
    assert (dataset.features.shape, dataset.classes) == ((20, 3), ("0", "1"))


def test_an_npz_file_may_have_keras_names(tmp_path):
    """Those of its own mnist.npz, and those that np.savez gives by itself."""
    np.savez(tmp_path / "keras.npz", x_train=X[:40], y_train=Y[:40], x_test=X[40:], y_test=Y[40:])
    np.savez(tmp_path / "plain.npz", X, Y)
    assert int(load_dataset(Data(location=str(tmp_path / "keras.npz"))).held_out.sum()) == 20
    assert load_dataset(Data(location=str(tmp_path / "plain.npz"))).fingerprint == PLAIN.fingerprint


ONE_HOT = pd.get_dummies(pd.Series(WORDS)).astype(int)


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize(
    ("train", "test"),
    [
        (ONE_HOT, ONE_HOT[["cat", "bee", "ape"]]),
        (ONE_HOT, ONE_HOT.assign(dog=0)),
        (ONE_HOT, WORDS),
        (WORDS, ONE_HOT[["cat", "bee", "ape"]]),
    ],
    ids=["another order", "more classes", "one-hot, then texts", "texts, then one-hot"],
)
def test_classes_of_the_test_set_go_by_their_names(frames, train, test):
    """The columns of two one-hot targets need not stand in one order."""
    x = pd.DataFrame(X) if frames else X
    dataset = from_arrays("t", (x, train), test=(x[:20], test[:20]))
    assert [dataset.classes[number] for number in dataset.target[dataset.held_out]] == [*WORDS[:20]]
    with pytest.raises(InputError, match="--test: expected the classes of --data, ape, bee and cat; got dog"):
        from_arrays("t", (x, ONE_HOT), test=(x[:20], ONE_HOT[:20].rename(columns={"cat": "dog"})))


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
def test_what_means_missing_is_missing_in_arrays(kind):
    """NaN, whatever the numbers are; and what has no place for missing values says so."""
    x = np.where(X > 1.5, -999, 10 * X).astype(kind)
    source = Data(location="t", missing=("-999", "none"))
    features = from_arrays("t", x, Y, source=source).features
    assert (np.isnan(features) == (X > 1.5)).all()
    with pytest.raises(InputError, match="--missing: expected a table or texts"):
        from_arrays("t", x[:, :2, None], Y, source=source)
    texts = from_arrays("t", np.array(["none", "a b", "c d"] * 20), Y, source=source).features
    assert int(texts["text"].isna().sum()) == 20


@pytest.mark.parametrize("flag", [{"encoding": "cp1252"}, {"no_header": True}, {"image_size": "8x8"}, {"color": "rgb"}])
def test_flags_of_files_are_refused_beside_data_in_memory(flag):
    """None is ignored without a word."""
    with pytest.raises(InputError, match=r"--[a-z-]+: expected a file or a folder; got it with data in memory"):
        from_arrays("t", X, Y, source=Data(location="t", **flag))


@pytest.mark.parametrize("kind", ["tensorflow", "structured"])
def test_bytes_in_columns_by_name_are_texts(kind):
    """TensorFlow's strings, and those of NumPy's records, are no binary data."""
    records = np.array(
        [*zip(X[:, 0], WORDS.astype("S"), Y, strict=True)], dtype=[("a", "f8"), ("b", "S3"), ("y", "i4")]
    )
    columns = {"a": X[:, 0], "b": WORDS}
    data = records if kind == "structured" else tf.data.Dataset.from_tensor_slices((columns, Y)).batch(7)
    dataset = from_arrays("t", data, "y" if kind == "structured" else None)
    assert [*dataset.features["b"]] == [*WORDS]
