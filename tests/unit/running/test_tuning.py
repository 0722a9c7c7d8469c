"""Tuned trials: the settings of a seed are trained alike, its validation rows choose, and its test rows cannot."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, log_loss
from support.planning import planned

from regfleet import techniques, training
from regfleet.data import cut, load_builtin
from regfleet.running.choosing import Choice, recipes_of
from regfleet.running.trial import run_chunk
from regfleet.settings import read_study

IRIS = load_builtin("iris")
FIELDS = {
    "model": {"hidden": [8], "activation": ["tanh"]},
    "training": {"epochs": 3, "optimizer": "adam", "batch_size": 16},
    "seeds": "1",
    "variant": [{"technique": "l2"}],
    "tune": 3,
    "analysis": {"metric": "balanced_accuracy", "at": "best"},
}


def chunks(data=IRIS, **fields):
    """The control's trials, and those of the variant."""
    return planned(read_study(FIELDS | fields).with_choice(), {"iris": data}).groups


def choices(outcomes):
    """What each trial tried and chose, without times."""
    records = [json.loads(outcome.tuning) for outcome in outcomes]
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def test_the_setting_with_the_best_validation_score_is_the_result():
    """As fits of each setting alone and scikit-learn's scores say; its fit is that fit, bit for bit."""
    (_, chunk) = chunks()
    (outcome,) = run_chunk(chunk, IRIS)
    sets, fits = cut(IRIS, chunk.split, 0), []
    for one in chunk.variant.tuning.candidates:
        settings = chunk.variant.training.model_copy(update={"learning_rate": one.learning_rate})
        recipe = techniques.recipe(chunk.model, settings, one.techniques)
        fits.append(training.fit(recipe, sets, 0, "fused", f"alone {one}"))
    truth = sets.validation.y.argmax(axis=1)
    said = [fit.predictions["best"]["val"] for fit in fits]
    scores = [balanced_accuracy_score(truth, each.argmax(axis=1)) for each in said]
    errors = [log_loss(truth, each, labels=[0, 1, 2]) for each in said]
    (record,) = choices([outcome])
    assert record["scores"] == pytest.approx(scores)
    assert record["errors"] == pytest.approx(errors, rel=1e-5)
    best = min(range(len(fits)), key=lambda place: (-scores[place], errors[place]))
    assert record["chosen"] == best
    for name, column in fits[best].history.items():
        np.testing.assert_array_equal(outcome.history[name], column)
    accuracy = (fits[best].predictions["best"]["test"].argmax(axis=1) == sets.test.y.argmax(axis=1)).mean()
    assert outcome.metrics["best_test_accuracy"] == accuracy


def test_poisoned_test_rows_change_no_choice():
    """Neither their columns nor their classes: scores, choices and histories of every setting stay as they were."""
    for chunk in chunks():
        sets = cut(IRIS, chunk.split, 0)
        draw = np.random.default_rng(0)
        garbage = dataclasses.replace(sets.test, x=np.full_like(sets.test.x, np.nan), y=draw.permutation(sets.test.y))

        def chosen(sets, chunk=chunk):
            choice = Choice(sets, chunk.variant.tuning)
            for recipe, name in recipes_of(chunk, None):
                choice.offer(training.fit(recipe, sets, 0, "fused", name), 0.0)
            return choice

        clean, dirty = chosen(sets), chosen(dataclasses.replace(sets, test=garbage))
        assert clean.record() == dirty.record()
        assert np.isnan(dirty.fit().predictions["best"]["test"]).all()
        for name, column in clean.fit().history.items():
            np.testing.assert_array_equal(dirty.fit().history[name], column)


def test_a_setting_that_diverges_is_never_chosen_unless_all_do():
    """A learning rate that is far too high loses to one that trains; where none does, the typed one is reported."""
    wild = {"training": FIELDS["training"] | {"optimizer": "sgd", "learning_rate": 1e7}}
    numbers = {"analysis": {"metric": "r2"}, "model": {"hidden": [8], "activation": ["linear"]}}
    draw = np.random.default_rng(0)
    data = dataclasses.replace(IRIS, target=IRIS.features @ draw.normal(size=4), classes=())
    (lost,) = run_chunk(chunks(data, **wild, **numbers)[0], data)
    assert lost.status == "diverged"
    (record,) = choices([lost])
    assert (record["chosen"], record["scores"]) == (0, [None] * 3)
    wild["training"]["learning_rate"] = 0.9
    (found,) = run_chunk(chunks(data, **wild, **numbers)[0], data)
    (record,) = choices([found])
    assert found.status == "done"
    assert None in record["scores"]
    assert record["chosen"] == int(np.nanargmax(np.array(record["scores"], float)))
