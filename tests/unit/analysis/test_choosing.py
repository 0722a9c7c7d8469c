"""What to choose where no verdict decides: chances and losses, from the intervals that make the verdicts."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import choosing, summarize
from regfleet.predictions import Predictions

SD = 1 / 10 + 1 / 3
"""1/N + n_test/n_train of ten seeds."""


def analysed(correct, *, columns=None, predictions=None, shares=None, variants=None, **settings):
    """The one data set of these counts of correct rows of thirty."""
    trials = make_trials(correct).assign(**(columns or {}))
    given = None if predictions is None else lambda _: iter(predictions.items())
    variants = variants or make_variants(list(correct))
    return summarize(trials, None, variants, asked(**settings), shares, predictions=given).datasets[0]


@pytest.fixture
def as_measured(monkeypatch):
    """Differences that know nothing of each other's size."""
    monkeypatch.setattr(choosing, "shrunken", lambda found, _: found)


@pytest.mark.usefixtures("as_measured")
def test_of_two_the_odds_are_those_of_the_corrected_t():
    """Chances as SciPy's t has them at zero and at the ROPE, the losses as its mean beyond zero."""
    pair = {name: CORRECT[name][:10] for name in ("baseline", "l2")}
    d = (np.array(pair["l2"]) - pair["baseline"]) / 30
    t = stats.t(9, d.mean(), d.std(ddof=1) * math.sqrt(SD))
    odds = {one.name: one for one in analysed(pair).odds}
    assert odds["l2"].best == pytest.approx(t.sf(0), abs=0.015)  # of ten thousand draws
    assert odds["baseline"].best == pytest.approx(t.cdf(0), abs=0.015)
    assert odds["l2"].matters == pytest.approx(t.sf(0.01), abs=0.015)
    assert math.isnan(odds["baseline"].matters)
    assert odds["baseline"].loss == pytest.approx(t.expect(lambda x: max(x, 0)), abs=4e-4)
    assert odds["l2"].loss == pytest.approx(t.expect(lambda x: max(-x, 0)), abs=4e-4)
    assert analysed(pair).odds == analysed(pair).odds


@pytest.mark.usefixtures("as_measured")
def test_of_several_the_odds_are_joint_over_the_seeds_that_they_share():
    """A multivariate t with the covariance of the paired differences, drawn here by NumPy; a twin takes half."""
    correct = {"none": CORRECT["baseline"], "a": CORRECT["l2"], "twin": CORRECT["l2"], "b": CORRECT["batchnorm"]}
    scores = np.array(list(correct.values())) / 30
    d, draw = scores[1:] - scores[0], np.random.default_rng(0)
    covariance = np.cov(d) * (1 / 12 + 1 / 3)
    normal = draw.multivariate_normal(np.zeros(3), covariance, 40_000, method="svd")
    drawn = d.mean(axis=1) + normal * np.sqrt(11 / draw.chisquare(11, (40_000, 1)))
    drawn = np.column_stack([np.zeros(len(drawn)), drawn.round(12)])
    leads = drawn == drawn.max(axis=1, keepdims=True)
    expected = (leads / leads.sum(axis=1, keepdims=True)).mean(axis=0)
    losses = (drawn.max(axis=1, keepdims=True) - drawn).mean(axis=0)
    odds = {one.name: one for one in analysed(correct).odds}
    for name, best, loss in zip(correct, expected, losses, strict=True):
        tolerance = 0.02 if name not in ("a", "twin") else 0.5
        assert odds[name].best == pytest.approx(best, abs=tolerance)
        assert odds[name].loss == pytest.approx(loss, abs=1e-3)
    assert odds["a"].best + odds["twin"].best == pytest.approx(expected[1:3].sum(), abs=0.02)
    assert sum(one.best for one in odds.values()) == pytest.approx(1)


def test_chances_are_shrunken_as_the_hierarchical_model_says():
    """Scores drawn from the prior by SciPy and weighed by how likely they make the differences, two million of them."""
    mean, covariance, size = np.array([0.03, 0.01, -0.005]), 1e-4 * np.array([[4, 2, 1], [2, 3, 1], [1, 1, 2]]), 0.01
    draw = np.random.default_rng(3)
    normal = draw.standard_normal((3, 10_000))
    normal -= normal.mean(axis=1, keepdims=True)
    normal = np.linalg.solve(np.linalg.cholesky(np.cov(normal)), normal)  # of these moments to the last digit
    found = choosing.shrunken(mean[:, None] + np.linalg.cholesky(covariance) @ normal, size)
    spread = stats.halfcauchy(scale=size).rvs(2_000_000, random_state=draw)
    scores = spread * stats.t(3).rvs((4, 2_000_000), random_state=draw)
    true = scores[1:] - scores[0]
    weights = stats.multivariate_normal(mean, covariance).pdf(true.T)
    weights /= weights.sum()
    expected = true @ weights
    np.testing.assert_allclose(found.mean(axis=1), expected, atol=4e-4)
    np.testing.assert_allclose(found.std(axis=1), np.sqrt((true - expected[:, None]) ** 2 @ weights), rtol=0.03)
    np.testing.assert_allclose((found > size).mean(axis=1), (true > size) @ weights, atol=0.01)
    assert 0 < expected[0] < mean[0]


def test_of_equals_none_is_nearly_sure_to_be_the_best():
    """Of nine that differ by chance alone one looks best, and has no great chance to be."""
    draw = np.random.default_rng(5)
    correct = {"none": draw.binomial(30, 0.7, 10)} | {f"t{one}": draw.binomial(30, 0.7, 10) for one in range(8)}
    odds = analysed(correct).odds
    assert max(one.best for one in odds) < 0.5
    assert sum(one.best for one in odds) == pytest.approx(1)


def rows_of(right):
    """Predictions of 30 of 150 rows on each of ten seeds, (seeds, 30) ``right``, dealt so that each is tested twice."""
    seeds = np.repeat(np.arange(10), 30)
    rows = np.concatenate([np.arange(30) + 30 * (seed % 5) for seed in range(10)]).astype(np.int32)
    target = (rows % 2).astype(float)
    said = np.where(np.asarray(right).ravel(), target, 1 - target)
    return Predictions(seeds, rows, target, said)


@pytest.mark.usefixtures("as_measured")
def test_where_single_rows_judge_the_odds_are_those_of_their_interval():
    """The chance beyond the lower end of a two-sided interval at alpha is 1 − alpha/2, at every alpha."""
    draw = np.random.default_rng(2)
    control = draw.random((10, 30)) < 0.6
    better = control | (draw.random((10, 30)) < 0.4)
    correct = {"none": control.sum(axis=1), "l2": better.sum(axis=1)}
    predictions = {"none": rows_of(control), "l2": rows_of(better)}
    columns = {"n_rows": 150}
    for alpha in (0.4, 0.05, 0.001):
        low = (
            analysed(correct, columns=columns, predictions=predictions, alpha=alpha)
            .variants[0]
            .comparison.difference.low
        )
        dataset = analysed(correct, columns=columns, predictions=predictions, rope=max(low, 0))
        assert dataset.variants[0].comparison.rule == "rows"
        one = next(one for one in dataset.odds if one.name == "l2")
        assert low > 0
        assert one.matters == pytest.approx(1 - alpha / 2, abs=0.015)


def test_odds_agree_with_verdicts_and_losses_point_the_same_way():
    """What is better by enough to matter has a chance above 1 − alpha/2, and the least to lose; lower may be better."""
    correct = {"none": [20, 21] * 5, "l2": [28, 27, *[27, 28] * 4], "l1": [11, 10, *[10, 11] * 4]}
    dataset = analysed(correct)
    assert [one.name for one in dataset.odds] == ["l2", "none", "l1"]
    assert dataset.odds[0].matters > 0.975
    assert dataset.choice.startswith(
        "If one must be chosen now, L2 risks least: it is the best with a chance of over 99"
    )
    assert "no verdict" not in dataset.choice
    flipped = analysed(correct, metric="cross_entropy")  # .3 − .002 a row
    assert [one.name for one in flipped.odds] == ["l2", "none", "l1"]
    assert flipped.odds[1].loss == pytest.approx(0.002 * 7, abs=2e-3)
    doubtful = analysed({"none": CORRECT["baseline"], "l2": CORRECT["l2"]})
    assert "That is a bet and no verdict" in doubtful.choice


def test_without_verdicts_there_are_no_odds():
    """Four seeds; nothing learned; a control alone; scores the same on every seed leave equals."""
    assert analysed({"none": [20] * 4, "l2": [22] * 4}).odds == ()
    assert analysed({"none": [15, 14, 16] * 2, "l2": [14, 15, 16] * 2}, shares={"iris": (0.5, 0.5)}).odds == ()
    assert analysed({"none": CORRECT["baseline"]}).odds == ()
    seconds = {"seconds": [2.0] * 6 + [1.0] * 6}
    same = analysed({"none": [20] * 6, "l2": [20] * 6}, scope="this_dataset", metric="cross_entropy", columns=seconds)
    assert [one.best for one in same.odds] == [0.5, 0.5]
    assert [one.loss for one in same.odds] == [0, 0]
    assert same.odds[0].name == "l2"
    assert same.choice.startswith("If one must be chosen now, None, which is simpler, risks as little as any:")


@pytest.mark.usefixtures("as_measured")
def test_two_controls_share_one_table_and_seconds_leave_tracing_out():
    """A variant is held against its own control, whichever the draws start from; medians of what is not tracing."""
    names = ["baseline", "l2", "dropout", "batchnorm"]
    first, second, third, fourth = make_variants(names)
    other = type(first)("dropout", "Dropout", (), third.training, None)
    last = type(first)("batchnorm", "Batchnorm", (), fourth.training, "dropout")
    seconds = [1.0, 1.0, 9.0, *[1.0] * 9, *[2.0] * 12, *[4.0] * 12, *[2.0] * 12]
    columns = {"seconds": seconds, "trace_seconds": [0.5] * 48}
    dataset = analysed(CORRECT, columns=columns, variants=(first, second, other, last))
    odds = {one.name: one for one in dataset.odds}
    d = (np.array(CORRECT["batchnorm"]) - CORRECT["dropout"]) / 30
    own = stats.t(11, d.mean(), d.std(ddof=1) * math.sqrt(1 / 12 + 1 / 3))
    assert odds["batchnorm"].matters == pytest.approx(own.sf(0.01), abs=0.015)
    assert {name: (one.seconds, one.times) for name, one in odds.items()} == {
        "baseline": (0.5, 1.0),
        "l2": (1.5, 3.0),
        "dropout": (3.5, 1.0),
        "batchnorm": (1.5, 1.5 / 3.5),
    }


def test_verdicts_of_one_kind_are_one_sentence():
    """Two worse and two undecided: a sentence for each kind, with every name and every interval."""
    correct = {"none": [20, 21] * 5, "l2": [20, 22, 19, 21, 22] * 2, "l1": [21, 20, 19, 22, 20] * 2}
    correct |= {"dropout": [10, 11] * 5, "noise": [8, 9] * 5}
    dataset = analysed(correct)
    said = {one.labels: one for one in dataset.plain}
    assert sorted(map(sorted, said)) == [["Dropout", "Noise"], ["L1", "L2"]]
    worse = next(one for one in dataset.plain if "Noise" in one.labels)
    rows = {row.name: row.comparison.difference for row in dataset.variants if row.comparison}
    assert worse.sentence.startswith(
        "Avoid these two; they lower accuracy on new data against None: Dropout by about 33.3"
    )
    assert worse.settled
    open_ = next(one for one in dataset.plain if "L1" in one.labels)
    assert open_.sentence.startswith("These two are undecided against None, in accuracy on new data: ")
    assert f"{100 * rows['l2'].high:.1f} points better" in open_.sentence
    assert open_.sentence.endswith("settle them, more rows would.") or open_.sentence.endswith("may settle them.")
    assert not open_.settled
    few = analysed({name: counts[:3] for name, counts in correct.items()})
    assert [one.sentence for one in few.plain] == [
        (
            "No verdict on L2, L1, Dropout and Noise yet: each of them and None finished three seeds in common, and "
            "five are the least."
        )
    ]


def test_equivalents_are_one_sentence_that_tells_which_differ_for_real():
    """Three alike within the ROPE, one of them half a point ahead for certain."""
    rows = np.array([900, 905, 910, 902, 904, 906, 903, 908, 901, 907])
    wiggle = np.array([0, 1, -1, 0, 1, -1, 0, 0, 1, -1])
    correct = {"none": rows, "l2": rows + wiggle, "l1": rows - wiggle, "dropout": rows + 5}
    trials = make_trials(correct, n_train=3000, n_test=1000)
    (dataset,) = summarize(trials, pd.DataFrame(), make_variants(list(correct)), asked()).datasets
    (said,) = dataset.plain
    assert said.sentence == (
        "These three make no difference that matters on new data, each within 1.0 points of None in accuracy: Dropout, "
        "L2 and L1. Take the simplest. A difference is real but too small to matter for Dropout."
    )
