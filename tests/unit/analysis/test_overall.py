"""Several data sets at once, and ranks where variants ran on other seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.overall import overall

NAMES = ["none", "l2", "l1"]
BASE = np.array([20, 21, 22, 20, 21, 22])


def studied(shifts, rope=None):
    """Data sets of six seeds and 30 test rows on which l2 and l1 get so many rows more than the control."""
    scatter = np.array([-1, 0, 1, 1, 0, -1])
    frames = [
        make_trials({"none": BASE, "l2": BASE + l2 + scatter, "l1": BASE + l1 - scatter}, dataset=f"set{number}")
        for number, (l2, l1) in enumerate(shifts)
    ]
    trials = pd.concat(frames, ignore_index=True)
    return summarize(trials, None, make_variants(NAMES), asked(rope=rope, scope="this_dataset")), trials


def test_means_medians_counts_and_ranks_are_those_of_the_data_sets():
    """By hand from the frame: NumPy's mean and median, SciPy's ranks, and the verdicts counted."""
    summary, trials = studied([(3, -2), (2, -1), (3, -2), (0, -3), (4, -1), (2, -2)])
    found = {one.name: one for one in overall(summary).tallies}
    means = trials.pivot_table(index="dataset", columns="variant", values="last_test_correct") / 30
    ranks = stats.rankdata(-means[NAMES].to_numpy(), axis=1).mean(axis=0)
    for place, name in enumerate(NAMES):
        assert found[name].rank == pytest.approx(ranks[place])
    for name in NAMES[1:]:
        gain = (means[name] - means["none"]).to_numpy()
        assert (found[name].mean, found[name].median) == pytest.approx((gain.mean(), np.median(gain)))
        verdicts = [row.comparison.verdict for data in summary.datasets for row in data.variants if row.name == name]
        assert dict(found[name].verdicts) == {word: verdicts.count(word) for word in found[name].verdicts}
        assert found[name].across is next(one for one in summary.across.comparisons if one.name == name)
    assert [one.name for one in overall(summary).tallies] == ["l2", "l1", "none"]  # by mean, the control last
    assert overall(summary).headline[0] == "On average over 6 data sets, L2 is better than its control."
    assert not [one.note for one in found.values() if one.note]


def test_one_wild_data_set_that_makes_the_mean_is_named():
    """Where mean and median differ by more than the ROPE a note names the data set that pulls."""
    summary, _ = studied([(0, 0), (0, 0), (0, 0), (0, 0), (8, 0), (0, 0)])
    whole = overall(summary)
    (note,) = [one.note for one in whole.tallies if one.note]
    assert note.startswith("L2: the mean difference is +4.4 points, but the median 0.0 points;")  # 8/30/6 rows
    assert "set4 (+26.7) most" in note
    assert note in whole.headline


def test_of_many_such_variants_the_furthest_are_told_and_the_others_named():
    """Three sentences, and the rest in one: a preset of fifty must not fill the page."""
    names, scatter = ["none", *(f"l2_{number}" for number in range(5))], np.array([-1, 0, 1, 1, 0, -1])
    frames = [
        make_trials(
            {"none": BASE} | {name: BASE + scatter + wild * (4 + place) for place, name in enumerate(names[1:])},
            dataset=f"set{number}",
        )
        for number, wild in enumerate([0, 0, 0, 0, 1, 0])
    ]
    summary = summarize(pd.concat(frames, ignore_index=True), None, make_variants(names), asked(scope="this_dataset"))
    told = [one for one in overall(summary).headline if "median" in one]
    assert [one.partition(":")[0] for one in told[:3]] == ["L2_4", "L2_3", "L2_2"]
    assert told[3:] == ["Mean and median also disagree for L2_1 and L2_0: look at the single data sets."]


def test_few_data_sets_are_counted_and_get_no_verdict():
    """Below five: on how many each is better or worse, that five are the least; of one data set there is nothing."""
    summary, _ = studied([(4, 0), (4, -4), (4, 0)])
    whole = overall(summary)
    assert whole.headline[0] == "L2 is better than its control on all three data sets."
    assert whole.headline[1] == "L1 is worse than its control on one of three data sets."
    assert any("five are the least" in sentence for sentence in whole.headline)
    assert [one.across for one in whole.tallies] == [None] * 3
    assert overall(studied([(4, 0)])[0]) is None


def test_a_variant_with_fewer_seeds_is_ranked_as_it_was_compared():
    """On the ten seeds of both it is better; that the control's ten others were easier does not put it below."""
    control = [20, 21] * 5 + [27] * 10
    trials = make_trials({"none": control, "l2": [21, 22] * 5, "l1": [19, 20] * 10})
    (data,) = summarize(trials, None, make_variants(NAMES), asked(scope="this_dataset")).datasets
    rows = {row.name: row for row in data.variants}
    assert rows["l2"].score.mean < rows["none"].score.mean
    assert rows["l2"].comparison.difference.mean == pytest.approx(1 / 30)
    assert (rows["l2"].rank, rows["none"].rank, rows["l1"].rank) == (1, 2, 3)
    assert data.standing(rows["l2"], asked().metric) == pytest.approx((np.mean(control) + 1) / 30)
    assert [row.name for row in data.ordered(asked().metric)] == ["l2", "none", "l1"]


def test_no_difference_that_was_seen_is_called_too_small_to_be_seen():
    """A gain that hardly scatters is better however small; the floor of the other variant is not given as the study's.

    One that does not scatter at all is no verdict, and has no floor to give.
    """
    for wiggle, word in ((1e-5, "better"), (0.0, "undecided")):
        trials = make_trials({"none": BASE, "l2": BASE, "l1": BASE})
        gain = trials["variant"].map({"none": 0.0, "l2": 0.011, "l1": 0.0}) + 0.7
        gain += wiggle * (trials["variant"] == "l2") * (trials["seed"] % 2)
        trials["last_test_auc"] = gain + np.where(trials["variant"] == "l1", [0.02, -0.02] * (len(trials) // 2), 0.0)
        (data,) = summarize(trials, None, make_variants(NAMES), asked("auc", rope=0.005)).datasets
        rows = {row.name: row.comparison for row in data.variants}
        assert rows["l2"].verdict == word
        assert rows["l1"].floor > rows["l2"].difference.mean
        assert data.floor == (rows["l2"] if wiggle else rows["l1"]).floor
        (unseen,) = [sentence for sentence in data.headline if "cannot be seen" in sentence]
        assert ("depending on the variant" in unseen) == (word == "better")
