"""Splits: three sets, redrawn per seed, and nothing leaks from one to another."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, train_test_split

from regfleet.data import (
    BUILTIN,
    SPLITS,
    check_source,
    cut,
    from_arrays,
    load_builtin,
    parse_split,
    row_counts,
    split_meaning,
    split_rows,
    stratifies,
)
from regfleet.data.dataset import Dataset
from regfleet.errors import InputError
from regfleet.settings import Data
from regfleet.settings.values import SplitSpec
from regfleet.streams import stream_int

IRIS = load_builtin("iris")
THREE_SETS, ARTICLE, BALANCED = SPLITS["60/20/20"], SPLITS["article"], SPLITS["balanced"]


def dataset(rows=60, target=None, **source):
    """A table with a group of three rows each, a day, and a target of two classes."""
    frame = pd.DataFrame(
        {"x": np.random.default_rng(0).normal(size=rows), "group": [f"g{row // 3}" for row in range(rows)]}
    )
    frame["day"] = np.random.default_rng(1).permutation(pd.date_range("2024-01-01", periods=rows))
    frame["y"] = np.arange(rows) % 2 if target is None else target
    return from_arrays("t", frame, source=Data(location="t", target="y", **source))


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("seed", [0, 7])
def test_three_sets_partition_the_rows(name, seed):
    """Every row is in exactly one of the three sets, 60, 20 and 20 % of them."""
    data = load_builtin(name)
    parts = split_rows(data, THREE_SETS, seed)
    rows = len(data.target)
    assert sorted(np.concatenate(parts)) == list(range(rows))
    assert [round(len(part) / rows, 1) for part in parts] == [0.6, 0.2, 0.2]
    assert tuple(map(len, parts)) == row_counts(data, THREE_SETS)


@pytest.mark.parametrize("name", BUILTIN)
def test_a_stratified_split_is_scikit_learns(name):
    """Two draws of train_test_split from the seed's streams, the test set first."""
    data = load_builtin(name)
    rows, n_test = np.arange(len(data.target)), len(split_rows(data, THREE_SETS, 5)[2])
    rest, test = train_test_split(
        rows, test_size=n_test, random_state=stream_int(5, "split", "test"), stratify=data.target
    )
    train, validation = train_test_split(
        rest, test_size=n_test, random_state=stream_int(5, "split", "validation"), stratify=data.target[rest]
    )
    for ours, theirs in zip(split_rows(data, THREE_SETS, 5), (train, validation, test), strict=True):
        assert np.array_equal(ours, theirs)


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


def test_targets_are_one_hot_rows_of_the_right_class():
    """Row by row the one-hot target is the class of the row it was cut from."""
    train, _, _ = split_rows(IRIS, THREE_SETS, 0)
    assert np.array_equal(cut(IRIS, THREE_SETS, 0).train.y.argmax(1), IRIS.target[train])


@pytest.mark.parametrize(
    ("text", "shares"),
    [("60/20/20", (0.6, 0.2, 0.2)), ("70/15/15", (0.7, 0.15, 0.15)), ("80.5/9.5/10", (0.805, 0.095, 0.1))],
)
def test_shares_are_read(text, shares):
    """Three percentages."""
    split = parse_split(text)
    assert (split.train, split.validation, split.test) == pytest.approx(shares)
    assert split.name == text
    # 0.15 × 100 rows is 15.000000000000002, and 15 rows.
    assert row_counts(dataset(100), parse_split("70/15/15")) == (70, 15, 15)


@pytest.mark.parametrize(
    "text", ["", "60/20", "60/20/30", "0/50/50", "5x1", "0x5", "x", "articl", "-10/60/50", "nan/1/1"]
)
def test_what_is_no_split_is_refused(text):
    """Shares that do not add up, one fold, and anything else."""
    with pytest.raises(
        InputError, match=r"^--split: expected balanced, random, three shares that add up to 100 such as 60/20/20"
    ):
        parse_split(text)


@pytest.mark.parametrize("repeats", [1, 5])
@pytest.mark.parametrize("k", [2, 5])
def test_folds_test_every_row_once_per_repeat_as_scikit_learn_defines_them(k, repeats):
    """Seed s tests fold s mod k of repeat s div k; a fifth of the other rows validates."""
    split = parse_split(f"{repeats}x{k}")
    for repeat in range(repeats):
        parts = [split_rows(IRIS, split, repeat * k + fold) for fold in range(k)]
        assert sorted(np.concatenate([test for _, _, test in parts])) == list(range(150))
        folds = StratifiedKFold(k, shuffle=True, random_state=stream_int(repeat, "split", "folds"))
        for (train, validation, test), (rest, expected) in zip(
            parts, folds.split(IRIS.target, IRIS.target), strict=True
        ):
            assert np.array_equal(test, expected)
            assert sorted([*train, *validation]) == list(rest)
            assert len(validation) == np.ceil(0.2 * len(rest))
    assert row_counts(IRIS, split)[2] == 150 / k
    with pytest.raises(
        InputError, match=rf"^--seeds: expected 0 to {repeats * k - 1}, the folds of --split {repeats}x{k}"
    ):
        split_rows(IRIS, split, repeats * k)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.lists(st.integers(1, 23), min_size=1, max_size=6).filter(lambda counts: sum(counts) >= 10),
    st.integers(0, 2**61) | st.integers(0, 3),
    st.sampled_from(["classification", "regression"]),
)
def test_five_seeds_test_every_row_once_whatever_the_classes(counts, repeat, task):
    """By hand: sets are disjoint, folds and the classes in them as even as can be, a fifth of all rows validates."""
    rows = sum(counts)
    target = np.random.default_rng(rows).permutation(np.repeat(np.arange(len(counts)), counts))
    table = pd.DataFrame({"x": np.arange(rows) / 7.0, "y": target if task == "classification" else target * 0.5})
    source = Data(location="t", target="y", task=task)
    try:
        data = from_arrays("t", table, source=source)
    except InputError:  # one class, and too few rows of any
        assume(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parts = [split_rows(data, BALANCED, 5 * repeat + fold) for fold in range(5)]
    assert sorted(np.concatenate([test for _, _, test in parts])) == list(range(rows))
    for train, validation, test in parts:
        assert sorted([*train, *validation, *test]) == list(range(rows))
        assert len(validation) == -(-rows // 5)
        assert len(test) in (rows // 5, -(-rows // 5))
        if task == "classification":
            for label, count in enumerate(np.bincount(data.target)):
                tested, validated = (np.count_nonzero(data.target[part] == label) for part in (test, validation))
                assert count // 5 <= tested <= -(-count // 5)
                share = (count - tested) * len(validation) / (rows - len(test))
                assert np.floor(share) <= validated <= np.ceil(share)


def test_other_rounds_are_dealt_anew_and_each_seed_alone():
    """Seeds 3 and 8 are the same fold of two rounds and test other rows; of equal classes each set has a third each."""
    one, other = (split_rows(IRIS, BALANCED, seed) for seed in (3, 8))
    assert not np.array_equal(one[2], other[2])
    assert [np.bincount(IRIS.target[part]).tolist() for part in one] == [[30, 30, 30], [10, 10, 10], [10, 10, 10]]
    assert row_counts(IRIS, BALANCED) == (90, 30, 30)
    assert row_counts(dataset(151), BALANCED) == (89, 31, 31)


@pytest.mark.parametrize("source", [{"group": "group"}, {"time": "day"}])
def test_whole_groups_and_time_are_no_folds(source):
    """They are drawn as ever, by any seed."""
    data = dataset(**source)
    assert row_counts(data, BALANCED) == row_counts(data, THREE_SETS)
    for seed in (0, 10**9):
        for ours, theirs in zip(split_rows(data, BALANCED, seed), split_rows(data, THREE_SETS, seed), strict=True):
            assert np.array_equal(ours, theirs)


def test_random_is_sixty_twenty_twenty():
    """The same name, and so the same trials."""
    assert parse_split("random") == parse_split("60/20/20") == SplitSpec("60/20/20", 0.6, 0.2, 0.2)


def test_folds_of_a_quantity_are_not_stratified():
    """Plain k-fold."""
    data, split = dataset(target=np.linspace(0, 1, 60)), parse_split("1x3")
    folds = KFold(3, shuffle=True, random_state=stream_int(0, "split", "folds")).split(data.target)
    for seed, (_, expected) in enumerate(folds):
        assert np.array_equal(split_rows(data, split, seed)[2], expected)


@pytest.mark.parametrize("text", ["60/20/20", "article", "2x4"])
def test_rows_of_a_group_never_straddle(text):
    """Every group is in one set, on every seed; the sets have about the rows asked for."""
    data, split = dataset(group="group"), parse_split(text)
    for seed in range(8):
        train, validation, test = split_rows(data, split, seed)
        sets = [set(data.groups[part]) for part in (train, validation, test)]
        assert not sets[0] & sets[2]
        assert not sets[0] & sets[1]
        assert text == "article" or not sets[1] & sets[2]
        assert abs(len(test) - row_counts(data, split)[2]) <= 3
        assert abs(len(train) - row_counts(data, split)[0]) <= 3
    if text == "2x4":
        folds = GroupKFold(4, shuffle=True, random_state=stream_int(0, "split", "folds"))
        expected = [test for _, test in folds.split(data.target, groups=data.groups)]
        assert all(np.array_equal(split_rows(data, split, fold)[2], expected[fold]) for fold in range(4))


@pytest.mark.parametrize(("rows", "text"), [(12, "1x4"), (12, "1x5")])
def test_too_few_groups_are_refused(rows, text):
    """Four groups cannot make four folds and a validation set as well."""
    with pytest.raises(InputError, match=r"^--group: expected more than \d groups for --split .*; got 4 in t$"):
        split_rows(dataset(rows, group="group"), parse_split(text), 0)


def test_two_groups_cannot_make_three_sets():
    """One of them would have to straddle."""
    frame = pd.DataFrame({"x": np.arange(20.0) ** 2, "g": ["a", "b"] * 10, "y": ["u", "u", "v", "v"] * 5})
    data = from_arrays("t", frame, source=Data(location="t", target="y", group="g"))
    with pytest.raises(InputError, match=r"^--group: expected a group or more in each set"):
        split_rows(data, THREE_SETS, 0)


def test_time_makes_the_latest_rows_the_test_set_of_every_seed():
    """The last fifth tests, the fifth before it validates, and every seed is the same."""
    data = dataset(time="day")
    day = np.random.default_rng(1).permutation(60)
    for seed in (0, 9):
        train, validation, test = split_rows(data, THREE_SETS, seed)
        assert sorted(day[train]) == list(range(36))
        assert sorted(day[validation]) == list(range(36, 48))
        assert sorted(day[test]) == list(range(48, 60))
    assert data.fixed_test
    assert "day" not in data.features if isinstance(data.features, pd.DataFrame) else True
    article = split_rows(data, ARTICLE, 0)
    assert np.array_equal(article[1], article[2])


@pytest.mark.parametrize(
    ("times", "got"), [(["2024-01-01"] * 59 + [None], "None in row 60"), (["soon", *range(59)], "'soon' in row 1")]
)
def test_a_row_without_a_time_is_named(times, got):
    """A gap, and a word."""
    frame = pd.DataFrame({"x": np.arange(60) % 7, "when": times, "y": np.arange(60) % 2})
    with pytest.raises(InputError, match=rf"^--time: expected a date or a number in every row of when; got {got}$"):
        from_arrays("t", frame, source=Data(location="t", target="y", time="when"))


def test_a_test_file_is_the_test_set_of_every_seed(load, table):
    """Its rows test; of the others a fourth validates, the same for every seed."""
    data = load(table, test=table[:15].assign(visits=lambda rows: rows["visits"] + 1).to_csv(index=False))
    train, validation, test = split_rows(data, THREE_SETS, 0)
    assert test.tolist() == list(range(60, 75))
    assert (len(train), len(validation)) == (45, 15)
    assert row_counts(data, THREE_SETS) == (45, 15, 15)
    assert np.array_equal(split_rows(data, THREE_SETS, 7)[1], validation)
    with pytest.raises(InputError, match=r"^--split 5x2: expected shares such as 60/20/20 with a fixed test set"):
        split_rows(data, parse_split("5x2"), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="age"), r"^--test: expected the columns of --data; got no age$"),
        (lambda t: t.assign(more=1), r"^--test: expected the columns of --data; got also more$"),
        (lambda t: t.assign(churned="perhaps"), r"^--test: expected the classes of --data; got perhaps$"),
        (lambda t: t[:0], r"^--test: expected rows with a target; got none$"),
    ],
)
def test_a_test_file_that_does_not_match_is_refused(load, table, change, message):
    """Columns and classes are those of the training file."""
    with pytest.raises(InputError, match=message):
        load(table, test=change(table).to_csv(index=False))


def test_rows_in_both_files_are_counted(load, table):
    """A model that has seen a test row is not tested by it."""
    notes = load(table, test=table[:7].to_csv(index=False)).notes
    assert "7 rows of the test file have the same input as a row of --data." in notes


def test_a_test_file_whose_groups_are_known_is_refused(load, table):
    """A group never straddles, not even two files."""
    table["shop"] = [f"shop {row // 6}" for row in range(60)]
    with pytest.raises(InputError, match=r"^--test: expected groups that --data does not have; got 'shop 0' of shop"):
        load(table, test=table[:7].to_csv(index=False), group="shop")


@pytest.mark.parametrize(
    ("target", "stratified"), [([0] * 57 + [1] * 3, True), ([0] * 58 + [1] * 2, False), (np.linspace(0, 1, 60), False)]
)
def test_classes_are_kept_in_proportion_where_that_is_possible(target, stratified):
    """Three rows of a class are the least for three sets; a quantity has no classes."""
    data = dataset(target=target)
    assert stratifies(data, THREE_SETS) == stratified
    for seed in range(20):
        parts = split_rows(data, THREE_SETS, seed)
        assert sorted(np.concatenate(parts)) == list(range(60))


def test_a_data_set_too_small_for_three_sets_is_refused_in_a_line():
    """Ten rows have no 1 % for a set once the others have theirs."""
    with pytest.raises(InputError, match=r"^--split 1/1/98: expected a row or more in each set; got 10 rows in t$"):
        split_rows(dataset(10), parse_split("1/1/98"), 0)


@pytest.mark.parametrize(
    ("text", "source", "words"),
    [
        ("60/20/20", {}, ("36 rows train, 12 validate and 12 test", "in their shares", "r = n_test / n_train = 0.33")),
        ("balanced", {}, ("every 5 seeds test each row once: 36 rows train, 12 validate and 12 test", "shares")),
        ("balanced", {"group": "group"}, ("Every seed draws its own sets", "about new groups")),
        ("balanced", {"target": [0] * 57 + [1] * 3}, ("A class has fewer than 5 rows, so that some sets lack it",)),
        ("article", {}, ("45 rows train, and the same 15 validate and test", "r = n_test / n_train = 0.33")),
        ("5x2", {}, ("5 × 2-fold", "seeds 0 to 9", "r = n_test / n_train = 1.25")),
        ("60/20/20", {"group": "group"}, ("about new groups",)),
        (
            "60/20/20",
            {"time": "day"},
            ("the latest rows", "Seeds vary the weights only (r = 0)", "not about other rows"),
        ),
        ("60/20/20", {"target": [0] * 58 + [1] * 2}, ("too rare", "not stratified")),
    ],
)
def test_the_meaning_of_a_split_is_said(text, source, words):
    """The counts, what seeds vary and what the interval is about."""
    meaning = split_meaning(parse_split(text), dataset(**source))
    assert all(word in meaning for word in words), meaning


def test_an_unknown_data_set_names_the_nearest():
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(InputError, match=r"^--data: .*got 'irs' \(did you mean iris\?\)$"):
        check_source(Data(location="irs"))


@pytest.mark.parametrize("kind", ["classes", "regression", "groups"])
def test_a_half_is_split_as_a_data_set_of_its_own(kind):
    """The halves of a pair share no row and miss none, keep the classes or the groups, and each has three sets."""
    target = np.repeat([0, 1, 2], [30, 20, 11]) if kind != "regression" else np.arange(61.0)
    groups = np.arange(61) // 3 if kind == "groups" else None
    names = () if kind == "regression" else ("a", "b", "c")
    dataset = Dataset("toy", np.zeros((61, 2)), target, names, "fingerprint", groups=groups)
    drawn = set()
    for pair in range(2):
        sides = [replace(SPLITS["balanced"], half=2 * pair + side) for side in range(2)]
        parts = [[split_rows(dataset, half, seed) for seed in range(5)] for half in sides]
        whole = [set(np.concatenate(of_side[0])) for of_side in parts]
        assert not whole[0] & whole[1]
        assert whole[0] | whole[1] == set(range(61))
        drawn.add(frozenset(whole[0]))
        for rows, of_side in zip(whole, parts, strict=True):
            assert all(len(rows) == sum(map(len, sets)) == len(set(np.concatenate(sets))) for sets in of_side)
            if kind == "classes":
                assert np.abs(np.bincount(target[list(rows)]) - [15, 10, 5.5]).max() < 1
            if kind == "groups":
                assert len({groups[row] for row in rows}) + len({groups[row] for row in {*range(61)} - rows}) == 21
            else:
                assert sorted(np.concatenate([sets[2] for sets in of_side])) == sorted(rows)  # each is tested once
    assert len(drawn) == 2
