"""Estimators of scikit-learn: its own checks, and scores on rows that nothing of a study saw."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_digits, make_classification
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import regfleet
from regfleet import RegularizedClassifier, RegularizedRegressor

SMALL = {"model": (8,), "techniques": ("dropout(0.1)",), "seeds": 2}
EXPECTED: dict[str, str] = {}
"""What of scikit-learn's checks does not hold, with the reason."""


@pytest.mark.parametrize("kind", [RegularizedClassifier, RegularizedRegressor])
def test_the_checks_of_scikit_learn_pass(kind):
    """All but those that are named."""
    asked = {"expected_failed_checks": EXPECTED, "on_fail": None, "on_skip": None}  # it skips what SciPy is not set to
    found = check_estimator(kind(**SMALL, epochs=20), **asked)
    failed = {one["check_name"]: repr(one["exception"]) for one in found if one["status"] == "failed"}
    assert failed == {}


def test_it_works_in_pipelines_searches_and_validation():
    """Its score there is the one of the whole procedure."""
    x, y = make_classification(200, 6, random_state=0)
    x[::9, 2] = np.nan
    scores = cross_val_score(make_pipeline(SimpleImputer(), RegularizedClassifier(**SMALL)), x, y, cv=2, n_jobs=2)
    assert scores.min() > 0.7
    search = GridSearchCV(RegularizedClassifier(**SMALL), {"model": [(4,), (8,)]}, cv=2).fit(x, y)
    assert search.best_estimator_.variant_


def ship(rows, draw):
    """A table as of the passengers of a ship."""
    sex, rank, age = draw.choice(["female", "male"], rows), draw.choice([1, 2, 3], rows), draw.normal(30, 12, rows)
    logit = 1.8 * (sex == "female") - 0.8 * (rank - 2) - 0.02 * (age - 30) - 0.5
    lived = np.where(draw.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    age = np.where(draw.random(rows) < 0.2, np.nan, age)
    return pd.DataFrame({"sex": sex, "class": rank, "age": age, "port": draw.choice([*"SCQ"], rows)}), pd.Series(lived)


def cases():
    """Rows, target and the network's widths, by name."""
    x, y = ship(1500, np.random.default_rng(3))
    diabetes = load_diabetes()
    digits = load_digits()
    return {
        "table": (x, y, [16]),
        "regression": (pd.DataFrame(diabetes.data), pd.Series(diabetes.target), [16]),
        "images": (digits.images[..., None].astype("uint8"), digits.target, [32]),
    }


@pytest.mark.parametrize("name", ["table", "regression", "images"])
@pytest.mark.parametrize("on", ["train", "all"])
def test_what_was_promised_holds_on_rows_that_nothing_saw(name, on, tmp_path):
    """The score of held-out rows is within the interval that the study gives for new ones."""
    x, y, widths = cases()[name]
    x, new, y, truth = train_test_split(x, y, test_size=0.4, random_state=1)
    how = {"model": widths, "in_process": True, "progress": False}
    regfleet.compare(
        (x, y),
        techniques=["none", "l2(0.001)", "dropout(0.2)"],
        seeds=5,
        epochs=30,
        optimizer="adam",
        learning_rate=0.005,
        references="no",
        out=tmp_path / "study",
        **how,
    )
    model = regfleet.fit(tmp_path / "study", tmp_path / "model", data=(x, y), on=on, **how)
    expected = model.signature.expected
    low, high = expected.low, expected.high
    score = model.score(new, truth)
    # Networks together, on more rows, may be better than one; the held-out rows are a sample too.
    assert low - 0.02 <= score
    assert score <= high + 0.05
