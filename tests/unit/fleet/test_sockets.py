"""The sockets that are looked for are those that SECURITY.md lists; and what is listening here is found."""

import os
import re
import socket
import tempfile
from pathlib import Path

import pytest

from regfleet.borrowed.ray import STARTING_ENVIRONMENT
from regfleet.fleet import sockets

SECURITY = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file()) / "SECURITY.md"


def test_security_lists_what_is_known():
    """The table of a Ray of ours has each process that may listen, with what it is for, and no other."""
    table = SECURITY.read_text().partition("## What listens during a study")[2].partition("A cluster of")[0]
    rows = re.findall(r"^\| ([a-z_ ]+) \| \d[^|]* \| (.+) \|$", table, re.MULTILINE)
    assert dict(rows) == sockets.KNOWN


def test_security_says_how_the_exporters_are_closed():
    """The variables that it gives for a cluster are those that a Ray of ours has."""
    words = " ".join(f"{name}={value}" for name, value in STARTING_ENVIRONMENT.items() if "metric" in name.lower())
    assert words in SECURITY.read_text()


@pytest.mark.parametrize(
    ("family", "address", "closed"),
    [
        (socket.AF_INET, "127.0.0.1", True),
        (socket.AF_INET, "0.0.0.0", False),
        (socket.AF_INET6, "::1", True),
        (socket.AF_INET6, "::", False),
        (socket.AF_INET6, "::ffff:127.0.0.1", True),
    ],
)
def test_what_listens_here_is_found(family, address, closed):
    """By its address and port, of IPv4 and IPv6, and whether another machine could reach it."""
    with socket.socket(family) as one:
        one.bind((address, 0))
        one.listen()
        port = one.getsockname()[1]
        (found,) = [each for each in sockets.listening(os.getpid()) if each.port == port]
        assert (found.address, found.closed) == (address.removeprefix("::ffff:"), closed)
        assert found.process == "driver"
    assert [each for each in sockets.listening(os.getpid()) if each.port == port] == []


@pytest.mark.parametrize(
    ("mode", "answer"), [(0o700, sockets.PRIVATE), (0o711, sockets.SHARED), (0o750, sockets.SHARED)]
)
def test_a_socket_of_this_machine_is_as_private_as_its_folder(mode, answer):
    """Who may not enter the folder cannot connect, whatever Ray makes of the socket's own mode."""
    # pytest's own folders are private.
    with socket.socket(socket.AF_UNIX) as one, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        one.bind(f"{folder}/s")
        one.listen()
        Path(folder).chmod(mode)
        (found,) = [each for each in sockets.listening(os.getpid()) if each.address == f"{folder}/s"]
        assert found.answer() == answer


def test_an_abstract_socket_is_everybodys():
    """It has a name and no folder."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"\0regfleet-test-{os.getpid()}")
        one.listen()
        (found,) = [each for each in sockets.listening(os.getpid()) if f"regfleet-test-{os.getpid()}" in each.address]
        assert found.answer() == sockets.SHARED


def test_one_that_has_ended_is_not_taken_for_one_that_is_silent(monkeypatch):
    """Between the look and the question a process may end; one that listens and says nothing is told apart from it."""
    monkeypatch.setattr(sockets, "_SECONDS", 0.2)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        (found,) = [each for each in sockets.listening(os.getpid()) if each.port == one.getsockname()[1]]
        assert found.answer() == sockets.SILENT
    assert found.answer() == sockets.GONE
