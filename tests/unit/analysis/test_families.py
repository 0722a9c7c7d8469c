"""A sweep whose parameter is picked on validation, seed by seed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.studies import CORRECT, TRAINING, asked, make_trials

from regfleet.analysis import summarize
from regfleet.settings.values import Family, Variant

SWEEP = Family("l2(0.001|0.1)", "L2 (λ 0.001 … 0.1)", "L2, tuned (λ 0.001 … 0.1)")
SEEDS = 10
VARIANTS = (
    Variant("none", "None", (), TRAINING),
    *(Variant(f"l2({value:g})", f"L2 {value:g}", (), TRAINING, "none", SWEEP, value) for value in (0.001, 0.1)),
)


@pytest.fixture
def trials():
    """Ten seeds: the weak penalty validates best on even seeds, the strong one on odd seeds."""
    correct = {"none": [24] * SEEDS, "l2(0.001)": [25] * SEEDS, "l2(0.1)": [27] * SEEDS}
    frame = make_trials(correct)
    even = frame["seed"] % 2 == 0
    frame["last_val_accuracy"] = np.where(even == (frame["variant"] == "l2(0.001)"), 0.95, 0.90)
    frame["last_val_cross_entropy"] = 0.5
    return frame


def family(trials):
    """The sweep's summary."""
    return summarize(trials, pd.DataFrame(), VARIANTS, asked()).datasets[0].families[0]


def test_the_parameter_is_picked_on_validation_and_judged_on_test(trials):
    """The tuned scores alternate as validation says, although the strong penalty tests better on every seed."""
    found = family(trials)
    assert found.tuned.scores == pytest.approx([25 / 30, 27 / 30] * 5)
    assert found.picks == (5, 5)
    assert found.tuned.comparison.difference.mean == pytest.approx(2 / 30)
    assert found.tuned.comparison.control == "none"


def test_what_was_chosen_on_the_test_rows_is_not_judged_by_them(trials):
    """The better of two equal members by its own test score is ahead by luck alone, so no verdict is made."""
    draw = np.random.default_rng(0)
    for name in ("none", "l2(0.001)", "l2(0.1)"):
        trials.loc[trials["variant"] == name, "last_test_correct"] = draw.binomial(30, 0.8, SEEDS)
    trials["last_val_accuracy"] = trials["last_test_correct"] / 30
    best = trials[trials["variant"] != "none"].groupby("seed")["last_test_correct"].max() / 30
    found = family(trials.assign(test_validates=True)).tuned
    assert found.scores == pytest.approx(best.to_numpy())
    assert (found.comparison.verdict, found.comparison.note) == ("undecided", "chosen on the rows that judge it")
    assert found.comparison.sentence.startswith("No verdict on L2, tuned")
    trials.loc[trials["variant"] != "none", "last_test_correct"] = 30.0
    sure = trials.assign(last_val_accuracy=0.9)
    assert family(sure).tuned.comparison.verdict == "better"
    assert family(sure.assign(test_validates=True)).tuned.comparison.verdict == "undecided"


def test_the_tuned_variant_counts_as_a_comparison_and_costs_the_whole_sweep(trials):
    """Two members and the tuned one make three simultaneous intervals; its seconds are those of both members."""
    dataset = summarize(trials, pd.DataFrame(), VARIANTS, asked()).datasets[0]
    assert dataset.comparisons == 3
    assert dataset.families[0].tuned.seconds == pytest.approx(3.0)
    assert dataset.families[0].tuned.rank is None


def test_equal_validation_scores_are_decided_by_cross_entropy_and_then_by_order(trials):
    """A tie on validation accuracy goes to the lower validation cross-entropy, and a full tie to the first member."""
    trials["last_val_accuracy"] = 0.9
    assert family(trials).picks == (10, 0)
    strong = (trials["variant"] == "l2(0.1)") & (trials["seed"] < 3)
    trials.loc[strong, "last_val_cross_entropy"] = 0.4
    assert family(trials).picks == (7, 3)


def test_a_member_that_failed_is_not_picked_and_a_seed_that_all_lost_is_lost(trials):
    """The other member stands in for a failed one; where both fail, the tuned variant fails."""
    trials.loc[(trials["variant"] == "l2(0.001)") & (trials["seed"] == 0), "status"] = "failed"
    trials.loc[trials["variant"].str.startswith("l2") & (trials["seed"] == 1), "status"] = "diverged"
    found = family(trials)
    assert found.tuned.seeds == (0, 2, 3, 4, 5, 6, 7, 8, 9)
    assert found.tuned.scores[0] == pytest.approx(27 / 30)
    assert (found.tuned.finished, found.tuned.failed) == (9, 1)
    assert found.tuned.comparison.dropped == 1


def test_a_seed_that_one_member_has_not_reached_waits(trials):
    """Tuning over half of a sweep would favour whoever came first."""
    part = trials[~((trials["variant"] == "l2(0.1)") & (trials["seed"] >= 6))]
    assert family(part).tuned.seeds == (0, 1, 2, 3, 4, 5)


def test_a_lower_validation_loss_is_picked():
    """For a loss the best member is the one with the lowest validation loss."""
    trials = make_trials({"none": CORRECT["l2"], "l2(0.001)": CORRECT["l2"], "l2(0.1)": CORRECT["baseline"]})
    trials["last_val_cross_entropy"] = np.where(trials["variant"] == "l2(0.1)", 0.2, 0.3)
    settings = asked(metric="cross_entropy")
    assert summarize(trials, pd.DataFrame(), VARIANTS, settings).datasets[0].families[0].picks == (0, 12)


def test_a_sweep_keeps_what_it_was_resolved_to(trials):
    """Members, values and titles are those of the family, for figure and leaderboard."""
    found = family(trials)
    members = ("l2(0.001)", "l2(0.1)")
    assert found == replace(found, family=SWEEP.name, title=SWEEP.title, members=members, values=(0.001, 0.1))
    assert (found.tuned.name, found.tuned.label, found.tuned.family) == (SWEEP.name, SWEEP.label, SWEEP.name)
