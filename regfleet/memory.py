"""Memory that is free, and what a file from outside may take of it."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regfleet.files import MB, UnfitFileError, size

SHARE = 0.5
"""Of what is free: reading holds the rows once, and cutting them into sets holds some of them again."""
LEAST = 100 * MB
"""That a file may take in any case."""
CONTAINER = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Bytes that are free on this machine or in this container, those of files that are only kept at hand included."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    try:
        limit = (CONTAINER / "memory.max").read_text(encoding="utf-8").strip()
        used = int((CONTAINER / "memory.current").read_text(encoding="utf-8"))
        kinds = dict(line.split() for line in (CONTAINER / "memory.stat").read_text(encoding="utf-8").splitlines())
    except OSError:
        return free
    used -= int(kinds.get("active_file", 0)) + int(kinds.get("inactive_file", 0))
    return free if limit == "max" else min(free, int(limit) - used)


def room() -> int:
    """Bytes that a file may take: half of those that are free, and never less than LEAST."""
    return max(LEAST, int(SHARE * free_memory()))


def check_room(needed: int) -> None:
    """Raise OSError where a file, by what it says of itself, takes more than there is `room` for."""
    if needed > room():
        raise UnfitFileError(f"{size(needed)} in memory, where at most {size(room())} may be taken here")


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Limit what this process may reserve to ``most`` bytes more.

    All its threads are limited too; a library that gets no memory on another thread may end the process.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    limits = [now + most, *(limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
