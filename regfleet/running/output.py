"""Standard output and standard error of a command, which may be closed, full, or a pipe that nobody reads."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from regfleet.errors import OutputError
from regfleet.text import printable, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


class Stream:
    """Stands for the text stream ``file``; raises OutputError when standard output cannot be written.

    Of standard error, which is ``heedless``, that is nobody's loss. From then on either swallows what is written, so
    that nothing fails a second time.
    """

    def __init__(self, file: TextIO, *, heedless: bool) -> None:
        self._file = file
        self._heedless = heedless

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write ``text``."""
        try:
            return self._file.write(text)
        except OSError as problem:
            self._lost(problem)
        return len(text)

    def flush(self) -> None:
        """Send off what was written."""
        try:
            self._file.flush()
        except OSError as problem:
            self._lost(problem)

    def close(self) -> None:
        """Send off what was written, and close."""
        self.flush()
        self._file.close()

    def _lost(self, problem: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._file.fileno())
        os.close(nowhere)
        if self._heedless:
            return
        nobody = problem.errno == errno.EPIPE
        raise OutputError("" if nobody else f"standard output: expected room for it; got {reason(problem)}") from None


class _Errors(Stream):
    """Standard error, where libraries say things too, whatever is in them."""

    def write(self, text: str) -> int:
        """Write ``text``, and nothing that a terminal would obey but a return."""
        return super().write(printable(text, keep="\n\t\r"))


def stream(descriptor: int) -> Stream:
    """A `Stream` on a copy of a file descriptor, so that it still reaches the user when others' output is logged."""
    file = os.fdopen(os.dup(descriptor), "w", encoding="utf-8", errors="replace")
    return Stream(file, heedless=descriptor == 2)


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output and standard error as `Stream` until the end of the block; a closed one leads nowhere."""
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free
    before = sys.stdout, sys.stderr
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        file = getattr(sys, name) or os.fdopen(descriptor, "w", encoding="utf-8", closefd=False)
        if hasattr(file, "reconfigure"):
            file.reconfigure(errors="backslashreplace")  # what the locale has no letters for
        setattr(sys, name, _Errors(file, heedless=True) if descriptor == 2 else Stream(file, heedless=False))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str) -> None:
    """A line about the command itself, on standard error."""
    _line(sys.stderr, f"regfleet: {printable(text, keep='')}\n")


def tell(text: str, end: str = "\n") -> None:
    """What was asked for, on standard output."""
    _line(sys.stdout, text + end)


def _line(file: TextIO, text: str) -> None:
    file.write(printable(text))
    file.flush()
