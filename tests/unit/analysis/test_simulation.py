"""The simulation behind the documented rates of false verdicts, at a small size."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace

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


def drawn(benchmark, name, **changes):
    """Training and test rows of thirty seeds of the case ``name``, and whether a row is of the first class."""
    case = replace(next(case for case in benchmark.NULLS + benchmark.LIMITS if case.name == name), **changes)
    rng = np.random.default_rng(0)
    labels = benchmark.draw(case, rng)[2]
    return *benchmark.splits(case, rng, labels), labels == 0


@pytest.mark.parametrize("split", ["dealt", "drawn"])
def test_splits_are_stratified_disjoint_and_redrawn(benchmark, split):
    """Each seed trains on 90 of 150 rows and tests on 30 others, half of each class."""
    train, test, first_class = drawn(benchmark, "least squares", split=split, seeds=(20,))
    assert not (train & test).any()
    assert (train.sum(axis=1) == 90).all()
    assert (test.sum(axis=1) == 30).all()
    assert ((test & first_class).sum(axis=1) == 15).all()
    assert len({tuple(row) for row in test}) == 20
    repeats = test.reshape(4, 5, 150).sum(axis=1)
    assert (repeats == 1).all() == (split == "dealt")


def test_groups_are_never_torn(benchmark):
    """Rows of a group train together or are tested together, and share their class."""
    train, test, first_class = drawn(benchmark, "groups of five rows, least squares")
    for mask in (train, test, first_class[None]):
        groups = mask.reshape(len(mask), 30, 5)
        assert (groups.all(axis=2) == groups.any(axis=2)).all()


def test_the_closed_forms_are_scikit_learns_learners(benchmark):
    """Least squares, ridge, the nearest neighbour and the stump predict as scikit-learn's on each seed's rows."""
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeRegressor

    train, _, first_class = drawn(benchmark, "least squares", seeds=(5,))
    rng = np.random.default_rng(0)
    labels = np.where(first_class, -1, 1)
    x = rng.normal(size=(150, 5)) + 0.6 * labels[:, None]
    y = np.eye(2)[(labels > 0).astype(int)]
    found = {name: learner(x, y, train, rng) for name, learner in benchmark.LEARNERS.items()}
    value = rng.normal(size=(150, 1)) + x[:, :1]
    cut = benchmark.stump(x, value, train, rng)
    for seed, rows in enumerate(train):
        fitted = LinearRegression().fit(x[rows], y[rows]).predict(x)
        assert found["least squares"][seed] == pytest.approx(fitted, abs=1e-6)
        halved = Ridge(alpha=rows.sum()).fit(x[rows], y[rows]).predict(x)
        assert found["shrunken"][seed] == pytest.approx(halved, abs=1e-6)
        oracle = KNeighborsClassifier(1).fit(x[rows], labels[rows]).predict(x)
        assert np.array_equal(np.where(found["nearest neighbour"][seed, :, 1] > 0.5, 1, -1), oracle)
        tree = DecisionTreeRegressor(max_depth=1).fit(x[rows], value[rows])
        assert cut[seed, rows, 0] == pytest.approx(tree.predict(x[rows]))
    weights, intercepts = benchmark.lasso(x, value[:, 0], train)
    for seed, rows in enumerate(train):
        fit = Lasso(alpha=benchmark.STRENGTHS[3], tol=1e-10).fit(x[rows], value[rows, 0])
        assert weights[seed, 3] == pytest.approx(fit.coef_, abs=1e-6)
        assert intercepts[seed, 3] == pytest.approx(fit.intercept_, abs=1e-6)


def test_scores_of_cells_are_scikit_learns(benchmark):
    """Over many cells accuracy, squared and absolute error are those of scikit-learn; Brier's is written out."""
    from sklearn.metrics import accuracy_score, mean_absolute_error, mean_squared_error

    rng = np.random.default_rng(0)
    labels, said = rng.integers(3, size=50), rng.dirichlet(np.ones(3), 50)
    classes = benchmark.judge_cells(said, np.eye(3)[labels], labels, classes=True)
    assert classes["accuracy"].mean() == pytest.approx(accuracy_score(labels, said.argmax(axis=1)))
    assert -classes["Brier"].mean() == pytest.approx(np.mean(np.sum((said - np.eye(3)[labels]) ** 2, axis=1)))
    values = benchmark.judge_cells(said[:, :1], said[:, 1:2], labels, classes=False)
    assert -values["squared error"].mean() == pytest.approx(mean_squared_error(said[:, 1], said[:, 0]))
    assert -values["absolute error"].mean() == pytest.approx(mean_absolute_error(said[:, 1], said[:, 0]))


def test_halves_and_their_scores(benchmark):
    """Halves of a pair split all rows between them, class by class; scores of a fit are scikit-learn's."""
    from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score

    case, labels = replace(benchmark.NULLS[0], seeds=(5,)), np.arange(150) % 2
    train, test = benchmark.halved(case, np.random.default_rng(0), labels)
    assert train.shape == (1 + 2 * benchmark.PAIRS, 5, 150)
    rows = (train | test)[1:].any(axis=1).reshape(-1, 2, 150)
    assert (rows.sum(axis=1) == 1).all()
    assert (rows[:, :, labels == 0].sum(axis=2) >= 37).all()
    assert set(train[1:].sum(axis=2).ravel()) == {45}
    rng = np.random.default_rng(0)
    labels, said = rng.integers(2, size=40), rng.dirichlet(np.ones(2), 40)
    found = benchmark.score_seed(said, np.eye(2)[labels], labels)
    assert found["AUC"] == pytest.approx(roc_auc_score(labels, said[:, 1]))
    assert found["balanced accuracy"] == pytest.approx(balanced_accuracy_score(labels, said.argmax(axis=1)))
    assert benchmark.score_seed(said[:, :1], said[:, 1:], labels)["R²"] == pytest.approx(
        r2_score(said[:, 1], said[:, 0])
    )


def test_our_rules_rarely_err_where_the_usual_tests_mostly_do(benchmark):
    """Among eight exchangeable techniques at 30 seeds the paired t-test nearly always claims a difference."""
    case = replace(benchmark.NULLS[0], seeds=(10, 30))
    lines = {(row["score"], row["seeds"]): row for row in benchmark.shares(benchmark.null_chunk(case, 40, 3, 0))}
    assert lines["accuracy", "30"]["paired t"] > 0.7
    assert lines["accuracy", "30"]["Wilcoxon"] > 0.7
    assert max(row["any false claim"] for (score, _), row in lines.items() if score == "accuracy") <= 0.05
    assert max(row["corrected t"] for row in lines.values()) <= 0.075
    assert lines["accuracy", "looks 10, 20, 30"]["any false claim"] <= 0.05
    assert 0.5 < lines["accuracy", "10"]["width"] < 0.8
    of_halves = benchmark.shares(benchmark.halved_chunk(replace(benchmark.HALVED[0], seeds=(10,)), 10, 3, 0))
    assert max(row["any false claim"] for row in of_halves) <= 0.1
    assert all(0.6 < row["width"] < 1.2 for row in of_halves)


def test_single_rows_see_a_lead_that_one_score_per_seed_does_not(benchmark):
    """Of five points on 600 rows, ten seeds call several times as many, and none is called worse."""
    case = next(case for case in benchmark.POWER if case.name == "least squares, 600 rows")
    lines = benchmark.shares(benchmark.power_chunk(replace(case, seeds=(10,)), 40, 3, 0))
    accuracy = next(row for row in lines if row["score"] == "accuracy")
    assert 0.04 < accuracy["lead"] < 0.06
    assert accuracy["called better"] > 2 * accuracy["corrected t"] > 0
    assert max(row["called worse"] for row in lines) == 0


def test_the_true_difference_of_neighbouring_strengths_is_what_fresh_rows_say(benchmark):
    """What a lasso study is judged by is the mean over all fits; an interval that leaves it out is a false claim."""
    found = benchmark.lasso_chunk(replace(benchmark.LASSOS[0], seeds=(5,)), 10, 3, 0)
    worth = np.mean([row["worth"] for row in found], axis=0)
    assert np.abs(worth).max() < 0.01
    far = benchmark.Interval(1.0, 0.9, 1.1)
    rows = benchmark.against_truth([*found[1:], found[0] | {"theirs": [far] * 8}])
    assert [row["corrected t"] for row in rows][-1]
    assert sum(row["any false claim"] for row in rows) <= 1


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
    of = {"case": "c", "score": "s"}
    found = [
        of | {"seeds": "5", "any false claim": 0.01, "corrected t": 0.002, "width": 0.5},
        of | {"seeds": "looks", "any false claim": 0.0, "corrected t": 1.0},
    ]
    assert benchmark.side_by_side(found) == [of | {"5": "0.010 (0.002)", "looks": "0.000 (1.000)", "width": "0.50"}]
