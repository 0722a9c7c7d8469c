"""How a command begins and how it may end: with a code of `errors.EXIT_CODES`, and what went wrong on a line."""

# What else is needed is imported where it is used: from `main` on nothing interrupts with a traceback.
import gc
import os
import signal
import sys
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIZES = {"COLUMNS": range(20, 1000), "TERMINAL_WIDTH": range(20, 1000), "LINES": range(4, 1000)}
"""What the environment may say of the terminal; anything else is passed over."""

MOST_LINES, MOST_LETTERS = 40, 2_000
"""Of what is said of bad input: how many mistakes, and how long each."""


def main() -> None:
    """Run the command line and end."""
    heard: list[int] = []
    before, hook = _listen(heard), sys.unraisablehook
    sys.unraisablehook = lambda lost: _again(heard[-1]) if lost.exc_type is KeyboardInterrupt and heard else hook(lost)
    try:
        code = _within(heard)
    except KeyboardInterrupt:  # between two lines of ours
        code = 3
        with os.fdopen(os.dup(2), "w", encoding="ascii") as errors:
            errors.write("regfleet: interrupted\n")
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            # Whoever does not wait for the end of an interrupted command gets it at once.
            signal.signal(number, _leave if heard else handler)
    gc.freeze()  # Python would look through all that is left, for most of a second after a report, before it ends
    sys.exit(code)


def _listen(heard: list[int]) -> dict[int, Any]:
    """Take each of SIGNALS for Ctrl-C, unless who started us has it ignored; returns what was done with them before."""
    import atexit

    def interrupt(number: int, _: FrameType | None) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    known = {number: signal.getsignal(number) for number in SIGNALS}
    before: dict[int, Any] = {number: handler for number, handler in known.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupt)
    atexit.register(_last, heard)  # first in is last out
    return before


def _last(heard: list[int]) -> None:
    """Before Python takes itself apart, when a signal would end the process as if nobody listened."""
    if heard:
        _leave()  # after an interruption that passed through exec Python ends by SIGINT, whatever the exit code
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _again(number: int) -> None:
    """Interrupt once more: where Python swallows what is raised, in a finalizer say, an interruption is lost."""
    from threading import Timer

    Timer(0.05, os.kill, (os.getpid(), number)).start()


def _leave(*_: object) -> None:
    os._exit(3)


def _within(heard: list[int]) -> int:
    """Run the command; returns its exit code."""
    from contextlib import suppress

    from regfleet.errors import RegfleetError
    from regfleet.running.output import guarded

    with guarded():
        try:
            code = _run()
        except BaseException as problem:  # noqa: BLE001 - nobody above could say it
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)  # it ends already
            code = _told(problem, interrupted=bool(heard))
        with suppress(RegfleetError):
            sys.stdout.flush()
    return code


def _run() -> int:
    for name, sizes in SIZES.items():
        given = os.environ.get(name, "")
        if not (given.isascii() and given.isdecimal() and len(given) < 5 and int(given) in sizes):
            os.environ.pop(name, None)
    from regfleet.cli.app import run

    code = run(sys.argv[1:])
    sys.stdout.flush()
    return code


def _told(problem: BaseException, *, interrupted: bool) -> int:
    """Say what ended the command; returns its exit code."""
    from regfleet.errors import RegfleetError
    from regfleet.running.output import say
    from regfleet.text import masked, one_line, raised

    if isinstance(problem, RegfleetError):
        lines = problem.args
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
    said = masked(raised(problem))
    say(f"error: a mistake of regfleet's own ({said}); please report it with {_written(problem)}")
    return 70


def _system(problem: OSError) -> str:
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd() is the same
    except OSError:
        return "a working folder that is gone"
    from regfleet.text import masked, one_line

    return masked(one_line(problem))


def _written(problem: BaseException) -> str:
    """Where the traceback is: a new file that only its owner may read, or the line of code if none can be written."""
    import tempfile
    import traceback

    from regfleet import __version__
    from regfleet.text import masked

    text = masked(f"regfleet {__version__}: {sys.argv[1:]}\n{''.join(traceback.format_exception(problem))}")
    try:
        descriptor, path = tempfile.mkstemp(prefix="regfleet-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        last = traceback.extract_tb(problem.__traceback__)[-1]
        return f"this line: {last.filename}:{last.lineno}"
    return path
