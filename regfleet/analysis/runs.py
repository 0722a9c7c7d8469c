"""The finished runs of a variant on a data set, as arrays by seed; failed ones are set apart here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regfleet.analysis.cells import Cells, Seeds
from regfleet.analysis.intervals import Array
from regfleet.errors import InputError
from regfleet.metrics import Metric, default_metric, error_of
from regfleet.settings.values import Task

if TYPE_CHECKING:
    import pandas as pd

PER_SEED = (
    "scores",
    "train_scores",
    "val_scores",
    "gaps_train",
    "gaps_val",
    "train_error",
    "val_error",
    "best_epoch",
    "seconds",
)
"""The fields of `Runs` that hold one number per finished seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """One variant on one data set. Every array is (finished seeds,) in ascending order of ``seeds``, NaN if unknown.

    ``scores``, ``train_scores`` and ``val_scores`` are the metric as it is measured. Of the same weights are
    ``gaps_train`` and ``gaps_val``, accuracy or R² (`metrics.default_metric`), and ``train_error`` and ``val_error``,
    cross-entropy or MSE (`metrics.error_of`). ``lost`` (lost seeds,) holds the seeds that failed or diverged.
    ``cells`` are the predictions of its test rows, those of other seeds perhaps among them; None without any.
    ``halves`` are its runs on each half of the rows, the two of a pair one after the other; none unless asked for.
    """

    seeds: Seeds
    scores: Array
    train_scores: Array
    val_scores: Array
    gaps_train: Array
    gaps_val: Array
    train_error: Array
    val_error: Array
    best_epoch: Array
    seconds: Array
    lost: Seeds
    failed: int
    diverged: int
    cells: Cells | None = None
    halves: tuple[Runs, ...] = ()

    @property
    def gaps(self) -> Array:
        """Training minus validation accuracy or R², (finished seeds,)."""
        return self.gaps_train - self.gaps_val

    @property
    def attempted(self) -> int:
        """The number of seeds that finished or were lost."""
        return len(self.seeds) + len(self.lost)


def runs_of(trials: pd.DataFrame, metric: Metric, at: str, task: Task = "classification") -> Runs:
    """The runs of one variant on one data set.

    Args:
        trials: its rows of the trials frame, in any order.
        metric: decides which columns are the score; a count metric is read from the count of correct rows.
        at: "last" or "best" weights.
        task: decides which columns are the gap and the error.

    Raises:
        InputError: a seed occurs twice.
    """
    trials = trials.sort_values("seed", kind="stable")
    seeds = trials["seed"].to_numpy(dtype=np.int64)
    if len(np.unique(seeds)) < len(seeds):
        twice = seeds[:-1][np.diff(seeds) == 0][0]
        raise InputError(f"trials must hold each seed once. Got seed {twice} twice for {_name(trials)}")
    scores = _scores(trials, metric, at)
    failed: NDArray[np.bool_] = np.asarray(trials["status"] == "failed")
    done: NDArray[np.bool_] = np.asarray(trials["status"] == "done") & np.isfinite(scores)

    def finished(column: str) -> Array:
        return _floats(trials, column)[done]

    return Runs(
        seeds=seeds[done],
        scores=scores[done],
        train_scores=finished(f"{at}_train_{metric.name}"),
        val_scores=finished(f"{at}_val_{metric.name}"),
        gaps_train=finished(f"{at}_train_{default_metric(task)}"),
        gaps_val=finished(f"{at}_val_{default_metric(task)}"),
        train_error=finished(f"{at}_train_{error_of(task)}"),
        val_error=finished(f"{at}_val_{error_of(task)}"),
        best_epoch=finished("best_epoch"),
        seconds=finished("seconds"),
        lost=seeds[~done],
        failed=int(np.sum(failed)),
        # A score that is not a number is a divergence that training did not notice.
        diverged=int(np.sum(~done & ~failed)),
    )


def scores_alone(
    seeds: Seeds, scores: Array, lost: Sequence[int] | Seeds = (), failed: int = 0, cells: Cells | None = None
) -> Runs:
    """Runs of which nothing is known but their ``scores`` (finished seeds,), and perhaps their cells.

    ``failed`` of the ``lost`` seeds did so, the others diverged.
    """
    unknown = dict.fromkeys(PER_SEED, np.full(len(seeds), np.nan))
    return Runs(
        **(unknown | {"scores": scores}),
        seeds=seeds,
        lost=np.array(lost, np.int64),
        failed=failed,
        diverged=len(lost) - failed,
        cells=cells,
        halves=(),
    )


def shared(first: Runs, second: Runs) -> tuple[Seeds, NDArray[np.intp], NDArray[np.intp]]:
    """The seeds that both finished, ascending, and their positions in each, (pairs,)."""
    seeds, in_first, in_second = np.intersect1d(first.seeds, second.seeds, assume_unique=True, return_indices=True)
    return seeds, in_first, in_second


def differences(first: Array, second: Array, metric: Metric) -> Array:
    """``first`` minus ``second``, (pairs,) each, oriented so that larger is better; equal row counts differ equally."""
    difference = first - second if metric.higher_is_better else second - first
    return np.round(difference, 14) if metric.counts else difference


def _scores(trials: pd.DataFrame, metric: Metric, at: str) -> Array:
    correct = f"{at}_test_correct"
    if metric.counts and correct in trials:
        with np.errstate(invalid="ignore", divide="ignore"):
            scores: Array = _floats(trials, correct) / _floats(trials, "n_test")
        return scores
    return _floats(trials, f"{at}_test_{metric.name}")


def _floats(trials: pd.DataFrame, column: str) -> Array:
    if column not in trials:
        return np.full(len(trials), np.nan)
    values: Array = trials[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _name(trials: pd.DataFrame) -> str:
    return " on ".join(str(trials[column].iloc[0]) for column in ("variant", "dataset") if column in trials)


def ignorant_score(metric: Metric, shares: Sequence[float] | None, observed: Array) -> float:
    """The score of a model that has learned nothing.

    Args:
        metric: what is measured.
        shares: of the classes; None where they are not known or there are none.
        observed: finished scores on the data set, (runs,); their worst stands in where the score cannot be worked out.

    Returns:
        accuracies, macro-F1 and AUC of always saying the largest class; cross-entropy and MSE of always saying the
        shares; R² of always saying the mean.
    """
    if metric.name == "r2":
        return 0.0
    if shares is not None and len(shares):
        p = np.asarray(shares, dtype=np.float64)
        known = {
            "accuracy": float(p.max()),
            "balanced_accuracy": 1 / int(np.sum(p > 0)),
            "auc": 0.5,
            "macro_f1": float(2 * p.max() / (1 + p.max()) / len(p)),
            "cross_entropy": float(-np.sum(p[p > 0] * np.log(p[p > 0]))),
            "mse": float(np.mean(p * (1 - p))),
        }
        if metric.name in known:
            return known[metric.name]
    if not len(observed):
        return np.nan
    return float(observed.min() if metric.higher_is_better else observed.max())


def scored(runs: Runs, score: float) -> tuple[Seeds, Array]:
    """Seeds and scores (attempted seeds,) with ``score`` in place of each lost run, ascending by seed."""
    seeds = np.concatenate([runs.seeds, runs.lost])
    scores = np.concatenate([runs.scores, np.full(len(runs.lost), score)])
    order = np.argsort(seeds)
    return seeds[order], scores[order]
