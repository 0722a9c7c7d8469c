"""What regfleet may write: new files, and files that it wrote itself and nobody changed since.

A folder of reports or figures holds a list of what was written there, in the form that ``sha256sum -c`` checks.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet import atomic, files
from regfleet.errors import InputError, StorageError
from regfleet.text import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

SUMS = "regfleet.sha256"
ROWS = "rows.csv"
EFFECTS = "effects.csv"
REPORT = ("report.html", "leaderboard.csv", "trials.csv", ROWS, EFFECTS)
"""Of a results directory: what is made of its trials, and listed in `SUMS`; rows.csv where predictions were kept,
effects.csv where techniques are combined."""
SOMETIMES = (ROWS, EFFECTS)
"""What not every results directory has of these."""
PROGRESS = ("progress.json", "regfleet.log")
WRITTEN_FIRST = (*PROGRESS, "study.toml", "provenance.json")
"""Of a results directory: what is there before its first trial."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
MOST_BYTES = 2_000_000_000
"""Of a file that may be ours: a longer one is not read, and is none."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENFILE, errno.EMFILE}


def expanded(text: str | Path, name: str) -> Path:
    """The path that ``text`` names, a ``~`` in front being the home folder; ``name`` is the flag it came from."""
    if not str(text) or "\0" in str(text):
        raise InputError(f"{name}: expected a path; got {str(text)!r}")
    try:
        return files.local(str(text))
    except OSError as problem:
        raise InputError(f"{name}: expected a path; got {text} ({reason(problem)})") from None


def digest(content: bytes) -> str:
    """The SHA-256 of a file's content, in hex."""
    return hashlib.sha256(content).hexdigest()


def sums_text(sums: Mapping[str, Collection[str]]) -> str:
    """The list of files as `SUMS` holds it; ``sums`` maps a name to the hashes that its content may have."""
    return "".join(f"{one}  {name}\n" for name, found in sorted(sums.items()) for one in sorted(found))


def read_sums(text: str) -> dict[str, set[str]]:
    """What a list says: name → hashes; empty when a line is not of its form."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        entry = _LINE.fullmatch(line)
        if not entry:
            return {}
        found.setdefault(entry[2], set()).add(entry[1])
    return found


def sums_in(folder: Path) -> dict[str, set[str]]:
    """The list of a folder; empty where there is none of ours."""
    content = content_of(folder / SUMS, files.MOST_TEXT)
    return read_sums(content.decode("utf-8", errors="replace")) if content else {}


def is_ours(path: Path, sums: Mapping[str, Collection[str]], name: str, own: Callable[[bytes], bool]) -> bool:
    """Whether nothing of somebody else's is lost when ``path`` is written: it is not there, listed as ``name``, or own.

    ``own`` recognises what was written before there were lists, or by a run that was killed before it wrote one.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
    except (FileNotFoundError, NotADirectoryError):
        return True
    content = content_of(path)
    return content is not None and (digest(content) in sums.get(name, ()) or own(content))


def write_listed(folder: Path, contents: Iterable[tuple[str, bytes]], flag: str) -> list[Path]:
    """Write files into a folder beside whatever is there, and list them; returns their paths.

    Raises InputError, before anything is written over, where a file of that name is not as it was listed.
    """
    try:
        made = dict(contents)
        sums = sums_in(folder)
        foreign = [name for name in (*made, SUMS) if not _may_write(folder, sums, name)]
        if foreign:
            raise InputError(f"{flag}: expected no file that regfleet did not write; got {folder / foreign[0]}")
        folder.mkdir(parents=True, exist_ok=True)
        new = {name: {digest(content)} for name, content in made.items()}
        # Both, so that whoever is killed on the way finds all of these to be ours.
        both = {name: sums.get(name, set()) | new.get(name, set()) for name in {*sums, *new}}
        atomic.write(folder / SUMS, [sums_text(both).encode()])
        for name, content in made.items():
            atomic.write(folder / name, [content])
        atomic.write(folder / SUMS, [sums_text(sums | new).encode()])
    except OSError as problem:
        raise unwritable(flag, folder, problem) from None
    return [folder / name for name in made]


def _may_write(folder: Path, sums: Mapping[str, Collection[str]], name: str) -> bool:
    if name == SUMS:
        return bool(sums) or not os.path.lexists(folder / SUMS)
    return is_ours(folder / name, sums, name, lambda _: False)


def unwritable(flag: str, path: Path, problem: OSError, what: str = "a path") -> InputError | StorageError:
    """What is raised where a path cannot be written: for a full disk StorageError, else it is the path's fault."""
    words = f"{flag}: expected {what} that can be written; got {path} ({reason(problem)})"
    return StorageError(words) if problem.errno in _FULL else InputError(words)


def content_of(path: Path, most: int = MOST_BYTES) -> bytes | None:
    """The content of a regular file; None for anything else, a link too, or what is longer than ``most`` bytes."""
    try:
        return files.read(path, most, follow=False)
    except OSError:
        return None
