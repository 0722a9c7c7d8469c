"""SQLite files of others, read and nothing else: no view, trigger or virtual table of theirs is ever run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from regfleet import files
from regfleet.errors import InputError
from regfleet.text import one_line, reason

MOST_ROWS = 20_000_000
MOST_TEXT = 16 * files.MB
BLOCK = 10_000
"""Rows between two words on how far it is."""
_WAL = 2


class Database:
    """The tables of a SQLite file: ``tables`` are the names of those that hold rows of their own."""

    def __init__(self, connection: sqlite3.Connection, name: str, advance: Callable[[int], None]) -> None:
        self._connection, self._name, self._advance = connection, name, advance
        listed = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchmany(10_000)
        self.tables = frozenset(
            str(table) for table, sql in listed if not str(sql).upper().lstrip().startswith("CREATE VIRTUAL")
        )

    def need(self, tool: str, **tables: str) -> None:
        """Raise InputError, naming what is missing, unless these tables have these columns, parted by blanks."""
        for table, columns in tables.items():
            if table not in self.tables:
                raise InputError(f"{self._name}: expected {tool}'s table {table}; got none")
            there = self.columns(table)
            for column in columns.split():
                if column not in there:
                    raise InputError(f"{self._name}: expected {tool}'s column {table}.{column}; got none")

    def columns(self, table: str) -> set[str]:
        """The names of the columns of a table."""
        return {str(row[1]) for row in self._connection.execute(f'PRAGMA table_info("{table}")')}

    def rows(self, table: str, columns: str, order: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a table: names of ours, never a text out of the file."""
        found = self._connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}")  # noqa: S608
        for number, row in enumerate(found):
            if number >= MOST_ROWS:
                raise InputError(f"{self._name}: expected at most {MOST_ROWS:,} rows in {table}; got more")
            if number % BLOCK == BLOCK - 1:
                self._advance(BLOCK)
            yield row


@contextmanager
def database(path: Path, name: str, advance: Callable[[int], None]) -> Iterator[Database]:
    """The database at ``path``, open to be read; raises InputError where it cannot be. ``advance`` is told of its rows.

    One that keeps a log of its own, and has none beside it, is opened as a file that nobody changes: SQLite would make
    that log otherwise.
    """
    with files.opened(path, 100 * files.GB) as file:
        head = file.read(20)
    settled = head[18:19] == bytes([_WAL]) and not path.with_name(path.name + "-wal").exists()
    mode = "?mode=ro" + "&immutable=1" * settled
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + mode, uri=True, timeout=10)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_TEXT)
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
                connection.execute(f"PRAGMA {pragma}")
            yield Database(connection, name, advance)
    except (sqlite3.Error, OverflowError) as problem:
        raise InputError(f"{name}: expected a SQLite file that can be read; got {one_line(reason(problem))}") from None
