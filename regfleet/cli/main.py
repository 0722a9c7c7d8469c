"""How a command begins and how it may end: with a code of `errors.EXIT_CODES`, and what went wrong on a line."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from regfleet.errors import RegfleetError
from regfleet.running.output import guarded, say
from regfleet.text import masked, one_line, raised

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIZES = {"COLUMNS": range(20, 1000), "TERMINAL_WIDTH": range(20, 1000), "LINES": range(4, 1000)}
"""What the environment may say of the terminal; anything else is passed over."""

MOST_LINES, MOST_LETTERS = 40, 2_000
"""Of what is said of bad input: how many mistakes, and how long each."""


def main() -> None:
    """Run the command line and end."""
    with _interruptions() as heard, guarded():
        try:
            code = _run()
        except BaseException as problem:  # noqa: BLE001 - nobody above could say it
            code = _told(problem, interrupted=bool(heard))
        with suppress(RegfleetError):
            sys.stdout.flush()
    sys.exit(code)


def _run() -> int:
    for name, sizes in SIZES.items():
        given = os.environ.get(name, "")
        if not (given.isascii() and given.isdecimal() and len(given) < 5 and int(given) in sizes):
            os.environ.pop(name, None)
    from regfleet.cli.app import run

    code = run(sys.argv[1:])
    sys.stdout.flush()
    return code


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """The signals that came: each of SIGNALS interrupts as Ctrl-C does, unless who started us has it ignored."""
    heard: list[int] = []

    def interrupt(number: int, _: object) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in SIGNALS}
    listening = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in listening:
        signal.signal(number, interrupt)
    try:
        yield heard
    finally:
        for number in listening:
            # Whoever does not want to wait for the end of an interrupted command gets it at once.
            signal.signal(number, (lambda *_: os._exit(3)) if heard else before[number])


def _told(problem: BaseException, *, interrupted: bool) -> int:
    """Say what ended the command; returns its exit code."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # it ends already
    if isinstance(problem, RegfleetError):
        lines = str(problem).split("\n") if str(problem) else []
        for line in lines[:MOST_LINES]:
            say(f"error: {one_line(line, MOST_LETTERS)}")
        if len(lines) > MOST_LINES:
            say(f"error: and {len(lines) - MOST_LINES:,} more")
        return problem.exit_code
    if isinstance(problem, SystemExit) and isinstance(problem.code, int):
        return problem.code
    # A library may have made another exception of an interruption.
    if interrupted or isinstance(problem, KeyboardInterrupt):
        say("interrupted")
        return 3
    if isinstance(problem, MemoryError):
        say(f"error: expected more memory; got {one_line(problem) or 'none'}")
        return 3
    if isinstance(problem, OSError):
        say(f"error: expected a system that lets regfleet work; got {_system(problem)}")
        return 3
    say(f"error: a mistake of regfleet's own ({raised(problem)}); please report it with {_written(problem)}")
    return 70


def _system(problem: OSError) -> str:
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same
    except OSError:
        return "a working folder that is gone"
    return one_line(problem)


def _written(problem: BaseException) -> str:
    """Where the traceback is: a new file that only its owner may read, or the line of code if none can be written."""
    import tempfile
    import traceback

    from regfleet import __version__

    text = masked(f"regfleet {__version__}: {sys.argv[1:]}\n{''.join(traceback.format_exception(problem))}")
    try:
        descriptor, path = tempfile.mkstemp(prefix="regfleet-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        return f"this line: {last.filename}:{last.lineno}"
    return path
