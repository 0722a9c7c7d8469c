"""A results directory through a job's log: the Jobs API hands back nothing else.

The directory is zipped, and printed in base64 between two marked lines. What comes back is data from elsewhere: its
checksum must hold, and only plain file names inside the directory are written.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from regfleet import atomic
from regfleet.errors import ResultsError

LIMIT_BYTES = 20_000_000
UNPACKED_LIMIT_BYTES = 400_000_000
MARK = "regfleet-results"
LINE = 16_000
_NAME = re.compile(r"(?:\w[\w.-]*/)*\w[\w.-]*")


def pack(directory: Path) -> bytes:
    """The files of a results directory as a zip; without locks, parts half written, and links."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_file() and not path.is_symlink() and _NAME.fullmatch(name) and path.suffix != ".tmp":
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
        elif rest != "end":
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

    Trials come after the histories that they commit. Raises ResultsError, before anything is written, for a name that
    leads out of ``out``.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        members = sorted(packed.infolist(), key=lambda member: member.filename)
        for member in members:
            target = out / member.filename
            if not _NAME.fullmatch(member.filename) or not target.parent.resolve().is_relative_to(out.resolve()):
                raise ResultsError(
                    f"the results hold a file that would not lie in {out}: {member.filename!r}; nothing was written"
                )
        if sum(member.file_size for member in members) > UNPACKED_LIMIT_BYTES:
            raise ResultsError(
                f"the results unpack to more than {UNPACKED_LIMIT_BYTES / 1e6:.0f} MB; nothing was written"
            )
        for member in members:
            target = out / member.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(target, [packed.read(member)])
    return len(members)
