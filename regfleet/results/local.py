"""A results directory on this machine: written whole or not at all, and never through a symbolic link."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import atomic, files, patience
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.paths import MOST_BYTES, WRITTEN_FIRST, unwritable
from regfleet.results.place import FILES, FOLDERS, LOCK, Place, blocks
from regfleet.results.seals import STUDY, is_study_of_ours
from regfleet.text import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO

_MARK = b"held by regfleet while it writes results here\n"
"""What a lock holds; before, it was empty. On a full disk it is cut short."""


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
        """The content of a file; a symbolic link, and whatever is no file, is refused."""
        return files.read(self._path(name), MOST_BYTES, follow=False)

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
        if folder and where.is_symlink():
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
        try:
            return stat.S_ISREG(os.lstat(self._path(name)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as problem:
            kind = InputError if problem.errno == errno.ENAMETOOLONG else StorageError
            raise kind(f"--out: expected a directory that can be read; got {self} ({reason(problem)})") from None

    def remove(self, name: str) -> None:
        """Delete a file if it is there."""
        self._path(name).unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Rename a file."""
        try:
            self._path(name).rename(self._path(to))
        except OSError as problem:
            raise StorageError(
                f"--out: expected a directory that can be written; got {self.at(name)} ({reason(problem)})"
            ) from None

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Hold the directory; the claim ends with the process, however it ends."""
        here = self._path("")
        try:
            lock = self._hold()
        except OSError as problem:
            raise unwritable("--out", here, problem, "a directory") from None
        with lock:
            try:
                new = self._refuse_foreign()  # another driver may have filled it, or somebody else
                if self.read(LOCK) != _MARK:
                    lock.truncate(0)
                    lock.write(_MARK)
                self._make_folders()
            except OSError as problem:
                raise unwritable("--out", here, problem, "a directory") from None
            for folder in ("", *FOLDERS):
                for beside in atomic.left_over(self._path(folder)):
                    beside.unlink(missing_ok=True)
            try:
                yield
            except InputError:
                if new:
                    self._take_back()
                raise

    def _hold(self) -> FileIO:
        """The locked lock of the directory, both made if they are not there."""
        deadline = time.monotonic() + patience.SECONDS.lock
        while True:
            try:
                self._refuse_foreign()  # before anything is made in it
                self._make("")
                if lock := self._locked():
                    return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        f"--out: expected a directory no other regfleet writes to; got {self}, which is in use"
                    ) from None
            except FileNotFoundError:  # a driver that was refused has just taken its new directory back
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _locked(self) -> FileIO | None:
        """The lock, None where it was deleted meanwhile; raises BlockingIOError where somebody holds it."""
        lock = os.fdopen(self._open(LOCK, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock.fileno()), os.lstat(self._path(LOCK))):
                return lock
        except BaseException:
            lock.close()
            raise
        lock.close()
        return None

    def _refuse_foreign(self) -> bool:
        """Whether the directory holds nothing.

        Raises InputError unless it is new, empty or ours, and what we write in it are files of its own.
        """
        here = self._path("")
        entries: list[os.DirEntry[str]] = []
        with suppress(FileNotFoundError):
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name in (*FILES, *FOLDERS) and entry.is_symlink():
                raise InputError(f"--out: expected no symbolic link in a results directory; got {self.at(entry.name)}")
        foreign = next((entry.name for entry in entries if not self._is_nothing(entry)), None)
        if foreign and not self.is_ours():
            if not os.path.lexists(self._path(foreign)):  # another driver took it back
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise InputError(f"--out: expected an empty or a results directory; got {here}, with {foreign}")
        for entry in entries:
            if (entry.name in FILES and not entry.is_file()) or (entry.name in FOLDERS and not entry.is_dir()):
                kind = "folder" if entry.name in FOLDERS else "file"
                raise InputError(f"--out: expected a {kind} of results; got {self.at(entry.name)}, which is none")
        return not foreign

    def _is_nothing(self, entry: os.DirEntry[str]) -> bool:
        """Whether an entry is what a driver left that was killed before it had begun."""
        if entry.name in FOLDERS:
            return entry.is_dir() and not any(Path(entry.path).iterdir())
        if not entry.is_file(follow_symlinks=False):
            return False
        return atomic.is_beside(entry.name) or (entry.name == LOCK and _MARK.startswith(self.read(LOCK)))

    def _has_mark(self) -> bool:
        try:
            content = self.read(LOCK)
        except OSError:
            return False
        if content == _MARK or not _MARK.startswith(content):
            return content == _MARK
        both = all(self._path(folder).is_dir() for folder in FOLDERS[:2])  # the third came later
        return both and self.exists(STUDY) and is_study_of_ours(self.read(STUDY).decode(errors="replace"))

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
        """The file itself, unless it is a symbolic link or no file."""
        if os.path.lexists(self._path(name)) and not self.exists(name):
            kind = "symbolic link" if self._path(name).is_symlink() else "other kind of file"
            raise InputError(f"--out: expected no {kind} in a results directory; got {self.at(name)}")
        yield self._path(name)

    def _path(self, name: str) -> Path:
        return Path(self.shown) / name

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(self._path(name), flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
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
        for name in ("", *FOLDERS):
            self._make(name)
            folder = self._path(name)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, f"{folder} is not writable")

    def _make(self, name: str) -> None:
        """Make a folder if it is not there."""
        try:
            self._path(name).mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            if os.path.lexists(self._path(name)):
                raise
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from None  # it went in between

    def _take_back(self) -> None:
        """Leave nothing behind of a study that was refused before it began; results that came meanwhile stay."""
        if any(self.sizes(folder) for folder in FOLDERS):
            return
        for name in WRITTEN_FIRST:
            self.remove(name)
        for folder in FOLDERS:
            with suppress(OSError):
                self._path(folder).rmdir()
        self.remove(LOCK)  # last: whoever waits for it sees that it is gone, and begins again
        with suppress(OSError):
            self._path("").rmdir()
