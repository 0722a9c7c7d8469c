"""What somebody gave to be judged, looked at by what it holds and not by its name; nothing of it is ever run."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regfleet import files
from regfleet.errors import InputError
from regfleet.memory import check_room
from regfleet.text import given, named, one_line, reason

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = files.GB
MOST_FILES = 1_000_000
HEAD_BYTES = 4 * files.MB
"""Where the header of a table ends at the latest."""
_PICKLE = re.compile(rb"\x80[\x02-\x05]|x[\x01\x9c\xda]|\(dp|c__builtin__")
_SQL = re.compile(rb"\s*(?:--|/\*|PRAGMA |BEGIN TRANSACTION|CREATE TABLE|INSERT INTO)", re.IGNORECASE)


class Source:
    """A file, a folder, or an object of Python's.

    ``name``: what it is called in messages. ``path`` is None of an object, ``given`` None of a path. ``advance`` is
    told of each file of a folder, and of the rows of a database, that were read.
    """

    def __init__(self, given_: object, advance: Callable[[int], None] | None = None) -> None:
        is_place = isinstance(given_, str | Path)
        self.name = named(str(given_)) if is_place else "scores"
        self.path = files.local(str(given_)) if is_place else None
        self.given = None if is_place else given_
        self.advance = advance or (lambda _: None)

    @cached_property
    def kind(self) -> str:
        """object, folder, sqlite, parquet, json, journal, csv, or, of what is not read: pickle, sql, zip, gzip.

        Raises OSError where it is no regular file of a size that is read.
        """
        if self.path is None:
            return "object"
        if self.path.is_dir():
            return "folder"
        with files.opened(self.path, 100 * MOST_BYTES) as file:
            head = file.read(100_000)
        kind = _kind_of(head, self.path.suffix)
        if kind != "sqlite":  # which alone is not read whole
            files.check(self.path, MOST_BYTES)
        return kind

    @cached_property
    def content(self) -> bytes:
        """The bytes of the file, none of an object; raises OSError where they cannot be read or are too many."""
        content = b"" if self.path is None else files.read(self.path, MOST_BYTES)
        check_room(10 * len(content))
        return content

    @property
    def sha256(self) -> str | None:
        """The hash of a file that was read whole; None of an object, a folder or a database."""
        whole = self.kind not in ("object", "folder", "sqlite")
        return hashlib.sha256(self.content).hexdigest() if whole else None

    @cached_property
    def document(self) -> Any:
        """What a JSON file holds, of an object the object itself; None of anything else."""
        if self.kind == "object":
            return self.given
        if self.kind != "json":
            return None
        return json_of(self.content, self.name)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of a table; none where it is no table."""
        if self.kind == "csv":
            return tuple(self._header[0])
        if self.kind == "parquet":
            return tuple(self._parquet.schema_arrow.names)
        if self.kind == "object" and hasattr(self.given, "columns") and hasattr(self.given, "iloc"):
            return tuple(str(one) for one in self.given.columns)
        return ()

    def table(self, wanted: Callable[[str], bool] = lambda _: True) -> pd.DataFrame:
        """The ``wanted`` columns of a table, of plain values: what is empty is None.

        Numbers in a CSV file are numbers where they are written as such; nothing else is guessed.
        """
        import pandas as pd

        names = [name for name in self.columns if wanted(name)]
        if len(set(names)) < len(names):
            twice = next(name for place, name in enumerate(names) if name in names[:place])
            raise InputError(f"{self.name}: columns must have names of their own. Got {given(twice)} twice")
        if self.kind == "csv":
            places = [place for place, name in enumerate(self.columns) if name in names]
            text = io.BytesIO(self.content)
            frame = pd.read_csv(
                text, encoding="utf-8-sig", dtype=str, keep_default_na=False, usecols=places, index_col=False
            )
            frame.columns = names  # pandas calls those without a name otherwise
            return frame.map(value_of).astype(object)
        if self.kind == "parquet":
            from regfleet.data.files import read_parquet

            frame = read_parquet(self._buffer, names).to_pandas(ignore_metadata=True)
        else:
            whole: Any = self.given
            frame = pd.DataFrame(whole)
            frame.columns = [str(one) for one in frame.columns]
            frame = frame[names].reset_index(drop=True)
        plain: pd.DataFrame = frame.astype(object).where(frame.notna(), None)
        return plain

    @cached_property
    def _header(self) -> list[list[str]]:
        text = io.StringIO(self.content[:HEAD_BYTES].decode("utf-8-sig", "replace"), newline="")
        return list(islice(csv.reader(text), 1)) or [[]]

    @cached_property
    def _buffer(self) -> Any:
        import pyarrow as pa

        return pa.py_buffer(self.content)

    @cached_property
    def _parquet(self) -> Any:
        import pyarrow as pa
        from pyarrow import parquet

        return parquet.ParquetFile(pa.BufferReader(self._buffer))

    def found(self, pattern: str) -> list[Path]:
        """The files of a folder that match a pattern, in order of their names; links lead nowhere."""
        paths = [] if self.path is None else list(islice(self.path.glob(pattern), MOST_FILES + 1))
        if len(paths) > MOST_FILES:
            raise InputError(f"{self.name}: expected at most {MOST_FILES:,} files {pattern}; got more")
        return sorted(path for path in paths if path.is_file() and not path.is_symlink())

    def read(self, path: Path, most: int = 64 * files.MB) -> bytes:
        """The bytes of a file of the folder, which is counted; raises InputError where it cannot be read."""
        self.advance(1)
        try:
            return files.read(path, most)
        except OSError as problem:
            raise InputError(f"{named(str(path))}: expected a file that can be read; got {reason(problem)}") from None

    def last_line(self, path: Path) -> bytes:
        """The last whole line of a file of the folder, read from its end."""
        self.advance(1)
        try:
            with files.opened(path, 100 * MOST_BYTES) as file:
                size, block, tail = file.seek(0, 2), 1 << 16, b""
                while True:
                    start = max(0, size - block)
                    file.seek(start)
                    tail = file.read(size - start).rstrip(b"\n")
                    if b"\n" in tail or start == 0 or block >= 64 * files.MB:
                        return tail.rpartition(b"\n")[2]
                    block *= 4
        except OSError as problem:
            raise InputError(f"{named(str(path))}: expected a file that can be read; got {reason(problem)}") from None


def _kind_of(head: bytes, suffix: str) -> str:
    """What a file is by its first bytes; what is called .parquet shall be one."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    looks = {
        "sqlite": head.startswith(b"SQLite format 3\0"),
        "parquet": head.startswith(b"PAR1") or suffix == ".parquet",
        "zip": head.startswith(b"PK\x03\x04"),
        "gzip": head.startswith(b"\x1f\x8b"),
        "pickle": _PICKLE.match(head) is not None,
        "journal": text.startswith(b"{") and b'"op_code"' in text.partition(b"\n")[0],
        "json": text.startswith((b"{", b"[")),
        "sql": _SQL.match(text) is not None,
    }
    return next((kind for kind, is_so in looks.items() if is_so), "csv")


def json_of(content: bytes, name: str) -> Any:
    """The value of a JSON text; raises InputError where there is none."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as problem:
        said = one_line("too deep" if isinstance(problem, RecursionError) else reason(problem), 200)
        raise InputError(f"{name}: expected JSON; got {said}") from None


def lines_of(content: bytes, name: str) -> Iterator[dict[str, Any]]:
    """The objects of a text with one of JSON on each line; a last line that is not finished is passed over."""
    lines = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                if number == len(lines):
                    return
                found = None
            if not isinstance(found, dict):
                raise InputError(f"{name}: expected a JSON object on each line; got something else on line {number}")
            yield found


_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?|[+-]?(?:inf|nan|Infinity|NaN)")


def value_of(text: str) -> str | int | float | None:
    """A cell as a number where it is written as one, None where it is empty, the text else."""
    if not text:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if len(text) < 40 and _DECIMAL.fullmatch(text) else text
