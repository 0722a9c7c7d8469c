"""Tuned trials by both engines and in stacks; see tests/unit for what is chosen."""

import dataclasses
import json

import numpy as np
import pytest
from support.planning import planned

from regfleet.data import load_builtin, split_rows
from regfleet.running.trial import run_chunk
from regfleet.settings import read_study
from regfleet.training import runtime

IRIS = load_builtin("iris")
FIELDS = {
    "model": {"hidden": [8, 4], "activation": ["tanh"]},
    "training": {"epochs": 6, "optimizer": "adam", "batch_size": 16},
    "seeds": "3",
    "variant": [{"technique": "l2+dropout(0.3)+cosine"}],
    "tune": 4,
    "analysis": {"metric": "accuracy"},
}


def chunk(**fields):
    """The variant's trials."""
    return planned(read_study(FIELDS | fields).with_choice(), {"iris": IRIS}).groups[1]


def records(outcomes):
    """What each trial tried and chose, without times."""
    return [{k: v for k, v in json.loads(one.tuning).items() if k != "seconds"} for one in outcomes]


def test_both_engines_choose_alike():
    """The same settings with the same scores, whichever trains them."""
    fused, keras = (records(run_chunk(chunk(engine=engine), IRIS)) for engine in ("fused", "keras"))
    for one, other in zip(fused, keras, strict=True):
        assert one["chosen"] == other["chosen"]
        assert one["scores"] == pytest.approx(other["scores"])
        assert one["errors"] == pytest.approx(other["errors"], rel=1e-4)


def test_seeds_stacked_on_a_gpu_choose_as_alone(monkeypatch):
    """Each of its own settings; what they took adds up."""
    monkeypatch.setattr(runtime, "has_gpu", lambda: True)
    alone = records(run_chunk(dataclasses.replace(chunk(), stack=1), IRIS))
    outcomes = run_chunk(dataclasses.replace(chunk(), stack=2), IRIS)
    assert all(outcome.execution.stacked for outcome in outcomes)
    for record, other, outcome in zip(records(outcomes), alone, outcomes, strict=True):
        assert record["chosen"] == other["chosen"]
        assert record["settings"] == other["settings"]
        assert record["scores"] == pytest.approx(other["scores"])
        assert outcome.seconds >= sum(json.loads(outcome.tuning)["seconds"]) - 0.01


def test_a_data_set_with_poisoned_test_rows_gives_the_same_choices():
    """From the data on: garbage in the columns of the test rows of a seed, by Keras' own fit."""
    one = chunk(engine="keras", seeds="1")
    *_, test = split_rows(IRIS, one.split, 0)
    features = IRIS.features.copy()
    features[test] = np.random.default_rng(0).normal(size=features[test].shape) * 1e6
    clean, dirty = (records(run_chunk(one, data)) for data in (IRIS, dataclasses.replace(IRIS, features=features)))
    assert clean == dirty
