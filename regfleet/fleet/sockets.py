"""Every socket on which a Ray listens: where, whose, what it is, and whether it answers who has no token.

SECURITY.md has the same table, held to `KNOWN` by a test that looks at a Ray.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import stat
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.borrowed.ray import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KNOWN: Mapping[str, str] = {
    "driver": "what trials need and give",
    "gcs_server": "who is there, what is to run",
    "raylet": "starts workers; passes data on",
    "worker": "takes trials",
}
"""The processes of a Ray of ours that listen to the network, and why."""
TOKEN, OPEN, SILENT, GONE, PRIVATE, SHARED = (
    "asks for a token",
    "answers without a token",
    "does not answer",
    "has ended",
    "in a private folder",
    "in a folder of others",
)
_LISTENING_TCP, _LISTENING_UNIX = "0A", 0x10000
_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that listens: ``address`` is an IP address, or the path of one for this machine, with port 0."""

    address: str
    port: int
    process: str
    pid: int

    @property
    def closed(self) -> bool:
        """Whether nobody on another machine can reach it."""
        return not self.port or ip_address(self.address).is_loopback

    @property
    def what(self) -> str:
        """What it is for; empty for one that nobody expects."""
        if not self.port:
            return "for this Ray's processes"
        return KNOWN.get(self.process, "")

    def answer(self) -> str:
        """What one gets there without a token: tried, with questions that change nothing."""
        if not self.port:
            return PRIVATE if _private(Path(self.address)) else SHARED
        answer = _answer_of(self.address, self.port)
        # Ray ends workers that have nothing to do.
        gone = answer == SILENT and all(other.port != self.port for other in listening(self.pid))
        return GONE if gone else answer


def listening(root: int) -> list[Listener]:
    """The sockets on which a process of this machine and all that it started listen, by process."""
    found = []
    for pid in sorted(family(root)):
        names = set(_descriptors(pid))
        process = "driver" if pid == root else _name(pid)
        for inode, (address, port) in (_tcp(pid) | _unix(pid)).items():
            if inode in names:
                found.append(Listener(address, port, process, pid))
    return found


def family(root: int) -> set[int]:
    """A process and all that it started."""
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(file.parent.name)] = int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found, edge = {root}, {root}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge} - found
        found |= edge
    return found


def _descriptors(pid: int) -> Iterable[str]:
    try:
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(descriptor.path)  # noqa: PTH115 - thousands of them
            except OSError:
                continue
            if match := re.fullmatch(r"socket:\[(\d+)\]", target):
                yield match[1]
    except OSError:
        return


def _tcp(pid: int) -> dict[str, tuple[str, int]]:
    """Inode → address and port of the sockets that listen in the network of a process."""
    found = {}
    for table in ("tcp", "tcp6"):
        for line in _lines(f"/proc/{pid}/net/{table}"):
            fields = line.split()
            if fields[3] == _LISTENING_TCP:
                host, _, port = fields[1].partition(":")
                found[fields[9]] = _ip(host), int(port, 16)
    return found


def _ip(text: str) -> str:
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    if len(words) == 1:
        return socket.inet_ntoa(words[0])
    whole = IPv6Address(b"".join(words))
    return str(whole.ipv4_mapped or whole)


def _unix(pid: int) -> dict[str, tuple[str, int]]:
    """Inode → path of the sockets of this machine that listen."""
    found = {}
    for line in _lines(f"/proc/{pid}/net/unix"):
        fields = line.split(maxsplit=7)
        if int(fields[3], 16) & _LISTENING_UNIX:
            found[fields[6]] = (fields[7] if len(fields) > 7 else ""), 0
    return found


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(errors="replace").splitlines()[1:]
    except OSError:
        return []


def _name(pid: int) -> str:
    """What a process of Ray is, by its command or its title."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if words[0].startswith("ray::"):
        agents = {"DashboardAgent": "dashboard agent", "RuntimeEnvAgent": "runtime env agent"}
        return agents.get(words[0].removeprefix("ray::").strip(), "worker")
    names = [Path(word).name for word in words if word]
    return next((name for name in names if name.endswith(".py")), names[0] if names else "unnamed")


def _private(path: Path) -> bool:
    """Whether no other user may go to a path; an abstract name has none, and is for everybody."""
    try:
        modes = [folder.stat().st_mode for folder in path.parents if folder.is_absolute()]
    except OSError:
        return False
    return any(not mode & (stat.S_IXGRP | stat.S_IXOTH) for mode in modes)


def _answer_of(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    there = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - where others listen
    answers = {_grpc_status(f"{there}:{port}", question) for question in QUESTIONS}
    if "UNAUTHENTICATED" in answers:
        return TOKEN
    if answers - {"UNIMPLEMENTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}:
        return OPEN
    return SILENT if "UNIMPLEMENTED" in answers else _http_answer(there.strip("[]"), port)


def _grpc_status(address: str, question: str) -> str:
    import grpc

    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(question)(b"", timeout=_SECONDS)
        except grpc.RpcError as refusal:
            return str(refusal.code().name)
    return "OK"


def _http_answer(host: str, port: int) -> str:
    with closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as asked:
        try:
            asked.request("GET", "/metrics")
            status = asked.getresponse().status
        except (OSError, http.client.HTTPException):
            return SILENT
    return TOKEN if status in (401, 403) else OPEN
