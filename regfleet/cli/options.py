"""What the commands share: flags that arrive as text, and how a command ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from regfleet.errors import InputError
from regfleet.numbers import read_number, read_whole
from regfleet.running.output import say, tell
from regfleet.text import given

if TYPE_CHECKING:
    from rich.console import Console

    from regfleet.report.conclusion import Conclusion
    from regfleet.settings import Flag, Study

DATA, MODEL, TRAINING, JUDGING, FLEET, OUTPUT = "Data", "Model", "Training", "Judging", "Fleet", "Output"
MOST_WORKERS = 100_000
LONGEST = 1e7
"""Seconds to wait: a third of a year, which every timer carries."""
Texts = list[str] | None
Text = str | None
C = TypeVar("C", bound=Callable[..., None])


class Answer(Protocol):
    """What a command finds out."""

    def json(self) -> str:
        """It for machines."""


A = TypeVar("A", bound=Answer)


def flag(text: str, panel: str, metavar: str, *names: str, envvar: str | None = None) -> Any:
    """A flag that arrives as text: the study and the fleet validate it, with one form of error for all."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar, envvar=envvar, show_default=False)


def switch(text: str, panel: str, *names: str) -> Any:
    """A flag without a value."""
    return typer.Option(*names, help=text, rich_help_panel=panel)


TEMPLATES = typer.Option(help="a folder whose files replace the report's templates", rich_help_panel=OUTPUT)
WORKERS = flag("tasks at once, at most: fewer for little work (default: one per CPU)", FLEET, "N")


def with_settings(wanted: Callable[[Flag], bool] = lambda _: True) -> Callable[[C], C]:
    """The decorator of a command whose ``flags`` are those of the ``wanted`` settings of a study, by default of all.

    The command gets the value of each by name, None where it was not given. `built` declares them.
    """

    def marked(command: C) -> C:
        command.__dict__["wanted"] = wanted
        return command

    return marked


def built(command: Callable[..., None], name: str) -> Any:
    """The command of Typer called ``name``. What declares the flags of a study is imported here, and not before."""
    app = typer.Typer(add_completion=False)
    app.command(name=name)(_with_flags(command) if "wanted" in command.__dict__ else command)
    return typer.main.get_command(app)


def _with_flags(command: Callable[..., None]) -> Callable[..., None]:
    from regfleet.settings import FLAGS

    wanted = [one for one in FLAGS.values() if command.__dict__["wanted"](one)]

    @wraps(command)
    def with_flags(**values: Any) -> None:
        command(flags={one.name: values.pop(one.name) for one in wanted}, **values)

    mine = inspect.signature(command, eval_str=True).parameters.values()
    rest = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in mine if one.name != "flags"]
    with_flags.__signature__ = inspect.Signature([*map(_parameter, wanted), *rest])  # type: ignore[attr-defined]
    return with_flags


def _parameter(one: Flag) -> inspect.Parameter:
    """A flag as Typer reads it: its value is text, which the study validates with one form of error for all."""
    kind: Any = Texts if one.setting.repeatable else Text
    if one.setting.metavar:
        option = flag(one.text + "; repeatable" * one.setting.repeatable, one.panel, one.setting.metavar, *one.names)
    else:
        kind, option = bool, switch(one.text, one.panel, *one.names)
    default = False if kind is bool else None
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def read(study: Path | None, flags: dict[str, Any]) -> Study:
    """The study of a file and of flags; raises InputError with a line for each mistake in either."""
    from regfleet.planning.variants import problems
    from regfleet.settings import open_study_file, read_study

    file = open_study_file(study) if study else None
    return read_study(file.fields if file else {}, source=file, flags=flags, check=problems)


def worker_count(text: str | None) -> int | None:
    """The number of workers; None for one per CPU."""
    if text is None:
        return None
    count = read_whole(text)
    if not 1 <= count <= MOST_WORKERS:
        up_to = f" to {MOST_WORKERS:,}" if count > 1 else ""
        raise InputError(f"--workers: expected a whole number from 1{up_to}; got {given(text)}")
    return count


def gpu_share(text: str | None) -> float | None:
    """The share of a GPU that each trial gets; None to choose one."""
    if text in (None, "auto"):
        return None
    share = read_number(str(text))
    if not 0 <= share <= MOST_WORKERS or (share > 1 and share % 1):
        raise InputError(f"--gpus-per-trial: expected auto, a share from 0 to 1, or a whole number; got {given(text)}")
    return share


def duration(name: str, text: str | None, unit: float) -> float | None:
    """The seconds of so many units; None where the flag ``name`` was not given."""
    if text is None:
        return None
    seconds = read_number(text) * unit
    if not 0 < seconds <= LONGEST:
        up_to = f" up to {LONGEST / unit:,.0f}" if seconds > 0 else ""
        raise InputError(f"{name}: expected a number over 0{up_to}; got {given(text)}")
    return seconds


def answer(found: A, draw: Callable[[Console, A], None], *, as_json: bool) -> None:
    """What was asked for, on standard output: as JSON, or as ``draw`` has it for people."""
    from regfleet.running.display import console

    if as_json:
        tell(found.json())
    else:
        with console(1) as screen:
            draw(screen, found)


def finish(result: Conclusion, *, show: bool) -> None:
    """Show the report if asked to; exit code 1 when trials failed."""
    if show and isinstance(result.report, Path):
        typer.launch(result.report.resolve().as_uri())
    elif show and result.report:
        say(f"--open: expected a report on this machine; got {result.report}")
    if result.failures:
        raise typer.Exit(1)
