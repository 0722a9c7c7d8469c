"""Files of a results directory: written whole or not at all, and held against a second driver."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from regfleet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_OWN = {
    "study.toml",
    "provenance.json",
    "regfleet.log",
    "report.html",
    "leaderboard.csv",
    "trials.csv",
    "trials",
    "histories",
}


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Make the directory and hold it against a second driver; the claim ends with the process, however it ends.

    Raises InputError when the directory is not writable, holds something else, or is in use.
    """
    foreign = sorted(entry.name for entry in path.iterdir() if not _is_own(entry)) if path.is_dir() else []
    if foreign and not (path / "study.toml").exists():
        msg = f"--out: expected an empty or a results directory; got {path}, which holds {foreign[0]}"
        raise InputError(msg)
    new = not (path / "study.toml").exists()
    try:
        for folder in (path, path / "trials", path / "histories"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = (path / ".lock").open("w")
    except OSError as problem:
        msg = f"--out: expected a directory that can be written; got {path} ({problem.strerror})"
        raise InputError(msg) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"--out: expected a directory no other regfleet writes to; got {path}, which is in use"
            raise InputError(msg) from None
        for left_over in path.rglob("*.tmp"):
            left_over.unlink()
        try:
            yield
        except InputError:
            if new:
                _take_back(path)
            raise


def _take_back(path: Path) -> None:
    """Leave nothing behind of a study that was refused before it began."""
    for name in ("regfleet.log", ".lock", "study.toml"):
        (path / name).unlink(missing_ok=True)
    for folder in (path / "trials", path / "histories", path):
        with suppress(OSError):
            folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write a file so that readers see the old text or the new one, never a part."""
    _replace(path, text.encode())


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file so that readers see a whole one or none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    _replace(path, sink.getvalue().to_pybytes())


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _is_own(entry: Path) -> bool:
    return entry.name in _OWN or entry.name == ".lock" or entry.name.endswith(".tmp")
