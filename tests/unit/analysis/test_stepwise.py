"""A step that adds a technique: the best by validation rows, where the corrected t says so for all candidates."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from support.studies import asked

from regfleet.analysis.runs import scores_alone
from regfleet.analysis.stepwise import take_step

BASE = np.array([0.80, 0.82, 0.78, 0.81, 0.79, 0.80])
GAINS = {"small": [0.01] * 5 + [0.02], "large": [0.05, 0.06, 0.07, 0.05, 0.06, 0.07], "none": [0, 0.01, -0.01, 0, 0, 0]}


def runs(scores):
    """Runs of which only validation scores are known."""
    seeds = np.arange(len(scores))
    return replace(scores_alone(seeds, np.full(len(scores), np.nan)), val_scores=np.array(scores))


def step(candidates, metric="accuracy", **settings):
    """The step of ``candidates`` from the base, of 300 training rows and 100 that validate."""
    named = {name: (name.title(), one) for name, one in candidates.items()}
    return take_step(runs(BASE), named, asked(metric), (300, 100), **{"fixed": False, **settings})


def test_the_best_is_added_where_its_corrected_t_excludes_zero_for_all_candidates():
    """By the variance of Nadeau and Bengio, at a third of alpha."""
    found = step({name: runs(BASE + gains) for name, gains in GAINS.items()})
    assert (found.name, found.label, found.clear) == ("large", "Large", True)
    d = np.array(GAINS["large"])
    half = stats.t.ppf(1 - 0.05 / 6, 5) * d.std(ddof=1) * np.sqrt(1 / 6 + 1 / 3)
    of = next(one.difference for one in found.candidates if one.name == "large")
    assert [of.low, of.high] == pytest.approx([d.mean() - half, d.mean() + half])
    assert not step({"none": runs(BASE + GAINS["none"])}).clear
    assert not step({"small": runs(BASE + np.tile([0.03, 0.0], 3))}).clear
    assert step({"small": runs(BASE + np.tile([0.03, 0.01], 3))}, fixed=True).clear
    assert step({"error": runs(BASE - GAINS["large"])}, metric="mse").clear


def test_runs_that_were_lost_speak_against_a_candidate_and_few_seeds_choose_nothing():
    """A lost run counts as the worst score of all; four seeds are too few."""
    large = runs(BASE + GAINS["large"])
    lost = replace(runs((BASE + GAINS["large"])[:4]), lost=np.array([4, 5]))
    found = step({"lost": lost, "small": runs(BASE + GAINS["small"])})
    assert (found.name, found.clear) == ("lost", False)
    of = found.candidates[0]
    assert of.seeds == 6
    worst = [*GAINS["large"][:4], BASE.min() - BASE[4], BASE.min() - BASE[5]]
    assert of.difference.mean == pytest.approx(np.mean(worst))
    few = take_step(runs(BASE[:4]), {"large": ("Large", large)}, asked(), (300, 100), fixed=False)
    assert not few.clear
    assert few.candidates[0].seeds == 4
