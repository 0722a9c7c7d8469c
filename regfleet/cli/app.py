"""The commands together."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import regfleet
from regfleet.cli.analyze import analyze
from regfleet.cli.baseline import baseline
from regfleet.cli.check import check
from regfleet.cli.compare import compare
from regfleet.cli.datasets import datasets
from regfleet.cli.diff import diff
from regfleet.cli.doctor import doctor
from regfleet.cli.fit import fit, predict
from regfleet.cli.init import init, schema
from regfleet.cli.merge import merge
from regfleet.cli.options import built
from regfleet.cli.plan import plan
from regfleet.cli.publish import publish
from regfleet.cli.report import report
from regfleet.cli.show_model import show_model
from regfleet.cli.status import status
from regfleet.cli.submit import jobs, stop, submit
from regfleet.cli.techniques import techniques
from regfleet.errors import EXIT_CODES, InputError
from regfleet.running.output import tell

COMMANDS = {
    one.__name__.replace("_", "-"): one
    for one in (
        compare,
        init,
        report,
        status,
        publish,
        diff,
        check,
        baseline,
        merge,
        fit,
        predict,
        analyze,
        plan,
        show_model,
        techniques,
        datasets,
        schema,
        submit,
        jobs,
        stop,
        doctor,
    )
}


class _Commands(TyperGroup):
    """A command is built, with its flags and what declares them, when it is called; the list needs names alone."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed and built(COMMANDS[str(listed.name)], str(listed.name)), rest


app = typer.Typer(
    cls=_Commands,
    help="Which regularization technique really helps a Keras model on a data set, by how much, and how sure that is.",
    epilog="Exit codes: "
    + ". ".join(f"{code} {what}" for code, what in EXIT_CODES.items())
    + ". What to do, by message: docs/troubleshooting.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _listed() -> None: ...


for command_name, command in COMMANDS.items():
    app.command(command_name, help=inspect.getdoc(command))(_listed)


def _version(value: bool) -> None:
    if value:
        tell(f"regfleet {regfleet.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def run(arguments: list[str]) -> int:
    """Run a command line; returns its exit code. What Typer finds wrong with it is an InputError."""
    for word in arguments:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise InputError(f"expected words in UTF-8; got {word!r}") from None
    command = typer.main.get_command(app)
    try:
        with command.make_context("regfleet", arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except TyperException as problem:
        raise InputError(problem.format_message()) from None
    return 0
