"""`regfleet report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regfleet.cli import options
from regfleet.running.output import tell


def report(
    directory: Annotated[str, typer.Argument(help="A results directory, or its URL.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="Print the leaderboard as csv, json, markdown, latex or html.", show_default=False
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Write every figure as SVG and PDF into this folder.", show_default=False)
    ] = None,
    templates: Annotated[Path | None, options.TEMPLATES] = None,
    show: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse results and write their report again; trains nothing."""
    from regfleet.cli.terminal import print_conclusion
    from regfleet.concluding.judge import conclude
    from regfleet.report import export_figures
    from regfleet.report.exports import leaderboard
    from regfleet.running.display import console

    result = conclude(directory, templates)
    if figures:
        export_figures(result.summary, figures)
    if form:
        tell(leaderboard(result.summary, form), end="")
    elif as_json:
        tell(result.json())
    else:
        with console(1) as screen:
            print_conclusion(screen, result)
    options.finish(result, show=show)
