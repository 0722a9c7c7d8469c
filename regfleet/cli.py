"""The command line: each command parses, calls one function, prints."""

from __future__ import annotations

import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

import regfleet
from regfleet.errors import InputError, RegfleetError

app = typer.Typer(
    help="Which regularization technique really helps a Keras model on a data set, by how much, and how sure that is.",
    epilog="Exit codes: 0 done; 1 done, but trials failed; 2 bad input; 3 interrupted or cluster lost, results kept.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DATA, MODEL, TRAINING, JUDGING, FLEET, OUTPUT = "Data", "Model", "Training", "Judging", "Fleet", "Output"


def _flag(text: str, panel: str, metavar: str, *names: str, envvar: str | None = None) -> Any:
    """A flag that arrives as text: the study and the fleet validate it, with one form of error for all."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar, envvar=envvar, show_default=False)


def _switch(text: str, panel: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"regfleet {regfleet.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


Texts = list[str] | None
Text = str | None


@app.command()
def compare(
    study: Annotated[
        Path | None, typer.Argument(help="A study file to run; flags override it.", show_default=False)
    ] = None,
    data: Annotated[
        Texts, _flag("iris, wine, breast_cancer or digits; repeatable (default: iris)", DATA, "NAME")
    ] = None,
    seeds: Annotated[
        Text, _flag("a number (10: seeds 0 to 9), a range 5-9, or a list 1,4,7 (default: 10)", DATA, "SEEDS")
    ] = None,
    split: Annotated[
        Text,
        _flag("60/20/20, stratified; or article: 75/25, the test set validates too (default: 60/20/20)", DATA, "SPLIT"),
    ] = None,
    technique: Annotated[
        Texts,
        _flag(
            "a variant: 'l2(1e-3)@all', 'dropout(0.3)+batchnorm@2', a sweep 'l2(1e-4|1e-3)'; repeatable "
            "(default: the article's eight)",
            MODEL,
            "TEXT",
            "--technique",
            "-t",
        ),
    ] = None,
    model: Annotated[Text, _flag("widths of the hidden layers (default: 512,256,128,64,32)", MODEL, "64,32")] = None,
    activation: Annotated[
        Text, _flag("one for all hidden layers, or one for each (default: relu with --model)", MODEL, "NAME")
    ] = None,
    epochs: Annotated[Text, _flag("epochs of each trial (default: 350)", TRAINING, "N")] = None,
    batch_size: Annotated[
        Text, _flag("rows per update (default: 128; the article's batch norm: 32)", TRAINING, "N")
    ] = None,
    optimizer: Annotated[
        Text, _flag("sgd, adam, adamw, rmsprop, adagrad, nadam or adamax (default: sgd)", TRAINING, "NAME")
    ] = None,
    learning_rate: Annotated[Text, _flag("step size (default: the Keras optimizer's own)", TRAINING, "RATE")] = None,
    early_stopping: Annotated[
        Text, _flag("stop after N epochs without a lower validation cross-entropy (default: never)", TRAINING, "N")
    ] = None,
    engine: Annotated[
        Text, _flag("fused: the whole fit in one graph; keras: model.fit, slow (default: fused)", TRAINING, "NAME")
    ] = None,
    metric: Annotated[
        Text, _flag("accuracy, macro_f1, cross_entropy, mse or calibration_error (default: accuracy)", JUDGING, "NAME")
    ] = None,
    scope: Annotated[
        Text, _flag("ask about new_data from the same source, or this_dataset (default: new_data)", JUDGING, "SCOPE")
    ] = None,
    rope: Annotated[
        Text, _flag("a difference up to this size is no difference that matters (default: 0.01)", JUDGING, "SIZE")
    ] = None,
    alpha: Annotated[Text, _flag("chance of any false claim in the study (default: 0.05)", JUDGING, "SHARE")] = None,
    at: Annotated[
        Text, _flag("judge the weights of the last epoch or of the best (default: last)", JUDGING, "last|best")
    ] = None,
    address: Annotated[
        Text, _flag("a running Ray head; without it Ray starts here", FLEET, "HOST:PORT", envvar="RAY_ADDRESS")
    ] = None,
    workers: Annotated[Text, _flag("tasks at once (default: one per CPU)", FLEET, "N")] = None,
    gpus_per_trial: Annotated[
        Text, _flag("auto, 0, a share such as 0.25, or 1 (default: auto)", FLEET, "SHARE")
    ] = None,
    in_process: Annotated[bool, _switch("run here without Ray, for debugging", FLEET, "--in-process")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="results directory; the same again resumes (default: reports/DATA)", rich_help_panel=OUTPUT),
    ] = None,
    quiet: Annotated[bool, _switch("no progress, no table", OUTPUT, "--quiet", "-q")] = False,
    as_json: Annotated[bool, _switch("print the summary as JSON", OUTPUT, "--json")] = False,
    show: Annotated[bool, _switch("show the report in the browser", OUTPUT, "--open")] = False,
) -> None:
    """Train every variant over many seeds, tell luck from effect, and write a report.

    Without arguments: the nine models of the article on Iris, ten seeds. Run it again with --seeds 20 and only the ten
    new seeds are trained.
    """
    flags: dict[str, Any] = {
        "data": data,
        "seeds": seeds,
        "split": split,
        "engine": engine,
        "variant": [{"technique": text} for text in technique] if technique else None,
        "model": {"hidden": _list(model), "activation": _list(activation)},
        "training": {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "early_stopping": early_stopping,
        },
        "analysis": {"metric": metric, "scope": scope, "rope": rope, "alpha": alpha, "at": at},
    }
    from regfleet.fleet import FleetSettings
    from regfleet.study import merge, read_study, read_study_file
    from regfleet.terminal import Progressing, console, print_conclusion

    wanted = merge(read_study_file(study) if study else {}, flags)
    resolved = read_study(wanted, source=str(study) if study else None)
    settings = FleetSettings(address=address, workers=_workers(workers), gpus_per_trial=_gpus(gpus_per_trial))
    screen, messages = console(1), console(2)
    from regfleet import pipeline

    result = pipeline.compare(
        resolved,
        out or Path("reports") / "-".join(resolved.data),
        fleet=settings,
        in_process=in_process,
        command=shlex.join(["regfleet", *sys.argv[1:]]),
        watch=Progressing(messages, quiet=quiet),
    )
    if as_json:
        typer.echo(result.json())
    elif not quiet:
        print_conclusion(screen, result)
    _finish(result, show=show)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="A results directory.")],
    show: Annotated[bool, typer.Option("--open", help="Show the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Analyse results and write their report again; trains nothing."""
    from regfleet.conclusion import conclude
    from regfleet.terminal import console, print_conclusion

    result = conclude(directory)
    if as_json:
        typer.echo(result.json())
    else:
        print_conclusion(console(1), result)
    _finish(result, show=show)


@app.command()
def techniques(name: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None) -> None:
    """List the techniques with their parameters, places and sources."""
    from rich.table import Table

    from regfleet.techniques import TECHNIQUES, technique_named
    from regfleet.terminal import console

    chosen = [technique_named(name)] if name else TECHNIQUES.values()
    table = Table("Technique", "What it does", "Parameters", "Source", show_lines=True)
    for definition in chosen:
        parameters = [f"{p.name} in {p.range}, {p.default:g} if not given" for p in definition.parameters]
        each = "; one for all layers, or one for each" if definition.per_layer else ""
        table.add_row(definition.name, definition.summary, "; ".join(parameters) + each, definition.source)
    screen = console(1)
    screen.print(table, markup=False)
    screen.print(
        "Places: @first, @all, @2, @2,3, @dense_1 (a layer's name), @input (dropout, batchnorm).", markup=False
    )
    screen.print("Join techniques with +, sweep a value with |:  -t 'l2(1e-4|1e-3)@all+dropout(0.3)'", markup=False)


@app.command()
def datasets() -> None:
    """List the built-in data sets."""
    from rich.table import Table

    from regfleet.datasets import BUILTIN
    from regfleet.terminal import console

    table = Table("--data", "What it is")
    for name, words in BUILTIN.items():
        table.add_row(name, words)
    console(1).print(table)


def _list(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _workers(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        msg = f"--workers: expected a whole number from 1; got {text!r}"
        raise InputError(msg)
    return int(text)


def _gpus(text: str | None) -> float | None:
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


def _finish(result: Any, *, show: bool) -> None:
    if show:
        typer.launch(result.report.resolve().as_uri())
    if result.interrupted:
        kept, planned = result.facts.finished, result.facts.planned
        _say(
            f"interrupted: {kept} of {planned} trials are kept in {result.results.path}; the same command runs the rest"
        )
        raise typer.Exit(3)
    if result.failures:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(f"regfleet: {text}", err=True)


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; what a person can mend is said in a line, with exit code 2 or 3."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(standalone_mode=False)
    except RegfleetError as problem:
        for line in str(problem).splitlines():
            _say(f"error: {line}")
        code = problem.exit_code
    except TyperException as problem:
        _say(f"error: {problem.format_message()}")
        code = 2
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        code = 3
    sys.stdout.flush()
    sys.exit(code if isinstance(code, int) else 0)
