"""What the commands share: flags that arrive as text, and how a command ends."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.errors import InputError

if TYPE_CHECKING:
    from regfleet.report.conclusion import Conclusion
    from regfleet.settings import Study

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


def _study(
    data: Annotated[
        Texts,
        flag(
            "a file (.csv .tsv .parquet .feather .npz, or .gz) or its URL, a name that `regfleet datasets` shows, "
            "openml:61, package.module:function; repeatable (default: iris)",
            DATA,
            "DATA",
        ),
    ] = None,
    target: Annotated[Text, flag("the column to predict", DATA, "COLUMN")] = None,
    drop: Annotated[Texts, flag("a column that is not input; repeatable", DATA, "COLUMN")] = None,
    categorical: Annotated[Texts, flag("a column whose numbers are categories; repeatable", DATA, "COLUMN")] = None,
    group: Annotated[Text, flag("rows with the same value there never straddle a split", DATA, "COLUMN")] = None,
    time: Annotated[Text, flag("the column that orders the rows: the latest are the test set", DATA, "COLUMN")] = None,
    test: Annotated[Text, flag("a file that holds the test set, the same for every seed", DATA, "FILE")] = None,
    task: Annotated[
        Text, flag("classification or regression (default: the target's type decides)", DATA, "TASK")
    ] = None,
    split: Annotated[
        Text,
        flag(
            "60/20/20, percent that train, validate, test; 5x2, repeated folds; article: 75/25, the test set validates "
            "too (default: 60/20/20)",
            DATA,
            "SPLIT",
        ),
    ] = None,
    seeds: Annotated[
        Text,
        flag(
            "a number (10: seeds 0 to 9), a range 5-9, a list 1,4,7, or auto: until the answer is clear (default: 10)",
            DATA,
            "SEEDS",
        ),
    ] = None,
    model: Annotated[
        Text,
        flag(
            "widths of the hidden layers 64,32; package.module:build, a function that returns a Keras model; or "
            "net.keras (default: 512,256,128,64,32)",
            MODEL,
            "MODEL",
        ),
    ] = None,
    activation: Annotated[
        Text, flag("one for all hidden layers, or one for each (default: relu with --model)", MODEL, "NAME")
    ] = None,
    keep_weights: Annotated[
        bool, switch("fine-tune the weights of net.keras instead of drawing them anew", MODEL, "--keep-weights")
    ] = False,
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
    epochs: Annotated[Text, flag("epochs of each trial (default: 350)", TRAINING, "N")] = None,
    batch_size: Annotated[
        Text, flag("rows per update (default: 128; the article's batch norm: 32)", TRAINING, "N")
    ] = None,
    optimizer: Annotated[
        Text, flag("sgd, adam, adamw, rmsprop, adagrad, nadam or adamax (default: sgd)", TRAINING, "NAME")
    ] = None,
    learning_rate: Annotated[Text, flag("step size (default: the Keras optimizer's own)", TRAINING, "RATE")] = None,
    early_stopping: Annotated[
        Text, flag("stop after N epochs without a lower validation error (default: never)", TRAINING, "N")
    ] = None,
    class_weight: Annotated[
        Text, flag("balanced: rows of rare classes weigh more (default: all the same)", TRAINING, "balanced")
    ] = None,
    engine: Annotated[
        Text, flag("fused: the whole fit in one graph; keras: model.fit, slow (default: fused)", TRAINING, "NAME")
    ] = None,
    metric: Annotated[
        Text,
        flag(
            "accuracy, balanced_accuracy, macro_f1, auc, cross_entropy, calibration_error; regression: r2, mae, rmse; "
            "both: mse (default: accuracy, or r2)",
            JUDGING,
            "NAME",
        ),
    ] = None,
    scope: Annotated[Text, SCOPE] = None,
    rope: Annotated[Text, ROPE] = None,
    alpha: Annotated[Text, ALPHA] = None,
    at: Annotated[
        Text, flag("judge the weights of the last epoch or of the best (default: last)", JUDGING, "last|best")
    ] = None,
) -> dict[str, Any]:
    """The fields of a study that the flags give, None where one was not given."""
    from regfleet.settings import model_fields

    return {
        "data": data,
        "columns": {
            "target": target,
            "drop": drop,
            "categorical": categorical,
            "group": group,
            "time": time,
            "test": test,
            "task": task,
        },
        "seeds": seeds,
        "split": split,
        "engine": engine,
        "variant": [{"technique": text} for text in technique] if technique else None,
        "model": model_fields(model, activation, keep_weights=keep_weights),
        "training": {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "early_stopping": early_stopping,
            "class_weight": class_weight,
        },
        "analysis": {"metric": metric, "scope": scope, "rope": rope, "alpha": alpha, "at": at},
    }


def with_study_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the flags of a study, which it gets as the fields ``flags``."""
    mine = inspect.signature(_study, eval_str=True).parameters
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "flags"]
    arguments = [one for one in own if one.name == "study"]
    rest = [one for one in own if one.name != "study"]

    @wraps(command)
    def wrapped(**given: Any) -> None:
        command(flags=_study(**{name: given.pop(name) for name in mine}), **given)

    parameters = [*arguments, *mine.values(), *rest]
    # Typer reads both.
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapped


def read(study: Path | None, flags: dict[str, Any]) -> Study:
    """The study of a file and of flags; raises InputError with a line for each mistake in either."""
    from regfleet.planning.variants import problems
    from regfleet.settings import merge, open_study_file, read_study

    file = open_study_file(study) if study else None
    return read_study(merge(file.fields if file else {}, flags), source=file, flags=flags, check=problems)


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


def duration(name: str, text: str | None, unit: float) -> float | None:
    """The seconds of so many units; None where the flag ``name`` was not given."""
    try:
        number = None if text is None else float(text)
    except ValueError:
        number = math.nan
    if number is not None and not 0 < number < math.inf:
        msg = f"{name}: expected a number over 0; got {text!r}"
        raise InputError(msg)
    return None if number is None else number * unit


def finish(result: Conclusion, *, show: bool) -> None:
    """Show the report if asked to; exit code 1 when trials failed."""
    if show and isinstance(result.report, Path):
        typer.launch(result.report.resolve().as_uri())
    elif show and result.report:
        say(f"--open: expected a report on this machine; got {result.report}")
    if result.failures:
        raise typer.Exit(1)


def say(text: str) -> None:
    """A line about the command itself, on standard error."""
    typer.echo(f"regfleet: {text}", err=True)
