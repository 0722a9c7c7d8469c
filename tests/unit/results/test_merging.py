"""Small parts become larger ones, and nothing is lost however that ends."""

import threading

import pandas as pd
import pytest

from regfleet.results import load


def parts(store, folder="trials"):
    """The names of the parts in a folder."""
    return sorted(path.name for path in (store.place.local / folder).glob("part-*.parquet"))


def keys_of(names):
    """The hashes of the keys that parts hold, which begin their names."""
    return [name[: len("part-") + 16] for name in names]


def assert_same(one, other):
    """Fail unless two results hold the same rows, and no problem."""
    assert one.problems == other.problems == ()
    pd.testing.assert_frame_equal(one.trials, other.trials, check_exact=True)
    pd.testing.assert_frame_equal(one.histories, other.histories, check_exact=True)
    pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)


def test_merging_keeps_every_row(store, outcome):
    """Finished, diverged and failed trials of two variants are the same rows in one part as in four."""
    store.append([outcome("none", 1), outcome("none", 0, "diverged")])
    store.append([outcome("l2(0.01)@all", 0)])
    store.append([outcome("none", 2, "failed")])
    store.append([outcome("none", 3)])
    before = load(store.place)
    before.histories, before.predictions  # read while the parts are there  # noqa: B018
    store.merge()
    assert len(parts(store)) == len(parts(store, "histories")) == 1
    assert keys_of(parts(store)) == keys_of(parts(store, "histories"))
    assert_same(before, load(store.place))


def test_a_success_outlives_the_failure_it_is_merged_with(store, outcome):
    """Of two rows of one trial the finished one is kept, whichever part comes first."""
    store.append([outcome("none", 0, "failed"), outcome("none", 1)])
    store.append([outcome("none", 0)])
    store.merge()
    assert load(store.place).trials["status"].tolist() == ["done", "done"]
    assert len(parts(store)) == 1


def test_merging_goes_on_while_results_are_written(store, outcome, monkeypatch):
    """A study of many chunks never has more small parts than one merger takes, and counts every trial once."""
    monkeypatch.setattr("regfleet.results.store.MERGE_EVERY", 8)
    for seed in range(19):
        store.append([outcome("none", seed)])
        assert len(parts(store)) <= 9
    assert load(store.place).trials["seed"].tolist() == list(range(19))


def test_a_reader_never_sees_a_trial_go(store, outcome):
    """While one thread writes and merges, another reads only more trials each time, and no problem."""
    over = threading.Event()
    failures, counts = [], [0]

    def read():
        while not over.is_set():
            found = load(store.place)
            counts.append(len(found.trials))
            if found.problems or counts[-1] < counts[-2] or len(found.histories) != 3 * counts[-1]:
                failures.append((found.problems, counts[-2:]))

    reader = threading.Thread(target=read)
    reader.start()
    for seed in range(60):
        store.append([outcome("none", seed)])
        if seed % 3 == 2:
            store.merge()
    over.set()
    reader.join()
    assert failures == []
    assert len(counts) > 3


def test_a_part_that_cannot_be_read_is_not_merged(store, outcome):
    """A torn part and somebody else's file are still where they were, named as problems."""
    for seed in range(3):
        store.append([outcome("none", seed)])
    torn = store.place.local / "trials" / parts(store)[0]
    torn.write_bytes(torn.read_bytes()[:200])
    mine = store.place.local / "trials" / "mine.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(mine)
    before = load(store.place)
    store.merge()
    assert torn.exists()
    assert mine.exists()
    assert load(store.place).problems == before.problems
    assert len(load(store.place).trials) == 2


def test_a_part_from_before_a_metric_existed_is_read(store, outcome):
    """Rows that lack a metric's column are results; the metric is missing there, merged or not."""
    store.append([outcome("none", 0)])
    for folder, column in (("trials", "last_val_mse"), ("histories", "val_mse")):
        (path,) = (store.place.local / folder).iterdir()
        frame = pd.read_parquet(path).drop(columns=column)
        path.unlink()  # the hash of its content came into a part's name later than the metric
        frame.to_parquet(path.with_name(f"{path.name[: len('part-') + 16]}.parquet"))
    store.append([outcome("none", 1)])
    for _ in range(2):
        found = load(store.place)
        assert found.problems == ()
        assert found.trials["last_val_mse"].isna().tolist() == [True, False]
        assert found.histories["val_mse"].isna().tolist() == [True] * 3 + [False] * 3
        store.merge()


@pytest.mark.parametrize("rows", [1, 10_000])
def test_curves_come_a_few_whole_variants_at_a_time(store, outcome, monkeypatch, rows):
    """Whatever fits into memory at once, every variant's rows come together and once."""
    monkeypatch.setattr("regfleet.results.loading.BATCH_ROWS", rows)
    for seed in range(3):
        store.append([outcome("none", seed), outcome("l2(0.01)@all", seed)])
        store.merge()
    frames = list(load(store.place).curves("iris"))
    assert [sorted(frame["variant"].unique()) for frame in frames] == (
        [["l2(0.01)@all"], ["none"]] if rows == 1 else [["l2(0.01)@all", "none"]]
    )
    whole = pd.concat([frame.astype({"variant": "str", "dataset": "str"}) for frame in frames])
    expected = load(store.place).histories.drop(columns="key").astype({"variant": "str", "dataset": "str"})
    order = ["variant", "seed", "epoch"]
    pd.testing.assert_frame_equal(
        whole.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )
    assert list(load(store.place).curves("wine")) == []
