"""How long a study takes is told with what it takes beside its trials, at the pace of the machine."""

import os

import numpy as np
import pytest
from support.planning import planned

from regfleet.data import cut, from_arrays, parse_split
from regfleet.running import pace, preview
from regfleet.running.prepare import prepare
from regfleet.running.worth import workers_for, worth
from regfleet.settings import read_study

FIELDS = {"data": "own", "seeds": 5, "model": {"hidden": [8]}, "training": {"epochs": 10, "batch_size": 20}}
DATA = from_arrays("own", np.random.default_rng(0).normal(size=(102, 4)), np.arange(102) % 2)


def test_start_traces_and_report_are_counted():
    """102 rows in five folds are test sets of 20 and 21: two shapes of two variants, one of them traced twice."""
    study = read_study(FIELDS | {"variant": [{"technique": "batchnorm"}]})
    groups = planned(study, {"own": DATA}).groups
    seeds = [cut(DATA, parse_split("balanced"), seed) for seed in range(5)]
    shapes = {(len(sets.train.x), len(sets.validation.x)) for sets in seeds}
    assert len(shapes) == 2
    chunks = {("own", group.variant.name): 3 for group in groups}
    traces = (2 + 1) / 2 * 2 * (pace.TRACE + pace.TRACE + pace.TRACE_OF["batchnorm"])
    took = pace.overhead(groups, chunks, {"own": DATA}, 2)
    assert took == pytest.approx(pace.START + pace.END + traces / 2)
    assert pace.overhead([], {}, {"own": DATA}, 2) == pace.END


def test_each_strength_that_tuning_tries_is_traced():
    """Four settings of l2 are four strengths, four of the control learning rates alone, which share a trace."""
    fields = FIELDS | {"data": "own", "split": "60/20/20", "variant": [{"technique": "l2"}], "references": "no"}
    control, l2 = planned(read_study(fields | {"tune": 4}), {"own": DATA}).groups
    assert (pace.trace_seconds(control), pace.trace_seconds(l2)) == (pace.TRACE, 4 * pace.TRACE)
    chunks = {("own", group.variant.name): 1 for group in (control, l2)}
    took = pace.overhead([control, l2], chunks, {"own": DATA}, 1)
    assert took == pytest.approx(pace.START + pace.END + 5 * pace.TRACE)


def test_no_more_workers_than_the_work_is_worth(monkeypatch, tmp_path):
    """A hundred trials of a second are worth 13 workers of 1.5 s, 4 of 5 s; a few small ones those of any machine.

    Where workers share processors, they take 2.5 s: eight.
    """
    assert [worth(seconds) for seconds in (0.0, 20.0, 100.0, 15_000.0)] == [3, 3, 13, 2_000]
    assert [worth(seconds, 5.0) for seconds in (0.0, 59.0, 100.0, 15_000.0)] == [3, 3, 4, 600]
    ready = prepare(read_study({"variant": [{"technique": "l2"}], "seeds": 5, "references": "no"}))
    groups = ready.plan().groups
    monkeypatch.setattr("regfleet.running.worth.DRIVER", tmp_path / "none")
    seconds = {("iris", group.variant.name): 10.0 for group in groups}
    assert workers_for(ready, 16, {}, groups) == 3
    # Ten trials of 10 s, and two traces.
    for processors, workers in ((16, 13), (13, 13), (10, 10), (8, 8), (2, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, processors=processors: set(range(processors)))
        assert workers_for(ready, 16, seconds, groups) == workers
    assert workers_for(ready, 16, seconds, groups, "head:6379") == 4  # whose workers import for themselves
    assert workers_for(ready, 4, seconds, groups) == 4
    assert workers_for(ready, 2, seconds, ()) == 2
    monkeypatch.setattr("regfleet.running.worth.DRIVER", tmp_path)  # beside a GPU too
    assert workers_for(ready, 16, seconds, groups) == 4


def test_a_trial_takes_as_long_as_its_epochs_updates_and_operations():
    """By hand for 8 hidden units: 4·8 + 8 + 8·2 + 2 = 58 weights; 62 rows train in 4 updates, 20 validate."""
    study = read_study(FIELDS | {"variant": [{"technique": "batchnorm"}]})
    control, batchnorm = planned(study, {"own": DATA}).groups
    sets = cut(DATA, parse_split("balanced"), 0)
    train, validation = len(sets.train.x), len(sets.validation.x)
    updates = -(-train // 20)
    alone = updates * (150e-6 + 58 * 2e-9) + 2 * 58 * (4 * train + validation) / 110e9
    assert pace.fit_seconds(control, sets, 58) == pytest.approx(0.015 + 10 * (0.0005 + alone), rel=1e-3)
    assert pace.fit_seconds(batchnorm, sets, 58) == pytest.approx(0.015 + 10 * (0.0005 + 1.7 * alone), rel=1e-3)


def test_a_slow_machine_takes_longer(monkeypatch):
    """Half the speed is twice the time, of trials and of all beside them."""
    study = read_study(FIELDS | {"data": "wine", "variant": [{"technique": "l2"}]})
    found = []
    for speed in (1.0, 2.0):
        monkeypatch.setattr(preview, "speed", lambda _, speed=speed: speed)
        found.append(preview.preview(study, "nowhere"))
    assert found[1].seconds == pytest.approx(2 * found[0].seconds)
    assert found[1].overhead == pytest.approx(2 * found[0].overhead)
    monkeypatch.undo()
    assert 0.05 < pace.speed(2) < 100
