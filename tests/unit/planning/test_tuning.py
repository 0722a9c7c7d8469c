"""The settings that tuning tries: as many for every variant, spread evenly, the typed one first; what is refused."""

from typing import get_args

import keras
import numpy as np
import pytest

from regfleet.errors import InputError
from regfleet.planning.plan import planned_keys
from regfleet.planning.resolved import resolve
from regfleet.planning.variants import problems, resolve_variants
from regfleet.results import DataFacts
from regfleet.settings import Training, read_study
from regfleet.settings.training import Optimizer
from regfleet.techniques import TECHNIQUES

FACTS = {"iris": DataFacts(sha256="fingerprint", rows=4, training_rows=2, test_rows=1)}


def variants(*texts, tune=8, **fields):
    """The variants of a study that tunes, by name."""
    study = read_study({"variant": [{"technique": text} for text in texts], "tune": tune} | fields)
    return {one.name: one for one in resolve_variants(study)}


def values(variant):
    """What a variant tries: (settings, dimensions)."""
    tuning = variant.tuning
    return np.array([[one.of(candidate) for one in tuning.dimensions] for candidate in tuning.candidates])


@pytest.mark.parametrize("tune", [2, 3, 8, 9, 40])
def test_every_variant_tries_as_many_settings_spread_over_its_ranges(tune):
    """The typed one first, and one in each of as many strata of each dimension; learning rates alike for all."""
    found = variants("l2", "l2(0.01)+dropout(0.3)", "batchnorm", "l1l2", tune=tune)
    rates = values(found["none"])[:, 0]
    assert len(set(rates)) == tune
    assert rates[0] == 0.01  # Keras' SGD
    assert 0.001 < min(rates) < max(rates) < 0.1
    for one in found.values():
        tried = values(one)
        assert tried[:, 0].tolist() == rates.tolist()
        for dimension, column in zip(one.tuning.dimensions, tried.T, strict=True):
            low, high, at = (dimension.low, dimension.high, column)
            if not dimension.name.endswith("rate") or dimension.place is None:
                low, high, at = np.log([low, high, *at])[0], np.log(high), np.log(at)
            strata = np.floor(tune * (at - low) / (high - low) + 1e-6).astype(int)
            assert sorted(strata) == [*range(tune)]
    assert values(found["l2(0.01)@all+dropout(0.3)@all"])[0].tolist() == [0.01, 0.01, 0.3]
    assert [one.label for one in found.values()] == [
        "No regularization",
        "L2, all layers (tuned)",
        "L2, all layers (tuned) + Dropout, all layers (tuned)",
        "Batch norm, all layers",
        "Elastic net, all layers (tuned)",
    ]


def test_strengths_do_not_follow_each_other():
    """In ten dimensions no two are ordered alike or contrariwise."""
    (one,) = (
        one
        for one in variants("dropout(0.1,0.1,0.1,0.1,0.1)+l1l2+noise+weightdecay+mixup", tune=16).values()
        if one.control
    )
    tried = values(one)
    assert tried.shape == (16, 11)
    assert np.abs(np.corrcoef(np.argsort(np.argsort(tried, axis=0), axis=0).T) - np.eye(11)).max() < 0.6


def test_what_is_typed_moves_an_end_of_the_range():
    """At an end or beyond it, to ten times further, or half a range, never past what there is; off stays off."""

    def reach(text):
        (one,) = (one for one in variants(text).values() if one.control)
        return [(each.low, each.high) for each in one.tuning.dimensions[1:]]

    assert reach("l2") == [(1e-6, 0.1)]
    assert reach("l2(0.1)") == [(1e-6, 1.0)]
    assert reach("l2(1e-8)") == [(1e-9, 0.1)]
    assert reach("dropout(0.8)") == [(0.05, 0.9)]  # half the way to 1, which is none
    assert reach("cutmix(1)") == [(0.1, 1)]
    assert reach("l1l2(0.001,0)") == [(1e-6, 0.1)]
    assert reach("ema(0.9999)") == [(0.8, 0.99999)]
    assert reach("batchnorm") == []


def test_every_strength_of_the_catalogue_can_be_tuned():
    """Its default lies in its range, and whatever is tried is a value that may be typed; whole numbers stay whole."""
    tuned = set()
    for name, definition in TECHNIQUES.items():
        text = "+".join(filter(None, (definition.needs, name)))
        (one,) = (one for one in variants(text, tune=20, training={"epochs": 200}).values() if one.control)
        for dimension in one.tuning.dimensions[1:]:
            technique, place = dimension.place
            parameter = definition.parameters[place]
            assert one.techniques[technique].name == name
            assert dimension.low < parameter.default < dimension.high
            assert all(parameter.accepts(dimension.of(each)) for each in one.tuning.candidates)
            tuned.add(name)
    assert tuned >= {"l1", "l2", "dropout", "mixup", "labelsmoothing", "weightdecay", "earlystopping", "sam", "maxnorm"}


def test_the_learning_rates_are_those_of_keras():
    """Around which every variant is tuned where none is given."""
    rates = {name: Training(optimizer=name).rate for name in get_args(Optimizer) if name != "model"}
    assert {name: float(keras.optimizers.get(name).learning_rate.numpy()) for name in rates} == pytest.approx(rates)


def test_one_setting_is_no_tuning_and_keys_know_of_it():
    """Keys without tuning are what they were; with it they hold the settings and what chooses, and no metric after."""

    def keys(**fields):
        study = read_study(
            {"variant": [{"technique": "l2"}], "seeds": "1", "analysis": {"metric": "accuracy"}} | fields
        )
        return planned_keys(resolve(study.with_choice(), FACTS))

    plain = keys()
    assert keys(tune=1) == plain
    four, eight = keys(tune=4), keys(tune=8)
    assert not plain & four
    assert not four & eight
    assert keys(tune=4, analysis={"metric": "auc"}) & four == set()
    assert keys(tune=4, analysis={"metric": "auc"}, tuned_by="last_val_accuracy") == four


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"variant": [{"technique": "l2(0.1|0.2)"}]},
            "--technique l2(0.1|0.2): expected one value, as --tune finds the best",
        ),
        (
            {"split": "article"},
            "--tune: expected a split with validation rows of its own to choose by; got --split article",
        ),
        ({"variant": [{"technique": "l2(0.1)"}, {"technique": "l2(0.2)"}]}, "got l2(0.1)@all and l2(0.2)@all"),
        (
            {"model": {"source": "net:build"}, "training": {"optimizer": "model"}},
            "--tune: expected --learning-rate, around which",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused(fields, said):
    """In one line, before anything is read; without --tune it is as before."""
    study = {"variant": [{"technique": "l2"}], "tune": 4} | fields
    assert any(said in line for _, line in problems(read_study(study), sources=False))
    assert not [line for _, line in problems(read_study(study | {"tune": 1}), sources=False)]


@pytest.mark.parametrize("bad", [0, -3, 1001, 2.5, "many", True])
def test_a_bad_number_of_settings_is_named(bad):
    """By its field, with what was given."""
    with pytest.raises(InputError, match="tune"):
        read_study({"tune": bad})
