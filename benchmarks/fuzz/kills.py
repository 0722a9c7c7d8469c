"""A run is ended, or its disk fails, at any of its file operations: the same command then gives the same rows."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from damage import _rows
from harness import in_process
from studies import COMPARE, make, without_training

if TYPE_CHECKING:
    from harness import Case

EVENTS = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.truncate",
    "os.link",
    "os.listdir",
    "os.scandir",
}
WAYS = ("kill", "interrupt", "terminate", "full", "broken")


def prepare(folder: Path) -> None:
    """The rows of a quiet run, and how many file operations it has."""
    make(folder)

    def count() -> None:
        from regfleet.cli import main

        sys.argv = ["regfleet", *map(str, COMPARE)]
        without_training()
        operations = at_operation(0, lambda: None)
        try:
            main()
        finally:
            Path("operations.json").write_text(json.dumps(operations[0]))

    folder.chmod(0o777)
    ended = in_process(count, folder)
    if ended.code:
        raise SystemExit(f"the study of the fuzzer does not run, exit code {ended.code}: {ended.err}")


def play(case: Case) -> None:
    """End a run at its operation, look at what it left, and run it again."""
    operations = json.loads((case.seeds / "operations.json").read_text())
    # As many inputs as there are operations and ways try each once; a prime number's steps reach all, in no order.
    at, way = case.number // len(WAYS) * 7919 % operations + 1, WAYS[case.number % len(WAYS)]
    quiet = case.call(partial(_rows, case.seeds / "whole"))

    def disturb() -> None:
        without_training()
        at_operation(at, partial(_disturb, way))

    said = f"{way} at operation {at}"
    if way == "kill":
        in_process(partial(_run, disturb), case.folder)
    else:
        ended = case.command(*COMPARE, before=disturb)
        if ended.code == 0 and way in {"interrupt", "terminate"} and at < operations:
            case.found("ended as if nothing had been", said)
        if ended.code == 1 or (ended.code == 2 and list((case.folder / "out").glob("trials/*.parquet"))):
            case.found(f"exit code {ended.code} for {way}", f"{said}: {ended.err}")
    if (case.folder / "out" / "study.toml").exists():
        case.command("status", "out")
        left = case.call(partial(_rows, case.folder / "out"))
        if left and any(quiet["trials"].get(key) != row for key, row in left.get("trials", {}).items()):
            case.found("values changed unseen", said)
    ended = case.command(*COMPARE, before=without_training)
    after = case.call(partial(_rows, case.folder / "out"))
    same = after and all(
        after.get(table) == quiet[table] for table in ("trials", "histories", "predictions", "rest", "count")
    )
    if ended.code or not same:
        case.found("other rows after the same run", f"{said}: exit code {ended.code}, {ended.err}")
    if after and after["noticed"]:
        case.found("damage after the same run", f"{said}: {after['noticed']}")
    case.findings = [(what, f"{detail} [{said}]") for what, detail in case.findings]


def _run(before: Callable[[], None]) -> None:
    from regfleet.cli import main

    sys.argv = ["regfleet", *map(str, COMPARE)]
    before()
    main()


def _disturb(way: str) -> None:
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif way in {"interrupt", "terminate"}:
        os.kill(os.getpid(), signal.SIGINT if way == "interrupt" else signal.SIGTERM)
    else:
        number = errno.ENOSPC if way == "full" else errno.EIO
        raise OSError(number, os.strerror(number))


def at_operation(number: int, act: Callable[[], None]) -> list[int]:
    """Call ``act`` at this process' operation of that number on files in its folder, and return the running count."""
    count, here, fsync = [0], Path.cwd(), os.fsync

    def seen() -> None:
        count[0] += 1
        if count[0] == number:
            act()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and arguments and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.normpath(here / os.fsdecode(arguments[0]))
            if path.startswith(f"{here}/out"):
                seen()

    def counted(descriptor: int) -> None:
        seen()
        fsync(descriptor)

    os.fsync = counted
    sys.addaudithook(hook)
    return count
