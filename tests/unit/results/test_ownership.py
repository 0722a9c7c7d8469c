"""Whose a directory is: ours only when it carries our mark, and then only what we wrote is written over or deleted."""

import os
import subprocess
import sys

import pytest

from regfleet import atomic
from regfleet.concluding.judge import conclude
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.results import claim, load, place_of, write_study
from regfleet.running.checkup import check_results

STUDY = "# My study, two weeks of work\nseeds = 3\n"
THEIRS = {
    "a study file": {"study.toml": STUDY},
    "a study file and a table": {"study.toml": STUDY, "trials.csv": "mine"},
    "a table of ours by name": {"trials.csv": "mine"},
    "a report of ours by name": {"report.html": "<html>mine</html>"},
    "a lock of their own": {".lock": "1234", "notes.txt": "mine"},
    "an empty lock": {".lock": "", "notes.txt": "mine"},
    "folders of our names": {".lock": "", "trials/a.csv": "mine", "histories/b.csv": "mine"},
    "folders and files of our names": {
        ".lock": "",
        "trials/.keep": "",
        "histories/.keep": "",
        "study.toml": "mine",
        "progress.json": "mine",
        "report.html": "mine",
    },
    "a part by half its name": {"trials/part-1.parquet": "mine"},
    "another program's provenance": {"provenance.json": '{"versions": {"nextflow": "24"}}'},
    "a list as provenance": {"provenance.json": "[1]"},
    "a temporary file": {"thesis.tmp": "mine"},
    "a dotted temporary file": {".regfleet-99.tmp": "mine"},
}


def contents(folder):
    """Every entry below a folder, files with their bytes."""
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def written(folder, files):
    """A folder with these texts."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("files", THEIRS.values(), ids=THEIRS)
def test_somebody_elses_folder_is_left_as_it_is(tmp_path, files):
    """Whatever names its files have, it is neither claimed nor reported on nor repaired, and nothing in it changes."""
    folder = written(tmp_path / "theirs", files)
    before = contents(folder)
    with pytest.raises(InputError, match=r"^--out: expected an empty or a results directory; got .*, with "):
        claim(folder).__enter__()
    for asked in (load, conclude, lambda path: list(check_results(path))):
        with pytest.raises(ResultsError, match="expected a results directory; got ") as refused:
            asked(folder)
        assert refused.value.exit_code == 2
    assert contents(folder) == before


@pytest.mark.parametrize(
    "files",
    [
        {},
        {".lock": ""},
        {".lock": "held by"},
        {".lock": "", "trials/": "", "histories/": ""},
        {".lock": "held by", "trials/": "", "histories/": "", "study.toml": "", "notes": "mine"},
        {".lock": "", "trials/": "", "histories/": "", "study.toml": "", "regfleet.log": "begins"},
        {"study.toml": "", "provenance.json": '{"versions": {"regfleet": "0.1.0"}}', "trials.csv": "", "notes": "mine"},
        {"trials/part-0123456789abcdef.parquet": "", "notes": "mine"},
        {"trials/part-0123456789abcdef-0123456789abcdef.parquet": ""},
    ],
)
def test_what_was_written_before_is_known(tmp_path, files):
    """A new directory, one whose driver was killed at once, an earlier version's, a copy of one: all are ours."""
    folder = tmp_path / "ours"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).mkdir() if name.endswith("/") else written(folder, {name: text})
    with claim(folder):
        pass
    assert {name: (folder / name).read_text() for name in files if name[-1] != "/" and name != ".lock"} == {
        name: text for name, text in files.items() if name[-1] != "/" and name != ".lock"
    }
    with claim(folder):  # and again, by the mark it has now
        pass


def test_what_lies_beside_results_stays(store, outcome):
    """Notes and temporary files of somebody else's in a results directory are there after any number of runs."""
    theirs = {"notes.md": "mine", "report.html.tmp": "mine", "x.tmp": "mine", "trials/part-x.parquet.tmp": "mine"}
    store.append([outcome("none", 0)])
    written(store.place.local, theirs)
    store.merge()
    store.place.write("report.html", b"ours")
    assert {name: (store.place.local / name).read_text() for name in theirs} == theirs


def test_only_what_a_dead_process_left_half_written_is_deleted(tmp_path):
    """The names of such files hold the process: one that lives keeps its own; one of our number was another, before."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    token = "0123456789abcdef"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        dead, own, alive = (f".regfleet-{number}-{token}.tmp" for number in (ended.pid, os.getpid(), living.pid))
        with claim(tmp_path / "out"):
            written(tmp_path / "out", {dead: "half", f"trials/{dead}": "half", own: "half", alive: "half"})
            (tmp_path / "out" / f".regfleet-{ended.pid}-{token[::-1]}.tmp").mkdir()
        with claim(tmp_path / "out"):
            left = {path.name for path in (tmp_path / "out").rglob(".regfleet-*")}
        living.communicate(b"\n")
    assert left == {alive, f".regfleet-{ended.pid}-{token[::-1]}.tmp"}


def test_a_file_is_whole_or_not_there(tmp_path):
    """Whatever its blocks raise, the old file stays and nothing lies beside; a new one never replaces another."""

    def blocks():
        yield b"half"
        raise KeyboardInterrupt

    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        atomic.write(tmp_path / "file", blocks())
    with pytest.raises(FileExistsError):
        atomic.write(tmp_path / "file", [b"new"], new=True)
    assert contents(tmp_path) == {(tmp_path / "file").relative_to(tmp_path): b"old"}


def test_a_study_file_with_comments_is_not_rewritten(store):
    """Somebody who put a file of their own in the place of ours keeps it; ours, of any version, is written over."""
    for theirs in (STUDY, "seeds = 3  # mine\n", 'model = "a\\"b" # mine\n'):
        store.place.write("study.toml", theirs.encode())
        with pytest.raises(InputError, match=r"^--out: expected no study file of your own in .*study\.toml"):
            write_study(store.place, "seeds = 4\n")
        assert store.place.text("study.toml") == theirs
    store.place.write("study.toml", b'seeds = 3\nmodel = "a\\"#"\nsource = \'#\'\nlong = """#"#""""\n')
    for text in ("seeds = 4\n", "seeds = 5\n"):
        write_study(store.place, text)
        assert store.place.text("study.toml").endswith(text)


@pytest.mark.parametrize("name", ["study.toml", "report.html", "trials", "regfleet.log", ".lock"])
def test_what_is_no_file_is_not_waited_for(tmp_path, name):
    """A FIFO, or a folder where a file should be, is refused at once in a line that names it."""
    with claim(tmp_path / "out"):
        pass
    path = tmp_path / "out" / name
    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(InputError, match=f"--out: .*{name}"):
        claim(tmp_path / "out").__enter__()
    assert not place_of(tmp_path / "out").in_use()


def test_a_home_folder_is_found(monkeypatch, tmp_path):
    """``~`` in front is the home folder, also where no shell has seen it; one that is not known is said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place_of("~/x").local == tmp_path / "x"
    for text, words in (("~nobody-of-this-name/x", "home folder that is not known"), ("", "''"), ("a\0b", "x00")):
        with pytest.raises(InputError, match=rf"^--out: expected a path; got .*{words}"):
            place_of(text)


def test_a_working_folder_that_was_deleted_is_said(monkeypatch, tmp_path):
    """A relative path leads nowhere then."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StorageError, match=r"expected a working folder for out; got one that was deleted"):
        place_of("out")


@pytest.mark.parametrize("out", ["x" * 300, "file/out", "file"])
def test_a_path_that_cannot_be_is_refused(tmp_path, out):
    """A name that is too long, or a file in the way, is one line and exit code 2, whatever is asked."""
    (tmp_path / "file").write_text("mine")
    for asked in (lambda path: claim(path).__enter__(), load, conclude, lambda path: list(check_results(path))):
        with pytest.raises((InputError, ResultsError)) as refused:
            asked(tmp_path / out)
        assert refused.value.exit_code == 2
        assert "\n" not in str(refused.value)
    assert (tmp_path / "file").read_text() == "mine"
