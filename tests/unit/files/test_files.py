"""Files from outside: what is read, and what is refused in a line before it can do harm."""

import os
import socket
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from regfleet import files, memory
from regfleet.concluding.analyze import analyze
from regfleet.data import check_source, from_arrays, load_dataset
from regfleet.data import files as tables
from regfleet.errors import InputError
from regfleet.models import parse_model
from regfleet.settings import Data, open_study_file, read_part
from regfleet.text import given, named


def folder(path):
    """Make a folder there."""
    path.mkdir()


def pipe(path):
    """Make a pipe there that nobody writes to."""
    os.mkfifo(path)


def device(path):
    """Make a link there to zeros without end."""
    path.symlink_to("/dev/zero")


def unix_socket(path):
    """Make a socket there."""
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def sparse(path):
    """Make a file there that takes no room."""
    with path.open("wb") as file:
        file.truncate(10**13)


READERS = {
    "study": (open_study_file, "s.toml"),
    "data": (lambda path: check_source(read_part(Data, {"location": str(path), "target": "y"})), "s.csv"),
    "arrays": (lambda path: load_dataset(read_part(Data, {"location": str(path)})), "s.npz"),
    "model": (lambda path: parse_model(str(path)), "s.keras"),
    "scores": (lambda path: analyze(path, scope="this_dataset"), "s.csv"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("make", "word"),
    [(folder, "a folder"), (pipe, "a pipe"), (device, "a device"), (unix_socket, "a socket"), (sparse, "10,000 GB")],
)
def test_every_reader_takes_regular_files_of_a_bounded_size_alone(tmp_path, monkeypatch, reader, make, word):
    """A folder, a pipe without a writer, an endless device, a socket and ten terabytes end at once, in one line."""
    monkeypatch.chdir(tmp_path)
    read, name = READERS[reader]
    make(tmp_path / name)
    with pytest.raises(InputError, match=word) as refused:
        read(tmp_path / name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("stem", ["a\0b", "x" * 300, os.fsdecode(b"\xff"), "a\nb"])
def test_names_that_are_none_are_refused_in_a_line(tmp_path, monkeypatch, reader, stem):
    """A null byte, a name too long, one that is not UTF-8, a line break."""
    monkeypatch.chdir(tmp_path)
    read, name = READERS[reader]
    with pytest.raises(InputError) as refused:
        read(type(tmp_path)(stem + name))
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("reader", READERS)
def test_a_tilde_is_a_home_folder_for_every_reader(tmp_path, monkeypatch, reader):
    """The user's own, as a shell takes it; of nobody there is none."""
    read, name = READERS[reader]
    with pytest.raises(InputError, match="a home folder that is not known"):
        read(f"~nobody-of-that-name/{name}")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="a folder"):
        read(f"~/{name}")


@pytest.mark.parametrize(("free", "fits"), [(200, 100), (10**9, 5 * 10**8)])
def test_a_container_that_is_full_of_read_files_has_room(tmp_path, monkeypatch, free, fits):
    """What is kept of files at hand goes when memory is asked for; 100 MB fit in any case."""
    numbers = {"memory.max": 2 * 10**9, "memory.current": 2 * 10**9}
    for name, number in numbers.items():
        (tmp_path / name).write_text(f"{number}\n")
    (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {free // 4}\nactive_file {free - free // 4}\n")
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    assert memory.free_memory() == free
    assert memory.room() == max(fits, 100 * files.MB)


def test_what_was_given_is_shortened():
    """Deep, long and huge values are a short line."""
    deep = []
    for _ in range(10_000):
        deep = [deep]
    for value in (deep, "x" * 10**6, 16**5000, ["\x1b[31m"] * 1000, {"k" * 1000: "\u202e"}):
        assert len(given(value)) <= 200
        assert given(value).isprintable()
    assert (named("a b.csv"), named("a\nb.csv")) == ("a b.csv", "'a\\nb.csv'")


N = 60
USELESS = {
    "fixed bytes": pa.array([b"abcd"] * N, pa.binary(4)),
    "view of bytes": pa.array([b"x"] * N, pa.binary_view()),
    "intervals": pa.array([pa.MonthDayNano([1, 2, 3])] * N),
    "maps": pa.array([[("a", 1)]] * N, pa.map_(pa.string(), pa.int8())),
    "unions": pa.UnionArray.from_sparse(pa.array([0] * N, pa.int8()), [pa.array(range(N))]),
    "dictionary of lists": pa.DictionaryArray.from_arrays(pa.array([0, 1] * (N // 2), pa.int8()), pa.array([[1], [2]])),
    "extension": pa.array([b"%016d" % n for n in range(N)], pa.uuid()),
}


@pytest.mark.parametrize("kind", USELESS)
def test_a_column_of_no_use_is_passed_over_and_refused_in_a_role(tmp_path, kind):
    """Whatever Arrow can hold: not used as input, and a line where it should be the target, groups or time."""
    file = tmp_path / "t.feather"
    feather.write_feather(pa.table({"x": np.arange(N) % 7 / 2, "c": USELESS[kind], "y": np.arange(N) % 2}), file)
    found = load_dataset(Data(location=str(file), target="y"))
    assert found.features.shape == (N, 1)
    assert ("c", "ignored") in [one[:2] for one in found.columns]
    for role in ({"target": "c"}, {"target": "y", "group": "c"}, {"target": "y", "time": "c"}):
        with pytest.raises(InputError, match=r"^--(target|group|time): expected a column of .* which holds .* values$"):
            load_dataset(Data(location=str(file), **role))


def test_views_of_texts_are_texts(tmp_path):
    """Arrow's string view, with gaps, as input and as the target."""
    texts = pa.array(["1,5", None, "2,25"] * (N // 3), pa.string_view())
    feather.write_feather(
        pa.table({"x": texts, "y": pa.array(["a", "b"] * (N // 2), pa.string_view())}), tmp_path / "t.feather"
    )
    found = load_dataset(Data(location=str(tmp_path / "t.feather"), target="y"))
    assert found.classes == ("a", "b")
    assert np.nanmax(found.features) == 2.25


def test_runs_of_one_value_are_its_rows(tmp_path):
    """Arrow's run-end encoding, written out."""
    runs = pa.RunEndEncodedArray.from_arrays([N // 2, N], [1, 2])
    feather.write_feather(pa.table({"x": np.arange(N), "c": runs, "y": np.arange(N) % 2}), tmp_path / "t.feather")
    found = load_dataset(Data(location=str(tmp_path / "t.feather"), target="y"))
    assert found.features[:, 1].tolist() == [1] * (N // 2) + [2] * (N // 2)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_times_beyond_the_calendar_are_missing_and_never_others(unit):
    """Year 9999 is the last; what a conversion of units would wrap round is counted as missing."""
    per = {"s": 1, "ms": 10**3, "us": 10**6}[unit]
    ticks = [n * 86400 * per for n in range(N - 2)] + [2**62, -(2**62)]
    table = pa.table({"t": pa.array(ticks).cast(pa.timestamp(unit)), "y": np.arange(N) % 2})

    found = from_arrays("t", table, "y")
    assert found.features["t"].isna().sum() == 2
    assert str(found.features["t"].max())[:10] == "1970-02-27"
    assert any("after 9999 in 2 of the rows" in note for note in found.notes)


def test_a_damaged_table_is_refused_and_never_read_beyond_its_end(tmp_path):
    """Offsets of a text that point outside its bytes are found, in Feather and Parquet as `validate` finds them."""
    file = tmp_path / "t.feather"
    feather.write_feather(pa.table({"s": ["abc"] * N, "y": range(N)}), file, compression="uncompressed")
    whole = file.read_bytes()
    offsets = np.arange(0, 3 * N + 1, 3, dtype="<i4").tobytes()
    at = whole.index(offsets) + 4 * 30
    file.write_bytes(whole[:at] + (10**9).to_bytes(4, "little") + whole[at + 4 :])
    with pytest.raises(InputError, match=r"expected a table in .*t\.feather; got: "):
        tables.read_table(str(file), "--data")


def test_the_first_version_of_feather_is_refused(tmp_path):
    """Reading a damaged one ends the process."""
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(InputError, match="Feather version 1; write it again as version 2"):
        tables.read_table(str(tmp_path / "t.feather"), "--data")


def test_a_dictionary_that_writes_out_to_gigabytes_is_refused_before_it_does(tmp_path):
    """Of a hundred thousand rows that hold one text of 30,000 characters Parquet keeps a few kilobytes."""
    file = tmp_path / "t.parquet"
    code = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, "int32")), pa.array(["x" * 30_000]))
    pq.write_table(pa.table({"s": code, "y": np.arange(100_000) % 2}), file)
    assert file.stat().st_size < 10**6
    with pytest.raises(InputError, match=r"3 GB of values, where at most 2\.15 GB are read"):
        tables.read_table(str(file), "--data")


def npz(**members):
    """The bytes of a zip with the given members."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()


def header(shape, kind="<f8"):
    """The head of an .npy file that says so."""
    content = BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": kind, "fortran_order": False, "shape": shape})
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz(x=header((10**4, 3)), y=header((2,))), "more values than the file holds"),
        (npz(x=header((-1, 3)), y=header((2,))), "more values than the file holds"),
        (npz(x=header((10**9, 2)) + bytes(1000), y=header((2,))), "at most 100,000,000 values are read"),
        (npz(x=b"\x93NUMPY\x09\x00" + bytes(100)), "version 9.0"),
        (npz(x=b"no array"), "magic"),
        (b"x,y\n1,2\n", "not a zip file"),
    ],
)
def test_an_archive_of_arrays_is_as_large_as_it_says(tmp_path, content, words):
    """What its headers claim is held against what it holds, before anything is unpacked."""
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_dataset(Data(location=str(tmp_path / "t.npz")))


@pytest.mark.parametrize(("place", "value", "words"), [(6, 1, "encrypted"), (8, 77, "compression method")])
def test_an_encrypted_or_unknown_archive_is_refused(tmp_path, place, value, words):
    """Bits of the zip's own headers, as the ZIP specification places them."""
    np.savez(tmp_path / "t.npz", x=np.zeros((20, 2)), y=np.arange(20) % 2)
    content = bytearray((tmp_path / "t.npz").read_bytes())
    for at in range(len(content) - 4):
        for mark, further in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
            if content[at : at + 4] == mark:
                content[at + place + further] = value
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(InputError, match=words):
        load_dataset(Data(location=str(tmp_path / "t.npz")))


def test_a_hundred_thousand_equal_columns_are_refused_at_once(tmp_path):
    """And ten thousand get their numbers without looking at all that came before."""
    (tmp_path / "t.csv").write_text(",".join(["a"] * 100_000) + "\n" + ",".join(["1"] * 100_000))
    with pytest.raises(InputError, match="100,000 columns, where at most 50,000 are read"):
        tables.read_table(str(tmp_path / "t.csv"), "--data")
    names, notes = tables.unique_names(["a"] * 10_000)
    assert names[-1] == "a 10000"
    assert (len(notes), notes[-1]) == (10, "9,990 more columns are called otherwise here.")


SCORES = pd.DataFrame(
    [(name, seed, 0.8 + 0.01 * seed + (name == "l2") / 50) for name in ("none", "l2") for seed in range(6)],
    columns=["technique", "seed", "accuracy"],
)


def test_seeds_above_two_to_the_53_stay_apart(tmp_path):
    """Neighbours that are one float are two seeds, in a file and in a frame."""
    large = SCORES.assign(seed=SCORES["seed"] + 2**60)
    large.to_csv(tmp_path / "s.csv", index=False)
    for scores in (large, tmp_path / "s.csv"):
        assert analyze(scores, scope="this_dataset").facts.seeds == tuple(2**60 + seed for seed in range(6))
    typed = SCORES.astype({"seed": object}).assign(seed=[np.int64(one) for one in SCORES["seed"]])
    assert analyze(typed, scope="this_dataset").facts.seeds == tuple(range(6))
    with pytest.raises(InputError, match=r"seed must be a whole number\. Got True in row 3"):
        analyze(typed.assign(seed=[0, 1, True, *range(3, 12)]), scope="this_dataset")
    for wrong in (2**63, 2.0**53, 0.5, "0x1", True, None):
        with pytest.raises(InputError, match="seed must be a whole number"):
            analyze(SCORES.astype({"seed": object}).assign(seed=[wrong] * 12), scope="this_dataset")


@pytest.mark.parametrize("wide", [False, True])
def test_row_names_of_pandas_are_no_technique(tmp_path, wide):
    """The column that `to_csv` writes without being asked is named as not used, and the verdict is the same."""
    frame = SCORES.pivot_table("accuracy", "seed", "technique").reset_index() if wide else SCORES
    frame.to_csv(tmp_path / "s.csv")
    found = analyze(tmp_path / "s.csv", scope="this_dataset")
    taken = ("The columns were taken for accuracy, of which more is better; --metric names another.",) if wide else ()
    assert found.facts.notes == (*taken, "Columns that were not used: Unnamed: 0.")
    assert set(found.trials["variant"]) == {"none", "l2"}


@pytest.mark.parametrize("metric", ["technique", "seed", "n_train", "dataset"])
def test_a_metric_is_a_column_of_scores(metric):
    """What tells runs apart is judged by nobody."""
    with pytest.raises(InputError, match=f"metric must be a column of scores. Got '{metric}'"):
        analyze(SCORES.assign(n_train=90, dataset="a"), metric=metric, scope="this_dataset")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("n_test", np.inf, "n_test must be a whole number, 1 or more. Got inf"),
        ("n_test", 1.5, "n_test must be a whole number, 1 or more. Got 1.5"),
        ("accuracy", True, "accuracy must be a number. Got 'True'"),
        ("accuracy", pd.Timestamp("2020"), "accuracy must be a number"),
    ],
)
def test_numbers_of_scores_are_numbers(column, value, words):
    """Infinite and broken rows, truth values and dates."""
    frame = SCORES.assign(n_train=90, n_test=30).assign(**{column: value})
    with pytest.raises(InputError, match=words):
        analyze(frame)


def test_a_file_that_grows_is_read_no_further_than_the_bound():
    """Files of /proc say that they hold nothing."""
    with pytest.raises(OSError, match="more than the 10 bytes that are read"):
        files.read("/proc/self/status", 10)


def test_no_more_memory_is_taken_than_a_file_needs(tmp_path):
    """Not what a file of its kind may have at most; one of /proc, which says it is empty, is read whole."""
    (tmp_path / "small").write_bytes(b"ab")
    tracemalloc.start()
    try:
        assert files.read(tmp_path / "small", files.GB) == b"ab"
        assert tracemalloc.get_traced_memory()[1] < files.MB
    finally:
        tracemalloc.stop()
    maps = Path("/proc/self/smaps")
    assert len(files.read(maps, 100 * files.MB)) > len(maps.read_bytes()) / 2 > 1000
    with pytest.raises(OSError, match="more than the 1 kB that are read"):
        files.read(maps, 1000)


def test_a_link_is_followed_only_where_it_may_be(tmp_path):
    """The other reader says that it is one."""
    (tmp_path / "file").write_bytes(b"ab")
    (tmp_path / "link").symlink_to("file")
    assert files.read(tmp_path / "link", 10) == b"ab"
    with pytest.raises(OSError, match="a symbolic link, which is not followed"):
        files.read(tmp_path / "link", 10, follow=False)


@pytest.mark.parametrize(
    "target",
    [
        np.frombuffer(b"\xff" * 4 * 40, "<U1"),
        np.array(["\udcff", "b"] * 20),
        np.array(["\ud800", None] * 20, object),
        ["\udcff", "b"] * 20,
    ],
    ids=["no characters", "halves", "objects", "list"],
)
def test_text_of_no_characters_is_refused(target):
    """An archive of arrays and a function may hold what no file and no page can."""
    with pytest.raises(InputError, match="--target: expected the target to be an array"):
        from_arrays("t", np.ones((40, 2)), target)


def test_what_only_resembles_a_frame_is_refused():
    """An object with columns and nothing else."""
    with pytest.raises(InputError, match="--data: expected"):
        from_arrays("t", type("Odd", (), {"columns": ["a"]})(), [0, 1])
