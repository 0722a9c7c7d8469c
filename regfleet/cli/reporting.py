"""`regfleet report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regfleet.cli import options


def report(
    directory: Annotated[Path, typer.Argument(help="A results directory.")],
    show: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse results and write their report again; trains nothing."""
    from regfleet.conclusion import conclude
    from regfleet.tables import print_conclusion
    from regfleet.terminal import console

    result = conclude(directory)
    if as_json:
        typer.echo(result.json())
    else:
        with console(1) as screen:
            print_conclusion(screen, result)
    options.finish(result, show=show)
