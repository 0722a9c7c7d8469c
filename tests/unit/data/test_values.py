"""Numbers, dates and missing marks as people write them are read as they are meant, or what is assumed is said."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regfleet.data import describe_columns, from_arrays, load_dataset
from regfleet.data.dates import read_dates
from regfleet.data.marks import empty, marks
from regfleet.data.numerals import read_numbers
from regfleet.errors import InputError
from regfleet.settings import Data

FORMS = [  # thousands, decimals, before, behind
    (",", ".", "", ""),
    (",", ".", "$", ""),
    (".", ",", "", " €"),
    (" ", ",", "", " kr"),
    ("\u202f", ",", "", "\u00a0€"),
    ("’", ".", "CHF ", ""),
    ("'", ".", "", ""),
    ("", ",", "", ""),
    ("", ".", "", " kg"),
]
DAYS = [
    ("%d-%m-%Y", {}),
    ("%m/%d/%Y", {}),
    ("%d.%m.%y", {"from": 1969, "to": 2068}),
    ("%d-%b-%Y", {}),
    ("%d%b%Y", {}),
    ("%B %d, %Y", {}),
    ("%a, %d %b %Y", {}),
    ("%Y/%m/%d %H:%M", {}),
    ("%m/%d/%Y %I:%M:%S %p", {}),
    ("%d/%b/%Y:%H:%M:%S +0000", {}),
    ("%Y-%m-%dT%H:%M:%SZ", {}),
]
quick = settings(deadline=None, max_examples=40, derandomize=True)


def numbers(*texts, **how):
    """The numbers in some texts, and what was assumed."""
    series = pd.Series(texts, dtype=object)
    values, notes = read_numbers(series, np.ones(len(series), int), **how)
    return values.tolist(), notes


def dates(texts, **how):
    """The dates in some texts, and what was assumed."""
    series = pd.Series(texts, dtype=object)
    values, notes = read_dates(series, np.ones(len(series), int), **how)
    return values.tolist(), notes


def table(tmp_path, columns, delimiter=",", **source):
    """The data set of a file with those columns and a target ``y`` of two classes unless it is among them."""
    rows = len(next(iter(columns.values())))
    frame = pd.DataFrame({"z": np.arange(rows) ** 2 % 89, "y": [f"c{row % 2}" for row in range(rows)]} | columns)
    frame.to_csv(tmp_path / "t.csv", sep=delimiter, index=False)
    return load_dataset(Data(location=str(tmp_path / "t.csv"), target="y", **source))


def kinds(dataset):
    """Column → kind."""
    return {name: kind for name, kind, _ in describe_columns(dataset)}


def written(number, thousands, mark, before, behind):
    """A number of some decimals, as a locale writes it."""
    sign, _, digits = f"{number:+,}".partition("+") if number >= 0 else ("-", "", f"{-number:,}")
    return sign + before + digits.translate({ord(","): thousands, ord("."): mark}) + behind


@quick
@given(
    st.sampled_from(FORMS),
    st.integers(0, 3),
    st.lists(st.integers(-(10**9), 10**9), min_size=5, max_size=30, unique=True),
)
def test_a_number_written_by_any_locale_is_read_or_its_doubt_is_said(form, places, units):
    """Never another value: where a mark could be either kind, the note names both readings."""
    given_numbers = [decimal.Decimal(unit).scaleb(-places) for unit in units]
    found, notes = numbers(*(written(number, *form) for number in given_numbers))
    if found != [float(number) for number in given_numbers]:
        assert any("might be meant" in note for note in notes)
        sure, _ = numbers(*(written(number, *form) for number in given_numbers), decimal=form[1], sure=True)
        assert sure == [float(number) for number in given_numbers]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["12,34,567", "1,00,000.5", "7"], [1234567, 100000.5, 7]),
        (["(1,234)", "-5", "6"], [-1234, -5, 6]),
        (["−5", "5-", "+5"], [-5, -5, 5]),
        (["5,-", "3,50 €", "7"], [5, 3.5, 7]),
        (["12%", "0", "3.5 %"], [0.12, 0, 0.035]),
        (["0,990", "2", "19,321"], [0.99, 2, 19.321]),
        (["1e3", "2.5E-1", ".5"], [1000, 0.25, 0.5]),
        (["R$ 1.234,50", "R$ 3", "4"], [1234.5, 3, 4]),
        (["30 km/h", "40 km/h", "50.5 km/h"], [30, 40, 50.5]),
        (["１２", "３", "4"], [12, 3, 4]),
    ],
)
def test_signs_units_and_money_are_no_part_of_a_number(texts, expected):
    """India's groups, accountants' brackets, minus signs, no cents, percent, units."""
    assert numbers(*texts)[0] == expected


@pytest.mark.parametrize(
    "texts",
    [
        ["12 kg", "500 g", "3 kg"],
        ["$1.2M", "$500K", "$3M"],
        ["10 or more hours", "9 hours", "8 hours", "7 hours"],
        ["$5", "€5"],
        ["1st", "2nd"],
        ["2WD", "4WD"],
        ["(1)", "(2)"],
        ["10²", "11²"],
        ["1.2.3", "1.2.4"],
        ["10-19", "20-29"],
        ["12:30", "13:45"],
    ],
)
def test_what_is_no_number_or_not_comparable_is_none(texts):
    """Different units, words with digits, superscripts, versions, ranges, times."""
    assert np.isnan(numbers(*texts)[0]).any()


@quick
@given(
    st.sampled_from(DAYS),
    st.lists(st.datetimes(), min_size=3, max_size=20),
)
def test_a_date_written_in_any_order_is_read_or_its_doubt_is_said(form, days):
    """The same moment as strftime wrote; where day and month could be swapped in all rows, a note says so."""
    text, span = form
    days = [day.replace(year=span["from"] + day.year % 100) if span else day for day in days]
    texts = [day.strftime(text.replace("%Y", f"{day.year:04}")) for day in days]
    expected = [*pd.to_datetime(texts, format=text, utc=True).tz_localize(None)]
    found, notes = dates(texts)
    if found != expected:
        assert any("which part is the day" in note for note in notes)
    assert not span or any("two digits" in note for note in notes)


@pytest.mark.parametrize(
    ("texts", "day_first", "expected"),
    [
        (["5. Januar 2019", "6. März 2020"], None, ["2019-01-05", "2020-03-06"]),
        (["5 de enero de 2019", "3 de marzo de 2020"], None, ["2019-01-05", "2020-03-03"]),
        (["1er", "2"], None, [None, None]),
        (["Jan 2019", "2020 Feb", "Mar-21", "Q3 2019"], None, ["2019-01-01", "2020-02-01", "2021-03-01", "2019-07-01"]),
        (["Tue Jan 05 10:00:00 +0100 2021"], None, ["2021-01-05 09:00"]),
        (["11:00 5/1/2021"], True, ["2021-01-05 11:00"]),
        (["2000-1", "2000-2"], None, [None, None]),
        (["01/02/2019", "03/04/2019"], None, ["2019-01-02", "2019-03-04"]),
        (["01/02/2019", "03/04/2019"], True, ["2019-02-01", "2019-04-03"]),
        (["01/01/2019", "01/02/2019", "01/03/2019"], None, ["2019-01-01", "2019-02-01", "2019-03-01"]),
        (["31/12/2019", "02/31/2019"], None, ["2019-12-31", None]),
        (["2.1.2019 10:00 a.m.", "3.1.2019 5 pm"], None, ["2019-01-02 10:00", "2019-01-03 17:00"]),
        (["2019-01-05T10:00:00+02:00", "2019-01-06"], None, ["2019-01-05 08:00", "2019-01-06"]),
        (["March", "April"], None, [None, None]),
    ],
)
def test_dates_of_other_languages_orders_and_zones(texts, day_first, expected):
    """Month names, the day that is always 1, the file's other dates, times behind."""
    assert dates(texts, day_first=day_first)[0] == [pd.NaT if one is None else pd.Timestamp(one) for one in expected]


@pytest.mark.parametrize(
    ("texts", "in_numbers", "in_texts"),
    [
        ("? a b", "?", "?"),
        ("- + x", "-", ""),
        ("- x", "-", "-"),
        ("NA EU SA AS", "NA", ""),
        ("NA Ex Gd", "NA", "NA"),
        ("None Mild Severe", "None", ""),
        ("unknown yes no", "unknown", ""),
        ("missing nan n/a null x y", "missing nan n/a null", "missing nan n/a null"),
        ("Nan Ann Null", "Nan Null", ""),
        ("#N/A #DIV/0! -- . x", "#N/A #DIV/0! -- .", "#N/A #DIV/0! -- ."),
        ("0 none, nano", "", ""),
        ("- + ++", "-", ""),
        ("* ** ***", "", ""),
        ("missing found", "missing", ""),
    ],
)
def test_a_mark_is_missing_unless_it_is_a_word_there(texts, in_numbers, in_texts):
    """Among numbers every mark; among texts not those that may be an answer or look like the others."""
    series = pd.Series(texts.split(), dtype=object)
    assert [*series[marks(series, None)]] == in_numbers.split()
    assert [*series[empty(series, None)]] == in_texts.split()
    assert [*series[empty(series, (series[1],))]] == [series[1]]


@pytest.mark.parametrize("mark", [(), ("data",), ("test",)])
def test_a_test_file_is_read_with_the_commas_of_the_other(tmp_path, mark):
    """A column of three decimals is the same numbers where a missing mark makes it text in one of the two."""
    numbers = [1.037 + row / 1000 for row in range(40)]
    for name in ("data", "test"):
        cells = [f"{number:.3f}".replace(".", ",") for number in numbers]
        cells[7] = "?" if name in mark else cells[7]
        rows = (f"{cell};{row % 9},25;{'ab'[row % 2]}\n" for row, cell in enumerate(cells))
        (tmp_path / f"{name}.csv").write_text("x;z;y\n" + "".join(rows))
    location, test = (str(tmp_path / f"{name}.csv") for name in ("data", "test"))
    x = load_dataset(Data(location=location, test=test, target="y")).features[:, 0]
    gap = {"data": 7, "test": 47}.get("".join(mark))
    kept = np.arange(80) != gap
    np.testing.assert_allclose(x[kept], np.array([*numbers, *numbers])[kept])


def test_a_file_is_read_with_one_decimal_mark(tmp_path):
    """Commas elsewhere in the file make points thousands', which is said; --decimal says it outright."""
    cents = [f"{number / 100:.2f}".replace(".", ",") for number in range(1234, 1294)]
    points = [f"{number:,}".replace(",", ".") for number in range(900, 1080, 3)]
    dataset = table(tmp_path, {"a": points, "b": cents}, ";")
    features = np.asarray(dataset.features)
    np.testing.assert_array_equal(features[:, 1], [*range(900, 1080, 3)])
    np.testing.assert_array_equal(features[:, 2], np.arange(1234, 1294) / 100)
    assert any(note.startswith("Column a: 1.002 is read as 1002") for note in dataset.notes)
    commas = table(tmp_path, {"a": [text.replace(".", ",") for text in points]})
    assert np.asarray(commas.features)[-1, 1] == 1077
    sure = np.asarray(table(tmp_path, {"a": ["1,234", "0,5"] * 30}, decimal=",").features)
    assert sure[:2, 1].tolist() == [1.234, 0.5]


def test_marks_in_columns_and_targets_are_missing_and_said(tmp_path):
    """Numbers stay numbers with a fifth of marks, classes lose them, and --missing decides otherwise."""
    target = {"y": [("yes", "no", "?")[row % 3] for row in range(60)]}
    dataset = table(tmp_path, {"n": ["?" if row % 5 == 0 else row for row in range(60)], **target})
    assert (dataset.classes, len(dataset.target), kinds(dataset)["n"]) == (("no", "yes"), 40, "number")
    assert any(note.startswith("20 rows have no y (?) and are left out; --missing") for note in dataset.notes)
    assert table(tmp_path, target, missing=("",)).classes == ("?", "no", "yes")
    codes = {"n": [-999 if row % 6 == 0 else row for row in range(60)]}
    assert any("use --missing -999" in note for note in table(tmp_path, codes).notes)
    assert np.isnan(np.asarray(table(tmp_path, codes, missing=("-999",)).features)[::6, 1]).all()
    regions = table(tmp_path, {"y": ["EU", "NA", "AP"] * 20})
    assert (regions.classes, len(regions.target)) == (("AP", "EU", "NA"), 60)
    assert table(tmp_path, {"y": ["EU", "NA", "AP"] * 20}, missing=("NA",)).classes == ("AP", "EU")
    words = np.array([*["a", "b"] * 29, "a", np.nan])
    assert from_arrays("t", np.random.default_rng(0).normal(size=(60, 3)), words).classes == ("a", "b")


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([0.0, 1.0], None, 2),
        (list(range(26)), None, 26),
        (list(range(1, 48)), None, 47),
        ([0.0, 1.0], "regression", 0),
        (list(range(26)), "regression", 0),
        (list(range(18, 80)), None, 0),
        (list(range(1950, 1990)), None, 0),
        ([0, *range(2, 30)], None, 0),
        (list(range(101)), None, 0),
    ],
)
def test_few_whole_values_are_classes(values, task, classes):
    """Numbers from 0 or 1 on without a gap, each frequent; ages, years and what has gaps are quantities."""
    target = np.array(values * 12)
    features = np.random.default_rng(0).normal(size=(len(target), 2))
    dataset = from_arrays("t", features, target, source=Data(location="t", task=task))
    assert len(dataset.classes) == classes
    assert task or any("use --task" in note for note in dataset.notes)
    skewed = np.concatenate([target, np.zeros(40 * len(target))])
    if classes > 20:
        assert not from_arrays("t", np.zeros((len(skewed), 1)) + np.arange(len(skewed))[:, None], skewed).classes


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([f"{1 + row % 28}-Jan-{1990 + row % 30}" for row in range(60)], "got y, which holds dates$"),
        (
            [row if row % 20 else "sold" for row in range(60)],
            "no number in 3 rows of y, such as 'sold'; --missing leaves",
        ),
    ],
)
def test_a_target_that_is_no_target_says_what_it_is(tmp_path, target, message):
    """Dates in words, and a number column with a word."""
    with pytest.raises(InputError, match=f"^--target: expected .*{message}"):
        table(tmp_path, {"y": target})


AGE = np.arange(80) * 7 % 61
TYPED = {
    "category": [
        pd.cut(AGE, 4),
        pd.arrays.IntervalArray.from_breaks(np.arange(81)),
        pd.Categorical(pd.period_range("2019-01", periods=4, freq="M").repeat(20)),
        pd.Categorical(AGE % 5),
    ],
    "date": [pd.period_range("2019-01", periods=80, freq="M"), pd.date_range("2020", periods=80, tz="Asia/Tokyo")],
    "number": [
        [decimal.Decimal(f"{age}.25") for age in AGE],
        pd.to_timedelta(AGE, unit="h"),
        [dt.time(age % 24) for age in AGE],
        pd.arrays.SparseArray(AGE),
        pd.array(AGE, dtype="Int8"),
    ],
    "ignored": [[[1, 2]] * 80, [{"a": 1}] * 80, [b"x"] * 80, AGE + 1j, [f"[{age}, 2]" for age in range(80)]],
}


@pytest.mark.parametrize(("kind", "values"), [(kind, values) for kind in TYPED for values in TYPED[kind]])
def test_a_column_of_any_type_is_used_or_left_out_for_its_own_reason(kind, values):
    """Intervals, periods, decimals, durations, lists; no other reason is given for those that are no values."""
    frame = pd.DataFrame({"x": AGE, "y": [0, 1] * 40}).assign(col=pd.Series(values))
    dataset = from_arrays("t", frame, "y")
    assert kinds(dataset)["col"] == kind
    assert not any("identifier" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "column",
    [
        pa.RunEndEncodedArray.from_arrays(pa.array([40, 80], pa.int32()), pa.array([1, 2])),
        pa.array([decimal.Decimal(int(age)) for age in AGE], pa.decimal256(60, 2)),
        pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0] * 40, pa.int8())),
    ],
)
def test_arrows_wrapped_types_are_numbers(column):
    """Runs, wide decimals and extensions are taken out of what they are wrapped in."""
    values = pa.table({"x": AGE, "col": column, "y": ["a", "b"] * 40})
    assert kinds(from_arrays("t", values, "y"))["col"] == "number"


def test_rows_of_one_person_are_noticed(tmp_path):
    """A hint at --group for names like subject and for ids that repeat, and none when it is given or all differ."""
    rows = np.arange(120)
    columns = {"subject": rows // 4, "customer_id": [f"c{row // 3}" for row in rows], "plan_id": rows % 3, "id": rows}
    hints = [note for note in table(tmp_path, columns).notes if "--group" in note]
    assert [note.split(":")[0] for note in hints] == ["Column subject", "Column customer_id"]
    assert "30 values, each in about 4 rows" in hints[0]
    assert not any("--group" in note for note in table(tmp_path, columns, group="subject").notes)


def test_codes_of_states_are_categories(tmp_path):
    """Short codes that repeat, of more values than other texts may have."""
    codes = [f"{chr(65 + row % 10)}{chr(70 + row % 50 // 10)}" for row in range(500)]
    assert kinds(table(tmp_path, {"state": codes, "city": [f"city {row % 50}" for row in range(500)]})) == {
        "y": "target",
        "z": "number",
        "state": "category",
        "city": "text",
    }


def test_missing_takes_numbers_as_they_are_written():
    """A study file may say -999 without quotes."""
    assert Data(location="t", missing=[-999, 1.5, "?"]).missing == ("-999", "1.5", "?")


def test_missing_names_dates_and_truth_values_too(tmp_path):
    """A CSV reader makes them of texts before anybody sees these."""
    rows = [
        f"{'9999-12-31' if at < 3 else f'2020-01-{at:02d}'},{('true', 'false')[at % 2]},{at % 3}" for at in range(30)
    ]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["day,known,y", *rows]))
    dataset = load_dataset(Data(location=str(file), target="y", missing=("9999-12-31", "false")))
    assert dataset.features.isna().sum().tolist() == [3, 15]


def test_digits_of_every_script_are_digits():
    """With the marks that stand between them there."""
    texts = pd.Series(["۱۳۰٬۰۳۶٫۲۲", "１２.５", "٣"])
    assert read_numbers(texts, np.ones(3, int))[0].tolist() == [130036.22, 12.5, 3]


@pytest.mark.parametrize(
    ("other", "first", "doubt"),
    [
        ("x{at}", 100, "100.000 is read as 100, where 100000 might be meant; --decimal ',' reads it so."),
        ("1,{at}", 100_000, "100.000 is read as 100000, where 100 might be meant; --decimal '.' reads it so."),
        ("1.{at}", 100, ""),
    ],
    ids=["nothing tells", "a comma elsewhere", "a point elsewhere"],
)
def test_points_before_three_digits_are_doubtful_in_a_file_of_semicolons(tmp_path, other, first, doubt):
    """100.000 is a hundred or a hundred thousand; other columns tell, or a note does."""
    rows = [f"{100 + at // 10}.{at % 10}00;{other.format(at=at)};{'AB'[at % 2]}" for at in range(10, 50)]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["a;b;y", *(row.replace("101.000", "100.000") for row in rows)]))
    dataset = load_dataset(Data(location=str(file), target="y", drop=("b",)))
    assert dataset.features[0, 0] == first
    assert [note for note in dataset.notes if "might be meant" in note] == [f"Column a: {doubt}"] * bool(doubt)


def test_years_of_two_digits_stand_where_they_span_least():
    """A column that begins with 19 to 22 and ends with anything up to 31 has its years first."""
    days = [dt.date(2019, 3, 1) + dt.timedelta(days=37 * at) for at in range(40)]
    for written in ("%y-%m-%d", "%d-%m-%y", "%d.%m.%y"):
        dates, notes = read_dates(pd.Series([day.strftime(written) for day in days]), np.ones(40, int))
        assert [*dates.dt.date] == days
        assert any("no value tells which part is the day" in note for note in notes)
