"""Files from outside: opened once, and read only where they are regular files of a size that is accepted.

A pipe, `<(…)` of a shell among them, is refused: it can be read once and by one process, while a study is read again
when it is resumed, and data by every worker that needs them. So is what may never end, as a device.
"""

from __future__ import annotations

import os
import re
import stat
from errno import EINVAL
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

MB = 10**6
GB = 10**9
MOST_TEXT = 16 * MB
"""Of a file that people write: a study, a template."""
_DATA = re.compile(r"\.(csv|tsv|txt|data|dat|parquet|feather|npz)$", re.IGNORECASE)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link, which is not followed",
    stat.S_IFIFO: "a pipe, which can be read only once: write it to a file",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class UnfitFileError(OSError):
    """A file that is not read; ``strerror`` says why, like that of any other OSError."""

    def __init__(self, why: str) -> None:
        super().__init__(EINVAL, why)


def stem(location: str) -> str:
    """The name of a data file without its place, its extension and .gz; any other location's last part."""
    return _DATA.sub("", PurePath(location.removesuffix(".gz")).name)


def is_file(location: str) -> bool:
    """Whether ``location`` names a regular file; a text that can be no name names none."""
    return os.path.isfile(location)  # noqa: PTH113 - pathlib raises for long texts


def is_other(location: str) -> bool:
    """Whether something lies at ``location`` that is no folder: a file, a pipe, a device."""
    return os.path.exists(location) and not os.path.isdir(location)  # noqa: PTH110, PTH112 - as above


def local(location: str) -> Path:
    """The path that ``location`` names, ``~`` as a shell takes it; raises OSError where nobody has that name."""
    try:
        return Path(location).expanduser()
    except RuntimeError:
        raise UnfitFileError("a home folder that is not known") from None


def check(path: str | Path, most: int) -> int:
    """The size of a regular file of at most ``most`` bytes; raises OSError for anything else."""
    try:
        str(path).encode()  # a study, a report and a table that name it are UTF-8
        return _size(Path(path).stat(), most)
    except UnicodeEncodeError:
        raise UnfitFileError("a name that is not UTF-8") from None
    except ValueError:
        raise UnfitFileError("a name with a null byte") from None


def opened(path: str | Path, most: int, *, follow: bool = True) -> BinaryIO:
    """The regular file of at most ``most`` bytes at ``path``, open; raises OSError for anything else.

    A symbolic link is one only where it is to be followed.
    """
    # First, so that no device is opened, which may do something.
    if follow:
        check(path, most)
    else:
        _size(os.lstat(path), most)
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    try:
        _size(os.fstat(descriptor), most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read(path: str | Path, most: int, *, follow: bool = True) -> bytes:
    """The bytes of a regular file of at most ``most``, a symbolic link only to be followed; raises OSError else."""
    with opened(path, most, follow=follow) as file:
        expected = os.fstat(file.fileno()).st_size
        content = file.read(expected + 1)
        while expected < len(content) <= most:  # what grows, and files of /proc, hold more than they say
            expected = len(content)
            content += file.read(expected)
    if len(content) > most:
        raise UnfitFileError(f"more than the {size(most)} that are read")
    return content


def read_text(path: str | Path, most: int = MOST_TEXT) -> str:
    """The UTF-8 text of a regular file of at most ``most`` bytes, without a mark at its start; raises OSError."""
    try:
        return read(path, most).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UnfitFileError(f"no UTF-8 text: byte {problem.object[problem.start]:#04x} at {problem.start}") from None


def size(number: float) -> str:
    """Bytes for people: ``16 MB``, ``2.1 GB``."""
    for unit, name in ((GB, "GB"), (MB, "MB"), (1000, "kB")):
        if number >= unit:
            return f"{number / unit:.3g} {name}" if number < 1000 * unit else f"{number / unit:,.0f} {name}"
    return f"{number:.0f} bytes"


def _size(found: os.stat_result, most: int) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise UnfitFileError(_KINDS.get(stat.S_IFMT(found.st_mode), "no regular file"))
    if found.st_size > most:
        raise UnfitFileError(f"{size(found.st_size)}, where at most {size(most)} are read")
    return found.st_size
