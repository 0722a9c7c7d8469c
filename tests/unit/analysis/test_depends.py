"""On what the effects of techniques depend, over data sets."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.studies import asked, make_trials, make_variants

from regfleet.analysis import summarize
from regfleet.analysis.depends import FACTS, dependences
from regfleet.analysis.overall import overall

NAMES = ["none", "l2", "l1", "dropout"]
ROWS = (90, 120, 150, 200, 300, 400, 600, 900, 1200, 1500, 2000, 3000)


def studied(effects):
    """Twelve data sets of these rows on which variants differ from the control by ``effects`` (data sets, variants)."""
    base = np.array([150, 152, 149, 151, 150])
    frames = [
        make_trials(
            {"none": base} | {name: base + int(effect) for name, effect in zip(NAMES[1:], row, strict=True)},
            dataset=f"set{number:02}",
            n_test=300,
            n_train=rows,
        ).assign(n_columns=7 * number % 12 + 1)
        for number, (rows, row) in enumerate(zip(ROWS, effects, strict=True))
    ]
    return summarize(pd.concat(frames, ignore_index=True), None, make_variants(NAMES), asked(scope="this_dataset"))


def test_an_effect_that_grows_with_the_rows_is_found_and_the_others_are_not():
    """SciPy's rank correlations; the one that is made to be is clear and is said with its direction."""
    draw = np.random.default_rng(5)
    effects = np.column_stack([np.arange(12) * 3, draw.permutation(12) - 6, draw.permutation(12) - 6])
    whole = overall(studied(effects))
    found = whole.depends
    assert found.datasets == 12
    for place, label in enumerate(("L2", "L1", "Dropout")):
        expected = stats.spearmanr(effects[:, place], ROWS).statistic
        assert found.correlations[label][found.facts.index("training rows")] == pytest.approx(expected)
    assert found.clear == {("L2", "training rows")}
    (sentence,) = found.said
    assert sentence.startswith("The more rows there are, the better does L2 beside the control (rank correlation 1.00")
    assert sentence in whole.headline


def test_where_nothing_depends_a_claim_is_made_in_one_study_of_twenty():
    """Among 300 studies of noise, any correlation is called clear in alpha of them, within three standard errors."""
    draw = np.random.default_rng(11)
    datasets = studied(np.arange(36).reshape(12, 3)).datasets
    labels = {name: name for name in NAMES[1:]}
    false, studies = 0, 300
    for _ in range(studies):
        common = draw.normal(size=len(datasets))  # variants of one study are alike
        noisy = [
            replace(dataset, variants=tuple(_moved(row, common[place] + draw.normal()) for row in dataset.variants))
            for place, dataset in enumerate(datasets)
        ]
        false += bool(dependences(noisy, labels, 0.05, draws=199).clear)
    assert abs(false / studies - 0.05) < 3 * np.sqrt(0.05 * 0.95 / studies)


def _moved(row, by):
    if row.comparison is None:
        return row
    return replace(row, comparison=replace(row.comparison, difference=replace(row.comparison.difference, mean=by)))


def test_of_few_data_sets_or_of_what_is_not_known_nothing_is_asked():
    """Seven data sets; facts that are the same everywhere, as columns of results from before they were counted."""
    summary = studied(np.arange(36).reshape(12, 3))
    labels = {"l2": "L2"}
    assert dependences(summary.datasets[:7], labels, 0.05) is None
    assert dependences(summary.datasets, {}, 0.05) is None
    older = [replace(dataset, columns=0) for dataset in summary.datasets]
    assert dependences(older, labels, 0.05).facts == tuple(name for name in FACTS if name == "training rows")
