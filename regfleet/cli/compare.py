"""`regfleet compare`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regfleet.cli import options
from regfleet.cli.options import FLEET, OUTPUT, Text, Texts, flag, switch
from regfleet.running.output import say

if TYPE_CHECKING:
    from regfleet.concluding.judge import StudyConclusion


@options.with_settings()
def compare(
    flags: dict[str, Any],
    study: Annotated[
        Path | None, typer.Argument(help="A study file to run; flags override it.", show_default=False)
    ] = None,
    address: Annotated[
        Text, flag("a running Ray head; without it Ray starts here", FLEET, "HOST:PORT", envvar="RAY_ADDRESS")
    ] = None,
    workers: Annotated[Text, options.WORKERS] = None,
    gpus_per_trial: Annotated[Text, flag("auto, 0, a share such as 0.25, or 1 (default: auto)", FLEET, "SHARE")] = None,
    trial_timeout: Annotated[
        Text,
        flag("a trial that takes longer fails (default: 20 times what others took, 600 at least)", FLEET, "SECONDS"),
    ] = None,
    wait: Annotated[
        Text, flag("stop when no worker was there for so long (default: wait on)", FLEET, "MINUTES")
    ] = None,
    in_process: Annotated[bool, switch("run here without Ray, for debugging", FLEET, "--in-process")] = False,
    out: Annotated[
        Text,
        flag(
            "results directory, or a URL with s3:// or gs://; the same again resumes (default: reports/DATA)",
            OUTPUT,
            "DIR|URL",
        ),
    ] = None,
    log: Annotated[
        Texts,
        flag(
            "log every trial there too, live: tensorboard, mlflow, wandb or aim; repeatable (docs/trackers.md)",
            OUTPUT,
            "TRACKER",
        ),
    ] = None,
    dry_run: Annotated[
        bool, switch("show the plan, its time and memory; train and write nothing", OUTPUT, "--dry-run")
    ] = False,
    quiet: Annotated[bool, switch("no progress, no table", OUTPUT, "--quiet", "-q")] = False,
    as_json: Annotated[bool, switch("print the summary as JSON", OUTPUT, "--json")] = False,
    show: Annotated[bool, switch("show the report in the browser", OUTPUT, "--open")] = False,
) -> None:
    """Train every variant over many seeds, tell luck from effect, and write a report.

    Without arguments: the nine models of the article on Iris, ten seeds. Run it again with --seeds 20 and only the ten
    new seeds are trained.

    Your own table:  regfleet compare --data churn.csv --target churned. What you leave open is sized to its rows.

    Your own study:  regfleet init --data churn.csv --target churned, then regfleet compare study.toml
    """
    from regfleet.fleet import FleetSettings
    from regfleet.settings import results_name

    settings = FleetSettings(
        address=address,
        workers=options.worker_count(workers),
        gpus_per_trial=options.gpu_share(gpus_per_trial),
        trial_timeout=options.duration("--trial-timeout", trial_timeout, 1),
        wait=options.duration("--wait", wait, 60),
    )
    resolved = options.read(study, flags)
    place = out or Path("reports") / results_name([one.location for one in resolved.data])
    if dry_run:
        from regfleet.tracking import check_trackers

        check_trackers(log or (), Path(out or ""))
        _preview(resolved, place, settings.workers, as_json=as_json)
        return
    from regfleet.running.trial import fork_server

    with fork_server() as forks:
        if not (in_process or address):
            forks.start()  # before what follows is imported
        from regfleet.cli.terminal import print_conclusion
        from regfleet.running.display import Progressing, console
        from regfleet.running.run import run

        with console(2) as messages:
            result = run(
                resolved,
                place,
                fleet=replace(settings, forks=forks),
                in_process=in_process,
                command=shlex.join(["regfleet", *sys.argv[1:]]),
                watch=Progressing(messages, quiet=quiet),
                trackers=log or (),
            )
    if as_json or not quiet:
        options.answer(result, print_conclusion, as_json=as_json)
    _finish(result, show=show)


def _preview(study: Any, place: str | Path, workers: int | None, *, as_json: bool) -> None:
    from regfleet.cli.plan import print_preview
    from regfleet.running.preview import preview

    found = preview(study, place, workers, note=lambda text: say(f"note: {text}"))
    options.answer(found, print_preview, as_json=as_json)


def _finish(result: StudyConclusion, *, show: bool) -> None:
    if result.interrupted:
        kept, planned = result.facts.finished, result.facts.planned
        say(
            f"interrupted: {kept} of {planned} trials are kept in {result.results.path}; the same command runs the rest"
        )
        raise typer.Exit(3)
    options.finish(result, show=show)
