"""How many seeds, or how many more rows, a difference takes."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import TTestPower
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import detection, detections, summarize
from regfleet.analysis.intervals import estimate, interval
from regfleet.analysis.power import (
    detection_by_rows,
    power,
    power_by_rows,
    resolution_floor,
    seeds_for,
    smallest_effect,
)
from regfleet.analysis.row_rule import row_estimate
from regfleet.errors import InputError


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 20), (1.0, 10), (0.3, 100)])
def test_without_the_correction_power_is_that_of_the_t_test(effect, seeds):
    """With ratio 0 the power is statsmodels' for one side of the two-sided paired t-test."""
    oracle = TTestPower().power(effect, seeds, 0.025, alternative="larger")
    assert power(effect, 1.0, seeds, 0.0, 0.05) == pytest.approx(oracle, rel=1e-6)


def test_power_is_how_often_the_interval_is_clear():
    """Simulated means whose variance is the corrected one are called as often as `power` says."""
    rng = np.random.default_rng(2)
    seeds, ratio, effect = 15, 0.25, 1.6
    noise = rng.normal(size=(4000, seeds))
    common = rng.normal(scale=math.sqrt(ratio), size=(4000, 1))
    called = [interval(estimate(d, ratio), 0.05, 3).low > 0 for d in effect + noise + common]
    assert np.mean(called) == pytest.approx(power(effect, 1.0, seeds, ratio, 0.05, 3), abs=0.02)


def test_the_least_number_of_seeds_has_the_power_and_one_less_has_not():
    """Twice the pilot's sd takes so many seeds that one less is too few."""
    seeds = seeds_for(0.04, 0.03, 0.05, 0.05, 4)
    assert power(0.04, 0.03, seeds, 0.05, 0.05, 4) >= 0.9 > power(0.04, 0.03, seeds - 1, 0.05, 0.05, 4)


def test_five_seeds_are_the_least():
    """However large the effect, no study is planned below five seeds."""
    assert seeds_for(1.0, 0.001, 0.1, 0.05) == 5


def test_below_the_floor_only_more_rows_help():
    """One point on Iris takes no number of seeds; the factor on the rows brings the sd down until it does."""
    found = detection(0.01, 0.0217, 1 / 3, 0.05)
    assert found.seeds is None
    assert found.smallest > resolution_floor(0.0217, 1 / 3, 0.05) > 0.01
    more = 0.0217 / math.sqrt(found.rows_factor)
    assert smallest_effect(more, 1 / 3, 0.05) == pytest.approx(0.01)
    assert found.sentence == (
        "No number of seeds shows a difference of 1.0 points with a chance of 90\u202f%: the least that this many rows "
        "can show is 4.1 points. About 16 times the rows would."
    )


@pytest.mark.parametrize(
    ("effect", "times"), [(0.035, "1.3"), (0.01, "16"), (0.0036, "130"), (0.001, "1,600"), (0.0001, "160,000")]
)
def test_the_factor_on_the_rows_is_a_plain_number(effect, times):
    """Two digits without an exponent: (1.960 + 1.282)² · .0217² / 3 = .001649, over the squared effect."""
    assert f"About {times} times the rows would." in detection(effect, 0.0217, 1 / 3, 0.05).sentence


def test_a_difference_that_seeds_can_show_says_how_many():
    """The sentence names the seeds."""
    found = detection(0.05, 0.0217, 1 / 3, 0.05)
    assert found.rows_factor is None
    assert found.sentence == f"{found.seeds} seeds show a difference of 5.0 points with a chance of 90\u202f%."
    assert power(0.05, 0.0217, found.seeds, 1 / 3, 0.05) >= 0.9


def test_an_effect_of_three_floors_is_seen_with_ten_seeds():
    """Ten seeds see three resolution floors of eight comparisons in more than nine studies of ten."""
    three = 3 * resolution_floor(0.02, 1 / 3, 0.05, 8)
    assert power(three, 0.02, 10, 1 / 3, 0.05, 8) > 0.9


@pytest.mark.parametrize("effect", [0.0, -0.02, math.nan])
def test_no_difference_cannot_be_detected(effect):
    """A difference of zero or less is a mistake, said in one line."""
    with pytest.raises(InputError, match=r"the difference to detect must be above 0\. Got"):
        detection(effect, 0.02, 1 / 3, 0.05)


def test_a_pilot_plans_each_of_its_comparisons():
    """The pilot's sd, ratio and number of comparisons go into the plan; a variant without a second seed has none."""
    trials = make_trials(CORRECT | {"dropout": CORRECT["dropout"][:1]})
    dataset = summarize(trials, pd.DataFrame(), make_variants(CORRECT), asked()).datasets[0]
    planned = detections(dataset, asked(), 0.08)
    assert set(planned) == {"l2", "batchnorm"}
    assert planned["l2"].sd == pytest.approx(0.021711, abs=1e-6)
    assert planned["l2"].seeds == seeds_for(0.08, planned["l2"].sd, 1 / 3, 0.05, 3)
    assert "a difference of 8.0 points" in planned["l2"].sentence


def pilot(rows=200, seeds=10, rate=0.2, chance=1.0, effect=0.0, rng=None):
    """Cells of five-fold rounds: rows that keep their difference, and a share ``chance`` that draws it anew."""
    rng = rng or np.random.default_rng(0)
    shares = [(rate - effect) / 2, 1 - rate, (rate + effect) / 2]
    order = np.concatenate([rng.permutation(rows) for _ in range(seeds // 5)])
    own, anew = (rng.choice([-1.0, 0.0, 1.0], size, p=shares) for size in (rows, len(order)))
    values = np.where(rng.random(len(order)) < chance, anew, own[order])
    seed = np.repeat(np.arange(seeds), rows // 5)
    return row_estimate(seed, order, values, rows, rows * 3 // 5, counts=True)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_power_by_rows_is_no_more_than_how_often_the_interval_is_clear(chance):
    """Simulated studies with a known effect: rows that differ for good, and chance alone."""
    rng = np.random.default_rng(3)
    studies = [pilot(rate=0.3, chance=chance, effect=0.12, rng=rng) for _ in range(400)]
    clear = np.mean([of.interval(0.05).low > 0 for of in studies])
    planned = np.mean([power_by_rows(0.12, of.expected(10, 40, 0.05), of.rows, 0.05) for of in studies])
    assert 0.5 < planned < 0.95
    assert clear > planned - 0.05


def test_seeds_of_rows_come_in_fives_and_one_round_less_is_too_few():
    """Of ten seeds, in which chance rules, an effect of five points takes more; the half-widths say how many."""
    of = pilot(600)
    found = detection_by_rows(0.05, 0.03, of, (120, 360), 0.05, 8)
    halves = [of.expected(found.seeds - less, 120, 0.05, 8) for less in (0, 5)]
    enough, few = (power_by_rows(0.05, half, 600, 0.05, 8) for half in halves)
    assert found.seeds % 5 == 0
    assert enough >= 0.9 > few
    assert found.rule == "rows"
    assert found.sentence == f"{found.seeds} seeds show a difference of 5.0 points with a chance of 90\u202f% or more."


def test_more_rows_help_where_seeds_do_not():
    """With the rows that the factor asks for, the variance being so much less, unlimited seeds just show it."""
    of = pilot(600, chance=0.0)
    found = detection_by_rows(0.01, 0.03, of, (120, 360), 0.05, 8)
    assert found.seeds is None
    times = found.rows_factor
    more = replace(of, rows=round(600 * times), common=of.common / times, total=of.total / times)
    assert power_by_rows(0.01, more.limit(0.05, 8), more.rows, 0.05, 8) == pytest.approx(0.9, abs=0.01)
    # Without one disagreement ln(8/.05)/n is left open: half as much takes twice the rows.
    nothing = pilot(600, rate=0.0)
    assert nothing.limit(0.05, 8) == pytest.approx(math.log(160) / 600)
    one, two = (detection_by_rows(effect, 0.0, nothing, (120, 360), 0.05, 8) for effect in (0.004, 0.002))
    assert two.rows_factor == pytest.approx(2 * one.rows_factor)


def test_a_pilot_that_tested_no_row_twice_asks_for_another_round():
    """Five seeds do not tell rows from chance, so the worst is no verdict on what more seeds would show."""
    found = detection_by_rows(0.01, 0.03, pilot(seeds=5), (40, 120), 0.05)
    assert found.seeds is found.rows_factor is None
    assert found.sentence.endswith("say what more seeds show: run 10, then plan again.")
    assert detection_by_rows(0.5, 0.03, pilot(seeds=5), (40, 120), 0.05).seeds == 5


def test_comparisons_that_single_rows_judge_are_planned_by_them_and_others_say_why():
    """One variant with what its rows would show, one without."""
    dataset = summarize(make_trials(CORRECT), pd.DataFrame(), make_variants(CORRECT), asked()).datasets[0]
    rows, seeds = (
        replace(row.comparison, outlook=outlook, rule_why=why)
        for row, outlook, why in zip(dataset.shown, (pilot(150), None), ("", "no predictions were kept"), strict=False)
    )
    first, second, *_ = dataset.shown
    both = replace(dataset, variants=(replace(first, comparison=rows), replace(second, comparison=seeds)))
    planned = detections(both, asked(), 0.08)
    assert planned[first.name] == detection_by_rows(
        0.08, rows.sd, rows.outlook, (dataset.n_test, dataset.n_train), 0.05, dataset.comparisons
    )
    assert (planned[second.name].rule, planned[second.name].why) == ("seeds", "no predictions were kept")
