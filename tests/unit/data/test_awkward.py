"""Tables as people have them: each works, or one line says what to do."""

import numpy as np
import pandas as pd
import pytest

from regfleet.data import cut, describe_columns, from_arrays, parse_split, split_rows
from regfleet.errors import InputError
from regfleet.settings import Data

SPLIT = parse_split("60/20/20")
TWO = "a,churned\n" + "1,x\n2,y\n" * 20
UNIQUE = "a,churned\n" + "".join(f"{row},u{row}\n" for row in range(20))


def kinds(dataset):
    """Column → kind."""
    return {name: kind for name, kind, _ in describe_columns(dataset)}


def said(dataset, words):
    """The one note with these words."""
    (note,) = (note for note in dataset.notes if words in note)
    return note


def numbers(rows=60, columns=2):
    """A table of numbers with a target of two classes."""
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(rows, columns))).add_prefix("x")
    return frame.assign(y=np.arange(rows) % 2)


def test_thirty_rows_with_gaps_are_enough(load, table):
    """18 rows train; the gaps get the training mean and a column that tells where they were."""
    sets = cut(load(table[:30]), SPLIT, 0)
    assert [len(part.x) for part in (sets.train, sets.validation, sets.test)] == [18, 6, 6]


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_a_handful_of_rows_is_refused(load, table, rows):
    """A header only, or fewer than ten rows."""
    with pytest.raises(InputError, match=rf"^--data: expected at least 10 rows with a churned; got {rows} in table$"):
        load(table[:rows])


def test_a_class_too_rare_for_every_set_ends_stratification_and_nothing_else():
    """Two rows of a third class cannot be in three sets: the split is drawn without shares."""
    frame = numbers().assign(y=["rare"] * 2 + ["a", "b"] * 29)
    dataset = from_arrays("t", frame, "y")
    parts = split_rows(dataset, SPLIT, 0)
    assert sorted(np.concatenate(parts)) == list(range(60))
    assert cut(dataset, SPLIT, 0).test.y.shape == (12, 3)


def test_classes_of_digits_that_are_no_number_keep_their_names():
    """More digits than Python makes a number of, and a digit that is none."""
    names = ["1" * 5000, "²", "b"]
    assert from_arrays("t", numbers().assign(y=np.tile(names, 20)), "y").classes == tuple(sorted(names))


def test_columns_without_information_are_left_out_with_a_note():
    """Constant, empty and nested columns."""
    frame = numbers().assign(k=7, word="same", none=None, lists=[[1, 2]] * 60)
    dataset = from_arrays("t", frame, "y")
    assert dataset.features.shape == (60, 2)
    note = said(dataset, "not used")
    assert note == (
        "Columns that are not used: k (always 7), word (always same), none (no values), "
        "lists (list<item: int64> values)."
    )


def test_one_cell_in_ten_may_be_missing_anywhere(table):
    """Numbers, categories and dates with gaps; the target's rows without a value are left out."""
    holes = np.random.default_rng(3).random(table.shape) < 0.1
    dataset = from_arrays("t", table.mask(holes), "churned")
    missing = holes[:, -1].sum()
    assert len(dataset.target) == 60 - missing
    assert said(dataset, "left out") == f"{missing} rows have no churned and are left out."
    assert np.isfinite(cut(dataset, SPLIT, 0).train.x).all()


def test_two_hundred_classes():
    """One-hot targets of 200 columns, every class in every set."""
    dataset = from_arrays("t", numbers(2000).assign(y=[f"c{row % 200:03d}" for row in range(2000)]), "y")
    sets = cut(dataset, SPLIT, 0)
    assert dataset.classes[:2] == ("c000", "c001")
    assert (sets.test.y.sum(0) == 2).all()


def test_a_thousand_columns():
    """As many inputs as columns, in their order."""
    dataset = from_arrays("t", numbers(50, 1000), "y")
    assert cut(dataset, SPLIT, 0).train.x.shape == (30, 1000)


def test_a_number_column_with_a_few_words_is_a_number_column(load, table):
    """The words count as missing, with a note; --categorical keeps them."""
    table["visits"] = table["visits"].round(1).astype(str)
    table.loc[3, "visits"] = "unknown"
    dataset = load(table)
    assert kinds(dataset)["visits"] == "number"
    assert np.isnan(dataset.features["visits"][3])
    note = "Column visits: no number in 1 of the rows, such as 'unknown', counted as missing;"
    assert said(dataset, "visits").startswith(note)
    assert "unknown" in load(table, categorical=("visits",)).features["visits"].cat.categories


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,5", "2,25", "3"], [1.5, 2.25, 3]),
        (["1,500", "2,250,000.5", "3"], [1500, 2250000.5, 3]),
        (["1e3", "-2", "+3."], [1000, -2, 3]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells, expected):
    """Decimal commas, thousands' commas and exponents."""
    dataset = from_arrays("t", numbers().assign(z=cells * 20), "y")
    assert dataset.features[:3, 2].tolist() == expected


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%S"])
def test_dates_are_read_as_people_write_them(form):
    """Two months of days, so that day and month cannot be confused."""
    days = pd.date_range("2024-03-01", periods=60)
    dataset = from_arrays("t", numbers().assign(day=days.strftime(form)), "y")
    assert (dataset.features["day"] == days).all()


def test_infinite_numbers_count_as_missing():
    """Beyond what a variance can be computed of, too."""
    frame = numbers()
    frame.loc[:1, "x0"] = [np.inf, 1e300]
    dataset = from_arrays("t", frame, "y")
    assert np.isnan(dataset.features[:2, 0]).all()
    assert said(dataset, "1e100") == "Column x0: infinite or beyond 1e100 in 2 of the rows, counted as missing."


def test_a_column_of_repeated_name_gets_another(load):
    """Both columns are used, and the note says under which names."""
    dataset = load("a,a,y\n" + "".join(f"{row},{row * row % 7},{row % 2}\n" for row in range(20)), target="y")
    assert dataset.features.shape == (20, 2)
    assert "The column 'a' at place 2 is called 'a 2' here." in dataset.notes


def test_unique_texts_are_ignored_and_unique_numbers_named():
    """A text identifier is no input; a number might be one, so it stays and can be dropped."""
    frame = numbers().assign(key=[f"k{row}" for row in range(60)], customer_id=np.arange(60)[::-1])
    dataset = from_arrays("t", frame, "y")
    assert kinds(dataset)["key"] == "ignored"
    assert kinds(dataset)["customer_id"] == "number"
    assert said(dataset, "--drop customer_id").startswith("Column customer_id: another number in every row")


def test_free_text_that_never_repeats_is_text():
    """Sentences are all different and no identifier; they become thirty numbers at most."""
    words = np.random.default_rng(0).choice(["good", "bad", "slow", "fast", "pricey"], (60, 6))
    dataset = from_arrays("t", numbers().assign(review=[f"{' '.join(w)} {i}" for i, w in enumerate(words)]), "y")
    assert kinds(dataset)["review"] == "text"
    assert cut(dataset, SPLIT, 0).train.x.shape[1] == 2 + 30


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda y: np.where(y, "left", "stayed"), "leak"),
        (lambda y: y * 10 + 3, "leak"),
        (lambda y: y + np.linspace(0, 0.5, len(y)), "leak"),
    ],
)
def test_a_column_that_gives_the_target_away_is_named(give, words):
    """A copy in words, in numbers, and a number that only a threshold is needed for."""
    frame = numbers()
    dataset = from_arrays("t", frame.assign(**{words: give(frame["y"])}), "y")
    assert said(dataset, "told without error").startswith(
        "The target can be told without error from one column alone: leak."
    )
    assert not any("told without error" in note for note in from_arrays("t", frame, "y").notes)


def test_a_number_in_a_straight_line_with_the_quantity_is_named():
    """Euros and cents."""
    frame = numbers().rename(columns={"y": "kind"}).assign(cents=lambda f: f["x0"] * 100)
    assert "alone: cents." in said(from_arrays("t", frame, "x0"), "told without error")


def test_a_class_with_nearly_all_rows_is_no_note():
    """The check R105 says it of results, once, and where accuracy judges."""
    y = np.where(np.arange(200) < 3, "fraud", "fine")
    x = np.random.default_rng(0).normal(size=(200, 2))
    for dataset in (from_arrays("t", x, y), from_arrays("t", pd.DataFrame(x, columns=["a", "b"]).assign(y=y), "y")):
        assert not any("fine" in note for note in dataset.notes)


def test_rows_that_repeat_are_counted(table):
    """Five of the rows twice."""
    dataset = from_arrays("t", pd.concat([table, table[:5]]), "churned")
    assert said(dataset, "repeat").startswith("5 rows repeat another row, target included")


@pytest.mark.parametrize(
    ("content", "source", "message"),
    [
        ("a,churnd\n" + "1,x\n" * 20, {}, r"^--target: .* got 'churned' \(did you mean churnd\?\)$"),
        ("a,churned\n" + "1,x\n" * 20, {}, r"^--target: .* two values; got churned, which is always x$"),
        ("a,churned\n" + "1,\n" * 20, {}, r"^--data: expected at least 10 rows with a churned; got 0 in table$"),
        ("churned\n" + "x\ny\n" * 20, {}, r"^--data: expected a column to predict churned from; got no other column"),
        ("a,churned\n" + "1,x\n1,y\n" * 20, {}, r"^--data: .* got none of use in table: a \(always 1\)$"),
        (
            TWO,
            {"drop": ("b",)},
            r"^--drop: expected a column, one of a, churned; got 'b'$",
        ),
        (TWO, {"group": "churned"}, r"^--group: expected a column beside the target"),
        (TWO, {"drop": ("a",), "time": "a"}, r"^--time: expected a column that --drop leaves in; got 'a'$"),
        (TWO, {"task": "regression"}, r"^--task regression: expected numbers in churned"),
        (
            UNIQUE,
            {},
            r"^--target: expected classes that repeat; got 20",
        ),
        ("a,churned\n" + "1,2020-01-01\n2,2020-01-02\n" * 9, {}, r"^--target: .* which holds date32\[day\] values$"),
    ],
)
def test_a_table_that_cannot_be_used_says_what_to_do(load, content, source, message):
    """The flag, what was expected, what was given, in one line."""
    with pytest.raises(InputError, match=message):
        load(content, **source)


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (["b", "a"] * 10, None, ("a", "b")),
        ([True, False] * 10, None, ("false", "true")),
        ([10, 2] * 10, None, ("2", "10")),
        (["10", "2"] * 10, None, ("2", "10")),
        ([1.0, None, 2.0, 1.0, 2.0] * 10, None, ("1", "2")),
        ([0.5, 1.5] * 10, None, ()),
        (list(range(40)), None, ()),
        ([0.5, 1.5] * 10, "classification", ("0.5", "1.5")),
        ([1, 2] * 10, "regression", ()),
    ],
)
def test_the_targets_type_decides_what_is_predicted(target, task, classes):
    """Text, truth values and few whole numbers are classes, in order; other numbers a quantity; a flag overrules."""
    frame = numbers(len(target)).assign(y=target)
    from_source = from_arrays("t", frame.drop(columns="y"), frame["y"], source=Data(location="t", task=task))
    assert from_source.classes == classes
    assert from_source.task == ("classification" if classes else "regression")


def test_a_quantity_is_standardised_on_the_training_rows():
    """By hand: minus the training mean, over the training standard deviation, and back again."""
    frame = numbers().assign(y=np.linspace(100, 300, 60))
    dataset = from_arrays("t", frame, "y")
    sets, (train, _, test) = cut(dataset, SPLIT, 4), split_rows(dataset, SPLIT, 4)
    assert sets.task == "regression"
    assert sets.target_mean == pytest.approx(frame["y"][train].mean())
    assert sets.target_scale == pytest.approx(frame["y"][train].std(ddof=0))
    back = sets.target_mean + sets.target_scale * sets.test.y[:, 0]
    np.testing.assert_allclose(back, frame["y"][test], rtol=1e-6)


def test_names_are_data_and_never_code(load):
    """Markup and formulas as names and cells go through as text."""
    rows = "".join(f'=1+1,"<b>",{row}\n__import__("os"),x,{row}\n' for row in range(20))
    dataset = load("</script>,=1+1,churned\n" + rows.replace('("os")', ""), target="</script>")
    assert dataset.classes == ("=1+1", "__import__")
