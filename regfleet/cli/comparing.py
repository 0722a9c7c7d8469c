"""`regfleet compare`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.cli import options
from regfleet.cli.options import DATA, FLEET, JUDGING, MODEL, OUTPUT, TRAINING, Text, Texts, flag, switch

if TYPE_CHECKING:
    from regfleet.conclusion import Conclusion


def compare(
    study: Annotated[
        Path | None, typer.Argument(help="A study file to run; flags override it.", show_default=False)
    ] = None,
    data: Annotated[
        Texts, flag("iris, wine, breast_cancer or digits; repeatable (default: iris)", DATA, "NAME")
    ] = None,
    seeds: Annotated[
        Text,
        flag(
            "a number (10: seeds 0 to 9), a range 5-9, a list 1,4,7, or auto: until the answer is clear (default: 10)",
            DATA,
            "SEEDS",
        ),
    ] = None,
    split: Annotated[
        Text,
        flag("60/20/20, stratified; or article: 75/25, the test set validates too (default: 60/20/20)", DATA, "SPLIT"),
    ] = None,
    technique: Annotated[
        Texts,
        flag(
            "a variant: 'l2(1e-3)@all', 'dropout(0.3)+batchnorm@2', a sweep 'l2(1e-4|1e-3)'; repeatable "
            "(default: the article's eight)",
            MODEL,
            "TEXT",
            "--technique",
            "-t",
        ),
    ] = None,
    model: Annotated[Text, flag("widths of the hidden layers (default: 512,256,128,64,32)", MODEL, "64,32")] = None,
    activation: Annotated[
        Text, flag("one for all hidden layers, or one for each (default: relu with --model)", MODEL, "NAME")
    ] = None,
    epochs: Annotated[Text, flag("epochs of each trial (default: 350)", TRAINING, "N")] = None,
    batch_size: Annotated[
        Text, flag("rows per update (default: 128; the article's batch norm: 32)", TRAINING, "N")
    ] = None,
    optimizer: Annotated[
        Text, flag("sgd, adam, adamw, rmsprop, adagrad, nadam or adamax (default: sgd)", TRAINING, "NAME")
    ] = None,
    learning_rate: Annotated[Text, flag("step size (default: the Keras optimizer's own)", TRAINING, "RATE")] = None,
    early_stopping: Annotated[
        Text, flag("stop after N epochs without a lower validation cross-entropy (default: never)", TRAINING, "N")
    ] = None,
    engine: Annotated[
        Text, flag("fused: the whole fit in one graph; keras: model.fit, slow (default: fused)", TRAINING, "NAME")
    ] = None,
    metric: Annotated[
        Text, flag("accuracy, macro_f1, cross_entropy, mse or calibration_error (default: accuracy)", JUDGING, "NAME")
    ] = None,
    scope: Annotated[Text, options.SCOPE] = None,
    rope: Annotated[Text, options.ROPE] = None,
    alpha: Annotated[Text, options.ALPHA] = None,
    at: Annotated[
        Text, flag("judge the weights of the last epoch or of the best (default: last)", JUDGING, "last|best")
    ] = None,
    address: Annotated[
        Text, flag("a running Ray head; without it Ray starts here", FLEET, "HOST:PORT", envvar="RAY_ADDRESS")
    ] = None,
    workers: Annotated[Text, options.WORKERS] = None,
    gpus_per_trial: Annotated[Text, flag("auto, 0, a share such as 0.25, or 1 (default: auto)", FLEET, "SHARE")] = None,
    in_process: Annotated[bool, switch("run here without Ray, for debugging", FLEET, "--in-process")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="results directory; the same again resumes (default: reports/DATA)", rich_help_panel=OUTPUT),
    ] = None,
    quiet: Annotated[bool, switch("no progress, no table", OUTPUT, "--quiet", "-q")] = False,
    as_json: Annotated[bool, switch("print the summary as JSON", OUTPUT, "--json")] = False,
    show: Annotated[bool, switch("show the report in the browser", OUTPUT, "--open")] = False,
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
        "model": {"hidden": options.words(model), "activation": options.words(activation)},
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
    from regfleet.tables import print_conclusion
    from regfleet.terminal import Progressing, console

    wanted = merge(read_study_file(study) if study else {}, flags)
    resolved = read_study(wanted, source=str(study) if study else None)
    settings = FleetSettings(
        address=address, workers=options.worker_count(workers), gpus_per_trial=options.gpu_share(gpus_per_trial)
    )
    from regfleet import pipeline

    with console(2) as messages:
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
        with console(1) as screen:
            print_conclusion(screen, result)
    _finish(result, show=show)


def _finish(result: Conclusion, *, show: bool) -> None:
    if result.interrupted:
        kept, planned = result.facts.finished, result.facts.planned
        options.say(
            f"interrupted: {kept} of {planned} trials are kept in {result.results.path}; the same command runs the rest"
        )
        raise typer.Exit(3)
    options.finish(result, show=show)
