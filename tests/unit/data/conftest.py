"""Small tables as files."""

import numpy as np
import pandas as pd
import pytest

from regfleet.data import load_dataset
from regfleet.settings import Data


def customers(rows=60):
    """A table with a number, a category, a date, gaps, and a target of two classes."""
    draw = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": np.where(draw.random(rows) < 0.1, np.nan, draw.integers(18, 80, rows)),
            "plan": draw.choice(["basic", "family", "gold"], rows),
            "since": pd.date_range("2021-01-01", periods=rows, freq="17D").astype(str),
            "visits": draw.normal(size=rows),
            "churned": draw.choice(["yes", "no"], rows),
        }
    )


@pytest.fixture
def load(tmp_path):
    """``load(table, name=…, **source)``: the data set of a frame, a text or bytes written to a file."""

    def write(content, name):
        file = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_csv(file, index=False)
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(file)

    def load(content, name="table.csv", test=None, target="churned", **source):
        test = None if test is None else write(test, "test.csv")
        return load_dataset(Data(location=write(content, name), target=target, test=test, **source))

    return load


@pytest.fixture
def table():
    """The customers of sixty rows."""
    return customers()
