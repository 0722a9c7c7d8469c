"""The results directory: atomic, resumable, honest about what it cannot read."""

import re

import pandas as pd
import pytest

from regfleet.errors import InputError, ResultsError
from regfleet.results import HISTORY_FIELDS, TRIAL_FIELDS, claim, load
from regfleet.trials import Outcome, Trial


def test_what_was_appended_is_loaded_in_order(store, outcome):
    """Rows come back sorted by variant and seed, whatever the order in which they came."""
    store.append([outcome("none", 1), outcome("none", 0)])
    store.append([outcome("l2(0.01)@all", 1)])
    results = load(store.place.local)
    assert list(zip(results.trials["variant"], results.trials["seed"], strict=True)) == [
        ("l2(0.01)@all", 1),
        ("none", 0),
        ("none", 1),
    ]
    assert results.trials["control"].tolist()[0] == "none"
    assert results.trials["control"].isna().tolist() == [False, True, True]
    assert results.histories.groupby("key")["epoch"].apply(list).tolist() == [[1, 2, 3]] * 3
    assert results.problems == ()


def test_pandas_alone_reads_the_parts(store, outcome):
    """The documented columns are there for someone who has only pandas."""
    store.append([outcome("none", 0)])
    trials = pd.read_parquet(store.place.local / "trials")
    histories = pd.read_parquet(store.place.local / "histories")
    assert trials.columns.tolist() == list(TRIAL_FIELDS)
    assert histories.columns.tolist() == list(HISTORY_FIELDS)
    assert trials["last_test_correct"].tolist() == [15]
    assert histories["loss"].dtype == "float32"


def test_a_frame_of_trials_is_its_readers_own(store, outcome):
    """Its cells can be set, numbers too."""
    store.append([outcome("none", 0)])
    trials = load(store.place.local).trials
    for name in ("seconds", "seed", "best_epoch", "last_test_accuracy"):
        trials.loc[0, name] = 7
    assert trials.loc[0, ["seconds", "seed", "best_epoch", "last_test_accuracy"]].tolist() == [7, 7, 7, 7]


def test_a_failed_trial_is_a_row_and_runs_again(store, outcome):
    """A failure keeps its traceback, is not finished, and gives way to a later success."""
    store.append([outcome("none", 0, "failed"), outcome("none", 1, "diverged")])
    first = load(store.place.local)
    assert first.trials["status"].tolist() == ["failed", "diverged"]
    assert first.trials["traceback"].tolist()[0] == "Traceback …"
    assert first.finished == {"none-1"}
    store.append([outcome("none", 0)])
    assert load(store.place.local).trials["status"].tolist() == ["done", "diverged"]


@pytest.mark.parametrize("folder", ["trials", "histories", "predictions"])
def test_a_torn_part_is_named_and_its_trials_are_missing(store, outcome, folder):
    """Half a file costs its own trials, nobody else's, and is set aside under its name."""
    store.append([outcome("none", 0)])
    store.append([outcome("none", 1)])
    part = min((store.place.local / folder).iterdir())
    part.write_bytes(part.read_bytes()[:200])
    results = load(store.place.local)
    assert len(results.trials) == len(results.finished) == 1
    (problem,) = results.problems
    assert str(problem).startswith(f"{folder}/{part.name} is torn")
    (said,) = store.set_aside(results.problems)
    assert said.endswith(f"set aside as {part.stem}.torn")
    assert load(store.place.local).problems == ()
    store.append([outcome("none", 0), outcome("none", 1)])
    assert load(store.place.local).finished == {"none-0", "none-1"}


def test_a_foreign_file_is_named_and_left_alone(store, outcome):
    """Somebody's own Parquet file in the directory is reported and stays where it is."""
    store.append([outcome("none", 0)])
    foreign = store.place.local / "trials" / "mine.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    results = load(store.place.local)
    assert len(results.trials) == 1
    assert str(results.problems[0]).startswith("trials/mine.parquet is torn or not a part of results")
    assert store.set_aside(results.problems) == [f"{results.problems[0]}; left where it is"]
    assert foreign.exists()


def test_a_write_cut_short_leaves_nothing_readers_see(store, outcome):
    """A file that was being written when the driver died is ignored, and removed by the next driver."""
    store.append([outcome("none", 0)])
    (store.place.local / "trials" / "part-x.parquet.tmp").write_bytes(b"PAR1")
    assert load(store.place.local).problems == ()
    assert len(load(store.place.local).trials) == 1


def test_a_history_without_its_trial_is_not_a_result(store, outcome):
    """The part of trials is the commit: a driver that died between the two parts lost that chunk only."""
    store.append([outcome("none", 0)])
    store.append([outcome("none", 1)])
    parts = {p.name: p for p in (store.place.local / "trials").iterdir()}
    next(iter(parts.values())).unlink()
    results = load(store.place.local)
    assert len(results.trials) == 1
    assert set(results.histories["key"]) == set(results.trials["key"])


def test_a_directory_is_claimed_by_one_driver(store):
    """A second driver on the same directory is refused while the first lives."""
    with pytest.raises(InputError, match="which is in use"), claim(store.place.local):
        pass


def test_a_foreign_directory_is_not_taken(tmp_path):
    """A directory that holds something else is refused and stays as it was."""
    (tmp_path / "thesis.tex").write_text("")
    complaint = r"^--out: expected an empty or a results directory; got .*thesis\.tex$"
    with pytest.raises(InputError, match=complaint), claim(tmp_path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_study_refused_at_the_start_leaves_nothing(tmp_path):
    """Bad input found after the claim takes the new directory away again."""
    with pytest.raises(InputError), claim(tmp_path / "new"):
        raise InputError("--gpus-per-trial: …")
    assert not (tmp_path / "new").exists()


def test_what_is_no_results_directory_is_said(tmp_path):
    """A missing directory and one without a study are told apart; one that holds results says where they are."""
    (tmp_path / "copied").mkdir()
    (tmp_path / "copied" / "study.toml").touch()  # holds no results
    with pytest.raises(ResultsError, match="got no directory"):
        load(tmp_path / "none")
    with pytest.raises(ResultsError, match=r"got a directory without study\.toml"):
        load(tmp_path)
    for name, held in (("b", "one: {0}/b"), ("a", "2 of them: {0}/*/")):
        with claim(tmp_path / name):
            (tmp_path / name / "study.toml").touch()
        with pytest.raises(ResultsError) as refused:
            load(tmp_path)
        assert str(refused.value).endswith(f"got a directory that holds {held.format(tmp_path)}")


def test_any_error_of_a_model_is_kept_with_its_study(store):
    """Half a character, NUL, 20 MB, thousands of lines: written, bounded, with head and tail, and what is left out."""
    texts = ["half \udcff", "nul \x00\x1b[31m", "head" + "x" * 20_000_000 + "tail", "line\n" * 9999]
    trials = [Trial(f"key-{seed}", "iris", "none", seed) for seed in range(len(texts))]
    store.append(
        [Outcome(t, "failed", "fused", error=e, traceback=e, host="\ud800") for t, e in zip(trials, texts, strict=True)]
    )
    kept = load(store.place.local).trials.sort_values("seed")
    assert kept["error"].tolist()[:2] == [r"half \udcff", r"nul \x00\x1b[31m"]
    assert kept["host"].tolist() == [r"\ud800"] * 4
    for column in ("error", "traceback"):
        assert max(map(len, kept[column])) <= 20_000
        long, lines = kept[column].tolist()[2:]
        assert long.startswith("headxxx")
        assert long.endswith("xxxtail")
        head, left, tail = re.fullmatch(r"(.*)\n… ([\d,]+) characters are left out …\n(.*)", long).groups()
        assert len(head) + int(left.replace(",", "")) + len(tail) == 20_000_008
        assert lines.startswith("line\nline\n")
