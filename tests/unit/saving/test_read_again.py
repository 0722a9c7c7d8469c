"""New rows in memory are read as the study read its own, whatever the types of their columns."""

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from regfleet.data import from_arrays
from regfleet.running.finishing import input_of
from regfleet.saving.preprocessing import columns_of
from regfleet.saving.rows import at, of_memory
from regfleet.settings import Data

ROWS = 40
DRAW = np.random.default_rng(4)
HOURS, DAYS = DRAW.integers(1, 90, ROWS), DRAW.integers(0, 9000, ROWS)
GAPS = DRAW.random(ROWS) < 0.2
TIMES = pd.Timestamp("1999-12-31") + pd.to_timedelta(DAYS, "D")


def table():
    """A table of Arrow with columns of all types that a file of Parquet may have, with gaps."""
    words = DRAW.choice(["a", "b", "c"], ROWS)
    columns = {
        "duration": pa.array(HOURS * 3600 * 10**9, pa.duration("ns"), mask=GAPS),
        "millis": pa.array(HOURS * 1000, pa.duration("ms")),
        "clock": pa.array([dt.time(hour % 24, 5) for hour in HOURS], pa.time64("us")),
        "moment": pa.array(TIMES, pa.timestamp("ms", tz="Europe/Berlin"), mask=GAPS),
        "day": pa.array([one.date() for one in TIMES], pa.date32()),
        "far": pa.array(np.where(GAPS, 4_000_000, DAYS), pa.int32()).cast(pa.date32()),
        "price": pa.array([Decimal(int(one)) / 4 for one in HOURS], pa.decimal128(12, 3)),
        "paid": pa.array(DRAW.random(ROWS) < 0.5, mask=GAPS),
        "whole": pa.array(DRAW.integers(0, 200, ROWS), pa.uint8(), mask=GAPS),
        "word": pa.array(words, mask=GAPS).dictionary_encode(),
        "code": pa.array(DRAW.choice([1, 2, 3], ROWS)),
    }
    return pa.table(columns)


@pytest.mark.parametrize("form", ["arrow", "pandas"])
def test_columns_of_all_types_are_read_as_the_study_read_them(form):
    """Durations in seconds, dates beyond the calendar as missing, categories by their codes."""
    given = table() if form == "arrow" else table().to_pandas(timestamp_as_object=False, date_as_object=False)
    source = Data(location="d", categorical=["code"])
    data = from_arrays("d", (given, DRAW.normal(size=ROWS)), source=source)
    signature = SimpleNamespace(input=input_of(data, source), target="target", task="regression", classes=())
    expected, found = columns_of(data, np.arange(ROWS)), of_memory(given, signature).columns
    assert len(expected) == 11
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(found[name], values, equal_nan=values.dtype.kind in "fM"), name


def test_codes_in_a_file_of_few_rows_stay_what_they_were(tmp_path):
    """Zeros before a number, truth values and money that a reader of these rows alone would take otherwise."""
    frame = pd.DataFrame(
        {
            "zip": DRAW.choice(["007", "012", "A12"], ROWS),
            "kept": DRAW.choice(["True", "False", "maybe"], ROWS),
            "pay": [f"{one}.250 €" for one in HOURS],
            "deck": DRAW.choice([1, 2, 3], ROWS),
            "size": DRAW.normal(size=ROWS),
        }
    )
    source = Data(location="d", categorical=["deck"])
    target = DRAW.choice(["01", "02", "x"], ROWS)
    data = from_arrays("d", (frame, target), source=source)
    form = input_of(data, source)
    signature = SimpleNamespace(input=form, target="target", task="classification", classes=data.classes)
    few = frame.assign(target=target)[(frame["zip"] != "A12") & (frame["kept"] != "maybe") & (target != "x")]
    expected = columns_of(data, few.index.to_numpy())
    few.assign(pay=few["pay"].str.removesuffix(" €"), deck=few["deck"].map("{:.1f}".format)).to_csv(
        tmp_path / "few.csv", index=False
    )
    found = at(str(tmp_path / "few.csv"), signature)
    assert found.notes == ()
    assert np.array_equal(found.target, data.target[few.index])
    for name, values in expected.items():
        assert np.array_equal(found.columns[name], values), name
    few.assign(zip="n/a", deck="", target="?").to_csv(tmp_path / "few.csv", index=False)
    found = at(str(tmp_path / "few.csv"), signature)
    assert {*found.columns["zip"], *found.columns["deck"], *found.target} == {-1}
