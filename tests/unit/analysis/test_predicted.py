"""What is said of test rows is what scikit-learn, or a sum written out, says of the same numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from regfleet.analysis import predicting
from regfleet.analysis.certainty import POINTS
from regfleet.predictions import Predictions


def predicted_of(parts, controls, score, idle=()):
    """What was predicted by variants that finished every seed they have predictions of."""
    seeds = {name: part.seeds for name, part in parts if name in controls}
    return predicting.predicted_of(predicting.read(parts, seeds, score), controls, idle)


def predictions(
    classes: int, *, seeds: int = 6, rows: int = 40, tested: int = 24, draw: int = 0, help_: float = 1.5
) -> Predictions:
    """Random probabilities that lean to the true class; the rows of a draw are the same whatever ``help_``."""
    split, noise = np.random.default_rng(draw), np.random.default_rng([draw, int(10 * help_)])
    truth = split.integers(0, classes, rows)
    chosen = [np.sort(split.permutation(rows)[:tested]) for _ in range(seeds)]
    at = np.concatenate(chosen)
    logits = noise.normal(0, 1, (len(at), classes)) + help_ * np.eye(classes)[truth[at]]
    p = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(
        np.repeat(np.arange(seeds), tested).astype(np.int64),
        at.astype(np.int32),
        truth[at].astype(np.float64),
        p.argmax(axis=1).astype(np.float64),
        p,
    )


def accuracy(part: Predictions) -> float:
    """The share of right cells."""
    return float(part.correct().mean())


def by_seed(part: Predictions, of):
    """``of`` the cells of each seed."""
    return [of(part.seeds == seed) for seed in np.unique(part.seeds)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_classes_are_scored_as_scikit_learn_does():
    """Confusion, precision, recall, F1, AUC and average precision are means over seeds of scikit-learn's."""
    mine, its = predictions(3, help_=2.0), predictions(3)
    found = predicted_of([("a", mine), ("none", its)], {"none": None, "a": "none"}, accuracy)
    one, control = found.variants["a"], found.variants["none"]

    def confusion(part):
        return np.mean(
            by_seed(part, lambda s: metrics.confusion_matrix(part.target[s], part.predicted[s], labels=range(3))),
            axis=0,
        )

    np.testing.assert_allclose(one.matrix, confusion(mine))
    np.testing.assert_allclose(one.change, confusion(mine) - confusion(its), atol=1e-12)
    assert control.change is None
    scores = np.array(
        by_seed(
            mine,
            lambda s: metrics.precision_recall_fscore_support(
                mine.target[s], mine.predicted[s], labels=range(3), zero_division=np.nan
            )[:3],
        )
    )
    for number, score in enumerate(one.classes):
        for told, values in zip((score.precision, score.recall, score.f1), scores[:, :, number].T, strict=True):
            assert (told.mean, told.sd) == pytest.approx((np.nanmean(values), np.nanstd(values, ddof=1)))
    for curve in one.thresholds:
        p, truth = mine.probabilities[:, curve.number], mine.target == curve.number
        areas = by_seed(mine, lambda s, p=p, truth=truth: metrics.roc_auc_score(truth[s], p[s]))
        average = by_seed(mine, lambda s, p=p, truth=truth: metrics.average_precision_score(truth[s], p[s]))
        assert (curve.auc.mean, curve.average_precision.mean) == pytest.approx((np.mean(areas), np.mean(average)))


def test_the_curves_of_two_classes_are_scikit_learns():
    """At each point of the grid; rounded probabilities have ties."""
    part = predictions(2, seeds=1)
    p = np.round(part.probabilities[:, 1], 1).astype(np.float32)
    part = replace(part, probabilities=np.stack([1 - p, p], axis=1))
    (curve,) = predicted_of([("none", part)], {"none": None}, accuracy).variants["none"].thresholds
    grid, truth = np.linspace(0, 1, POINTS), part.target == 1
    false, true, _ = metrics.roc_curve(truth, p, drop_intermediate=False)
    np.testing.assert_allclose(curve.roc.mean, np.interp(grid, false, true))
    precision, recall, _ = metrics.precision_recall_curve(truth, p)
    first = [precision[np.flatnonzero(recall >= at - 1e-12)[-1]] for at in grid]
    reached = [value for at, value in zip(grid, first, strict=True) if at > 0]
    np.testing.assert_allclose(curve.pr.mean[1:], reached)
    assert curve.number == 1


def test_reliability_is_scikit_learns_and_the_calibration_error_that_of_a_trial():
    """Bins by confidence, and the error of single seeds as `training.scoring` has it."""
    from regfleet.training.scoring import calibration_error

    part = predictions(4)
    one = predicted_of([("none", part)], {"none": None}, accuracy).variants["none"]
    sure, hit = part.probabilities.max(axis=1).astype(np.float64), part.correct()
    right, confidence = calibration_curve(hit, sure, n_bins=15)
    np.testing.assert_allclose([b.right for b in one.bins], right)
    np.testing.assert_allclose([b.confidence for b in one.bins], confidence, rtol=1e-6)
    assert one.ece == pytest.approx(calibration_error(sure, hit))
    assert one.seed_ece == pytest.approx(np.mean(by_seed(part, lambda s: calibration_error(sure[s], hit[s]))))


def cells(rows: list[tuple[int, int, int, float]], classes: int = 2) -> Predictions:
    """Of (seed, row, target, probability of class 1, the rest to class 0)."""
    seeds, numbers, target, p = (np.array(column) for column in zip(*rows, strict=True))
    probabilities = np.zeros((len(rows), classes), np.float32)
    probabilities[:, 1], probabilities[:, 0] = p, 1 - p
    return Predictions(
        seeds.astype(np.int64), numbers.astype(np.int32), target.astype(np.float64),
        probabilities.argmax(axis=1).astype(np.float64), probabilities,
    )  # fmt: skip


def test_rows_that_change_and_rows_nobody_gets_right():
    """Row 4 is wrong in every network, row 7 is gained twice, row 9 lost once; worked out by hand."""
    its = cells([(0, 4, 0, 0.9), (0, 7, 1, 0.4), (0, 9, 1, 0.8), (1, 4, 0, 0.7), (1, 7, 1, 0.1), (1, 9, 1, 0.8)])
    mine = cells([(0, 4, 0, 0.8), (0, 7, 1, 0.9), (0, 9, 1, 0.3), (1, 4, 0, 0.6), (1, 7, 1, 0.9), (1, 9, 1, 0.8)])
    found = predicted_of([("a", mine), ("none", its)], {"a": "none", "none": None}, accuracy)
    changes = found.variants["a"].changes
    assert (changes.cells, changes.differ, changes.gained, changes.lost) == (6, 3, 2, 1)
    assert [(row.row, row.target, row.tested, row.control, row.variant) for row in changes.rows] == [
        (7, 1, 2, 0, 2),
        (9, 1, 2, 2, 1),
    ]
    (hard,) = found.hard
    assert (hard.row, hard.target, hard.tested, hard.wrong, hard.said, hard.votes) == (4, 0, 4, 4, 1, 4)
    assert hard.confidence == pytest.approx((0.9 + 0.7 + 0.8 + 0.6) / 4)
    assert (found.judged, found.hopeless) == (3, 1)
    idle = predicted_of([("a", mine), ("none", its)], {"a": "none", "none": None}, accuracy, idle=["a"])
    assert (idle.judged, idle.learned) == (0, ("none",))


def test_networks_together_are_the_mean_and_leave_one_seed_out():
    """Row 1 is tested by three seeds, row 2 by one: its network is not taken together with any."""
    part = cells([(0, 1, 1, 0.9), (0, 2, 1, 0.1), (1, 1, 1, 0.4), (2, 1, 1, 0.4)])
    one = predicted_of([("none", part)], {"none": None}, accuracy).variants["none"].together
    assert (one.networks, one.rows) == ((3, 3, 3), 1)
    assert one.score == 1  # the mean is .57
    assert one.others == pytest.approx(2 / 3)  # .4, .65 and .65 without each
    assert one.alone == pytest.approx(1 / 3)
    once = predicted_of([("none", cells([(0, 1, 1, 0.9), (1, 2, 1, 0.1)]))], {"none": None}, accuracy)
    assert once.variants["none"].together is None


def test_a_regression_is_told_by_what_it_misses():
    """Bias, rows that are far off, and rows that come nearer; the sums are by hand."""
    rows = np.tile(np.arange(20), 3)
    target = rows.astype(np.float64)
    said = target + np.where(rows % 2, 1.0, -1.0) + 0.5
    said[rows == 5] = 100.0
    seeds = np.repeat(np.arange(3), 20).astype(np.int64)
    its = Predictions(seeds, rows.astype(np.int32), target, said)
    mine = replace(its, predicted=np.where(rows == 3, 3.0, said))
    found = predicted_of([("a", mine), ("none", its)], {"a": "none", "none": None}, lambda p: p.squared_error().mean())
    assert found.variants["none"].residuals.bias == pytest.approx(np.mean(said - target))
    (far,) = found.hard
    assert (far.row, far.target, far.said, far.tested) == (5, 5, 100, 6)
    changes = found.variants["a"].changes
    assert (changes.differ, changes.gained, changes.lost) == (3, 3, 0)
    assert [(row.row, row.control, row.variant) for row in changes.rows] == [(3, 1.5, 0)]
    assert found.variants["none"].wrong[5] == pytest.approx(3 * 95)


def test_odd_predictions_are_told_without_a_word_of_numpy(recwarn):
    """Two rows, a class that no test set has, no number for a probability, a thousand classes of which few are kept."""
    two = cells([(0, 1, 0, 0.2), (0, 2, 0, 0.4)], classes=3)
    one = predicted_of([("none", two), ("stranger", two)], {"none": None}, accuracy)
    assert [score.number for score in one.variants["none"].classes] == [0]
    assert one.variants["none"].thresholds == ()
    part = predictions(3)
    p = part.probabilities.copy()
    p[0] = math.nan
    broken = predicted_of([("none", replace(part, probabilities=p))], {"none": None}, accuracy).variants["none"]
    assert sum(b.share for b in broken.bins) == pytest.approx(1)
    assert all(curve.seeds == 5 for curve in broken.thresholds)
    many = np.arange(0, 1000, 5)
    top = (many[:, None] + np.arange(6)) % 1000
    kept = np.tile(np.array([0.4, 0.3, 0.1, 0.1, 0.05, 0.05], np.float32), (200, 1))
    wide = Predictions(
        np.zeros(200, np.int64), many.astype(np.int32), many.astype(np.float64), (many + many % 2).astype(np.float64),
        kept, top.astype(np.int32), np.full(200, 0.5, np.float32),
    )  # fmt: skip
    found = predicted_of([("none", wide)], {"none": None}, accuracy)
    one = found.variants["none"]
    assert (found.classes, one.matrix, len(one.confused), len(one.classes)) == (1000, None, 10, 50)
    assert (one.confused[0].true, one.confused[0].said) == (5, 6)
    assert predicted_of([], {"none": None}, accuracy) is None
    assert not recwarn.list
