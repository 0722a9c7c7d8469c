"""Verdicts from the predictions of single test rows: the same pairs of predictions through the whole analysis."""

import math

import numpy as np
import pytest
from support.rows import CONTROL, ROWS, VARIANT, predictions, trials_of
from support.studies import TRAINING, asked, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.intervals import estimate, interval
from regfleet.settings.values import Family, Variant


def judge(trials, kept, variants=None, shares=None, **settings):
    """The summary of the data set, and its comparisons by name."""
    variants = variants or make_variants(dict.fromkeys(trials["variant"]))
    source = None if kept is None else lambda _dataset: iter(sorted(kept.items()))
    question = asked(**settings)
    found = summarize(trials, None, variants, question, shares and {"toy": shares}, predictions=source).datasets[0]
    return found, {row.name: row.comparison for row in found.shown if row.comparison}


def both(right, **settings):
    """`judge` of what ``right`` says by variant, with the predictions."""
    return judge(trials_of(right), {name: predictions(one, ROWS) for name, one in right.items()}, **settings)


def test_the_interval_is_that_of_single_rows():
    """Of three comparisons the one of a known pair has its known interval, and every one says which rule judged."""
    found, of = both({"none": CONTROL, "l2": VARIANT, "l1": CONTROL, "dropout": VARIANT})
    l2, alike = of["l2"], of["l1"]
    assert [l2.difference.mean, l2.difference.low, l2.difference.high] == pytest.approx(
        [0.075, -0.360211, 0.532076], abs=1e-6
    )
    assert {(one.rule, one.rule_why) for one in of.values()} == {("rows", "")}
    assert l2.p == pytest.approx(1)
    assert found.judged.startswith("Judged by single rows")
    assert [alike.difference.low, alike.difference.high] == pytest.approx([-0.204717, 0.204717], abs=1e-6)
    # ln(3 / .05) / 20: however many seeds, as long as no row tells them apart
    assert alike.floor == pytest.approx(math.log(3 / 0.05) / 20)
    assert (alike.same, alike.verdict, l2.same) == (20, "undecided", 0)
    assert "the same predictions on all 20 rows" in alike.sentence
    assert "20.5\u202f%" in alike.sentence
    assert any("L1 gave the same predictions" in line for line in found.headline)
    assert any("takes 410 rows" in line for line in found.headline)  # ln(60) / .01


def test_scores_that_never_differ_are_no_equivalence():
    """Twenty rows on which two variants predict alike show little of fresh ones, by a score of seeds as by rows."""
    found, of = both({"none": CONTROL, "l1": CONTROL}, metric="macro_f1")
    assert (of["l1"].rule, of["l1"].verdict, of["l1"].same) == ("seeds", "undecided", 20)
    assert of["l1"].sentence.endswith("on all 20 rows that were tested. Fresh rows may still tell them apart.")
    assert "without loss" not in " ".join(found.headline)
    assert of["l1"].difference.mean == 0
    assert math.isnan(of["l1"].difference.low)  # by a count of rows they have an interval, by this none is known
    right = {"none": CONTROL, "l1": VARIANT}
    kept = {name: predictions(one, ROWS) for name, one in right.items()}
    _, of = judge(trials_of(right, last_test_macro_f1=1.0), kept, metric="macro_f1")
    assert (of["l1"].verdict, of["l1"].same, math.isnan(of["l1"].difference.high)) == ("undecided", 0, True)
    assert "the same macro-F1 on every seed, though not the same predictions" in of["l1"].sentence
    # Of splits of these rows alone it is one.
    assert both({"none": CONTROL, "l1": CONTROL}, metric="macro_f1", scope="this_dataset")[1]["l1"].verdict == (
        "equivalent"
    )


def test_the_same_classes_may_have_better_scores():
    """Where predicted classes are the same and a score of probabilities is not, the sentence is the verdict's."""
    trials = trials_of({"none": CONTROL, "l1": CONTROL})
    worse = np.where(trials["variant"] == "l1", 0.5, 0.2) + 0.001 * trials["seed"] ** 2 * (trials["variant"] == "l1")
    _, of = judge(
        trials.assign(last_test_mse=worse), dict.fromkeys(("none", "l1"), predictions(CONTROL, ROWS)), metric="mse"
    )
    assert (of["l1"].verdict, of["l1"].same) == ("worse", 20)
    assert of["l1"].sentence.startswith("Avoid L1")


@pytest.mark.parametrize(
    ("columns", "lost", "settings", "why"),
    [
        ({"grouped": True}, None, {}, "groups"),
        ({"fixed_test": True}, None, {}, "the same rows"),
        ({}, None, {"scope": "this_dataset"}, "these rows"),
        ({}, None, {"metric": "macro_f1"}, "macro-F1 is no mean over rows"),
        ({}, None, {"metric": "mse"}, "claim too much by mean squared error"),
        ({}, "all", {}, "only scores"),
        ({}, "variant", {}, "--keep-predictions no"),
        ({}, "seed", {}, "some seeds"),
        ({}, "rows", {}, "different rows"),
    ],
)
def test_where_single_rows_cannot_judge_scores_of_seeds_do_and_say_why(columns, lost, settings, why):
    """Groups, fixed tests, other questions and metrics, and lost predictions leave the interval of the scores."""
    right = {"none": CONTROL, "l2": VARIANT}
    kept = {name: predictions(one, ROWS) for name, one in right.items()}
    if lost == "variant":
        del kept["l2"]
    elif lost == "seed":
        kept["l2"] = predictions(VARIANT[:-1], ROWS[:-1])
    elif lost == "rows":
        kept["l2"] = predictions(VARIANT, (ROWS + 1) % 20)
    trials = trials_of(right, **columns)
    found, of = judge(trials, None if lost == "all" else kept, **settings)
    _, former = judge(trials, None, **settings)
    assert of["l2"].rule == "seeds"
    assert (of["l2"].companion is None) == (lost is not None or settings.get("metric") == "mse")
    assert why in of["l2"].rule_why
    assert of["l2"].rule_why in found.judged
    assert of["l2"].difference == former["l2"].difference
    assert (of["l2"].p, of["l2"].floor) == (former["l2"].p, former["l2"].floor)


def test_lost_runs_count_as_models_that_say_the_largest_class():
    """A lead that would not survive three lost runs is withdrawn, and kept where the largest class is as good."""
    rows = np.stack([np.arange(seed % 5, 400, 5) for seed in range(10)])
    control = (rows % 3 > 0).astype(int)
    right = {"none": control, "l2": np.maximum(control, rows % 2)}
    trials = trials_of(right, rows=400, n_train=240)
    kept = {name: predictions(one, rows) for name, one in right.items()}
    whole = judge(trials, kept)[1]["l2"]
    assert (whole.verdict, whole.withdrawn) == ("better", None)
    fallen = trials.copy()
    fallen.loc[(fallen["variant"] == "l2") & (fallen["seed"] < 3), "status"] = "failed"
    kept["l2"] = predictions(right["l2"][3:], rows[3:])
    kept["l2"].seeds[:] += 3
    lost = judge(fallen, kept, shares=(0.9, 0.1))[1]["l2"]
    assert (lost.rule, lost.verdict, lost.withdrawn, lost.dropped) == ("rows", "undecided", "better", 3)
    # every row is of the second class, which the targets say where nobody says the shares
    kept_up = judge(fallen, kept)[1]["l2"]
    assert (kept_up.verdict, kept_up.withdrawn) == ("better", None)


def test_a_tuned_sweep_is_judged_by_the_rows_of_the_member_that_validation_picked():
    """Of two members, one picked on even and one on odd seeds, the sweep has the interval of those cells together."""
    family = Family("l2", "L2", "L2, tuned")
    variants = (
        Variant("none", "None", (), TRAINING),
        *(Variant(name, name, (), TRAINING, "none", family, value) for name, value in (("a", 1.0), ("b", 2.0))),
    )
    even = (np.arange(10) % 2 == 0)[:, None]
    right = {"none": CONTROL, "a": np.where(even, VARIANT, 0), "b": np.where(even, 0, VARIANT)}
    trials = trials_of(right)
    trials["last_val_accuracy"] = np.concatenate([np.zeros(10), even[:, 0], ~even[:, 0]]).astype(float)
    kept = {name: predictions(one, ROWS) for name, one in right.items()}
    of = judge(trials, kept, variants)[1]["l2"].difference
    assert [of.mean, of.low, of.high] == pytest.approx([0.075, -0.360211, 0.532076], abs=1e-6)


def test_probabilities_are_compared_beside_a_verdict_and_never_decide_it():
    """Equal classes, surer probabilities: nothing is decided, and the companion says whose Brier score is better."""
    rows = np.stack([np.arange(seed % 5, 200, 5) for seed in range(10)])
    right = (rows // 5 % 10 > 0).astype(int)
    kept = {"none": predictions(right, rows, sure=0.7), "l2": predictions(right, rows, sure=0.8)}
    found, of = judge(trials_of({"none": right, "l2": right}, rows=200, n_train=120), kept)
    companion = of["l2"].companion
    # of a row that is right 2·(.3² − .2²) less, of another 2·(.8² − .7²) more: a Brier score for each seed
    briers = np.where(right, -0.1, 0.3).mean(axis=1)
    of_seeds = interval(estimate(briers, 40 / 120), 0.05)
    assert [companion.difference.mean, companion.difference.low, companion.difference.high] == pytest.approx(
        [of_seeds.mean, of_seeds.low, of_seeds.high], abs=1e-6
    )
    assert (of["l2"].verdict, companion.verdict) == ("undecided", "better")
    assert any("probabilities of L2 are better" in line and "decides nothing" in line for line in found.headline)


def test_a_true_lead_on_600_rows_is_seen_in_the_rows_and_not_in_the_scores_of_seeds():
    """Least squares with a feature that matters lead by 4.3 points (of 200 fresh tables of 200,000 rows, ± 0.02)."""
    draw = np.random.default_rng(4)
    weights = np.array([1, 0.62, *[0.12] * 8])
    x = draw.normal(size=(600, 10))
    y = (x @ weights + 1.2 * draw.normal(size=600) > 0).astype(float)
    features = {"none": np.delete(np.arange(10), 1), "l2": np.arange(10)}
    right, rows = {name: [] for name in features}, []
    orders = [draw.permutation(600), draw.permutation(600)]
    for seed in range(10):
        order = orders[seed // 5]
        test = np.sort(order[seed % 5 :: 5])
        train = draw.permutation(np.setdiff1d(order, test))[:360]
        rows.append(test)
        for name, columns in features.items():
            fit, *_ = np.linalg.lstsq(np.c_[x[train][:, columns], np.ones(360)], 2 * y[train] - 1, rcond=None)
            right[name].append((np.c_[x[test][:, columns], np.ones(120)] @ fit > 0) == y[test])
    rows, right = np.array(rows), {name: np.array(one) for name, one in right.items()}
    trials = trials_of(right, rows=600, n_train=360)
    kept = {name: predictions(one, rows) for name, one in right.items()}
    by_seeds, by_rows = (judge(trials, source)[1]["l2"] for source in (None, kept))
    assert (by_seeds.verdict, by_rows.verdict) == ("undecided", "better")
    assert by_rows.difference.low < 0.043 < by_rows.difference.high


def test_seeds_are_useful_by_the_rule_that_judges():
    """Within 5 % of the least half-width that `expected` comes to; of one score per seed the ratio says it: 10·12/4."""
    right = {"none": CONTROL, "l2": VARIANT}
    found, of = both(right)
    one, seeds = of["l2"].outlook, found.useful_seeds
    least = one.limit(0.05, 1) * math.sqrt(1.1)
    assert seeds % 5 == 0
    assert one.expected(seeds, 4, 0.05, 1) <= least < one.expected(seeds - 5, 4, 0.05, 1)
    assert both(right, metric="macro_f1")[0].useful_seeds == 30
    # Without one disagreement the bound by rows is reached at once.
    assert both({"none": CONTROL, "l1": CONTROL})[0].useful_seeds == 5
