"""`regfleet doctor`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli.options import FLEET, OUTPUT, Text, flag, switch
from regfleet.running.output import tell
from regfleet.text import json_text

if TYPE_CHECKING:
    from rich.table import Table


def doctor(
    address: Annotated[
        Text,
        flag("a cluster to reach too", FLEET, "HOST:PORT|http://HOST:PORT", envvar="RAY_ADDRESS"),
    ] = None,
    out: Annotated[str, flag("where results are to go", OUTPUT, "DIR|URL")] = "reports",
    as_json: Annotated[bool, switch("print what was found as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Say what of this machine works for regfleet, and what to do about what does not.

    Exit code 1 when something that a study needs does not work.
    """
    from rich.table import Table

    from regfleet.running.display import console, styled
    from regfleet.running.machine import examine

    signs = {"good": ("✔ works", "green"), "note": ("! mind", "yellow"), "bad": ("✘ fails", "red")}
    with console(2) as messages, messages.status("looking at this machine") as status:
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
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def _sockets(each: tuple[tuple[str, ...], ...]) -> Table:
    """Where a Ray of ours listens, one line a socket."""
    from rich.markup import escape
    from rich.table import Table

    from regfleet.text import printable

    table = Table("Listens on", "Process", "What it is", "Without a token")
    for row in each:
        table.add_row(*(escape(printable(cell)) for cell in row))
    return table
