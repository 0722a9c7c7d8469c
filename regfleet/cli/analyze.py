"""`regfleet analyze`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from regfleet.cli import options
from regfleet.cli.options import JUDGING, OUTPUT, Text, flag, switch
from regfleet.errors import InputError
from regfleet.numbers import read_whole
from regfleet.text import given


@options.with_settings(lambda one: one.name in {"scope", "rope", "alpha", "silence"})
def analyze(
    flags: dict[str, Any],
    scores: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet: technique, seed and a metric; seed and a column for each technique; or a line for "
            "each test row, with technique, seed, row, n_train and correct (or y_true with y_pred or proba_CLASS). "
            "Or results of Optuna, Ray Tune, KerasTuner, scikit-learn, MLflow, W&B, benchopt or pytest-benchmark, file "
            "or folder."
        ),
    ],
    control: Annotated[
        Text, flag("what the others are compared with (default: baseline, none or control)", JUDGING, "TECHNIQUE")
    ] = None,
    metric: Annotated[Text, flag("the column to judge by (default: accuracy)", JUDGING, "COLUMN")] = None,
    higher: Annotated[
        Text,
        flag("which way a metric points that regfleet does not know", JUDGING, "yes|no", "--higher-is-better"),
    ] = None,
    technique: Annotated[
        Text, flag("the columns or settings whose values are compared (default: what a tool varied)", JUDGING, "NAME,…")
    ] = None,
    seed: Annotated[
        Text, flag("the column or setting that tells repeats apart (default: seed or fold)", JUDGING, "NAME")
    ] = None,
    rows: Annotated[
        Text, flag("how many rows trained and were tested, where the scores do not say", JUDGING, "TRAIN,TEST")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="where the report goes (default: reports/SCORES)", rich_help_panel=OUTPUT)
    ] = None,
    as_json: Annotated[bool, switch("print the summary as JSON", OUTPUT, "--json")] = False,
    show: Annotated[bool, switch("show the report in the browser", OUTPUT, "--open")] = False,
) -> None:
    """Judge scores that any other tool produced, with the same rules, and write the same report.

    Scores of random splits need n_train and n_test; without them only --scope this_dataset can be asked. A line for
    each test row, `technique,seed,row,n_train,correct`, gives narrower intervals; row is its number in the data set.

    Of another tool's results it is found and said what is compared, what repeats and which score decides.
    """
    from regfleet.cli.terminal import print_conclusion
    from regfleet.concluding import analyze as foreign
    from regfleet.running.display import console, counting

    if higher not in (None, "yes", "no"):
        raise InputError(f"--higher-is-better: expected yes or no; got {given(higher)}")
    settings = {"metric": metric, "technique": technique, "seed": seed, **flags}
    with console(2) as messages, counting(messages, "files and rows read") as advance:
        result = foreign.analyze(
            scores,
            control,
            higher_is_better=None if higher is None else higher == "yes",
            rows=None if rows is None else _rows(rows),
            out=out or Path("reports") / foreign.called(scores),
            command=shlex.join(["regfleet", *sys.argv[1:]]),
            advance=advance,
            **{name: value for name, value in settings.items() if value is not None},
        )
    options.answer(result, print_conclusion, as_json=as_json)
    options.finish(result, show=show)


def _rows(text: str) -> tuple[int, int]:
    """How many rows trained and were tested: ``120,30``."""
    counts = [read_whole(part.strip()) for part in text.split(",")]
    if len(counts) != 2 or min(counts) < 1:
        raise InputError(f"--rows: expected TRAIN,TEST, two whole numbers from 1; got {given(text)}")
    return counts[0], counts[1]
