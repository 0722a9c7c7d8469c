"""`regfleet status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli.options import OUTPUT, answer, switch

if TYPE_CHECKING:
    from rich.console import Console

    from regfleet.concluding.status import StudyStatus


def status(
    directory: Annotated[str, typer.Argument(help="A results directory, or its URL.")],
    as_json: Annotated[bool, switch("print the status as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Show where a study stands, while it runs or afterwards; changes nothing and holds nothing up."""
    from regfleet.concluding.status import status as read_status

    found = read_status(directory)
    answer(found, _show, as_json=as_json)


def _show(screen: Console, found: StudyStatus) -> None:
    from rich.table import Table

    from regfleet.numbers import duration

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Variant", "Done", "Planned", "Diverged", "Failed"):
        table.add_column(name, justify="left" if name == "Variant" else "right")
    for row in found.variants:
        counts = (row.done, row.planned, row.diverged, row.failed)
        table.add_row(row.label, *(str(count) for count in counts))
    screen.print(table)
    state = "running" if found.running else "not running"
    lines = [f"{found.place}: {state}, {found.done} of {found.planned} trials done"]
    if found.diverged or found.failed:
        lines[0] += f", {found.diverged} diverged, {found.failed} failed"
    if found.fleet:
        lines.append(f"Trials run {found.fleet}" if found.running else f"Trials ran {found.fleet}")
    if found.trials_per_second:
        left = "" if found.seconds_left is None else f", about {duration(found.seconds_left)} left"
        lines.append(f"{found.trials_per_second:.3g} trials a second{left}")
    lines += [f"log: {trouble}" for trouble in found.troubles]
    lines += [f"note: {problem}" for problem in found.problems]
    lines.append(f"Report: {found.report}" if found.report else "There is no report yet")
    for line in lines:
        screen.print(line, soft_wrap=True)
