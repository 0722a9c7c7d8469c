"""The networks by regfleet's fast engine, in the process of a worker, one thread."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import numpy as np
from cases import serve
from keras_fit import network

from regfleet import techniques, training
from regfleet.data.dataset import Rows as Part
from regfleet.data.dataset import Sets
from regfleet.settings import Training
from regfleet.settings.values import ModelSpec
from regfleet.techniques.recipe import Recipe
from regfleet.training import runtime

if TYPE_CHECKING:
    from cases import Case, Rows


def fit(case: Case, rows: Rows, seed: int, epochs: int) -> np.ndarray:
    """Train from ``seed``."""
    train, validation = Part(*rows[:2]), Part(*rows[2:])
    settings = Training(epochs=epochs, batch_size=case.batch, optimizer="adam" if case.adam else "sgd")
    if case.kind == "dense":
        model = ModelSpec(case.hidden, case.activations)
        parsed = techniques.parse_techniques(case.technique, model).combinations[0] if case.technique != "none" else ()
        recipe = techniques.recipe(model, settings, parsed)
    else:
        recipe = Recipe(ModelSpec((), (), f"peers:{case.kind}"), settings, base=partial(network, case))
    found = training.fit(recipe, Sets(train, validation, validation), seed, "fused", case.name)
    return np.stack([*found.history.values()], axis=1)


if __name__ == "__main__":
    runtime.prepare(gpu=False)
    runtime.warm_up(gpu=False)
    serve(fit)
