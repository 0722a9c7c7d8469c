"""Sentences that somebody who knows no statistics can act on."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import summarize

JARGON = re.compile(
    r"signific|p-value|\bp ?[=<]|hypothes|null|bonferroni|wilcoxon|confidence|alpha|nan|\binf", re.IGNORECASE
)
BETTER = [27, 28, 28, 29, 27, 28, 29, 28, 27, 28]
WORSE = [10, 11, 12, 10, 11, 12, 10, 11, 12, 11]
MIDDLE = [20, 21, 21, 22, 20, 21, 22, 21, 20, 21]


def analysed(correct, n_test=30, **settings):
    """The one data set of these counts, and the sentence of each compared variant."""
    trials = make_trials(correct, n_train=3 * n_test, n_test=n_test)
    found = summarize(trials, pd.DataFrame(), make_variants(list(correct)), asked(**settings)).datasets[0]
    return found, {row.name: row.comparison.sentence for row in found.variants if row.comparison is not None}


def test_better_says_use_it_and_by_how_much():
    """A gain is advice with a range, in points of the metric on new data."""
    # seven rows of thirty on each seed: 23.3 ± 226.2 · 1 / (30 √10) · √(1/10 + 1/3) = 23.3 ± 1.57
    sentence = analysed({"none": MIDDLE, "l2": BETTER})[1]["l2"]
    assert sentence == "Prefer L2 to None: it raises accuracy on new data by about 23.3 points (21.8 to 24.9)."


def test_worse_says_avoid_it():
    """A loss is advice against."""
    sentence = analysed({"none": MIDDLE, "l2": WORSE})[1]["l2"]
    # 99 rows of 300 less, sd .0429: 33.0 ± 226.2 · .0429 · √(1/10 + 1/3) = 33.0 ± 6.4
    assert sentence == "Avoid L2: it lowers accuracy on new data by about 33.0 points (26.6 to 39.4) against None."


def test_a_gain_that_may_be_small_says_so():
    """Better, but perhaps by less than the ROPE."""
    sentence = analysed({"none": MIDDLE, "l2": BETTER}, rope=0.22)[1]["l2"]
    assert sentence.endswith("though perhaps by less than the 22.0 points that matter.")


def test_equivalent_says_take_the_simpler_one():
    """Within the ROPE there is nothing to choose, and a tiny certain gain is called tiny."""
    rows = np.array([900, 905, 910, 902, 904, 906, 903, 908, 901, 907])
    same = analysed({"none": rows, "l2": rows + np.array([0, 1, -1, 0, 1, -1, 0, 0, 1, -1])}, n_test=1000)[1]["l2"]
    assert same == "On new data, L2 and None are within 1.0 points of each other in accuracy: take the simpler one."
    tiny = analysed({"none": rows, "l2": rows + 5}, n_test=1000)[1]["l2"]
    assert "a gain of about 0.5 points is real but too small to matter" in tiny


def test_undecided_gives_the_range_and_what_would_help():
    """A difference that may be anything is said as a range; with a wide floor more rows are what helps."""
    sentences = analysed(CORRECT)[1]
    assert sentences["l2"] == (
        "Undecided: on new data, L2 may be anything from 1.7 points worse to 6.2 points better than Baseline in "
        "accuracy; more seeds may settle it."
    )
    assert sentences["dropout"].endswith("; more seeds alone will hardly settle it, more rows would.")


@pytest.mark.parametrize(("look", "looks", "more"), [(1, 1, True), (1, 2, True), (2, 3, True), (2, 2, False)])
def test_after_the_last_look_no_more_seeds_are_promised(look, looks, more):
    """Seeds that the study will not add cannot settle anything; before that, and without looks, they may."""
    sentence = analysed(CORRECT, look=look, looks=looks)[1]["l2"]
    assert sentence.startswith("Undecided: ")
    assert ("; more seeds may settle it." in sentence) == more
    assert sentence.endswith("; the last look left it open, and more rows may settle it.") != more


def test_after_the_last_look_on_these_rows_other_rows_are_no_help():
    """Where the question is about these rows, more rows would be another question."""
    last = analysed(CORRECT, look=2, looks=2, scope="this_dataset", alpha=0.01)[1]["l2"]
    assert last.endswith(" in accuracy; the last look left it open.")


def test_a_loss_is_lowered_not_raised():
    """For a metric of which less is better, better means lower, in the metric's own unit."""
    sentence = analysed({"none": MIDDLE, "l2": BETTER[::-1]}, metric="cross_entropy")[1]["l2"]
    assert sentence.startswith("Prefer L2 to None: it lowers cross-entropy on new data by about 0.014 (")


def test_too_few_seeds_say_how_many_are_missing():
    """Three seeds are no verdict, and five are named."""
    sentence = analysed({"none": MIDDLE[:3], "l2": BETTER[:3]})[1]["l2"]
    assert sentence == "No verdict on L2 yet: it and None finished three seeds in common, and five are the least."


@pytest.mark.parametrize(
    ("correct", "first"),
    [
        (
            {"none": CORRECT["baseline"], "l2": CORRECT["l2"], "dropout": CORRECT["dropout"]},
            "Twelve seeds cannot separate these techniques on iris: no variant is clearly better than None.",
        ),
        (CORRECT, "No technique is clearly better than Baseline on iris, and Batchnorm is clearly worse."),
        (
            {"none": MIDDLE, "l2": BETTER, "l1": WORSE},
            (
                "L2 is better than None on iris: it raises accuracy on new data by about 23.3 points (21.5 to 25.2), "
                "ahead on 10 of 10 seeds."
            ),
        ),
        ({"none": MIDDLE[:4], "l2": BETTER[:4]}, "Four seeds cannot give a verdict on iris: five are the least."),
        ({"none": MIDDLE}, "Nothing on iris has a control to be compared with."),
    ],
)
def test_the_headline_says_what_the_study_found(correct, first):
    """The first sentence is the result, in words that fit the verdicts."""
    assert analysed(correct)[0].headline[0] == first


def test_the_headline_says_how_finely_the_study_can_see():
    """The floor is in it, in points, for new data only."""
    new_data = analysed(CORRECT)[0]
    assert new_data.headline[-1] == (
        "Differences under about 3.0 to 3.5 points, depending on the variant, cannot be seen for new data, however "
        "many seeds are run; more rows or more data sets would show them."
    )
    rows = analysed(CORRECT, scope="this_dataset")[0]
    assert rows.headline[-1] == "All of this is about random splits of these rows; new rows may say otherwise."


def test_equivalent_techniques_make_a_headline_of_their_own():
    """Where nothing makes a difference, the simplest is the advice."""
    rows = np.array([9000, 9050, 9100, 9020, 9040, 9060, 9030, 9080, 9010, 9070])
    dataset = analysed({"none": rows, "l2": rows + 3, "l1": rows - 2}, n_test=10_000)[0]
    assert dataset.headline[0] == (
        "On iris none of these techniques makes a difference that matters: take the simplest."
    )


def test_a_clear_lead_is_called_clear_and_another_is_not():
    """The sentence on the lead follows its interval."""
    clear = analysed({"none": MIDDLE, "l2": BETTER, "l1": WORSE})[0].lead
    assert clear.clear
    assert (
        clear.sentence == "L2 is clearly ahead of the runner-up, None, on new data: by about 23.3 points in accuracy."
    )
    luck = analysed(CORRECT)[0].lead
    assert (
        luck.sentence
        == "L2 has the best average accuracy, 93.3\u202f%, but its lead of 1.7 points over Dropout may be luck."
    )


counts = st.integers(0, 30)
studies = st.integers(1, 8).flatmap(
    lambda n: st.lists(st.lists(counts, min_size=n, max_size=n), min_size=1, max_size=4)
)


@settings(max_examples=60, deadline=None)
@given(studies, st.sampled_from(["new_data", "this_dataset"]), st.sampled_from(["accuracy", "cross_entropy"]))
def test_no_study_is_told_in_jargon(rows, scope, metric):
    """Whatever the scores, every sentence is one, names its variant, and has no term of statistics and no NaN."""
    correct = {f"v{number}": row for number, row in enumerate(rows)}
    dataset, sentences = analysed(correct, scope=scope, metric=metric)
    said = [*dataset.headline, *dataset.warnings, *sentences.values()]
    if dataset.lead is not None:
        said.append(dataset.lead.sentence)
    for text in said:
        assert not JARGON.search(text), text
        assert text[0].isupper()
        assert text.endswith(".")
    assert all(name.title() in text for name, text in sentences.items())
