"""The folder of a fitted model, held while a fit writes to it."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regfleet.errors import InputError
from regfleet.paths import SUMS, expanded, is_ours, sums_in, unwritable
from regfleet.saving.signature import CARD, CARD_PAGE, ENSEMBLE, EXPORT, NAME, SEEN
from regfleet.text import named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OF_FOLDER = (ENSEMBLE, EXPORT, SEEN, CARD, CARD_PAGE, NAME)


def new_folder(out: str | Path) -> Path:
    """The folder that a model goes to; raises InputError for one that is something else."""
    if "://" in str(out):
        raise InputError(f"--out: expected a folder on this machine; got {named(str(out))}")
    folder = expanded(out, "--out")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        what = "a symbolic link" if folder.is_symlink() else "a file"
        raise InputError(f"--out: expected a new folder, or that of the same fit; got {folder}, which is {what}")
    if (folder / "study.toml").exists() and (folder / "trials").exists():
        raise InputError(f"--out: expected a new folder, or that of the same fit; got {folder}, the results of a study")
    return folder


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, made if it is not there, against another fit; taken back where nothing came into it."""
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as problem:
        raise unwritable("--out", folder, problem, "a folder") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out: expected a folder no other regfleet writes to; got {folder}, which is in use"
            ) from None
        sums = sums_in(folder)
        foreign = [name for name in OF_FOLDER if not is_ours(folder / name, sums, name, lambda _: False)]
        foreign += [SUMS] * (not sums and os.path.lexists(folder / SUMS))
        if foreign:
            raise InputError(f"--out: expected no file that regfleet did not write; got {folder / foreign[0]}")
        try:
            yield
        except BaseException:
            if new and not any(folder.iterdir()):
                folder.rmdir()
            raise
    finally:
        os.close(descriptor)
