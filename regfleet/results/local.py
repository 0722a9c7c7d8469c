"""A results directory on this machine: written whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import atomic, patience
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.results.place import FOLDERS, LOCK, Place, blocks
from regfleet.text import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OWN = {
    "study.toml",
    "progress.json",
    "provenance.json",
    "regfleet.log",
    "report.html",
    "leaderboard.csv",
    "trials.csv",
    LOCK,
    *FOLDERS,
}


class LocalPlace(Place):
    """A directory."""

    def __init__(self, path: Path) -> None:
        self.local = path
        self.shown = str(path)
        self.root = str(path.absolute())

    @cached_property
    def filesystem(self) -> Any:
        """Pyarrow's local file system."""
        from pyarrow.fs import LocalFileSystem

        return LocalFileSystem()

    def read(self, name: str) -> bytes:
        """The content of a file; a symbolic link is refused."""
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            return file.read()

    def write(self, name: str, content: bytes | Iterator[bytes]) -> None:
        """Write a file whole or not at all."""
        try:
            self._folder_of(name)
            atomic.write(self._path(name), blocks(content))
        except OSError as problem:
            raise StorageError(
                f"--out: expected room to write; got {self.at(name)} ({reason(problem)}). What is there is kept"
            ) from None

    def sizes(self, folder: str) -> Mapping[str, int | None]:
        """Name → bytes; links and folders are listed with None."""
        where = self._path(folder)
        if where.is_symlink():
            raise ResultsError(f"{where}: expected a folder of its own; got a symbolic link, which is not followed")
        entries = sorted(os.scandir(where), key=lambda entry: entry.name) if where.is_dir() else []
        found: dict[str, int | None] = {}
        for entry in entries:
            with suppress(FileNotFoundError):  # a driver at work has merged it away
                regular = entry.is_file(follow_symlinks=False)
                found[entry.name] = entry.stat(follow_symlinks=False).st_size if regular else None
        return found

    def exists(self, name: str) -> bool:
        """Whether there is a regular file of that name."""
        return self._path(name).is_file() and not self._path(name).is_symlink()

    def remove(self, name: str) -> None:
        """Delete a file if it is there."""
        self._path(name).unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Rename a file."""
        self._path(name).rename(self._path(to))

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the directory; the claim ends with the process, however it ends."""
        here = self._path("")
        foreign = sorted(entry.name for entry in here.iterdir() if not _is_own(entry.name)) if here.is_dir() else []
        new = not self._path("study.toml").exists()
        if foreign and new:
            raise InputError(f"--out: expected an empty or a results directory; got {here}, which holds {foreign[0]}")
        try:
            self._make_folders()
            link = next((name for name in (*FOLDERS, LOCK) if self._path(name).is_symlink()), None)
            if link:
                raise InputError(f"--out: expected no symbolic link in a results directory; got {self.at(link)}")
            lock = os.fdopen(self._open(LOCK, os.O_RDWR | os.O_CREAT), "w")
        except OSError as problem:
            raise InputError(
                f"--out: expected a directory that can be written; got {here} ({reason(problem)})"
            ) from None
        with lock:
            if not _locked(lock.fileno()):
                raise InputError(
                    f"--out: expected a directory no other regfleet writes to; got {here}, which is in use"
                )
            for folder in ("", *FOLDERS):
                for left_over in self._path(folder).glob("*.tmp"):
                    left_over.unlink()
            try:
                yield
            except InputError:
                if new:
                    self._take_back()
                raise

    def in_use(self) -> bool:
        """Whether a process holds the lock; asking takes it for an instant at most."""
        try:
            with os.fdopen(self._open(LOCK, os.O_RDONLY)) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextmanager
    def appending(self, name: str) -> Iterator[Path]:
        """The file itself, unless it is a symbolic link."""
        if self._path(name).is_symlink():
            raise InputError(f"--out: expected no symbolic link in a results directory; got {self.at(name)}")
        yield self._path(name)

    def _path(self, name: str) -> Path:
        return Path(self.shown) / name

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(self._path(name), flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as problem:
            if problem.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, "a symbolic link, which is not followed") from None
            raise

    def _folder_of(self, name: str) -> None:
        """Make the folder of a file; raises OSError where it is a symbolic link."""
        folder = self._path(name).parent
        if "/" in name and folder.is_symlink():
            raise OSError(errno.ELOOP, "a symbolic link, which is not followed")
        folder.mkdir(parents=True, exist_ok=True)

    def _make_folders(self) -> None:
        """Make the directory and its folders; raises OSError where one cannot be written."""
        for folder in map(self._path, ("", *FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, f"{folder} is not writable")

    def _take_back(self) -> None:
        """Leave nothing behind of a study that was refused before it began."""
        for name in ("regfleet.log", "progress.json", LOCK, "study.toml"):
            self.remove(name)
        for folder in (*FOLDERS, ""):
            with suppress(OSError):
                self._path(folder).rmdir()


def _locked(descriptor: int) -> bool:
    deadline = time.monotonic() + patience.SECONDS.lock
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def _is_own(name: str) -> bool:
    return name in _OWN or name.endswith(".tmp")
