"""`regfleet fit` and `regfleet predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from regfleet.cli import options
from regfleet.cli.options import DATA, FLEET, OUTPUT, TRAINING, Text, flag, switch
from regfleet.errors import InputError
from regfleet.numbers import count, read_whole
from regfleet.running.output import say, tell
from regfleet.text import given

if TYPE_CHECKING:
    from regfleet.running.fitting import Done


def fit(
    directory: Annotated[str, typer.Argument(help="The results of a study, or their URL.")],
    out: Annotated[Text, flag("the folder of the fitted model; the same again goes on with it", OUTPUT, "DIR")] = None,
    variant: Annotated[Text, flag("best, or a variant by its name (default: best)", TRAINING, "NAME")] = None,
    seeds: Annotated[Text, flag("how many networks (default: the study's seeds, up to 10)", TRAINING, "N")] = None,
    on: Annotated[
        Text,
        flag(
            "train: the rows that each seed trained on in the study; all: every row, so that nothing is left to check "
            "the model with (default: train)",
            TRAINING,
            "train|all",
        ),
    ] = None,
    like_trial: Annotated[
        Text, flag("instead, the network of this trial as it was, to the last bit", TRAINING, "KEY", "--like-trial")
    ] = None,
    data: Annotated[
        Text, flag("which data set, of a study of several; where it is now, if elsewhere", DATA, "NAME[=PLACE]")
    ] = None,
    address: Annotated[
        Text, flag("a running Ray head; without it Ray starts here", FLEET, "HOST:PORT", envvar="RAY_ADDRESS")
    ] = None,
    workers: Annotated[Text, options.WORKERS] = None,
    in_process: Annotated[bool, switch("train here without Ray", FLEET, "--in-process")] = False,
    quiet: Annotated[bool, switch("no progress", OUTPUT, "--quiet", "-q")] = False,
) -> None:
    """Train the chosen variant as the study did, and save it as a model to use.

    regfleet fit reports/churn --out churn-model, then regfleet predict churn-model new.csv --out predictions.csv
    """
    from regfleet.fleet import FleetSettings
    from regfleet.running.display import Progressing, console
    from regfleet.running.fitting import fit as fitted
    from regfleet.running.ordering import BEST

    rows = on or "train"
    if rows not in ("train", "all"):
        raise InputError(f"--on: expected train or all; got {given(rows)}")
    if out is None:
        raise InputError("--out: expected the folder of the fitted model; got none")
    for name, value in (("--variant", variant), ("--seeds", seeds)) if like_trial is not None else ():
        if value is not None:
            raise InputError(f"{name}: expected nothing beside --like-trial, which says both; got {given(value)}")
    if like_trial is not None and rows == "all":
        raise InputError("--on: expected train beside --like-trial, whose rows are those of its trial; got all")
    with console(2) as messages:
        done = fitted(
            directory,
            out,
            variant=variant or BEST,
            seeds=_many(seeds),
            on="all" if rows == "all" else "train",
            like_trial=like_trial,
            data=data,
            fleet=FleetSettings(address=address, workers=options.worker_count(workers)),
            in_process=in_process,
            watch=Progressing(messages, quiet=quiet),
        )
    _end(done, quiet=quiet)


def _many(text: str | None) -> int | None:
    if text is None:
        return None
    many = read_whole(text)
    if not 1 <= many <= 1000:
        raise InputError(f"--seeds: expected a whole number from 1 to 1,000; got {given(text)}")
    return many


def _end(done: Done, *, quiet: bool) -> None:
    if done.interrupted:
        say(
            f"interrupted: {done.networks} of {count(done.wanted, 'network')} are kept in {done.folder}; "
            "the same command trains the rest"
        )
        raise typer.Exit(3)
    for failure in done.failures:
        say(f"left out: {failure}")
    if not quiet:
        for sentence in done.sentences:
            tell(sentence)
        what = "it is" if done.networks == 1 else "they are"
        tell(f"{done.label}: {count(done.networks, 'network')} in {done.folder}; model-card.html says what {what}")
    if done.failures:
        raise typer.Exit(1)


def predict(
    model: Annotated[str, typer.Argument(help="The folder of a fitted model.")],
    rows: Annotated[str, typer.Argument(help="New rows: a file, or anything else that --data takes.")],
    out: Annotated[
        Text, flag("where the predictions go, .csv or .parquet (default: standard output, as CSV)", OUTPUT, "FILE")
    ] = None,
    quiet: Annotated[bool, switch("no notes, no score", OUTPUT, "--quiet", "-q")] = False,
) -> None:
    """Predict new rows with a fitted model: class and probabilities, or values, and how far its networks disagree.

    Columns may stand in any order; where the target is among them, its score is printed.
    """
    from regfleet.running.display import console
    from regfleet.running.predicting import predict as predicted

    with console(2) as messages:
        found = predicted(model, rows, out, note=lambda text: None if quiet else messages.print(text, soft_wrap=True))
    if out is None:
        tell(found.text, end="")
    if not quiet:
        for sentence in found.sentences:
            say(sentence)
