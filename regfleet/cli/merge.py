"""`regfleet merge`."""

from __future__ import annotations

from typing import Annotated

import typer

from regfleet.numbers import count
from regfleet.running.output import say, tell


def merge(
    directories: Annotated[list[str], typer.Argument(help="Results directories of one study, or their URLs.")],
    out: Annotated[str, typer.Option(help="the new results directory, or its URL")],
) -> None:
    """Put results of one study from several machines together, as if it had been computed at once.

    Seeds, variants and data sets may differ; trials that are there twice must agree. The directories stay as they are.
    """
    from regfleet.concluding.merging import merge as merge_results
    from regfleet.running.display import console, counting

    with console(2) as screen, counting(screen, "trials copied") as advance:
        done = merge_results(directories, out, advance)
    for sentence in done.said:
        say(f"note: {sentence}")
    for place, trials in done.trials.items():
        tell(f"from {place}: {count(trials, 'trial')}")
    tell(f"{done.place}: {count(sum(done.trials.values()), 'trial')}. Report: {done.conclusion.report}")
