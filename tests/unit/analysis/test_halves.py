"""The conservative interval, from pairs of halves of the rows."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import asked, make_variants

from regfleet.analysis import detections, summarize
from regfleet.analysis.halves import halves_estimate
from regfleet.settings.values import PAIRS

SEEDS = np.array([0.02, 0.05, 0.03, 0.04, 0.06, 0.01])
HALF = np.linspace(-0.04, 0.05, 2 * PAIRS)
"""The mean difference on each half; those of a pair stand side by side."""


def test_the_interval_is_the_one_of_nadeau_and_bengio():
    """Three pairs written out: the variance is (.01² + .02² + .03²)/6, the factor the normal quantile of .05/(2·4)."""
    pairs = np.array([[0.10, 0.11], [0.08, 0.10], [0.12, 0.09]])
    of = halves_estimate(np.array([0.03, 0.0301, 0.0299, 0.03]), pairs)
    se = math.sqrt((0.0001 + 0.0004 + 0.0009) / 6)
    found = of.interval(0.05, 4)
    assert (found.low, found.mean, found.high) == pytest.approx((0.03 - 2.4977055 * se, 0.03, 0.03 + 2.4977055 * se))
    # The p-value is the level at which the interval ends at zero.
    p = of.p_value(4)
    assert of.interval(p, 4).low == pytest.approx(0, abs=1e-9)
    assert p == pytest.approx(4 * 2 * stats.norm.sf(0.03 / se))


def test_it_is_never_narrower_than_the_seeds_alone():
    """Where halves happen to agree, scipy's own t interval of the seeds stays."""
    of = halves_estimate(SEEDS, np.full((PAIRS, 2), 0.03))
    found = of.interval(0.05)
    around = stats.ttest_1samp(SEEDS, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((around.low, around.high))
    assert of.p_value() == pytest.approx(stats.ttest_1samp(SEEDS, 0).pvalue)
    assert math.isnan(halves_estimate(SEEDS, np.array([[0.1, math.nan]])).interval(0.05).low)
    assert math.isnan(halves_estimate(SEEDS, np.zeros((0, 2))).p_value())


def trials(metric="auc", half=HALF, lost=()):
    """Trials of a control that scores .6 and of a variant ahead by `SEEDS` on all rows and by ``half`` on halves.

    ``lost`` holds the (half, seed) where the variant failed.
    """
    rows = []
    for number, ahead in enumerate([SEEDS, *(np.full(6, one) for one in half)], -1):
        for seed in range(6):
            for variant, score in (("none", 0.6), ("l2", 0.6 + ahead[seed])):
                bad = variant == "l2" and (number, seed) in lost
                row = {"dataset": "toy", "variant": variant, "seed": seed, "half": number, "n_train": 90, "n_test": 30}
                row |= {"n_val": 30, "seconds": 1.0, "best_epoch": 1, "status": "failed" if bad else "done"}
                row |= {f"last_{part}_{metric}": math.nan if bad else score for part in ("train", "val", "test")}
                rows.append(row | {"last_val_accuracy": score, "last_val_cross_entropy": 1.0})
    return pd.DataFrame(rows)


def judged(frame, **settings):
    """The data set, and the comparison of its one variant."""
    question = asked(halves=True, **{"metric": "auc", **settings})
    found = summarize(frame, None, make_variants(["none", "l2"]), question).datasets[0]
    return found, next(row.comparison for row in found.variants if row.comparison), question


def test_a_study_is_judged_by_its_halves():
    """Neighbours of `HALF` form a pair; the report says which rule it was and that its user asked for it."""
    found, one, question = judged(trials())
    step = HALF[1] - HALF[0]
    assert (one.rule, one.verdict) == ("halves", "better")
    assert one.difference.high - one.difference.mean == pytest.approx(
        max(1.959964 * step / math.sqrt(2), stats.sem(SEEDS) * stats.t.isf(0.025, 5))
    )
    assert "--interval conservative" in found.judged
    assert len(one.seeds) == 6  # halves are no more seeds
    assert [row.finished for row in found.variants] == [6, 6]
    assert "wide on purpose" in found.headline[-1]
    wide = judged(trials(half=np.tile([0.3, -0.3], PAIRS)))[1]
    assert wide.difference.high - wide.difference.mean == pytest.approx(1.959964 * 0.6 / math.sqrt(2))
    assert wide.verdict == "undecided"
    assert "more rows may settle it" in wide.sentence
    # A difference just large enough to be seen in nine studies of ten: z(.975) + z(.9) standard errors.
    frame = trials(half=np.tile([0.3, -0.3], PAIRS))
    of = detections(judged(frame)[0], question, 0.2)["l2"]
    assert of.smallest == pytest.approx((1.959964 + 1.281552) * 0.6 / math.sqrt(2))
    assert of.rows_factor == pytest.approx((of.smallest / 0.2) ** 2)
    assert of.seeds is None


def test_no_verdict_without_every_half():
    """A half that nobody finished leaves the verdict open and says what to do, whatever the others show."""
    frame = trials()
    _, one, _ = judged(frame[(frame["half"] != 7) | (frame["variant"] == "none")])
    assert (one.rule, one.verdict, one.note) == ("halves", "undecided", "halves not trained")
    assert "same command" in one.sentence
    assert math.isnan(one.p)


def test_runs_that_failed_on_halves_count():
    """Runs lost on one half are scored as guessing, .5 of AUC: what that changes is withdrawn."""
    lost = {(0, seed) for seed in range(5)}
    assert judged(trials(lost=lost))[1].dropped == 5
    few = judged(trials(half=np.full(2 * PAIRS, 0.035), lost={(number, 0) for number in range(0, 2 * PAIRS, 2)}))[1]
    assert (few.verdict, few.withdrawn) == ("better", None)
    all_but_one = {(number, seed) for number in range(0, 2 * PAIRS, 2) for seed in range(5)}
    many = judged(trials(half=np.full(2 * PAIRS, 0.035), lost=all_but_one))[1]
    assert (many.verdict, many.withdrawn) == ("undecided", "better")


def test_scores_that_never_differ_are_no_equivalence():
    """A variant that is its control on all rows and all halves shows nothing of fresh rows."""
    frame = trials(half=np.zeros(2 * PAIRS))
    same = frame.assign(last_test_auc=0.6)
    assert judged(same)[1].verdict == "undecided"
