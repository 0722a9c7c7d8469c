"""Reference rows: learners of scikit-learn on the encoded rows of a seed, as an engine gives a fit.

They train on the training rows alone, as the networks do; validation rows choose nothing. Images and arrays are
flattened. One thread adds up in one order, so that the same rows give the same bits on any machine of a kind.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from regfleet.training.scoring import class_scores, number_scores
from regfleet.trials import Execution, Fit, history_columns

if TYPE_CHECKING:
    from regfleet.data.dataset import Rows, Sets
    from regfleet.settings.values import Reference

STEPS = 1000
"""Of the solver of a logistic regression at most; a hundred are usual."""


def fit_reference(kind: Reference, sets: Sets, seed: int, class_weight: str | None = None) -> Fit:
    """Fit a reference on the rows of a seed.

    Args:
        kind: ``constant``: the shares of the classes in the training rows, or their mean; ``linear``: logistic
            regression or ridge regression (C or alpha 1) on standardized inputs; ``trees``: scikit-learn's
            HistGradientBoosting, 100 rounds without early stopping.
        sets: the rows of this seed.
        seed: decides which rows the trees bin their inputs by, where there are more than 200,000.
        class_weight: ``balanced`` weighs the classes of the linear model and of the trees alike.

    Returns:
        one epoch, of which the last and the best weights are the same.
    """
    from threadpoolctl import threadpool_limits

    parts = {"train": sets.train, "val": sets.validation, "test": sets.test}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that did not converge is what it is
        predicted = _predicted(kind, sets, list(parts.values()), seed, class_weight)
    said = dict(zip(parts, predicted, strict=True))
    return Fit(
        history=_history(sets, said, {name: part.y for name, part in parts.items()}),
        predictions={"last": said, "best": said},
        penalty={"last": 0.0, "best": 0.0},
        best_epoch=1,
        diverged_at=None,
        execution=Execution("scikit-learn"),
    )


def _predicted(kind: Reference, sets: Sets, parts: list[Rows], seed: int, class_weight: str | None) -> list[np.ndarray]:
    """Float32 (rows, classes) of probabilities, or (rows, 1) on the scale of `Rows.y`, for each of ``parts``."""
    y = sets.train.y
    is_class = sets.task == "classification"
    target = y.argmax(axis=1) if is_class else y[:, 0].astype("float64")
    there = np.unique(target)
    # Of one class alone there is nothing else to learn, and of one value.
    if kind == "constant" or len(there) < 2:
        same = y.mean(axis=0, dtype="float64").astype("float32")
        return [np.broadcast_to(same, (len(part.y), len(same))).copy() for part in parts]
    learner = _learner(kind, seed, class_weight, is_class=is_class)
    learner.fit(_flat(sets.train), target)
    found = []
    for part in parts:
        if is_class:
            said = np.zeros((len(part.y), y.shape[1]), "float32")  # nothing for a class that did not train
            said[:, there] = learner.predict_proba(_flat(part))
        else:
            said = learner.predict(_flat(part)).astype("float32")[:, None]
        found.append(said)
    return found


def _flat(rows: Rows) -> np.ndarray:
    flat: np.ndarray = rows.x.reshape(len(rows.x), -1).astype("float64")
    return flat


def _learner(kind: Reference, seed: int, class_weight: str | None, *, is_class: bool) -> Any:
    if kind == "linear":
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        linear = LogisticRegression(max_iter=STEPS, class_weight=class_weight) if is_class else Ridge()
        return make_pipeline(StandardScaler(), linear)
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if is_class:
        return HistGradientBoostingClassifier(early_stopping=False, class_weight=class_weight, random_state=seed)
    return HistGradientBoostingRegressor(early_stopping=False, random_state=seed)


def _history(sets: Sets, said: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One epoch; what Keras would average over batches is what the training rows give."""
    found: dict[str, float] = {}
    for name in ("train", "val"):
        if sets.task == "classification":
            scores = class_scores(said[name], truth[name])
            scores["loss"] = scores["cross_entropy"]
        else:
            scores = number_scores(said[name][:, 0], truth[name][:, 0])
            scores["loss"] = scores["mse"]
        found |= {f"{name}_{metric}": value for metric, value in scores.items()}
    columns = {name: found[name if name in found else f"train_{name}"] for name in history_columns(sets.task)}
    return {name: np.array([value], "float32") for name, value in columns.items()}
