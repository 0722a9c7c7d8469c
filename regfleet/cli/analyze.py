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
from regfleet.running.output import tell
from regfleet.text import given


@options.with_settings(lambda one: one.name in {"scope", "rope", "alpha", "silence"})
def analyze(
    flags: dict[str, Any],
    scores: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet: technique, seed and a metric; seed and a column for each technique; or a line for "
            "each test row, with technique, seed, row, n_train and correct (or y_true with y_pred or proba_CLASS)."
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
    out: Annotated[
        Path | None, typer.Option(help="where the report goes (default: reports/SCORES)", rich_help_panel=OUTPUT)
    ] = None,
    as_json: Annotated[bool, switch("print the summary as JSON", OUTPUT, "--json")] = False,
    show: Annotated[bool, switch("show the report in the browser", OUTPUT, "--open")] = False,
) -> None:
    """Judge scores that any other tool produced, with the same rules, and write the same report.

    Scores of random splits need n_train and n_test; without them only --scope this_dataset can be asked. A line for
    each test row, `technique,seed,row,n_train,correct`, gives narrower intervals; row is its number in the data set.
    """
    from regfleet.cli.terminal import print_conclusion
    from regfleet.concluding import analyze as foreign
    from regfleet.running.display import console

    if higher not in (None, "yes", "no"):
        raise InputError(f"--higher-is-better: expected yes or no; got {given(higher)}")
    settings = {"metric": metric, **flags}
    result = foreign.analyze(
        scores,
        control,
        higher_is_better=None if higher is None else higher == "yes",
        out=out or Path("reports") / scores.stem,
        command=shlex.join(["regfleet", *sys.argv[1:]]),
        **{name: value for name, value in settings.items() if value is not None},
    )
    if as_json:
        tell(result.json())
    else:
        with console(1) as screen:
            print_conclusion(screen, result)
    options.finish(result, show=show)
