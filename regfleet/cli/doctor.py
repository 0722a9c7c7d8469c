"""`regfleet doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli.options import FLEET, OUTPUT, Text, flag, switch
from regfleet.errors import StorageError
from regfleet.running.output import tell
from regfleet.text import json_text, listed

if TYPE_CHECKING:
    from rich.table import Table


def doctor(
    directory: Annotated[
        Text, typer.Argument(help="A results directory, or its URL, to check and repair.", show_default=False)
    ] = None,
    address: Annotated[
        Text,
        flag("a cluster to reach too", FLEET, "HOST:PORT|http://HOST:PORT", envvar="RAY_ADDRESS"),
    ] = None,
    out: Annotated[str, flag("where results are to go", OUTPUT, "DIR|URL")] = "reports",
    as_json: Annotated[bool, switch("print what was found as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Say what of this machine works for regfleet, and what to do about what does not.

    Exit code 3 when something that a study needs does not work.

    regfleet doctor reports/iris checks the files of results instead: what is damaged is set aside, never deleted, what
    a killed run left half written is removed, and a changed report is written again. Exit code 0 when they are whole
    then, 2 for a directory that holds no results, 3 when something cannot be read or repaired now.
    """
    from rich.table import Table

    from regfleet.running.checkup import check_results
    from regfleet.running.display import console, styled
    from regfleet.running.machine import examine

    signs = {"good": ("✔ works", "green"), "note": ("! mind", "yellow"), "bad": ("✘ fails", "red")}
    if directory is not None:
        signs["good"] = ("✔ whole", "green")
    with console(2) as messages, messages.status(f"looking at {directory or 'this machine'}") as status:
        if directory is not None:
            findings = list(check_results(directory))
        else:
            findings = list(examine(address, out, lambda name: status.update(f"waiting for {name}")))
    if as_json:
        tell(json_text([asdict(finding) for finding in findings]))
    else:
        table = Table("", "What", "Found, and what to do")
        for finding in findings:
            advice = (f"→ {finding.advice}",) if finding.advice else ()
            table.add_row(styled(signs[finding.state]), finding.name, styled(finding.found, *advice))
        with console(1) as screen:
            screen.print(table)
            for finding in findings:
                if finding.each:
                    screen.print(_sockets(finding.each))
    bad = [finding.name for finding in findings if finding.state == "bad"]
    if bad and directory is not None:
        raise StorageError(f"{directory}: expected what can be repaired now; got {listed(bad)}, which cannot")
    if bad:
        raise typer.Exit(3)


def _sockets(each: tuple[tuple[str, ...], ...]) -> Table:
    """Where a Ray of ours listens, one line a socket."""
    from rich.table import Table

    table = Table("Listens on", "Process", "What it is", "Without a token")
    for row in each:
        table.add_row(*row)
    return table
