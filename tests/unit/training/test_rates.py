"""The range test: what short fits reach at other learning rates is what `model.fit` reaches, at little cost."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from regfleet import training
from regfleet.settings import Training
from regfleet.training import rates


def test_a_rate_that_is_far_too_low_is_told_by_what_keras_reaches_at_ten_and_a_hundred_times(small, iris):
    """SGD at 1e-4: the errors after the same epochs are those of `model.fit` at .001 and .01, from the same weights."""
    slow = replace(small, training=Training(epochs=8, batch_size=25, learning_rate=1e-4))
    fit = training.fit(slow, iris, 1, "fused", "slow")
    found = json.loads(training.rate_test(slow, iris, 1, "slow", fit, 1e-4))
    assert (found["rate"], found["updates"], found["of"]) == (1e-4, 32, 32)
    assert {"0.001", "0.01"} <= set(found["errors"])
    for rate in (0.001, 0.01):
        other = replace(small, training=Training(epochs=8, batch_size=25, learning_rate=rate))
        expected = training.fit(other, iris, 1, "keras", "keras").history["train_cross_entropy"][-1]
        assert found["errors"][f"{rate:g}"] == pytest.approx(expected, rel=1e-4)
    again = training.fit(slow, iris, 1, "fused", "slow")
    np.testing.assert_array_equal(again.history["loss"], fit.history["loss"])  # it leaves no trace


def test_a_loss_that_is_no_number_asks_for_smaller_steps_alone(small, iris):
    """At 1e6 nothing is left; only lower rates are tried, and null stands for no number."""
    wild = replace(small, training=Training(epochs=4, batch_size=25, learning_rate=1e30))
    fit = training.fit(wild, iris, 1, "fused", "wild")
    assert fit.diverged_at
    found = json.loads(training.rate_test(wild, iris, 1, "wild", fit, 1e30))
    assert found["end"] is None
    assert list(found["errors"].values()) == [None, None]


def test_no_step_is_spent_where_nothing_can_be_gained_or_keras_trained(small, iris, monkeypatch):
    """A fit whose error is below a tenth of ln 3 tries nothing, and one of `model.fit` has no test."""
    quick = replace(small, training=Training(epochs=60, batch_size=10, optimizer="adam", learning_rate=0.02))
    fit = training.fit(quick, iris, 1, "fused", "quick")
    monkeypatch.setattr(rates, "short_fit", lambda *_: pytest.fail("a step was spent"))
    assert fit.history["train_cross_entropy"][-1] < 0.1
    assert json.loads(training.rate_test(quick, iris, 1, "quick", fit, 0.02))["errors"] == {}
    few = replace(small, training=Training(epochs=2, batch_size=25))
    slow = training.fit(few, iris, 1, "keras", "keras")
    assert training.rate_test(few, iris, 1, "keras", slow, 0.01) == ""


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"])
def test_the_rate_that_is_not_said_is_that_of_keras(name):
    """For each optimizer that a study may name."""
    default = float(keras.optimizers.get(name).learning_rate)
    assert Training(optimizer=name).rate == pytest.approx(default)
    assert Training(optimizer=name, learning_rate=0.5).rate == 0.5
