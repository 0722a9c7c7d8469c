"""What a model said of each test row: kept, found again by variant, and never lost unseen."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from support.outcomes import said

from regfleet.data import cut, from_arrays, load_builtin, parse_split
from regfleet.predictions import of_classes
from regfleet.results import PREDICTION_FIELDS, load
from regfleet.running.trial import _metrics, _predictions
from regfleet.trials import Execution, Fit


def assert_equal(one, other):
    """Fail unless two predictions are the same, field for field and bit for bit."""
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if mine is None or theirs is None:
            assert mine is theirs, field.name
        else:
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs, field.name)


def test_of_many_classes_the_true_one_and_the_likeliest_others_are_kept():
    """Of 40 classes six probabilities a row, and Brier's score over all of them; rows come in order."""
    draw = np.random.default_rng(0)
    given, truth = draw.dirichlet(np.ones(40), 50).astype("float32"), draw.integers(0, 40, 50)
    rows = np.arange(50)[::-1]
    kept = of_classes(3, rows, truth, given)
    assert kept.rows.tolist() == [*range(50)]
    for row in range(50):
        own, true = given[::-1][row], truth[::-1][row]
        others = [one for one in sorted(range(40), key=lambda one: -own[one]) if one != true][:5]
        assert kept.classes[row].tolist() == [true, *others]
        assert kept.probabilities[row].tolist() == own[[true, *others]].tolist()
        assert kept.brier[row] == pytest.approx(((own - np.eye(40)[true]) ** 2).sum(), rel=1e-6)
        assert (kept.target[row], kept.predicted[row]) == (true, own.argmax())


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_trial_keeps_what_its_scores_are_made_of(name):
    """By row number of the data set, in units of its target; one object where both weights predict alike."""
    data = load_builtin(name) if name == "iris" else from_arrays(name, load_diabetes(return_X_y=True))
    draw = np.random.default_rng(1)
    sets = cut(data, parse_split("60/20/20"), 4)
    given = draw.random((2, len(sets.test.y), max(1, len(data.classes))), dtype="float32")
    given /= given.sum(axis=2, keepdims=True) if data.classes else 1
    predictions = {"last": {"test": given[0]}, "best": {"test": given[1]}}
    fit = Fit({}, predictions, {"last": 0.0, "best": 0.0}, 1, None, Execution("graph"))
    kept, scores = _predictions(4, fit, sets, data.target), _metrics(fit, sets)
    for when, part in kept.items():
        assert sorted(sets.test_rows) == part.rows.tolist()
        np.testing.assert_array_equal(part.target, data.target[part.rows])
        expected = scores[f"{when}_test_accuracy" if data.classes else f"{when}_test_mse"]
        mine = part.correct() if data.classes else part.squared_error()
        assert mine.mean() == pytest.approx(expected, rel=1e-6)
    alike = replace(fit, predictions={when: {"test": given[0]} for when in ("last", "best")})
    same = _predictions(4, alike, sets, data.target)
    assert same["last"] is same["best"]


@pytest.mark.parametrize("most", [1, 10_000])
def test_what_was_said_is_found_by_variant(store, outcome, monkeypatch, most):
    """In order of names, seeds and rows, however much is read at once; a failed or diverged trial said nothing."""
    monkeypatch.setattr("regfleet.results.loading.BATCH_PREDICTIONS", most)
    assert list(load(store.place).predicted("iris", "last")) == []
    names = ("l2(0.01)@all", "none")
    made = {name: [outcome(name, seed) for seed in (0, 1, 2)] for name in names}
    store.append([made["none"][2], made["l2(0.01)@all"][0], outcome("none", 3, "failed")])
    store.append([made["none"][0], outcome("none", 4, "diverged")])
    store.append([made["l2(0.01)@all"][2], made["none"][1], made["l2(0.01)@all"][1]])
    for _ in range(2):
        found = load(store.place)
        for at in ("last", "best"):
            said_at = list(found.predicted("iris", at))
            assert [name for name, _ in said_at] == [*names]
            for name, part in said_at:
                parts = [one.predictions[at] for one in made[name]]
                whole = [
                    None if a[0] is None else np.concatenate(a)
                    for a in ([getattr(part, field.name) for part in parts] for field in fields(parts[0]))
                ]
                assert_equal(part, type(part)(*whole))
        assert list(found.predicted("wine", "last")) == []
        frame = found.predictions
        assert frame.columns.tolist() == list(PREDICTION_FIELDS)
        assert frame.groupby(["seed", "weights"], observed=True).size().to_dict() == {
            (0, "both"): 60, (1, "best"): 60, (1, "last"): 60, (2, "both"): 60
        }  # fmt: skip
        assert found.trials.set_index(["variant", "seed"])["n_predicted"]["none"].tolist() == [30, 30, 30, 0, 0]
        store.merge()


def test_trials_with_and_without_predictions_are_results(store, outcome):
    """Those from before predictions were kept, or made without, count and say nothing; pandas reads the others."""
    store.append([outcome("none", 0)])
    (path,) = (store.place.local / "trials").iterdir()
    before = pd.read_parquet(path).drop(columns="n_predicted")
    path.unlink()
    before.to_parquet(path.with_name(f"{path.name[: len('part-') + 16]}.parquet"))
    (told,) = (store.place.local / "predictions").iterdir()
    told.unlink()
    assert load(store.place).problems == ()
    assert list(load(store.place).predicted("iris", "last")) == []
    store.append([replace(outcome("none", 1), predictions={}), outcome("none", 2)])
    for _ in range(2):
        found = load(store.place)
        assert found.finished == {"none-0", "none-1", "none-2"}
        ((_, part),) = found.predicted("iris", "last")
        assert_equal(part, said(2))
        assert pd.read_parquet(store.place.local / "predictions")["probabilities"][0].dtype == "float32"
        store.merge()


def test_a_trial_without_the_predictions_that_it_says_were_kept_runs_again(store, outcome):
    """Whether they are kept the second time or not, it then counts, merged or not."""
    store.append([outcome("none", 0), outcome("none", 1)])
    (told,) = (store.place.local / "predictions").iterdir()
    told.unlink()
    assert load(store.place).finished == set()
    store.append([outcome("none", 0)])
    store.append([replace(outcome("none", 1), predictions={})])
    for _ in range(2):
        found = load(store.place)
        assert found.finished == {"none-0", "none-1"}
        assert [part.seeds.max() for _, part in found.predicted("iris", "last")] == [0]
        store.merge()
