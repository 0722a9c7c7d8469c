"""`regfleet baseline`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regfleet.cli.options import OUTPUT
from regfleet.running.output import say, tell


def baseline(
    directory: Annotated[str, typer.Argument(help="A results directory, or its URL.")],
    out: Annotated[
        Path | None,
        typer.Option(help="write it into this file instead of printing it", rich_help_panel=OUTPUT, show_default=False),
    ] = None,
) -> None:
    """Print a run as one small JSON file that a repository can keep, for `regfleet check --against`.

    It holds the scores of each variant by seed and, packed, which test rows were right, in at most 100 kB.
    """
    from regfleet.concluding.baseline import baseline_of, is_baseline
    from regfleet.paths import expanded
    from regfleet.report.difference import write_own

    file = expanded(out, "--out") if out else None
    text, notes = baseline_of(directory)
    for note in notes:
        say(f"note: {note}")
    if file is None:
        tell(text, end="")
        return
    write_own(file, text, "--out", is_baseline)
    say(f"wrote {file}, {len(text) / 1000:.0f} kB")
