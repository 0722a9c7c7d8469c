"""What a command is started with: streams closed, full or read by nobody, odd terminals, a folder that is gone."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import PATIENCE, environment, processes_of, started, wait_until

from regfleet.cli.main import SIGNALS

REGFLEET = shlex.join([sys.executable, "-m", "regfleet"])


def shell(command, cwd, **more):
    """Run a line of Bash; $regfleet is the command."""
    line = f"set -o pipefail; {command.replace('$regfleet', REGFLEET)}"
    return subprocess.run(
        ["bash", "-c", line],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$regfleet techniques >&-", 0, ""),
        ("$regfleet techniques <&- >&- 2>&-", 0, ""),
        ("$regfleet nope >&- 2>&-", 2, ""),
        ("$regfleet nope 2> /dev/full", 2, ""),
        ("$regfleet techniques > /dev/full", 3, "No space left on device"),
        ("$regfleet --help > /dev/full", 3, "No space left on device"),
        ("$regfleet techniques | true", 141, ""),
        ("$regfleet --help | true", 141, ""),
        ("mkdir gone; cd gone; rmdir ../gone; $regfleet compare --dry-run", 3, "a working folder"),
    ],
)
def test_a_stream_or_folder_that_is_gone(tmp_path, line, code, said):
    """A code of the table and at most one line; a broken pipe ends quietly, as a shell counts it."""
    done = shell(line, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (code, bool(said)), done.stderr
    assert said in done.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What a command says where nobody gives a size."""
    return shell("$regfleet techniques l1", tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("size", ["0", "-1", "1", "abc", "1000000000", "²", "9" * 5000])
def test_sizes_that_no_terminal_has_are_passed_over(plain, tmp_path, size):
    """The table comes as wide as without them."""
    done = shell("$regfleet techniques l1", tmp_path, COLUMNS=size, LINES=size, TERMINAL_WIDTH=size)
    assert (done.returncode, done.stdout, done.stderr) == (0, plain.stdout, "")


def used(process):
    """Seconds of the processor that a process has used; None before regfleet listens to all signals."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1]
    if any(not int(caught, 16) >> number - 1 & 1 for number in SIGNALS):
        return None
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interruption_at_any_moment_is_a_line(tmp_path, number):
    """Also while libraries are imported and data is read, and when it is said twice: code 3, one line."""
    for work, times in ((0.0, 1), (0.3, 2), (0.7, 1), (1.1, 2)):
        with started("-m", "regfleet", "compare", "--dry-run", "--seeds", "100000", cwd=tmp_path) as process:
            wait_until(lambda process=process, work=work: (used(process) or -1) >= work, process)
            for _ in range(times):
                process.send_signal(number)
            _, errors = process.communicate()
        assert (process.returncode, errors) == (3, "regfleet: interrupted\n"), work


# The last test here, and not beside what kills the driver: what Ray started may live on for a minute after it.
def test_a_killed_driver_leaves_no_process(killed):
    """What a driver killed -9 had started, and no other driver ended, goes by itself."""
    wait_until(lambda: not processes_of(killed))
