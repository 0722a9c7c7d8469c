"""What is said of permutation importance, and which columns go together: against SciPy and numbers by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats.contingency import association
from sklearn.datasets import load_diabetes
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from regfleet.data import from_arrays
from regfleet.metrics import METRICS
from regfleet.saving.importance import going_together, lost, over_seeds, sentences
from regfleet.settings import Data


def test_a_column_is_shuffled_as_scikit_learn_shuffles_it():
    """Of a linear model of numbers, repeat by repeat from the same seed."""
    x, y = load_diabetes(return_X_y=True)
    fitted = LinearRegression().fit(x, y)
    columns = {f"c{place}": x[:, place] for place in range(x.shape[1])}

    def answer(taken, rows):
        assert all(len(column) == rows for column in taken.values())
        return fitted.predict(np.stack([*taken.values()], axis=1))[:, None]

    def score(given, places):
        return -np.sqrt(np.mean((given[:, 0] - y[places]) ** 2))

    found = lost(columns, answer, score, len(y), 7)
    theirs = permutation_importance(fitted, x, y, scoring="neg_root_mean_squared_error", n_repeats=5, random_state=7)
    assert [*found.values()] == pytest.approx(theirs.importances_mean)
    assert lost({}, answer, score, len(y), 7) == {}


def test_intervals_over_networks_are_corrected_and_simultaneous():
    """Nadeau and Bengio's, for all columns at once; what is clear is said, with the way the score points."""
    draw = np.random.default_rng(0)
    values = np.stack([draw.normal(0.3, 0.05, 8), draw.normal(0, 0.05, 8), draw.normal(0.1, 0.01, 8)], axis=1)
    found = over_seeds([dict(zip("abc", one, strict=True)) for one in values], METRICS["rmse"], 1 / 3, 0.05)
    assert [one.column for one in found] == ["a", "c", "b"]
    half = stats.t.isf(0.025 / 3, 7) * values[:, 0].std(ddof=1) * np.sqrt(1 / 8 + 1 / 3)
    assert [found[0].low, found[0].high] == pytest.approx(values[:, 0].mean() + half * np.array([-1, 1]))
    (said,) = sentences(found, METRICS["rmse"], 8, ())
    assert said.startswith("What the networks look at, by how much worse root mean squared error is when it is")
    assert " b (" not in said
    assert "five are the least" in sentences(found, METRICS["rmse"], 4, ("x",))[0]
    assert over_seeds([{}, {}], METRICS["rmse"], 0, 0.05) == ()


def test_a_column_that_costs_every_network_as_much_is_not_certain():
    """Five networks on thirty rows each that lose one row in thirty leave no interval: Student's t is 0/0."""
    (found,) = over_seeds([{"a": 1 / 30}] * 5, METRICS["accuracy"], 1 / 3, 0.05)
    assert (found.mean, found.low, found.high) == (pytest.approx(1 / 30), None, None)
    assert "No column is clearly looked at" in sentences([found], METRICS["accuracy"], 5, ())[0]


def test_columns_that_tell_each_other_are_named():
    """Ranks of numbers and dates, Cramér's V, the correlation ratio; not what chance or many categories make."""
    draw, rows = np.random.default_rng(1), 400
    size, kind = draw.normal(size=rows), draw.choice(["a", "b", "c"], rows)
    frame = pd.DataFrame({"size": size, "cubed": size**3 + draw.normal(0, 0.2, rows), "kind": kind})
    frame["group"] = np.where(draw.random(rows) < 0.05, "z", pd.Series(kind).map({"a": "x", "b": "y", "c": "z"}))
    frame["of_kind"] = pd.Series(kind).map({"a": 0, "b": 5, "c": 9}) + draw.normal(0, 0.5, rows)
    frame["city"] = draw.choice([f"city {number}" for number in range(30)], rows)
    frame["alone"] = draw.normal(size=rows)
    frame["y"] = draw.choice(["no", "yes"], rows)
    dataset = from_arrays("t", frame, source=Data(location="t", target="y"))
    (said,) = going_together(dataset)
    ranks = stats.spearmanr(frame["size"], frame["cubed"]).statistic
    assert f"size and cubed ({ranks:.2f})" in said
    assert "kind and of_kind" in said
    assert "more pair" in said
    assert "alone" not in said
    assert "city" not in said
    crossed = association(pd.crosstab(frame["kind"], frame["group"]).to_numpy(), method="cramer")
    (alone,) = going_together(from_arrays("t", frame[["kind", "group", "y"]], source=Data(location="t", target="y")))
    assert f"kind and group ({crossed:.2f})" in alone
    assert going_together(from_arrays("t", frame[["size", "alone", "y"]], source=Data(location="t", target="y"))) == ()
