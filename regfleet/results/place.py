"""Where results live: a directory or a prefix of an object store, under one contract."""

from __future__ import annotations

import errno
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet.errors import ResultsError, StorageError
from regfleet.paths import REPORT, SUMS, WRITTEN_FIRST
from regfleet.text import masked, reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

FOLDERS = ("trials", "histories", "predictions")
"""Of parts; those of trials, which commit the others, land last and are deleted first."""
LOCK = ".lock"
FILES = (*WRITTEN_FIRST, *REPORT, SUMS, LOCK)
PART = re.compile(r"part-([0-9a-f]{16})(?:-([0-9a-f]{16}))?\.parquet")
"""The name of a part: a hash of the keys it holds and, of all but the oldest, one of its content."""


class Place(ABC):
    """Holds the files of one study; names are relative, with ``/`` behind a folder.

    A file appears whole or not at all. ``shown`` is what the user called the place, without credentials; ``local`` is
    its directory, None for an object store. ``filesystem`` is pyarrow's, with ``root`` as the place's path in it.
    """

    shown: str
    local: Path | None = None
    filesystem: Any
    root: str

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The content of a file; raises FileNotFoundError, and OSError for what cannot or must not be read."""

    @abstractmethod
    def write(self, name: str, content: bytes | Iterator[bytes]) -> None:
        """Put ``content`` or its blocks in the place of whatever has that name; raises StorageError when it cannot."""

    @abstractmethod
    def sizes(self, folder: str) -> Mapping[str, int | None]:
        """Name → bytes of the files in a folder, in order of names; None for what is not read: links, folders."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Delete a file if it is there."""

    @abstractmethod
    def move(self, name: str, to: str) -> None:
        """Give a file another name."""

    @abstractmethod
    def claim(self) -> AbstractContextManager[None]:
        """Hold the place, made if it is not there, against a second driver.

        Raises InputError when it cannot be written, holds something else, or is in use.
        """

    @abstractmethod
    def in_use(self) -> bool:
        """Whether a driver holds the place now."""

    @abstractmethod
    @contextmanager
    def appending(self, name: str) -> Iterator[Path]:
        """A path to append to; what was written is in the file ``name`` at the end of the block, or sooner."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of that name; a symbolic link is none."""

    @abstractmethod
    def _has_mark(self) -> bool:
        """Whether a lock of ours is there."""

    def is_ours(self) -> bool:
        """Whether regfleet has written results there: by its lock, its provenance or a part of trials."""
        try:
            return self._has_mark() or self._has_provenance() or any(map(PART.fullmatch, self.sizes(FOLDERS[0])))
        except OSError as problem:
            raise unreadable(self, problem) from None

    def _has_provenance(self) -> bool:
        try:
            table = json.loads(self.read("provenance.json"))
            return "regfleet" in table["versions"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return False

    def text(self, name: str) -> str:
        """The content of a text file; raises FileNotFoundError, ResultsError, or StorageError where it fails now."""
        try:
            return self.read(name).decode("utf-8")
        except FileNotFoundError:
            raise
        except OSError as problem:
            words = f"{self.at(name)}: expected a file that can be read now; got {masked(reason(problem))}"
            raise StorageError(words) from None
        except UnicodeDecodeError as problem:
            raise ResultsError(f"{self.at(name)}: expected a text file; got {reason(problem)}") from None

    def at(self, name: str) -> str:
        """A file's whole name, for people."""
        return f"{self.shown.rstrip('/')}/{name}"

    def path(self, name: str) -> str:
        """A file's path in ``filesystem``."""
        return f"{self.root}/{name}"

    def __str__(self) -> str:
        return self.shown


def blocks(content: bytes | Iterator[bytes]) -> Iterator[bytes]:
    """The blocks of what is to be written."""
    return content if isinstance(content, Iterator) else iter((content,))


def unreadable(place: Place, problem: OSError) -> ResultsError:
    """What is raised where the place fails: what lies there may be whole, so nothing is done to it."""
    if problem.errno == errno.ENAMETOOLONG:
        return ResultsError(f"{place}: expected a results directory; got {reason(problem)}")
    return StorageError(f"{place}: expected results that can be read now; got {masked(reason(problem))}")
