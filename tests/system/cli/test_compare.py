"""`regfleet compare` as a user starts it: another process, a real Ray, real Keras models."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from support.processes import environment, processes_of, started, wait_until

import regfleet

CHATTER = ("tensorflow", "oneDNN", "absl", "cuda", "raylet", "Traceback", "WARNING")
TIMES = ["seconds", "trace_seconds", "host"]


def test_a_study_prints_its_verdict_and_writes_its_directory(study):
    """The terminal shows the leaderboard and no chatter; the directory holds what is documented."""
    out, done = study
    for words in ("No regularization", "L2, all layers", "vs control", "Report: out/report.html"):
        assert words in done.stdout
    assert "12/12 trials" in done.stderr
    assert not [word for word in CHATTER if word in done.stdout + done.stderr]
    files = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert files == {
        "study.toml", "provenance.json", "progress.json", "regfleet.log", "report.html", "leaderboard.csv",
        "trials.csv", "rows.csv", "regfleet.sha256", "trials", "histories", "predictions",
    }  # fmt: skip
    results = regfleet.load(out)
    assert results.trials["status"].tolist() == ["done"] * 12
    assert results.histories.groupby("key").size().tolist() == [4] * 12
    for at in ("last", "best"):
        said = dict(results.predicted("iris", at))
        correct = {name: np.add.reduceat(part.correct(), np.arange(0, len(part), 30)) for name, part in said.items()}
        expected = results.trials.groupby("variant")[f"{at}_test_correct"].apply(list).to_dict()
        assert {name: counts.tolist() for name, counts in correct.items()} == expected
    assert results.trials[["n_train", "n_val", "n_test"]].drop_duplicates().to_numpy().tolist() == [[90, 30, 30]]


def test_no_token_stays_in_the_users_home(study):
    """That of the Ray which was started is gone with it."""
    assert not (study[0].parent / "home" / ".ray" / "auth_token").exists()


def test_a_batch_over_the_rows_is_allowed_and_said(study):
    """128 rows a batch for 90 training rows: one update per epoch, told in a note."""
    _, done = study
    note = "batch size 128 is more than the 90 training rows of iris: each epoch is a single update"
    assert note in done.stderr


def test_paired_seeds_share_split_weights_and_order(study):
    """Variants of one seed see the same rows: with no training done the shared layers score alike."""
    results = regfleet.load(study[0])
    assert set(results.trials.groupby("seed").size()) == {3}
    first = results.histories.query("epoch == 1").pivot_table(index="seed", columns="variant", values="cross_entropy")
    # Before the first update L2 and its control are the same network on the same first batch.
    np.testing.assert_array_equal(first["none"], first["l2(0.01)@all"])


def test_a_killed_driver_resumes_to_the_same_bits(study, small, killed, command):
    """Killed -9 between two chunks, the driver loses nothing finished.

    In another process, without Ray, the study ends bit for bit where a quiet run on two workers ends.
    """
    kept = len(regfleet.load(killed / "out").trials)
    assert 0 < kept < 12
    code, _, err = command(*small, "--seeds", "4", "--out", killed / "out", "--in-process")
    assert (code, f"{kept} of them were finished before" in err) == (0, True), err
    mine, theirs = regfleet.load(killed / "out"), regfleet.load(study[0])
    pd.testing.assert_frame_equal(mine.trials.drop(columns=TIMES), theirs.trials.drop(columns=TIMES), check_exact=True)
    pd.testing.assert_frame_equal(mine.histories, theirs.histories, check_exact=True)
    pd.testing.assert_frame_equal(mine.predictions, theirs.predictions, check_exact=True)


@pytest.mark.parametrize(
    ("how", "where"),
    [(signal.SIGINT, ["--workers", "1"]), (signal.SIGTERM, ["--workers", "1"]), (signal.SIGHUP, ["--in-process"])],
)
def test_an_interrupted_study_keeps_what_is_done(small, tmp_path, how, where):
    """Ctrl-C, SIGTERM and a terminal that goes: code 3, a line that says how to go on, a report, no process left."""
    command = ["-m", "support.driver", "pace", *small, "--seeds", "2000", *where, "--out", "out"]
    with started(*command, cwd=tmp_path, REGFLEET_TEST=str(tmp_path)) as driver:
        wait_until(lambda: list((tmp_path / "out" / "trials").glob("part-*.parquet")), driver)
        driver.send_signal(how)
        stdout, stderr = driver.communicate()
    assert driver.returncode == 3, stderr
    kept = len(regfleet.load(tmp_path / "out").trials)
    assert f"interrupted: {kept} of 6000 trials are kept in out; the same command runs the rest" in stderr
    assert "Traceback" not in stdout + stderr
    assert "Partial" in (tmp_path / "out" / "report.html").read_text()
    wait_until(lambda: not processes_of(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "irs"], "--data: expected a file, openml:NUMBER, package.module:function or one of"),
        (["--address", "127.0.0.1:1"], "--address: expected a Ray head that answers within 5 s; got 127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(run, tmp_path, arguments, complaint):
    """The flag, what was expected, what was given, exit code 2, and an untouched directory."""
    done = run("compare", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"regfleet: error: {complaint}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["", "trials"])
def test_a_read_only_directory_is_refused(study, small, tmp_path, folder):
    """A results directory that may not be written, or a folder of it, is one line; nothing is trained or touched."""
    out = tmp_path / "out"
    shutil.copytree(study[0], out)
    (out / folder).chmod(0o555)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    # Root writes where it likes, until it has given that up.
    modest = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] * (os.geteuid() == 0)
    command = [*modest, sys.executable, "-m", "regfleet", *small, "--seeds", "6", "--out", str(out)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"--out: expected a directory that can be written; got {out} ({out / folder} is not writable)" in line
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
