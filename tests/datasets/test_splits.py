"""Splits: three sets, redrawn per seed, and nothing leaks from one to another."""

import dataclasses

import numpy as np
import pytest

from regfleet.datasets import BUILTIN, SPLITS, cut, load_builtin, split_rows
from regfleet.errors import InputError
from regfleet.records import Dataset

IRIS = load_builtin("iris")
THREE_SETS, ARTICLE = SPLITS["60/20/20"], SPLITS["article"]


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("seed", [0, 7])
def test_three_sets_partition_the_rows(name, seed):
    """Every row is in exactly one of the three sets, 60, 20 and 20 % of them."""
    dataset = load_builtin(name)
    parts = split_rows(dataset, THREE_SETS, seed)
    rows = len(dataset.target)
    assert sorted(np.concatenate(parts)) == list(range(rows))
    assert [round(len(part) / rows, 1) for part in parts] == [0.6, 0.2, 0.2]


def test_iris_is_split_90_30_30_with_equal_classes():
    """Stratified: 30 of each species train, 10 validate, 10 test."""
    train, validation, test = split_rows(IRIS, THREE_SETS, 3)
    counts = [np.bincount(IRIS.target[part]).tolist() for part in (train, validation, test)]
    assert counts == [[30, 30, 30], [10, 10, 10], [10, 10, 10]]


def test_the_article_uses_one_held_out_quarter_twice():
    """112 rows train; the same 38 validate and test, not stratified over the seeds."""
    splits = [split_rows(IRIS, ARTICLE, seed) for seed in range(5)]
    for train, validation, test in splits:
        assert (len(train), len(test)) == (112, 38)
        assert np.array_equal(validation, test)
        assert not set(train) & set(test)
    assert any(np.bincount(IRIS.target[test]).tolist() != [13, 13, 12] for _, _, test in splits)


def test_a_seed_decides_the_split_and_another_seed_another():
    """The same seed gives the same rows, another seed other rows."""
    same, again, other = (split_rows(IRIS, THREE_SETS, seed)[2] for seed in (1, 1, 2))
    assert np.array_equal(same, again)
    assert not np.array_equal(same, other)


def test_the_scaler_knows_training_rows_only():
    """Mean 0 and standard deviation 1 on the training rows; poisoned held-out rows change nothing there."""
    sets = cut(IRIS, THREE_SETS, 5)
    np.testing.assert_allclose(sets.train.x.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(sets.train.x.std(0), 1, atol=1e-6)
    assert np.abs(sets.test.x.mean(0)).max() > 0.01
    _, validation, test = split_rows(IRIS, THREE_SETS, 5)
    poisoned = IRIS.features.copy()
    poisoned[np.concatenate([validation, test])] = 1e9
    again = cut(dataclasses.replace(IRIS, features=poisoned), THREE_SETS, 5)
    assert np.array_equal(again.train.x, sets.train.x)


def test_targets_are_one_hot_rows_of_the_right_class():
    """Row by row the one-hot target is the class of the row it was cut from."""
    train, _, _ = split_rows(IRIS, THREE_SETS, 0)
    assert np.array_equal(cut(IRIS, THREE_SETS, 0).train.y.argmax(1), IRIS.target[train])


def test_a_data_set_too_small_to_stratify_is_refused_in_a_line():
    """A class with a single row cannot be in three sets."""
    tiny = Dataset("tiny", np.zeros((10, 1)), np.array([0] * 9 + [1]), ("a", "b"), "x")
    with pytest.raises(InputError, match=r"^--split 60/20/20: expected every class of tiny in each set"):
        split_rows(tiny, THREE_SETS, 0)


def test_an_unknown_data_set_names_the_nearest():
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(InputError, match=r"^--data: .*got 'irs' \(did you mean iris\?\)$"):
        load_builtin("irs")
