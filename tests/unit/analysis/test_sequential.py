"""Seeds until the answer is clear."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import planned_looks, summarize, take_look
from regfleet.analysis.intervals import estimate, excludes_zero, interval
from regfleet.analysis.question import spent
from regfleet.settings.values import Family

LOOKS = (10, 20, 30)


@pytest.mark.parametrize("looks", [1, 3, 5])
def test_the_looks_spend_alpha_exactly(looks):
    """The shares add up to alpha, and each is twice the one before."""
    shares = [spent(0.05, look, looks) for look in range(1, looks + 1)]
    assert sum(shares) == pytest.approx(0.05)
    assert all(later == pytest.approx(2 * sooner) for sooner, later in pairwise(shares))


@pytest.mark.parametrize(
    ("ratio", "looks"),
    [
        (1 / 3, (10, 20, 30)),
        (0.0, (10, 20, 40, 80, 160)),
        (0.125, (10, 20, 40, 80)),
        (0.01, (10, 20, 40, 80, 160)),
        (2.0, (10,)),
        (31 / 89, (10, 20, 30)),  # 28.7 seeds, in whole rounds of five
    ],
)
def test_looks_stop_where_more_seeds_add_nothing(ratio, looks):
    """The last look is the useful number of seeds, ten at least and 160 at most."""
    assert planned_looks(ratio) == looks


def look(correct, number, looks=LOOKS, **settings):
    """What look ``number`` says of these counts of correct rows."""
    question = asked(look=number, looks=len(looks), **settings)
    trials, variants = make_trials(correct), make_variants(list(correct))
    return take_look(summarize(trials, pd.DataFrame(), variants, question).datasets[0], question, looks)


def test_settled_variants_stop_and_open_ones_go_on():
    """A clear loss is settled at the first look, while a difference that more seeds may show goes on to the next."""
    rng = np.random.default_rng(0)
    none = 24 + rng.integers(-2, 3, 10)
    found = look({"none": none, "bad": none - 12 + rng.integers(-1, 2, 10), "open": none + rng.integers(1, 5, 10)}, 1)
    assert found.settled == ("bad",)
    assert found.undecided == ("open",)
    assert found.next_seeds == 20
    assert found.running == ("open", "none")  # the control runs with it
    assert found.alpha == pytest.approx(0.05 / 7)
    assert found.reason == "On to 20 seeds on iris: 1 undecided after 10."


def test_an_undecided_sweep_keeps_all_of_its_members_running():
    """A member that is settled for itself still trains while the tuned variant is undecided."""
    rng = np.random.default_rng(0)
    none = 24 + rng.integers(-2, 3, 10)
    correct = {"none": none, "strong": none - 12 + rng.integers(-1, 2, 10), "weak": none + rng.integers(1, 5, 10)}
    trials, variants = make_trials(correct), make_variants(list(correct))
    trials["last_val_accuracy"] = np.where(trials["variant"] == "weak", 0.9, 0.5)
    swept = [replace(one, family=Family("sweep", "Sweep", "Sweep, tuned")) if one.control else one for one in variants]
    question = asked(look=1, looks=3)
    found = take_look(summarize(trials, pd.DataFrame(), swept, question).datasets[0], question, LOOKS)
    assert found.settled == ("strong",)
    assert found.undecided == ("weak", "sweep")
    assert found.running == ("weak", "none", "strong")


def test_it_stops_when_everything_is_settled():
    """No undecided variant, no more seeds."""
    none = np.array([24, 25, 26, 24, 25, 26, 24, 25, 26, 25])
    found = look({"none": none, "bad": none - 12 + none % 2}, 1)
    assert found.next_seeds is None
    assert found.reason == "Stopped on iris after 10 seeds: every comparison is settled."


def test_it_stops_where_no_number_of_seeds_can_decide():
    """A difference around zero with a wide floor is hopeless at the first look, and more rows are named."""
    none = np.array([24, 26, 25, 24, 26, 25, 24, 26, 25, 25])
    noise = np.array([3, -3, 3, -3, 3, -3, 3, -3, 3, -3])
    found = look({"none": none, "same": none + noise}, 1)
    assert found.hopeless == ("same",)
    assert found.next_seeds is None
    assert "no number of seeds will decide" in found.reason
    assert "more rows" in found.reason


def test_what_more_seeds_may_show_to_be_equivalent_is_not_hopeless():
    """No difference and a floor below the ROPE: more seeds will end it as equivalent, so the study goes on."""
    none = np.array([24, 26, 25, 24, 26, 25, 24, 26, 25, 25])
    noise = np.array([1, -1, 0, 0, 0, 1, -1, 0, 1, -1])
    correct = {"none": none, "same": none + noise}
    # sd .0272, floor at the last look's alpha 4/140: 2.19 · .0272 / √3 = .0344
    assert look(correct, 1, rope=0.05).undecided == ("same",)
    assert look(correct, 1, rope=0.03).hopeless == ("same",)


def test_the_same_scatter_about_these_rows_is_never_hopeless():
    """With scope this_dataset each seed helps, so the study goes on."""
    none = np.array([24, 26, 25, 24, 26, 25, 24, 26, 25, 25])
    noise = np.array([3, -3, 3, -3, 3, -3, 3, -3, 3, -3])
    assert look({"none": none, "same": none + noise}, 1, scope="this_dataset").next_seeds == 20


def test_the_last_look_is_the_end():
    """An undecided variant at the last look stops the study and is counted."""
    none = np.array([24, 26, 25, 24, 26, 25, 24, 26, 25, 25])
    noise = np.array([3, -3, 3, -3, 3, -3, 3, -3, 3, -3])
    found = look({"none": none, "same": none + noise}, 1, looks=(10,), scope="this_dataset")
    assert (found.undecided, found.next_seeds) == (("same",), None)
    assert found.reason == "Stopped on iris at the last look, 10 seeds, with 1 undecided."


def test_a_verdict_of_an_early_look_stands_at_a_later_one(study):
    """A settled variant gets no more seeds, and the larger share of alpha of a later look keeps its verdict."""
    trials, histories, variants = study
    early = asked(look=2, looks=3, alpha=0.1)
    for settings in (early, replace(early, look=3)):
        rows = {row.name: row for row in summarize(trials, histories, variants, settings).datasets[0].variants}
        assert rows["batchnorm"].comparison.verdict == "worse"


def test_looking_again_and_again_stays_below_alpha():
    """Over 4,000 studies without a difference, five looks at up to 160 seeds claim one in at most 5 % of them."""
    d = np.random.default_rng(5).normal(size=(4000, 160))
    looks = planned_looks(0.0)
    claimed = np.zeros(len(d), dtype=bool)
    naive = np.zeros(len(d), dtype=bool)
    for number, seeds in enumerate(looks, 1):
        level = spent(0.05, number, len(looks))
        claimed |= [excludes_zero(interval(estimate(one[:seeds], 0.0), level)) for one in d]
        naive |= [excludes_zero(interval(estimate(one[:seeds], 0.0), 0.05)) for one in d[:1000]] + [False] * 3000
    assert 0.02 < claimed.mean() <= 0.05
    assert naive[:1000].mean() > 0.1
