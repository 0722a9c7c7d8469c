"""The range test: what short fits reach at other learning rates is what `model.fit` reaches, at little cost."""

import json
import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from regfleet import training
from regfleet.settings import Training
from regfleet.training import rates
from regfleet.trials import Execution, Fit


def test_short_fits_reach_what_keras_reaches_at_their_rate(small, iris):
    """SGD at 1e-4: the error after the same epochs is that of `model.fit` at .01, from the same weights."""
    slow = replace(small, training=Training(epochs=8, batch_size=25, learning_rate=1e-4))
    fit = training.fit(slow, iris, 1, "fused", "slow")
    found = json.loads(training.rate_test(slow, iris, 1, "slow", fit, 1e-4))
    assert (found["rate"], found["updates"], found["of"]) == (1e-4, 32, 32)
    assert {"0.001", "0.01"} <= set(found["errors"])
    other = replace(small, training=Training(epochs=8, batch_size=25, learning_rate=0.01))
    expected = training.fit(other, iris, 1, "keras", "keras").history["train_cross_entropy"][-1]
    assert found["errors"]["0.01"] == pytest.approx(expected, rel=1e-4)
    again = training.fit(slow, iris, 1, "fused", "slow")
    np.testing.assert_array_equal(again.history["loss"], fit.history["loss"])  # it leaves no trace


def ended(end, execution="graph", diverged_at=None):
    """A fit that ended with this training error."""
    course = {"train_cross_entropy": np.array([1.1, end], "float32")}
    return Fit(course, {}, {}, 1, diverged_at, Execution(execution))


@pytest.mark.parametrize(
    ("end", "errors", "tried"),
    [
        (0.05, {}, []),  # a tenth of ln 3 is .11: nothing can be gained
        (1.0, {0.1: 0.2, 1.0: 0.4}, [0.1, 1.0]),  # a higher rate is far better, a lower one is not asked
        (1.0, {0.1: math.inf, 0.001: 0.3}, [0.1, 0.001]),
        (1.0, {0.1: 1.05, 1.0: 1.0, 0.001: 1.0, 0.0001: 1.0}, [0.1, 1.0, 0.001, 0.0001]),
        (0.15, {0.1: 0.3}, [0.1]),  # with so little left a lower rate cannot be far better
    ],
)
def test_no_step_is_spent_where_nothing_can_be_gained(small, iris, monkeypatch, end, errors, tried):
    """Ten times more, a hundred where ten did no worse, and as far down where neither helped."""
    asked = []
    monkeypatch.setattr(rates, "short_fit", lambda *given: asked.append(given[-2]) or errors[round(given[-2], 9)])
    found = json.loads(training.rate_test(small, iris, 1, "ended", ended(end), 0.01))
    assert asked == pytest.approx(tried)
    assert len(found["errors"]) == len(tried)


def test_a_loss_that_is_no_number_asks_for_smaller_steps_alone(small, iris, monkeypatch):
    """Null stands for no number; what `model.fit` trained, or cannot be traced, has no test."""
    monkeypatch.setattr(rates, "short_fit", lambda *_: math.inf)
    wild = ended(math.nan, diverged_at=2)
    found = json.loads(training.rate_test(small, iris, 1, "wild", wild, 30.0))
    assert (found["end"], found["errors"]) == (None, {"3": None, "0.3": None})
    monkeypatch.setattr(rates, "short_fit", lambda *_: None)
    assert training.rate_test(small, iris, 1, "keras", ended(1.0, "keras"), 0.01) == ""
    assert training.rate_test(small, iris, 1, "own", ended(1.0), 0.01) == ""


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"])
def test_the_rate_that_is_not_said_is_that_of_keras(name):
    """For each optimizer that a study may name."""
    default = float(keras.optimizers.get(name).learning_rate)
    assert Training(optimizer=name).rate == pytest.approx(default)
    assert Training(optimizer=name, learning_rate=0.5).rate == 0.5
