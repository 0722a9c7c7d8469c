"""`regfleet compare`, end to end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regfleet

CHATTER = ("tensorflow", "oneDNN", "absl", "cuda", "raylet", "Traceback", "WARNING")
TIMES = ["seconds", "trace_seconds", "host"]


def copy(study, tmp_path):
    """A copy of the finished study that a test may change."""
    out = tmp_path / "out"
    shutil.copytree(study[0], out)
    return out


def values(out):
    """The frames of a results directory without what depends on the clock and the machine's name."""
    results = regfleet.load(out)
    return results.trials.drop(columns=TIMES), results.histories


def assert_same_bits(one, other):
    """Fail unless two directories hold the same results bit for bit."""
    for mine, theirs in zip(values(one), values(other), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def test_a_study_prints_its_verdict_and_writes_its_directory(study):
    """The terminal shows the leaderboard and no chatter; the directory holds what is documented."""
    out, done = study
    for words in ("No regularization", "L2, all layers", "vs control", "Report: out/report.html"):
        assert words in done.stdout
    assert "12/12 trials" in done.stderr
    assert not [word for word in CHATTER if word in done.stdout + done.stderr]
    files = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert files == {
        "study.toml", "provenance.json", "regfleet.log", "report.html", "leaderboard.csv", "trials.csv", "trials",
        "histories",
    }  # fmt: skip
    results = regfleet.load(out)
    assert results.trials["status"].tolist() == ["done"] * 12
    assert results.histories.groupby("key").size().tolist() == [4] * 12
    assert results.trials[["n_train", "n_val", "n_test"]].drop_duplicates().to_numpy().tolist() == [[90, 30, 30]]


def test_provenance_says_where_results_come_from_and_keeps_no_secret(study, run, tmp_path, monkeypatch):
    """Versions, hardware, command, data hash and times are there; the environment is not."""
    monkeypatch.setenv("MY_CLOUD_TOKEN", "hunter2-hunter2")
    out = copy(study, tmp_path)
    run("compare", out / "study.toml", "--seeds", "5", "--out", out, cwd=tmp_path)
    text = (out / "provenance.json").read_text()
    facts = json.loads(text)
    assert facts["versions"]["python"] == sys.version.split()[0]
    assert facts["data"]["iris"]["rows"] == 150
    assert [one["trials"] for one in facts["runs"]] == [12, 3]
    assert facts["runs"][0]["command"].startswith("regfleet compare --model 16,8")
    assert not [file for file in out.rglob("*") if file.is_file() and b"hunter2" in file.read_bytes()]


def test_the_same_command_again_trains_nothing(study, run, small, tmp_path):
    """A finished study is only analysed again."""
    out = copy(study, tmp_path)
    parts = sorted(path.name for path in (out / "trials").iterdir())
    done = run(*small, "--seeds", "4", "--out", out, cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(path.name for path in (out / "trials").iterdir()) == parts
    assert "trials run on" not in (out / "regfleet.log").read_text().split("regfleet compare")[-1]


def test_more_seeds_train_only_the_new_ones(study, run, small, tmp_path):
    """Six seeds after four: six more trials, and the twelve old rows are the very same."""
    out = copy(study, tmp_path)
    before = regfleet.load(out).trials
    done = run(*small, "--seeds", "6", "--out", out, cwd=tmp_path)
    assert "12 of them were finished before" in done.stderr
    after = regfleet.load(out).trials
    assert len(after) == 18
    kept = after[after["key"].isin(before["key"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


@pytest.mark.parametrize("how", [["--workers", "1"], ["--in-process"]])
def test_the_same_bits_from_any_fleet(study, run, small, tmp_path, how):
    """One worker, or none at all, gives bit for bit what two workers gave."""
    done = run(*small, "--seeds", "4", "--out", "out", *how, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_bits(study[0], tmp_path / "out")


@pytest.fixture(scope="module")
def killed(small, tmp_path_factory):
    """Where a driver was killed -9 between two chunks, and when."""
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "regfleet", *small, "--seeds", "4", "--out", "out", "--workers", "1"]
    marked = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "REGFLEET_TEST": str(folder)}
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    driver = subprocess.Popen(command, cwd=folder, env=marked, **pipes)
    trials = folder / "out" / "trials"
    deadline = time.monotonic() + 120
    while not list(trials.glob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    return folder, time.monotonic()


def test_a_killed_driver_resumes_to_the_same_bits(study, run, small, killed):
    """Killed -9 between two chunks, the driver loses nothing finished, and ends where a quiet run ends."""
    folder, _ = killed
    kept = len(regfleet.load(folder / "out").trials)
    assert 0 < kept < 12
    done = run(*small, "--seeds", "4", "--out", "out", cwd=folder)
    assert f"{kept} of them were finished before" in done.stderr
    assert_same_bits(study[0], folder / "out")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_study_keeps_what_is_done(small, tmp_path, how):
    """Ctrl-C and SIGTERM end with code 3, a line that says how to go on, a partial report and no process left."""
    command = [sys.executable, "-m", "regfleet", *small, "--seeds", "200", "--epochs", "300", "--out", "out"]
    driver = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "REGFLEET_TEST": str(tmp_path)},
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out" / "trials").glob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.1)
    driver.send_signal(how)
    stdout, stderr = driver.communicate(timeout=60)
    assert driver.returncode == 3, stderr
    kept = len(regfleet.load(tmp_path / "out").trials)
    assert f"interrupted: {kept} of 600 trials are kept in out; the same command runs the rest" in stderr
    assert "Traceback" not in stdout + stderr
    assert "Partial" in (tmp_path / "out" / "report.html").read_text()
    assert_no_process(tmp_path, time.monotonic() + 30)


def assert_no_process(folder, deadline):
    """Fail unless all processes that were started with the name of ``folder`` are gone by then."""
    while left := [p for p in Path("/proc").glob("[0-9]*") if str(folder).encode() in environ(p)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def environ(process):
    """The environment of a process in /proc; empty when it is gone."""
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_diverged_trials_are_rows_and_exit_code_1(run, small, tmp_path):
    """A learning rate that overflows: every trial is a row with its epoch, the report is written, the code is 1."""
    done = run(*small, "--seeds", "2", "--learning-rate", "1e38", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    trials = regfleet.load(tmp_path / "out").trials
    bad = trials[trials["status"] == "diverged"]
    assert len(bad) > 0
    assert bad["diverged_at"].between(1, 4).all()
    assert bad["error"].str.contains("not finite").all()
    assert f"{len(bad)} trials failed or diverged" in done.stdout


def test_json_is_the_summary_for_machines(study, run):
    """--json prints one JSON value that agrees with the trials, and nothing else on standard output."""
    out, _ = study
    done = run("report", out, "--json", cwd=out.parent)
    (data,) = json.loads(done.stdout)["summary"]["datasets"]
    trials = regfleet.load(out).trials
    for row in data["variants"]:
        mean = trials.loc[trials["variant"] == row["name"], "last_test_accuracy"].mean()
        assert row["score"]["mean"] == pytest.approx(mean)
    assert {row["comparison"]["verdict"] for row in data["variants"] if row["comparison"]} == {"undecided"}


def test_report_renders_the_same_bytes_again(study, run, tmp_path):
    """`regfleet report` trains nothing and writes the identical file."""
    out = copy(study, tmp_path)
    before = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert run("report", out, cwd=out.parent).returncode == 0
    assert (out / "report.html").read_bytes() == before


def test_quiet_prints_nothing(study, run, small, tmp_path):
    """--quiet leaves both streams empty."""
    out = copy(study, tmp_path)
    done = run(*small, "--seeds", "4", "--out", out, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_corrupt_part_is_named_and_its_trials_run_again(study, run, small, tmp_path):
    """A torn file is told by name, and the study ends with the same bits."""
    out = copy(study, tmp_path)
    part = min((out / "histories").iterdir())
    part.write_bytes(part.read_bytes()[:100])
    done = run(*small, "--seeds", "4", "--out", out, cwd=tmp_path)
    assert done.returncode == 0
    assert f"histories/{part.name} is torn" in done.stderr
    assert_same_bits(study[0], out)


def test_paired_seeds_share_split_weights_and_order(study):
    """Variants of one seed see the same rows: with no training done the shared layers score alike."""
    trials = regfleet.load(study[0]).trials
    assert set(trials.groupby("seed").size()) == {3}
    first = (
        regfleet.load(study[0])
        .histories.query("epoch == 1")
        .pivot_table(index="seed", columns="variant", values="cross_entropy")
    )
    # Before the first update L2 and its control are the same network on the same first batch.
    np.testing.assert_array_equal(first["none"], first["l2(0.01)@all"])


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
    "an address nobody answers": (["--address", "127.0.0.1:1"], "--address: .*answers within 5 s; got 127.0.0.1:1"),
    "an unknown flag": (["--sedes", "3"], "No such option: --sedes"),
    "a study file that is not there": (["nowhere.toml"], "nowhere.toml: expected a TOML study file"),
    "a directory that cannot be written": (
        ["--out", "/proc/regfleet"],
        "--out: expected a directory that can be written",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(run, tmp_path, case):
    """The flag, what was expected, what was given, exit code 2, and an untouched directory."""
    arguments, complaint = BAD[case]
    started = time.monotonic()
    done = run("compare", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert time.monotonic() - started < 30
    (line,) = done.stderr.splitlines()
    assert line.startswith("regfleet: error: ")
    assert pd.Series([line]).str.contains(complaint, regex=True).all(), line
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["", "trials"])
def test_a_read_only_directory_is_refused(study, small, tmp_path, folder):
    """A results directory that may not be written, or a folder of it, is one line; nothing is trained or touched."""
    out = copy(study, tmp_path)
    (out / folder).chmod(0o555)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # Root writes where it likes, until it has given that up.
    modest = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] * (os.geteuid() == 0)
    command = [*modest, sys.executable, "-m", "regfleet", *small, "--seeds", "6", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"--out: expected a directory that can be written; got {out} ({out / folder} is not writable)" in line
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_another_studys_directory_is_refused(study, run, small, tmp_path):
    """The fields that differ are named, and nothing in the directory changes."""
    out = copy(study, tmp_path)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    done = run(*small, "--epochs", "5", "--optimizer", "adam", "--out", out, cwd=tmp_path)
    assert done.returncode == 2
    assert "training.epochs is 4 there and 5 here; training.optimizer is sgd there and adam here" in done.stderr
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_batch_over_the_rows_is_allowed_and_said(study):
    """128 rows a batch for 90 training rows: one update per epoch, told in a note."""
    _, done = study
    note = "batch size 128 is more than the 90 training rows of iris: each epoch is a single update"
    assert note in done.stderr


# The last test here, as Ray's agents live on for a minute after their driver was killed.
def test_a_killed_driver_leaves_no_process(killed):
    """What a driver killed -9 had started, and no other driver ended, is gone a minute and a half later."""
    folder, when = killed
    assert_no_process(folder, when + 90)
