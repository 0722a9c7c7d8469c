"""Memory that is free, and what a file from outside may take of it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regfleet.files import UnfitFileError, size

SHARE = 0.5
"""Of what is free: reading holds the rows once, and cutting them into sets holds some of them again."""


def free_memory() -> int:
    """Bytes that are free on this machine or in this container."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    container = Path("/sys/fs/cgroup")
    try:
        limit = (container / "memory.max").read_text(encoding="utf-8").strip()
        used = int((container / "memory.current").read_text(encoding="utf-8"))
    except OSError:
        return free
    return free if limit == "max" else min(free, int(limit) - used)


def room() -> int:
    """Bytes that a file may take: half of those that are free."""
    return max(0, int(SHARE * free_memory()))


def check_room(needed: int) -> None:
    """Raise OSError where a file, by what it says of itself, takes more than half of the free memory."""
    if needed > room():
        raise UnfitFileError(f"{size(needed)} in memory, more than {size(room())}, half of what is free here")


@contextmanager
def bounded(most: int) -> Iterator[None]:
    """What asks for many bytes at once gets a MemoryError instead, where the process would grow by more than ``most``.

    For readers that learn only while they unpack how much there is; in one thread, for others may take it as an end.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    limits = [now + most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
