"""What is said of a study before its verdicts: whether anything was learned, how training ended, on which rows."""

import numpy as np
import pandas as pd
import pytest
from support.studies import CORRECT, asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.checks import LOOKS
from regfleet.checks import CHECKS
from regfleet.settings import Training

GUESSED = {"none": (15, 14, 16, 15, 13, 17), "l2": (14, 15, 16, 14, 15, 16), "dropout": (15, 15, 15, 14, 16, 15)}
LEARNED = (27, 28, 26, 29, 27, 28)
HALVES = {"iris": (0.5, 0.5)}
THIRDS = {"iris": (1 / 3, 1 / 3, 1 / 3)}


def falling(start, end, epochs):
    """Errors that fall evenly."""
    return np.linspace(start, end, epochs)


def histories(errors, names, *, column="cross_entropy", training=None):
    """A history of every variant, the same for six seeds: validation ``errors`` (epochs,), and those of training."""
    training = errors if training is None else training
    return pd.concat(
        pd.DataFrame(
            {"dataset": "iris", "variant": name, "seed": seed, "epoch": np.arange(1, len(errors) + 1)}
            | {f"val_{column}": errors, column: training}
        )
        for name in names
        for seed in range(6)
    )


def analysed(correct, shares=None, *, history=None, best_epoch=2, columns=None, variants=None, tested=None, **settings):
    """The one data set, and what its checks say by code."""
    trials = make_trials(correct, **({} if columns is None else {"n_test": columns.pop("n_test", 30)}))
    trials = trials.assign(best_epoch=best_epoch, **(columns or {}))
    found = summarize(trials, history, variants or make_variants(list(correct)), asked(**settings), shares, tested)
    return found.datasets[0], {check.code: check for check in found.datasets[0].checks}


def test_where_every_variant_guesses_nothing_was_learned_and_that_comes_first():
    """Fifteen rows of thirty are a coin's: said in figures, instead of advice to take the simplest."""
    dataset, found = analysed(GUESSED, HALVES, rope=0.3)
    assert [row.comparison.verdict for row in dataset.variants if row.comparison] == ["equivalent", "equivalent"]
    assert found["R101"].variants == ("none", "l2", "dropout")
    assert dataset.headline[0] == (
        "Nothing was learned on iris: None's accuracy, 50.0 %, is no better than the 50.0 % of always answering with "
        "the largest class, and no variant does better."
    ).replace(" %", "\u202f%")
    said = " ".join([*dataset.headline, *(row.comparison.sentence for row in dataset.variants if row.comparison)])
    for advice in ("makes a difference", "left out", "simple"):
        assert advice not in said
    assert "L2 and None are alike because neither learned anything" in said


def test_a_variant_that_learns_nothing_is_named_and_the_others_are_judged():
    """A technique that is too strong is a result; the headline stays the study's."""
    dataset, found = analysed({"none": LEARNED, "l2": (10, 11, 9, 10, 10, 10), "l1": LEARNED[::-1]}, THIRDS)
    assert found["R101"].variants == ("l2",)
    assert found["R101"].sentence.startswith("L2 learned nothing: the accuracy of L2, 33.3")
    assert not dataset.headline[0].startswith("Nothing")


def test_a_technique_that_makes_a_dead_network_learn_is_the_result():
    """The control guesses and one variant does not: that variant is better, and stays so."""
    dataset, found = analysed(GUESSED | {"dropout": LEARNED}, HALVES)
    assert dataset.headline[0].startswith("Dropout is better than None")
    assert set(found["R101"].variants) == {"none", "l2"}


def test_better_and_worse_below_the_largest_class_recommend_nothing():
    """Twelve rows of thirty against eight, where eighteen are of one class."""
    correct = {"none": [8] * 6, "l2": [12] * 6, "l1": [4] * 6}
    dataset, _ = analysed(correct, {"iris": (0.6, 0.4)})
    assert {row.name: row.comparison.verdict for row in dataset.variants if row.comparison} == {
        "l2": "better",
        "l1": "worse",
    }
    assert dataset.headline[0].startswith("Nothing was learned")
    said = " ".join([*dataset.headline, *(row.comparison.sentence for row in dataset.variants if row.comparison)])
    assert "Prefer" not in said
    assert "Avoid" not in said
    assert "L2 is better than None, but neither learned anything" in said


def test_a_dead_control_beside_a_variant_that_learns_now_and_then_is_not_nothing():
    """Half of its seeds are far ahead, so that the verdict is open: the control is named, and not everything."""
    dataset, found = analysed(GUESSED | {"dropout": (28, 15, 28, 15, 28, 29)}, HALVES)
    assert [row.comparison.verdict for row in dataset.variants if row.name == "dropout"] == ["undecided"]
    assert dataset.headline[0] == f"On iris: {found['R101'].sentence}"
    assert found["R101"].sentence.startswith("None and L2 learned nothing: the accuracy of None, 50.0")


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_nothing_learned_is_said_before_that_seeds_are_too_few(seeds):
    """Two seeds give no verdict, yet show that nothing was learned."""
    dataset, _ = analysed({name: counts[:seeds] for name, counts in GUESSED.items()}, HALVES)
    assert dataset.headline[0].startswith("Nothing was learned on iris: ")
    assert ("cannot give a verdict" in dataset.headline[1]) == (seeds < 5)


@pytest.mark.parametrize(
    ("rows", "correct", "speaks"),
    [
        (30, 18, False),  # 60 %: all 150 rows were tested, so luck reaches 2 · √(.25/150) = 8.2 points
        (30, 16, True),  # 53.3 %
        (3000, 1600, False),  # the same share of a hundred times the rows is no luck
        (3000, 1500, True),
    ],
)
def test_how_far_luck_reaches_depends_on_the_rows(rows, correct, speaks):
    """A score above the guess is one where so many rows could have given it."""
    counts = {name: [correct + step for step in (-2, -1, 0, 0, 1, 2)] for name in ("none", "l2")}
    _, found = analysed(counts, HALVES, columns={"n_test": rows, "n_train": 3 * rows, "n_val": rows})
    assert ("R101" in found) == speaks


def test_a_perfect_score_is_learned_however_few_the_rows():
    """Two test rows, two seeds: half of what there is to learn is never luck."""
    perfect = {"none": [2, 2], "l2": [2, 2]}
    assert "R101" not in analysed(perfect, HALVES, columns={"n_test": 2, "n_train": 6, "n_val": 2})[1]


def test_without_shares_of_classes_nothing_is_claimed():
    """What a guess gives is not known of scores from elsewhere, but for AUC and R²."""
    assert "R101" not in analysed(GUESSED)[1]
    assert "R101" in analysed(GUESSED, metric="auc", columns={"last_test_auc": 0.49})[1]
    assert "R101" not in analysed(GUESSED, metric="auc", columns={"last_test_auc": 0.7})[1]
    assert "R101" in analysed(GUESSED, metric="r2", columns={"last_test_r2": -0.02, "last_val_r2": 0.1})[1]
    assert "R101" not in analysed(GUESSED, metric="r2", columns={"last_test_r2": 0.2, "last_val_r2": 0.1})[1]


def test_an_error_is_looked_at_through_accuracy_or_r2():
    """A cross-entropy above that of the shares may come from too much certainty: accuracy tells."""
    bad = {"last_test_cross_entropy": 1.5}
    assert (
        "R101" not in analysed({"none": LEARNED, "l2": LEARNED}, HALVES, metric="cross_entropy", columns=dict(bad))[1]
    )
    assert "R101" in analysed(GUESSED, HALVES, metric="cross_entropy", columns=dict(bad))[1]
    assert "R101" not in analysed(GUESSED, HALVES, metric="cross_entropy", columns={"last_test_cross_entropy": 0.3})[1]
    worse = {"last_test_mae": 0.4, "last_test_r2": -0.3, "last_val_r2": -0.3}
    assert "R101" in analysed(GUESSED, metric="mae", columns=dict(worse))[1]
    assert "R101" not in analysed(GUESSED, metric="mae", columns=worse | {"last_test_r2": 0.4})[1]


def test_one_run_that_went_astray_is_not_nothing_learned():
    """Five seeds with an R² of .8 and one of −20 have a mean below zero."""
    columns = {"last_test_r2": [0.8, 0.8, -20, 0.8, 0.8, 0.8] * 2, "last_val_r2": 0.8}
    assert "R101" not in analysed({"none": LEARNED, "l2": LEARNED}, metric="r2", columns=columns)[1]


def test_a_rare_class_that_is_told_is_something_learned():
    """All rows right, 29 of 30 of one class: accuracy could be luck, balanced accuracy cannot."""
    perfect = {"none": [30] * 6, "l2": [30] * 6}
    shares = {"iris": (29 / 30, 1 / 30)}
    _, found = analysed(perfect, shares, columns={"last_test_balanced_accuracy": 1.0})
    assert set(found) == {"R105"}
    columns = {"last_test_balanced_accuracy": 0.9}
    dataset, below = analysed({"none": [27] * 6, "l2": [27] * 6}, shares, columns=columns)
    assert dataset.headline[0].startswith("By accuracy nothing was learned on iris: None's accuracy, 90.0")
    assert "Balanced accuracy, 90.0" in below["R101"].sentence
    assert below["R101"].flags == "--metric balanced_accuracy"


def test_a_fixed_test_set_has_shares_of_its_own():
    """The class that is largest among all rows has 20 % of the test set: 60 % of it right was learned."""
    correct = {"none": [18] * 6, "l2": [18] * 6}
    shares, tested = {"iris": (0.6, 0.4)}, {"iris": (0.2, 0.8)}
    assert "R101" in analysed(correct, shares, columns={"fixed_test": True})[1]
    assert "R101" not in analysed(correct, shares, tested=tested, columns={"fixed_test": True})[1]
    lacks = analysed(correct, shares, tested={"iris": (1.0, 0.0)}, columns={"fixed_test": True})[1]
    assert lacks["R104"].sentence.endswith("one class has no row there.")


IMPROVING = falling(1.1, 0.5, 40)
FLAT = np.r_[falling(1.1, 0.5, 30), np.full(10, 0.5)]
SLOW = np.r_[falling(1.1, 0.5, 30), falling(0.499, 0.47, 10)]


@pytest.mark.parametrize(
    ("errors", "best_epoch", "training", "speaks"),
    [
        (IMPROVING, 40, {}, True),
        (FLAT, 30, {}, False),
        (SLOW, 40, {}, True),  # by .013 of ln 3 in a tenth of the epochs, and every best epoch is the last
        (SLOW - 0.4, 40, {}, False),  # .07 of ln 3 is left
        (SLOW, 30, {}, False),  # a best epoch before: what is left is a trickle
        (IMPROVING, 40, {"early_stopping": 5}, False),  # which decides for itself
        (IMPROVING[:1], 1, {}, False),
    ],
)
def test_training_that_ended_too_early_is_said(errors, best_epoch, training, speaks):
    """The validation error still falls at the end for all, and how many epochs would be twice as many is named."""
    variants = [
        type(one)(one.name, one.label, (), Training(epochs=40, batch_size=8, **training), one.control)
        for one in make_variants(["none", "l2"])
    ]
    correct = {"none": LEARNED, "l2": LEARNED}
    history = histories(errors, correct)
    _, found = analysed(correct, THIRDS, history=history, best_epoch=best_epoch, variants=variants)
    assert ("R102" in found) == speaks
    if speaks:
        assert found["R102"].flags == "--epochs 80"
        assert "every variant" in found["R102"].sentence


def test_one_variant_that_is_done_needs_no_longer_training_unless_its_control_does():
    """Best epochs at the end are a fault of all; a control whose error falls fast is one by itself."""
    correct = {"none": LEARNED, "l2": LEARNED}
    trials = make_trials(correct).assign(best_epoch=lambda f: np.where(f["variant"] == "l2", 20, 40))

    def codes(control, variant):
        history = pd.concat([histories(control, ["none"]), histories(variant, ["l2"])])
        found = summarize(trials, history, make_variants(correct), asked(), THIRDS).datasets[0]
        return {check.code: check.variants for check in found.checks}

    assert "R102" not in codes(SLOW, FLAT)
    assert codes(IMPROVING, FLAT)["R102"] == ("none",)


@pytest.mark.parametrize(
    ("training", "speaks"),
    [
        (np.full(20, 1.0986), True),
        (falling(1.2, 1.19, 20), True),  # by less than one in a hundred, and above ln 3
        (falling(1.1, 0.4, 20), False),
        (np.full(20, 0.05), False),  # was learned in the first epoch
    ],
)
def test_a_training_loss_that_does_not_fall_is_said(training, speaks):
    """Where it ends where it began, at what the shares of the classes give."""
    correct = {"none": LEARNED, "l2": LEARNED}
    history = histories(FLAT[:20], correct, training=training)
    assert ("R103" in analysed(correct, THIRDS, history=history)[1]) == speaks


@pytest.mark.parametrize(
    ("shares", "codes"),
    [
        ((0.9, 0.08, 0.02), {"R104", "R105"}),  # .02 · 30 rows is less than one
        ((0.5, 0.4, 0.1), set()),
        ((0.95, 0.05), {"R105"}),
        ((0.89, 0.11), set()),
    ],
)
def test_rare_classes_and_one_that_has_nearly_all_rows_are_said(shares, codes):
    """By the rows that a test set gets of a class, and by the largest share."""
    correct = {"none": [30, 29, 30, 29, 30, 30], "l2": [29, 30, 30, 29, 30, 30]}
    found = analysed(correct, {"iris": shares}, columns={"last_test_balanced_accuracy": 0.95})[1]
    assert set(found) == codes
    others = analysed(correct, {"iris": shares}, metric="auc", columns={"last_test_auc": 0.9})[1]
    assert ("R105" in others) == ("R105" in codes)
    assert all("rests on few rows" in one.sentence and not one.flags for code, one in others.items() if code == "R105")


def test_a_good_study_says_nothing():
    """The study that the other tests share learns, ends and is balanced."""
    history = histories(FLAT, CORRECT)
    assert analysed(CORRECT, THIRDS, history=history, best_epoch=30)[1] == {}


def test_a_silenced_check_is_kept_and_marked_and_the_headline_stays():
    """Silence is for the notice; what was not learned is not recommended either way."""
    dataset, found = analysed(GUESSED, HALVES, silence=("R101",))
    assert found["R101"].silenced
    assert dataset.shown_checks == ()
    assert dataset.headline[0].startswith("Nothing was learned")


def test_over_data_sets_those_without_learning_are_named():
    """One of five is named behind the result; five of five are the result."""
    names = ["a", "b", "c", "d", "e"]
    guessed = {"none": GUESSED["none"], "l2": GUESSED["l2"]}

    def headline(count):
        frames = [
            make_trials(guessed if place < count else {"none": LEARNED, "l2": LEARNED}, dataset=name)
            for place, name in enumerate(names)
        ]
        shares = dict.fromkeys(names, (0.5, 0.5))
        summary = summarize(pd.concat(frames), None, make_variants(["none", "l2"]), asked(), shares)
        return summary.across.headline

    assert not any("learned" in sentence for sentence in headline(0))
    assert headline(2)[-1].startswith("Nothing was learned on a and b")
    assert headline(5)[0].startswith("Nothing was learned on any of 5 data sets")


def test_lost_runs_are_a_result_only_where_chance_hardly_gives_them():
    """Three and four of six are chance by Fisher's test (p 1), none and six of six are not (p .002)."""

    def said(control, variant):
        trials = make_trials({"none": LEARNED, "l2": LEARNED})
        for name, lost in (("none", control), ("l2", variant)):
            trials.loc[(trials["variant"] == name) & (trials["seed"] < lost), "status"] = "failed"
        found = summarize(trials, None, make_variants(["none", "l2"]), asked()).datasets[0]
        return " ".join(found.warnings)

    assert "lost 4 of 6 runs and None 3, which may be chance" in said(3, 4)
    assert "itself a result" not in said(3, 4)
    assert "lost 6 of 6 runs and None 0: an unequal share of failed runs is itself a result" in said(0, 6)


def test_every_code_has_its_function():
    """The table of codes and the functions are the same."""
    assert list(LOOKS) == list(CHECKS)


def test_diverged_runs_are_said():
    """With how many of how many, and a smaller step as what to try."""
    trials = make_trials({"none": LEARNED, "l2": LEARNED})
    trials.loc[(trials["variant"] == "l2") & (trials["seed"] < 2), "status"] = "diverged"
    (check,) = summarize(trials, None, make_variants(["none", "l2"]), asked()).datasets[0].checks
    assert check.code == "R106"
    assert check.sentence == "2 of 6 runs of L2 ended with a loss that is no number. Try a smaller --learning-rate."
