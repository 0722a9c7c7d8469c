"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BESIDE = re.compile(r"\.regfleet-(\d{1,10})-[0-9a-f]{16}\.tmp")


def write(path: Path, blocks: Iterable[bytes], *, new: bool = False) -> None:
    """Write beside ``path``, flush to disk, rename: readers see the old file or the new one.

    Its folder is there. A symbolic link is replaced, not followed. Raises FileExistsError where a file is there that
    should be ``new``. After an error, an OSError or whatever ``blocks`` raises, nothing stays beside.
    """
    beside = path.with_name(f".regfleet-{os.getpid()}-{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(blocks)
            file.flush()
            os.fsync(file.fileno())
        if new:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        beside.replace(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def is_beside(name: str) -> bool:
    """Whether `write` gives such a name to what it writes beside a file."""
    return bool(_BESIDE.fullmatch(name))


def left_over(folder: Path) -> list[Path]:
    """What `write` left in a folder when it was killed: files of its names, whose process is gone.

    This process has written none there yet: one of its number was another, as in a container where each has the same.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    found = [(name, mine[1]) for name in names if (mine := _BESIDE.fullmatch(name))]
    own = str(os.getpid())
    return sorted(folder / name for name, process in found if process == own or not Path("/proc", process).exists())
