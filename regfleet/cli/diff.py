"""`regfleet diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli.options import JUDGING, OUTPUT, Text, Texts, answer, flag, switch
from regfleet.numbers import DASH, Scale, count, level
from regfleet.running.output import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from regfleet.report.difference import Difference, SetChange, Setting

FEW = 4
"""Data sets whose tables are printed."""


def diff(
    old: Annotated[str, typer.Argument(help="The earlier run: a results directory, its URL, or a baseline file.")],
    new: Annotated[str, typer.Argument(help="The later run: a results directory or its URL.")],
    variant: Annotated[Texts, flag("compare this variant alone; repeatable", JUDGING, "NAME")] = None,
    metric: Annotated[
        Text, flag("what scores are compared by (default: what the later study is judged by)", JUDGING, "NAME")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="write it as a page into this file", rich_help_panel=OUTPUT, show_default=False)
    ] = None,
    as_json: Annotated[bool, switch("print it as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Show what changed from one run to another: study, data, versions, hardware, and the scores of each variant.

    Variants are compared by the rules of verdicts, row by row and seed by seed where both runs tested the same rows.
    """
    from regfleet.concluding.baseline import side_of
    from regfleet.concluding.changes import differences
    from regfleet.concluding.sides import later_side
    from regfleet.paths import expanded
    from regfleet.report.difference import write_page
    from regfleet.running.display import console, counting

    page = expanded(html, "--html") if html else None
    with console(2) as screen, counting(screen, "comparisons made") as advance:
        found = differences(side_of(old), later_side(new), metric, variant or (), advance)
    answer(found, _show, as_json=as_json)
    if page:
        write_page(found, page)
        say(f"wrote {page}")


def _show(screen: Console, found: Difference) -> None:
    for one in found.sets:
        screen.print(one.headline, style="bold")
        for change in one.telling:
            screen.print(f"• {change.sentence}")
    screen.print()
    about_data = [(f"Data: {data.dataset}", data.settings) for data in found.data]
    changed = [(title, settings) for title, settings in (*found.background, *about_data) if settings]
    for title, settings in changed:
        screen.print(_settings(title, settings), "")
    for data in found.data:
        for sentence in data.said:
            screen.print(f"{data.dataset}: {sentence}")
    if not found.data and not changed:
        screen.print("Study, data, versions and hardware are as before.", "")
    for one in found.sets[:FEW]:
        _show_set(screen, one, found)
    if len(found.sets) > FEW:
        screen.print(f"--html and --json have the tables of the other {count(len(found.sets) - FEW, 'data set')}.")
    for note in found.notes:
        screen.print(f"note: {note}")


def _show_set(screen: Console, one: SetChange, found: Difference) -> None:
    if one.changes:
        screen.print(_table(one, level(found.alpha)))
    for labels, which in ((one.only_old, found.old), (one.only_new, found.new)):
        if labels:
            screen.print(f"{one.dataset}: only in {which}: {', '.join(labels)}")
    screen.print()


def _settings(title: str, settings: tuple[Setting, ...]) -> Table:
    from regfleet.cli.terminal import plain_table

    table = plain_table(title, "")
    for name in ("Setting", "Before", "Now"):
        table.add_column(name, overflow="fold")
    for one in settings:
        table.add_row(one.name, one.old or DASH, one.new or DASH)
    return table


def _table(found: SetChange, sure: str) -> Table:
    """A line for each variant, the second with the interval: it fits 80 columns."""
    from regfleet.cli.terminal import plain_table
    from regfleet.report.difference import chip_of, lines
    from regfleet.running.display import STYLES, styled

    unit = Scale(found.metric)
    table = plain_table(f"{found.dataset}: {unit.metric.title}, before and now", found.caption(sure))
    table.add_column("Variant", max_width=30)
    for name in ("Before" + (", %" if unit.points else ""), "Now", "Change"):
        table.add_column(name, justify="right")
    table.add_column("Verdict")
    table.add_column("Seeds", justify="right")
    for line, one in zip(lines(found), found.changes, strict=True):
        below = [(line.note, "dim")] if line.note else []
        table.add_row(
            line.label,
            line.old,
            line.new,
            styled(line.difference, *([(line.interval, "dim")] if line.interval else [])),
            styled((str(chip_of(one)), STYLES[one.verdict]), *below),
            styled(line.seeds, *([(f"lost: {line.lost}", "red")] if line.lost else [])),
        )
    return table
