"""A variant in a later run against itself in an earlier one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from support.rows import CONTROL, ROWS, VARIANT, predictions, trials_of
from support.studies import asked

from regfleet.analysis import judging
from regfleet.analysis.between import chance_interval, change, with_lost
from regfleet.analysis.cells import cells_of
from regfleet.analysis.comparing import Terms
from regfleet.analysis.runs import runs_of


def terms(metric="accuracy", comparisons=1, ratio=1 / 3, **settings):
    """What comparisons of a study of twenty rows have in common, four of which test each seed."""
    question = asked(metric, **settings)
    tested = judging.Tested(20, 12, judging.unfit(question.metric), "no predictions")
    return Terms(question, ratio, 0.0, comparisons, 4, 4, [0.4, 0.6], "new data", {}, "classification", tested)


def runs(right, metric="accuracy", seeds=None, *, rows=None, **columns):
    """The runs of one variant that had ``right`` of four rows on each seed; with the cells of ``rows``."""
    frame = trials_of({"l2": right}, **columns)
    frame["seed"] = np.arange(len(right)) if seeds is None else seeds
    found = runs_of(frame, asked(metric).metric, "last")
    return found if rows is None else replace(found, cells=cells_of(predictions(right, rows)))


def test_the_same_rows_on_the_same_seeds_are_judged_row_by_row():
    """The interval is that of the row rule, worked out elsewhere for these 40 predictions and three comparisons."""
    found = change("l2", "L2", runs(VARIANT, rows=ROWS), runs(CONTROL, rows=ROWS), terms(comparisons=3), "")
    assert (found.pairing, found.why, found.seeds) == ("rows", "", (10, 10))
    assert found.difference.mean == pytest.approx(0.075)
    assert (found.difference.low, found.difference.high) == pytest.approx((-0.360211, 0.532076), abs=1e-6)
    assert (found.old, found.new) == pytest.approx((CONTROL.mean(), VARIANT.mean()))


def test_without_predictions_seeds_are_paired():
    """The corrected t of ten differences, by SciPy."""
    found = change("l2", "L2", runs(VARIANT), runs(CONTROL), terms(), "")
    d = VARIANT.mean(axis=1) - CONTROL.mean(axis=1)
    half = stats.t.ppf(0.975, 9) * d.std(ddof=1) * np.sqrt(1 / 10 + 1 / 3)
    assert (found.pairing, found.why) == ("seeds", "no predictions")
    assert (found.difference.low, found.difference.high) == pytest.approx((d.mean() - half, d.mean() + half))


def test_other_seeds_are_not_paired():
    """Without the correction for overlapping splits the interval is Welch's, as SciPy has it, a little wider."""
    new, old = runs(VARIANT, seeds=np.arange(10, 20)), runs(CONTROL)
    found = change("l2", "L2", new, old, terms(ratio=0.0), "")
    scipy = stats.ttest_ind(new.scores, old.scores, equal_var=False)
    low, high = scipy.confidence_interval(0.95)
    half = (high - low) / 2 * stats.t.ppf(0.975, int(scipy.df)) / stats.t.ppf(0.975, scipy.df)
    assert (found.pairing, found.why) == ("unpaired", "no seed is in both runs")
    assert found.difference.high - found.difference.mean == pytest.approx(half)
    few = change("l2", "L2", new, runs(CONTROL, seeds=np.arange(8, 18)), terms(), "")
    assert few.pairing == "seeds"
    assert change("l2", "L2", new, runs(CONTROL, seeds=np.arange(1, 11)), terms(), "").why == (
        "only one seed is in both runs"
    )


def test_two_runs_of_other_splits_have_a_correction_each():
    """Of an earlier run that trained on less, a mean owes more to its rows: Nadeau and Bengio's variances, added."""
    new, old = runs(VARIANT, seeds=np.arange(10, 20)), runs(CONTROL)
    found = change("l2", "L2", new, old, terms(ratio=1 / 3), "split otherwise", terms(ratio=2.0))
    parts = [one.scores.var(ddof=1) * (1 / 10 + ratio) for one, ratio in ((new, 1 / 3), (old, 2.0))]
    df = int(sum(parts) ** 2 / sum(part**2 / 9 for part in parts))
    half = stats.t.ppf(0.975, df) * np.sqrt(sum(parts))
    assert found.difference.high - found.difference.mean == pytest.approx(half)


def test_of_an_error_less_is_better():
    """The same errors, doubled, are worse; halved they are better; their means are shown as measured."""
    mse = np.linspace(0.1, 0.2, 10)
    old = runs(CONTROL, "mse", last_test_mse=mse, last_train_cross_entropy=1.0)
    for factor, word in ((2.0, "worse"), (0.5, "better")):
        new = runs(CONTROL, "mse", last_test_mse=mse * factor, last_train_cross_entropy=2.0)
        found = change("l2", "L2", new, old, terms("mse"), "")
        assert (found.verdict, found.new) == (word, pytest.approx(factor * 0.15))
        assert np.sign(found.difference.mean) == (-1 if word == "worse" else 1)
        assert f"L2: {word} than before on new data" in found.sentence


def test_what_chance_makes_is_bounded_over_looks_and_comparisons():
    """All of alpha on one side, over 365 looks at three comparisons (SciPy); so too of seeds that are not the same."""
    old, new = runs(CONTROL), runs(VARIANT)
    found = chance_interval(new, old, terms(comparisons=3), "", 365)
    d = new.scores - old.scores
    tail = 0.05 / 365 / 3
    assert found.high - found.mean == pytest.approx(stats.t.isf(tail, 9) * d.std(ddof=1) / np.sqrt(10))
    found = chance_interval(new, old, terms(comparisons=3), "other seeds", 365)
    welch = stats.ttest_ind(new.scores, old.scores, equal_var=False)
    se = (new.scores.mean() - old.scores.mean()) / welch.statistic
    assert found.high - found.mean == pytest.approx(stats.t.isf(tail, int(welch.df)) * se)


def test_a_lost_trial_counts_as_one_that_learned_nothing():
    """It says the larger class of each row that it would have tested; its accuracy is that class's share."""
    old = runs(CONTROL, rows=ROWS)
    new = replace(
        old, seeds=old.seeds[:8], scores=old.scores[:8], lost=old.seeds[8:], cells=old.cells.at(old.seeds[:8])
    )
    found = with_lost(new, old, terms())
    assert found.seeds.tolist() == list(range(10))
    assert found.scores[8:].tolist() == [0.6, 0.6]
    assert found.cells.right[-8:].tolist() == [True] * 8  # all rows are of the second class, the larger one
    assert change("l2", "L2", found, old, terms(), "").pairing == "rows"


@pytest.mark.parametrize("many", [0, 4])
def test_too_few_seeds_say_nothing(many):
    """Below five there is no verdict, whatever the scores."""
    new = runs(CONTROL[:many], last_test_correct=0.0) if many else replace(runs(CONTROL), seeds=np.array([], int))
    new = new if many else replace(new, scores=np.array([]), lost=np.arange(10))
    found = change("l2", "L2", new, runs(CONTROL), terms(), "")
    assert (found.verdict, found.note) == ("undecided", "too few seeds")
    assert "nothing can be said" in found.sentence
