"""Parts of a data set: shares of its training rows, and all of its columns but one."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from regfleet.data import SPLITS, cut, from_arrays, load_builtin, parse_split, split_rows
from regfleet.data.dataset import input_names, without_column
from regfleet.data.encoding import encode
from regfleet.settings import Data

SHARES = (0.1, 0.25, 0.5, 0.8)
ROWS = 200


def table(**roles):
    """A table with a number, a category, a date, groups of four rows, and two classes of which one is rare."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=ROWS), "kind": draw.choice(["a", "b", "c"], ROWS)})
    frame["day"] = draw.permutation(pd.date_range("2024-01-01", periods=ROWS))
    frame["who"] = [f"w{row // 4}" for row in range(ROWS)]
    frame["y"] = np.where(np.arange(ROWS) % 10, "often", "seldom")
    drop = [name for name in ("day", "who") if name not in roles.values()]
    return from_arrays("t", frame, source=Data(location="t", target="y", drop=drop, **roles))


@pytest.mark.parametrize("roles", [{}, {"group": "who"}, {"time": "day"}], ids=["plain", "groups", "time"])
@pytest.mark.parametrize("split", ["balanced", "random", "article"])
def test_a_share_takes_fewer_training_rows_and_nothing_else(roles, split):
    """The same rows validate and test; a larger share holds a smaller one; seeds differ; groups stay whole."""
    dataset, whole = table(**roles), parse_split(split)
    drawn = []
    for seed in (0, 3):
        train, *others = split_rows(dataset, whole, seed)
        before = np.array([], int)
        for share in SHARES:
            fewer, *same = split_rows(dataset, replace(whole, share=share), seed)
            assert all(map(np.array_equal, others, same))
            assert set(before) <= set(fewer) <= set(train)
            assert np.array_equal(fewer, train[np.isin(train, fewer)])
            assert abs(len(fewer) - share * len(train)) <= (4 if "group" in roles else 0.5)
            if "group" in roles:
                left = np.setdiff1d(train, fewer)
                assert not set(dataset.groups[fewer]) & set(dataset.groups[left])
            elif "time" in roles:
                assert dataset.order[fewer].min() > dataset.order[np.setdiff1d(train, fewer)].max()
            elif whole.stratified:
                rare = (dataset.target[fewer] == 1).sum()
                assert abs(rare - share * (dataset.target[train] == 1).sum()) < 1
            before = fewer
        drawn.append(before)
    assert np.array_equal(*drawn) == ("time" in roles)


def test_a_column_is_left_out_before_anything_is_encoded():
    """Rows are those of the whole table, and numbers those of a table that never had the column."""
    dataset, split = table(), SPLITS["balanced"]
    assert input_names(dataset) == ["x", "kind"]
    for seed in (0, 1):
        sets = cut(dataset, replace(split, without="kind"), seed)
        parts = split_rows(dataset, split, seed)
        assert np.array_equal(sets.test_rows, parts[2])
        alone = encode(dataset.features[["x"]].to_numpy(), parts)
        assert [rows.x.shape for rows in (sets.train, sets.test)] == [(len(parts[0]), 1), (len(parts[2]), 1)]
        assert np.allclose(sets.train.x, alone[0])
        assert np.allclose(sets.test.x, alone[2])
        assert cut(dataset, replace(split, without="x"), seed).train.x.shape[1] == 3
    iris = load_builtin("iris")
    names = input_names(iris)
    assert np.array_equal(without_column(iris, names[1]).features, iris.features[:, [0, 2, 3]])
    assert input_names(load_builtin("digits_images")) == []
    with pytest.raises(KeyError):
        without_column(iris, "age")
