"""Two drivers on one directory, and directories that this process must not read: with real processes."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from support.processes import PATIENCE, environment, regfleet

RIVAL = """
import json, os, sys, time
from pathlib import Path
from regfleet import patience
from regfleet.errors import InputError
from regfleet.results import claim

name, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
patience.SECONDS = patience.Patience(lock=0.2)
said = []
for number in range(rounds):
    out, barrier = folder / f"{number}", folder / f"barrier-{number}"
    (folder / f"{name}-{number}").touch()
    while len(list(folder.glob(f"*-{number}"))) < 2:
        time.sleep(0.0005)
    try:
        with claim(out):
            os.close(os.open(out / "only", os.O_CREAT | os.O_EXCL))  # fails where two are here at once
            if number % 3 == ("one", "two").index(name):
                (out / "only").unlink()
                raise InputError("refused")
            (out / "study.toml").write_text(name)
            time.sleep(0.3)
            assert (out / "study.toml").read_text() == name
            (out / "only").unlink()
        said.append("ran")
    except InputError as problem:
        said.append("refused" if str(problem) == "refused" else "in use" if "in use" in str(problem) else str(problem))
print(json.dumps(said))
"""


def test_of_two_drivers_that_start_at_once_one_runs_and_neither_deletes(tmp_path):
    """One holds the new directory, the other is refused or comes after; what was written in it stays, whoever leaves.

    In two of three rounds one of them is refused for its study, and takes back the directory that it made.
    """
    command = [sys.executable, "-c", RIVAL]
    rounds = 15
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
    rivals = [subprocess.Popen([*command, name, str(tmp_path), str(rounds)], **pipes) for name in ("one", "two")]
    ended = [rival.communicate(timeout=PATIENCE) for rival in rivals]
    assert [rival.returncode for rival in rivals] == [0, 0], ended
    said = [json.loads(out) for out, _ in ended]
    for number, both in enumerate(zip(*said, strict=True)):
        assert set(both) <= {"ran", "refused", "in use"}, (number, both)
        winners = [name for name, word in zip(("one", "two"), both, strict=True) if word == "ran"]
        there = tmp_path / str(number) / "study.toml"
        assert there.exists() == bool(winners), (number, both)
        if winners:
            assert there.read_text() in winners
    assert {word for both in said for word in both} >= {"ran", "refused"}


NO_OVERRIDE = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Before a command: permissions hold for root too, as they do for everybody else."""
COMMANDS = """
import json, os, sys
import pyarrow.parquet, regfleet.cli.app, regfleet.concluding.judge, regfleet.running.run  # once, not in each child
from regfleet.cli import main

for line in sys.stdin:
    folder, *arguments = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(writing, 2)
        os.close(writing)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        sys.argv = ["regfleet", *arguments]
        main()
    os.close(writing)
    with open(reading, errors="replace") as errors:
        said = errors.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]), flush=True)
"""


@pytest.fixture(scope="module")
def without_rights(tmp_path_factory):
    """The function that runs the command line where permissions count, in a process of its own: (code, stderr)."""
    folder = tmp_path_factory.mktemp("modest")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment()}
    with subprocess.Popen([*NO_OVERRIDE, sys.executable, "-c", COMMANDS], cwd=folder, **pipes) as process:

        def run(*arguments, cwd):
            process.stdin.write(json.dumps([str(cwd), *map(str, arguments)]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield run
        process.stdin.close()


@pytest.fixture(scope="module")
def results(filled, tmp_path_factory):
    """A results directory with its report."""
    folder = tmp_path_factory.mktemp("rights")
    variants = [{"technique": "none"}, {"technique": "l2"}]
    filled(folder / "out", {"seeds": [0, 1], "variant": variants}, {"none": (20, 21), "l2(0.01)@all": (22, 23)})
    assert regfleet("report", "out", cwd=folder).returncode == 0
    return folder / "out"


@pytest.mark.parametrize(
    ("closed", "commands"),
    [
        (".", [["status", "out"], ["doctor", "out"]]),
        ("trials", [["report", "out"]]),
        ("histories/part-*", [["report", "out"], ["doctor", "out"]]),
        ("study.toml", [["doctor", "out"]]),
        ("report.html", [["publish", "out", "--site", "site"]]),
    ],
)
def test_what_may_not_be_read_is_left_alone(results, without_rights, tmp_path, closed, commands):
    """Each command says so in one line with exit code 3, changes nothing, and works again with the permission."""
    out = shutil.copytree(results, tmp_path / "out")
    (path,) = [out] if closed == "." else out.glob(closed)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        for arguments in commands:
            code, said = without_rights(*arguments, cwd=tmp_path)
            assert (code, len(said.splitlines())) == (3, 1), (arguments, said)
            assert "Permission denied" in said
    finally:
        path.chmod(mode)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_where_nothing_may_be_written_is_said(results, without_rights, tmp_path):
    """Every command that writes ends with one line and a code of its own, and leaves nothing."""
    shutil.copytree(results, tmp_path / "out")
    (tmp_path / "scores.csv").write_text("technique,seed,accuracy\na,0,0.5\na,1,0.5\nb,0,0.5\nb,1,0.5\n")
    (tmp_path / "closed").mkdir(mode=0o555)
    for arguments in (
        ["compare", "--in-process", "--out", "closed"],
        ["analyze", "scores.csv", "--scope", "this_dataset", "--out", "closed/out"],
        ["report", "out", "--figures", "closed"],
        ["publish", "out", "--site", "closed/site"],
        ["init", "--out", "closed/study.toml"],
    ):
        code, said = without_rights(*arguments, cwd=tmp_path)
        assert (code, len(said.splitlines())) == (2, 1), (arguments, said)
        assert list((tmp_path / "closed").iterdir()) == []
