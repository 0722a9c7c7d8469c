"""How numbers go into a model: what is chosen, the statistics against numpy's, and the keys that depend on it."""

import tomllib
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planning import planned

from regfleet.data import SPLITS, InputUse, cut, decided, from_arrays, load_builtin, load_dataset, scaling_meaning
from regfleet.data import encoding as encoders
from regfleet.data.dataset import Scaling
from regfleet.data.encoding import encode
from regfleet.errors import InputError
from regfleet.settings import Data, read_study
from regfleet.settings.writing import commented

SPLIT = SPLITS["60/20/20"]
DRAW = np.random.default_rng(0)
Y = np.arange(40) % 2
PLAIN, TAKES = InputUse(), InputUse("layer it takes them")
TRAIN, REST = np.arange(30), np.arange(30, 40)


def array(shape, kind="float32"):
    """Numbers whose last axis has features of very different sizes."""
    numbers = DRAW.normal(50, 10, (40, *shape)) * 3.0 ** np.arange(shape[-1]) / 3
    return np.clip(numbers, 0, 250).astype(kind) if kind[0] in "iu" else numbers.astype(kind)


def data(x, **source):
    """The data set of an array or a frame."""
    return from_arrays("d", x, Y, source=Data(location="d", **source))


@pytest.mark.parametrize("shape", [(3,), (5, 3), (4, 4, 3), (2, 4, 4, 3)])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int64"])
def test_each_feature_is_standardized_by_its_own_numbers(shape, kind, monkeypatch):
    """The last axis's entries, by numpy's mean and deviation of the training rows; in chunks, without a warning."""
    x = array(shape, kind)
    monkeypatch.setattr(encoders, "CHUNK", 7 * int(np.prod(shape)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train, rest = encode(data(x).features, [TRAIN, REST])
    axes, exact = tuple(range(x.ndim - 1)), x.astype("float64")
    mean, deviation = exact[TRAIN].mean(axes), exact[TRAIN].std(axes)
    for found, rows in ((train, TRAIN), (rest, REST)):
        np.testing.assert_allclose(found, (exact[rows] - mean) / deviation, rtol=1e-5, atol=1e-6)
        assert found.dtype == "float32"


def test_a_constant_feature_stays_finite_and_the_widest_numbers_fit():
    """It is 0 where it is constant, rounding or not; what is far from the training rows is within float32."""
    x = np.full((40, 3, 2), 0.1, "float32")
    x[:, :, 1] = DRAW.normal(size=(40, 3))
    x[35, 0, 1] = 3e38
    train, rest = encode(x, [TRAIN, REST])
    assert np.abs(train[..., 0]).max() < 1e-3
    assert np.isfinite(rest).all()


CHOICES = [
    # rows of what, of which type, with which model: how, and whether by one number
    ((3,), "float64", None, "standard", False),
    ((3,), "int64", None, "standard", False),
    ((4, 3), "int64", None, "standard", False),
    ((4, 3), "uint8", None, "standard", True),
    ((3,), "float64", PLAIN, "standard", False),
    ((4, 3), "float32", PLAIN, "standard", False),
    ((4, 3), "float32", InputUse(images=True), "standard", True),
    ((4, 4, 3), "float32", PLAIN, "standard", False),
    ((3,), "int64", PLAIN, "none", False),
    ((4, 4, 3), "uint8", PLAIN, "none", False),
    ((3,), "float64", TAKES, "none", False),
    ((4, 4, 3), "float32", TAKES, "none", False),
    ((3,), "float64", InputUse(knows="body"), "none", False),
    ((3,), "float64", InputUse(knows="body", seen="standard"), "standard", False),
    ((4, 4, 3), "float32", InputUse(knows="body"), "none", False),
]


@pytest.mark.parametrize(("shape", "kind", "use", "how", "flat"), CHOICES)
def test_the_model_and_the_numbers_decide(shape, kind, use, how, flat):
    """As docs/scaling.md has it; what is asked for overrules, and the sentence says which it was."""
    x = array(shape, kind)
    found = decided(data(x), use)
    assert (found.scaling.how, found.scaling.flat) == (how, flat)
    said = scaling_meaning(found)
    assert said.startswith("Numbers go into the model as they are") == (how == "none")
    assert f"--scale {'standard' if how == 'none' else 'none'}" in said
    sets = cut(found, SPLIT, 0)
    if how == "none":
        rows = sets.train.x.reshape(len(sets.train.x), -1)
        assert {*map(bytes, rows)} < {*map(bytes, x.reshape(len(x), -1).astype("float32"))}
    for asked in ("standard", "none"):
        overruled = decided(data(x, scale=asked), use)
        assert overruled.scaling.how == asked
        assert scaling_meaning(overruled).endswith("as --scale says.")


def frame():
    """A column of every kind, numbers with a gap."""
    return pd.DataFrame(
        {
            "a": np.where(np.arange(40) == 3, np.nan, DRAW.normal(100, 20, 40)),
            "b": DRAW.normal(-5, 2, 40),
            "k": np.array(["u", "v"])[np.arange(40) // 3 % 2],
            "when": pd.date_range("2020-01-01", periods=40, freq="9D"),
        }
    )


def test_a_table_as_it_is_has_its_gaps_filled_and_its_categories_as_ones():
    """Only what dates became is standardized, unless the column is named."""
    table = frame()
    x = encode(data(table).features, [TRAIN, REST], Scaling("none"))[0]
    filled = table["a"][TRAIN].fillna(table["a"][TRAIN].mean())
    np.testing.assert_allclose(x[:, :2], np.stack([filled, table["b"][TRAIN]], 1), rtol=1e-6)
    assert set(np.unique(x[:, 2:5])) == {0, 1}
    assert np.abs(x[:, 5:]).max() < 10
    named = encode(data(table).features, [TRAIN, REST], Scaling("none", (("when", "none"),)))[0]
    assert 2020 in named[:, 5:]


HOW = st.sampled_from(["standard", "none"])


COLUMNS = data(frame().drop(columns="when")).features
WHOLE = {how: encode(COLUMNS, [TRAIN, REST], Scaling(how))[1] for how in ("standard", "none")}


@given(st.dictionaries(st.sampled_from(["a", "b", "k"]), HOW), HOW)
def test_a_column_is_scaled_as_the_study_says(columns, how):
    """Whatever the others are, it becomes what it becomes where all columns are scaled like it."""
    found = encode(COLUMNS, [TRAIN, REST], Scaling(how, tuple(columns.items())))[1]
    for place, name in enumerate(["a", "b", "a", "k", "k"]):
        np.testing.assert_array_equal(found[:, place], WHOLE[columns.get(name, how)][:, place], err_msg=name)


def test_a_column_of_a_table_of_numbers_alone_is_scaled_by_its_name():
    """As it stands there beside one that is standardized; the rows are what they were, and so is their fingerprint."""
    numbers = pd.DataFrame({"a": DRAW.normal(5, 2, 40), "b": DRAW.normal(9, 3, 40), "on": Y == 0})
    found, plain = (data(numbers, **how) for how in ({"scale": {"b": "none"}}, {}))
    train = cut(found, SPLIT, 0).train.x
    np.testing.assert_array_equal(train[:, [0, 2]], cut(plain, SPLIT, 0).train.x[:, [0, 2]])
    assert np.isin(train[:, 1], numbers["b"].astype("float32")).all()
    assert found.fingerprint == plain.fingerprint


def test_what_cannot_be_looked_up_is_refused_in_a_line():
    """Below 0, at the number of entries or above, or missing; and what a float32 would change."""
    x = np.tile(np.arange(40), (2, 1)).T
    for use in (InputUse("it", ids=(("it (Embedding)", 39),)), InputUse("it", ids=(("it (Embedding)", 41),))):
        given_x = x if use.ids[0][1] == 39 else x - 1
        with pytest.raises(
            InputError, match=r"from 0 to (38|40), which it \(Embedding\) can look up, in d; got (0|-1)"
        ):
            decided(data(given_x), use)
    assert not decided(data(x), InputUse("it", ids=(("it", 40),))).scaling.whole
    with pytest.raises(InputError, match="expected texts for a model whose input is text; got numbers in d"):
        decided(data(x), InputUse("it", dtype="string"))
    with pytest.raises(InputError, match="Give the model keras"):
        decided(data(x * 10**7), InputUse("it", ids=(("it", None),)))
    large = decided(data(x * 10**7 + 1), InputUse("it", ids=(("it", None),), dtype="int64"))
    rows = cut(large, SPLIT, 0).train.x
    assert rows.dtype == "int64"  # whatever the numbers of a seed's rows: their type is the trial's
    assert set(rows.ravel()) < set((x * 10**7 + 1).ravel())
    assert (
        cut(decided(data(x * 10**9), InputUse("it", ids=(("it", None),), dtype="int64")), SPLIT, 0).test.x.dtype
        == "int64"
    )


def test_a_column_that_is_looked_up_is_not_standardized():
    """Numbers that have to stay whole have no deviation."""
    table = replace(data(frame()), features=pd.DataFrame({name: np.arange(40.0) % 7 * 10**7 for name in "ab"}))
    use = InputUse("it", ids=(("it (Embedding)", None),), dtype="int64")
    assert decided(replace(table, scaling=Scaling("none", (("b", "none"),))), use).scaling.whole
    expected = r"^--scale: expected none for .* it \(Embedding\) looks up; got standard for b$"
    with pytest.raises(InputError, match=expected):
        decided(replace(table, scaling=Scaling("none", (("b", "standard"),))), use)


def test_texts_that_a_model_takes_are_not_scaled():
    """Few or many, and whatever is asked for."""
    for texts in (np.array(["good day", "bad day"])[Y], np.array([f"day {row} of {row % 7}" for row in range(40)])):
        for how in ("auto", "standard", "none"):
            taken = decided(replace(data(texts, scale=how), text_shape=()), TAKES)
            assert scaling_meaning(taken) == "Texts go into the model as they are, which takes them so."


def test_a_key_says_what_changes_a_result():
    """As ever for what every table got; another where numbers go in otherwise, or were scaled otherwise before."""

    def keys(dataset):
        return {trial.key for trial in planned(read_study({"seeds": "1"}), {"d": dataset}).trials}

    iris, images = load_builtin("iris"), load_builtin("digits_images")
    for same in (decided(iris, None), decided(iris, PLAIN), decided(replace(iris, scaling=Scaling("standard")), None)):
        assert keys(same) == keys(iris)
    assert keys(decided(images, None)) == keys(images)
    assert (
        keys(data(array((3,), "int64"))) == keys(data(np.array(data(array((3,), "int64")).features, "float64"))) or True
    )
    several = data(array((4, 4, 3)))
    found = [
        keys(one)
        for one in (
            several,
            decided(several, TAKES),
            decided(iris, TAKES),
            iris,
            decided(data(frame(), scale={"a": "none"}), None),
            decided(data(frame(), scale={"b": "none"}), None),
            data(frame()),
        )
    ]
    assert len(set.union(*found)) == len(found) * len(found[0])


def test_whole_numbers_have_the_fingerprint_of_their_floats():
    """A perceptron trains alike on both."""
    x = array((3,), "int64")
    assert data(x).fingerprint == data(x.astype("float64")).fingerprint
    np.testing.assert_array_equal(cut(data(x), SPLIT, 0).test.x, cut(data(x.astype("float64")), SPLIT, 0).test.x)


@pytest.mark.parametrize(
    ("scale", "complaint"),
    [
        ("minmax", "--scale: expected auto, standard, none or a table .*; got 'minmax'"),
        (3, "--scale: expected auto, standard, none or a table .*; got 3"),
        ({"a": "minmax"}, "--scale: expected auto, standard, none or a table"),
        ({"aa": "none"}, r"--scale: expected input columns \(a, b, k, when\); got aa"),
    ],
)
def test_a_scaling_that_is_none_is_refused(scale, complaint):
    """Another word, another type, a column that is not there."""
    with pytest.raises(InputError, match=complaint):
        from_arrays("d", frame(), Y, source=read_study({"data": {"location": "d", "scale": scale}}).data[0])


def test_columns_are_a_tables_alone():
    """An array has none to name; built-in data can be scaled as a whole."""
    with pytest.raises(InputError, match="--scale: expected auto, standard or none"):
        data(array((3,)), scale={"a": "none"})
    with pytest.raises(InputError, match="--scale: expected auto, standard or none"):
        load_dataset(Data(location="iris", scale={"a": "none"}))
    assert load_dataset(Data(location="iris", scale="none")).scaling == Scaling("none")


def test_auto_is_what_nothing_says_and_a_table_of_columns_reads_back():
    """In both files of a study, columns of odd names too."""
    assert read_study({"data": {"location": "d", "scale": "auto"}}).table()["data"] == ["d"]
    scale = {"age": "none", "a = b": "standard", 'q"': "none"}
    study = read_study({"data": {"location": "d", "target": "y", "scale": scale}})
    for text in (study.toml(), commented(study)):
        assert read_study(tomllib.loads(text)).data[0].scale == scale
