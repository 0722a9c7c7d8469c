"""Whether the training was fit to judge: overfitting controls, learning rates, batches, unstable runs."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.settings import Training
from regfleet.settings.values import Technique

LEARNED = (27, 28, 26, 29, 27, 28, 27, 28, 26, 29)
SHARES = {"iris": (1 / 3, 1 / 3, 1 / 3)}
FALLING = np.r_[np.linspace(1.1, 0.5, 20), np.full(20, 0.5)]
"""Errors of forty epochs that fall, and stay."""
RISING = np.r_[np.linspace(1.1, 0.5, 20), np.linspace(0.5, 0.9, 20)]


def history(errors, name, *, training=None, seeds=10):
    """Validation ``errors`` (epochs,) of each seed of a variant, and those of training, (seeds, epochs) or alike."""
    training = np.broadcast_to(FALLING if training is None else training, (seeds, len(errors)))
    epoch = np.arange(1, len(errors) + 1)
    frames = (
        {"seed": seed, "epoch": epoch, "val_cross_entropy": errors, "train_cross_entropy": training[seed]}
        for seed in range(seeds)
    )
    return pd.concat(pd.DataFrame({"dataset": "iris", "variant": name} | one) for one in frames)


def codes(correct=None, histories=None, *, variants=None, columns=None, **settings):
    """The checks that speak, by code."""
    correct = correct or {"none": LEARNED, "l2": LEARNED}
    trials = make_trials(correct, **(settings.pop("rows", None) or {})).assign(best_epoch=20, **(columns or {}))
    found = summarize(trials, histories, variants or make_variants(list(correct)), asked(**settings), SHARES)
    return {check.code: check for check in found.datasets[0].checks}


def both(none, l2):
    """The histories of a control and of a variant."""
    return pd.concat([history(none, "none"), history(l2, "l2")])


def test_a_control_whose_validation_error_rises_again_overfits():
    """From .5 in epoch 20 to .9: named with both, and early stopping is what to try; a variant's rise is its own."""
    check = codes(histories=both(RISING, FALLING))["R107"]
    assert check.variants == ("none",)
    assert (
        "None overfits: validation cross-entropy is lowest, 0.500, in epoch 20 and 0.868 at the end" in check.sentence
    )
    assert check.evidence == {"lowest": 0.5, "epoch": 20, "last": pytest.approx(np.mean(RISING[-4:]))}
    assert check.flags == "--early-stopping 30"
    assert "R107" not in codes(histories=both(FALLING, RISING))
    assert "R107" not in codes(histories=both(np.r_[FALLING[:30], np.linspace(0.5, 0.58, 10)], FALLING))  # a trickle


@pytest.mark.parametrize(
    ("gain", "speaks"),
    [
        ([3, 3, 2, 4, 3, 3, 3, 2, 4, 3], True),  # ten points more at the best epoch, on every seed
        ([0] * 10, False),
        ([-3] * 10, False),  # the last epoch is better
        ([3, -3, 3, -2, 3, -3, 2, -2, 3, -2], False),  # chance
    ],
)
def test_a_control_whose_test_score_is_better_at_its_best_epoch_overfits(gain, speaks):
    """Clear of zero and more than the point that matters, without any history."""
    trials = {"best_test_correct": [float(c + g) for c, g in zip(LEARNED, gain, strict=True)] * 2}
    found = codes(columns=trials)
    assert ("R107" in found) == speaks
    if speaks:
        assert "test accuracy is 10.0 points better than with the last" in found["R107"].sentence


def range_test(errors, *, end=0.9, rate=0.01):
    """The column of a range test, with the first seed of the control."""
    kept = json.dumps({"rate": rate, "updates": 100, "of": 400, "end": end, "errors": errors})
    return {"rate_test": [kept, *[""] * 19]}


@pytest.mark.parametrize(
    ("errors", "end", "says"),
    [
        ({"0.1": 0.4}, 0.9, "A learning rate about 10 times higher trains faster"),
        ({"0.1": 0.8, "1": 0.3}, 0.9, "A learning rate about 100 times higher trains faster"),
        ({"0.1": 0.31, "1": 0.3}, 0.9, "A learning rate about 10 times higher"),  # the smaller change that does it
        ({"0.001": 0.4}, None, "A learning rate about 10 times lower"),
        ({"0.1": 0.85}, 0.9, ""),  # by less than a tenth of ln 3
        ({"0.1": 1.09}, None, ""),  # that has learned nothing either
        ({"0.1": None}, 0.9, ""),
        ({}, 0.05, ""),
    ],
)
def test_a_learning_rate_that_is_far_off_is_said_with_one_to_try(errors, end, says):
    """From the range test with the first trial of the control, beside where all epochs ended."""
    found = codes(columns=range_test(errors, end=end))
    assert ("R108" in found) == bool(says)
    if says:
        assert found["R108"].sentence.startswith(says)
        assert found["R108"].flags == f"--learning-rate {found['R108'].evidence['other']:g}"


@pytest.mark.parametrize("text", ["", None, "{", "[]", "{}", '{"rate": "x"}', '{"rate":1,"updates":1,"of":1,"end":1}'])
def test_a_range_test_that_is_not_there_or_torn_says_nothing(text):
    """Results of earlier versions have none."""
    assert "R108" not in codes(columns={"rate_test": [text] * 20})


def trained(control=None, variant=None, techniques=()):
    """Variants of these training settings."""
    first, second = make_variants(["none", "l2"])
    training = {"epochs": 300, "batch_size": 32}
    return (
        replace(first, training=Training(**training | (control or {}))),
        replace(second, training=Training(**training | (variant or control or {})), techniques=techniques),
    )


BATCHNORM = (Technique("batchnorm", (0.99,), "all"),)


def test_a_control_that_no_trial_came_to_is_a_row_without_checks():
    """As in a study that was ended early: variants are looked at, and nothing is said of what did not run."""
    found = codes({"l2": LEARNED}, variants=make_variants(["none", "l2"]))
    assert all("none" not in check.variants for check in found.values())


@pytest.mark.parametrize(
    ("settings", "techniques", "rows", "says", "flags"),
    [
        ({}, (), 90, "", ""),
        ({"epochs": 30, "batch_size": 128}, (), 90, "30 epochs of 1 batch are 30 updates", "--batch-size 8"),
        ({"epochs": 30, "batch_size": 8}, (), 8, "30 updates", "--epochs 120"),  # smaller batches are too small
        ({"batch_size": 4}, (), 4000, "4 rows of 4,000 an update", "--batch-size 32"),
        ({"batch_size": 4}, (), 90, "", ""),  # of so few rows
        ({"batch_size": 4}, BATCHNORM, 90, "means from 2 rows in the last batch of every epoch", "--batch-size 32"),
        ({"batch_size": 32}, BATCHNORM, 97, "means from 1 row in the last batch of every epoch", "--batch-size 33"),
        ({"batch_size": 32}, BATCHNORM, 90, "", ""),
    ],
)
def test_batches_that_are_too_large_or_too_small_are_said(settings, techniques, rows, says, flags):
    """Few updates; noise; and statistics of a batch over a row or two: 97 rows are three batches of 32 and one row."""
    found = codes(variants=trained(settings, techniques=techniques), rows={"n_train": rows})
    assert ("R109" in found) == bool(says)
    if says:
        assert says in found["R109"].sentence
        assert found["R109"].flags == flags


@pytest.mark.parametrize(
    ("momentum", "batch_size", "mode", "inference", "flags"),
    [
        (0.99, 32, 0.05, 0.6, "--technique 'batchnorm(0.9)@all'"),
        (0.9, 32, 0.05, 0.6, "--batch-size 8"),  # quick already: more updates
        (0.99, 32, 0.55, 0.6, ""),  # a trickle
        (0.99, 32, 0.6, 0.05, ""),  # noise of the batches alone
    ],
)
def test_moving_averages_that_lag_behind_the_weights_are_said(momentum, batch_size, mode, inference, flags):
    """The same network has a training error in training mode, and another in inference mode."""
    l2 = history(FALLING, "l2", training=np.r_[np.linspace(1.1, inference, 20), np.full(20, inference)])
    histories = pd.concat([history(FALLING, "none"), l2]).assign(cross_entropy=mode)
    normed = (Technique("batchnorm", (momentum,), "all"),)
    check = codes(histories=histories, variants=trained({"batch_size": batch_size}, techniques=normed)).get("R111")
    assert bool(check) == bool(flags)
    if check:
        assert check.variants == ("l2",)
        assert f"ends at {mode:.3f}, with the moving averages" in check.sentence
        assert f"on new rows at {inference:.3f}, after 900 updates at the momentum {momentum}" in check.sentence
        assert check.flags == flags
    assert "R111" not in codes(histories=histories)  # no batch norm


def test_flags_reach_a_batch_size_of_a_variants_own():
    """As the article's batch norm has: the technique is named again, for flags leave its entry as it is."""
    variants = trained({"batch_size": 32}, {"batch_size": 4}, BATCHNORM)
    assert codes(variants=variants)["R109"].flags == "--technique 'batchnorm(0.99)@all' --batch-size 32"


SCATTERED = (29, 28, 10, 29, 9, 28, 29, 11, 28, 29)


def test_seeds_that_end_far_apart_are_unstable():
    """Three of ten at a third of the rows, beside a control within three rows; a sixth in the log of F is no chance."""
    check = codes({"none": LEARNED, "l2": SCATTERED})["R110"]
    assert check.variants == ("l2",)
    assert "L2 from 30.0 % to 96.7 %, None from 86.7 % to 96.7 %".replace(" %", "\u202f%") in check.sentence
    assert check.flags == "--learning-rate 0.0033"
    assert "R110" not in codes({"none": LEARNED, "l2": (25, 28, 26, 29, 24, 28, 29, 26, 28, 29)})
    assert codes({"none": SCATTERED, "l2": LEARNED, "l1": LEARNED[::-1]})["R110"].variants == ("none",)
    assert "R110" not in codes({"none": SCATTERED, "l2": SCATTERED[::-1]})  # all alike: the data, not a technique
    assert "R110" not in codes({"none": LEARNED[:3], "l2": SCATTERED[:3]})  # of three seeds anything may be


def test_training_errors_that_jump_up_late_are_unstable():
    """In epoch 31 from .5 to 1.2 on four seeds of ten; the same on one seed is that seed's affair."""

    def jumping(many):
        errors = np.tile(FALLING, (10, 1))
        errors[:many, 30] = 1.2
        return pd.concat([history(FALLING, "none"), history(FALLING, "l2", training=errors)])

    check = codes(histories=jumping(4))["R110"]
    assert check.variants == ("l2",)
    assert "of L2 jumps up again late in training on four of 10 seeds" in check.sentence
    assert "R110" not in codes(histories=jumping(1))
    early = np.tile(FALLING, (10, 1))
    early[:, 5] = 2.0
    assert "R110" not in codes(histories=pd.concat([history(FALLING, "none", training=early), history(FALLING, "l2")]))
