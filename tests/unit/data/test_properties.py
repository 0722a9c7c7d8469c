"""Whatever table comes: it works, or one line says what to do."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from regfleet.data import cut, describe_columns, from_arrays, load_dataset, parse_split, split_meaning
from regfleet.errors import InputError
from regfleet.settings import Data

CELLS = (
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(
        ["a", "b", "ä", "", " ", "1", "1,5", "2020-01-02", "=1+1", "</script>", "?", "NA", "1.234,5", "3 kg"]
    ),
    st.text(max_size=12),
    st.datetimes(),
    st.none() | st.floats(0, 1),
    st.none() | st.sampled_from([1, "x", 2.5, True]),
    st.binary(max_size=3),
    st.lists(st.integers(0, 1), max_size=2),
)
NAMES = st.sampled_from(["x", "y", "", "id", "</script>", "=1+1", "x 2"]) | st.text(max_size=4)
SPLITS = st.sampled_from(["balanced", "60/20/20", "article", "2x2", "5x10", "98/1/1"])
slow = settings(deadline=None, max_examples=50, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def frames(draw):
    """A frame of up to 40 rows with columns of any kind and any names, which may repeat."""
    rows = draw(st.integers(0, 40) | st.just(30))
    kinds = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=6))
    columns = [pd.Series(draw(st.lists(kind, min_size=rows, max_size=rows)), dtype=object) for kind in kinds]
    frame = pd.concat([column if draw(st.booleans()) else column.infer_objects() for column in columns], axis=1)
    frame.columns = draw(st.lists(NAMES, min_size=len(kinds), max_size=len(kinds)))
    return frame


def check(dataset, split):
    """Model input that a network can take, of one width, and the same again from what a worker receives."""
    split_meaning(split, dataset)
    assert describe_columns(dataset)
    for seed in (0, 1):
        sets = cut(dataset, split, seed)
        parts = (sets.train, sets.validation, sets.test)
        assert len({part.x.shape[1:] for part in parts}) == 1
        assert sets.task == dataset.task
        for part in parts:
            assert part.x.dtype == part.y.dtype == np.float32
            assert len(part.x) == len(part.y) > 0
            assert np.isfinite(part.x).all()
            assert np.isfinite(part.y).all()
        again = cut(pickle.loads(pickle.dumps(dataset)), split, seed)
        assert again.train.x.tobytes() == sets.train.x.tobytes()


def works_or_says_why(load, split):
    """The property: `check` passes, or an InputError of one line that names a flag."""
    said = ""
    try:
        check(load(), parse_split(split))
    except InputError as problem:
        said = str(problem)
    assert re.fullmatch(r"(--\S.*expected.*got.*)?", said), said


@slow
@given(frames(), SPLITS, st.sampled_from([None, "classification", "regression"]), st.data())
def test_any_frame_works_or_is_refused_in_a_line(frame, split, task, data):
    """Columns of every kind, missing values, odd and repeated names, no rows at all."""
    names = [name for name in map(str, frame.columns) if not re.search("[\0\ud800-\udfff]", name)]
    assume(names)  # no flag can hold the others
    pick = st.none() | st.sampled_from(names)
    listed = st.lists(st.sampled_from(names), max_size=2).map(tuple)
    source = Data(
        location="t",
        target=data.draw(st.sampled_from(names)),
        drop=data.draw(listed),
        categorical=data.draw(listed),
        group=data.draw(pick),
        time=data.draw(pick),
        task=task,
        missing=data.draw(st.lists(st.sampled_from(["", "a", "1", "-999", "2020-01-02"]), max_size=2)),
        decimal=data.draw(st.sampled_from([None, ".", ","])),
    )
    works_or_says_why(lambda: from_arrays("t", frame, source=source), split)


@slow
@given(st.data())
def test_any_frame_with_a_good_target_works(data):
    """With thirty rows, a target of two classes and one good column, everything beside them is coped with."""
    frame = data.draw(frames().filter(lambda frame: len(frame) >= 20))
    good = pd.DataFrame({"good": np.linspace(0, 1, len(frame)), "class": np.arange(len(frame)) % 2}, index=frame.index)
    dataset = from_arrays("t", pd.concat([frame, good], axis=1), "class")
    check(dataset, parse_split("60/20/20"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "feather", "csv.gz", "npz"])
@slow
@given(content=st.binary(max_size=400) | st.text('ab1,;\t"\n\r é.-', min_size=20, max_size=300).map(str.encode))
def test_any_bytes_work_or_are_refused_in_a_line(tmp_path_factory, suffix, content):
    """A file may hold anything."""
    file = tmp_path_factory.mktemp("any") / f"t.{suffix}"
    file.write_bytes(content)
    works_or_says_why(lambda: load_dataset(Data(location=str(file), target="a")), "60/20/20")


@slow
@given(frames(), st.data())
def test_any_csv_of_a_frame_works_or_is_refused_in_a_line(tmp_path_factory, frame, data):
    """What pandas writes, with any delimiter, is read or refused."""
    file = tmp_path_factory.mktemp("any") / "t.csv"
    names = [str(name) for name in frame.columns]
    frame.to_csv(file, sep=data.draw(st.sampled_from(",;\t|")), index=data.draw(st.booleans()), errors="replace")
    works_or_says_why(
        lambda: load_dataset(Data(location=str(file), target=data.draw(st.sampled_from(names)))), "60/20/20"
    )
