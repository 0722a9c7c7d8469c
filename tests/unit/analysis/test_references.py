"""References against the best network: which is compared, how sure that is, and what is said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import TRAINING, asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.settings.values import Variant

NAMES = ("none", "l2", "dropout")
VARIANTS = make_variants(NAMES)
REFERENCES = tuple(
    Variant(f"reference {kind}", label, (), TRAINING, reference=kind)
    for kind, label in {"constant": "Majority class", "linear": "Linear model", "trees": "Boosted trees"}.items()
)
SEEDS, ROWS = 10, 100
BASE = np.array([80, 81, 79, 82, 80, 78, 81, 80, 79, 81])
WOBBLE = np.array([0, 1, 0, -1, 0, 1, -1, 0, 1, -1])


def judged(scope="this_dataset", references=REFERENCES, **correct):
    """The summary of correct rows, of 100, by variant or kind of reference."""
    named = {name if name in NAMES else f"reference {name}": counts for name, counts in correct.items()}
    trials = make_trials(named, n_train=300, n_test=ROWS)
    return summarize(trials, pd.DataFrame(), VARIANTS, asked(scope=scope), references=references).datasets[0]


def test_they_have_no_rank_and_the_verdicts_are_those_without_them():
    """A reference that is ahead of everything changes no rank, comparison, lead or floor among the networks."""
    networks = {"none": BASE, "l2": BASE + 2 + WOBBLE, "dropout": BASE - 3}
    found = judged(**networks, constant=[50] * SEEDS, linear=BASE + 9, trees=BASE + 4 + WOBBLE)
    alone = judged(references=(), **networks)
    assert alone.references is None
    first, said, *rest = found.headline
    assert said == found.references.sentence
    assert replace(found, references=None, headline=(first, *rest)) == alone
    assert [row.name.split()[1] for row in found.references.rows] == ["linear", "trees", "constant"]
    assert {row.rank for row in found.references.rows} == {None}


def test_a_difference_is_that_from_the_best_network_over_all_pairs():
    """The t interval at alpha over three references times three networks, worked out by hand."""
    found = judged(
        none=BASE, l2=BASE + 2 + WOBBLE, dropout=BASE - 3, constant=[50] * SEEDS, linear=BASE + 9, trees=BASE
    )
    assert found.references.best == "l2"
    assert found.references.comparisons == 9
    one = found.references.rows[0].comparison
    d = (7 - WOBBLE) / ROWS
    half = stats.t.ppf(1 - 0.05 / (2 * 9), SEEDS - 1) * d.std(ddof=1) / np.sqrt(SEEDS)
    assert (one.difference.low, one.difference.mean, one.difference.high) == pytest.approx(
        (d.mean() - half, d.mean(), d.mean() + half)
    )
    assert found.references.sentence == (
        "A linear model does better than every network here, by about 7.0 points of accuracy on these rows."
    )


@pytest.mark.parametrize(
    ("correct", "begins"),
    [
        # Dropout scatters so much that nothing is clear about it: not every network is beaten.
        (
            {"linear": BASE + 5, "dropout": BASE + 20 * WOBBLE},
            "A linear model does better than the best network, None,",
        ),
        ({"linear": BASE + 3 * WOBBLE}, "No network is clearly better than a linear model here: 80.1"),
        ({"linear": BASE - 9, "trees": BASE - 5}, "None, the best network, is clearly better than the best reference"),
        ({"linear": BASE + WOBBLE, "trees": BASE - WOBBLE}, "No network is clearly better than a linear model or"),
        # A network with a worse mean, but always ahead: the best one alone would not show it.
        (
            {"linear": BASE - 4, "none": BASE + 15 * WOBBLE + 1, "l2": BASE},
            "L2 is clearly better than the best reference",
        ),
        ({"linear": (BASE + 9)[:4]}, ""),
    ],
)
def test_what_is_said_of_every_network_is_true_of_every_network(correct, begins):
    """Better than all, level with the best, beaten, and too few seeds."""
    found = judged(**({"none": BASE, "l2": BASE - 6 + WOBBLE, "dropout": BASE - 8} | correct))
    assert found.references.sentence.startswith(begins)
    assert bool(found.references.sentence) == bool(begins)


def test_a_reference_that_failed_is_a_row_and_networks_that_failed_leave_nothing_to_compare():
    """Neither stops the analysis."""
    trials = make_trials({"none": BASE, "l2": BASE, "reference linear": BASE, "reference trees": BASE}, n_test=ROWS)
    trials.loc[trials["variant"] == "reference trees", "status"] = "failed"
    linear, trees = summarize(trials, None, VARIANTS, asked(), references=REFERENCES).datasets[0].references.rows
    assert (linear.finished, trees.finished, trees.failed) == (SEEDS, 0, SEEDS)
    assert linear.comparison.sentence
    trials["status"] = np.where(trials["variant"] == "reference linear", "done", "failed")
    found = summarize(trials, None, VARIANTS, asked(), references=REFERENCES).datasets[0].references
    assert (found.rows[0].comparison, found.best) == (None, "")


def test_chance_alone_makes_a_claim_in_at_most_one_study_of_twenty():
    """References and networks that differ by luck alone: any clear word about any reference counts as false."""
    draw, studies, false = np.random.default_rng(1), 40, 0
    for _ in range(studies):
        counts = {name: draw.binomial(400, 0.8, SEEDS) for name in (*NAMES, *(one.name for one in REFERENCES))}
        trials = make_trials(counts, n_test=400)
        question = asked(rope=0, scope="this_dataset")
        (found,) = summarize(trials, None, VARIANTS, question, references=REFERENCES).datasets
        false += any(row.comparison.verdict in ("better", "worse") for row in found.references.rows)
    assert false <= stats.binom.ppf(0.999, studies, 0.05)
