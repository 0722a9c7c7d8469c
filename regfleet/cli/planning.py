"""`regfleet plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regfleet.cli import options
from regfleet.cli.options import JUDGING, OUTPUT, Text, flag, switch
from regfleet.errors import InputError


def plan(
    detect: Annotated[str, flag("the difference that must not be missed: 0.02 is two points", JUDGING, "SIZE")],
    directory: Annotated[Path, typer.Argument(help="A results directory to plan from.")] = Path("reports/iris"),
    workers: Annotated[Text, options.WORKERS] = None,
    as_json: Annotated[bool, switch("print the plan as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Say how many seeds show a difference, or that only more rows can; trains nothing."""
    from regfleet.forecast import forecast
    from regfleet.tables import print_forecast
    from regfleet.terminal import console

    try:
        effect = float(detect)
    except ValueError:
        raise InputError(f"--detect: expected a number above 0; got {detect!r}") from None
    found = forecast(directory, effect, options.worker_count(workers))
    if as_json:
        typer.echo(found.json())
    else:
        with console(1) as screen:
            print_forecast(screen, found)
