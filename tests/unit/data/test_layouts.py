"""Text files as people save them: any encoding, anything above the rows, rows cut short, no names of columns."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regfleet.data import load_dataset, preview
from regfleet.data.files import read_table
from regfleet.errors import InputError
from regfleet.settings import Data, read_study

NUMBERS = [number / 4 for number in range(20)]
BODY = "".join(f"{at},{number},{'ab'[at % 2]}\n" for at, number in enumerate(NUMBERS))
HEAD = "n,x,word\n"
BLANKS = BODY.replace(",", "   ")


@pytest.fixture
def read(tmp_path):
    """``read(content, name=…, **how)``: the table in a file of that content, as a frame, and the notes."""

    def read(content, name="t.csv", **how):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        table, notes = read_table(str(file), "--data", **how)
        return table.to_pandas(), " ".join(notes)

    return read


def is_body(found, names=("n", "x", "word")):
    """Whether a frame holds exactly the rows of BODY, under these names."""
    return found.columns.tolist() == [*names] and found.to_numpy().tolist() == [
        [at, number, "ab"[at % 2]] for at, number in enumerate(NUMBERS)
    ]


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("cp1252", "Côte d’Ivoire 5 € – “Zürich”"),
        ("cp1251", "Санкт-Петербург и Москва"),
        ("koi8_r", "Новосибирск"),
        ("shift_jis", "東京都と大阪ソ"),
        ("gb18030", "上海 北京 广州 数据"),
        ("euc_kr", "서울 부산"),
        ("cp850", "München"),
        ("utf-16-le", "é"),
        ("utf-16-be", "plain"),
        ("utf-32-le", "é"),
        ("utf-32", "€"),
        ("utf-8-sig", "東京"),
    ],
)
def test_text_in_any_usual_encoding_is_read_and_a_guess_is_said(read, encoding, word):
    """With and without a mark at the start; what the codec of Python makes of the bytes is what is read."""
    rows = 12 if encoding != "utf-16-be" else 3000  # of which a sample is looked at
    text = f"{word},y\n" + f"{word},1\nother,2\n" * rows
    found, notes = read(text.encode(encoding))
    assert found.columns.tolist() == [word, "y"]
    assert found[word].value_counts().to_dict() == {word: rows, "other": rows}
    assert ("--encoding NAME" in notes) == (not encoding.startswith("utf"))
    assert read(text.encode(encoding), encoding=encoding)[1] == ""


def test_the_first_letter_beyond_ascii_may_come_late(read):
    """After more than a block, which pyarrow reads by itself."""
    found, notes = read(b"a,b\n" + b"1,abcdefgh\n" * 150_000 + "2,Köln\n".encode("cp1252"))
    assert found["b"].iloc[-1] == "Köln"
    assert "read as cp1252" in notes


def test_a_few_damaged_bytes_do_not_change_the_encoding(read):
    """Of a file that is UTF-8 elsewhere."""
    found, notes = read(("Straße,y\n" + "Zoë,1\n" * 30).encode() + b"Zo\xff,2\n")
    assert found["Straße"].unique().tolist() == ["Zoë", "Zo\ufffd"]
    assert "no UTF-8" in notes


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "", "\u20ac"])
def test_an_encoding_that_python_does_not_know_is_refused(name):
    """By the name of its flag, in a line."""
    with pytest.raises(InputError, match=r"^--encoding: expected an encoding that Python knows.*; got [^\n]*$"):
        read_study({}, flags={"data": ["t.csv"], "encoding": name})


def test_bytes_that_are_none_of_the_encoding_given_are_refused(read):
    """Rather than read with marks in their place."""
    with pytest.raises(InputError, match=r"no utf-8 text \(--encoding\): invalid .* near byte"):
        read("é,y\n1,2\n".encode("cp1252"), encoding="utf-8")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"PK\x03\x04", "Excel workbook"),
        (b"PAR1\0\0", "Parquet file"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'[{"a": 1}]', "JSON"),
        (bytes(range(1, 256)) + b"\0\n" * 9, "zero bytes"),
        (b"# nothing\n# but comments\n", "no rows"),
        (b"sep=;\n  \n", "no rows"),
    ],
)
def test_what_only_is_called_a_table_is_named(read, start, words):
    """Other kinds of files by how they begin."""
    with pytest.raises(InputError, match=words):
        read(start)


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("sep=;\r\n" + (HEAD + BODY).replace(",", ";").replace("\n", "\r\n"), "separated by semicolons"),
        ('"sep=,"\n' + HEAD + BODY, ""),
        ("\ufeffSEP=^\n" + (HEAD + BODY).replace(",", "^"), "separated by '^'"),
        ("# made, on, Monday\n#\n" + HEAD + BODY, "begin with #"),
        ("# made on Monday\n# n,x,word\n" + BODY, "begin with #"),
        ("# units\n" + HEAD + BODY[: len(BODY) // 2].rpartition("\n")[0] + "\n# a, b, c\n" +
         BODY[len(BODY[: len(BODY) // 2].rpartition("\n")[0]) + 1 :] + "# end\n", "begin with #"),
        (HEAD + BODY + "# end of file\n", "begin with #: 1 left out"),
        ("Sales report\nby region, 2024\n\n" + HEAD + BODY, "3 lines of t.csv above the table"),
        ("Sales report,,\n,,\n" + HEAD + BODY, "above the table and left out, 'Sales report,,' among them"),
        ("\n \n" + HEAD + "\n" + BODY.replace("\n", "\n\n") + "   \n", ""),
        (HEAD + BODY + "\nTotal: 20 rows\n", "1 left out; the first has 1 cell for 3: 'Total: 20 rows'"),
        (HEAD + BODY + "1,2,3,4\n", "1 left out; the first has 4 cells for 3: '1, 2, 3, 4'"),
        ((HEAD + BODY).replace("\n", "\r"), ""),
        ((HEAD + BODY).replace(",", ", "), ""),
        ("n  x\tword\n" + BLANKS, "separated by blanks"),
        ('"n" "x" "word"\n' + BLANKS.replace("a\n", '"a"\n'), "separated by blanks"),
    ],
)  # fmt: skip
def test_what_stands_around_the_rows_is_left_out_and_said(read, content, note):
    """Excel's sep= line, comments, titles, blank lines, totals: the table itself comes out whole."""
    found, notes = read(content)
    found.columns = [name.strip() for name in found.columns]
    found["word"] = found["word"].str.strip()
    assert is_body(found)
    assert note in notes
    assert bool(note) == bool(notes) or "is called" in notes


def test_names_of_one_column_less_leave_the_first_without_one(read):
    """As R writes them; nothing but empty cells behind the last column is one of its own."""
    assert is_body(read("x,word\n" + BODY)[0], ("column 1", "x", "word"))
    found, _ = read(HEAD + BODY.replace("\n", ",\n"))
    assert found["column 4"].isna().all()
    assert is_body(found[["n", "x", "word"]])


def test_cells_that_lack_at_the_end_are_missing(read):
    """As spreadsheets save rows whose last cells are empty."""
    found, notes = read(HEAD + BODY + "90,1\n91,2\n")
    assert found["word"].tolist()[-2:] == [None, None] or found["word"].isna().sum() == 2
    assert (len(found), "count as missing: 2" in notes) == (22, True)


def test_rows_that_mostly_do_not_fit_are_refused(read):
    """A comma in an unquoted text shifts the cells behind it; which they are nobody knows."""
    with pytest.raises(InputError, match="Expected 3 columns, got 4"):
        read(HEAD + BODY.replace("a\n", "a,b\n"))


def test_an_encoding_that_the_bytes_contradict_is_said(tmp_path):
    """Letters that are UTF-8 become two in another one; text of ASCII alone is the same in both."""
    for word, said in (("grün", ["t.csv looks like UTF-8, and is read as cp1252, as --encoding says."]), ("red", [])):
        (tmp_path / "t.csv").write_text("a,y\n" + f"1.5,{word}\n2.5,b\n" * 10, encoding="utf-8")
        table, notes = read_table(str(tmp_path / "t.csv"), "--data", encoding="cp1252")
        assert ([*notes], table["y"][0].as_py()) == (said, word.encode().decode("cp1252"))


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        "".join(f"{number / 7:.3f} {number * 1000:6d} {number % 3}\n" for number in range(40)),
        "".join(f"{'pe'[number % 2]},{'xbs'[number % 3]}\n" for number in range(40)),
        "".join(f"{number % 10},0,0,{number},0\n" for number in range(7, 40)),
        "".join(f"2021-01-{number:02d},{number}.5,{'ab'[number % 2]}\n" for number in range(1, 30)),
        "".join(f"{number:02d}-Jan-2021,{number}.5 kr,{'ab'[number % 2]}\n" for number in range(1, 30)),
    ],
)
def test_a_first_row_like_the_others_is_doubted_and_read_as_data_on_demand(tmp_path, read, content):
    """The note names the flag, as what refuses a name does; with it, every row is there, by places."""
    rows = content.count("\n")
    found, notes = read(content)
    assert (len(found), "--no-header" in notes) == (rows - 1, True)
    with pytest.raises(InputError, match=r"expected a column, one of .*; got 'kind'\. The first row .*--no-header"):
        load_dataset(Data(location=str(tmp_path / "t.csv"), target="kind"))
    found, notes = read(content, no_header=True)
    assert (len(found), "--no-header" in notes) == (rows, False)
    assert found.columns.tolist() == [f"column {place}" for place in range(1, found.shape[1] + 1)]


@pytest.mark.parametrize(
    "head",
    [
        HEAD,
        "0,1,2\n",
        "2019,2020,2021\n",
        "#,x,word\n",
        "2020-01-01,2020-01-02,2020-01-03\n",
        "10 m,20 m,30 m\n",
        '"n","x, y","word"\n',
    ],
)
def test_a_header_is_not_doubted(read, head):
    """Words, places, years and dates name columns."""
    assert read(head + BODY.replace("a\n", "7\n").replace("b\n", "8\n"))[1] == ""


def test_columns_without_names_are_given_by_their_places(tmp_path):
    """From 1 on or from the end, by every flag that names columns."""
    (tmp_path / "t.csv").write_text(BODY)
    for target in ("column 3", "3", "-1"):
        found = load_dataset(Data(location=str(tmp_path / "t.csv"), target=target, no_header=True, drop=["1"]))
        assert (found.classes, len(found.target)) == (("a", "b"), 20)
        assert found.features.ravel().tolist() == NUMBERS


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"location": "iris", "no_header": True}, "--no-header: expected a text file"),
        ({"location": "t.parquet", "target": "y", "encoding": "cp1252"}, r"--encoding: expected a text file"),
        ({"location": "openml:61", "no_header": True}, r"--no-header: expected a text file"),
        ({"location": "t.csv", "target": "y", "image_size": "8x8"}, r"--image-size: expected a folder of images"),
    ],
)
def test_a_flag_for_other_data_is_refused(flags, words):
    """What would have no effect is no setting."""
    with pytest.raises(InputError, match=words):
        load_dataset(Data(**flags))


def test_numbers_with_zeros_before_them_are_said_to_look_like_codes(tmp_path):
    """Of three digits or more, so that days and months are none."""
    lines = [f"0{1000 + at % 7},{at % 12:02d},{at % 9},{'pq'[at % 2]}" for at in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["zip,month,count,y", *lines]))
    notes = load_dataset(Data(location=str(tmp_path / "t.csv"), target="y")).notes
    said = "Column zip: numbers that begin with 0, such as 01000, look like codes; --categorical zip takes each as a"
    assert [note for note in notes if "begin with 0" in note] == [f"{said} category."]


def test_every_column_is_previewed_without_a_target(tmp_path):
    """Type, gaps, different values, and how often each occurs where they are few, as pandas counts them."""
    frame = pd.DataFrame(
        {"age": [20.5, None, *range(30, 48)], "plan": ["gold"] * 12 + ["basic"] * 8, "id": [f"c{n}" for n in range(20)]}
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = preview(Data(location=str(tmp_path / "t.csv")))
    age, plan, name = found.columns
    assert found.rows == 20
    assert (age.kind, age.missing, age.unique) == ("number", 1, frame["age"].nunique())
    assert age.words == "20.5 to 47; 20.5, 30, 31"
    assert (plan.kind, plan.unique, plan.words) == ("category", 2, "gold 12 (60.0\u00a0%), basic 8 (40.0\u00a0%)")
    assert (name.kind, name.unique) == ("ignored", 20)
    assert "c0, c1, c2" in name.words
    assert preview(Data(location=str(tmp_path / "t.csv"), target="plan")) is None
    assert preview(Data(location="iris")) is None


def test_a_preview_counts_what_a_study_would_read(tmp_path):
    """A dictionary column is a category, and a mark for what is missing no value."""
    frame = pd.DataFrame({"code": [1, 2, 3, 4] * 10, "age": ["1.5", "2", "?", "4"] * 10})
    frame.astype({"code": "category"}).to_feather(tmp_path / "t.feather")
    code, age = preview(Data(location=str(tmp_path / "t.feather"))).columns
    assert (code.kind, code.unique, code.missing) == ("category", 4, 0)
    assert (age.kind, age.unique, age.missing) == ("number", 3, 10)
    assert age.words == "1.5: 10 (25.0\u00a0%), 2: 10 (25.0\u00a0%), 4: 10 (25.0\u00a0%)"
    assert "?" not in age.words


def test_the_command_shows_columns_classes_and_the_majority(command, tmp_path):
    """Without a target every column; with one, its classes, and what saying the largest alone would score."""
    (tmp_path / "t.csv").write_text(HEAD + BODY + "20,5,a\n")
    code, out, err = command("datasets", tmp_path / "t.csv")
    assert (code, err) == (0, "")
    assert "21 rows, 3 columns" in out
    assert all(word in out for word in ("Missing", "Unique", "11 (52.4", "--target"))
    code, out, _ = command("datasets", tmp_path / "t.csv", "--target", "word")
    assert code == 0
    assert "a 11 (52.4\u00a0%), b 10 (47.6\u00a0%)" in out
    assert "always says a is right in 52.4\u00a0%" in out


def test_the_samples_end_between_characters(read):
    """A sample of a wide encoding or of a long first line may be cut anywhere."""
    long = ",".join(f"spalte_{number}_ä" for number in range(9000))
    found, _ = read((long + "\n" + ",".join(["1"] * 9000) + "\n").encode("utf-16"))
    assert found.shape == (1, 9000)
    assert found.columns[-1] == "spalte_8999_ä"


def cells(*pieces):
    """Text that begins with a letter, of up to six pieces."""
    joined = st.lists(st.sampled_from(pieces), min_size=1, max_size=6).map(lambda chosen: "".join(chosen).strip())
    return joined.filter(lambda text: text[:1].isalpha())


def encoded(encoding):
    """An encoding and rows of cells."""
    # What is not said can only be told where letters beyond ASCII stand among others, as in western European texts.
    western = cells("a", "b", "zÄ", "bé", "x€", "a’a", "aß", " ", "'", "x-")
    text = western if encoding == "cp1252" else cells(*"abzÄé€’ß 'x-")
    numbers = st.integers(-999, 999), st.floats(-9, 9).map(lambda x: round(x, 3))
    return st.tuples(st.just(encoding), st.lists(st.tuples(text, *numbers), min_size=12, max_size=30))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be", "cp1252"]).flatmap(encoded),
    st.sampled_from(",;\t|"),
    st.sampled_from(["", "sep", "# made on Monday\n#\n", "A title\n\n", "\n"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
@example(("cp1252", [("ÄÄ", 0, 0.0)] + [("a", 0, 0.0)] * 11), ",", "", "\n")
def test_what_pandas_writes_comes_back(read, written, delimiter, above, end):
    """In any encoding, with any delimiter, line ending, and whatever stands above the names of the columns."""
    encoding, rows = written
    expected = pd.DataFrame(rows, columns=["wört", "n", "x"])
    above = f"sep={delimiter}\n" if above == "sep" else above
    text = above + expected.to_csv(index=False, sep=delimiter)
    found, _ = read(text.replace("\n", end).encode(encoding))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
