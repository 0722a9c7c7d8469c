"""`regfleet check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli.options import JUDGING, OUTPUT, Text, Texts, answer, flag, switch
from regfleet.errors import InputError
from regfleet.numbers import read_number, read_whole
from regfleet.running.output import say
from regfleet.text import given

if TYPE_CHECKING:
    from rich.console import Console

    from regfleet.report.checked import Checked

STYLES = {"dropped": "red", "kept": "", "unknown": "yellow"}


def check(
    new: Annotated[str, typer.Argument(help="The run to check: a results directory, or its URL.")],
    against: Annotated[
        str, typer.Option(help="the earlier run: a results directory, its URL, or a file of `regfleet baseline`")
    ],
    max_drop: Annotated[
        Text,
        flag(
            "a drop up to this size is allowed, in units of the metric (default: what matters to it, 0.01 of accuracy, "
            "1 % of an error)",
            JUDGING,
            "SIZE",
        ),
    ] = None,
    variant: Annotated[Texts, flag("check this variant alone; repeatable", JUDGING, "NAME")] = None,
    metric: Annotated[Text, flag("what is checked (default: what the study is judged by)", JUDGING, "NAME")] = None,
    looks: Annotated[
        Text,
        flag(
            "checks against the same run over which any false alarm is to be rare (default: 365, one each night for a "
            "year); fewer see smaller drops",
            JUDGING,
            "N",
        ),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(help="write JUnit XML into this file", rich_help_panel=OUTPUT, show_default=False)
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            help="write a summary for a pull request into this file", rich_help_panel=OUTPUT, show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, switch("print it as JSON", OUTPUT, "--json")] = False,
) -> None:
    """Check a run against an earlier one: exit code 1 where a variant got clearly worse by more than is allowed.

    0 otherwise, also where nothing can be told. Lost trials count as models that learned nothing.
    """
    from regfleet.concluding.baseline import side_of
    from regfleet.concluding.checking import LOOKS, MOST_LOOKS, checked
    from regfleet.concluding.sides import later_side
    from regfleet.paths import expanded
    from regfleet.report import checked as report
    from regfleet.report.difference import write_own
    from regfleet.running.display import console, counting

    drop = None if max_drop is None else read_number(max_drop)
    if drop is not None and not drop >= 0:
        raise InputError(f"--max-drop: expected a number from 0 up; got {given(max_drop)}")
    many = LOOKS if looks is None else read_whole(looks)
    if not 1 <= many <= MOST_LOOKS:
        raise InputError(f"--looks: expected a whole number from 1 to {MOST_LOOKS:,}; got {given(looks)}")
    files = {flag: expanded(path, flag) for flag, path in (("--junit", junit), ("--markdown", markdown)) if path}
    if len({path.absolute() for path in files.values()}) < len(files):
        raise InputError(f"--markdown: expected another file than that of --junit; got {markdown}")
    with console(2) as screen, counting(screen, "comparisons made") as advance:
        sides = side_of(against), later_side(new)
        found = checked(*sides, max_drop=drop, variants=variant or (), metric=metric, looks=many, advance=advance)
    answer(found, _show, as_json=as_json)
    made = {"--junit": report.junit, "--markdown": report.markdown}
    for flag_name, path in files.items():
        write_own(path, made[flag_name](found), flag_name, report.is_ours)
        say(f"wrote {path}")
    if found.dropped:
        raise typer.Exit(1)


def _show(screen: Console, found: Checked) -> None:
    whole = not screen.is_terminal  # which breaks a line within a word
    for item in found.shown:
        screen.print(f"• {item.sentence}", style=STYLES[item.found], soft_wrap=whole)
    if left := len(found.items) - len(found.shown):
        screen.print(f"• {left:,} more are not below by more than is allowed.")
    screen.print(found.headline, style="bold red" if found.dropped else "bold", soft_wrap=whole)
    screen.print(found.about, soft_wrap=whole)
    if found.advice:
        screen.print(found.advice, soft_wrap=whole)
    for note in found.notes:
        screen.print(f"note: {note}", soft_wrap=whole)
