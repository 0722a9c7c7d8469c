"""What the commands share: flags that arrive as text, and how a command ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from regfleet.errors import InputError

if TYPE_CHECKING:
    from regfleet.conclusion import Analysis

DATA, MODEL, TRAINING, JUDGING, FLEET, OUTPUT = "Data", "Model", "Training", "Judging", "Fleet", "Output"
Texts = list[str] | None
Text = str | None


def flag(text: str, panel: str, metavar: str, *names: str, envvar: str | None = None) -> Any:
    """A flag that arrives as text: the study and the fleet validate it, with one form of error for all."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar, envvar=envvar, show_default=False)


def switch(text: str, panel: str, *names: str) -> Any:
    """A flag without a value."""
    return typer.Option(*names, help=text, rich_help_panel=panel)


SCOPE = flag("ask about new_data from the same source, or this_dataset (default: new_data)", JUDGING, "SCOPE")
ROPE = flag("a difference up to this size is no difference that matters (default: 0.01)", JUDGING, "SIZE")
ALPHA = flag("chance of any false claim in the study (default: 0.05)", JUDGING, "SHARE")
TEMPLATES = typer.Option(help="a folder whose files replace the report's templates", rich_help_panel=OUTPUT)
WORKERS = flag("tasks at once (default: one per CPU)", FLEET, "N")


def words(text: str | None) -> list[str] | None:
    """The parts of a list with commas."""
    return None if text is None else [part.strip() for part in text.split(",")]


def worker_count(text: str | None) -> int | None:
    """The number of workers; None for one per CPU."""
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        msg = f"--workers: expected a whole number from 1; got {text!r}"
        raise InputError(msg)
    return int(text)


def gpu_share(text: str | None) -> float | None:
    """The share of a GPU that each trial gets; None to choose one."""
    if text in (None, "auto"):
        return None
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf") or (share > 1 and share % 1):
        msg = f"--gpus-per-trial: expected auto, a share from 0 to 1, or a whole number; got {text!r}"
        raise InputError(msg)
    return share


def finish(result: Analysis, *, show: bool) -> None:
    """Show the report if asked to; exit code 1 when trials failed."""
    if show and result.report:
        typer.launch(result.report.resolve().as_uri())
    if result.failures:
        raise typer.Exit(1)


def say(text: str) -> None:
    """A line about the command itself, on standard error."""
    typer.echo(f"regfleet: {text}", err=True)
