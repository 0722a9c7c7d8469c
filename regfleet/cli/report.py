"""`regfleet report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli import options
from regfleet.errors import InputError
from regfleet.running.output import tell

if TYPE_CHECKING:
    from regfleet.concluding.judge import StudyConclusion


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
    metric: Annotated[
        str | None,
        typer.Option(
            help="Judge by another metric, from the predictions that were kept: log_loss, brier, f1_weighted, "
            "recall:CLASS, average_precision, precision_at_10, any scorer of scikit-learn.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the report by another metric goes (default: reports/DIRECTORY-METRIC).", show_default=False
        ),
    ] = None,
    templates: Annotated[Path | None, options.TEMPLATES] = None,
    show: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse results and write their report again; trains nothing. The report by another --metric is written apart."""
    from regfleet.cli.terminal import print_conclusion
    from regfleet.concluding.judge import conclude
    from regfleet.report import export_figures
    from regfleet.report.exports import leaderboard

    if out is not None and metric is None:
        raise InputError(f"--out: expected it beside --metric, as a report stays with its results; got {out}")
    result = conclude(directory, templates) if metric is None else _by(metric, directory, out, templates)
    if figures:
        export_figures(result.summary, figures)
    if form:
        tell(leaderboard(result.summary, form), end="")
    else:
        options.answer(result, print_conclusion, as_json=as_json)
    options.finish(result, show=show)


def _by(metric: str, directory: str, out: Path | None, templates: Path | None) -> StudyConclusion:
    """The results judged by another metric, with a report of its own."""
    from regfleet.concluding.afterwards import conclude_by
    from regfleet.running.display import console, counting

    with console(2) as screen, counting(screen, "trials scored") as advance:
        return conclude_by(metric, directory, out, templates, advance)
