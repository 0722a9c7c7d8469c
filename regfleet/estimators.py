"""Comparison, choice and fit in one, as estimators of scikit-learn; imported where one is made."""

from __future__ import annotations

import math
import multiprocessing
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from regfleet import api, saving
from regfleet.data.values import is_frame
from regfleet.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from regfleet.analysis.summary import Summary
    from regfleet.saving import Answers

NUMBERS = ("int", "uint", "float", "double", "halffloat", "decimal", "bool", "complex", "sparse")
"""How the types of columns of numbers begin, of pandas, polars and Arrow."""


class _Regularized(BaseEstimator):  # type: ignore[misc]
    """What both kinds share.

    Args:
        model: widths of the hidden layers, or whatever `regfleet.compare` takes.
        techniques: what is compared with ``none``, as `regfleet.compare` takes it; one may stand alone.
        seeds: how many networks each technique trains in the comparison, and how many predict together afterwards.
        epochs, batch_size, optimizer, learning_rate: of every network.
        metric: what decides; None: accuracy, or R².
        workers: tasks at once on Ray; 1 trains in this process, as does whoever is a worker already.
    """

    _task = ""

    def __init__(  # noqa: PLR0913 - parameters of an estimator
        self,
        model: Any = (32,),
        techniques: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] = ("l2(0.001)", "dropout(0.2)"),
        *,
        seeds: int = 5,
        epochs: int = 50,
        batch_size: int = 32,
        optimizer: str = "adam",
        learning_rate: float | None = 0.01,
        metric: str | None = None,
        workers: int = 1,
    ) -> None:
        self.model = model
        self.techniques = techniques
        self.seeds = seeds
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.metric = metric
        self.workers = workers

    def _fit(self, X: Any, y: Any, classes: np.ndarray | None) -> None:  # noqa: N803
        """Compare on ``X`` and the class numbers or values ``y``, choose, and fit the choice on all rows."""
        import pandas as pd

        alone = self.workers == 1 or _is_worker()
        given = [self.techniques] if isinstance(self.techniques, str | Mapping) else self.techniques
        techniques = ["none", *(one for one in given if one != "none")]
        how: dict[str, Any] = {"model": self.model, "in_process": alone, "progress": False}
        how |= {"workers": None if alone else self.workers}
        settings: dict[str, Any] = {
            "seeds": self.seeds,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "metric": self.metric,
            "task": self._task,
            "references": "no",
        }
        name = "target"
        while name in [*getattr(X, "columns", ())]:
            name += "_"
        # By names, which are read back as the numbers of the classes.
        target = pd.Series(y if classes is None else [f"c{number}" for number in y], name=name)
        with tempfile.TemporaryDirectory(prefix="regfleet-") as folder:
            place, model = Path(folder, "study"), Path(folder, "model")
            try:
                results = api.compare((X, target), techniques=techniques, out=place, **how, **settings)
                self.summary_: Summary = results.summary()
                api.fit(place, model, on="all", seeds=self.seeds, data=(X, target), **how)
                loaded = saving.load(model)
            except InputError as problem:
                raise ValueError(str(problem)) from None
        self.predictor_ = loaded.predictor
        self.variant_ = loaded.signature.variant

    def _given(self, X: Any, *, reset: bool, y: Any = None) -> tuple[Any, Any]:  # noqa: N803
        """The rows as they are compared: a frame of any types as it is, numbers as an array that was checked."""
        mixed = is_frame(X) and not all(str(kind).lower().startswith(NUMBERS) for kind in _types(X))
        if mixed or (hasattr(X, "ndim") and X.ndim > 2):
            if reset:
                self.n_features_in_ = math.prod(X.shape[1:])
                if (names := _names(X)) is not None:
                    self.feature_names_in_ = names
            elif mixed and not self.predictor_.signature.input.named:  # columns in order, as they were numbers alone
                validate_data(self, X, reset=False, skip_check_array=True)
            return X, None if y is None else column_or_1d(y, warn=True)
        rules: dict[str, Any] = {"dtype": "numeric", "ensure_all_finite": "allow-nan"}
        if y is None:
            return validate_data(self, X, reset=reset, **rules), None
        rules |= {"y_numeric": self._task == "regression", "ensure_min_samples": 2}
        x, target = validate_data(self, X, y, reset=reset, **rules)
        return x, target

    def _answers(self, X: Any) -> Answers:  # noqa: N803
        check_is_fitted(self, "predictor_")
        given, _ = self._given(X, reset=False)
        try:
            return self.predictor_.of(given)
        except InputError as problem:
            raise ValueError(str(problem)) from None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


class RegularizedClassifier(ClassifierMixin, _Regularized):  # type: ignore[misc]
    """Compares techniques on the rows that it is given, keeps the best by the rule, and fits it on all of them.

    After `fit`: ``classes_``, ``variant_``, the technique that was kept, ``summary_``, what the comparison says,
    ``n_features_in_`` and, of a frame, ``feature_names_in_``.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any) -> RegularizedClassifier:  # noqa: N803
        """Compare, choose and fit; raises ValueError for rows that a study cannot have."""
        import numpy as np

        X, y = self._given(X, reset=True, y=_required(self, y))  # noqa: N806
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y: expected two classes or more; got one class")
        self._fit(X, numbers, self.classes_)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The probability of each of ``classes_``, (rows, classes)."""
        import numpy as np

        found = self._answers(X)
        made = np.zeros((found.each.shape[1], len(self.classes_)))
        made[:, [int(name[1:]) for name in found.signature.classes]] = found.mean
        return made

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each row, (rows,)."""
        made: np.ndarray = (
            self.classes_[self.predict_proba(X).argmax(axis=1)]
            if hasattr(self, "classes_")
            else (self._answers(X).predicted)
        )
        return made


class RegularizedRegressor(RegressorMixin, _Regularized):  # type: ignore[misc]
    """The same for values; its score is R²."""

    _task = "regression"

    def fit(self, X: Any, y: Any) -> RegularizedRegressor:  # noqa: N803
        """Compare, choose and fit; raises ValueError for rows that a study cannot have."""
        import numpy as np

        X, y = self._given(X, reset=True, y=_required(self, y))  # noqa: N806
        if np.asarray(y).ndim == 2:
            y = column_or_1d(y, warn=True)
        self._fit(X, np.asarray(y, "float64"), None)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The value of each row, (rows,)."""
        return self._answers(X).predicted


def _required(estimator: Any, y: Any) -> Any:
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
    return y


def _types(frame: Any) -> Sequence[Any]:
    return [*(frame.dtypes if hasattr(frame, "dtypes") else frame.schema.types)]


def _names(frame: Any) -> Any:
    import numpy as np

    names = [*getattr(frame, "column_names", getattr(frame, "columns", ()))]
    return np.array(names, object) if names and all(isinstance(name, str) for name in names) else None


def _is_worker() -> bool:
    """Whether this is a worker of somebody's, a process or a thread, which cannot have a Ray of its own."""
    main = threading.current_thread() is threading.main_thread()
    ray = sys.modules.get("ray")
    return not main or multiprocessing.parent_process() is not None or bool(ray and ray.is_initialized())
