"""Techniques together train in both engines alike; see tests/slow for each alone and each pair."""

import numpy as np
import pytest

from regfleet import training
from regfleet.errors import InputError
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques import TECHNIQUES, parse_techniques, recipe
from regfleet.techniques.recipe import Facts

NETWORK = ModelSpec((6, 6), ("tanh", "relu"))
SETTINGS = Training(epochs=2, batch_size=25)
FACTS = Facts("classification", (4,), whole=False, outputs=3, rows=90, training=SETTINGS, model=NETWORK)


def combinations(most=7):
    """Texts that have every technique that fits a table once, as many in each as go together; of dropouts one shape."""
    texts = []
    for name, definition in TECHNIQUES.items():
        unfit = definition.unfit(FACTS, tuple(parameter.default for parameter in definition.parameters))
        if unfit or (name.startswith("dropout_") and name != "dropout_funnel"):
            continue
        alone = "+".join(filter(None, (name, definition.needs)))
        for place, text in enumerate(texts):
            if name in text.split("+"):
                break
            try:
                parse_techniques(f"{text}+{name}", NETWORK)
            except InputError:
                continue
            if text.count("+") < most - 1:
                texts[place] += f"+{name}"
                break
        else:
            texts.append(alone)
    return texts


def fitted(text, engine, sets, seed=1):
    """The fit of one combination."""
    (combination,) = parse_techniques(text, NETWORK).combinations
    return training.fit(recipe(NETWORK, SETTINGS, combination), sets, seed, engine, text)


@pytest.mark.parametrize("text", combinations())
def test_both_engines_train_it_alike(text, iris):
    """Histories, predictions, losses and weights to 1e-5 relative."""
    fused, reference = (fitted(text, engine, iris) for engine in ("fused", "keras"))
    assert not fused.execution.untraceable
    for column in fused.history:
        tolerance = {"rtol": 0, "atol": 1e-6} if column.endswith("accuracy") else {"rtol": 1e-5, "atol": 1e-6}
        np.testing.assert_allclose(fused.history[column], reference.history[column], err_msg=column, **tolerance)
    for weight, other in zip(fused.weights, reference.weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=2e-5)
    for when in ("last", "best"):
        assert fused.losses.get(when, {}) == pytest.approx(reference.losses.get(when, {}), rel=1e-5)
        found, expected = (fit.predictions[when]["test"] for fit in (fused, reference))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
