"""Plain Keras code of every technique, run without regfleet."""

import pytest
from support.keras_code import assert_same_weights, both, trained_here
from support.training import diabetes, iris, uneven, worker_runtime

from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, Facts, parse_techniques

__all__ = ["diabetes", "iris", "uneven", "worker_runtime"]
NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=3, batch_size=25, optimizer="adam")


def needed(name):
    """The technique with what it needs."""
    return "+".join(filter(None, (name, TECHNIQUES[name].needs)))


def refuse_unfit(text, sets, settings):
    """Skips what says that it cannot act on such rows."""
    facts = Facts(sets.task, sets.train.x.shape[1:], False, sets.train.y.shape[1], len(sets.train.x), settings, NETWORK)
    for technique in parse_techniques(text, NETWORK).combinations[0]:
        if why := TECHNIQUES[technique.name].unfit(facts, technique.values):
            pytest.skip(why)


@pytest.mark.parametrize("name", TECHNIQUES)
@pytest.mark.parametrize("case", ["iris", "uneven", "diabetes"])
def test_weights_after_three_epochs_are_those_of_a_trial(name, case, request, monkeypatch):
    """From the start of the seed, over the same rows in the same order; with weights of classes, and a regression."""
    sets = request.getfixturevalue(case)
    settings = SETTINGS.model_copy(update={"class_weight": "balanced"} if case == "uneven" else {})
    refuse_unfit(needed(name), sets, settings)
    code, weights, made = both(needed(name), NETWORK, sets, monkeypatch, settings)
    assert "regfleet" not in code
    assert_same_weights(weights, trained_here(made, sets))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "nadam", "adamax"])
def test_every_optimizer(optimizer, iris, monkeypatch):
    """At its own learning rate and with weight decay, beside early stopping that never ends it."""
    settings = SETTINGS.model_copy(update={"optimizer": optimizer, "early_stopping": 2})
    _, weights, made = both("weightdecay", NETWORK, iris, monkeypatch, settings)
    assert_same_weights(weights, trained_here(made, iris))


@pytest.mark.parametrize(
    "pair", [(a, b) for a in TECHNIQUES for b in ("dropout", "batchnorm", "mixup", "sam")], ids="+".join
)
def test_beside_others(pair, iris, monkeypatch):
    """Combined with one that puts in layers, changes rows or finds gradients."""
    wanted = dict.fromkeys([*pair, *(TECHNIQUES[name].needs for name in pair)])
    text = "+".join(filter(None, wanted))
    try:
        refuse_unfit(text, iris, SETTINGS)
    except InputError as problem:
        pytest.skip(str(problem))
    _, weights, made = both(text, NETWORK, iris, monkeypatch, SETTINGS)
    assert_same_weights(weights, trained_here(made, iris))
