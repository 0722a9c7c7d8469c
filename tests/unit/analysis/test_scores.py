"""Scores that another tool produced."""

import numpy as np
import pandas as pd
import pytest
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.concluding.score_table import read_scores
from regfleet.errors import InputError
from regfleet.settings import Analysis

ASKED = Analysis()


def wide():
    """One row per seed, one column per technique."""
    frame = pd.DataFrame({name: np.array(counts) / 30 for name, counts in CORRECT.items()})
    return frame.assign(seed=range(12), n_train=90, n_test=30)


def long(metric="accuracy"):
    """One row per technique and seed."""
    return wide().melt(["seed", "n_train", "n_test"], list(CORRECT), "technique", metric)


def analysed(frame, control=None, **settings):
    """The data sets of foreign scores."""
    scores = read_scores(frame, Analysis(**settings), control)
    return summarize(scores.trials, pd.DataFrame(), scores.variants, scores.question).datasets


def verdicts(dataset):
    """Verdict and interval by technique."""
    return {
        row.name: (row.comparison.verdict, row.comparison.difference)
        for row in dataset.variants
        if row.comparison is not None
    }


def test_long_wide_and_our_own_results_have_the_same_verdicts():
    """Three ways in, one analysis."""
    own = summarize(make_trials(CORRECT), pd.DataFrame(), make_variants(CORRECT), asked()).datasets[0]
    assert verdicts(analysed(long())[0]) == verdicts(own) == verdicts(analysed(wide())[0])


def test_rows_may_come_in_any_order_and_with_any_index():
    """A shuffled, filtered frame keeps its scores with their seeds."""
    shuffled = long().sample(frac=1, random_state=3)
    assert verdicts(analysed(shuffled)[0]) == verdicts(analysed(long())[0])


def test_the_only_metric_column_needs_no_name():
    """A frame with one score column is analysed by it, and its name says which way it points."""
    scores = read_scores(long("test_rmse"), ASKED)
    assert scores.question.metric.name == "test_rmse"
    assert verdicts(analysed(long("test_rmse"))[0])["batchnorm"][0] == "better"  # an error: less is better


def test_several_data_sets_are_kept_apart():
    """A column dataset makes a data set of each of its values."""
    frame = pd.concat([long().assign(dataset=name) for name in ("wine", "iris")])
    assert [dataset.dataset for dataset in analysed(frame)] == ["iris", "wine"]


def test_a_control_may_be_named():
    """Any technique can be the control."""
    assert set(verdicts(analysed(long(), control="dropout")[0])) == {"baseline", "l2", "batchnorm"}


def test_missing_pairs_and_foreign_columns_are_reported_by_name():
    """What is left out is said."""
    frame = long().assign(colour="red", gpu=1.5)
    frame = frame[~((frame["technique"] == "l2") & frame["seed"].isin([3, 7]))]
    notes = read_scores(frame, ASKED).notes
    assert notes == (
        "Columns that were not used: colour, gpu.",
        "l2 has no score on scores for seeds 3, 7: those pairs are left out.",
    )


def test_a_missing_score_is_a_failed_run():
    """An empty cell counts as a failure, not as a zero."""
    frame = wide()
    frame.loc[2, "l2"] = np.nan
    row = next(row for row in analysed(frame)[0].variants if row.name == "l2")
    assert (row.finished, row.failed) == (11, 1)


def test_training_and_validation_scores_give_the_gap():
    """Columns train_accuracy and val_accuracy are taken along."""
    row = analysed(long().assign(train_accuracy=0.99, val_accuracy=0.95, n_val=30))[0].variants[0]
    assert row.gap.mean == pytest.approx(0.04)


def test_without_row_counts_only_these_rows_can_be_judged():
    """Scope new_data needs n_train and n_test, and says so; this_dataset does without."""
    frame = long().drop(columns=["n_train", "n_test"])
    with pytest.raises(InputError, match="column n_train must be there for scope new_data"):
        read_scores(frame, ASKED)
    assert verdicts(analysed(frame, scope="this_dataset")[0])["l2"][0] == "better"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: f.iloc[:0], "scores must hold at least one row"),
        (lambda f: f.drop(columns="seed"), "scores must have a column seed. Got n_train, n_test, technique, accuracy"),
        (lambda f: f.drop(columns="technique").drop(columns="accuracy"), "or seed and a column for each technique"),
        (lambda f: f.rename(columns={"n_test": "seed"}), "columns must have names of their own. Got 'seed' twice"),
        (lambda f: pd.concat([f, f.iloc[[4]]]), "Got technique baseline, seed 4, dataset scores again in row 49"),
        (lambda f: f.assign(accuracy=100 * f["accuracy"]), "accuracy must be between 0 and 1. Got 90 in row 1"),
        (lambda f: f.assign(accuracy=f["accuracy"].astype(object).mask(f.index == 5, "high")), "Got 'high' in row 6"),
        (lambda f: f.assign(seed=f["seed"] + 0.5), "seed must be a whole number. Got 0.5 in row 1"),
        (lambda f: f.assign(n_test=0), "n_test must be a whole number, 1 or more. Got 0 in row 1"),
        (
            lambda f: f.assign(technique=f["technique"].mask(f.index == 2)),
            "technique must be a name. Got nothing in row 3",
        ),
        (lambda f: f.replace({"technique": {"baseline": "plain"}}), "control must be named, as 0 of the techniques"),
        (lambda f: f.replace({"technique": {"l2": "none"}}), "control must be named, as 2 of the techniques"),
        (lambda f: f.rename(columns={"accuracy": "zorp"}), "Got 'zorp'"),
        (lambda f: f.rename(columns={"accuracy": "auc"}).assign(f1=0.5), "Got 'accuracy'; columns seed"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_it(edit, message):
    """Each mistake in a table is one line with the column, what was expected and what was given."""
    with pytest.raises(InputError) as caught:
        read_scores(edit(long()), ASKED)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_control_suggests_the_nearest():
    """A misspelt control is named with its likely meaning."""
    with pytest.raises(InputError, match=r"Got 'dropuot' \(did you mean dropout\?\)"):
        read_scores(long(), ASKED, "dropuot")
