"""`regfleet plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli import options
from regfleet.cli.options import JUDGING, OUTPUT, Text, flag, switch
from regfleet.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from regfleet.running.preview import Preview


def plan(
    directory: Annotated[str, typer.Argument(help="A results directory to plan from, or its URL.")] = "reports/iris",
    detect: Annotated[
        Text,
        flag(
            "the difference that must not be missed: 0.02 is two points (default: the ROPE, the least that matters)",
            JUDGING,
            "SIZE",
        ),
    ] = None,
    workers: Annotated[Text, options.WORKERS] = None,
    as_json: Annotated[bool, switch("print the plan as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Say how many seeds show a difference, or that only more rows can; trains nothing."""
    from regfleet.cli.terminal import print_forecast
    from regfleet.running.forecast import forecast

    try:
        effect = None if detect is None else float(detect)
    except ValueError:
        raise InputError(f"--detect: expected a number above 0; got {detect!r}") from None
    found = forecast(directory, effect, options.worker_count(workers))
    options.answer(found, print_forecast, as_json=as_json)


def print_preview(screen: Console, found: Preview) -> None:
    """The plan of a study as a table, and what it would take."""
    from rich.table import Table

    from regfleet.numbers import duration
    from regfleet.running.display import styled

    for name in dict.fromkeys(row.dataset for row in found.rows):
        table = Table(title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="dim")
        table.title = styled("", (name, "table.title"))
        for column in ("Variant", "Control", "Weights", "Trials", "To run", "Chunks", "Time"):
            table.add_column(column, justify="left" if column in ("Variant", "Control") else "right")
        for row in found.rows:
            if row.dataset == name:
                cells = (f"{row.weights:,}", *map(str, (row.trials, row.left, row.chunks)), duration(row.seconds))
                table.add_row(row.label, row.control or "–", *cells)
        screen.print(table)
    left, trials, chunks = (sum(getattr(row, name) for row in found.rows) for name in ("left", "trials", "chunks"))
    counted = f"{trials} trials, {left} of them to run in {chunks} chunks on {found.workers} workers"
    how = "as earlier trials there took" if found.measured else "rough: from the number of weights, rows and epochs"
    beside = f"{duration(found.overhead)} of it beside trials: start, tracing and report"
    for line in (
        f"{found.seeds}, judged by {found.metric}; {counted}",
        f"Time: about {duration(found.seconds + found.overhead)}, {beside} ({how})",
        f"Memory: about {found.memory / 1e9:.1f} GB, all workers together (rough)",
        *(f"note: {sentence}" for sentence in found.notes),
        "Nothing was trained or written.",
    ):
        screen.print(line, soft_wrap=True)
