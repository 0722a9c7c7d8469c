"""A results directory through a job's log: the Jobs API hands back nothing else.

The directory is zipped, and printed in base64 between two marked lines. What comes back is data from elsewhere: its
checksum must hold, and only the files of a results directory are written, each of the size that was announced.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from regfleet import atomic
from regfleet.errors import ResultsError, StorageError
from regfleet.paths import REPORT, SUMS, WRITTEN_FIRST
from regfleet.text import one_line, printable, reason

LIMIT_BYTES = 100_000_000
"""Of an archive: it takes 8 s over loopback and 0.6 GB of memory here, and the head keeps it in the job's log."""
UNPACKED_LIMIT_BYTES = 400_000_000
MARK = "regfleet-results"
LINE = 16_000
_MOST_LINES = LIMIT_BYTES * 4 // 3 // LINE + 1
MOST_FILES = 100_000
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError)
"""What zipfile raises for archives that are damaged, encrypted, or packed in a way that it does not know."""
_NAME = re.compile(
    "|".join(map(re.escape, (*WRITTEN_FIRST, *REPORT, SUMS)))
    + r"|(?:trials|histories|predictions)/part-[0-9A-Za-z_-]{1,80}\.(?:parquet|torn)"
)


def is_result(name: str) -> bool:
    """Whether a results directory holds files of this name, relative to it, that are finished and no lock."""
    return bool(_NAME.fullmatch(name))


def pack(directory: Path, only: Collection[str] | None = None) -> bytes:
    """The files of a results directory as a zip, or ``only`` those; without locks, parts half written, and links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if is_result(name) and (only is None or name in only) and path.is_file() and not path.is_symlink():
                archive.write(path, name)
    return buffer.getvalue()


def lines(archive: bytes) -> Iterator[str]:
    """The lines that carry an archive through a log."""
    yield f"{MARK} begin {hashlib.sha256(archive).hexdigest()}"
    text = base64.b64encode(archive).decode()
    for start in range(0, len(text), LINE):
        yield f"{MARK} {text[start : start + LINE]}"
    yield f"{MARK} end"


class Carried:
    """Takes the lines of an archive out of a log."""

    def __init__(self) -> None:
        self._checksum = ""
        self._parts: list[str] = []

    def take(self, line: str) -> bool:
        """Whether the line belongs to an archive."""
        mark, _, rest = line.partition(" ")
        if mark != MARK:
            return False
        if rest.startswith("begin "):
            self._checksum, self._parts = rest.removeprefix("begin "), []
        elif rest != "end" and len(self._parts) <= _MOST_LINES:  # beyond, its checksum differs
            self._parts.append(rest)
        return True

    def archive(self) -> bytes | None:
        """The last archive that came, None if none did; raises ResultsError when it did not come whole."""
        if not self._checksum:
            return None
        try:
            archive = base64.b64decode("".join(self._parts))
        except ValueError:
            archive = b""
        if hashlib.sha256(archive).hexdigest() != self._checksum:
            raise ResultsError(
                "the results came back damaged (their checksum differs): fetch them again with `regfleet jobs ID`"
            )
        return archive


def unpack(archive: bytes, out: Path) -> int:
    """Write the files of an archive into ``out``, each whole or not at all, and return how many they are.

    Trials come after the histories and predictions that they commit. Raises ResultsError, before anything is written,
    for what is no archive of a results directory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            contents = _contents(packed, out)
    except _UNREADABLE as problem:
        why = printable(one_line(problem), "")
        raise ResultsError(f"the results came back in a zip that cannot be read ({why}); nothing was written") from None
    for name, content in contents.items():
        target = out / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(target, [content])
        except OSError as problem:
            raise StorageError(f"--out: expected room for the results; got {target} ({reason(problem)})") from None
    return len(contents)


def _contents(packed: zipfile.ZipFile, out: Path) -> dict[str, bytes]:
    """The files of an archive by name; raises ResultsError for one that a results directory does not have."""
    members = sorted(packed.infolist(), key=lambda member: member.filename)
    for member in members:
        target = out / member.filename if is_result(member.filename) else None
        if target is None or target.is_symlink() or not target.parent.resolve().is_relative_to(out.resolve()):
            raise ResultsError(
                f"the results hold a file that does not belong in {printable(str(out), '')}: "
                f"{printable(ascii(member.filename)[:200])}; nothing was written"
            )
    if sum(member.file_size for member in members) > UNPACKED_LIMIT_BYTES or len(members) > MOST_FILES:
        raise ResultsError(f"the results unpack to more than {UNPACKED_LIMIT_BYTES / 1e6:.0f} MB; nothing was written")
    return {member.filename: packed.read(member) for member in members}
