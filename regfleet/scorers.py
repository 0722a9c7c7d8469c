"""Metrics that are asked of predictions afterwards: what each is called, which way it points, and how it is computed.

A metric is one entry of `SCORERS`: its `Metric` (name, direction, range, tasks), its function of the test rows of a
trial and, where it is a mean over rows, the score of a row. Every scorer of scikit-learn is known by its name too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from regfleet.errors import InputError
from regfleet.metrics import METRICS, Metric, Tasks, error, share
from regfleet.predictions import FEW_CLASSES, Predictions, calibration_error
from regfleet.text import given, named, nearest, one_line, reason

CLASSES: Tasks = ("classification",)
NUMBERS: Tasks = ("regression",)
ALIASES = {
    "f1_macro": "macro_f1",
    "roc_auc": "auc",
    "roc_auc_ovr": "auc",
    "accuracy_score": "accuracy",
    "balanced_accuracy_score": "balanced_accuracy",
    "r2_score": "r2",
    "mean_absolute_error": "mae",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "median_absolute_error": "medae",
    "mean_absolute_percentage_error": "mape",
    "cohen_kappa_score": "cohen_kappa",
    "mcc": "matthews_corrcoef",
}
"""scikit-learn's names of what has a name here."""
OF_CLASSES = """
    accuracy adjusted_mutual_info_score adjusted_rand_score average_precision balanced_accuracy completeness_score
    d2_brier_score d2_log_loss_score f1 f1_macro f1_micro f1_samples f1_weighted fowlkes_mallows_score homogeneity_score
    jaccard jaccard_macro jaccard_micro jaccard_samples jaccard_weighted matthews_corrcoef mutual_info_score
    neg_brier_score neg_log_loss neg_negative_likelihood_ratio normalized_mutual_info_score positive_likelihood_ratio
    precision precision_macro precision_micro precision_samples precision_weighted rand_score recall recall_macro
    recall_micro recall_samples recall_weighted roc_auc roc_auc_ovo roc_auc_ovo_weighted roc_auc_ovr
    roc_auc_ovr_weighted top_k_accuracy v_measure_score
""".split()  # noqa: SIM905 - a list of fifty names
"""scikit-learn's scorers of classifiers and of clusters: of all of them more is better."""
OF_NUMBERS = """
    d2_absolute_error_score explained_variance neg_max_error neg_mean_absolute_error neg_mean_absolute_percentage_error
    neg_mean_gamma_deviance neg_mean_poisson_deviance neg_mean_squared_error neg_mean_squared_log_error
    neg_median_absolute_error neg_root_mean_squared_error neg_root_mean_squared_log_error r2
""".split()  # noqa: SIM905
"""Its scorers of regressions."""
OF_CLASS = ("recall", "precision", "f1", "average_precision", "roc_auc")
"""What can be asked of one class: ``recall:CLASS``."""
_AT = re.compile(r"(precision|recall)_at_([1-9][0-9]{0,8})(?::(.+))?", re.DOTALL)
_TOP = re.compile(r"top_([1-9][0-9]{0,8})_accuracy")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What a trial said of its test rows, in order of their numbers.

    ``truth`` and ``predicted`` (rows,): numbers of classes, int64, or values, float64. ``kept`` probabilities (rows,
    classes) of all ``classes``; None of a regression and where only some were kept. ``metric`` is what is asked.
    """

    truth: np.ndarray
    predicted: np.ndarray
    kept: np.ndarray | None
    classes: int
    metric: str = ""

    @property
    def probabilities(self) -> np.ndarray:
        """Of every class, float64 (rows, classes), adding up to 1; raises InputError where they were not kept."""
        if self.kept is None:
            words = f"as the probability of every class is not there (it is kept of up to {FEW_CLASSES} classes)"
            raise InputError(f"--metric: expected a metric of predicted classes, {words}; got {self.metric}")
        p: np.ndarray = self.kept.astype(np.float64)
        sums = p.sum(axis=1, keepdims=True)
        np.divide(p, sums, out=p, where=sums > 0)
        return p


Score = Callable[[Sample], float]


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """A metric and how it is computed: ``score`` of a trial's test rows.

    ``per_row``, where the metric is additive: the score of every cell, (cells,), whose mean over the rows of a trial is
    its score.
    """

    metric: Metric
    score: Score | None = None
    per_row: Callable[[Predictions], np.ndarray] | None = None


def _sklearn(function: str, **options: Any) -> Score:
    """A function of scikit-learn of true and predicted."""

    def score(sample: Sample) -> float:
        import sklearn.metrics

        return float(getattr(sklearn.metrics, function)(sample.truth, sample.predicted, **options))

    return score


def _of_class(function: str, number: int) -> Score:
    """A function of scikit-learn of one class against the rest; NaN where no test row is of the class."""

    def score(sample: Sample) -> float:
        import sklearn.metrics

        truth = sample.truth == number
        ranked = function in ("average_precision_score", "roc_auc_score")
        if not truth.any() or (ranked and truth.all()):
            return np.nan
        if ranked:
            return float(getattr(sklearn.metrics, function)(truth, sample.probabilities[:, number]))
        return float(getattr(sklearn.metrics, function)(truth, sample.predicted == number, zero_division=0))

    return score


def _over_classes(of: Callable[[int], Score]) -> Score:
    """Of two classes the score of the second; of more the mean over the classes that test rows are of."""

    def score(sample: Sample) -> float:
        if sample.classes <= 2:
            return of(1)(sample)
        return float(np.mean([of(int(number))(sample) for number in np.unique(sample.truth)]))

    return score


def _at(kind: str, k: int, number: int) -> Score:
    """Of the ``k`` rows that are likeliest of a class: the share that is, or the share of the class that is there."""

    def score(sample: Sample) -> float:
        p, truth = sample.probabilities[:, number], sample.truth == number
        if k > len(truth):
            raise InputError(f"--metric: expected at most the {len(truth)} test rows of a seed; got {kind}_at_{k}")
        hits = truth[np.argsort(-p, kind="stable")[:k]].sum()
        of = k if kind == "precision" else truth.sum()
        return float(hits / of) if of else np.nan

    return score


def _top(k: int) -> Score:
    def score(sample: Sample) -> float:
        if k >= sample.classes:
            raise InputError(f"--metric: expected fewer than the {sample.classes} classes; got top_{k}_accuracy")
        from sklearn.metrics import top_k_accuracy_score

        p = sample.probabilities
        two = sample.classes == 2
        return float(top_k_accuracy_score(sample.truth, p[:, 1] if two else p, k=k, labels=np.arange(sample.classes)))

    return score


def _log_loss(predictions: Predictions) -> np.ndarray:
    """Minus the logarithm of the true class's probability, held from 0 and 1 as `sklearn.metrics.log_loss` does it."""
    p = predictions.probabilities
    if p is None:
        raise InputError(
            "--metric: expected a metric of predicted classes, as no probabilities are there; got log_loss"
        )
    own = p[:, 0] if predictions.classes is not None else p[np.arange(len(p)), predictions.target.astype(np.int64)]
    eps = float(np.finfo(np.float32).eps)
    found: np.ndarray = -np.log(np.clip(own.astype(np.float64), eps, 1 - eps))
    return found


def _mean_squared_error(predictions: Predictions) -> np.ndarray:
    """Of a value its squared error; of probabilities the mean over the classes."""
    if predictions.classes is not None:
        raise InputError(f"--metric: expected another metric for more than {FEW_CLASSES} classes; got mse")
    p = predictions.probabilities
    if p is None and predictions.is_class:
        raise InputError("--metric: expected a metric of predicted classes, as no probabilities are there; got mse")
    return predictions.squared_error() / (1 if p is None else p.shape[1])


def _brier(predictions: Predictions) -> np.ndarray:
    """The sum over the classes of (probability − truth)²: twice what scikit-learn gives of two classes."""
    if predictions.probabilities is None:
        raise InputError("--metric: expected a metric of predicted classes, as no probabilities are there; got brier")
    return predictions.squared_error()


def _calibration(sample: Sample) -> float:
    p = sample.probabilities
    return calibration_error(p.max(axis=1), p.argmax(axis=1) == sample.truth)


SCORERS = {
    scorer.metric.name: scorer
    for scorer in (
        Scorer(METRICS["accuracy"], per_row=Predictions.correct),
        Scorer(METRICS["balanced_accuracy"], _sklearn("balanced_accuracy_score")),
        Scorer(METRICS["macro_f1"], _sklearn("f1_score", average="macro", zero_division=0)),
        Scorer(METRICS["auc"], _over_classes(lambda number: _of_class("roc_auc_score", number))),
        Scorer(METRICS["cross_entropy"], per_row=_log_loss),
        Scorer(METRICS["calibration_error"], _calibration),
        Scorer(METRICS["r2"], _sklearn("r2_score")),
        Scorer(METRICS["mae"], per_row=Predictions.absolute_error),
        Scorer(METRICS["rmse"], _sklearn("root_mean_squared_error")),
        Scorer(METRICS["mse"], per_row=_mean_squared_error),
        Scorer(error("brier", "Brier score", CLASSES, highest=2.0), per_row=_brier),
        Scorer(error("log_loss", "log loss", CLASSES), per_row=_log_loss),
        Scorer(
            Metric("neg_log_loss", "negated log loss", True, 0.01, relative_rope=True, tasks=CLASSES, highest=0.0),
            per_row=lambda predictions: -_log_loss(predictions),
        ),
        Scorer(share("f1_weighted", "weighted F1"), _sklearn("f1_score", average="weighted", zero_division=0)),
        Scorer(share("f1_micro", "micro-F1"), _sklearn("f1_score", average="micro", zero_division=0)),
        Scorer(
            share("precision_macro", "macro-precision"), _sklearn("precision_score", average="macro", zero_division=0)
        ),
        Scorer(share("recall_macro", "macro-recall"), _sklearn("recall_score", average="macro", zero_division=0)),
        Scorer(
            share("average_precision", "average precision"),
            _over_classes(lambda number: _of_class("average_precision_score", number)),
        ),
        Scorer(share("top_k_accuracy", "top-2 accuracy"), _top(2)),
        Scorer(
            Metric("matthews_corrcoef", "Matthews correlation", True, 0.01, tasks=CLASSES, lowest=-1.0, highest=1.0),
            _sklearn("matthews_corrcoef"),
        ),
        Scorer(
            Metric("cohen_kappa", "Cohen's kappa", True, 0.01, tasks=CLASSES, lowest=-1.0, highest=1.0),
            _sklearn("cohen_kappa_score"),
        ),
        Scorer(error("medae", "median absolute error", NUMBERS), _sklearn("median_absolute_error")),
        Scorer(error("mape", "mean absolute percentage error", NUMBERS), _sklearn("mean_absolute_percentage_error")),
        Scorer(error("max_error", "maximum error", NUMBERS), _sklearn("max_error")),
    )
}


def known_metric(name: str) -> Metric | None:
    """The metric called ``name`` wherever it comes from; None where nothing says which way it points.

    Known are METRICS, SCORERS with their forms of one class and of the first K, scikit-learn's scorers, and all of them
    after ``test_``, as `sklearn.model_selection.cross_validate` calls them.
    """
    plain = name.removeprefix("test_")
    plain = ALIASES.get(plain, plain)
    if plain in METRICS:
        return replace(METRICS[plain], name=name)
    if plain in SCORERS:
        return replace(SCORERS[plain].metric, name=name)
    found = _AT.fullmatch(plain) or _TOP.fullmatch(plain)
    kind, colon, of = plain.partition(":")
    if found or (colon and of and kind in OF_CLASS):
        return share(name, _title(plain))
    if plain in OF_CLASSES or plain in OF_NUMBERS:
        return _of_sklearn(name, plain)
    return None


def _of_sklearn(name: str, plain: str) -> Metric:
    """A scorer of scikit-learn: the higher, the better, and below zero where it is an error with its sign turned."""
    tasks = NUMBERS if plain in OF_NUMBERS else CLASSES
    title = plain.replace("_", " ")
    if plain.startswith("neg_"):
        return Metric(name, title, True, 0.01, relative_rope=True, decimals=4, tasks=tasks, highest=0.0)
    if plain in ("positive_likelihood_ratio", "mutual_info_score"):
        return Metric(name, title, True, 0.01, relative_rope=True, decimals=4, tasks=tasks, lowest=0.0)
    signed = plain.startswith(("d2_", "explained_", "adjusted_"))
    return Metric(name, title, True, 0.01, tasks=tasks, lowest=-np.inf if signed else 0.0, highest=1.0)


def _title(name: str) -> str:
    kind, _, of = name.partition(":")
    words = kind.replace("_", " ")
    return f"{words} of {of}" if of else words


def find_scorer(name: str, task: str, classes: Sequence[str]) -> Scorer:
    """What computes the metric called ``name`` from the predictions of a ``task``.

    Args:
        name: of SCORERS or of scikit-learn's scorers, ``recall:CLASS`` or ``precision_at_10``.
        task: classification or regression.
        classes: their names in the order of their numbers; empty for a regression.

    Raises:
        InputError: nobody knows it, it is not of this task, or there is no such class.
    """
    plain = ALIASES.get(name, name)
    metric = known_metric(plain)
    if metric is None or name.startswith("test_"):
        known = sorted({*METRICS, *SCORERS, *(f"{kind}:CLASS" for kind in OF_CLASS), "precision_at_K", "recall_at_K"})
        hint = nearest(name, [*METRICS, *SCORERS, *OF_CLASSES, *OF_NUMBERS])
        words = f"one of {', '.join(known)}, or a scorer of scikit-learn"
        raise InputError(f"--metric: expected {words}; got {given(name)}{hint}")
    if task not in metric.tasks:
        raise InputError(f"--metric: expected a metric of a {task}; got {name}, which is of a {metric.tasks[0]}")
    if plain in SCORERS:
        return SCORERS[plain]
    if found := _AT.fullmatch(plain):
        kind, k = found[1], int(found[2])
        if found[3] is None:
            return Scorer(metric, _over_classes(lambda number: _at(kind, k, number)))
        return Scorer(metric, _at(kind, k, _class(found[3], classes)))
    if found := _TOP.fullmatch(plain):
        return Scorer(metric, _top(int(found[1])))
    kind, colon, of = plain.partition(":")
    if colon and kind in OF_CLASS:
        return Scorer(metric, _of_class(f"{kind}_score", _class(of, classes)))
    return Scorer(metric, _by_scorer(plain))


def _class(name: str, classes: Sequence[str]) -> int:
    if name in classes:
        return classes.index(name)
    shown = ", ".join(map(named, classes[:40])) + (", …" if len(classes) > 40 else "")
    raise InputError(f"--metric: expected a class, one of {shown}; got {given(name)}{nearest(name, classes)}")


def _by_scorer(name: str) -> Score:
    """scikit-learn's scorer of that name, asked of predictions that are there."""

    def score(sample: Sample) -> float:
        from sklearn.metrics import get_scorer

        said = _estimator(numbers=name in OF_NUMBERS)(sample)
        return float(get_scorer(name)(said, np.zeros((len(sample.truth), 1)), sample.truth))

    return score


@cache
def _estimator(*, numbers: bool) -> Any:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Said((RegressorMixin if numbers else ClassifierMixin), BaseEstimator):  # type: ignore[misc]
        """An estimator that says what was said."""

        def __init__(self, sample: Sample) -> None:
            self.sample = sample
            self.classes_ = np.arange(sample.classes)

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, _: object) -> np.ndarray:
            return self.sample.predicted

        if not numbers:

            def predict_proba(self, _: object) -> np.ndarray:
                return self.sample.probabilities

    return Said


On = Literal["predicted", "probabilities"]


def own_scorer(
    function: Callable[..., float], task: str, classes: Sequence[str], *, higher_is_better: bool, on: On
) -> Scorer:
    """A function of anybody's of (true, predicted), or of (true, probabilities), of a ``task``.

    Classes are given by their names where predictions are, and by their numbers beside probabilities (rows, classes).
    """
    name = getattr(function, "__name__", type(function).__name__)
    name = "score" if name == "<lambda>" else name
    if on == "probabilities" and task == "regression":
        raise InputError("on: expected predicted for a regression, which has no probabilities; got probabilities")
    names = np.array(classes, dtype=object)

    def score(sample: Sample) -> float:
        if on == "probabilities":
            return _number(name, function(sample.truth, sample.probabilities))
        truth, said = sample.truth, sample.predicted
        if len(names):
            truth, said = names[truth], names[said]
        return _number(name, function(truth, said))

    title = name.replace("_", " ")
    return Scorer(Metric(name, title, higher_is_better, 0.01, relative_rope=True, decimals=4), score)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected a function that returns a number; got {type(value).__name__}") from None


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The score of each trial of a variant: ``seeds`` ascending and ``scores``, (seeds,).

    A score is NaN where the test rows of a seed cannot be scored, as without a row of some class; ``problem`` says why.
    """

    seeds: np.ndarray
    scores: np.ndarray
    problem: str = ""


def scores_of(scorer: Scorer, predictions: Predictions, classes: int) -> Scored:
    """What the trials of a variant score; ``classes`` counts them, 0 for a regression.

    Raises InputError where the metric needs what was not kept or what the test sets do not have.
    """
    seeds, first = np.unique(predictions.seeds, return_index=True)
    ends = [*first[1:].tolist(), len(predictions)]
    if scorer.per_row is not None:
        rows = scorer.per_row(predictions)
        means = np.add.reduceat(rows, first) / np.subtract(ends, first) if len(first) else rows
        return Scored(seeds, means)
    values, problem = np.full(len(seeds), np.nan), ""
    for place, cells in enumerate(map(slice, first.tolist(), ends)):
        try:
            values[place] = _score(scorer, _sample(predictions, cells, classes, scorer.metric.name))
        except InputError:
            raise
        except ValueError as error:  # scikit-learn's words for rows that it cannot score
            problem = one_line(reason(error), 200)
    return Scored(seeds, values, problem)


def _sample(predictions: Predictions, cells: slice, classes: int, metric: str) -> Sample:
    truth, said = predictions.target[cells], predictions.predicted[cells]
    if not classes:
        return Sample(truth, said, None, 0)
    whole = predictions.probabilities is not None and predictions.classes is None
    kept = predictions.probabilities[cells] if whole and predictions.probabilities is not None else None
    return Sample(truth.astype(np.int64), said.astype(np.int64), kept, classes, metric)


def _score(scorer: Scorer, sample: Sample) -> float:
    import warnings

    import sklearn

    with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True):
        warnings.simplefilter("ignore")
        return scorer.score(sample) if scorer.score else np.nan
