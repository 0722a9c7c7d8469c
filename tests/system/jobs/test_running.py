"""What a job's shell makes of the arguments, and what runs there."""

import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import ROOT

from regfleet.jobs import CODE, entrypoint, unpack
from regfleet.jobs.archive import Carried
from regfleet.jobs.remote import run

HOSTILE = [
    "a b",
    "it's",
    '"',
    "$(touch pwned)",
    "`touch pwned`",
    "line\nbreak",
    "-t",
    "--",
    "*",
    "\\",
    "",
    "é≠\t",
    "; exit 7",
]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder of a job whose code prints its arguments, and an environment in which `python` is this one."""
    folder = tmp_path_factory.mktemp("job")
    (folder / CODE).mkdir()
    (folder / CODE / "shown.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))")
    programs = tmp_path_factory.mktemp("programs")
    (programs / "python").symlink_to(sys.executable)
    return folder, {"PATH": f"{programs}:{os.environ['PATH']}"}


@settings(max_examples=20, deadline=None)
@example(HOSTILE)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=5))
def test_arguments_arrive_as_they_are(job, arguments):
    """Spaces, quotes, substitutions and line breaks reach the command literally, and the shell runs none of them."""
    folder, environment = job
    command = entrypoint(["shown", *arguments], CODE)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout) == arguments
    assert {path.name for path in folder.iterdir()} == {CODE}


def test_the_job_runs_our_code_before_what_is_installed(job, tmp_path):
    """What the cluster has on its path comes after the code that was uploaded."""
    folder, environment = job
    (tmp_path / "shown.py").write_text("print('other')")
    environment = environment | {"PYTHONPATH": str(tmp_path)}
    command = entrypoint(["shown", "x"], CODE)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout) == ["x"]


def test_too_large_results_stay_on_the_head(tmp_path, monkeypatch, capfd):
    """A job whose results exceed the limit says so, where they are, and what to do; its exit code is the command's.

    The report and its tables come back all the same, where they fit.
    """
    from regfleet.jobs import remote

    home, upload = tmp_path / "home", tmp_path / "upload"
    (upload / "out").mkdir(parents=True)
    (upload / "out" / "study.toml").write_text("a = 1")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(upload)
    monkeypatch.setattr(remote, "LIMIT_BYTES", 10)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run("key", "out", ["techniques"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capfd.readouterr().out
    assert f"they stay on the head in {home}/.cache/regfleet/jobs/key/out; --out URL" in said
    assert "regfleet-results" not in said
    for name in ("report.html", "trials.csv"):
        (home / ".cache/regfleet/jobs/key/out" / name).write_text("small")
    (home / ".cache/regfleet/jobs/key/out/trials").mkdir()
    (home / ".cache/regfleet/jobs/key/out/trials/part-0.parquet").write_bytes(os.urandom(3000))
    monkeypatch.setattr(remote, "LIMIT_BYTES", 2000)
    monkeypatch.chdir(upload)
    try:
        assert run("key", "out", ["techniques"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    said, carried = capfd.readouterr().out, Carried()
    assert (
        "only the report and its tables come back (report.html, leaderboard.csv, trials.csv, rows.csv, effects.csv)"
        in said
    )
    assert all(carried.take(line) for line in said.splitlines() if line.startswith("regfleet-results"))
    assert unpack(carried.archive(), tmp_path / "back") == 2
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == ["report.html", "trials.csv"]
