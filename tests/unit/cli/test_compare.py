"""`regfleet compare` and what it makes of a directory that holds results already."""

import json
import re
import sys

import pandas as pd
import pytest

import regfleet


def rows(out):
    """The frames of a results directory."""
    results = regfleet.load(out)
    return results.trials, results.histories


def contents(folder):
    """Each file with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("undrawn")
def test_provenance_says_where_results_come_from_and_keeps_no_secret(command, finished, trained, monkeypatch):
    """Versions, hardware, command, data hash and times are there; the environment is not."""
    monkeypatch.setenv("MY_CLOUD_TOKEN", "hunter2-hunter2")
    assert command("compare", finished / "study.toml", "--seeds", "5", "--out", finished, "--in-process")[0] == 0
    facts = json.loads((finished / "provenance.json").read_text())
    assert facts["versions"]["python"] == sys.version.split()[0]
    assert facts["data"]["iris"]["rows"] == 150
    assert [one["trials"] for one in facts["runs"]] == [12, len(trained)] == [12, 3]
    assert facts["runs"][0]["command"] == "regfleet compare --model 16,8"
    assert facts["runs"][1]["command"].startswith(f"regfleet compare {finished}/study.toml --seeds 5")
    assert not [path for path, content in contents(finished).items() if b"hunter2" in content]


@pytest.mark.usefixtures("undrawn")
def test_the_same_command_again_trains_nothing(command, finished, trained, small):
    """A finished study is only analysed again."""
    parts = sorted(path.name for path in (finished / "trials").iterdir())
    assert command(*small, "--seeds", "4", "--out", finished)[0] == 0
    assert sorted(path.name for path in (finished / "trials").iterdir()) == parts
    assert trained == []


@pytest.mark.usefixtures("undrawn")
def test_a_metric_that_is_changed_after_results_is_said(command, finished, trained, small):
    """It trains nothing, and the page names the metrics one after the other, also when it is written again."""
    again = [*small, "--seeds", "4", "--out", finished]
    assert "metric was changed" not in command(*again, "--silence", "R101")[1]
    said = "The metric was changed after results were there: accuracy, then balanced accuracy, then AUC."
    for metric in ("balanced_accuracy", "auc", "auc"):
        out = command(*again, "--metric", metric)[1]
    for text in (out, command("report", finished)[1]):
        assert said in " ".join(text.split())
    command(*again, "--metric", "auc", "--at", "best", "--rope", "0.02")
    text = " ".join(command(*again, "--metric", "auc", "--at", "last", "--rope", "0.02")[1].split())
    assert said in text
    assert "epoch whose weights are judged was changed after results were there: the last epoch, then the best" in text
    assert "(ROPE) was changed after results were there: the metric's own, then 0.02." in text
    assert trained == []


@pytest.mark.usefixtures("undrawn")
def test_more_seeds_train_only_the_new_ones(command, finished, trained, small):
    """Six seeds after four: six more trials, and the twelve old rows are the very same."""
    before, _ = rows(finished)
    code, out, err = command(*small, "--seeds", "6", "--out", finished)
    assert code == 0
    assert "12 of them were finished before" in err
    said = "The set of seeds was changed after results were there: 0-3, then 0-5."
    assert said in " ".join(out.split())
    assert said in (finished / "report.html").read_text()
    assert " ".join(command("report", finished)[1].split()).count(said) == 1
    after, _ = rows(finished)
    assert (len(after), {trial.seed for trial in trained}) == (18, {4, 5})
    kept = after[after["key"].isin(before["key"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


@pytest.mark.usefixtures("undrawn")
def test_a_corrupt_part_is_named_and_its_trials_run_again(command, finished, trained, small):
    """A torn file is told by name, and the study ends with the same rows."""
    before = rows(finished)
    part = min((finished / "histories").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    code, _, err = command(*small, "--seeds", "4", "--out", finished)
    assert code == 0
    assert f"histories/{part.name} is torn" in err
    assert len(trained) > 0
    for mine, theirs in zip(rows(finished), before, strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_diverged_trials_are_rows_and_exit_code_1(command, small, tmp_path):
    """A learning rate that overflows: every trial is a row with its epoch, the report is written, the code is 1."""
    code, out, err = command(*small, "--seeds", "2", "--learning-rate", "1e38", "--out", "out")
    assert code == 1, err
    trials, _ = rows(tmp_path / "out")
    bad = trials[trials["status"] == "diverged"]
    assert len(bad) > 0
    assert bad["diverged_at"].between(1, 4).all()
    assert bad["error"].str.contains("not finite").all()
    assert f"{len(bad)} trials failed or diverged" in out
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.usefixtures("undrawn")
def test_json_is_the_summary_for_machines(command, finished):
    """--json prints one JSON value that agrees with the trials, and nothing else on standard output."""
    (data,) = json.loads(command("report", finished, "--json")[1])["summary"]["datasets"]
    trials, _ = rows(finished)
    for row in data["variants"]:
        mean = trials.loc[trials["variant"] == row["name"], "last_test_accuracy"].mean()
        assert row["score"]["mean"] == pytest.approx(mean)
    assert {row["comparison"]["verdict"] for row in data["variants"] if row["comparison"]} == {"undecided"}


def test_report_renders_the_same_bytes_again(command, finished):
    """`regfleet report` trains nothing and writes the identical file."""
    before = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    assert command("report", finished)[0] == 0
    assert (finished / "report.html").read_bytes() == before


@pytest.mark.usefixtures("undrawn")
def test_quiet_prints_nothing(command, finished, small):
    """--quiet leaves both streams empty."""
    assert command(*small, "--seeds", "4", "--out", finished, "--quiet") == (0, "", "")


def test_another_studys_directory_is_refused(command, finished, small):
    """The fields that differ are named, and nothing in the directory changes."""
    before = contents(finished)
    code, _, err = command(*small, "--epochs", "5", "--optimizer", "adam", "--out", finished)
    assert code == 2
    assert "training.epochs is 4 there and 5 here; training.optimizer is sgd there and adam here" in err
    assert contents(finished) == before


BAD = {
    "an unknown data set": (["--data", "irs"], "--data: .*got 'irs' \\(did you mean iris\\?\\)"),
    "an unknown technique": (["-t", "dropuot(0.5)"], "--technique dropuot.*did you mean dropout"),
    "a rate over one": (["-t", "dropout(1.5)"], "--technique.*rate in \\(0, 1\\); got 1.5"),
    "a negative strength": (["-t", "l2(-0.1)"], "--technique.*strength in \\(0, inf\\); got -0.1"),
    "a place beyond the model": (["-t", "l2@7"], "--technique l2@7.*got @7"),
    "no seeds": (["--seeds", "0"], "--seeds: .*got '0'"),
    "negative seeds": (["--seeds", "-5"], "--seeds: .*got '-5'"),
    "no epochs": (["--epochs", "0"], "--epochs: expected a number from 1; got '0'"),
    "epochs in words": (["--epochs", "ten"], "--epochs: expected a whole number; got 'ten'"),
    "a negative batch": (["--batch-size", "-1"], "--batch-size: .*got '-1'"),
    "an unknown metric": (["--metric", "acc"], "--metric: expected one of accuracy.*got 'acc'"),
    "an unknown optimizer": (["--optimizer", "sdg"], "--optimizer: expected one of sgd.*got 'sdg'"),
    "no layers": (["--model", "64,zwei"], "--model: expected a whole number; got 'zwei'"),
    "no workers": (["--workers", "0"], "--workers: .*got '0'"),
    "a GPU and a half": (["--gpus-per-trial", "1.5"], "--gpus-per-trial: .*got '1.5'"),
    "an address that is none": (["--address", "localhost"], "--address: expected HOST:PORT; got 'localhost'"),
    "an unknown flag": (["--sedes", "3"], "No such option: --sedes"),
    "a study file that is not there": (["nowhere.toml"], "nowhere.toml: expected a TOML study file"),
    "a directory that cannot be written": (
        ["--out", "/proc/regfleet"],
        "--out: expected a directory that can be written",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(command, tmp_path, case):
    """The flag, what was expected, what was given, exit code 2, and an untouched directory."""
    arguments, complaint = BAD[case]
    code, out, err = command("compare", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("regfleet: error: ")
    assert re.search(complaint, line), line
    assert list(tmp_path.iterdir()) == []
