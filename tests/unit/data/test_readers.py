"""Files: whatever they are called, however they are delimited and encoded, the same rows come out."""

import gzip
import shutil

import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from regfleet.data import check_source, data_name, describe_columns, files
from regfleet.data.files import read_table, unique_names
from regfleet.errors import InputError
from regfleet.settings import Data

ROWS = "name,age\nZoë,31\nJürgen,44\n"


def write(tmp_path, name, content):
    """The path of a file with that content."""
    file = tmp_path / name
    file.write_bytes(content)
    return str(file)


def frame(location):
    """The table of a file, and the notes."""
    table, notes = read_table(location, "--data")
    return table.to_pandas(), notes


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (ROWS.encode(), ()),
        (b"\xef\xbb\xbf" + ROWS.encode(), ()),
        (ROWS.encode("utf-16"), ()),
        (ROWS.replace("\n", "\r\n").encode(), ()),
        (ROWS.replace(",", ";").encode(), ("The columns of t.csv are separated by semicolons.",)),
        (ROWS.replace(",", "\t").encode(), ("The columns of t.csv are separated by tabs.",)),
        (ROWS.replace(",", "|").encode(), ("The columns of t.csv are separated by vertical bars.",)),
        (ROWS.encode("latin-1"), ("t.csv is not UTF-8, and read as cp1252; --encoding NAME reads it otherwise.",)),
    ],
)
def test_a_text_table_is_read_whatever_its_marks_and_encoding(tmp_path, content, notes):
    """BOM, UTF-16, other delimiters and cp1252 give the same rows; what was assumed is said."""
    found, said = frame(write(tmp_path, "t.csv", content))
    assert found.to_dict("list") == {"name": ["Zoë", "Jürgen"], "age": [31, 44]}
    assert said == notes


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.feather"])
def test_every_format_gives_the_same_rows_plain_zipped_and_by_url(tmp_path, name):
    """CSV, TSV, Parquet and Feather as pandas writes them, gzipped, and at a file:// URL."""
    expected, file = pd.DataFrame({"x": [1.5, 2.5, None], "word": ["a", None, "c d"]}), tmp_path / name
    {
        ".csv": lambda: expected.to_csv(file, index=False),
        ".tsv": lambda: expected.to_csv(file, index=False, sep="\t"),
        ".parquet": lambda: expected.to_parquet(file),
        ".feather": lambda: expected.to_feather(file),
    }[file.suffix]()
    with file.open("rb") as plain, gzip.open(f"{file}.gz", "wb") as zipped:
        shutil.copyfileobj(plain, zipped)
    for location in (str(file), f"{file}.gz", file.as_uri()):
        found, notes = frame(location)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
        assert notes == ()
        assert data_name(location) == "t"


def test_a_zipped_table_in_a_bucket_is_unpacked_once(tmp_path, monkeypatch):
    """Pyarrow's file systems would unpack it by themselves too."""
    with gzip.open(tmp_path / "t.csv.gz", "wt") as zipped:
        zipped.write("x,y\n1,2\n")
    bucket = SubTreeFileSystem(str(tmp_path), LocalFileSystem())
    monkeypatch.setattr(files, "_filesystem", lambda *_: (bucket, "t.csv.gz"))
    assert frame("s3://bucket/t.csv.gz")[0].to_dict("list") == {"x": [1], "y": [2]}


def test_a_type_that_only_late_rows_break_is_found_from_all_rows(tmp_path):
    """A word a million bytes into a column of numbers does not end the reading."""
    found, _ = frame(write(tmp_path, "t.csv", b"a,b\n" + b"1,2\n" * 400_000 + b"x,3\n"))
    assert len(found) == 400_001
    assert found["a"].iloc[-1] == "x"


def test_a_quoted_line_break_stays_in_its_cell(tmp_path):
    """A cell may hold several lines."""
    found, _ = frame(write(tmp_path, "t.csv", b'a,b\n"two\nlines",2\nx,3\n'))
    assert found["a"].tolist() == ["two\nlines", "x"]


def test_names_are_made_different_and_one_line():
    """Repeated and empty names get a number, and each change is said."""
    names, notes = unique_names(["a", "a", "", "a 2", "b\nc", "=1+1"])
    assert names == ["a", "a 3", "column 3", "a 2", "b c", "=1+1"]
    assert [note.split(" is called ")[1] for note in notes] == ["'a 3' here.", "'column 3' here.", "'b c' here."]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "which is empty"),
        ("t.csv", b"\n\n", "expected a table"),
        ("t.csv", b"a,b\n1,2,3\n", "Expected 2 columns, got 3"),
        ("t.parquet", b"not parquet at all", "expected a table"),
        ("t.feather", b"not feather at all", "expected a table"),
        ("t.csv.gz", b"not gzip", "expected a file that can be read"),
        ("t.xlsx", b"x", r"expected a file called \*.csv, \*.tsv, \*.parquet, \*.feather"),
    ],
)
def test_a_file_without_a_table_is_refused_in_a_line(tmp_path, name, content, message):
    """Empty, broken and unknown files are named with what is wrong."""
    with pytest.raises(InputError, match=message) as refused:
        read_table(write(tmp_path, name, content), "--data")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_names_the_nearest(tmp_path):
    """A slip of the pen in a file's name is answered with the one that is there."""
    write(tmp_path, "customers.csv", b"x")
    with pytest.raises(InputError, match=r"^--data: .* no such file \(did you mean customers.csv\?\)$"):
        check_source(Data(location=str(tmp_path / "custmers.csv"), target="y"))


def test_a_url_that_pyarrow_does_not_know_is_refused():
    """HTTP is no file system."""
    with pytest.raises(InputError, match=r"^--data: expected a path, or a URL that pyarrow can open"):
        check_source(Data(location="https://example.org/t.csv", target="y"))


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(tmp_path):
    """A sparse file of three gigabytes costs nothing to refuse."""
    file = tmp_path / "t.csv"
    with file.open("wb") as sparse:
        sparse.truncate(3 * 1024**3)
    with pytest.raises(InputError, match=r"got .*: 3\.22 GB, where at most 2\.15 GB are read"):
        check_source(Data(location=str(file), target="y"))


def test_columns_are_described_for_a_preview(load, table):
    """The kinds and what is in each, the target first."""
    table.insert(0, "id", [f"c{number}" for number in range(len(table))])
    dataset = load(table)
    assert sum("another text in every row" in note for note in dataset.notes) == 1  # said once, with what to do
    described = {name: (kind, detail) for name, kind, detail in describe_columns(dataset)}
    assert described["churned"] == ("target", "2 classes: no, yes")
    assert described["id"] == ("ignored", "another text in every row")
    assert described["plan"] == ("category", "3 values: basic, family, gold")
    assert described["since"] == ("date", "2021-01-01 to 2023-10-01")
    assert described["age"][0] == described["visits"][0] == "number"
    assert describe_columns(load(table))[0][0] == "churned"
