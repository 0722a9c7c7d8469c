"""How a command may end: each code of the table for its reason, with one line and without a traceback."""

import errno
import re
import stat
from pathlib import Path

import pytest

from regfleet.cli import app
from regfleet.errors import EXIT_CODES, FleetError, InputError, ResultsError, StorageError


class MuteError(Exception):
    """An exception that cannot say what it is about."""

    def __str__(self):
        raise ValueError


@pytest.fixture
def ending(monkeypatch, command):
    """The function that runs a command which only raises the given exception: (code, stdout, lines of stderr)."""

    def ended(problem):
        def broken(_):
            raise problem

        monkeypatch.setattr(app, "run", broken)
        code, out, errors = command("report", "x")
        return code, out, errors.splitlines()

    return ended


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (InputError("--x: expected 1; got 2"), 2, "error: --x: expected 1; got 2"),
        (InputError("--x: expected a path; got a\nb"), 2, "error: --x: expected a path; got a b"),
        (ResultsError("out: torn"), 2, "error: out: torn"),
        (StorageError("out: full"), 3, "error: out: full"),
        (FleetError("lost"), 3, "error: lost"),
        (KeyboardInterrupt(), 3, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "a\x1b[31m"), 3, "No space left on device: 'a\\x1b[31m'"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "Too many open files"),
        (ConnectionResetError("reset\nby peer"), 3, "reset by peer"),
        (MemoryError("8 GB"), 3, "error: expected more memory; got 8 GB"),
        (KeyError("x\x1b]0;y\x07"), 70, r"KeyError: 'x\x1b]0;y\x07'"),
        (RecursionError("too deep"), 70, "RecursionError: too deep"),
        (UnicodeEncodeError("utf-8", "\udcff", 0, 1, "no"), 70, "UnicodeEncodeError"),
        (MuteError(), 70, "MuteError: it cannot say what (ValueError)"),
    ],
)
def test_what_went_wrong_is_one_line_and_a_code_of_the_table(ending, problem, code, said):
    """Bad input is 2, what the machine or the cluster refuses 3, and what nobody foresaw 70."""
    ended, out, (line,) = ending(problem)
    assert (ended, out) == (code, "")
    assert code in EXIT_CODES
    assert line.startswith("regfleet: ")
    assert said in line
    assert line.isprintable()


def test_a_mistake_of_ours_leaves_its_traceback_in_a_private_file(ending):
    """The line names a file that only its owner reads: with the traceback, without credentials."""
    _, _, (line,) = ending(KeyError("token=hunter2"))
    file = Path(re.search(r"please report it with (\S+)$", line)[1])
    try:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        written = file.read_text()
    finally:
        file.unlink()
    assert "Traceback (most recent call last)" in written
    assert "in broken" in written
    assert "hunter2" not in written + line


def test_many_mistakes_are_cut_short(ending):
    """Of a hundred thousand bad fields the first are said, and how many more there are; no line is endless."""
    code, _, lines = ending(InputError(*(f"--x{n}: {'y' * 5000}" for n in range(100_000))))
    assert code == 2
    assert lines[0].startswith("regfleet: error: --x0: yyy")
    assert lines[-1] == f"regfleet: error: and {100_000 - len(lines) + 1:,} more"
    assert len(lines) < 100
    assert max(map(len, lines)) < 3000


def test_words_that_are_no_utf_8_are_refused(command):
    """An argument in another encoding is bad input, whatever it would have been."""
    for arguments in (["report", "caf\udce9"], ["compare", "--data=\udcff.csv"], ["\ud800"]):
        code, out, errors = command(*arguments)
        assert (code, out) == (2, "")
        assert errors.startswith("regfleet: error: expected words in UTF-8; got '")
        assert errors.count("\n") == 1


def test_the_table_is_told_where_people_look(command):
    """The page on troubleshooting and the help have each code with its meaning."""
    page = (Path(__file__).parents[3] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    told = [" ".join(text.split()) for text in (page, command("--help")[1])]
    for code, meaning in EXIT_CODES.items():
        assert [f"{code} {meaning}" in text for text in told] == [True, True], code
