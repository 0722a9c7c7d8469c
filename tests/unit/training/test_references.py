"""Reference rows against scikit-learn, called directly on the rows of the same split."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from regfleet.data import cut, from_arrays, load_builtin, parse_split
from regfleet.training import fit_reference

SPLIT = parse_split("balanced")


@pytest.fixture(autouse=True)
def one_thread():
    """Many threads cost more than they save on so few rows."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("weights", [None, "balanced"])
def test_classes_are_predicted_as_scikit_learn_predicts_them(weights):
    """The same probabilities of every row, and the shares of the training rows where no input is looked at."""
    sets = cut(load_builtin("iris"), SPLIT, 3)
    x, y = sets.train.x.astype("float64"), sets.train.y.argmax(axis=1)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight=weights)).fit(x, y)
    trees = HistGradientBoostingClassifier(early_stopping=False, class_weight=weights, random_state=3).fit(x, y)
    for kind, learner in {"linear": linear, "trees": trees}.items():
        fit = fit_reference(kind, sets, 3, weights)
        for name, rows in (("train", sets.train), ("val", sets.validation), ("test", sets.test)):
            assert np.allclose(
                fit.predictions["last"][name], learner.predict_proba(rows.x.astype("float64")), atol=1e-6
            )
        right = learner.score(sets.validation.x.astype("float64"), sets.validation.y.argmax(axis=1))
        assert fit.history["val_accuracy"].tolist() == [np.float32(right)]
    constant = fit_reference("constant", sets, 3, weights)
    assert constant.predictions["best"]["test"] == pytest.approx(np.tile(np.bincount(y) / len(y), (30, 1)))


def test_numbers_are_predicted_as_scikit_learn_predicts_them():
    """Ridge regression and boosted trees on the standardized target; the mean is zero there."""
    sets = cut(from_arrays("sick", load_diabetes(return_X_y=True)), SPLIT, 0)
    x, y, test = sets.train.x.astype("float64"), sets.train.y[:, 0].astype("float64"), sets.test.x.astype("float64")
    linear = make_pipeline(StandardScaler(), Ridge()).fit(x, y)
    trees = HistGradientBoostingRegressor(early_stopping=False, random_state=0).fit(x, y)
    for kind, learner in {"linear": linear, "trees": trees}.items():
        said = fit_reference(kind, sets, 0).predictions["last"]["test"]
        assert said[:, 0] == pytest.approx(learner.predict(test), abs=1e-5)
    assert fit_reference("constant", sets, 0).predictions["last"]["test"] == pytest.approx(0, abs=1e-6)


def test_a_class_that_does_not_train_is_never_said_and_one_class_alone_always():
    """Both are fits all the same, and the same rows give the same bits again."""
    sets = cut(load_builtin("iris"), SPLIT, 0)
    seen = sets.train.y.argmax(axis=1) != 2
    two = replace(sets, train=replace(sets.train, x=sets.train.x[seen], y=sets.train.y[seen]))
    one = sets.train.y.argmax(axis=1) == 1
    single = replace(sets, train=replace(sets.train, x=sets.train.x[one], y=sets.train.y[one]))
    for kind in ("linear", "trees"):
        said = fit_reference(kind, two, 0).predictions["last"]["test"]
        assert said[:, 2].max() == 0
        assert said.sum(axis=1) == pytest.approx(1)
        assert said.tobytes() == fit_reference(kind, two, 0).predictions["last"]["test"].tobytes()
        assert (fit_reference(kind, single, 0).predictions["last"]["test"] == [0, 1, 0]).all()
