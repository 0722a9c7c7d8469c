"""What must hold of every verdict, whatever the scores."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.intervals import decide, estimate, interval

MIRROR = {"better": "worse", "worse": "better", "equivalent": "equivalent", "undecided": "undecided"}
pairs = st.integers(5, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(5, 25), min_size=n, max_size=n) for _ in range(2)])
)
losses = st.lists(st.floats(0.1, 3.0), min_size=10, max_size=10)


def compared(correct, **settings):
    """The comparison of the second of two variants with the first."""
    summary = summarize(make_trials(correct), pd.DataFrame(), make_variants(correct), asked(**settings))
    rows = {row.name: row for row in summary.datasets[0].variants}
    return rows[list(correct)[1]].comparison


def verdict(differences, rope=0.01):
    """The verdict on differences, for 90 training and 30 test rows."""
    values = np.asarray(differences, dtype=float)
    return decide(interval(estimate(values, 1 / 3), 0.05), rope, len(values))[0]


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_swapping_variant_and_control_mirrors_the_verdict(pair):
    """Better becomes worse, and the interval turns its sign."""
    there = compared({"none": pair[0], "l2": pair[1]})
    back = compared({"none": pair[1], "l2": pair[0]})
    assert back.verdict == MIRROR[there.verdict]
    assert np.isclose(back.difference.low, -there.difference.high)
    assert (back.wins, back.ties, back.losses) == (there.losses, there.ties, there.wins)
    assert np.isclose(back.p, there.p)


@settings(max_examples=40, deadline=None)
@given(pairs, st.integers(-5, 5))
def test_shifting_both_changes_nothing(pair, shift):
    """The same number of rows more for both sides leaves interval and verdict alone."""
    there = compared({"none": pair[0], "l2": pair[1]})
    moved = compared({"none": [k + shift for k in pair[0]], "l2": [k + shift for k in pair[1]]})
    assert moved.verdict == there.verdict
    assert moved.differences == there.differences


@given(st.lists(st.floats(-0.3, 0.3), min_size=5, max_size=40), st.floats(1.0, 10.0))
def test_more_noise_never_makes_an_undecided_verdict_certain(differences, factor):
    """With the same mean and more scatter, undecided stays undecided."""
    values = np.array(differences)
    noisier = values.mean() + factor * (values - values.mean())
    if verdict(values) == "undecided":
        assert verdict(noisier) == "undecided"


@settings(max_examples=25, deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(pair, random):
    """A shuffled frame gives the same Summary to the last bit."""
    correct = {"none": pair[0], "l2": pair[1]}
    trials, variants = make_trials(correct), make_variants(correct)
    order = list(range(len(trials)))
    random.shuffle(order)
    there = summarize(trials, pd.DataFrame(), variants, asked())
    shuffled = summarize(trials.iloc[order], pd.DataFrame(), variants, asked())
    assert repr(shuffled) == repr(there)


@given(losses, losses, st.sampled_from([2.0**-6, 0.5, 4.0, 2.0**10]))
def test_scaling_a_metric_and_its_rope_together_changes_nothing(control, variant, factor):
    """A loss in other units has the same verdict."""
    d = np.array(control) - np.array(variant)
    assert verdict(d * factor, 0.01 * factor) == verdict(d, 0.01)


@given(st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=40), st.integers(1, 20))
def test_the_interval_is_wider_for_new_data_and_for_more_comparisons(differences, comparisons):
    """New data are less certain than these rows, and each further comparison costs certainty."""
    values = np.array(differences)
    narrow = interval(estimate(values, 0.0), 0.05)
    corrected = interval(estimate(values, 1 / 3), 0.05)
    simultaneous = interval(estimate(values, 1 / 3), 0.05, comparisons)
    assert simultaneous.low <= corrected.low <= narrow.low <= narrow.high <= corrected.high <= simultaneous.high


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_the_p_value_decides_as_the_interval_does(pair):
    """The p-value is below alpha exactly where the interval that is drawn excludes zero."""
    found = compared({"none": pair[0], "l2": pair[1]})
    assert (found.p < 0.05) == (found.difference.low > 0 or found.difference.high < 0)
