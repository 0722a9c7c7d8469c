"""The simulation behind the documented rates of false verdicts, at a small size."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from support import ROOT

SCRIPT = ROOT / "benchmarks" / "false_verdicts.py"


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark as a module."""
    spec = importlib.util.spec_from_file_location("false_verdicts", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["false_verdicts"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["false_verdicts"]


def test_splits_are_stratified_disjoint_and_redrawn(benchmark):
    """Each seed trains on 90 of 150 rows and tests on 30 others, half of each class."""
    train, test = benchmark.splits(benchmark.NULL_CASES[0], 20, np.random.default_rng(0))
    assert not (train & test).any()
    first_class = np.arange(150) % 2 == 0
    assert (train.sum(axis=1) == 90).all()
    assert (test.sum(axis=1) == 30).all()
    assert ((test & first_class).sum(axis=1) == 15).all()
    assert len({tuple(row) for row in test}) == 20


def test_the_closed_forms_are_scikit_learns_learners(benchmark):
    """Least squares and the nearest neighbour predict as scikit-learn's on each seed's training rows."""
    from sklearn.linear_model import LinearRegression
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    labels = np.tile([-1, 1], 75)
    x = rng.normal(size=(150, 5)) + 0.6 * labels[:, None]
    train, _ = benchmark.splits(benchmark.NULL_CASES[0], 5, rng)
    linear = benchmark.least_squares(x, labels, train.astype(float))
    nearest = benchmark.nearest_neighbour(x, labels, train)
    for seed, rows in enumerate(train):
        fitted = LinearRegression().fit(x[rows], labels[rows]).predict(x)
        assert np.array_equal(linear[seed], np.where(fitted > 0, 1, -1))
        oracle = KNeighborsClassifier(1).fit(x[rows], labels[rows]).predict(x)
        assert np.array_equal(nearest[seed], oracle)


def test_our_rule_rarely_errs_where_the_usual_tests_mostly_do(benchmark):
    """Among eight exchangeable techniques at 30 seeds the paired t-test nearly always claims a difference."""
    rows = benchmark.false_verdicts(benchmark.NULL_CASES[0], 60, seed=3)
    eight = {row["seeds"]: row for row in rows if row["variants"] == 8}
    assert eight["30"]["paired t"] > 0.7
    assert eight["30"]["Wilcoxon"] > 0.7
    assert max(row["regfleet"] for row in rows) <= 0.05
    assert eight["auto: 10, 20, 30"]["regfleet"] <= 0.05


def test_a_lead_of_three_floors_is_called_and_none_is_called_worse(benchmark):
    """Ten seeds call at least 90 % of true leads of three resolution floors."""
    rows = benchmark.power(benchmark.POWER_CASES[0], 40, seed=3)
    three = next(row for row in rows if row["lead in floors"] > 2.5 and row["seeds"] == "10")
    assert three["called better"] >= 0.9
    assert max(row["called worse"] for row in rows) == 0


def test_the_command_says_what_it_takes():
    """The script runs by itself from a checkout and lists its options."""
    told = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True).stdout
    assert "--quick" in told
    assert "--json" in told


def test_the_table_is_markdown(benchmark):
    """A row that lacks a figure leaves its cell blank, and rows survive JSON."""
    rows = [{"a": 1, "b": 0.12345}, {"a": 2}]
    assert benchmark.table(rows) == "| a | b |\n| --- | --- |\n| 1 | 0.123 |\n| 2 |  |"
    assert json.loads(json.dumps(rows)) == rows
