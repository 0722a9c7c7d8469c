"""`regfleet compare --out s3://…` as a user starts it, killed and begun again."""

import json

from support.processes import python, started, wait_until

import regfleet

STUDY = [
    "compare",
    "--references",
    "no",
    "--model",
    "8",
    "--epochs",
    "3",
    "-t",
    "l2@all",
    "--seeds",
    "3",
    "--in-process",
    "--quiet",
]


def kept(url):
    """How many trials a bucket holds, if it holds results at all."""
    try:
        return len(regfleet.load(url).trials)
    except regfleet.errors.ResultsError:
        return 0


def test_a_driver_killed_at_a_bucket_loses_nothing(url, storage, command, tmp_path, monkeypatch):
    """Killed -9 after its first chunk, the study goes on with the same command and ends with report and log there."""
    shown = url.partition("?")[0]
    study = [*STUDY, "--out", shown]
    marks = {"REGFLEET_TEST_MARKS": str(tmp_path)}
    with started("-m", "support.driver", "stay_after_one", *study, cwd=tmp_path, **storage | marks) as driver:
        assert wait_until(lambda: kept(url), driver) == 1
    again = python("-m", "support.driver", "pretend", *study, cwd=tmp_path, **storage)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    results = regfleet.load(url)
    assert results.trials["status"].tolist() == ["done"] * 6
    for name, value in storage.items():
        monkeypatch.setenv(name, value)
    state = json.loads(command("status", shown, "--json")[1])
    assert (state["running"], state["done"], state["planned"]) == (False, 6, 6)
    assert state["report"] == f"{shown}/report.html"
    log = results.place.text("regfleet.log")
    assert "kept" in log
    assert "hunter2" not in log + results.place.text("provenance.json")
    assert sorted(results.place.sizes("")) == [
        "leaderboard.csv", "progress.json", "provenance.json", "regfleet.log", "regfleet.sha256", "report.html",
        "study.toml", "trials.csv",
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["chunk"]
