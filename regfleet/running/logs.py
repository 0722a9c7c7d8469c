"""The log in the results directory, and keeping everybody else's chatter out of the terminal."""

import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regfleet.paths import unwritable
from regfleet.text import bounded, masked


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Send regfleet's log, and whatever any library prints, to ``path`` until the end of the block.

    TensorFlow and Ray write from C++, past `sys.stderr`, so the file descriptors themselves are turned. A terminal
    that should still be reached must have been duplicated before.
    """
    try:
        stream = path.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as problem:
        raise unwritable("--out", path, problem) from None
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("regfleet")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    _flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    for number in kept:
        os.dup2(stream.fileno(), number)
    logger.info("a run begins on %s, process %d", platform.node(), os.getpid())
    try:
        yield
    finally:
        logger.info("the run ends")
        _flush()
        for number, duplicate in kept.items():
            os.dup2(duplicate, number)
            os.close(duplicate)
        logger.removeHandler(handler)
        stream.close()


class _Masked(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record without credentials; no text in it begins a line of its own."""
        return masked(bounded(super().format(record)).replace("\n", "\n  "))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
