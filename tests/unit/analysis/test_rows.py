"""Verdicts from the predictions of single test rows: the same pairs of predictions through the whole analysis."""

import math

import numpy as np
import pandas as pd
import pytest
from support.studies import asked, make_variants

from regfleet.analysis import summarize
from regfleet.predictions import Predictions

A = """
8 9 14 15 : 0111 : 1101
3 11 17 18 : 0101 : 0001
2 4 13 16 : 1111 : 1111
0 5 7 12 : 0110 : 1011
1 6 10 19 : 1000 : 1001
12 14 15 19 : 0110 : 1111
3 6 11 17 : 1010 : 0110
0 2 9 18 : 0111 : 0111
1 4 10 13 : 1110 : 1001
5 7 8 16 : 1100 : 1101
"""
"""A line for each seed: rows of 20 that it tested, which of them the control had right, which the variant."""


def predictions(right, rows, **fields):
    """Two classes, of which every row is of the second; ``right`` (seeds, rows of a seed) says where that was said."""
    right = np.asarray(right, dtype=np.float64)
    seeds = np.repeat(np.arange(len(right)), right.shape[1])
    said = right.ravel()
    probabilities = np.stack([1 - said, said], axis=1).astype(np.float32) * 0.8 + 0.1
    return Predictions(seeds, np.ravel(rows).astype(np.int32), np.ones_like(said), said, probabilities, **fields)


def parsed(text):
    """The test rows, and what control and variant had right, (seeds, rows of a seed) each."""
    parts = [
        [part.split() if place == 0 else list(part.strip()) for place, part in enumerate(line.split(":"))]
        for line in text.strip().splitlines()
    ]
    return [np.array([[int(cell) for cell in line[part]] for line in parts]) for part in range(3)]


def study(right, rows, n_train=12, **columns):
    """The trials of a study of 20 rows, and its predictions by variant."""
    frames = [
        pd.DataFrame(
            {
                "dataset": "toy",
                "variant": name,
                "seed": np.arange(len(one)),
                "status": "done",
                "n_train": n_train,
                "n_val": 4,
                "n_test": one.shape[1],
                "last_test_correct": one.sum(axis=1),
                "last_test_accuracy": one.mean(axis=1),
                "n_rows": 20,
                **columns,
            }
        )
        for name, one in right.items()
    ]
    kept = {name: predictions(one, rows) for name, one in right.items()}
    return pd.concat(frames, ignore_index=True), lambda _dataset: iter(sorted(kept.items()))


def judged(right, rows, **settings):
    """The data set's summary, judged by rows."""
    trials, kept = study(right, rows)
    return summarize(trials, None, make_variants(list(right)), asked(**settings), predictions=kept).datasets[0]


def test_the_interval_is_that_of_single_rows():
    """Of three comparisons the one of a known pair has its known interval, and every one says which rule judged."""
    rows, control, variant = parsed(A)
    found = judged({"none": control, "l2": variant, "l1": control, "dropout": variant}, rows)
    of = {row.name: row.comparison for row in found.variants if row.comparison}
    l2 = of["l2"].difference
    assert [l2.mean, l2.low, l2.high] == pytest.approx([0.075, -0.360211, 0.532076], abs=1e-6)
    assert {(one.rule, one.rule_why) for one in of.values()} == {("rows", "")}
    # ln(3 / .05) / 20: no disagreement, however many seeds
    alike = of["l1"]
    assert alike.same == 20
    assert [alike.difference.low, alike.difference.high] == pytest.approx([-0.204717, 0.204717], abs=1e-6)
    assert alike.floor == pytest.approx(math.log(3 / 0.05) / 20)
