"""`regfleet compare --out s3://…` as a user starts it, killed and begun again."""

import json
import signal
import subprocess
import sys
import time

import regfleet

SMALL = ["--model", "8", "--epochs", "3", "-t", "l2@all", "--seeds", "3", "--in-process", "--quiet"]


def start(*arguments, environment):
    """Start the command line in another process."""
    return subprocess.Popen(
        [sys.executable, "-m", "regfleet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"PYTHONPATH": ":".join(sys.path)},
    )


def test_a_driver_killed_at_a_bucket_loses_nothing(url, environment, tmp_path, monkeypatch):
    """Killed -9 after its first chunk, the study goes on with the same command and ends with report and log there."""
    monkeypatch.chdir(tmp_path)
    shown = url.partition("?")[0]
    command = ["compare", *SMALL, "--out", shown]
    driver = start(*command, environment=environment)
    deadline = time.monotonic() + 200
    kept = 0
    while not kept and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            kept = len(regfleet.load(url).trials)
        except regfleet.errors.ResultsError:
            continue
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    assert 0 < kept < 6
    again = start(*command, environment=environment)
    assert again.communicate(timeout=250)[1] == ""
    assert again.returncode == 0
    found = regfleet.load(url)
    assert found.trials["status"].tolist() == ["done"] * 6
    watched = start("status", shown, "--json", environment=environment)
    state = json.loads(watched.communicate(timeout=60)[0])
    assert (state["running"], state["done"], state["planned"]) == (False, 6, 6)
    assert state["report"] == f"{shown}/report.html"
    log = found.place.text("regfleet.log")
    assert "kept" in log
    assert "hunter2" not in log + json.dumps(found.provenance)
    assert sorted(found.place.sizes("")) == [
        "leaderboard.csv", "provenance.json", "regfleet.log", "report.html", "study.toml", "trials.csv",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []
