"""A fitted model as scikit-learn's estimators are, to predict with; imported where one is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from regfleet.saving.loading import load
from regfleet.saving.rows import class_numbers

if TYPE_CHECKING:
    import numpy as np

    from regfleet.saving.loading import Loaded
    from regfleet.saving.predicting import Predictor
    from regfleet.saving.signature import Signature


def of_folder(folder: str | Path) -> FittedClassifier | FittedRegressor:
    """The estimator of a fitted model; raises InputError or ResultsError where the folder holds none."""
    loaded = load(folder)
    made = (FittedClassifier if loaded.signature.classes else FittedRegressor)(str(folder))
    made._loaded = loaded  # noqa: SLF001 - it was just read
    return made


class _Fitted(BaseEstimator):  # type: ignore[misc]
    """What both kinds share; it was fitted when it was saved, and `fit` changes nothing."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def fit(self, X: Any = None, y: Any = None) -> _Fitted:  # noqa: ARG002, N803 - as scikit-learn calls them
        """The estimator itself, as it is."""
        self.predictor  # noqa: B018 - says what is wrong with the folder
        return self

    def disagreement(self, X: Any) -> np.ndarray:  # noqa: N803
        """How far the networks are from agreeing, (rows,), as `Answers.disagreement` says."""
        return self.predictor.of(X).disagreement

    @property
    def predictor(self) -> Predictor:
        """What predicts."""
        return self._read.predictor

    @property
    def signature(self) -> Signature:
        """What it takes and gives, and where it comes from."""
        return self._read.signature

    @property
    def n_features_in_(self) -> int:
        """Columns of a table, or numbers of a row."""
        return self.signature.input.width

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of a table's columns, (columns,); no attribute where they had none."""
        return names_of(self.signature)

    @property
    def _read(self) -> Loaded:
        if getattr(self, "_loaded", None) is None:
            self._loaded = load(self.folder)
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.folder = state["folder"]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


class FittedClassifier(ClassifierMixin, _Fitted):  # type: ignore[misc]
    """A fitted model of classes."""

    @property
    def classes_(self) -> np.ndarray:
        """The classes in the order of the probabilities, (classes,)."""
        return classes_of(self.signature)

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The likeliest class of each row, (rows,)."""
        made: np.ndarray = self.classes_[self.predictor.of(X).predicted]
        return made

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """The mean over networks of the probability of each class, (rows, classes)."""
        return self.predictor.of(X).mean

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The accuracy on rows whose classes ``y`` are known."""
        import numpy as np

        given = class_numbers(list(np.asarray(y, object)), self.signature.classes, "y: expected the model's classes")
        right = self.predictor.of(X).predicted == given
        return float(np.average(right, weights=sample_weight))


class FittedRegressor(RegressorMixin, _Fitted):  # type: ignore[misc]
    """A fitted model of values; its score is R²."""

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The mean of the networks' values for each row, (rows,), in units of the target."""
        return self.predictor.of(X).predicted


def classes_of(found: Signature) -> np.ndarray:
    """The classes of a model as values: whole numbers, truth values, else texts."""
    import numpy as np

    names = found.classes
    if all(name.removeprefix("-").isdecimal() and str(int(name)) == name for name in names):
        return np.array([int(name) for name in names])
    if set(names) <= {"true", "false"}:
        return np.array([name == "true" for name in names])
    return np.array(names)


def names_of(found: Signature) -> np.ndarray:
    """The names of the input's columns; raises AttributeError where they had none."""
    import numpy as np

    if not found.input.columns or not found.input.named:
        raise AttributeError("feature_names_in_")
    return np.array([one.name for one in found.input.columns], object)
