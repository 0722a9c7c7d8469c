"""What more seeds would make of an undecided comparison."""

import math

import numpy as np
import pytest
from scipy import stats

from regfleet.analysis.intervals import NOT_YET, decide, estimate, excludes_zero, interval, sd_floor
from regfleet.analysis.prospects import LIKELY, Ahead, chance_of_verdict, what_it_takes
from regfleet.analysis.question import Question, spent
from regfleet.analysis.row_rule import row_estimate
from regfleet.analysis.sequential import GLANCE, planned_looks
from regfleet.analysis.variant import Comparison


def compared(mean, sd, seeds, rope=0.01, ratio=0.0, alpha=0.05):
    """A comparison with this mean difference and scatter over so many seeds, one score each."""
    d = stats.norm.ppf((np.arange(seeds) + 0.5) / seeds)
    of = estimate(mean + sd * (d - d.mean()) / d.std(ddof=1), ratio)
    around = interval(of, alpha)
    verdict, note = decide(around, rope, seeds)
    return Comparison("none", tuple(range(seeds)), (), around, of.sd, math.nan, 0, 0, 0, rope, math.nan, verdict, note)


@pytest.mark.parametrize(
    ("mean", "sd", "now", "rope", "ratio"),
    [(0.02, 0.03, 10, 0.01, 0.0), (0.0, 0.02, 5, 0.03, 0.1), (-0.03, 0.03, 5, 0.01, 1 / 3), (0.004, 0.01, 10, 0.02, 0)],
)
def test_the_chance_is_that_of_seeds_drawn_by_what_was_seen(mean, sd, now, rope, ratio):
    """Scatter and true mean are drawn as ten or five normal seeds leave them open, then the seeds up to thirty."""
    rng = np.random.default_rng(0)
    draws = 200_000
    scatter = sd * np.sqrt((now - 1) / rng.chisquare(now - 1, draws))
    true = rng.normal(mean, scatter / math.sqrt(now))
    more = rng.normal(true, scatter / math.sqrt(30 - now))
    after = (now * mean + (30 - now) * more) / 30
    half = stats.t.isf(0.03 / 2 / 4, 29) * sd * math.sqrt(1 / 30 + ratio)
    expected = ((np.abs(after) > half) | (np.abs(after) <= rope - half)).mean()
    found = chance_of_verdict(compared(mean, sd, now, rope, ratio), Ahead(30, 0.03, 4, ratio, 30, 150))
    assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(("rows", "chance"), [(550, 0.0), (600, 1.0)])
def test_a_technique_that_does_nothing_goes_on_where_rows_can_show_it(rows, chance):
    """Eight comparisons, a last look with .0286 of alpha: ln(8 / .0286) / .01 = 564 rows, if all go on to agree."""
    alpha = spent(0.05, 3, 3)
    assert 550 < math.log(8 / alpha) / 0.01 < 600
    places = np.arange(rows)
    alike = row_estimate(places % 5, places, np.zeros(rows), rows, rows * 3 // 5, counts=True)
    around = alike.interval(spent(0.05, 1, 3), 8)
    sd = sd_floor(rows // 5, 5)
    one = Comparison(
        "none", tuple(range(5)), (0.0,) * 5, around, sd, 1, 0, 5, 0, 0.01, 0, "undecided", NOT_YET, outlook=alike
    )
    assert chance_of_verdict(one, Ahead(30, alpha, 8, 1 / 3, rows // 5, rows)) == chance


def test_what_it_takes_is_said_in_seeds_or_in_rows():
    """By hand: the half-width that more seeds leave has to come down to the mean that was seen, .02."""
    one = compared(0.02, 0.1, 10)
    seeds = next(n for n in range(5, 1000, 5) if stats.t.isf(0.005, n - 1) * 0.1 / math.sqrt(n) <= 0.02)
    assert what_it_takes(one, Ahead(80, 0.02, 2, 0.0, 30, 150)) == f"about {seeds} seeds"
    assert what_it_takes(one, Ahead(30, 0.02, 2, 0.0, 30, 150)) == "more than 120 seeds"
    rows = 150 * (stats.norm.isf(0.005) * 0.1 * math.sqrt(1 / 3) / 0.02) ** 2
    said = what_it_takes(compared(0.02, 0.1, 10, ratio=1 / 3), Ahead(30, 0.02, 2, 1 / 3, 30, 150))
    assert said == f"about {float(f'{rows:.2g}'):,.0f} rows"


def test_what_stops_makes_no_more_false_claims_and_saves_seeds():
    """Eight variants against one control, all equal: claims stay below alpha, at six tenths of the seeds."""
    rng = np.random.default_rng(3)
    looks = planned_looks(0.0)
    ahead = Ahead(looks[-1], spent(0.05, len(looks), len(looks)), 8, 0.0, 30, 0)
    wrong, used, most = [], 0, 0
    for _ in range(150):
        scores = rng.normal(size=(9, looks[-1]))
        claims = False
        for d in scores[1:] - scores[0]:
            for number, seeds in enumerate((GLANCE, *looks)):
                of = estimate(d[:seeds], 0.0)
                around = interval(of, spent(0.05, max(number, 1), len(looks)), 8)
                claims |= number > 0 and excludes_zero(around)
                one = Comparison(
                    "", tuple(range(seeds)), (), around, of.sd, 1, 0, 0, 0, 0.0, 0.0, *decide(around, 0.0, seeds)
                )
                if (number and excludes_zero(around)) or chance_of_verdict(one, ahead) < LIKELY:
                    break
            used, most = used + seeds, most + looks[-1]
        wrong.append(claims)
    assert np.mean(wrong) <= 0.05
    assert used < 0.6 * most


def test_what_stopped_spends_the_share_of_its_own_look():
    """With looks at 10, 20 and 30 the shares are 1, 2 and 4 sevenths, never of a look that is still to come."""
    question = Question(look=3, looks=3, planned=(10, 20, 30))
    assert [7 * question.alpha_at(seeds) / 0.05 for seeds in (5, 10, 19, 20, 30)] == pytest.approx([1, 1, 1, 2, 4])
    assert Question(look=1, looks=3, planned=(10, 20, 30)).alpha_at(30) == pytest.approx(0.05 / 7)
    assert Question().alpha_at(10) == 0.05
    assert [question.claims(seeds) for seeds in (5, 10)] == [False, True]
