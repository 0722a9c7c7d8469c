"""Memory that is free, and what a file from outside may take of it."""

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


def check_room(needed: int) -> None:
    """Raise OSError unless so many bytes, as a file says of itself, leave half of the free memory free."""
    room = max(0, int(SHARE * free_memory()))
    if needed > room:
        raise UnfitFileError(f"{size(needed)} unpacked, more than {size(room)}, half of the memory that is free here")
